"""Where add-on layers and prototypes start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.methods.loop import mixed_seed
from fgvc_studio.methods.st_protopnet.losses import BRANCHES
from fgvc_studio.methods.st_protopnet.model import Branch, StProtoNet

Fetch = Callable[[NDArray[np.int64]], Tensor]
SHRINKAGE = 0.3
_CHUNK = 32
_MOST_IMAGES = 4000
_MOST_PER_CLASS = 200


@torch.no_grad()
def start(
    net: StProtoNet,
    fetch: Fetch,
    classes: NDArray[np.int64],
    *,
    add_on: str,
    prototypes: str,
    seed: int,
) -> None:
    """Set the start values of both branches in place.

    Parameters
    ----------
    fetch : callable
        Training images (n,) int64, numbered as in `classes` -> what the cut gives of them.
    add_on : str
        ``pca``, ``lda`` or ``kaiming`` (as the network was made).
    prototypes : str
        ``kmeans`` or ``uniform`` (as the network was made).
    """
    net.eval()
    if add_on != "kaiming":
        mean, covariance, pooled, rows = _moments(net, fetch, len(classes), seed)
        directions = _principal(covariance, net.shape.dim)
        if add_on == "lda":
            directions = _discriminant(pooled, classes[rows], directions)
        for name in BRANCHES:
            _set_add_on(net.branch(name), directions, mean)
    if prototypes == "kmeans":
        for c in range(net.shape.classes):
            _set_prototypes(net, fetch, np.flatnonzero(classes == c), c, seed)
    net.renormalise()


def _moments(
    net: StProtoNet, fetch: Fetch, n: int, seed: int
) -> tuple[Tensor, Tensor, NDArray[np.float64], NDArray[np.int64]]:
    """Mean (Cin,) and covariance (Cin, Cin) of cells, pooled features (n, Cin) and their rows."""
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:_MOST_IMAGES]).astype(np.int64)
    total = products = None
    count, pooled = 0, []
    for at in range(0, len(rows), _CHUNK):
        maps = net.maps(fetch(rows[at : at + _CHUNK])).float()
        pooled.append(maps.mean((2, 3)).double().cpu())
        cells = maps.transpose(0, 1).flatten(1)
        total = cells.sum(1).double() + (0 if total is None else total)
        products = (cells @ cells.T).double() + (0 if products is None else products)
        count += cells.shape[1]
    if total is None or products is None:
        raise RuntimeError("no images to start from")
    mean = total / count
    return mean, products / count - torch.outer(mean, mean), torch.cat(pooled).numpy(), rows


def _principal(covariance: Tensor, dim: int) -> Tensor:
    """Leading directions (dim, Cin) as rows; missing ones are drawn at random."""
    directions = torch.linalg.eigh(covariance.cpu()).eigenvectors.T.flip(0)[:dim]
    short = dim - len(directions)
    if short > 0:
        extra = torch.randn(short, directions.shape[1], dtype=directions.dtype)
        directions = torch.cat([directions, F.normalize(extra, dim=1)])
    return directions


def _discriminant(pooled: NDArray[np.float64], classes: NDArray[np.int64], rest: Tensor) -> Tensor:
    """Leading directions of the shrunken linear discriminant, filled up from `rest`."""
    from scipy.linalg import eigh

    means = np.stack([pooled[classes == c].mean(0) for c in np.unique(classes)])
    inner = pooled - means[np.unique(classes, return_inverse=True)[1]]
    within = inner.T @ inner / len(inner)
    even = np.trace(within) / len(within) * np.eye(len(within))
    outer = means - means.mean(0)
    width = min(len(rest), len(means) - 1, len(within))
    values = eigh(
        outer.T @ outer,
        (1 - SHRINKAGE) * within + SHRINKAGE * even + 1e-9 * np.eye(len(within)),
        subset_by_index=(len(within) - width, len(within) - 1),
    )[1]
    found = torch.from_numpy(np.ascontiguousarray(values.T[::-1]))
    length = found.norm(dim=1).mean()
    return torch.cat([found, rest[: len(rest) - width] * length])


def _set_add_on(branch: Branch, directions: Tensor, mean: Tensor) -> None:
    """First convolution = directions of centred cells, second = identity.

    Cosines do not depend on the scale; it is that of a Kaiming start, which the learning rates
    are made for.
    """
    out, channels = branch.first.weight.shape[:2]
    scale = (2 * channels / out) ** 0.5 / directions.norm(dim=1).mean().item()
    weight = (directions * scale).to(branch.first.weight)
    branch.first.weight.copy_(weight[:, :, None, None])
    branch.first.bias.copy_(-(weight @ mean.to(weight)))
    branch.second.weight.copy_(torch.eye(out, device=weight.device)[:, :, None, None])
    branch.second.bias.zero_()


def _set_prototypes(
    net: StProtoNet, fetch: Fetch, mine: NDArray[np.int64], c: int, seed: int
) -> None:
    """Centres of k-means on the unit add-on features of a class's cells, per branch."""
    from sklearn.cluster import KMeans

    k = net.shape.per_class
    order = np.random.default_rng(mixed_seed(seed, "cells", c)).permutation(len(mine))
    mine = np.sort(mine[order[:_MOST_PER_CLASS]]).astype(np.int64)
    cells: dict[str, list[Tensor]] = {name: [] for name in BRANCHES}
    for at in range(0, len(mine), _CHUNK):
        maps = net.maps(fetch(mine[at : at + _CHUNK]))
        for name in BRANCHES:
            z = F.normalize(net.branch(name).features(maps), dim=1)
            cells[name].append(z.transpose(0, 1).flatten(1).T.cpu())
    for name in BRANCHES:
        found = torch.cat(cells[name]).numpy()
        if len(found) < k:
            found = np.resize(found, (k, found.shape[1]))
        state = mixed_seed(seed, name, c) % (1 << 32)
        different = len(np.unique(found, axis=0))
        centres = KMeans(min(k, different), n_init=1, random_state=state).fit(found)
        picked = np.resize(centres.cluster_centers_, (k, found.shape[1]))
        branch = net.branch(name)
        branch.prototypes[c * k : (c + 1) * k] = torch.from_numpy(picked).to(branch.prototypes)
