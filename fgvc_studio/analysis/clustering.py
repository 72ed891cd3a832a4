"""Groups of look-alikes: k-means on a space, HDBSCAN on a map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import threads


def kmeans(
    vectors: NDArray[np.float32], k: int, *, seed: int = 0, restarts: int = 1, rounds: int = 25
) -> NDArray[np.int32]:
    """k-means by faiss, the best of `restarts`.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
    k : int
        At most N.

    Returns
    -------
    ndarray (N,) int32
    """
    threads.prepare()
    import faiss

    data = np.ascontiguousarray(vectors, np.float32)
    k = max(1, min(k, len(data)))
    engine = faiss.Kmeans(
        data.shape[1],
        k,
        niter=rounds,
        nredo=restarts,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=1000,
    )
    engine.train(data)
    _, found = engine.index.search(data, 1)
    return np.asarray(found[:, 0], np.int32)


def hdbscan(xy: NDArray[np.float32], min_cluster_size: int) -> NDArray[np.int32]:
    """HDBSCAN groups of points on a map.

    Parameters
    ----------
    xy : ndarray (N, 2) float32
    min_cluster_size : int

    Returns
    -------
    ndarray (N,) int32
        -1 for points in no group.
    """
    from sklearn.cluster import HDBSCAN

    size = max(2, min(min_cluster_size, len(xy)))
    model = HDBSCAN(min_cluster_size=size, min_samples=min(5, size), copy=True)
    return np.asarray(model.fit_predict(np.asarray(xy, np.float64)), np.int32)
