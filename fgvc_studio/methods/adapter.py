"""The residual adapter that stands for the tail when the backbone stays frozen."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

_WIDEST = 512


class Adapter(nn.Module):
    """A(x) = x + W2 GELU(W1 LN(x) + b1) + b2, the identity at the start.

    LN has no affine weights; the hidden width is min(512, d). Applied to the last axis, so per
    vector or per cell.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = min(_WIDEST, dim)
        self.dim = dim
        self.inner = nn.Linear(dim, hidden)
        self.outer = nn.Linear(hidden, dim)
        nn.init.trunc_normal_(self.inner.weight, std=0.02)
        nn.init.zeros_(self.inner.bias)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(..., d) -> (..., d)."""
        hidden = self.inner(F.layer_norm(features, (self.dim,)))
        return features + self.outer(F.gelu(hidden))
