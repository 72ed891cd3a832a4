"""Exact nearest neighbours by cosine: one query by a matrix-vector product, many by faiss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import threads

BLOCK = 16384
QUERIES = 1024
FEW = 4
"""Up to so many queries a plain product beats faiss, which copies and blocks."""


def search(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    *,
    allowed: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k rows of largest inner product.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        l2-normalised, may be a memmap.
    queries : ndarray (Q, D) float32
    allowed : ndarray (N,) bool, optional
        Rows that may be found.

    Returns
    -------
    rows : ndarray (Q, k) int64
        Best first; -1 where fewer than k rows may be found.
    scores : ndarray (Q, k) float32
    """
    queries = np.ascontiguousarray(queries, np.float32)
    if len(queries) > FEW and allowed is None:
        return _faiss(vectors, queries, k)
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for q, query in enumerate(queries):
        similar = _product(vectors, query)
        if allowed is not None:
            similar[~allowed] = -np.inf
        found = top(similar, k)
        found = found[np.isfinite(similar[found])]
        rows[q, : len(found)] = found
        scores[q, : len(found)] = similar[found]
    return rows, scores


def _product(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.asarray(vectors) @ query, np.float32)


def top(values: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Indices of the k largest values, largest first; ties by index."""
    k = min(k, len(values))
    if k < len(values):
        part = np.argpartition(-values, k - 1)[:k]
    else:
        part = np.arange(len(values))
    return part[np.lexsort((part, -values[part]))].astype(np.int64)


def _faiss(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    threads.prepare()
    import faiss

    base = np.ascontiguousarray(vectors, np.float32)
    wanted = min(k, len(base))
    scores, rows = faiss.knn(queries, base, wanted, metric=faiss.METRIC_INNER_PRODUCT)
    if wanted < k:
        rows = np.pad(rows, ((0, 0), (0, k - wanted)), constant_values=-1)
        scores = np.pad(scores, ((0, 0), (0, k - wanted)), constant_values=-np.inf)
    return rows.astype(np.int64), scores.astype(np.float32)


def knn_blocks(
    vectors: NDArray[np.float32], k: int
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float32]]]:
    """Neighbours of every row, a block of rows at a time; the row itself is left out.

    Yields
    ------
    start : int
    rows : ndarray (n, k) int64
    scores : ndarray (n, k) float32
    """
    base = np.ascontiguousarray(vectors, np.float32)
    for start in range(0, len(base), QUERIES):
        block = base[start : start + QUERIES]
        rows, scores = _faiss(base, block, k + 1)
        yield start, *_without_self(rows, scores, start)


def _without_self(
    rows: NDArray[np.int64], scores: NDArray[np.float32], start: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Drop each row's own number, or the last column where copies pushed it out."""
    own = np.arange(start, start + len(rows))[:, None]
    keep = rows != own
    keep[keep.all(1), -1] = False
    shape = (len(rows), rows.shape[1] - 1)
    return rows[keep].reshape(shape), scores[keep].reshape(shape)


def knn_graph(
    vectors: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """`knn_blocks` joined: ``(N, k)`` rows and scores."""
    blocks = list(knn_blocks(vectors, k))
    return np.concatenate([b[1] for b in blocks]), np.concatenate([b[2] for b in blocks])
