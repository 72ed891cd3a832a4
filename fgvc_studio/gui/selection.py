"""The one selection that grid, map, tree and inspector share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QObject, Signal

_EMPTY: NDArray[np.int64] = np.empty(0, np.int64)


def among(ids: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of `ids` are in the ascending `chosen`."""
    if not len(chosen):
        return np.zeros(len(ids), bool)
    where = np.searchsorted(chosen, ids)
    where[where == len(chosen)] = 0
    return np.asarray(chosen[where] == ids)


class Selection(QObject):
    """Selected item ids and the current item.

    `ids` is sorted and unique and must not be written to. The current item (keyboard cursor, shown
    in the inspector) need not be selected; 0 means none.
    """

    changed = Signal()
    current_changed = Signal("qlonglong")

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids = _EMPTY
        self._current = 0

    @property
    def ids(self) -> NDArray[np.int64]:
        """Selected ids, ascending."""
        return self._ids

    @property
    def current(self) -> int:
        """The item under the keyboard cursor, 0 for none."""
        return self._current

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, item_id: int) -> bool:
        i = int(np.searchsorted(self._ids, item_id))
        return i < len(self._ids) and int(self._ids[i]) == item_id

    def contains(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `ids` are selected."""
        return among(ids, self._ids)

    def set(self, ids: ArrayLike) -> None:
        """Replace the selection."""
        new = np.unique(np.asarray(ids, np.int64))
        if not np.array_equal(new, self._ids):
            self._ids = new
            self._ids.setflags(write=False)
            self.changed.emit()

    def add(self, ids: ArrayLike) -> None:
        """Select `ids` as well."""
        self.set(np.union1d(self._ids, np.asarray(ids, np.int64)))

    def remove(self, ids: ArrayLike) -> None:
        """Deselect `ids`."""
        self.set(np.setdiff1d(self._ids, np.asarray(ids, np.int64), assume_unique=False))

    def toggle(self, ids: ArrayLike) -> None:
        """Select those of `ids` that are not selected and deselect the others."""
        self.set(np.setxor1d(self._ids, np.unique(np.asarray(ids, np.int64))))

    def clear(self) -> None:
        """Deselect everything; the current item stays."""
        self.set(_EMPTY)

    def set_current(self, item_id: int) -> None:
        """Move the keyboard cursor."""
        if item_id != self._current:
            self._current = int(item_id)
            self.current_changed.emit(self._current)

    def acting(self) -> NDArray[np.int64]:
        """The items that a key acts on: the selection, or else the current item."""
        if len(self._ids):
            return self._ids
        return np.array([self._current], np.int64) if self._current else _EMPTY
