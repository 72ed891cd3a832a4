"""Verdicts and bans as operations; finding them again in another run."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.prototypes import Ban, Judgement, Verdict
from fgvc_studio.services.prototypes_open import Opened
from fgvc_studio.services.prototypes_table import check_reason
from fgvc_studio.store.arrays import write_atomic

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

CARRIED = "carried.json"
SAME_PATCH = 0.95
"""Cosine from which a prototype is the patch that a verdict was made on."""
WORDS = {
    Verdict.KEEP: "to be kept",
    Verdict.BACKGROUND: "background",
    Verdict.DUPLICATE: "a duplicate",
    Verdict.WRONG_PART: "the wrong part",
    Verdict.UNSURE: "unsure",
}
Said = TypeVar("Said", Judgement, Ban)


def judge(
    opened: Opened, ids: Sequence[int], verdict: Verdict | None, note: str = ""
) -> OpChanges | None:
    """Keep a verdict on prototypes; None takes theirs back."""
    chosen = _checked(opened, ids)
    note = check_reason(note)
    verdicts = opened.studio.store.verdicts
    what = _count(chosen, opened)
    if verdict is None:
        return _do(
            opened.studio,
            "verdict",
            f"Took the verdict off {what}",
            lambda: verdicts.withdraw(opened.name, chosen),
            opened.name,
        )
    places = _places(opened, chosen)
    made = [Judgement(opened.name, j, verdict, note, *place) for j, place in places.items()]
    return _do(
        opened.studio,
        "verdict",
        f"Judged {what} {WORDS[verdict]}" + (f": {note}" if note else ""),
        lambda: verdicts.judge(made),
        opened.name,
    )


def forbid(opened: Opened, ids: Sequence[int], reason: str) -> OpChanges | None:
    """Switch prototypes off, with a reason."""
    chosen, text = _checked(opened, ids), check_reason(reason)
    made = [Ban(opened.name, j, text, *place) for j, place in _places(opened, chosen).items()]
    what = f"Forbade {_count(chosen, opened)}" + (f": {text}" if text else "")
    store = opened.studio.store.verdicts
    return _do(opened.studio, "forbid", what, lambda: store.forbid(made), opened.name)


def restore(opened: Opened, ids: Sequence[int]) -> OpChanges | None:
    """Switch prototypes on again."""
    chosen = _checked(opened, ids)
    what = f"Restored {_count(chosen, opened)}"
    store = opened.studio.store.verdicts
    return _do(
        opened.studio, "restore", what, lambda: store.restore(opened.name, chosen), opened.name
    )


def carry(opened: Opened) -> OpChanges | None:
    """Attach the verdicts and bans of earlier runs to the prototypes that are the same patch.

    The same means: same category and branch, and the same place on the same image to within a
    cell, or a cosine over `SAME_PATCH` between the prototype and what this model makes of the
    earlier patch. A run that was derived takes over from its parent alone. Done once for a run;
    undone, it is not done again.
    """
    marker = opened.folder / CARRIED
    if marker.is_file():
        return None
    store = opened.studio.store.verdicts
    parent = str(opened.derived.get("from", ""))
    earlier = {run.id for run in opened.studio.training.runs.all() if run.id != opened.name}
    if parent:
        earlier = {parent}  # a ban that was lifted there must not come back from its other children
    here = {j.prototype for j in store.of_run(opened.name)}
    off = {b.prototype for b in store.bans_of_run(opened.name)}
    began = opened.run.created

    def found_again(said: list[Said], taken: set[int]) -> list[Said]:
        made: dict[int, Said] = {}
        for one in said:  # the oldest first, so that the newest word stands
            if one.run in earlier and one.at <= began:
                j = same_patch(opened, one)
                if j is not None and j not in taken:
                    made[j] = dataclasses.replace(one, run=opened.name, prototype=j)
        return list(made.values())

    judgements = found_again(store.all(), here)
    bans = found_again(store.all_bans(), off)
    write_atomic(marker, json.dumps({"verdicts": len(judgements), "bans": len(bans)}).encode())
    if not judgements and not bans:
        return None

    def write() -> None:
        store.judge(judgements)
        store.forbid(bans)

    what = f"Found {len(judgements)} verdicts and {len(bans)} bans again in {opened.name}"
    return _do(opened.studio, "verdict", what, write, opened.name)


def same_patch(opened: Opened, said: Judgement | Ban) -> int | None:
    """The prototype of a run that is the patch of an earlier verdict; None without one."""
    bundle = opened.bundle
    mine = [
        j
        for j in np.flatnonzero(bundle.categories == said.category_id).tolist()
        if bundle.branch(j) == said.branch
    ]
    if not mine:
        return None
    rows, columns = opened.grid
    for j in mine:
        _, r, c = bundle.sources[j]
        near = abs((c + 0.5) / columns - said.x) <= 1.5 / columns
        near = near and abs((r + 0.5) / rows - said.y) <= 1.5 / rows
        if near and opened.source_items[j] == said.item_id:
            return j
    vector = _feature(opened, said)
    if vector is None:
        return None
    cosines = bundle.vectors[mine] @ vector
    best = int(cosines.argmax())
    return mine[best] if cosines[best] > SAME_PATCH else None


def _feature(opened: Opened, said: Judgement | Ban) -> NDArray[np.float32] | None:
    """Unit feature of a verdict's patch in this model; None when its item was not compared."""
    from fgvc_studio.methods.st_protopnet import retrieval

    found = opened.activations
    row = said.item_id - 1
    if found is None or row >= len(found) or found.state[row] != 1:
        return None
    branch = int(said.branch != "trivial")
    maps = retrieval.unit_maps(found.maps[row : row + 1, branch], opened.bundle.upsample)[0]
    rows, columns = maps.shape[1:]
    r, c = min(int(said.y * rows), rows - 1), min(int(said.x * columns), columns - 1)
    vector: NDArray[np.float32] = maps[:, r, c]
    return vector


# ---- helpers ---------------------------------------------------------------------------------
Place = tuple[str, float, int, float, float, str, int, str, NDArray[np.float32]]


def _places(opened: Opened, ids: Sequence[int]) -> Mapping[int, Place]:
    """What a verdict is kept with: who, when, and the patch of each prototype."""
    bundle, (rows, columns), now = opened.bundle, opened.grid, time.time()
    made = {}
    for j in ids:
        _, r, c = bundle.sources[j].tolist()
        made[j] = (
            opened.studio.who, now, int(opened.source_items[j]),
            (c + 0.5) / columns, (r + 0.5) / rows,
            bundle.branch(j), int(bundle.categories[j]), bundle.model, bundle.vectors[j],
        )  # fmt: skip
    return made


def _checked(opened: Opened, ids: Sequence[int]) -> list[int]:
    chosen = sorted({opened.bundle.check(int(j)) for j in ids})
    if not chosen:
        raise UserError("No prototype is chosen.", "Choose one or more first.")
    return chosen


def _count(chosen: Sequence[int], opened: Opened) -> str:
    if len(chosen) == 1:
        return f"prototype {chosen[0]} of {opened.name}"
    return f"{len(chosen):,} prototypes of {opened.name}"


def _do(
    studio: Studio, verb: str, summary: str, write: Callable[[], None], run_id: str
) -> OpChanges | None:
    operations = studio.store.operations
    with operations.record(verb, summary, who=studio.who, run_id=run_id) as recording:
        write()
    if recording.changes is not None:
        studio.bus.publish(recording.changes)
    return recording.changes
