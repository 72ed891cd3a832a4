"""The points of two maps on one scale, and their picture; made outside the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from fgvc_studio.gui import palette, theme


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """What is drawn: places before and after on a common scale, and a colour each.

    Attributes
    ----------
    item_ids : ndarray (N,) int64
        Ascending.
    old, new : ndarray (N, 2) float32
        In the unit square.
    codes : ndarray (N,) int64
        Number of the category's colour, -1 for none.
    arrows : ndarray (A,) int64
        Rows of those that moved most, furthest first.
    """

    item_ids: NDArray[np.int64]
    old: NDArray[np.float32]
    new: NDArray[np.float32]
    codes: NDArray[np.int64]
    arrows: NDArray[np.int64]


def on_one_scale(
    old: NDArray[np.float32], new: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both maps moved and scaled alike into the unit square."""
    both = np.concatenate([old, new]).astype(np.float64)
    low, high = np.nanmin(both, axis=0), np.nanmax(both, axis=0)
    span = max(float((high - low).max()), 1e-9)
    middle = (low + high) / 2
    return tuple(((xy - middle) / span + 0.5).astype(np.float32) for xy in (old, new))  # type: ignore[return-value]


def colours_of(
    codes: NDArray[np.int64], focus: frozenset[int], tokens: theme.Theme
) -> NDArray[np.uint8]:
    """Colours (K + 1, 3) by code + 1; with a focus, all others are the grey of unnamed items."""
    count = int(codes.max(initial=-1)) + 1
    grey = palette.rgb_of(tokens.unlabelled)
    table = np.empty((count + 1, 3), np.uint8)
    table[0] = grey
    table[1:] = palette.categorical(max(count, 9), dark=tokens.dark)[:count]
    if focus:
        others = [code + 1 for code in range(count) if code not in focus]
        table[others] = palette.mixed(grey, palette.rgb_of(tokens.canvas), 0.5)
    return table


def splat(
    pixels: NDArray[np.uint8], places: NDArray[np.float64], colours: NDArray[np.uint8], size: int
) -> None:
    """Write squares of `size` pixels, the last on top."""
    height, width = pixels.shape[:2]
    good = np.isfinite(places).all(1)
    corner = np.floor(places[good] - size / 2).astype(np.int64)
    colours = colours[good]
    for dx in range(size):
        for dy in range(size):
            x, y = corner[:, 0] + dx, corner[:, 1] + dy
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            pixels[y[inside], x[inside]] = colours[inside]


def image_from(pixels: NDArray[np.uint8], ratio: float) -> QImage:
    """An image of RGB bytes (H, W, 3)."""
    height, width = pixels.shape[:2]
    picture = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    picture.setDevicePixelRatio(ratio)
    return picture
