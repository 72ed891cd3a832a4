"""Balanced soft assignment (Sinkhorn-Knopp) in the log domain, which does not overflow."""

from __future__ import annotations

import torch
from torch import Tensor


def in_full(values: Tensor) -> Tensor:
    """Half precision as float32; float32 and float64 as they are."""
    return values if values.dtype == torch.float64 else values.float()


@torch.no_grad()
def sinkhorn(
    cosines: Tensor, epsilon: float = 0.05, iterations: int = 3, mix: float = 0.0
) -> Tensor:
    """Assign rows to prototypes so that the prototypes get about equal shares.

    Parameters
    ----------
    cosines : Tensor (B, K)
    epsilon : float
        Smaller is sharper.
    mix : float
        0: equal shares; 1: the shares that the rows themselves ask for. Between: in proportion.

    Returns
    -------
    Tensor (B, K)
        Rows sum to 1.
    """
    scaled = in_full(cosines) / epsilon
    found = scaled
    shift: Tensor | float = 0.0
    if mix:
        share = scaled.softmax(1).mean(0)
        shift = torch.log(((1 - mix) / scaled.shape[1] + mix * share).clamp(min=1e-12))
    for _ in range(iterations):
        found = found - torch.logsumexp(found, 0, keepdim=True) + shift
        found = found - torch.logsumexp(found, 1, keepdim=True)
    return found.exp()


@torch.no_grad()
def assign(
    units: Tensor,
    prototypes: Tensor,
    queue: Tensor | None = None,
    *,
    epsilon: float = 0.05,
    iterations: int = 3,
    mix: float = 0.0,
) -> Tensor:
    """Sinkhorn assignment of a batch, balanced together with earlier embeddings.

    Parameters
    ----------
    units : Tensor (B, p)
        Unit embeddings of the batch's unlabelled items.
    prototypes : Tensor (K, p)
    queue : Tensor (Q, p), optional
        Unit embeddings of earlier batches; their cosines are taken anew.

    Returns
    -------
    Tensor (B, K)
    """
    rows = units if queue is None else torch.cat([units, queue.to(units)])
    cosines = in_full(rows) @ in_full(prototypes).mT
    return sinkhorn(cosines, epsilon, iterations, mix)[: len(units)]
