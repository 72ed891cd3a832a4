"""The map's raster: points to an image and a key per pixel, by numba or numpy, without Qt.

Points are sorted along a Morton curve once (`PointIndex`), so that neighbours in the picture are
neighbours in memory. A frame has two steps: *splat* writes into each covered pixel the key of the
topmost point, *shade* turns keys into colours. Keys grow with the point's layer and then with its
position, so 'topmost' is 'greatest', whatever the order of writing. Hover is a look-up in the keys
and a lasso is a mask gathered at the points.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.gui.widgets.map_index import PAD, PointIndex, View, positions_of

HIDDEN, MUTED, NORMAL, HIGHLIGHTED, SELECTED = range(5)
"""Layers, bottom to top; hidden points (not in the filter) are drawn faint and cannot be hit."""

BASE = np.array([-(2**30), -(2**29), 0, 2**28, 2**29], np.int32)
EMPTY = np.int32(-(2**31))

__all__ = ["PAD", "PointIndex", "Raster", "Style", "View", "positions_of", "warm_up"]

_kernels: ModuleType | None = None
_tried = threading.Event()
_starting = threading.Lock()
_thread: threading.Thread | None = None


def warm_up(*, wait: bool = False) -> bool:
    """Compile the kernels in a thread, once; until then and without numba, numpy draws.

    Returns
    -------
    bool
        Whether the compiled kernels are in use by now.
    """
    global _thread
    with _starting:
        if _thread is None:
            _thread = threading.Thread(target=_load, name="map-kernels", daemon=True)
            _thread.start()
    if wait:
        _thread.join()
    return _kernels is not None


def _load() -> None:
    global _kernels
    try:
        from fgvc_studio.gui.widgets import map_kernels
    except ImportError:  # numba is missing or broken: numpy goes on drawing
        return
    _kernels = map_kernels


@dataclass(slots=True)
class Style:
    """How points look.

    Attributes
    ----------
    lut : ndarray (5, K) uint32
        0xffRRGGBB per layer and code.
    rings : ndarray (5,) uint32
        Ring colour per layer, 0 for none; drawn on discs only.
    canvas : int
        Background, 0xffRRGGBB.
    diameter : float
        Device pixels; below 3.5 points are squares of 1..3 pixels, else discs with soft edges.
    grow : float
        Added to the diameter of highlighted and selected points.
    """

    lut: NDArray[np.uint32]
    rings: NDArray[np.uint32]
    canvas: int
    diameter: float = 3.0
    grow: float = 2.0


class Raster:
    """Image and keys of one size; reused from frame to frame."""

    def __init__(self, width: int, height: int) -> None:
        self.image = np.zeros((max(height, 1), max(width, 1)), np.uint32)
        self.ids = np.full((height + 2 * PAD, width + 2 * PAD), EMPTY, np.int32)
        self.use_numpy = False

    @property
    def _compiled(self) -> ModuleType | None:
        return None if self.use_numpy else _kernels

    def draw(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        layer: NDArray[np.uint8],
        codes: NDArray[np.int32],
        view: View,
        ranges: tuple[NDArray[np.int32], NDArray[np.int32]],
        style: Style,
        top: NDArray[np.int32] | None = None,
        top_layer: NDArray[np.uint8] | None = None,
    ) -> None:
        """Fill `image` and `ids`.

        Parameters
        ----------
        x, y, layer, codes : ndarray (M,)
            By position; `layer` holds HIDDEN, MUTED or NORMAL, `codes` columns of the table.
        ranges : two ndarrays
            From `PointIndex.ranges`.
        top : ndarray int32
            Positions, ascending, drawn above with the layer of `top_layer` (by position).
        """
        self.splat(x, y, layer, view, ranges, style.diameter)
        grown = style.diameter + style.grow
        if top is not None and top_layer is not None and len(top):
            self._splat(x, y, top_layer, view, (top, top + np.int32(1)), grown)
        self._shade(x, y, codes, view, style, grown)

    def splat(
        self, x: NDArray, y: NDArray, layer: NDArray, view: View, ranges: tuple, diameter: float
    ) -> None:
        """Fill `ids` only."""
        self.ids.fill(EMPTY)
        self._splat(x, y, layer, view, ranges, diameter)

    def _splat(
        self, x: NDArray, y: NDArray, layer: NDArray, view: View, ranges: tuple, diameter: float
    ) -> None:
        kernels = self._compiled
        v = tuple(np.float32(c) for c in view)
        if is_disc(diameter):
            reach = np.float32(diameter / 2 + 0.5)
            box = int(np.ceil(2 * reach)) + 1
            offset = np.float32(PAD - box / 2)
            if kernels is not None:
                kernels.discs(x, y, layer, *ranges, *v, reach, offset, box, BASE, self.ids)
            else:
                self._numpy_splat(x, y, layer, view, ranges, box, offset, reach)
            return
        size = square_size(diameter)
        offset = np.float32(PAD - (size - 1) / 2)
        if kernels is not None:
            kernels.squares(x, y, layer, *ranges, *v, size, offset, BASE, self.ids)
        else:
            self._numpy_splat(x, y, layer, view, ranges, size, offset, None)

    def _numpy_splat(
        self,
        x: NDArray,
        y: NDArray,
        layer: NDArray,
        view: View,
        ranges: tuple,
        box: int,
        offset: np.float32,
        reach: np.float32 | None,
    ) -> None:
        h, w = self.ids.shape
        p = positions_of(ranges)
        sx, sy = view.to_screen(x[p], y[p])
        fx, fy = sx + offset, sy + offset
        ok = (fx >= 0) & (fy >= 0) & (fx < np.float32(w - box)) & (fy < np.float32(h - box))
        p, sx, sy = p[ok], sx[ok], sy[ok]
        ix, iy = fx[ok].astype(np.int32), fy[ok].astype(np.int32)
        key = (p + BASE[layer[p]]).astype(np.int32)
        order = np.argsort(key, kind="stable")  # the last of equal pixels stays: make it the top
        ix, iy, key, sx, sy = ix[order], iy[order], key[order], sx[order], sy[order]
        pad = offset + np.float32(box) * np.float32(0.5)
        fresh = np.empty_like(self.ids)
        for j in range(box):
            for i in range(box):
                jj, ii, kk = iy + j, ix + i, key
                if reach is not None:
                    dy = jj.astype(np.float32) + np.float32(0.5) - pad - sy
                    dx = ii.astype(np.float32) + np.float32(0.5) - pad - sx
                    near = dx * dx + dy * dy < reach * reach
                    jj, ii, kk = jj[near], ii[near], kk[near]
                fresh.fill(EMPTY)
                fresh[jj, ii] = kk
                np.maximum(self.ids, fresh, out=self.ids)

    def _shade(
        self, x: NDArray, y: NDArray, codes: NDArray, view: View, style: Style, grown: float
    ) -> None:
        kernels = self._compiled
        canvas = np.uint32(style.canvas)
        if not is_disc(grown) or not is_disc(style.diameter):
            if kernels is not None:
                kernels.shade_flat(self.ids, PAD, BASE, codes, style.lut, canvas, self.image)
            else:
                self._numpy_shade(x, y, codes, view, style, None)
            return
        radii = np.array([style.diameter] * 3 + [grown] * 2, np.float32) / np.float32(2)
        if kernels is not None:
            v = (np.float32(c) for c in view)
            kernels.shade_discs(
                *(self.ids, PAD, BASE, x, y, codes, *v),
                *(radii, style.rings, style.lut, canvas, self.image),
            )
        else:
            self._numpy_shade(x, y, codes, view, style, radii)

    def _numpy_shade(
        self,
        x: NDArray,
        y: NDArray,
        codes: NDArray,
        view: View,
        style: Style,
        radii: NDArray[np.float32] | None,
    ) -> None:
        keys = self.ids[PAD:-PAD, PAD:-PAD]
        self.image.fill(style.canvas)
        jj, ii = np.nonzero(keys != EMPTY)
        key = keys[jj, ii]
        level, p = decode(key)
        colour = style.lut[level, codes[p]]
        if radii is not None:
            sx, sy = view.to_screen(x[p], y[p])
            dx = ii.astype(np.float32) + np.float32(0.5) - sx
            dy = jj.astype(np.float32) + np.float32(0.5) - sy
            inside = radii[level] + np.float32(0.5) - np.sqrt(dx * dx + dy * dy)
            ring = (style.rings[level] != 0) & (inside < np.float32(2.25))
            colour = np.where(ring, style.rings[level], colour)
            a = (np.clip(inside, 0, 1) * np.float32(256)).astype(np.int64)
            full = self.ids != EMPTY
            sides = (full[PAD - 1 : -PAD - 1, PAD:-PAD], full[PAD + 1 : 1 - PAD, PAD:-PAD])
            sides += (full[PAD:-PAD, PAD - 1 : -PAD - 1], full[PAD:-PAD, PAD + 1 : 1 - PAD])
            crowd = np.logical_and.reduce(sides)[jj, ii]
            a = np.where(crowd, np.maximum(a, 160), a)
            back = np.int64(style.canvas)
            c = colour.astype(np.int64)
            mix = np.int64(0xFF000000)
            for s in (16, 8, 0):
                mix = mix | ((((c >> s) & 255) * a + ((back >> s) & 255) * (256 - a)) >> 8) << s
            colour = np.where(inside < 1, mix, c).astype(np.uint32)
        self.image[jj, ii] = colour

    def count(
        self, x: NDArray, y: NDArray, layer: NDArray, view: View, ranges: tuple, bin_px: float
    ) -> NDArray[np.int32]:
        """Points of layer 1 and above per bin of `bin_px` device pixels: (rows, columns) int32."""
        h, w = self.image.shape
        bins = np.zeros((int(np.ceil(h / bin_px)), int(np.ceil(w / bin_px))), np.int32)
        small = View(*(c / bin_px for c in view))
        kernels = self._compiled
        if kernels is not None:
            kernels.count(x, y, layer, *ranges, *(np.float32(c) for c in small), bins)
            return bins
        _, fx, fy = _inside(x, y, layer, small, ranges, bins.shape)
        flat = fy.astype(np.int64) * bins.shape[1] + fx.astype(np.int64)
        return np.bincount(flat, minlength=bins.size).reshape(bins.shape).astype(np.int32)

    def gather(
        self,
        x: NDArray,
        y: NDArray,
        layer: NDArray,
        view: View,
        ranges: tuple,
        mask: NDArray[np.uint8],
    ) -> NDArray[np.int32]:
        """Positions of the points of layer 1 and above whose pixel is set in `mask` (H, W)."""
        kernels = self._compiled
        if kernels is not None:
            out = np.empty(int((ranges[1] - ranges[0]).sum()), np.int32)
            v = (np.float32(c) for c in view)
            return out[: kernels.gather(x, y, layer, *ranges, *v, mask, out)]
        p, fx, fy = _inside(x, y, layer, view, ranges, mask.shape)
        return p[mask[fy.astype(np.int64), fx.astype(np.int64)] != 0]

    def pick(self, px: int, py: int, reach: int = 6) -> int:
        """Position of the point drawn nearest to a device pixel, -1 for none within `reach`."""
        h, w = self.ids.shape
        cy, cx = py + PAD, px + PAD
        y0, y1 = max(cy - reach, PAD), min(cy + reach + 1, h - PAD)
        x0, x1 = max(cx - reach, PAD), min(cx + reach + 1, w - PAD)
        if y0 >= y1 or x0 >= x1:
            return -1
        window = self.ids[y0:y1, x0:x1]
        jj, ii = np.nonzero(window >= BASE[MUTED])
        if not len(jj):
            return -1
        best = int(np.argmin((jj + y0 - cy) ** 2 + (ii + x0 - cx) ** 2))
        return int(decode(window[jj[best : best + 1], ii[best : best + 1]])[1][0])


def _inside(
    x: NDArray, y: NDArray, layer: NDArray, view: View, ranges: tuple, shape: tuple
) -> tuple[NDArray[np.int32], NDArray, NDArray]:
    p = positions_of(ranges)
    fx, fy = view.to_screen(x[p], y[p])
    ok = (fx >= 0) & (fy >= 0) & (fx < shape[1]) & (fy < shape[0]) & (layer[p] != HIDDEN)
    return p[ok], fx[ok], fy[ok]


def decode(keys: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Layer and position of non-empty keys."""
    level = np.searchsorted(BASE, keys, side="right") - 1
    return level, (keys - BASE[level]).astype(np.int32)


def is_disc(diameter: float) -> bool:
    """Whether points of that size are drawn as discs."""
    return diameter >= 3.5


def square_size(diameter: float) -> int:
    """Side in pixels of a small point."""
    return int(min(3, max(1, round(diameter))))


def diameter_for(points: int, crowding: float, scale: float, ratio: float) -> float:
    """Device pixels of a point.

    Parameters
    ----------
    points : int
        In view; few points are never drawn tiny, many never large.
    crowding : float
        Points per unit of map area.
    scale : float
        Device pixels per map unit.
    ratio : float
        Device pixels per pixel; points are at most 8 pixels wide.
    """
    room = scale / np.sqrt(max(crowding, 1.0)) / ratio
    least = 4.0 if points <= 30_000 else 2.0 if points <= 300_000 else 1.0
    most = 8.0 if points <= 15_000 else 5.0 if points <= 60_000 else 3.0
    return float(np.clip(1.3 * room, least, most) * ratio)


def smooth_density(bins: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Counts, blurred, on a log scale as 0..255 (0 is empty, else at least 1)."""
    d = bins.astype(np.float32)
    for axis in (0, 1):
        padded = np.pad(d, [(2, 2) if a == axis else (0, 0) for a in (0, 1)])
        n = d.shape[axis]
        part = [padded[i : i + n] if axis == 0 else padded[:, i : i + n] for i in range(5)]
        d = (part[0] + part[4] + 4 * (part[1] + part[3]) + 6 * part[2]) / np.float32(16)
    top = float(d.max(initial=0.0))
    if top <= 0:
        return np.zeros(bins.shape, np.uint8)
    level = np.log1p(d * 8) / np.float32(np.log1p(top * 8)) * 255
    return np.clip(np.rint(level), 0, 255).astype(np.uint8)
