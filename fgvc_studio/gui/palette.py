"""Colours for categories and values: our own tables, made in the perceptual space OKLab.

Up to 8 categories get the Okabe-Ito colours, which colour-blind people can tell apart; up to 256
get a table in which each new colour is as far as possible from all earlier ones (as Glasbey et al.
2007 do in CIELAB); beyond that colours repeat. With more than `FOCUS_LIMIT` categories a reader
cannot tell colours apart anyway: `focus_colours` colours the chosen categories and their
confusable neighbours and greys the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.gui import theme

FOCUS_LIMIT = 30
"""Categories beyond which single colours stop being tellable."""

_OKABE_ITO = {
    # black and yellow, blue give way where they would sink into the canvas
    False: "0072b2 e69f00 009e73 d55e00 cc79a7 56b4e9 b8a500 1d2422",
    True: "4a90e2 e69f00 00b386 f0692a d58ab5 7cc8f5 f0e442 f4f4f2",
}
_MIX = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(..., 3) sRGB bytes -> (..., 3) OKLab (lightness 0..1, a, b)."""
    c = np.asarray(rgb, np.float64) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _MIX.T) @ _LAB.T)


def from_oklab(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(..., 3) OKLab -> (..., 3) sRGB bytes, clipped to what a screen shows."""
    linear = (np.asarray(lab) @ np.linalg.inv(_LAB).T) ** 3 @ np.linalg.inv(_MIX).T
    linear = np.clip(linear, 0, 1)
    c = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(c * 255).astype(np.uint8)


def rgb_of(colour: str) -> NDArray[np.uint8]:
    """``#rrggbb`` -> (3,) bytes."""
    return np.frombuffer(bytes.fromhex(colour.lstrip("#")), np.uint8)


def argb(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(..., 3) bytes -> (...,) opaque 0xffRRGGBB."""
    c = np.asarray(rgb, np.uint32)
    return np.uint32(0xFF000000) | (c[..., 0] << 16) | (c[..., 1] << 8) | c[..., 2]


@lru_cache(maxsize=2)
def _far_points(dark: bool) -> NDArray[np.uint8]:
    """256 colours, each the farthest from the earlier ones; the first 8 are Okabe-Ito's."""
    levels = np.linspace(0, 255, 26).astype(np.uint8)
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    lab = oklab(rgb)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    low, high = (0.52, 0.95) if dark else (0.30, 0.76)
    usable = (lab[:, 0] >= low) & (lab[:, 0] <= high) & (chroma >= 0.045)
    rgb, lab = rgb[usable], lab[usable]
    first = np.stack([rgb_of(c) for c in _OKABE_ITO[dark].split()])
    tokens = theme.DARK if dark else theme.LIGHT
    weights = np.array([0.8, 1.0, 1.0])  # points are small: hue carries more than lightness
    candidates = (lab * weights).astype(np.float32)
    nearest = np.full(len(rgb), np.inf, np.float32)
    taken = [rgb_of(c) for c in (tokens.canvas, tokens.unlabelled, tokens.selection)]
    for c in [*taken, *first]:
        np.minimum(nearest, _distance(candidates, oklab(c) * weights), out=nearest)
    out = list(first)
    while len(out) < 256:
        best = int(np.argmax(nearest))
        out.append(rgb[best])
        np.minimum(nearest, _distance(candidates, candidates[best]), out=nearest)
    table = np.stack(out).astype(np.uint8)
    table.setflags(write=False)
    return table


def _distance(points: NDArray, point: NDArray) -> NDArray[np.float32]:
    d = points - point.astype(np.float32)
    return np.asarray(np.einsum("ij,ij->i", d, d))


def categorical(n: int, *, dark: bool) -> NDArray[np.uint8]:
    """(n, 3) colours for `n` categories; beyond 256 they repeat.

    The first colours are the same for every `n`, so a category keeps its colour when others come.
    """
    table = _far_points(dark) if n > 8 else np.stack([rgb_of(c) for c in _OKABE_ITO[dark].split()])
    return table[np.arange(n) % len(table)]


def category_colour(index: int, *, dark: bool) -> str:
    """``#rrggbb`` of the `index`-th category (0-based, any size)."""
    return "#" + _far_points(dark)[index % 256].tobytes().hex()


def focus_colours(
    codes: Sequence[int], chosen: Iterable[int], neighbours: Iterable[int] = (), *, dark: bool
) -> dict[int, str]:
    """Colours that follow a question: chosen categories, their neighbours, and grey for the rest.

    Parameters
    ----------
    codes : sequence of int
        All categories on the map.
    chosen, neighbours : iterable of int
        Chosen categories get the first colours, neighbours the next.

    Returns
    -------
    dict
        code -> ``#rrggbb``.
    """
    tokens = theme.DARK if dark else theme.LIGHT
    bright = list(dict.fromkeys([*chosen, *neighbours]))
    table = categorical(len(bright), dark=dark)
    out = dict.fromkeys(codes, tokens.unlabelled)
    out.update({c: "#" + table[i].tobytes().hex() for i, c in enumerate(bright) if c in out})
    return out


@lru_cache(maxsize=2)
def sequential(dark: bool) -> NDArray[np.uint8]:
    """(256, 3) colours from low to high: lightness rises evenly, hue runs violet-teal-yellow."""
    t = np.linspace(0, 1, 256)
    low, high = (0.42, 0.95) if dark else (0.30, 0.82)
    hue = np.deg2rad(np.interp(t, [0, 0.5, 1], [305, 195, 100]))
    chroma = np.interp(t, [0, 0.5, 1], [0.14, 0.095, 0.165])
    lab = np.stack([low + (high - low) * t, chroma * np.cos(hue), chroma * np.sin(hue)], -1)
    table = from_oklab(lab)
    table.setflags(write=False)
    return table


def mixed(rgb: NDArray[np.uint8], other: NDArray[np.uint8], part: float) -> NDArray[np.uint8]:
    """`rgb` with `part` (0..1) of `other` mixed in."""
    c = np.asarray(rgb, np.float64) * (1 - part) + np.asarray(other, np.float64) * part
    return np.rint(c).astype(np.uint8)
