"""How good clusters look, judged from the space alone: membership, halves, look-alikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import clustering, neighbours, projection
from fgvc_studio.analysis.matching import matched_pairs

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

TAU = 0.1
"""Temperature of memberships and relations (methods of Cr-KD, section 8)."""
NEIGHBOURS = 10
MOST_COMPARED = 12_000
LEAST_HALVED, LEAST_PART = 12, 0.15
DIMS = 64
"""Principal directions kept: as good for neighbours of photos, and much faster."""


def compact(vectors: Floats, seed: int = 0) -> Floats:
    """The vectors of a pool centred, cut to 64 directions where they have more, of length 1."""
    data = np.asarray(vectors, np.float32)
    dims = min(DIMS, *data.shape)
    return _unit(projection.pca(data, dims, seed=seed))


def _unit(vectors: NDArray[np.floating]) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def softmax(values: NDArray[np.floating], tau: float = TAU) -> Floats:
    """Shares along the last axis at a temperature."""
    powers = np.exp((values - values.max(-1, keepdims=True)) / tau)
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)


def means(vectors: Floats, cluster: Ids, count: int) -> Floats:
    """Unit mean of each cluster ``(K, D)``; zero where it is empty."""
    sums = np.zeros((count, vectors.shape[1]), np.float64)
    inside = np.flatnonzero(cluster >= 0)
    order = inside[np.argsort(cluster[inside], kind="stable")]
    starts = np.flatnonzero(np.diff(cluster[order], prepend=-1))
    if len(order):
        sums[cluster[order][starts]] = np.add.reduceat(vectors[order], starts, axis=0)
    return _unit(sums)


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """How sure each item ``(n,)`` is of its cluster by the cosine to the means."""

    confidence: Floats
    margin: Floats
    runner_up: Ids


def membership(vectors: Floats, cluster: Ids, count: int) -> Membership:
    """Soft membership in given clusters; confidence is the share of the item's own cluster.

    Parameters
    ----------
    vectors : ndarray (n, D) float32
        See `compact`.
    cluster : ndarray (n,) int64
        0 .. count - 1, none negative.
    """
    n = len(vectors)
    if count < 2 or not n:
        return Membership(np.ones(n, np.float32), np.ones(n, np.float32), cluster.copy())
    shares = softmax(vectors @ means(vectors, cluster, count).T)
    rows = np.arange(n)
    own = shares[rows, cluster].copy()
    shares[rows, cluster] = -1
    second = shares.argmax(1)
    return Membership(own, own - shares[rows, second], second.astype(np.int64))


def closeness(vectors: Floats, cluster: Ids, k: int = NEIGHBOURS) -> Floats:
    """Part of the k nearest other items that lie in the same cluster, ``(n,)``."""
    k = min(k, len(vectors) - 1)
    if k < 1:
        return np.ones(len(vectors), np.float32)
    rows, _ = neighbours.knn_graph(vectors, k)
    return np.asarray((cluster[rows] == cluster[:, None]).mean(1), np.float32)


def quality(vectors: Floats, cluster: Ids, count: int, seed: int = 0) -> Floats:
    """One number 0 .. 1 per item ``(n,)`` that grows with the purity of its surroundings.

    The mean of membership, neighbours in the same cluster, and whether k-means with as many
    groups agrees.
    """
    if not len(vectors):
        return np.empty(0, np.float32)
    again = clustering.kmeans(vectors, count, seed + 101).astype(np.int64)
    pairs = matched_pairs(cluster, again, (count, count))
    same = np.array([pairs.get(int(g), -1) for g in range(count)])[again] == cluster
    sure = membership(vectors, cluster, count).confidence
    return np.asarray((sure + closeness(vectors, cluster) + same) / 3, np.float32)


# ---- parts and unions ------------------------------------------------------------------------
def parts(vectors: Floats, count: int = 2, seed: int = 0) -> tuple[Ids, float]:
    """k-means parts ``(n,)`` of one cluster, 0 the largest, and how far apart they lie.

    The gap is the mean silhouette of the parts: above about .25 the cluster looks like several.
    """
    data = compact(vectors, seed)
    found = clustering.kmeans(data, count, seed, starts=5).astype(np.int64)
    groups = int(found.max(initial=0)) + 1
    if groups < 2:
        return found, 0.0
    cosines = data @ means(data, found, groups).T
    own = cosines[np.arange(len(data)), found].copy()
    cosines[np.arange(len(data)), found] = -2
    a, b = 1 - own, 1 - cosines.max(1)
    return found, float(((b - a) / np.maximum(np.maximum(a, b), 1e-9)).mean())


def halves(vectors: Floats, seed: int = 0) -> float:
    """How much the two k-means halves of one cluster run into each other (`likeness`), 0 .. 1.

    Near 0 the cluster holds two kinds. 1 for few items, or where one half is a handful.
    """
    if len(vectors) < LEAST_HALVED:
        return 1.0
    found = clustering.kmeans(vectors, 2, seed, starts=3).astype(np.int64)
    smaller = int((found == 1).sum())
    if smaller < max(4, LEAST_PART * len(vectors)):
        return 1.0
    return float(likeness(vectors, found, 2)[0, 1])


def likeness(vectors: Floats, cluster: Ids, count: int) -> NDArray[np.float64]:
    """How much pairs of clusters run into each other: (K, K), symmetric, 0 .. 1.

    The share of neighbours that the smaller one of a pair has in the other, of those that both
    have in the pair, times two: 1 where the two cannot be told apart.

    Parameters
    ----------
    cluster : ndarray (n,) int64
        Negative: none.
    """
    k = min(NEIGHBOURS, len(vectors) - 1)
    table = np.zeros((count, count))
    if k < 1:
        return table
    rows, _ = neighbours.knn_graph(vectors, k)
    from_, to = np.repeat(cluster, k), cluster[rows].ravel()
    good = (from_ >= 0) & (to >= 0)
    np.add.at(table, (from_[good], to[good]), 1)
    own = np.diag(table)
    cross = table + table.T
    both = np.minimum(own[:, None], own[None]) * 2 + cross
    found = np.where(both > 0, 2 * cross / np.maximum(both, 1), 0)
    np.fill_diagonal(found, 0)
    return np.clip(found, 0, 1)


def some_of_each(cluster: Ids, count: int, most: int = MOST_COMPARED) -> Ids:
    """Rows to compare clusters by, ascending: all, or as many of each as `most` in all allow.

    Parameters
    ----------
    cluster : ndarray (n,) int64
        0 .. count - 1.
    """
    if len(cluster) <= most:
        return np.arange(len(cluster))
    order = np.random.default_rng(0).permutation(len(cluster))
    order = order[np.argsort(cluster[order], kind="stable")]
    starts = np.searchsorted(cluster[order], np.arange(count))
    rank = np.arange(len(order)) - starts[cluster[order]]
    return np.sort(order[rank < max(2, most // count)]).astype(np.int64)


def side_by_side(vectors: Floats) -> Ids:
    """An order ``(n,)`` in which like stands beside like: the leaves of an average-linkage tree."""
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import pdist

    if len(vectors) < 3:
        return np.arange(len(vectors))
    apart = pdist(np.asarray(vectors, np.float64), "cosine")
    tree = optimal_leaf_ordering(linkage(apart, "average"), apart)
    return np.asarray(leaves_list(tree), np.int64)
