"""The compiled loops of `compact`; importing this module compiles them (or reads numba's cache)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(
    "void(Array(float32, 2, 'C', readonly=True), int8[:, ::1], float32[::1], float32[::1])",
    cache=True,
    nogil=True,
)
def pack(
    vectors: NDArray[np.float32],
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    errors: NDArray[np.float32],
) -> None:
    """Round each row to bytes times a scale; `errors` gets the length of what is lost.

    A row that is not finite gets zeros and an error of NaN.
    """
    for i in range(vectors.shape[0]):
        top = np.float32(0)
        finite = True
        for j in range(vectors.shape[1]):
            finite &= np.isfinite(vectors[i, j])
            top = max(top, abs(vectors[i, j]))
        if not finite:
            codes[i] = 0
            scales[i] = 0
            errors[i] = np.nan
            continue
        scale = top / np.float32(127)
        back = np.float32(1) / scale if scale > 0 else np.float32(0)
        lost = 0.0
        for j in range(vectors.shape[1]):
            code = np.rint(vectors[i, j] * back)
            codes[i, j] = np.int8(code)
            rest = np.float64(vectors[i, j]) - np.float64(code) * np.float64(scale)
            lost += rest * rest
        scales[i] = scale
        errors[i] = np.sqrt(lost)


@njit(
    "void(int8[:, ::1], float32[::1], float32[::1], float32[::1])",
    cache=True,
    nogil=True,
    fastmath=True,
)
def products(
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    query: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Inner product of every packed row with `query`."""
    for i in range(codes.shape[0]):
        total = np.float32(0)
        for j in range(codes.shape[1]):
            total += np.float32(codes[i, j]) * query[j]
        out[i] = total * scales[i]
