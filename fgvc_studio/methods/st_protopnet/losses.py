"""The losses of one branch; everything in float32.

C classes of K prototypes each; prototype j belongs to class ``j // K``; P = C * K.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.methods.st_protopnet.config import StProtoConfig

TRIVIAL, SUPPORT = "trivial", "support"
BRANCHES = (TRIVIAL, SUPPORT)
_PUBLISHED_SIZE = 200 * 25


def own_class(classes: int, per_class: int, device: torch.device | None = None) -> Tensor:
    """Which prototypes belong to which class, (C, P) bool."""
    return torch.eye(classes, dtype=torch.bool, device=device).repeat_interleave(per_class, 1)


def best_of(maxima: Tensor, mask: Tensor, *, exact: bool = False) -> Tensor:
    """Mean over the images of the largest wanted maximum.

    Parameters
    ----------
    maxima : Tensor (B, P)
        Spatial maxima of the similarity.
    mask : Tensor (B, P) bool
        Which prototypes are wanted.
    exact : bool
        Multiply by the mask as first published; it stalls where all wanted maxima are negative.
    """
    masked = maxima * mask if exact else maxima.masked_fill(~mask, -torch.inf)
    return masked.max(dim=1).values.mean()


def orthogonality(prototypes: Tensor, per_class: int) -> Tensor:
    """Sum over classes of the entries of ``|Q Q^T - I|``; prototypes (P, D)."""
    sisters = prototypes.unflatten(0, (-1, per_class))
    products = sisters @ sisters.mT
    return (products - torch.eye(per_class, device=products.device)).abs().sum()


def _class_pairs(prototypes: Tensor, per_class: int) -> tuple[Tensor, Tensor]:
    """Products of all prototypes (C, K, C, K), and the ordered pairs of classes (C, C) bool."""
    classes = len(prototypes) // per_class
    products = (prototypes @ prototypes.T).view(classes, per_class, classes, per_class)
    return products, ~torch.eye(classes, dtype=torch.bool, device=products.device)


def closeness(prototypes: Tensor, per_class: int, nearest: int = 0) -> Tensor:
    """Minus the mean over pairs of classes of their least product.

    Parameters
    ----------
    nearest : int
        Only that many pairs, those with the largest mean product; 0 takes all.
    """
    products, pairs = _class_pairs(prototypes, per_class)
    least = products.amin((1, 3))
    if 0 < 2 * nearest < int(pairs.sum()):
        near = products.detach().mean((1, 3)).masked_fill(~pairs.triu(), -torch.inf)
        first, second = torch.unravel_index(near.flatten().topk(nearest).indices, near.shape)
        return -least[first, second].mean()
    return -least[pairs].mean()


def discrimination(prototypes: Tensor, per_class: int) -> Tensor:
    """Mean over pairs of classes of their largest product."""
    products, pairs = _class_pairs(prototypes, per_class)
    return products.amax((1, 3))[pairs].mean()


def sparsity(weights: Tensor, own: Tensor) -> Tensor:
    """Sum of absolute weights (C, P) between classes and prototypes of others."""
    return weights.masked_fill(own, 0.0).abs().sum()


@dataclass(frozen=True)
class BranchTerms:
    """The terms of a branch and what is minimised, scalars."""

    total: Tensor
    cross_entropy: Tensor
    cluster: Tensor
    separation: Tensor
    orthogonality: Tensor
    class_pairs: Tensor
    """Closeness in the support branch, discrimination in the trivial one."""
    l1: Tensor


def branch_loss(
    branch: str,
    logits: Tensor,
    maxima: Tensor,
    prototypes: Tensor,
    weights: Tensor,
    labels: Tensor,
    config: StProtoConfig,
) -> BranchTerms:
    """Loss of one branch.

    Parameters
    ----------
    logits : Tensor (B, C)
        Of this branch alone.
    maxima : Tensor (B, P)
        Largest cosine of each image and prototype.
    prototypes : Tensor (P, D)
    weights : Tensor (C, P)
        Of the last layer.
    labels : Tensor (B,) int64
    """
    logits, maxima, prototypes = logits.float(), maxima.float(), prototypes.float()
    per_class = len(prototypes) // len(weights)
    own = own_class(len(weights), per_class, weights.device)
    mine = own[labels]
    cross = F.cross_entropy(logits, labels)
    near = best_of(maxima, mine, exact=config.exact)
    far = best_of(maxima, ~mine, exact=config.exact)
    sisters = orthogonality(prototypes, per_class)
    if branch == SUPPORT:
        pairs = closeness(prototypes, per_class, config.close_nearest)
        separated, paired = config.separation_support, config.closeness
    else:
        pairs = discrimination(prototypes, per_class)
        separated, paired = config.separation_trivial, config.discrimination
    scale = 1.0 if config.exact else _PUBLISHED_SIZE / (len(prototypes) * per_class)
    thin = sparsity(weights, own)
    total = (
        cross
        - config.cluster * near
        + separated * far
        + config.orthogonality * scale * sisters
        + paired * pairs
        + config.l1 * thin
    )
    return BranchTerms(total, cross, near, far, sisters, pairs, thin)
