"""The table of prototypes, and what switching some of them off does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import prototype_metrics
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import (
    BRANCHES,
    ESTIMATED,
    PARTS,
    SUSPECT,
    Ban,
    Effects,
    Flips,
    Judgement,
    Patch,
    Prototype,
)
from fgvc_studio.domain.records import Split
from fgvc_studio.services import prototypes_measure
from fgvc_studio.services.prototypes_measure import Measures
from fgvc_studio.services.prototypes_open import Opened
from fgvc_studio.services.prototypes_sums import Sums

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
LEAST = 20
"""Fewer newly labelled items do not tell an accuracy."""


# ---- the table -------------------------------------------------------------------------------
def table(opened: Opened, judgements: Sequence[Judgement], bans: Sequence[Ban]) -> list[Prototype]:
    """All prototypes of a run in order of id; suspicion NaN before it was prepared."""
    bundle = opened.bundle
    measures = _measures(opened)
    stamp = measures.stamp if measures else ""
    sources = opened.remembered("sources", stamp, lambda: _sources(opened, measures))
    twins = opened.remembered("duplicates", "", lambda: _duplicates(opened))
    parts, purity = _parts(opened, measures)
    available = np.array(list(parts.values())) if parts else np.empty((0, bundle.count))
    suspicion = prototype_metrics.suspicion(available[:SUSPECT])
    relevance = measures.relevance if measures else np.full(bundle.count, np.nan)
    usage = measures.usage if measures else np.zeros(bundle.count, np.int64)
    weights = bundle.weights[bundle.classes, np.arange(bundle.count)]
    said = {j.prototype: j for j in judgements}
    banned = {b.prototype: b for b in bans}
    names, values = list(parts), available.T.tolist()
    half = bundle.count // 2
    rows = zip(
        bundle.categories.tolist(), sources, suspicion.tolist(), relevance.tolist(),
        purity.tolist(), twins, weights.tolist(), usage.tolist(), strict=True,
    )  # fmt: skip
    made = []
    for j, (category, source, doubt, use, pure, twin, weight, times) in enumerate(rows):
        verdict, ban = said.get(j), banned.get(j)
        shown = dict(zip(names, values[j], strict=True)) if names else {}
        made.append(
            Prototype(
                j, opened.name, BRANCHES[j >= half], category, source, doubt,
                {n: v for n, v in shown.items() if v == v}, use, pure, twin, weight, times,
                ban is not None, ban.reason if ban else "",
                verdict.verdict if verdict else None, verdict.note if verdict else "",
            )
        )  # fmt: skip
    return made


def _measures(opened: Opened) -> Measures | None:
    if opened.activations is None:
        return None
    found: Measures | None = opened.remembered(
        "measures", "", lambda: prototypes_measure.load(opened)
    )
    return found


def measured(opened: Opened) -> bool:
    """Whether the parts of the suspicion are known, as they are understood now."""
    return _measures(opened) is not None


def measured_object(opened: Opened) -> str:
    """What the object is known from: ``mask``, ``estimate``, or empty before the preparation."""
    measures = _measures(opened)
    if measures is None:
        return ""
    return "estimate" if measures.estimated else "mask"


def _sources(opened: Opened, measures: Measures | None) -> list[Patch]:
    bundle, (rows, columns) = opened.bundle, opened.grid
    frames = opened.frames(opened.source_items)
    made = []
    for j, frame in enumerate(frames):
        _, r, c = bundle.sources[j].tolist()
        if measures is not None:
            box = frame.box(*measures.boxes[j].tolist())
        else:
            box = frame.box(r / rows, (r + 1) / rows, c / columns, (c + 1) / columns)
        made.append(Patch(int(opened.source_items[j]), box, r, c, float(bundle.source_scores[j])))
    return made


def _duplicates(opened: Opened) -> list[int | None]:
    """The first earlier sister that each prototype repeats."""
    bundle = opened.bundle
    found: list[int | None] = [None] * bundle.count
    for j in range(bundle.count):
        for other in bundle.sisters(j):
            if other < j and repeats(opened, j, other):
                found[j] = other
                break
    return found


def repeats(opened: Opened, first: int, second: int) -> bool:
    """Whether two prototypes have a cosine over .9 or come from the same image."""
    cosine = float(opened.bundle.vectors[first] @ opened.bundle.vectors[second])
    same = opened.source_items[first] == opened.source_items[second]
    return cosine > prototype_metrics.DUPLICATE or bool(same)


def _parts(opened: Opened, measures: Measures | None) -> tuple[dict[str, Floats], Floats]:
    """Parts of the suspicion by name, (2P,) each, and the purity."""
    if measures is None:
        return {}, np.full(opened.bundle.count, np.nan)
    others = share_of_others(opened, measures.top_labelled)
    names = (ESTIMATED if measures.estimated else PARTS[0], *PARTS[1:])
    irrelevant = prototype_metrics.irrelevance(measures.relevance)
    values = (
        measures.outside, measures.tied, others, measures.border, measures.disparate, irrelevant,
    )  # fmt: skip
    purity = np.where(np.isnan(measures.part_purity), 1 - others, measures.part_purity)
    return dict(zip(names, values, strict=True)), purity


def share_of_others(opened: Opened, top: Ids) -> Floats:
    """Share of best patches (rows, -1 none) in items of other categories, NaN without labels."""
    category = opened.studio.catalogue.category
    labels = np.where(top >= 0, category[np.minimum(top, len(category) - 1)], 0)
    known = labels > 0
    other = (known & (labels != opened.bundle.categories[:, None])).sum(1)
    counts = known.sum(1)
    shares = np.full(len(top), np.nan)
    np.divide(other, counts, out=shares, where=counts > 0)
    return shares


# ---- switching off ---------------------------------------------------------------------------
def logits(opened: Opened) -> tuple[Ids, NDArray[np.float32]]:
    """Rows compared so far and their logits (n, C), nothing switched off; kept in memory."""
    kept = _sums(opened)
    return kept.rows, kept.whole


def logits_without(opened: Opened, off: Sequence[int] | Ids) -> tuple[Ids, NDArray[np.float32]]:
    """`logits` with prototypes switched off: less exactly what these contribute."""
    kept = _sums(opened)
    return kept.rows, kept.without(opened.bundle, frozenset(np.asarray(off, np.int64).tolist()))


def _sums(opened: Opened) -> Sums:
    found = opened.ready()
    made: Sums = opened.remembered(
        "logits", int((found.state == 1).sum()), lambda: Sums.of(opened.bundle, found)
    )
    return made


def effects(opened: Opened, off: Sequence[int] | Ids, against: Sequence[int] | Ids = ()) -> Effects:
    """What it does to switch off `off`, compared with switching off `against`."""
    for prototype in (*off, *against):
        opened.bundle.check(int(prototype))
    bundle, studio = opened.bundle, opened.studio
    rows, first = logits_without(opened, against)
    _, second = logits_without(opened, off)
    before, after = first.argmax(1), second.argmax(1)
    n = studio.catalogue.n
    category = studio.catalogue.category[np.minimum(rows, n - 1)].astype(np.int64)
    truth = bundle.class_of(category)
    on, mine = _judged(opened, rows, truth)
    changed = np.flatnonzero(before != after)
    changed = changed[np.argsort(category[changed] == 0, kind="stable")]
    ids = bundle.category_ids
    columns = rows[changed] + 1, ids[before[changed]], ids[after[changed]], category[changed]
    flips = Flips(np.stack(columns, 1).astype(np.int64))
    right = before[mine] == truth[mine], after[mine] == truth[mine]
    each = tuple(
        (int(ids[c]), float(right[0][at].mean()), float(right[1][at].mean()), int(at.sum()))
        for c in np.unique(truth[mine])
        for at in (truth[mine] == c,)
    )
    accuracies = [float(r.mean()) if len(mine) else float("nan") for r in right]
    better, worse = int((~right[0] & right[1]).sum()), int((right[0] & ~right[1]).sum())
    stay = int((before[mine] != after[mine]).sum()) - better - worse
    return Effects(accuracies[0], accuracies[1], each, flips, len(mine), on, better, worse, stay)


def _judged(opened: Opened, rows: Ids, truth: Ids) -> tuple[str, Ids]:
    """Which of the rows tell the accuracy; items of the split ``test`` never do.

    The model's validation items; without any, labelled items that it did not learn from; with
    too few of these, those that it did learn from.
    """
    split = opened.studio.catalogue.columns.split
    usable = (truth >= 0) & (split[np.minimum(rows, len(split) - 1)] != Split.TEST)
    learned = np.isin(rows + 1, opened.training)
    choices: Mapping[str, NDArray[np.bool_]] = {
        "validation": np.isin(rows + 1, opened.validation),
        "labelled": ~learned,
        "training": learned,
    }
    for (name, some), least in zip(choices.items(), (1, LEAST, 1), strict=True):
        mine = np.flatnonzero(usable & some)
        if len(mine) >= least:
            return name, mine
    return "labelled", np.flatnonzero(usable)


def check_reason(reason: str) -> str:
    """A reason as it is kept.

    Raises
    ------
    UserError
        It is a novel.
    """
    text = " ".join(reason.split())
    if len(text) > 500:
        raise UserError("The reason is too long.", "Use at most 500 characters.")
    return text
