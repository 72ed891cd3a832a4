"""What a run leaves to the helper process: counting new categories, grouping items."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.services.processes import process_rank
from fgvc_studio.store.arrays import write_atomic

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

ESTIMATE = "estimate.json"
LEAST_KNOWN, MOST_KNOWN = 9, 20_000
"""Known categories from which the rule is tested on them, and items that are looked at then."""
Curve = tuple[tuple[int, float], ...]


class Counter:
    """Counts by `analysis.class_count`; what it found is kept with the run.

    Parameters
    ----------
    folder : Path
        Of the run.
    """

    def __init__(self, studio: Studio, folder: Path) -> None:
        self._studio, self._folder = studio, folder

    def __call__(
        self, vectors: NDArray[np.float32], labels: NDArray[np.int64], rule: str
    ) -> Generator[Progress, None, tuple[int, int, int]]:
        """See `methods.crkd.helpers.Count`.

        Raises
        ------
        UserError
            The rule does not work on these items.
        """
        from fgvc_studio.analysis import class_count

        try:
            found = yield from self._studio.exploring.lane().run(
                class_count.RULES[rule], vectors, labels, title="Counting new categories"
            )
        except ValueError as error:
            raise UserError(
                f"The number of new categories cannot be estimated: {error}",
                "Give it: --set novel=NUMBER.",
            ) from error
        facts = {
            "count": found.count,
            "low": found.low,
            "high": found.high,
            "rules": found.rules,
            "curve": [found.curve.counts.tolist(), found.curve.scores.tolist()],
            "stability": found.stability.tolist(),
            "hidden": (yield from self._tested(vectors, labels)),
        }
        if process_rank() == 0:
            write_atomic(self._folder / ESTIMATE, json.dumps(facts, indent=2).encode())
        return found.count, found.low, found.high

    def _tested(
        self, vectors: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> Generator[Progress, None, list[int]]:
        """Truth and estimate when known categories are hidden; empty where there are too few."""
        from fgvc_studio.analysis import class_count

        known = np.flatnonzero(labels >= 0)
        if len(np.unique(labels[known])) < LEAST_KNOWN:
            return []
        if len(known) > MOST_KNOWN:
            known = np.sort(np.random.default_rng(0).choice(known, MOST_KNOWN, replace=False))
        made = yield from self._studio.exploring.lane().run(
            class_count.calibrate, vectors[known], labels[known], title="Testing on known ones"
        )
        return [int(made.truth), int(made.estimate.count)]


class Grouper:
    """Groups by `analysis.frozen_groups`, in the helper process: UMAP would hold up the window."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def __call__(
        self, vectors: NDArray[np.float32], count: int, rule: str, seed: int
    ) -> Generator[Progress, None, NDArray[np.int64]]:
        """See `methods.crkd.helpers.Group`."""
        from fgvc_studio.analysis import frozen_groups

        found = yield from self._studio.exploring.lane().run(
            frozen_groups.agreed_groups, vectors, count, rule, seed, title="Grouping"
        )
        return np.asarray(found, np.int64)


def curve(folder: Path) -> Curve:
    """Score over numbers of categories of a run's estimate; empty where the number was given."""
    counts, scores = _read(folder).get("curve", ([], []))
    return tuple(zip(map(int, counts), map(float, scores), strict=True))


def notes(folder: Path) -> list[str]:
    """How sure a run's estimate is, in words; empty where the number was given."""
    facts = _read(folder)
    told = []
    if facts.get("rules"):
        rules = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in facts["rules"].items())
        told.append(f"New categories by each rule: {rules}.")
    if facts.get("stability"):
        low, high = min(facts["stability"]), max(facts["stability"])
        told.append(f"On random parts of the items the first rule says {low} to {high}.")
    if facts.get("hidden"):
        truth, guess = facts["hidden"]
        told.append(f"With {truth} known categories hidden it says {guess}.")
    return told


def _read(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / ESTIMATE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found
