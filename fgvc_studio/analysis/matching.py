"""One-to-one matching of two partitions, and numbers that stay from one to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


def matched_pairs(first: Labels, second: Labels, sizes: tuple[int, int]) -> dict[int, int]:
    """The one-to-one matching second -> first with most shared members (Hungarian).

    Parameters
    ----------
    first, second : ndarray (n,) int64
        Two partitions of the same items, numbered from 0; negative: in no cluster.
    sizes : (int, int)
        Numbers of clusters.
    """
    from scipy.optimize import linear_sum_assignment

    both = (first >= 0) & (second >= 0)
    table = np.zeros((sizes[1], sizes[0]), np.int64)
    np.add.at(table, (second[both], first[both]), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if table[r, c] > 0}


def kept_ids(old: Labels, new: Labels, fresh_from: int | None = None) -> Labels:
    """Ids for the clusters of a new round: those of the old clusters that they continue.

    Parameters
    ----------
    old : ndarray (n,) int64
        Id of each item's cluster in the last round, -1 for none.
    new : ndarray (n,) int64
        Cluster number 0 .. K-1 in this round, -1 for none.
    fresh_from : int, optional
        First id for clusters that continue none; after the largest old one by default.

    Returns
    -------
    ndarray (K,) int64
    """
    ids = np.unique(old[old >= 0])
    numbered = np.where(old >= 0, np.searchsorted(ids, old), -1)
    count = int(new.max(initial=-1)) + 1
    pairs = matched_pairs(numbered, new, (len(ids), count))
    following = int(ids.max(initial=-1)) + 1 if fresh_from is None else fresh_from
    found = np.empty(count, np.int64)
    for cluster in range(count):
        if cluster in pairs:
            found[cluster] = ids[pairs[cluster]]
        else:
            found[cluster] = following
            following += 1
    return found
