"""The points of a map with their codes, filter, focus and selection; numpy only.

Callers speak in item ids and rows of the given arrays; the raster speaks in positions of the
Morton order. This is where the one becomes the other.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.gui.widgets import map_raster as mr

NO_CODE = -1
_NO_POSITIONS: NDArray[np.int32] = np.empty(0, np.int32)


class MapPoints:
    """One map: an index over its coordinates and what is known of each point.

    Parameters
    ----------
    xy : ndarray (N, 2)
        Rows that are not finite are left off the map.
    item_ids : ndarray (N,) int64
        In any order, unique.
    """

    def __init__(self, xy: NDArray, item_ids: NDArray[np.int64]) -> None:
        self.item_ids = np.ascontiguousarray(item_ids, np.int64)
        self.index = mr.PointIndex.build(xy)
        sorted_already = bool((np.diff(self.item_ids) > 0).all())
        self._by_id = None if sorted_already else np.argsort(self.item_ids, kind="stable")
        self._ascending = self.item_ids if self._by_id is None else self.item_ids[self._by_id]
        m = len(self.index)
        self.codes = np.zeros(m, np.int32)
        """Code + 1 by position; 0 is 'no code'."""
        self.layer = np.full(m, mr.NORMAL, np.uint8)
        self.in_filter = np.ones(m, bool)
        self.filtered = False
        self.focus: frozenset[int] = frozenset()
        self.isolated: frozenset[int] = frozenset()
        self.top = _NO_POSITIONS
        self.top_layer = np.zeros(m, np.uint8)
        self._highlighted = _NO_POSITIONS
        self._selected = _NO_POSITIONS

    def __len__(self) -> int:
        return len(self.index)

    @property
    def missing(self) -> int:
        """Given rows without usable coordinates."""
        return len(self.item_ids) - len(self.index)

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each item, -1 for items that were not given."""
        ids = np.asarray(ids, np.int64)
        if not len(self._ascending):
            return np.full(len(ids), -1, np.int64)
        where = np.searchsorted(self._ascending, ids)
        where[where == len(self._ascending)] = 0
        rows = where if self._by_id is None else self._by_id[where]
        return np.where(self._ascending[where] == ids, rows, -1)

    def positions_of(self, ids: NDArray[np.int64]) -> NDArray[np.int32]:
        """Positions, ascending, of those items that are on the map."""
        rows = self.rows_of(ids)
        positions = self.index.positions[rows[rows >= 0]]
        return np.sort(positions[positions >= 0])

    def ids_at(self, positions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Item ids at positions."""
        return self.item_ids[self.index.rows[positions]]

    def point_of(self, item_id: int) -> tuple[float, float] | None:
        """Map coordinates of an item, None when it is not on the map."""
        p = self.positions_of(np.array([item_id]))
        return (float(self.index.x[p[0]]), float(self.index.y[p[0]])) if len(p) else None

    def set_codes(self, codes: NDArray[np.int32]) -> None:
        """Take codes (N,) by row; negative means none."""
        if len(codes) != len(self.item_ids):
            raise ValueError(f"{len(codes)} codes for {len(self.item_ids)} points")
        self.codes = np.maximum(np.asarray(codes, np.int32), NO_CODE)[self.index.rows]
        self.codes += 1
        self._refresh_layers()

    def set_visible(self, ids: NDArray[np.int64] | None) -> None:
        """Keep only these items in the filter; None takes the filter away."""
        self.filtered = ids is not None
        if ids is None:
            self.in_filter = np.ones(len(self), bool)
        else:
            self.in_filter = np.zeros(len(self), bool)
            self.in_filter[self.positions_of(ids)] = True
        self._refresh_layers()

    def set_focus(self, focus: Iterable[int], isolated: Iterable[int] = ()) -> None:
        """Grey all codes but those in focus, hide all but the isolated ones; empty: all."""
        self.focus, self.isolated = frozenset(focus), frozenset(isolated)
        self._refresh_layers()

    def _refresh_layers(self) -> None:
        coloured = self._has(self.focus) if self.focus else self.codes != 0
        layer = np.where(coloured, np.uint8(mr.NORMAL), np.uint8(mr.MUTED))
        if self.isolated:
            layer[~self._has(self.isolated)] = mr.HIDDEN
        if self.filtered:
            layer[~self.in_filter] = mr.HIDDEN
        self.layer = layer

    def _has(self, codes: frozenset[int]) -> NDArray[np.bool_]:
        table = np.zeros(int(self.codes.max(initial=0)) + 1, bool)
        wanted = np.array([c + 1 for c in codes], np.int64)
        table[wanted[wanted < len(table)]] = True
        return table[self.codes]

    def set_selected(self, ids: NDArray[np.int64]) -> None:
        """Draw these items above all others."""
        self._selected = self.positions_of(ids)
        self._refresh_top()

    def set_highlighted(self, ids: NDArray[np.int64]) -> None:
        """Draw these items above all but the selected ones."""
        self._highlighted = self.positions_of(ids)
        self._refresh_top()

    def _refresh_top(self) -> None:
        self.top_layer[self.top] = 0
        self.top_layer[self._highlighted] = mr.HIGHLIGHTED
        self.top_layer[self._selected] = mr.SELECTED
        if len(self._highlighted):
            self.top = np.union1d(self._selected, self._highlighted).astype(np.int32)
        else:
            self.top = self._selected

    def counts(self) -> NDArray[np.int64]:
        """Points per code (index 0 is 'no code') that the filter keeps."""
        return np.bincount(self.codes[self.layer != mr.HIDDEN], minlength=1)

    def take_state(self, old: MapPoints) -> bool:
        """Carry filter, codes, focus and marks over from another map of the same items.

        Returns
        -------
        bool
            False, with nothing taken, when the items are not the same.
        """
        if not np.array_equal(self._ascending, old._ascending):
            return False
        rows = old.rows_of(self.item_ids[self.index.rows])
        source = old.index.positions[rows]
        known = source >= 0
        self.codes[known] = old.codes[source[known]]
        self.in_filter[known] = old.in_filter[source[known]]
        self.filtered = old.filtered
        self.set_focus(old.focus, old.isolated)
        self.set_selected(old.ids_at(old._selected))
        self.set_highlighted(old.ids_at(old._highlighted))
        return True

    def coordinates_in(self, old: MapPoints) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where this map's points stood on another map; where new, their own place."""
        rows = old.rows_of(self.item_ids[self.index.rows])
        source = np.where(rows >= 0, old.index.positions[rows], -1)
        known = source >= 0
        x, y = self.index.x.copy(), self.index.y.copy()
        x[known], y[known] = old.index.x[source[known]], old.index.y[source[known]]
        return x, y

    def anchors(
        self, ranges: tuple[NDArray[np.int32], NDArray[np.int32]], sample: int = 20_000
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
        """Where to write the names: near the median of each code's points in view.

        Parameters
        ----------
        ranges : two ndarrays
            Positions in view.
        sample : int
            At most so many points are looked at.

        Returns
        -------
        codes (C,) int32, points (C, 2) float32, counts (C,) int64
            Most frequent code first; each point is one of the code's own points. `counts` is
            scaled up from the sample.
        """
        p = mr.positions_of(ranges)
        step = max(1, len(p) // sample)
        p = p[::step]
        p = p[(self.layer[p] == mr.NORMAL) & (self.codes[p] > 0)]
        if not len(p):
            return np.empty(0, np.int32), np.empty((0, 2), np.float32), np.empty(0, np.int64)
        c, x, y = self.codes[p], self.index.x[p], self.index.y[p]
        codes, group, counts = np.unique(c, return_inverse=True, return_counts=True)
        first = np.cumsum(counts) - counts
        middle = first + counts // 2
        mx = x[np.lexsort((x, group))][middle]
        my = y[np.lexsort((y, group))][middle]
        far = (x - mx[group]) ** 2 + (y - my[group]) ** 2
        own = np.lexsort((far, group))[first]
        by_count = np.argsort(-counts, kind="stable")
        points = np.stack([x[own], y[own]], -1)
        return codes[by_count] - 1, points[by_count], counts[by_count] * step
