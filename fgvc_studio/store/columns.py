"""Per-item columns as the catalogue wants them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ItemColumns:
    """Facts of items, ascending by id; all arrays ``(N,)``."""

    item_ids: NDArray[np.int64]
    image_ids: NDArray[np.int64]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    duplicate: NDArray[np.uint8]
    duplicate_of: NDArray[np.int64]
    has_box: NDArray[np.bool_]
    paths: list[str]
    mtime: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Decisions on items, ascending by id; category 0: no label; only items with any decision."""

    item_ids: NDArray[np.int64]
    category: NDArray[np.int32]
    source: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    marks: NDArray[np.uint8]
    split: NDArray[np.uint8]
    at: NDArray[np.float64]


def ascending(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """`ids` sorted and unique; those that are already cost one look."""
    return ids if len(ids) < 2 or bool((ids[1:] > ids[:-1]).all()) else np.unique(ids)
