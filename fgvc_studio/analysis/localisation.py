"""Where in an image a prototype looks: enlarged map, the region around its peak, contour and box.

Boxes are ``(top, bottom, left, right)`` in pixels, bottom and right exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOT = 95.0
"""Percentile of an enlarged map from which its pixels count as hot."""
_SHARPNESS = -0.75
"""Of the cubic kernel; as in most libraries."""

Map = NDArray[np.floating]


class Extent(NamedTuple):
    """A box in pixels; bottom and right exclusive."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class Region:
    """What a map points at.

    Attributes
    ----------
    mask : ndarray (H, W) bool
        Hot pixels connected with the hottest one.
    box : Extent
        Around the mask.
    peak : (int, int)
        Row and column of the hottest pixel.
    contours : list of ndarray (n, 2) float64
        Closed outlines of the mask, x and y of pixel corners.
    """

    mask: NDArray[np.bool_]
    box: Extent
    peak: tuple[int, int]
    contours: list[NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """Which pixels a cell of a map can see.

    Attributes
    ----------
    cells : int
        Side of the map.
    jump, size, first : float
        Distance of neighbouring cells, side of a cell's field, centre of the first; pixels.
    """

    cells: int
    jump: float
    size: float
    first: float

    def box(self, row: int, column: int, side: int) -> Extent:
        """The field of a cell in an image of `side` pixels, cut at its borders.

        Raises
        ------
        IndexError
            The map has no such cell.
        """
        if not (0 <= row < self.cells and 0 <= column < self.cells):
            raise IndexError(f"cell {row}, {column} of a map of {self.cells}")
        ends = []
        for at in (row, column):
            centre = self.first + at * self.jump
            ends.append(max(int(centre - self.size / 2), 0))
            ends.append(min(int(centre + self.size / 2), side))
        return Extent(*ends)


def upsampled(map_: Map, height: int, width: int) -> NDArray[np.float32]:
    """Enlarge a map (h, w) bicubically to (height, width); borders are repeated."""
    rows = _cubic(map_.shape[0], height)
    columns = _cubic(map_.shape[1], width)
    return (rows @ np.asarray(map_, np.float64) @ columns.T).astype(np.float32)


def hot_mask(map_: Map, percentile: float = HOT) -> NDArray[np.bool_]:
    """Pixels at or above a percentile of the map."""
    return np.asarray(map_ >= np.percentile(map_, percentile))


def around(mask: NDArray[np.bool_]) -> Extent:
    """The box around the pixels of a mask.

    Raises
    ------
    ValueError
        The mask is empty.
    """
    if not mask.any():
        raise ValueError("an empty mask has no box")
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Extent(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def percentile_box(map_: Map, percentile: float = HOT) -> Extent:
    """The box around all hot pixels, connected or not, as in published figures.

    Two far blobs give one huge box; `region` is what to show.
    """
    return around(hot_mask(map_, percentile))


def region(map_: Map, percentile: float = HOT) -> Region:
    """The connected hot pixels (with 8 neighbours) around the hottest one of an enlarged map."""
    from scipy import ndimage

    at = np.unravel_index(int(np.argmax(map_)), map_.shape)
    peak = int(at[0]), int(at[1])
    parts, _ = ndimage.label(hot_mask(map_, percentile), np.ones((3, 3), int))
    mask = parts == parts[peak]
    return Region(mask, around(mask), peak, contours(mask))


def peak_box(map_: Map, percentile: float = HOT) -> Extent:
    """The box of `region`, without its outline."""
    from scipy import ndimage

    parts, _ = ndimage.label(hot_mask(map_, percentile), np.ones((3, 3), int))
    return around(parts == parts.flat[int(np.argmax(map_))])


def contours(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Closed outlines (n, 2) of a mask in x and y of pixel corners, the longest first."""
    from contourpy import contour_generator

    padded = np.pad(mask.astype(np.float64), 1)
    lines = contour_generator(z=padded).lines(0.5)
    outlines = [np.asarray(line, np.float64) - 0.5 for line in lines]
    return sorted(outlines, key=len, reverse=True)


def normalised(map_: Map) -> NDArray[np.float32]:
    """Least value to 0, largest to 1; an even map becomes 0."""
    low, high = float(np.min(map_)), float(np.max(map_))
    if high <= low:
        return np.zeros(map_.shape, np.float32)
    return ((map_ - low) / (high - low)).astype(np.float32)


def heat_map(own_maps: list[NDArray[np.floating]], height: int, width: int) -> NDArray[np.float32]:
    """Heat of an image: mean of the maps of its class per branch, branches averaged.

    Parameters
    ----------
    own_maps : list of ndarray (K, h, w)
        One per branch.

    Returns
    -------
    ndarray (height, width) float32
        0 .. 1.
    """
    mean = np.mean([np.mean(maps, axis=0) for maps in own_maps], axis=0)
    return normalised(upsampled(mean, height, width))


def _cubic(size: int, wanted: int) -> NDArray[np.float64]:
    """Weights (wanted, size) of cubic interpolation at pixel centres."""
    at = (np.arange(wanted) + 0.5) * size / wanted - 0.5
    low = np.floor(at).astype(int)
    weights = np.zeros((wanted, size))
    for offset in range(-1, 3):
        place = np.clip(low + offset, 0, size - 1)
        np.add.at(weights, (np.arange(wanted), place), _kernel(np.abs(at - low - offset)))
    return weights


def _kernel(x: NDArray[np.float64]) -> NDArray[np.float64]:
    a = _SHARPNESS
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
