"""From one round of discovery to the next: stable cluster ids, prototypes that start well."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.methods.crkd.model import CrkdNetwork

Labels = NDArray[np.int64]
_STARTS = 5
_LEAST_FOR_UMAP = 64


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


def grouped(features: Tensor, count: int, rule: str, seed: int = 0) -> Tensor:
    """Groups (M,) int64 of the pool by k-means, numbered from 0.

    With ``umap``, of three layouts in 10 dimensions the groups that agree best with those of the
    others; pools too small for a layout get plain k-means.

    Parameters
    ----------
    features : Tensor (M, d)
    rule : str
        ``kmeans`` or ``umap``.
    """
    from sklearn.metrics import adjusted_rand_score

    from fgvc_studio.analysis import frozen_groups

    units = F.normalize(features.float(), dim=1).cpu().numpy()
    if rule == "kmeans" or len(units) <= _LEAST_FOR_UMAP:
        return torch.from_numpy(frozen_groups.kmeans_runs(units, count, 1, seed)[0]).long()
    runs = frozen_groups.umap_kmeans_runs(units, count, frozen_groups.LAYOUTS, seed)
    agreement = [sum(adjusted_rand_score(a, b) for b in runs) for a in runs]
    return torch.from_numpy(runs[int(np.argmax(agreement))]).long()


@torch.no_grad()
def start_at_centres(
    network: CrkdNetwork, features: Tensor, seed: int = 0, given: Tensor | None = None
) -> None:
    """Set the novel prototypes to where the k-means groups of the pool lie in each head.

    Parameters
    ----------
    features : Tensor (M, d)
        What the heads look at, of the pool's clean views; M >= 2.
    given : Tensor (M,) int64, optional
        Groups for the heads of as many prototypes as there are novel classes.
    """
    from sklearn.cluster import KMeans

    units = F.normalize(features.float(), dim=1).cpu().numpy()
    groups: dict[int, Tensor] = {}
    if given is not None:
        groups[min(network.novel_classes, len(units))] = given
    for head in network.novel_heads:
        count = len(head.prototypes.weight)
        able = min(count, len(units))
        if able not in groups:
            means = KMeans(able, n_init=_STARTS, random_state=seed).fit(units)
            groups[able] = torch.from_numpy(means.labels_.astype(np.int64))
        probe = copy.deepcopy(head).train()  # a copy: its batch norm must not move
        embedded = probe(features)[0].cpu().float()
        sums = torch.zeros(able, embedded.shape[1]).index_add_(0, groups[able], embedded)
        head.prototypes.weight[:able] = sums.to(head.prototypes.weight)
        head.prototypes.normalise()
