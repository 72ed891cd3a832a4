"""How well a space finds items of the same category: Recall@K, mAP@R, mAP, mAP@100."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 23
"""Scores held at a time (queries x gallery)."""
LONG_LIST = 100

Floats = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Scores of each query; NaN where the gallery holds no other item of its category.

    Attributes
    ----------
    first_hit : ndarray (Q,) float64
        Rank of the first item of the query's category, from 1.
    map_at_r : ndarray (Q,) float64
        Mean over the ranks 1..R of the precision at the hits (misses count 0), with R the number
        of items of the category in the gallery (Musgrave et al. 2020).
    average_precision : ndarray (Q,) float64
        Mean of the precision at the ranks of all items of the category.
    precision_100 : ndarray (Q,) float64
        Mean of the precision at the hits among the first 100; 0 without a hit. Larger than
        `average_precision`, because hits further down are not missed.
    """

    first_hit: NDArray[np.float64]
    map_at_r: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    precision_100: NDArray[np.float64]

    def recall_at(self, k: int) -> NDArray[np.float64]:
        """1 where an item of the category is among the first k, else 0; ``(Q,)``."""
        return np.where(np.isnan(self.first_hit), np.nan, self.first_hit <= k)

    @classmethod
    def joined(cls, parts: Sequence[Retrieval]) -> Retrieval:
        """Scores of consecutive blocks of queries as one."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Queries that have something to find."""
        return ~np.isnan(self.first_hit)


def retrieval(
    gallery: Floats,
    gallery_labels: NDArray[np.int64],
    queries: Floats,
    query_labels: NDArray[np.int64],
    own: NDArray[np.int64] | None = None,
) -> Retrieval:
    """Rank the whole gallery for every query.

    Parameters
    ----------
    gallery : ndarray (N, D) float
        l2-normalised.
    gallery_labels : ndarray (N,) int64
    queries : ndarray (Q, D) float
    query_labels : ndarray (Q,) int64
    own : ndarray (Q,) int64, optional
        Row of the query itself in the gallery, which is left out; -1 where it is not there.
    """
    parts = [
        _score(order, gallery_labels, query_labels[start : start + len(order)], mine)
        for start, order, mine in _ranked(gallery, queries, own)
    ]
    if not parts:
        return Retrieval(*(np.empty(0) for _ in range(4)))
    return Retrieval(*np.concatenate(parts, axis=1))


def _ranked(
    gallery: Floats, queries: Floats, own: NDArray[np.int64] | None
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Gallery rows by falling score for a block of queries; the query itself comes last."""
    rows = max(1, BLOCK // max(1, len(gallery)))
    transposed = np.ascontiguousarray(gallery).T
    for start in range(0, len(queries), rows):
        scores = np.asarray(queries[start : start + rows]) @ transposed
        n = len(scores)
        mine = np.full(n, -1, np.int64) if own is None else own[start : start + n]
        inside = np.flatnonzero(mine >= 0)
        scores[inside, mine[inside]] = -np.inf
        yield start, np.argsort(np.negative(scores, out=scores), axis=1), mine


def _score(
    order: NDArray[np.int64],
    gallery_labels: NDArray[np.int64],
    query_labels: NDArray[np.int64],
    own: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Rows of `Retrieval` for a block of queries, ``(4, n)``."""
    n = len(order)
    hits = gallery_labels[order] == query_labels[:, None]
    hits[own >= 0, -1] = False
    query, place = np.nonzero(hits)  # by query, then by rank
    total = np.bincount(query, minlength=n)
    before = np.concatenate([[0], np.cumsum(total)[:-1]])
    precision = (np.arange(len(query)) - before[query] + 1) / (place + 1)

    def summed(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(query[chosen], precision[chosen], minlength=n)

    in_100 = place < LONG_LIST
    hits_100 = np.bincount(query[in_100], minlength=n)
    relevant = np.where(total, total, np.nan)
    first = np.full(n, np.nan)
    found = np.flatnonzero(total)
    first[found] = place[before[found]] + 1
    return np.stack(
        [
            first,
            summed(place < total[query]) / relevant,
            summed(np.ones(len(query), bool)) / relevant,
            np.where(total, summed(in_100) / np.maximum(hits_100, 1), np.nan),
        ]
    )
