"""The trainings that a run is made of, and what is kept of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.methods.ecaml.config import SEARCH_SEEDS, SEARCHED, EcamlConfig

NOISE = 0.01
"""mAP@R on hidden categories that a longer training may seem to lose."""
FINAL, TRAINED, PLAIN = "final", "trained", "plain"


@dataclass(frozen=True, slots=True)
class Phase:
    """One training.

    Attributes
    ----------
    name : str
        ``trained`` and ``plain``: with and without confusion, some categories hidden;
        ``search-...``: one strength of the confusion; ``final``: on all categories.
    confusion : float or None
        None: what the search found, or the configuration's.
    """

    name: str
    confusion: float | None
    seed: int

    @property
    def is_search(self) -> bool:
        """Whether it only tries a strength of the confusion."""
        return self.name.startswith("search-")

    @property
    def hides(self) -> bool:
        """Whether categories are hidden from it."""
        return self.name != FINAL


def phases(config: EcamlConfig, seed: int, *, hidden: bool) -> list[Phase]:
    """The trainings of a run in order.

    Parameters
    ----------
    config : EcamlConfig
        Resolved.
    hidden : bool
        Whether there are categories to hide.
    """
    found = []
    if hidden:
        if config.tune:
            found += [
                Phase(f"search-{strength:g}-{turn}", strength, seed + turn)
                for strength in SEARCHED
                for turn in range(SEARCH_SEEDS)
            ]
        found.append(Phase(TRAINED, None, seed))
        if config.compare and (config.confusion > 0 or config.tune):
            found.append(Phase(PLAIN, 0.0, seed))
    if config.refit or not hidden:
        found.append(Phase(FINAL, None, seed))
    return found


def strength(config: EcamlConfig, results: dict[str, dict[str, Any]]) -> float:
    """The searched confusion of the best mean score, else the configuration's."""
    tried = {
        value: np.mean([results[f"search-{value:g}-{turn}"]["score"] for turn in turns])
        for value in SEARCHED
        if (turns := [t for t in range(SEARCH_SEEDS) if f"search-{value:g}-{t}" in results])
    }
    return max(tried, key=lambda value: tried[value]) if tried else config.confusion


def enough(best: dict[str, Any]) -> int:
    """Looks that the final training shall take: the last at which little is lost to the best.

    The few hidden categories are a noisy judge: among scores that differ by less than `NOISE`, the
    longer training is the better guess.

    Parameters
    ----------
    best : dict
        See `learner.EcamlLearner.best`.
    """
    good = [look for look, score in enumerate(best["curve"]) if score >= best["score"] - NOISE]
    return max(good, default=int(best["epoch"]))


@dataclass(frozen=True)
class Parts:
    """Who is learned from and who is hidden; rows number the pictures.

    Attributes
    ----------
    learned, hidden : ndarray int64
        `hidden` is empty when there are too few categories.
    labels : ndarray (n,) int64
        Category of each picture.
    """

    labels: NDArray[np.int64]
    learned: NDArray[np.int64]
    hidden: NDArray[np.int64]

    @property
    def everyone(self) -> NDArray[np.int64]:
        """Both, ascending."""
        return np.union1d(self.learned, self.hidden)
