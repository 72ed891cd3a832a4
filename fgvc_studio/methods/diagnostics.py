"""How healthy an embedding is, without labels."""

from __future__ import annotations

import torch
from torch import Tensor

from fgvc_studio.domain.errors import UserError


@torch.no_grad()
def spread(embeddings: Tensor) -> float:
    """Mean standard deviation per dimension of unit vectors (n, d), times sqrt(d); 0 .. 1."""
    return float(embeddings.float().std(0).mean() * embeddings.shape[1] ** 0.5)


@torch.no_grad()
def rank_me(embeddings: Tensor) -> float:
    """Effective rank of (n, d): exp of the entropy of the singular values (arXiv 2210.02885)."""
    values = torch.linalg.svdvals(embeddings.float())
    share = values / values.sum().clamp(min=1e-12) + 1e-7
    return float(torch.exp(-(share * share.log()).sum()))


@torch.no_grad()
def attention_entropy(attention: Tensor) -> float:
    """Mean entropy of attention rows (n, T) that sum to 1, divided by log T; 0 .. 1."""
    entropy = -torch.special.xlogy(attention, attention).sum(-1).mean()
    return float(entropy / max(1e-9, torch.tensor(attention.shape[1]).log().item()))


def collapse_alarms(entropy: float, spread_: float, rank: float, items: int) -> tuple[str, ...]:
    """What looks like a collapse, in words.

    Parameters
    ----------
    entropy : float
        Mean target entropy of an epoch / log K.
    items : int
        Rows that `spread_` and `rank` were measured on; below 20 they say nothing.
    """
    alarms = []
    if entropy < 0.05:
        alarms.append("The teacher puts all images into a few outputs: the training is collapsing.")
    if entropy > 0.99:
        alarms.append("The teacher tells no images apart: its outputs are all alike.")
    if items >= 20 and spread_ < 0.1:
        alarms.append("The embeddings of all images have become nearly equal.")
    if items >= 20 and rank < 5:
        alarms.append("The embedding uses fewer than five directions.")
    return tuple(alarms)


def least_items(n: int, least: int = 2) -> None:
    """Refuse to train on next to nothing.

    Raises
    ------
    UserError
        Fewer readable items than `least`.
    """
    if n < least:
        raise UserError(
            f"Only {n} items can be used for training.",
            "Import more images, or choose more splits.",
        )
