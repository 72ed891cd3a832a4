"""What a click or a key does to the selection and the current item of a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.gui.selection import Selection

_NONE: NDArray[np.int64] = np.empty(0, np.int64)


class GridSelector:
    """Moves the shared selection over an ordered list of item ids.

    A plain click selects one item, and that selection moves along with the arrow keys (*follows*).
    Ticks, ranges, bands and selections made elsewhere stay when the current item moves.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._ids = _NONE
        self._order: NDArray[np.int64] | None = None
        self._anchor = 0
        self._base = _NONE
        self._follows = 0
        self._band_base = _NONE

    def set_ids(self, ids: NDArray[np.int64]) -> None:
        """Use another list."""
        self._ids = ids
        self._order = None

    def index_of(self, item_id: int) -> int:
        """Place of an item in the list, -1 when it is not there."""
        i = self.indices_of(np.array([item_id], np.int64))
        return int(i[0]) if len(i) else -1

    def indices_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of those of `ids` that are in the list."""
        if not len(self._ids) or not len(ids):
            return _NONE
        if self._order is None:
            self._order = np.argsort(self._ids, kind="stable")
        where = np.searchsorted(self._ids, ids, sorter=self._order)
        where[where == len(self._ids)] = 0
        found = self._order[where]
        return found[self._ids[found] == ids]

    @property
    def follows(self) -> bool:
        """Whether the selection is just the clicked item and moves along with it."""
        chosen = self._selection
        return self._follows != 0 and len(chosen) == 1 and int(chosen.ids[0]) == self._follows

    def click(self, index: int) -> None:
        """Select this item alone."""
        item = int(self._ids[index])
        self._anchor, self._base, self._follows = item, _NONE, item
        self._selection.set_current(item)
        self._selection.set([item])

    def toggle(self, index: int) -> None:
        """Add the item to the selection or take it out (Ctrl+click)."""
        item = int(self._ids[index])
        self._follows = 0
        self._selection.set_current(item)
        self._selection.toggle([item])
        self._anchor, self._base = item, self._selection.ids

    def tick(self) -> None:
        """Tick or untick the current item (Space)."""
        index = self.index_of(self._selection.current)
        if index < 0:
            return
        if self.follows:
            self._follows = 0
            self._selection.changed.emit()
        else:
            self.toggle(index)
        self._anchor, self._base = self._selection.current, self._selection.ids

    def extend(self, index: int, *, add: bool = False) -> None:
        """Select the range from the anchor to `index` (Shift); with `add` keep the rest."""
        start = self.index_of(self._anchor)
        if start < 0:
            start = max(0, self.index_of(self._selection.current))
            self._anchor, self._base = int(self._ids[start]), _NONE
        first, last = sorted((start, index))
        span = self._ids[first : last + 1]
        self._follows = 0
        self._selection.set_current(int(self._ids[index]))
        self._selection.set(np.union1d(self._base, span) if add else span)

    def move(self, index: int) -> None:
        """Make the item current; a selection that is just the clicked item moves along."""
        if self.follows:
            self.click(index)
        else:
            self._anchor, self._base = int(self._ids[index]), self._selection.ids
            self._selection.set_current(int(self._ids[index]))

    def start_band(self, *, add: bool) -> None:
        """Begin a rubber band; with `add` it adds to what is selected."""
        self._band_base = self._selection.ids if add else _NONE
        self._follows = 0

    def band(self, indices: NDArray[np.int64]) -> None:
        """The rubber band now meets these."""
        self._selection.set(np.union1d(self._band_base, self._ids[indices]))

    def all(self) -> None:
        """Select every item of the list."""
        self._follows = 0
        self._selection.set(self._ids)

    def none(self) -> None:
        """Deselect everything."""
        self._follows, self._base = 0, _NONE
        self._selection.clear()

    def invert(self) -> None:
        """Select what of the list is not selected."""
        self._follows = 0
        self._selection.set(self._ids[~self._selection.contains(self._ids)])
