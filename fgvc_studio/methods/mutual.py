"""Mutual neighbours: items that several methods take for alike though nobody named them. Ours.

Two items are mutual neighbours when each is among the other's nearest. Their differences tell what
does not matter, and the mean of an item and its mates stands for its category.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import neighbours

LEAST = 30
"""Pairs below which there is too little to learn from."""

Doubles = NDArray[np.float64]
Pairs = NDArray[np.int64]


def mutual_pairs(space: NDArray[np.float32], k: int) -> Pairs:
    """Pairs of rows that are among each other's k nearest, (P, 2) int64, the smaller row first.

    Parameters
    ----------
    space : ndarray (m, D) float32
        Rows l2-normalised.
    """
    n = len(space)
    if n < 2:
        return np.zeros((0, 2), np.int64)
    found, _ = neighbours.search(space, space, min(k, n - 1), np.arange(n))
    own = np.repeat(np.arange(n), found.shape[1])
    near = found.ravel()
    own, near = own[near >= 0], near[near >= 0]
    keys = np.minimum(own, near) * n + np.maximum(own, near)
    values, counts = np.unique(keys, return_counts=True)
    both = values[counts == 2]
    return np.stack([both // n, both % n], axis=1)


def scatter_and_means(features: Doubles, pairs: Pairs) -> tuple[Doubles, Doubles]:
    """Scatter of pairs (d, d) and the mean of each row and its mates (m, d).

    The scatter is the mean over the pairs of half the outer product of their difference: for items
    drawn from one category, its covariance.
    """
    from scipy.sparse import coo_array

    m = len(features)
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (m, m)).tocsr()
    degree = np.bincount(ends[:, 0], minlength=m).astype(np.float64)[:, None]
    sums = graph @ features
    scatter = features.T @ (degree * features - sums) / max(1, 2 * len(pairs))
    return scatter, (features + sums) / (1 + degree)
