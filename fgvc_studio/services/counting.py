"""Estimating the number of new categories for a run, in the helper process."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.store.arrays import write_atomic

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

ESTIMATE = "estimate.json"
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
        """See `methods.crkd.stages.Count`.

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
        }
        write_atomic(self._folder / ESTIMATE, json.dumps(facts, indent=2).encode())
        return found.count, found.low, found.high


def curve(folder: Path) -> Curve:
    """Score over numbers of categories of a run's estimate; empty where the number was given."""
    try:
        counts, scores = json.loads((folder / ESTIMATE).read_text("utf-8"))["curve"]
        return tuple(zip(map(int, counts), map(float, scores), strict=True))
    except (OSError, ValueError, KeyError, TypeError):
        return ()
