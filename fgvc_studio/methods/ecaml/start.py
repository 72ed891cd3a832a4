"""Where ECAML starts: shrunken linear discriminants, principal components, or random rows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.methods.ecaml.config import EcamlConfig
from fgvc_studio.methods.loop import mixed_seed
from fgvc_studio.methods.mutual import LEAST, Pairs, mutual_pairs, scatter_and_means

if TYPE_CHECKING:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

PCA_DIMS, PCA_SAMPLE = 128, 50_000
SHRINKAGE = 0.3
_MORE_DIMS, _ITEMS_PER_DIM = 384, 4
_FIRST_KEPT = 0.5
_TELLING = 2.0
"""Scatter between items over that within them above which a direction belongs to the metric."""
_LEAST_DIMS, _FIRST_DIMS = 2, 48
_LEAST_SCATTER = 1e-12

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Whitening:
    """The fixed map R(x) = S^(-1/2) l2(P (l2(x) - mean)).

    Attributes
    ----------
    mean : Tensor (d0,)
    components : Tensor (d, d0)
        P.
    whiten : Tensor (d, d)
        S^(-1/2), symmetric.
    """

    mean: Tensor
    components: Tensor
    whiten: Tensor

    def __call__(self, pooled: Tensor) -> Tensor:
        """(B, d0) -> (B, d)."""
        centred = F.normalize(pooled, dim=-1) - self.mean
        return F.normalize(centred @ self.components.T, dim=-1) @ self.whiten


@dataclass(frozen=True)
class Start:
    """Step 0 of a training.

    Attributes
    ----------
    weight : Tensor (E, d)
        W of the metric.
    bias : Tensor (E,)
    whitening : Whitening or None
        None: the trunk's features are taken as they are.
    pairs : ndarray (P, 2) int64 or None
        Mutual neighbours among the items without a name, where these took part.
    """

    weight: Tensor
    bias: Tensor
    whitening: Whitening | None = None
    pairs: Pairs | None = None


def start(
    config: EcamlConfig,
    pooled: Floats,
    labels: NDArray[np.int64],
    everything: Floats | None = None,
    seed: int = 0,
    unnamed: Floats | None = None,
    telling: int = 0,
) -> Start:
    """Fit the start of a configuration.

    Parameters
    ----------
    config : EcamlConfig
        Resolved.
    pooled : ndarray (n, d0) float32
        Pooled features of the items to learn from.
    labels : ndarray (n,) int64
    everything : ndarray (N, d0) float32, optional
        Features of all items, named or not, for the principal components of ``lda``; `pooled` by
        default.
    unnamed : ndarray (m, d0) float32, optional
        Features of items without a name, for the neighbours.
    telling : int
        See `with_neighbours`.
    """
    if config.init == "lda" and unnamed is not None and config.neighbours:
        every = pooled if everything is None else everything
        made = with_neighbours(pooled, labels, every, unnamed, config.neighbours, telling)
        if made is not None:
            return made
    if config.init == "lda":
        return discriminants(
            pooled, labels, pooled if everything is None else everything, config.dim
        )
    if config.init == "pca":
        mean, components = principal(pooled, config.dim)
        return Start(_tensor(components), _tensor(-components @ mean))
    weight = torch.empty(config.dim, pooled.shape[1])
    draw = torch.Generator().manual_seed(mixed_seed(seed, "metric"))
    torch.nn.init.xavier_uniform_(weight, generator=draw)
    return Start(weight, torch.zeros(config.dim))


def discriminants(
    pooled: Floats, labels: NDArray[np.int64], everything: Floats, dims: int
) -> Start:
    """A start that equals shrunken linear discriminants.

    With M the discriminants and S the shrunken scatter within categories, M' S M = 1: so the
    features are whitened by S^(-1/2) and W = M' S^(1/2) has orthonormal rows.
    """
    mean, components = principal(everything, PCA_DIMS, unit=True)
    small = _unit((_unit(pooled) - mean) @ components.T)
    dims = min(dims, len(np.unique(labels)) - 1, small.shape[1])
    model = _fitted(small, labels, dims)
    values, vectors = np.linalg.eigh(model.covariance_)
    roots = np.sqrt(np.maximum(values, _LEAST_SCATTER))
    weight = model.scalings_[:, :dims].T @ (vectors * roots) @ vectors.T
    whiten = (vectors / roots) @ vectors.T
    return _started(weight, mean, components, whiten)


def with_neighbours(
    pooled: Floats,
    labels: NDArray[np.int64],
    everything: Floats,
    unnamed: Floats,
    k: int,
    telling: int = 0,
) -> Start | None:
    """A start that items without a name have shaped too. Ours.

    In the space of the discriminants (and, beside them, of all whitened features) each item without
    a name finds its mutual neighbours (`methods.mutual`). Their differences count as scatter within
    categories, the mean of each and its neighbours as a category's mean; every item, named or not,
    weighs the same. W then holds the directions in which the means differ more than `_TELLING`
    times as much as the items within.

    Parameters
    ----------
    k : int
        Neighbours.
    telling : int
        Rows of W; 0: see above.

    Returns
    -------
    Start or None
        None when too few items without a name have neighbours.
    """
    if len(unnamed) < LEAST:
        return None
    most = max(PCA_DIMS, len(everything) // _ITEMS_PER_DIM)
    mean, components = principal(everything, min(_MORE_DIMS, most), unit=True)
    named, others = (_unit((_unit(x) - mean) @ components.T) for x in (pooled, unnamed))
    categories, place = np.unique(labels, return_inverse=True)
    model = _fitted(named, labels, min(_FIRST_DIMS, len(categories) - 1, named.shape[1]))
    whiten = _root(model.covariance_)
    first = [_unit(model.transform(others)), _FIRST_KEPT * _unit(others @ whiten)]
    pairs = mutual_pairs(_unit(np.hstack(first)).astype(np.float32), k)
    if len(pairs) < LEAST:
        return None
    counts = np.bincount(place)
    means = np.stack([np.bincount(place, column) for column in named.T], 1) / counts[:, None]
    inner = named - means[place]
    near, local = scatter_and_means(others, pairs)
    within = inner.T @ inner + len(others) * near
    whiten = _root(_shrunken(within / (len(named) + len(others))))
    centres = np.vstack([means[place], local]) @ whiten
    values, directions = np.linalg.eigh(np.cov(centres.T, bias=True))
    rows = min(max(_LEAST_DIMS, telling or int((values > _TELLING).sum())), len(values))
    weight = directions[:, ::-1][:, :rows].T
    return dataclasses.replace(_started(weight, mean, components, whiten), pairs=pairs)


def _fitted(small: Doubles, labels: NDArray[np.int64], dims: int) -> LinearDiscriminantAnalysis:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE, n_components=dims)
    return model.fit(small, labels)


def _shrunken(scatter: Doubles) -> Doubles:
    even = np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    made: Doubles = (1 - SHRINKAGE) * scatter + SHRINKAGE * even
    return made


def _root(scatter: Doubles) -> Doubles:
    """S^(-1/2), symmetric."""
    values, vectors = np.linalg.eigh(scatter)
    made: Doubles = (vectors / np.sqrt(np.maximum(values, _LEAST_SCATTER))) @ vectors.T
    return made


def _started(weight: Doubles, mean: Doubles, components: Doubles, whiten: Doubles) -> Start:
    return Start(
        _tensor(weight),
        torch.zeros(len(weight)),
        Whitening(_tensor(mean), _tensor(components), _tensor(whiten)),
    )


def principal(
    vectors: NDArray[np.floating], dims: int, *, unit: bool = False
) -> tuple[Doubles, Doubles]:
    """Mean (D,) and the leading principal directions (min(dims, n, D), D), orthonormal rows.

    Rows that are not finite do not count; with `unit` the rows are l2-normalised first.
    """
    from sklearn.decomposition import PCA

    rows = np.arange(len(vectors))
    if len(rows) > PCA_SAMPLE:
        rows = np.sort(np.random.default_rng(0).choice(rows, PCA_SAMPLE, replace=False))
    data = np.asarray(vectors[rows], np.float32)
    data = data[np.isfinite(data).all(1)]
    model = PCA(min(dims, *data.shape), random_state=0)
    model.fit(_unit(data).astype(np.float32) if unit else data)
    return model.mean_.astype(np.float64), model.components_.astype(np.float64)


def _unit(vectors: NDArray[np.floating]) -> Doubles:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors, np.float64) / np.maximum(length, 1e-12)


def _tensor(values: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def at_start(made: Start, pooled: Tensor) -> Tensor:
    """Embeddings (n, E) of a start without a trunk."""
    features = made.whitening(pooled) if made.whitening is not None else pooled
    return F.normalize(features @ made.weight.T + made.bias, dim=1)
