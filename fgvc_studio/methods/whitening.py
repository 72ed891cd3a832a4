"""A fixed projection that several methods may start from. Ours, no part of a published method.

What should not matter (the difference between views of one picture, or between pictures of one
category) is made alike in all directions and counts little; the leading other directions stay.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from fgvc_studio.methods.mutual import LEAST, mutual_pairs, scatter_and_means

SHRINKAGE = 0.3
_LEAST = 1e-12


class Whitening(nn.Module):
    """Vectors or cells (..., d) -> (..., k); all zero until `set` or loaded.

    Being affine it commutes with weighted means of cells.

    Attributes
    ----------
    mean : Tensor (d,)
    weight : Tensor (k, d)
    """

    mean: Tensor
    weight: Tensor

    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("weight", torch.zeros(out, dim))

    def set(self, projection: tuple[Tensor, Tensor]) -> None:
        """Take over the mean and the weight."""
        self.mean.copy_(projection[0])
        self.weight.copy_(projection[1])

    def forward(self, cells: Tensor, length: Tensor | None = None) -> Tensor:
        """(..., d), divided by a length (..., 1) where one is given -> (..., k).

        Mean and length are applied to the shorter result.
        """
        made = F.linear(cells, self.weight)
        if length is not None:
            made = made / length
        return made - self.weight @ self.mean


def projection(
    inner: Tensor, vectors: Tensor, out: int, shrinkage: float = SHRINKAGE
) -> tuple[Tensor, Tensor]:
    """Mean (d,) of the vectors and the projection (out, d), float32.

    With S the covariance of `inner`, shrunken towards a multiple of the identity, the rows of the
    projection are the leading principal directions of the vectors once S is the identity.

    Parameters
    ----------
    inner : Tensor (m, d)
        Differences that should not matter, around 0.
    vectors : Tensor (n, d)
        Where n is below `out`, the last directions say little.
    """
    inner = inner.double()
    return of_scatter(inner.T @ inner / max(1, len(inner)), vectors, out, shrinkage)


def of_scatter(
    within: Tensor, vectors: Tensor, out: int, shrinkage: float = SHRINKAGE
) -> tuple[Tensor, Tensor]:
    """The same, from the covariance (d, d) float64 of the differences."""
    vectors = vectors.double()
    return _leading(within, vectors, vectors, out, shrinkage)


def near_projection(
    inner: Tensor, vectors: Tensor, out: int, near: int, shrinkage: float = SHRINKAGE
) -> tuple[Tensor, Tensor]:
    """As `projection`, then once more with the neighbours that are found in it.

    Differences between mutual neighbours (`mutual`) matter as little as `inner`, and the leading
    directions are those between the means of each vector and its neighbours. Too few neighbours
    change nothing.

    Parameters
    ----------
    near : int
        Two vectors are neighbours when each is among the other's so many nearest.
    """
    first = mean, weight = projection(inner, vectors, out, shrinkage)
    space = F.normalize(F.linear(vectors.float() - mean, weight), dim=1)
    pairs = mutual_pairs(space.numpy(), near)
    if len(pairs) < LEAST:
        return first
    scatter, local = (torch.from_numpy(x) for x in scatter_and_means(_numbers(vectors), pairs))
    inner = inner.double()
    within = (inner.T @ inner / max(1, len(inner)) + scatter) / 2
    return _leading(within, vectors.double(), local, out, shrinkage)


def _leading(
    within: Tensor, vectors: Tensor, centres: Tensor, out: int, shrinkage: float
) -> tuple[Tensor, Tensor]:
    even = torch.eye(len(within), dtype=within.dtype, device=within.device)
    even = within.diagonal().mean().clamp(min=_LEAST) * even
    values, directions = torch.linalg.eigh((1 - shrinkage) * within + shrinkage * even)
    whiten = directions * values.clamp(min=_LEAST).rsqrt()
    outer = (centres - centres.mean(0)) @ whiten
    leading = torch.linalg.eigh(outer.T @ outer).eigenvectors.flip(1)[:, :out]
    return vectors.mean(0).float(), (whiten @ leading).T.float().contiguous()


def _numbers(vectors: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = vectors.double().numpy()
    return found
