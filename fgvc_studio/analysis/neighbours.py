"""Exact nearest neighbours by cosine similarity.

Vectors are l2-normalised rows, so the inner product is the cosine. Rows that are not finite never
appear in a result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import threads

_MATVEC_QUERIES = 4
"""Up to so many queries a matrix-vector product per query beats faiss' set-up."""
BLOCK_ROWS = 16_384
_BLOCK_QUERIES = 1_024


def search(
    space_vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    exclude_rows: NDArray[np.int64] | None = None,
    *,
    allowed: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the k most similar rows of each query, exactly.

    Parameters
    ----------
    space_vectors : ndarray (N, D) float32
        Rows l2-normalised; a memmap is read in blocks, never copied whole.
    queries : ndarray (Q, D) or (D,) float32
        Rows l2-normalised.
    exclude_rows : ndarray (Q,) int64, optional
        A row of the space that each query must not find (itself); -1 for none.
    allowed : ndarray (N,) bool, optional
        Rows that may be found; all by default.

    Returns
    -------
    rows : ndarray (Q, k) int64
        Best first; -1 where fewer than k rows qualify.
    scores : ndarray (Q, k) float32
        Cosine similarity; ``-inf`` where the row is -1.

    Raises
    ------
    ValueError
        If the dimensions of space and queries differ or k < 1.
    """
    queries = np.ascontiguousarray(np.atleast_2d(queries), np.float32)
    if k < 1:
        raise ValueError("k must be at least 1")
    if space_vectors.ndim != 2 or space_vectors.shape[1] != queries.shape[1]:
        raise ValueError(f"space is {space_vectors.shape}, queries are {queries.shape}")
    if len(queries) <= _MATVEC_QUERIES or allowed is not None:
        own = np.full(len(queries), -1) if exclude_rows is None else exclude_rows
        pairs = [
            _search_one(space_vectors, query, k, own[i], allowed) for i, query in enumerate(queries)
        ]
        rows = np.array([pair[0] for pair in pairs], np.int64).reshape(-1, k)
        return rows, np.array([pair[1] for pair in pairs], np.float32).reshape(-1, k)
    parts = [
        _search_block(
            space_vectors,
            queries[start : start + _BLOCK_QUERIES],
            k,
            None if exclude_rows is None else exclude_rows[start : start + _BLOCK_QUERIES],
        )
        for start in range(0, len(queries), _BLOCK_QUERIES)
    ]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def knn_blocks(
    vectors: NDArray[np.float32], k: int
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float32]]]:
    """Find the k nearest neighbours of every row among the other rows, a block at a time.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        Rows l2-normalised.

    Yields
    ------
    start : int
        First row of the block.
    rows, scores : ndarray (n, k) int64 and float32
        As in `search`; a row never finds itself.
    """
    for start in range(0, len(vectors), _BLOCK_QUERIES):
        stop = min(start + _BLOCK_QUERIES, len(vectors))
        block = np.ascontiguousarray(vectors[start:stop], np.float32)
        own = np.arange(start, stop, dtype=np.int64)
        yield start, *_search_block(vectors, block, k, own)


def knn_graph(
    vectors: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """`knn_blocks` joined: rows and scores ``(N, k)``."""
    blocks = list(knn_blocks(vectors, k))
    if not blocks:
        return np.empty((0, k), np.int64), np.empty((0, k), np.float32)
    return np.concatenate([b[1] for b in blocks]), np.concatenate([b[2] for b in blocks])


def _search_one(
    vectors: NDArray[np.float32],
    query: NDArray[np.float32],
    k: int,
    exclude: int,
    allowed: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Best k rows for one query: blocks of the matrix-vector product on all cores."""
    n = len(vectors)
    scores = np.empty(n, np.float32)

    def block(start: int) -> None:
        stop = min(start + BLOCK_ROWS, n)
        np.dot(vectors[start:stop], query, out=scores[start:stop])

    in_parallel(block, n)
    scores[np.isnan(scores)] = -np.inf
    if exclude >= 0:
        scores[exclude] = -np.inf
    if allowed is not None:
        scores[~allowed] = -np.inf
    rows = np.full(k, -1, np.int64)
    best = np.full(k, -np.inf, np.float32)
    top = np.argpartition(scores, n - k)[n - k :] if k < n else np.arange(n)
    top = top[np.argsort(-scores[top], kind="stable")]
    top = top[np.isfinite(scores[top])]
    rows[: len(top)] = top
    best[: len(top)] = scores[top]
    return rows, best


def _search_block(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    exclude: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Best k rows for a block of queries by faiss."""
    faiss = threads.faiss()
    wanted = k + (exclude is not None)
    found = min(wanted, len(vectors))
    rows = np.full((len(queries), wanted), -1, np.int64)
    scores = np.full((len(queries), wanted), -np.inf, np.float32)
    if found:
        scores[:, :found], rows[:, :found] = faiss.knn(
            queries,
            np.ascontiguousarray(vectors, np.float32),
            found,
            metric=faiss.METRIC_INNER_PRODUCT,
        )
        scores[rows < 0] = -np.inf
    if exclude is None:
        return rows, scores
    # Push the excluded row, or else the last one, behind the others and drop it.
    hit = rows == exclude[:, None]
    hit[~hit.any(1), -1] = True
    order = np.argsort(hit, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)


def in_parallel(work: Callable[[int], None], n: int) -> None:
    """Call ``work(start)`` for every block of `BLOCK_ROWS` of `n` rows, on all cores."""
    starts = range(0, n, BLOCK_ROWS)
    if len(starts) > 1:
        for _ in _pool().map(work, starts):
            pass
    elif n:
        work(0)


_shared_pool: list[ThreadPoolExecutor] = []


def _pool() -> ThreadPoolExecutor:
    """Threads for matrix-vector products, made at first use (numpy releases the GIL)."""
    if not _shared_pool:
        _shared_pool.append(ThreadPoolExecutor(os.cpu_count() or 1, "neighbours"))

    return _shared_pool[0]
