"""Points of a map in Morton order, with the cells that a view touches; numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PAD = 16
"""Pixels around a view in which a point may still reach into it."""
CELLS = 128
_SIDE_BITS = 16


class View(NamedTuple):
    """Map coordinates to device pixels: ``px = x * ax + bx``, ``py = y * ay + by``."""

    ax: float
    bx: float
    ay: float
    by: float

    def to_screen(self, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
        """Pixels of points, in the very float32 steps of the kernels."""
        ax, bx, ay, by = (np.float32(v) for v in self)
        return x * ax + bx, y * ay + by

    def to_map(self, px: float, py: float) -> tuple[float, float]:
        """Map coordinates of a pixel."""
        return (px - self.bx) / self.ax, (py - self.by) / self.ay


def _spread(v: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Put a zero bit after each of the lower 16 bits."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        v = (v | (v << np.uint32(shift))) & np.uint32(mask)
    return v


@dataclass(frozen=True, slots=True)
class PointIndex:
    """Points of one map in Morton order, scaled into the square -0.5..0.5 (aspect kept).

    Attributes
    ----------
    rows : ndarray (M,) int32
        Row in the given array of each sorted point; rows with NaN or infinity are left out.
    positions : ndarray (N,) int32
        Sorted position of each given row, -1 where left out.
    x, y : ndarray (M,) float32
        y points up.
    cells : ndarray (128 * 128 + 1,) int32
        First position of each cell of the grid over the square, in Morton order.
    centre, extent
        Of the given coordinates: ``x = (x_given - centre[0]) / extent``.
    span
        Width and height of the points in the square; the greater is 1.
    """

    rows: NDArray[np.int32]
    positions: NDArray[np.int32]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    cells: NDArray[np.int32]
    centre: tuple[float, float]
    extent: float
    span: tuple[float, float]

    @classmethod
    def build(cls, xy: NDArray) -> PointIndex:
        """Sort (N, 2) coordinates; about 0.3 s for a million, so large maps go to a thread."""
        xy = np.asarray(xy, np.float64).reshape(-1, 2)
        kept = np.flatnonzero(np.isfinite(xy).all(1))
        good = xy[kept]
        low = good.min(0) if len(good) else np.zeros(2)
        high = good.max(0) if len(good) else np.zeros(2)
        centre = (low + high) / 2
        extent = float((high - low).max()) or 1.0
        scaled = (good - centre) / extent
        top = 2**_SIDE_BITS - 1
        grid = np.clip((scaled + 0.5) * 2**_SIDE_BITS, 0, top).astype(np.uint32)
        code = _spread(grid[:, 0]) | (_spread(grid[:, 1]) << np.uint32(1))
        order = np.argsort(code, kind="stable")
        rows = kept[order].astype(np.int32)
        positions = np.full(len(xy), -1, np.int32)
        positions[rows] = np.arange(len(rows), dtype=np.int32)
        bounds = np.arange(CELLS * CELLS + 1, dtype=np.uint64) << 2 * (_SIDE_BITS - 7)
        cells = np.searchsorted(code[order].astype(np.uint64), bounds).astype(np.int32)
        xs = np.ascontiguousarray(scaled[order, 0], np.float32)
        ys = np.ascontiguousarray(scaled[order, 1], np.float32)
        middle = (float(centre[0]), float(centre[1]))
        span = ((high - low) / extent).tolist()
        return cls(rows, positions, xs, ys, cells, middle, extent, (span[0], span[1]))

    def __len__(self) -> int:
        return len(self.rows)

    def scale(self, xy: NDArray) -> NDArray[np.float64]:
        """Given coordinates to the square of this index."""
        return (np.asarray(xy, np.float64) - self.centre) / self.extent

    def crowding(self, starts: NDArray[np.int32], ends: NDArray[np.int32]) -> float:
        """Points per unit of map area that is in use (cells with points), for some ranges."""
        first = np.searchsorted(self.cells, starts)
        last = np.searchsorted(self.cells, ends)
        before = np.concatenate([[0], np.cumsum(np.diff(self.cells) > 0)])
        used = int((before[np.minimum(last, CELLS * CELLS)] - before[first]).sum())
        return int((ends - starts).sum()) * CELLS * CELLS / max(used, 1)

    def ranges(
        self, view: View, width: int, height: int, margin: float = PAD
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """First and last+1 positions of the runs of cells that a view of that size touches."""
        x0, y0 = view.to_map(-margin, height + margin)
        x1, y1 = view.to_map(width + margin, -margin)
        lo = np.floor((np.array([x0, y0]) + 0.5) * CELLS)
        hi = np.floor((np.array([x1, y1]) + 0.5) * CELLS)
        if (lo <= 0).all() and (hi >= CELLS - 1).all():
            return np.zeros(1, np.int32), np.array([len(self)], np.int32)
        # the last row and column also hold the upper border itself
        cx, cy = _CELL_X, _CELL_Y
        hit = (cx >= min(lo[0], CELLS)) & (cx <= hi[0]) & (cy >= lo[1]) & (cy <= hi[1])
        edge = np.diff(hit.astype(np.int8), prepend=0, append=0)
        return self.cells[np.flatnonzero(edge == 1)], self.cells[np.flatnonzero(edge == -1)]


def _unspread(v: NDArray) -> NDArray[np.int64]:
    return sum(((v >> 2 * b) & 1) << b for b in range(7))  # type: ignore[return-value]


_CELL_X = _unspread(np.arange(CELLS * CELLS))
_CELL_Y = _unspread(np.arange(CELLS * CELLS) >> 1)


def positions_of(ranges: tuple[NDArray[np.int32], NDArray[np.int32]]) -> NDArray[np.int32]:
    """All positions in the runs, ascending."""
    starts, ends = ranges
    if len(starts) == 1:
        return np.arange(starts[0], ends[0], dtype=np.int32)
    lengths = ends - starts
    shift = np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
    return (np.arange(lengths.sum()) + shift).astype(np.int32)
