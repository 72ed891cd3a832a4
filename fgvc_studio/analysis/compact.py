"""Exact search for one query at a quarter of the memory traffic.

Reading 100,000 x 1,280 float32 from memory is what a single search costs. `CompactSpace` keeps a
copy in bytes, one scale per row, and for every row the length ``e`` of what the rounding lost. By
Cauchy-Schwarz the true product differs from the packed one by at most ``e * |query|``, so rows
whose upper bound stays below the k-th best lower bound cannot be among the k best; the few others
are computed in full. The answer is that of `neighbours.search`.
"""

from __future__ import annotations

import threading
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import neighbours

LEAST_VALUES = 8_000_000
"""Below so many numbers (32 MB) the plain product is quick enough."""
_BLOCK_ROWS = 4_096
_SLACK = 1e-5
"""Upper bound of float32 rounding in a product of unit vectors."""
_MOST_CANDIDATES = 8
"""Beyond one row in so many the plain product reads less."""


class CompactSpace:
    """A space with its packed copy, which is made in a thread when first asked for.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        Rows l2-normalised, or not finite; usually a memmap.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.vectors = vectors
        self._packed: _Packed | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = threading.Event()

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the k rows most similar to one query, exactly.

        Parameters
        ----------
        query : ndarray (D,) float32
        allowed : ndarray (N,) bool, optional
            Rows that may be found.

        Returns
        -------
        rows, scores : ndarray (1, k) int64 and float32
            As `neighbours.search`.
        """
        if self._packed is None:
            self.pack()
        else:
            rows = self._packed.candidates(query, k, allowed)
            if len(rows) * _MOST_CANDIDATES <= len(self.vectors):
                found, scores = neighbours.search(self.vectors[rows], query, k)
                return np.where(found >= 0, rows[np.maximum(found, 0)], -1), scores
        return neighbours.search(self.vectors, query, k, allowed=allowed)

    def pack(self, *, wait: bool = False) -> bool:
        """Begin to make the packed copy, where it pays; returns whether it is in use."""
        if self.vectors.size >= LEAST_VALUES and self.vectors.flags.c_contiguous:
            with self._starting:
                if self._thread is None and not self._closed.is_set():
                    self._thread = threading.Thread(target=self._pack, name="pack", daemon=True)
                    self._thread.start()
            if wait and self._thread is not None:
                self._thread.join()
        return self._packed is not None

    def close(self) -> None:
        """Give up packing; the thread ends at its next block."""
        self._closed.set()

    def _pack(self) -> None:
        try:
            from fgvc_studio.analysis import compact_kernels
        except ImportError:  # numba is missing or broken: the plain product goes on
            return
        made = _Packed(compact_kernels, *self.vectors.shape)
        for start in range(0, len(self.vectors), _BLOCK_ROWS):
            if self._closed.is_set():
                return
            made.take(start, np.asarray(self.vectors[start : start + _BLOCK_ROWS], np.float32))
        self._packed = made


class _Packed:
    def __init__(self, kernels: ModuleType, n: int, dim: int) -> None:
        self._kernels = kernels
        self._codes = np.empty((n, dim), np.int8)
        self._scales = np.empty(n, np.float32)
        self._errors = np.empty(n, np.float32)

    def take(self, start: int, block: NDArray[np.float32]) -> None:
        part = slice(start, start + len(block))
        self._kernels.pack(block, self._codes[part], self._scales[part], self._errors[part])

    def candidates(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.int64]:
        """Rows among which the k best are, ascending."""
        query = np.array(query, np.float32)
        n = len(self._codes)
        scores = np.empty(n, np.float32)

        def block(start: int) -> None:
            part = slice(start, start + neighbours.BLOCK_ROWS)
            self._kernels.products(self._codes[part], self._scales[part], query, scores[part])

        neighbours.in_parallel(block, n)
        reach = (self._errors + np.float32(_SLACK)) * np.float32(np.linalg.norm(query))
        low, high = scores - reach, scores + reach
        out = np.isnan(reach) if allowed is None else np.isnan(reach) | ~allowed
        low[out] = high[out] = -np.inf
        floor = np.partition(low, n - k)[n - k] if k < n else -np.inf
        return np.flatnonzero((high >= floor) & ~out)
