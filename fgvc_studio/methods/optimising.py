"""Parts that every trainer's step is made of: parameter groups, clipping, moving averages."""

from __future__ import annotations

import torch
from torch import nn


def parameter_groups(named: list[tuple[str, nn.Parameter]], rate: float) -> list[dict[str, object]]:
    """Optimiser groups of one learning rate: weight decay on matrices only.

    Each group carries ``rate`` (the learning rate at its peak) and ``decays``.
    """
    trained = [p for _, p in named if p.requires_grad]
    groups = []
    for decays in (True, False):
        found = [p for p in trained if (p.ndim > 1) is decays]
        if found:
            groups.append({"params": found, "rate": rate, "decays": decays, "lr": rate})
    return groups


@torch.no_grad()
def clip_each(parameters: list[nn.Parameter], norm: float) -> None:
    """Clip the gradient of every tensor by itself to a norm."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients or not norm:
        return
    for gradient, length in zip(gradients, torch._foreach_norm(gradients), strict=True):
        gradient.mul_((norm / (length + 1e-6)).clamp(max=1.0))


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Teacher <- momentum * teacher + (1 - momentum) * student; buffers are copied."""
    old, new = list(teacher.parameters()), [p.detach() for p in student.parameters()]
    if old:
        torch._foreach_lerp_(old, new, 1.0 - momentum)
    for mine, theirs in zip(teacher.buffers(), student.buffers(), strict=True):
        mine.copy_(theirs)
