"""Groups of unnamed items by baselines, each with how repeatable its groups are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import class_count, clustering, frozen_groups, probes
from fgvc_studio.analysis.cluster_quality import compact
from fgvc_studio.analysis.matching import matched_pairs

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

METHODS = ("kmeans", "umap-kmeans", "hdbscan", "guided", "guided-hdbscan")
RUNS = 4
LAYOUTS = 2
_EXACT = 20_000_000
"""Items times groups up to which the slower and better k-means runs."""
LEAST_FOR_UMAP = 20


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Groups of n items.

    Attributes
    ----------
    cluster : ndarray (n,) int64
        0 .. K-1 from the largest down, -1 in none.
    agreement : ndarray (n,) float32
        Share of repetitions that put the item into the group that corresponds.
    stability : ndarray (K,) float32
        Mean Jaccard overlap of the group with the one that corresponds.
    """

    cluster: Ids
    agreement: Floats
    stability: Floats


def discriminants(vectors: Floats, known: Floats, labels: Ids) -> Floats:
    """The vectors ``(n, E)`` in the directions that tell named categories apart.

    What tells known categories apart mostly tells new ones apart too, while light, background and
    pose, which do not, are left behind.

    Parameters
    ----------
    vectors : ndarray (n, D) float32
    known : ndarray (m, D) float32
    labels : ndarray (m,) int64
        Categories of `known`; two at least with two items.
    """
    components = probes.pca_space(np.concatenate([known, vectors]))
    names, counts = np.unique(labels, return_counts=True)
    rows = np.flatnonzero(np.isin(labels, names[counts > 1]))  # one item has no spread
    made = probes.lda_space(components, rows, labels[rows])
    return np.ascontiguousarray(made[len(known) :], np.float32)


def group(
    vectors: Floats,
    method: str,
    count: int,
    size: int,
    seed: int,
    known: Floats,
    labels: Ids,
) -> Groups:
    """Group items by one of `METHODS`.

    Parameters
    ----------
    vectors : ndarray (n, D) float32
        l2-normalised.
    known, labels : ndarray (m, D) float32 and (m,) int64
        Named items with their categories; looked at by the guided methods only, which
        are UMAP with k-means or HDBSCAN on `discriminants`.
    count : int
        Groups wanted by the k-means methods.
    size : int
        Least items of a dense region, for HDBSCAN.

    Raises
    ------
    ValueError
        Unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"no method {method}")
    if method.startswith("guided"):
        vectors = discriminants(vectors, known, labels)
        method = "hdbscan" if method == "guided-hdbscan" else "umap-kmeans"
    if method == "kmeans" or len(vectors) < LEAST_FOR_UMAP:
        runs = [_kmeans(vectors, count, seed + r) for r in range(RUNS)]
    else:
        layouts = [class_count.layout(vectors, seed + i) for i in range(LAYOUTS)]
        if method == "hdbscan":
            runs = [clustering.hdbscan(points, size).astype(np.int64) for points in layouts]
        else:
            runs = [_kmeans(layouts[r % LAYOUTS], count, seed + r) for r in range(RUNS)]
    return compared([clustering.by_size(run).astype(np.int64) for run in runs])


def _kmeans(vectors: Floats, count: int, seed: int) -> Ids:
    count = max(1, min(count, len(vectors)))
    if len(vectors) * count <= _EXACT:
        return frozen_groups.kmeans_runs(vectors, count, 1, seed)[0].astype(np.int64)
    return clustering.kmeans(vectors, count, seed).astype(np.int64)


def compared(runs: list[Ids]) -> Groups:
    """The first of several groupings ``(n,)``, with what the others say to it."""
    first = runs[0]
    count = int(first.max(initial=-1)) + 1
    same, overlap = np.zeros((len(runs) - 1, len(first))), np.zeros((len(runs) - 1, count))
    for r, run in enumerate(runs[1:]):
        other = int(run.max(initial=-1)) + 1
        pairs = matched_pairs(first, run, (count, other))
        match = np.array([pairs.get(g, -2) for g in range(other)] + [-1])[run]
        same[r] = match == first
        for g in range(count):
            together = np.count_nonzero((match == g) & (first == g))
            either = np.count_nonzero((match == g) | (first == g))
            overlap[r, g] = together / max(either, 1)
    if len(runs) < 2:
        return Groups(first, np.ones(len(first), np.float32), np.ones(count, np.float32))
    return Groups(first, same.mean(0).astype(np.float32), overlap.mean(0).astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """For several numbers of groups, how alike the groups of different seeds are."""

    counts: Ids
    stability: NDArray[np.float64]


def repeats(vectors: Floats, counts: Ids, seeds: int = 4) -> Repeats:
    """Mean adjusted Rand index of k-means groups over pairs of seeds, for each number."""
    from sklearn.metrics import adjusted_rand_score

    data = compact(vectors)
    found = []
    for count in counts:
        runs = [clustering.kmeans(data, int(count), s) for s in range(seeds)]
        scores = [adjusted_rand_score(a, b) for i, a in enumerate(runs) for b in runs[:i]]
        found.append(float(np.mean(scores)))
    return Repeats(np.asarray(counts, np.int64), np.array(found))
