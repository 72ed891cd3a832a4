"""Losses of Cr-KD: swapped prediction and class-relation distillation.

Axes: V views, H heads, B items, C known classes, K novel ones. Joint logits are cosines
``[known | novel]`` (V, H, B, C + K), not yet divided by a temperature.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.methods.crkd.sinkhorn import in_full

_LEAST_MASS = 1e-6


class Relation(NamedTuple):
    """Class-relation distillation.

    Attributes
    ----------
    per_head : Tensor (H,)
    mass, weight : Tensor (V, H, B_u)
        The student's probability of the known classes together, and that over its mean.
    """

    per_head: Tensor
    mass: Tensor
    weight: Tensor


def known_loss(cosines: Tensor, labels: Tensor, tau: float = 0.1) -> Tensor:
    """Stage 1: mean over views of the cross-entropy; (V, B, C) and (B,) -> scalar."""
    flat = (in_full(cosines) / tau).flatten(0, 1)
    return F.cross_entropy(flat, labels.repeat(len(cosines)))


@torch.no_grad()
def joint_targets(labels: Tensor, assigned: Tensor, known: int) -> Tensor:
    """Targets over known and novel classes.

    Parameters
    ----------
    labels : Tensor (B,) int64
        Known class, negative where the item has no label.
    assigned : Tensor (V, H, B_u, K)
        Soft assignments of the items without label, in their order.

    Returns
    -------
    Tensor (V, H, B, C + K)
    """
    views, heads, _, novel = assigned.shape
    made = assigned.new_zeros(views, heads, len(labels), known + novel)
    unlabelled = labels < 0
    named = F.one_hot(labels[~unlabelled], known).to(made)
    made[:, :, ~unlabelled, :known] = named
    made[:, :, unlabelled, known:] = assigned
    return made


def swap_loss(logits: Tensor, targets: Tensor, tau: float = 0.1) -> Tensor:
    """Swapped prediction: each large view's target from every other view.

    Parameters
    ----------
    logits : Tensor (V, H, B, N)
        Large views first.
    targets : Tensor (L, H, B, N)
        Of the L large views; no gradient.

    Returns
    -------
    Tensor (H,)
    """
    log = F.log_softmax(in_full(logits) / tau, -1)
    views, large = len(logits), len(targets)
    total = log.new_zeros(logits.shape[1])
    for v in range(large):
        for other in range(views):
            if other != v:
                total = total - (targets[v] * log[other]).sum(-1).mean(-1)
    return total / (large * (views - 1))


def relation_loss(
    teacher: Tensor,
    logits: Tensor,
    *,
    tau: float = 0.1,
    temperature: float = 4.0,
    detach_weight: bool = False,
    kl: bool = False,
) -> Relation:
    """Distil how unlabelled items relate to the known classes.

    Parameters
    ----------
    teacher : Tensor, broadcastable to (V, H, B_u, C)
        The teacher's cosines.
    logits : Tensor (V, H, B_u, C + K)
        The student's joint cosines, of items without label only.
    detach_weight : bool
        Ablation: no gradient through the weight.
    kl : bool
        Ablation: Kullback-Leibler divergence in place of cross-entropy.
    """
    heads, known = logits.shape[1], teacher.shape[-1]
    if not logits.shape[2]:
        nothing = logits.sum((0, 2, 3)) * 0
        return Relation(nothing, logits[..., 0].detach(), logits[..., 0].detach())
    student = in_full(logits) / (tau * temperature)
    wanted = (in_full(teacher).detach() / (tau * temperature)).softmax(-1)
    gap = -(wanted * F.log_softmax(student[..., :known], -1)).sum(-1)
    if kl:
        gap = gap + torch.special.xlogy(wanted, wanted).sum(-1)
    mass = student.softmax(-1)[..., :known].sum(-1)
    weight = mass / mass.mean().clamp(min=_LEAST_MASS)
    if detach_weight:
        weight = weight.detach()
    each = temperature**2 * weight * gap
    per_head = each.permute(1, 0, 2).reshape(heads, -1).mean(1)
    return Relation(per_head, mass, weight)
