"""Wing outlines and wing coordinates: where (u, v) lies in the picture of a wing.

A wing is the surface ruled between two smooth curves, costa and dorsum, with a bulging outer
margin. Its picture has x along the wing and y towards the dorsum, `SCALE` pixels per forewing
length.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fgvc_studio.sample.traits import WingShape

SCALE = 185.0
"""Pixels of a wing picture per forewing length."""
FRINGE = 0.045
"""Length of the fringe, in u beyond the outer margin."""
_PAD = 10

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WingMap:
    """The picture grid of a wing shape.

    Attributes
    ----------
    u, v : ndarray (H, W) float32
        Wing coordinates; beyond the outline they go on smoothly.
    x, y : ndarray (H, W) float32
        Position in forewing lengths from the wing base.
    alpha : ndarray (H, W) float32
        1 inside the outline with its fringe, antialiased.
    origin : tuple of float
        Pixel of the wing base.
    """

    shape: WingShape
    u: Floats
    v: Floats
    x: Floats
    y: Floats
    alpha: Floats
    origin: tuple[float, float]


def smooth_curve(points: tuple[tuple[float, float], ...], t: NDArray) -> NDArray[np.float64]:
    """Catmull-Rom curve through the points; t beyond 0..1 goes straight on. Returns (..., 2)."""
    p = np.asarray(points, float)
    ends = np.concatenate([[2 * p[0] - p[1]], p, [2 * p[-1] - p[-2]]])
    inside = np.clip(t, 0, 1) * (len(p) - 1)
    k = np.minimum(inside.astype(int), len(p) - 2)
    f = (inside - k)[..., None]
    a, b, c, d = ends[k], ends[k + 1], ends[k + 2], ends[k + 3]
    curve = 0.5 * (
        2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3
    )
    beyond = (np.asarray(t) - np.clip(t, 0, 1))[..., None]
    slope = np.where(beyond > 0, (p[-1] - p[-2]), (p[1] - p[0])) * (len(p) - 1)
    return curve + beyond * slope


def position(shape: WingShape, u: NDArray, v: NDArray) -> NDArray[np.float64]:
    """Point of the wing at (u, v), in forewing lengths. Returns (..., 2)."""
    u, v = np.broadcast_arrays(np.asarray(u, float), np.asarray(v, float))
    u = u * (1 - shape.rounding * np.clip(np.abs(2 * v - 1), 0, 1.1) ** 7)
    costa, dorsum = smooth_curve(shape.costa, u), smooth_curve(shape.dorsum, u)
    point = costa + (dorsum - costa) * v[..., None]
    knots = tuple((i / (len(shape.termen) - 1), b) for i, b in enumerate(shape.termen))
    bulge = smooth_curve(knots, np.clip(v, 0, 1))[..., 1]
    if shape.scallops:
        bulge = bulge + shape.scallops * np.cos(v * 7 * 2 * np.pi) * np.clip(v * (1 - v) * 6, 0, 1)
    across = np.asarray(shape.dorsum[-1]) - np.asarray(shape.costa[-1])
    normal = np.array([across[1], -across[0]]) / np.hypot(*across)
    return point + (np.clip(u, 0, None) ** 2.2 * bulge)[..., None] * normal


@lru_cache(maxsize=32)
def wing_map(shape: WingShape) -> WingMap:
    """Wing coordinates of every pixel of the shape's picture (cached: some 0.2 s each)."""
    outline = _outline(shape)
    low, high = outline.min(axis=0) * SCALE - _PAD, outline.max(axis=0) * SCALE + _PAD
    width, height = (np.ceil(high - low)).astype(int)
    origin = (float(-low[0]), float(-low[1]))
    u, v = np.meshgrid(np.linspace(-0.04, 1.12, 400), np.linspace(-0.06, 1.06, 320))
    pixels = np.rint(position(shape, u, v) * SCALE + origin).astype(int)
    inside = ((pixels >= 0) & (pixels < (width, height))).all(axis=-1)
    index = pixels[inside][:, 1] * width + pixels[inside][:, 0]
    count = np.bincount(index, minlength=width * height).reshape(height, width)
    grids = [
        _grow(np.bincount(index, part[inside], width * height).reshape(height, width), count)
        for part in (u, v)
    ]
    big = Image.new("L", (width * 4, height * 4))
    ImageDraw.Draw(big).polygon([tuple(p) for p in (outline * SCALE + origin) * 4 + 2], fill=255)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return WingMap(
        shape,
        grids[0],
        grids[1],
        (x - origin[0]) / SCALE,
        (y - origin[1]) / SCALE,
        np.asarray(big.reduce(4), np.float32) / 255,
        origin,
    )


def _outline(shape: WingShape) -> NDArray[np.float64]:
    """Closed outline with the fringe, (N, 2) in forewing lengths."""
    t = np.linspace(0, 1, 120)
    edge = 1 + FRINGE * np.clip(np.minimum(t, 1 - t) * 12, 0, 1) ** 0.5
    return np.concatenate(
        [position(shape, t, t * 0), position(shape, edge, t), position(shape, t, t * 0 + 1)[::-1]]
    )


def _grow(total: NDArray, count: NDArray) -> Floats:
    """Mean of each cell; empty cells take the value of their neighbours, ring by ring."""
    known = count > 0
    value = np.where(known, total / np.maximum(count, 1), 0.0)
    for _ in range(400):
        if known.all():
            break
        weight, around = np.zeros(value.shape), np.zeros(value.shape)
        for axis in (0, 1):
            for step in (-1, 1):
                weight += np.roll(known, step, axis)
                around += np.roll(np.where(known, value, 0), step, axis)
        fresh = ~known & (weight > 0)
        value[fresh] = around[fresh] / weight[fresh]
        known = known | fresh
    return value.astype(np.float32)
