"""What the bus carries: facts about what changed, never widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Operation


@dataclass(frozen=True, slots=True, eq=False)
class LabelPatch:
    """All label changes of an operation: what items ``(K,)`` have now, all alike or each its own.

    Category and source 0 (and confidence and time 0) mean that the label was taken off.
    """

    items: NDArray[np.int64]
    category: int | NDArray[np.int64]
    source: int | NDArray[np.int64]
    confidence: float | NDArray[np.float64]
    at: float | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class OpChanges:
    """An operation was committed (do, undo or redo).

    Attributes
    ----------
    tables : frozenset of str
        ``labels``, ``marks``, ``splits``, ``rejections``, ``categories``, ``category_names``, ...
    items : ndarray int64
        Items whose labels, marks, splits or rejections changed; sorted, unique.
    labels : LabelPatch or None
        What the labels are now, where that is known without reading them.
    """

    operation: Operation
    tables: frozenset[str]
    items: NDArray[np.int64]
    labels: LabelPatch | None = None


@dataclass(frozen=True, slots=True)
class ItemsAdded:
    """New items ``first .. first + count - 1`` exist."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class SpaceChanged:
    """A space got vectors, or was made or dropped."""

    name: str


@dataclass(frozen=True, slots=True)
class MapChanged:
    """A map of a space was made or replaced."""

    space: str
    method: str


Event = OpChanges | ItemsAdded | SpaceChanged | MapChanged
