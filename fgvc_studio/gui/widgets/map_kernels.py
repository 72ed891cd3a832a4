"""The compiled loops of the map; importing this module compiles them (or reads numba's cache).

`map_raster` holds the same in numpy; both give the same picture to the bit, so no step here may
leave float32 or be reordered.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_POINTS = "float32[::1], float32[::1], uint8[::1], int32[::1], int32[::1]"
_VIEW = "float32, float32, float32, float32"


@njit(
    f"void({_POINTS}, {_VIEW}, int64, float32, int32[::1], int32[:, ::1])", cache=True, nogil=True
)
def squares(
    x: NDArray,
    y: NDArray,
    layer: NDArray,
    starts: NDArray,
    ends: NDArray,
    ax: float,
    bx: float,
    ay: float,
    by: float,
    size: int,
    offset: float,
    base: NDArray,
    ids: NDArray,
) -> None:
    """Write each point's key into a square of `size` pixels (1..3); the greatest key stays."""
    h, w = ids.shape
    right, bottom = np.float32(w - size), np.float32(h - size)
    zero, above = np.float32(0), base[3]
    for r in range(len(starts)):
        for p in range(starts[r], ends[r]):
            fx = x[p] * ax + bx + offset
            fy = y[p] * ay + by + offset
            if fx >= zero and fy >= zero and fx < right and fy < bottom:
                ix, iy = int(fx), int(fy)
                key = np.int32(p + base[layer[p]])
                if key >= 0 and key < above:
                    ids[iy, ix] = key
                    if size > 1:
                        ids[iy, ix + 1] = key
                        ids[iy + 1, ix] = key
                        ids[iy + 1, ix + 1] = key
                        if size > 2:
                            ids[iy, ix + 2] = key
                            ids[iy + 1, ix + 2] = key
                            ids[iy + 2, ix] = key
                            ids[iy + 2, ix + 1] = key
                            ids[iy + 2, ix + 2] = key
                else:
                    for j in range(iy, iy + size):
                        for i in range(ix, ix + size):
                            if key > ids[j, i]:
                                ids[j, i] = key


@njit(
    f"void({_POINTS}, {_VIEW}, float32, float32, int64, int32[::1], int32[:, ::1])",
    cache=True,
    nogil=True,
)
def discs(
    x: NDArray,
    y: NDArray,
    layer: NDArray,
    starts: NDArray,
    ends: NDArray,
    ax: float,
    bx: float,
    ay: float,
    by: float,
    reach: float,
    offset: float,
    box: int,
    base: NDArray,
    ids: NDArray,
) -> None:
    """Write each point's key into all pixels nearer than `reach`; the greatest key stays."""
    h, w = ids.shape
    right, bottom = np.float32(w - box), np.float32(h - box)
    zero, half = np.float32(0), np.float32(0.5)
    pad = offset + np.float32(box) * half
    limit = reach * reach
    for r in range(len(starts)):
        for p in range(starts[r], ends[r]):
            sx = x[p] * ax + bx
            sy = y[p] * ay + by
            fx = sx + offset
            fy = sy + offset
            if fx >= zero and fy >= zero and fx < right and fy < bottom:
                ix, iy = int(fx), int(fy)
                key = np.int32(p + base[layer[p]])
                for j in range(iy, iy + box):
                    dy = np.float32(j) + half - pad - sy
                    dy2 = dy * dy
                    line = ids[j]
                    for i in range(ix, ix + box):
                        dx = np.float32(i) + half - pad - sx
                        if dx * dx + dy2 < limit and key > line[i]:
                            line[i] = key


@njit(
    "void(int32[:, ::1], int64, int32[::1], int32[::1], uint32[:, ::1], uint32, uint32[:, ::1])",
    cache=True,
    nogil=True,
)
def shade_flat(
    ids: NDArray,
    pad: int,
    base: NDArray,
    codes: NDArray,
    lut: NDArray,
    canvas: int,
    image: NDArray,
) -> None:
    """Colour of each pixel from the key in `ids`."""
    h, w = image.shape
    lowest, above = base[0], base[3]
    plain = lut[2]
    for j in range(h):
        line, row = ids[j + pad], image[j]
        for i in range(w):
            key = line[i + pad]
            if key < lowest:
                row[i] = canvas
            elif key >= 0 and key < above:
                row[i] = plain[codes[key]]
            else:
                level = 0
                while level < 4 and key >= base[level + 1]:
                    level += 1
                row[i] = lut[level, codes[key - base[level]]]


@njit(
    f"void(int32[:, ::1], int64, int32[::1], float32[::1], float32[::1], int32[::1], {_VIEW},"
    " float32[::1], uint32[::1], uint32[:, ::1], uint32, uint32[:, ::1])",
    cache=True,
    nogil=True,
)
def shade_discs(
    ids: NDArray,
    pad: int,
    base: NDArray,
    x: NDArray,
    y: NDArray,
    codes: NDArray,
    ax: float,
    bx: float,
    ay: float,
    by: float,
    radii: NDArray,
    rings: NDArray,
    lut: NDArray,
    canvas: int,
    image: NDArray,
) -> None:
    """The same with soft edges and, for levels with a ring colour, a ring."""
    h, w = image.shape
    half, one, zero = np.float32(0.5), np.float32(1), np.float32(0)
    scale, ring_width = np.float32(256), np.float32(1.75)
    lowest = base[0]
    for j in range(h):
        line, row = ids[j + pad], image[j]
        for i in range(w):
            key = line[i + pad]
            if key < lowest:
                row[i] = canvas
                continue
            level = 0
            while level < 4 and key >= base[level + 1]:
                level += 1
            p = key - base[level]
            dx = np.float32(i) + half - (x[p] * ax + bx)
            dy = np.float32(j) + half - (y[p] * ay + by)
            inside = radii[level] + half - np.sqrt(dx * dx + dy * dy)
            c = lut[level, codes[p]]
            if rings[level] != 0 and inside < ring_width + half:
                c = rings[level]
            if inside < zero:
                inside = zero
            if inside < one:
                a = np.int64(inside * scale)
                if a < 160:  # inside a crowd the gaps between points stay tinted
                    u, v = j + pad, i + pad
                    bare = ids[u - 1, v] < lowest or ids[u + 1, v] < lowest
                    if not (bare or ids[u, v - 1] < lowest or ids[u, v + 1] < lowest):
                        a = 160
                b = 256 - a
                red = (((c >> 16) & 255) * a + ((canvas >> 16) & 255) * b) >> 8
                green = (((c >> 8) & 255) * a + ((canvas >> 8) & 255) * b) >> 8
                blue = ((c & 255) * a + (canvas & 255) * b) >> 8
                image[j, i] = np.uint32(0xFF000000 | (red << 16) | (green << 8) | blue)
            else:
                image[j, i] = c


@njit(f"void({_POINTS}, {_VIEW}, int32[:, ::1])", cache=True, nogil=True)
def count(
    x: NDArray,
    y: NDArray,
    layer: NDArray,
    starts: NDArray,
    ends: NDArray,
    ax: float,
    bx: float,
    ay: float,
    by: float,
    bins: NDArray,
) -> None:
    """Count the points of layer 1 and above in each bin."""
    h, w = bins.shape
    right, bottom, zero = np.float32(w), np.float32(h), np.float32(0)
    for r in range(len(starts)):
        for p in range(starts[r], ends[r]):
            fx = x[p] * ax + bx
            fy = y[p] * ay + by
            if layer[p] and fx >= zero and fy >= zero and fx < right and fy < bottom:
                bins[int(fy), int(fx)] += 1


@njit(f"int64({_POINTS}, {_VIEW}, uint8[:, ::1], int32[::1])", cache=True, nogil=True)
def gather(
    x: NDArray,
    y: NDArray,
    layer: NDArray,
    starts: NDArray,
    ends: NDArray,
    ax: float,
    bx: float,
    ay: float,
    by: float,
    mask: NDArray,
    out: NDArray,
) -> int:
    """Positions of the points of layer 1 and above whose pixel is set in `mask`; their number."""
    h, w = mask.shape
    right, bottom, zero = np.float32(w), np.float32(h), np.float32(0)
    n = 0
    for r in range(len(starts)):
        for p in range(starts[r], ends[r]):
            fx = x[p] * ax + bx
            fy = y[p] * ay + by
            if fx >= zero and fy >= zero and fx < right and fy < bottom:  # noqa: SIM102
                if layer[p] and mask[int(fy), int(fx)]:
                    out[n] = p
                    n += 1
    return n
