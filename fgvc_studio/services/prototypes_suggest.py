"""What a prototype model proposes for items, and whether they look like anything it knows."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.prototypes import Suggested
from fgvc_studio.domain.records import LabelSource, Progress
from fgvc_studio.services import prototypes_prepare, prototypes_table
from fgvc_studio.services.prototypes_evidence import unknown
from fgvc_studio.services.prototypes_open import Opened

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]


def suggest(
    opened: Opened, items: Ids | None, off: Sequence[int]
) -> Generator[Progress, None, list[Suggested]]:
    """The best category of each item (default: those without a label), with its confidence.

    Items are compared with the prototypes first where that was not done. A category that was
    struck out for an item is not proposed for it. Items that cannot be read are left out.
    """
    yield from prototypes_prepare.prepare(opened)
    category = opened.studio.catalogue.category
    wanted = np.flatnonzero(category == 0) + 1 if items is None else np.unique(items)
    if len(wanted) and (wanted[0] < 1 or wanted[-1] > len(category)):
        raise UserError(
            "An item that is not there was named.",
            f"The items of this project are 1 to {len(category)}.",
        )
    return propose(opened, wanted.astype(np.int64), off)


def propose(opened: Opened, items: Ids, off: Sequence[int]) -> list[Suggested]:
    """As `suggest`, for items that were compared already."""
    rows, logits = prototypes_table.logits_without(opened, off)
    at = np.searchsorted(rows, items - 1)
    good = at < len(rows)
    good[good] = rows[at[good]] == items[good] - 1
    chosen = at[good]
    sure, strange = confidences(opened, rows[chosen], logits[chosen], off)
    refused = opened.studio.store.labels.all_rejected()
    ids, made = opened.bundle.category_ids, []
    for n, item in enumerate(items[good].tolist()):
        struck = refused.get(item, ())
        order = np.argsort(-sure[n], kind="stable")
        best = next((c for c in order if int(ids[c]) not in struck), None)
        if best is not None:
            made.append(Suggested(item, int(ids[best]), float(sure[n, best]), bool(strange[n])))
    return made


def confidences(
    opened: Opened, rows: Ids, logits: NDArray[np.float32], off: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Calibrated probabilities (n, C), and who looks like nothing known (n,)."""
    from fgvc_studio.methods.st_protopnet.evaluation import probabilities

    on = np.ones(opened.bundle.count, bool)
    on[np.asarray(off, np.int64)] = False
    predicted = logits.argmax(1).astype(np.int64)
    strange = np.empty(len(rows), bool)
    found = opened.ready()
    for start in range(0, len(rows), 4096):
        part = slice(start, start + 4096)
        strange[part] = unknown(opened, found.scores[rows[part]], predicted[part], on)
    return probabilities(logits, opened.bundle.temperature), strange


def accept(
    studio: Studio, run: str, suggested: Sequence[Suggested], least: float
) -> OpChanges | None:
    """Write suggestions as labels of the model, one operation.

    Left out are items that look like nothing known, those under the least confidence, those that
    a person or a file has named, and categories that are no longer in the tree.
    """
    columns = studio.catalogue.columns
    free = (columns.category == 0) | (columns.source == LabelSource.MODEL)
    known = studio.catalogue.categories
    taken = [
        s
        for s in suggested
        if not s.unknown
        and s.confidence >= least
        and free[s.item_id - 1]
        and s.category_id in known
    ]
    if not taken:
        return None
    what = "1 item" if len(taken) == 1 else f"{len(taken):,} items"
    return studio.labelling.label_each(
        np.array([s.item_id for s in taken], np.int64),
        np.array([s.category_id for s in taken], np.int64),
        source=LabelSource.MODEL,
        confidence=np.array([s.confidence for s in taken], np.float32),
        summary=f"Labelled {what} as {run} suggests",
        run_id=run,
    )
