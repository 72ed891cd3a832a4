"""What can be dragged between widgets: items and categories."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData

ITEMS = "application/x-fgvc-items"
CATEGORY = "application/x-fgvc-category"


def of_items(ids: NDArray[np.int64]) -> QMimeData:
    """Pack item ids."""
    data = QMimeData()
    data.setData(ITEMS, np.ascontiguousarray(ids, "<i8").tobytes())
    return data


def items(data: QMimeData) -> NDArray[np.int64]:
    """Item ids in `data`, empty when it holds none."""
    return np.frombuffer(bytes(data.data(ITEMS).data()), "<i8").astype(np.int64)


def of_category(category_id: int) -> QMimeData:
    """Pack a category."""
    data = QMimeData()
    data.setData(CATEGORY, str(category_id).encode())
    return data


def category(data: QMimeData) -> int:
    """The category in `data`, 0 when it holds none."""
    raw = bytes(data.data(CATEGORY).data())
    return int(raw) if raw.isdigit() else 0
