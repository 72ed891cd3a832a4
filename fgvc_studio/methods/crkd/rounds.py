"""From one round of discovery to the next: stable cluster ids, prototypes that start well."""

from __future__ import annotations

import copy
from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.analysis.matching import kept_ids, matched_pairs
from fgvc_studio.methods.crkd.helpers import Group, silent
from fgvc_studio.methods.crkd.model import CrkdNetwork

__all__ = ["grouped", "kept_ids", "matched_pairs", "start_at_centres"]
_STARTS = 5


def grouped(
    features: Tensor, count: int, rule: str, seed: int = 0, group: Group | None = None
) -> Generator[None, None, Tensor]:
    """Groups (M,) int64 of the pool, numbered from 0: see `frozen_groups.agreed_groups`.

    May be left at any yield.

    Parameters
    ----------
    features : Tensor (M, d)
    rule : str
        ``kmeans`` or ``umap``.
    group : callable, optional
        Does the same elsewhere.
    """
    from fgvc_studio.analysis import frozen_groups

    units = F.normalize(features.float(), dim=1).cpu().numpy()
    found = yield from silent((group or frozen_groups.agreed_groups)(units, count, rule, seed))
    return torch.from_numpy(np.asarray(found, np.int64))


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
