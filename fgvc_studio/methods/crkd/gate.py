"""The gate before discovery: which unlabelled items probably belong to a known class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.methods.loop import mixed_seed

Labels = NDArray[np.int64]
LEAST_CLASSES = 3
"""One class to hide, two to learn."""


def hidden_classes(classes: int, part: float, seed: int) -> Labels:
    """Known classes to hide for the calibration, ascending; empty where there are too few."""
    if classes < LEAST_CLASSES:
        return np.empty(0, np.int64)
    count = min(max(1, round(part * classes)), classes - 2)
    draw = np.random.default_rng(mixed_seed(seed, "hidden"))
    return np.sort(draw.permutation(classes)[:count]).astype(np.int64)


def threshold(hidden: NDArray[np.floating], error: float) -> float:
    """The lowest cosine that at most a part of the hidden classes' items exceeds.

    Parameters
    ----------
    hidden : ndarray (n, C')
        Cosines of items of hidden classes with the classes that were learned.
    error : float
        That part.
    """
    return float(np.quantile(hidden.max(1), 1 - error, method="higher"))


def passed(cosines: NDArray[np.floating], limit: float) -> tuple[NDArray[np.bool_], Labels]:
    """Which items (n, C) count as known, and their class."""
    return cosines.max(1) > limit, cosines.argmax(1).astype(np.int64)
