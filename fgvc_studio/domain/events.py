"""What the bus carries: facts about what changed, never widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Operation


@dataclass(frozen=True, slots=True, eq=False)
class LabelPatch:
    """All label changes of an operation, when every item ``(K,)`` got the same label."""

    items: NDArray[np.int64]
    category: int
    source: int
    confidence: float
    at: float


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
