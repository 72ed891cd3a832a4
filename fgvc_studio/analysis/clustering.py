"""Groups of like items: k-means (faiss) and HDBSCAN (scikit-learn)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import threads

_ROUNDS = 25


def kmeans(
    vectors: NDArray[np.float32], k: int, seed: int = 0, *, starts: int = 1
) -> NDArray[np.int32]:
    """Group rows by k-means with k-means++ starts.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        Finite.
    k : int
        Groups wanted; never more than N are made.
    starts : int
        The best of so many starts is kept.

    Returns
    -------
    ndarray (N,) int32
        Group of each row, 0 the largest.
    """
    data = np.ascontiguousarray(vectors, np.float32)
    k = min(k, len(data))
    if k <= 1:
        return np.zeros(len(data), np.int32)
    faiss = threads.faiss()
    means = faiss.Kmeans(
        data.shape[1],
        k,
        niter=_ROUNDS,
        nredo=starts,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=4096,
        init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
    )
    means.train(data)
    _, nearest = means.index.search(data, 1)
    return by_size(nearest[:, 0])


def hdbscan(xy: NDArray[np.float32], min_cluster_size: int) -> NDArray[np.int32]:
    """Group rows by density (HDBSCAN); -1 is noise, 0 the largest group.

    Parameters
    ----------
    xy : ndarray (N, d) float32
        A 2-D map, or PCA coordinates up to about 20 dimensions.
    """
    size = max(2, min_cluster_size)
    if len(xy) < size:
        return np.full(len(xy), -1, np.int32)
    from sklearn.cluster import HDBSCAN

    found = HDBSCAN(min_cluster_size=size, copy=True).fit_predict(np.asarray(xy, np.float64))
    return by_size(found)


def groups(xy: NDArray[np.float32], min_cluster_size: int | None = None) -> NDArray[np.int32]:
    """Group the points of a map as the eye would.

    Parameters
    ----------
    xy : ndarray (N, 2) float32
    min_cluster_size : int, optional
        By default one in 500 points, from 5 to 200.
    """
    if min_cluster_size is None:
        min_cluster_size = int(np.clip(len(xy) // 500, 5, 200))
    return hdbscan(xy, min_cluster_size)


def by_size(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Number groups from the largest (0) down; negative labels become -1."""
    labels = np.asarray(labels)
    out = np.full(len(labels), -1, np.int32)
    named, inverse, counts = np.unique(labels[labels >= 0], return_inverse=True, return_counts=True)
    rank = np.empty(len(named), np.int32)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(named), dtype=np.int32)
    out[labels >= 0] = rank[inverse]
    return out
