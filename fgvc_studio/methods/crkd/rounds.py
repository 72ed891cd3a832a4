"""From one round of discovery to the next: stable cluster ids, prototypes that start well."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.analysis.matching import kept_ids, matched_pairs
from fgvc_studio.methods.crkd.model import CrkdNetwork

__all__ = ["kept_ids", "matched_pairs", "start_at_centres"]
_STARTS = 5


@torch.no_grad()
def start_at_centres(network: CrkdNetwork, features: Tensor, seed: int = 0) -> None:
    """Set the novel prototypes to where the k-means groups of the pool lie in each head.

    Parameters
    ----------
    features : Tensor (M, d)
        What the heads look at, of the pool's clean views; M >= 2.
    """
    from sklearn.cluster import KMeans

    units = F.normalize(features.float(), dim=1).cpu().numpy()
    groups: dict[int, Tensor] = {}
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
