"""Where each tile of the grid lies: arithmetic only, no widgets.

Contents are measured in pixels from the top of the first row. Tiles stand in rows of equal height;
every section starts a new row under a header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect

MARGIN = 10
GAP = 8
CAPTION = 22
HEADER = 34
SMALLEST, LARGEST = 48, 512
CAPTION_FROM = 88
"""Tiles smaller than this have no caption strip."""


@dataclass(frozen=True, slots=True)
class Section:
    """A run of tiles under one header, beginning at index `start`."""

    start: int
    title: str


@dataclass(frozen=True)
class GridLayout:
    """Positions of `count` tiles of about `wanted` px in a viewport `width` px wide.

    As many columns as come nearest to the wanted size share the whole width.

    Parameters
    ----------
    sections : sequence of Section
        Ascending, the first at 0; empty for one run without a header.
    caption_from : int
        Smaller tiles have no caption strip.
    """

    count: int
    wanted: int
    width: int
    sections: Sequence[Section] = ()
    caption_from: int = CAPTION_FROM
    tile: int = field(init=False)
    columns: int = field(init=False)
    pitch: int = field(init=False)
    row_height: int = field(init=False)
    height: int = field(init=False)
    _starts: NDArray[np.int64] = field(init=False, repr=False)
    _ends: NDArray[np.int64] = field(init=False, repr=False)
    _tops: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        inner = max(SMALLEST, self.width - 2 * MARGIN)
        columns = max(1, round((inner + GAP) / (self.wanted + GAP)))
        put(self, "columns", columns)
        put(self, "tile", max(SMALLEST - GAP, (inner + GAP) // columns - GAP))
        put(self, "pitch", self.tile + GAP)
        put(self, "row_height", self.tile + self.caption + GAP)
        starts = np.array([s.start for s in self.sections] or [0], np.int64)
        ends = np.append(starts[1:], self.count)
        rows = -(-(ends - starts) // columns)
        heights = rows * self.row_height + self.header
        put(self, "_starts", starts)
        put(self, "_ends", ends)
        put(self, "_tops", MARGIN + np.concatenate([[0], np.cumsum(heights)]))
        put(self, "height", int(self._tops[-1]) + MARGIN - GAP if self.count else 0)

    @property
    def caption(self) -> int:
        """Height of the caption strip under the picture."""
        return CAPTION if self.tile >= self.caption_from else 0

    @property
    def header(self) -> int:
        """Height of a section header."""
        return HEADER if self.sections else 0

    def rect(self, index: int) -> QRect:
        """The tile at `index`, with its caption."""
        s = int(np.searchsorted(self._starts, index, "right")) - 1
        row, column = divmod(index - int(self._starts[s]), self.columns)
        left = MARGIN + column * self.pitch
        top = int(self._tops[s]) + self.header + row * self.row_height
        return QRect(left, top, self.tile, self.tile + self.caption)

    def visible(self, top: int, bottom: int) -> tuple[int, int]:
        """Indices ``first .. last - 1`` of the tiles in rows that meet ``top <= y < bottom``."""
        if not self.count or bottom <= top:
            return 0, 0
        return self._first_from(top), self._first_from(bottom + self.row_height - GAP - 1)

    def _first_from(self, y: int) -> int:
        """First index of the first row whose tiles end below `y`."""
        s = int(np.searchsorted(self._tops, y, "right")) - 1
        if s < 0:
            return 0
        if s >= len(self._starts):
            return self.count
        below = y - int(self._tops[s]) - self.header
        row = max(0, (below + GAP) // self.row_height)
        return min(int(self._starts[s]) + row * self.columns, int(self._ends[s]))

    def headers(self, top: int, bottom: int) -> list[tuple[int, QRect]]:
        """Sections (number, rectangle) whose header meets ``top <= y < bottom``."""
        if not self.sections:
            return []
        first = int(np.searchsorted(self._tops[:-1], top - HEADER, "right"))
        last = int(np.searchsorted(self._tops[:-1], bottom, "left"))
        return [
            (s, QRect(MARGIN, int(self._tops[s]), self.width - 2 * MARGIN, HEADER))
            for s in range(max(0, first), last)
        ]

    def index_at(self, point: QPoint) -> int:
        """The tile under `point`, -1 for none."""
        i = self.nearest(point)
        return i if i >= 0 and self.rect(i).contains(point) else -1

    def nearest(self, point: QPoint) -> int:
        """The tile in the row and column nearest to `point`, -1 when there are none."""
        if not self.count:
            return -1
        y = min(max(point.y(), int(self._tops[0])), int(self._tops[-1]) - 1)
        s = min(int(np.searchsorted(self._tops, y, "right")) - 1, len(self._starts) - 1)
        start, end = int(self._starts[s]), int(self._ends[s])
        row = max(0, (y - int(self._tops[s]) - self.header) // self.row_height)
        column = min(max(0, (point.x() - MARGIN) // self.pitch), self.columns - 1)
        return max(0, min(start + row * self.columns + column, end - 1))

    def within(self, area: QRect) -> NDArray[np.int64]:
        """Indices of the tiles that meet `area`, ascending."""
        first, last = self.visible(area.top(), area.bottom() + 1)
        if first >= last:
            return np.empty(0, np.int64)
        index = np.arange(first, last, dtype=np.int64)
        section = np.searchsorted(self._starts, index, "right") - 1
        column = (index - self._starts[section]) % self.columns
        left = MARGIN + column * self.pitch
        return index[(left <= area.right()) & (left + self.tile > area.left())]

    def step(self, index: int, rows: int) -> int:
        """The tile `rows` rows below (above when negative) in the same column, as far as it goes.

        At a section's ragged end the last tile of that row is taken.
        """
        if not self.count:
            return -1
        s = int(np.searchsorted(self._starts, index, "right")) - 1
        column = (index - int(self._starts[s])) % self.columns
        while rows:
            start, end = int(self._starts[s]), int(self._ends[s])
            row = (index - start) // self.columns
            last_row = (end - 1 - start) // self.columns
            if 0 <= row + rows <= last_row:
                return min(start + (row + rows) * self.columns + column, end - 1)
            step = 1 if rows > 0 else -1
            if not 0 <= s + step < len(self._starts):
                edge = last_row if rows > 0 else 0
                return min(start + edge * self.columns + column, end - 1)
            rows -= last_row - row + 1 if rows > 0 else -(row + 1)
            s += step
            edge = self._starts[s] if step > 0 else self._ends[s] - 1
            index = int(edge)
            if rows == 0:
                start, end = int(self._starts[s]), int(self._ends[s])
                row = (index - start) // self.columns
                return min(start + row * self.columns + column, end - 1)
        return index
