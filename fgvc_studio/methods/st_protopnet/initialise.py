"""Where add-on layers and prototypes start."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
FAINT = 0.3
"""Spread, beside that of a discriminant's directions, of those it is filled up with."""
TYPICAL = 0.2
"""Part of an image's cells that are taken for typical."""
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
        ``typical``, ``kmeans`` or ``uniform`` (as the network was made).
    """
    net.eval()
    if add_on != "kaiming":
        mean, covariance, pooled, rows = _moments(net, fetch, len(classes), seed)
        directions = _principal(covariance, net.shape.dim)
        if add_on == "lda":
            directions = _discriminant(covariance.cpu().numpy(), pooled, classes[rows], directions)
        for name in BRANCHES:
            _set_add_on(net.branch(name), directions, mean)
    if prototypes != "uniform":
        centres = _centres(net, fetch, classes) if prototypes == "typical" else {}
        for c in range(net.shape.classes):
            _set_prototypes(net, fetch, np.flatnonzero(classes == c), c, seed, centres)
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


def _discriminant(
    covariance: NDArray[np.float64],
    pooled: NDArray[np.float64],
    classes: NDArray[np.int64],
    rest: Tensor,
) -> Tensor:
    """Leading directions of a shrunken linear discriminant, faintly filled up from `rest`.

    What varies within classes is the mean of two covariances of equal trace: that of pooled
    features and that of single cells, since prototypes are compared with cells.

    Parameters
    ----------
    covariance : ndarray (Cin, Cin)
        Of all cells.
    """
    from scipy.linalg import eigh

    _, number, counts = np.unique(classes, return_inverse=True, return_counts=True)
    means = np.stack([pooled[number == c].mean(0) for c in range(len(counts))])
    inner = pooled - means[number]
    outer = means - means.mean(0)
    of_pooled = inner.T @ inner / len(inner)
    between = means - pooled.mean(0)
    of_cells = covariance - (between.T * (counts / len(pooled))) @ between
    within = sum(part / max(np.trace(part), 1e-12) for part in (of_pooled, of_cells))
    even = np.trace(within) / len(within) * np.eye(len(within))
    within = (1 - SHRINKAGE) * within + SHRINKAGE * even + 1e-9 * np.eye(len(within))
    width = min(len(rest), len(means) - 1, len(within))
    last = len(within) - 1
    values = eigh(outer.T @ outer, within, subset_by_index=(last + 1 - width, last))[1]
    found = torch.from_numpy(values.T[::-1].copy())
    more = rest[: len(rest) - width]
    spread = torch.einsum("kd,de,ke->k", more, torch.from_numpy(within), more).rsqrt()
    return torch.cat([found, FAINT * spread[:, None] * more])


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


def _centres(net: StProtoNet, fetch: Fetch, classes: NDArray[np.int64]) -> dict[str, Tensor]:
    """Branch -> unit mean of the unit mean add-on features of each class, (C, D)."""
    sums = {name: torch.zeros(net.shape.classes, net.shape.dim) for name in BRANCHES}
    for at in range(0, len(classes), _CHUNK):
        rows = np.arange(at, min(at + _CHUNK, len(classes)))
        maps = net.maps(fetch(rows))
        for name in BRANCHES:
            units = F.normalize(net.branch(name).features(maps).mean((2, 3)), dim=1).cpu()
            sums[name].index_add_(0, torch.from_numpy(classes[rows]), units)
    return {name: F.normalize(s, dim=1) for name, s in sums.items()}


def _typical(cells: Tensor, centre: Tensor) -> Tensor:
    """Of unit cells (n, D, T) the share of each image that is nearest to a centre, (m, D)."""
    count = max(1, round(TYPICAL * cells.shape[2]))
    near = torch.einsum("ndt,d->nt", cells, centre).topk(count, dim=1).indices
    picked = cells.gather(2, near[:, None].expand(-1, cells.shape[1], -1))
    return picked.transpose(0, 1).flatten(1).T


def _set_prototypes(
    net: StProtoNet,
    fetch: Fetch,
    mine: NDArray[np.int64],
    c: int,
    seed: int,
    centres: Mapping[str, Tensor],
) -> None:
    """Centres of k-means on the unit add-on features of a class's cells, per branch.

    With `centres` (branch -> (C, D)) only cells typical of the class count.
    """
    from sklearn.cluster import KMeans

    k = net.shape.per_class
    order = np.random.default_rng(mixed_seed(seed, "cells", c)).permutation(len(mine))
    mine = np.sort(mine[order[:_MOST_PER_CLASS]]).astype(np.int64)
    cells: dict[str, list[Tensor]] = {name: [] for name in BRANCHES}
    for at in range(0, len(mine), _CHUNK):
        maps = net.maps(fetch(mine[at : at + _CHUNK]))
        for name in BRANCHES:
            z = F.normalize(net.branch(name).features(maps), dim=1)
            z = z.flatten(2).cpu()
            if centres:
                cells[name].append(_typical(z, centres[name][c]))
            else:
                cells[name].append(z.transpose(0, 1).flatten(1).T)
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
