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
    """As `kmeans_runs`, on a UMAP of the vectors: 10 dimensions, 15 neighbours, no least distance.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        l2-normalised, N > 15.
    """
    rows, scores = neighbours.knn_graph(vectors, UMAP_NEIGHBOURS - 1)
    layout = projection.umap_map(
        vectors, rows, scores, first, None, dims=UMAP_DIMS, min_dist=0.0, init="spectral"
    )
    return kmeans_runs(layout, k, seeds, first)
