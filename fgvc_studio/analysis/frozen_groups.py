"""Groups by which a space is judged: k-means on the vectors, or on a 10-dimensional UMAP.

Unlike `clustering.kmeans`, which is made for speed, these use scikit-learn's greedy k-means++ to
convergence: on hard spaces it puts 5 to 10 % more items right, and a baseline must not be weak.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import neighbours, projection

RESTARTS = 5
UMAP_DIMS = 10
LAYOUTS = 3
LEAST_FOR_UMAP = 64
UMAP_NEIGHBOURS = 15
"""The item itself counts as one of them."""


def kmeans_runs(
    vectors: NDArray[np.float32], k: int, seeds: int, first: int = 0
) -> NDArray[np.int32]:
    """Groups by k-means, one run for each seed.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
    k : int
        Groups, at most N.
    seeds : int
        Number of runs, with the seeds `first`, `first` + 1, ...; each keeps the best of 5 starts.

    Returns
    -------
    ndarray (seeds, N) int32
    """
    from sklearn.cluster import KMeans

    data = np.asarray(vectors, np.float32)
    runs = [
        KMeans(min(k, len(data)), n_init=RESTARTS, random_state=first + s).fit_predict(data)
        for s in range(seeds)
    ]
    return np.asarray(runs, np.int32).reshape(seeds, len(data))


def umap_kmeans_runs(
    vectors: NDArray[np.float32], k: int, seeds: int, first: int = 0
) -> NDArray[np.int32]:
    """As `kmeans_runs`, on UMAPs of the vectors: 10 dimensions, 15 neighbours, no least distance.

    One layout alone moves the result by a point or two, so the runs take turns on `LAYOUTS`
    layouts with seeds of their own.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        l2-normalised, N > 15.
    """
    rows, scores = neighbours.knn_graph(vectors, UMAP_NEIGHBOURS - 1)
    found = np.empty((seeds, len(vectors)), np.int32)
    for layout in range(min(LAYOUTS, seeds)):
        made = projection.umap_map(
            vectors, rows, scores, first + layout, None, dims=UMAP_DIMS, min_dist=0.0,
            init="spectral",
        )  # fmt: skip
        for run in range(layout, seeds, LAYOUTS):
            found[run] = kmeans_runs(made, k, 1, first + run)[0]
    return found


def agreed_groups(
    vectors: NDArray[np.float32], k: int, rule: str, seed: int = 0
) -> NDArray[np.int64]:
    """Groups by k-means, numbered from 0, ``(N,)``.

    With the rule ``umap``, of three layouts in 10 dimensions the groups that agree best with those
    of the others; too few vectors for a layout get plain k-means, as with ``kmeans``.
    """
    from sklearn.metrics import adjusted_rand_score

    if rule == "kmeans" or len(vectors) <= LEAST_FOR_UMAP:
        return kmeans_runs(vectors, k, 1, seed)[0].astype(np.int64)
    runs = umap_kmeans_runs(vectors, k, LAYOUTS, seed)
    agreement = [sum(adjusted_rand_score(a, b) for b in runs) for a in runs]
    return runs[int(np.argmax(agreement))].astype(np.int64)
