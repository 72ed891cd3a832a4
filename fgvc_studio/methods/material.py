"""What a run learns from beside the pictures: labels, splits and what is near them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Estimator = Callable[[NDArray[np.float32], NDArray[np.int64], str], Any]
"""See `methods.crkd.helpers.Count`."""
Grouped = NDArray[np.int64]
Grouper = Callable[[NDArray[np.float32], int, str, int], "Grouped | Generator[Any, None, Grouped]"]
"""See `methods.crkd.helpers.Group`."""


@dataclass(frozen=True, slots=True)
class Material:
    """One entry for each picture of a run, as things stood at its start.

    Attributes
    ----------
    categories : ndarray (n,) int64
        Id of the category in the project; 0: no label.
    names : mapping
        Name of each of these categories.
    splits : ndarray (n,) uint8
        Values of `domain.records.Split`.
    hashes : ndarray (n,) int64
        Perceptual hashes of the images.
    everything : ndarray (N, d) float32, optional
        Frozen vectors of all items of the project, l2-normalised; without those of the split test
        when the run leaves these out.
    places : ndarray (n,) int64, optional
        Row of each picture in `everything`; -1: none.
    estimator : callable, optional
        Tells the number of new categories; the method's own way without it.
    grouper : callable, optional
        Groups vectors; likewise.
    """

    categories: NDArray[np.int64]
    names: Mapping[int, str] = field(default_factory=dict)
    splits: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    hashes: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    everything: NDArray[np.float32] | None = None
    places: NDArray[np.int64] | None = None
    estimator: Estimator | None = None
    grouper: Grouper | None = None
