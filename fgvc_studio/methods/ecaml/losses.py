"""The losses of ECAML: energy confusion, row norm, and the base metric losses.

Equations: arXiv 1901.07169. Energy confusion and the binomial deviance are written here; the
mined losses are those of pytorch-metric-learning. NT-Xent and N-pair are written here too: equal to
the library's, which lists every negative for every pair and takes a hundred times as long.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Base = Callable[[Tensor, Tensor], Tensor]
"""(embeddings (B, E), labels (B,)) -> loss."""

EPS = 1e-12
NPAIR_SCALE = 10.0
_NPAIR_LENGTH = 0.00025
_EXACT_FROM = 4096
"""Batch size from which energies are summed in float64."""


def energy(embeddings: Tensor, labels: Tensor) -> Tensor:
    """Mean of half the squared distance over all pairs of different categories.

    In closed form, O(B E): the sum over all pairs less the sums within the categories.

    Parameters
    ----------
    embeddings : Tensor (B, E)
        Not normalised.
    labels : Tensor (B,) int64

    Returns
    -------
    Tensor
        Scalar; NaN when there is one category only.
    """
    x = embeddings.double() if len(embeddings) > _EXACT_FROM else embeddings
    x = x - x.detach().mean(0)  # the value does not depend on it, the rounding does
    names, group = labels.unique(return_inverse=True)
    sizes = torch.bincount(group, minlength=len(names)).to(x.dtype)
    square = x.square().sum(1)
    sums = x.new_zeros(len(names), x.shape[1]).index_add(0, group, x)
    squares = x.new_zeros(len(names)).index_add(0, group, square)
    everything = len(x) * square.sum() - sums.sum(0).square().sum()
    within = (sizes * squares).sum() - sums.square().sum()
    pairs = (len(x) ** 2 - sizes.square().sum()) / 2
    return (everything - within).clamp_min(0) / (2 * pairs)


def sampled_energy(embeddings: Tensor, labels: Tensor, pairs: Tensor) -> Tensor:
    """Energy over drawn pairs, weighted as the authors do.

    Parameters
    ----------
    pairs : Tensor (P, 2) int64
        See `draw_pairs`. A pair weighs 1 / (number of pairs of its kind, different or same
        category, in the whole batch).

    Returns
    -------
    Tensor
        Scalar: the weighted *sum* of half the squared distances.
    """
    n = len(labels)
    same_all = (labels[:, None] == labels).sum() - n
    different_all = n * n - n - same_all
    first, second = pairs.unbind(1)
    same = labels[first] == labels[second]
    counts = torch.where(same, same_all, different_all).clamp_min(2) / 2
    square = (embeddings[first] - embeddings[second]).square().sum(1)
    return (square / counts.to(square.dtype)).sum() / 2


def draw_pairs(batch: int, partners: int, draw: torch.Generator) -> Tensor:
    """Pairs of the sampled energy: `partners` later rows for each of the first rows.

    An anchor i < batch - 2 * partners gets that many different rows out of i + 2 .. batch - 1; a
    small batch gets fewer partners.

    Returns
    -------
    Tensor (P, 2) int64
    """
    partners = max(1, min(partners, (batch - 1) // 3))
    found = []
    for anchor in range(batch - 2 * partners):
        later = torch.randperm(batch - anchor - 2, generator=draw)[:partners] + anchor + 2
        found.append(torch.stack([torch.full_like(later, anchor), later], 1))
    return torch.cat(found) if found else torch.zeros(0, 2, dtype=torch.int64)


def energy_confusion(embeddings: Tensor, labels: Tensor, pairs: Tensor | None = None) -> Tensor:
    """The logarithm of the energy; lower means categories easier to confuse.

    Parameters
    ----------
    pairs : Tensor (P, 2) int64, optional
        Drawn pairs; all pairs of different categories by default.
    """
    if pairs is None:
        return torch.log(energy(embeddings, labels) + EPS)
    return torch.log(sampled_energy(embeddings, labels, pairs) + EPS)


def row_norm(weight: Tensor) -> Tensor:
    """Mean over the rows of (E, d) of (squared length - 1) squared."""
    return (weight.square().sum(1) - 1).square().mean()


def binomial_deviance(
    embeddings: Tensor,
    labels: Tensor,
    alpha: float = 2.0,
    beta: float = 0.5,
    cost: float = 25.0,
) -> Tensor:
    """Binomial deviance of cosines: mean over same-category plus mean over other pairs.

    Parameters
    ----------
    alpha, beta : float
        Steepness and threshold of the cosine.
    cost : float
        How much steeper pairs of different categories are.
    """
    unit = F.normalize(embeddings, dim=1)
    first, second = torch.triu_indices(len(unit), len(unit), 1, device=unit.device).unbind(0)
    above = (unit @ unit.T)[first, second] - beta
    same = labels[first] == labels[second]
    total = above.sum() * 0
    if same.any():
        total = total + F.softplus(-alpha * above[same]).mean()
    if not same.all():
        total = total + F.softplus(alpha * cost * above[~same]).mean()
    return total


def contrast(similarities: Tensor, labels: Tensor) -> Tensor:
    """InfoNCE over all pairs of one category: each against all negatives of its anchor.

    With s the similarities, ``-log(e^s_ap / (e^s_ap + sum_n e^s_an))`` is the softplus of the
    logarithm of that sum less s_ap: O(B^2), where a list of pairs and negatives would be O(B^3).

    Parameters
    ----------
    similarities : Tensor (B, B)
        Divided by the temperature.
    labels : Tensor (B,) int64

    Returns
    -------
    Tensor
        Mean over the pairs; 0 when there are no pairs or no negatives.
    """
    other = labels[:, None] != labels
    mate = ~other
    mate.fill_diagonal_(False)
    if not (bool(mate.any()) and bool(other.any())):
        return similarities.sum() * 0
    negatives = similarities.masked_fill(~other, -torch.inf).logsumexp(1)
    return F.softplus(negatives[:, None] - similarities)[mate].mean()


def ntxent(embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """NT-Xent of the cosines of embeddings (B, E)."""
    unit = F.normalize(embeddings, dim=1)
    return contrast(unit @ unit.T / temperature, labels)


def group_contrast(embeddings: Tensor, size: int, foreign: Tensor, temperature: float) -> Tensor:
    """NT-Xent of groups at the end of a batch: each pair of a group against what is foreign to it.

    Parameters
    ----------
    embeddings : Tensor (B, E)
        The last rows are the groups, one after the other.
    size : int
        Items of a group.
    foreign : Tensor (n, B) bool
        See `alike.Alike.foreign`; n rows for the items of the groups.

    Returns
    -------
    Tensor
        Mean over the pairs.
    """
    unit = F.normalize(embeddings, dim=1)
    similarities = unit[-len(foreign) :] @ unit.T / temperature
    floor = torch.finfo(similarities.dtype).min
    negatives = similarities.masked_fill(~foreign, floor).logsumexp(1)
    group = torch.arange(len(foreign), device=unit.device) // size
    mate = group[:, None] == group
    mate.fill_diagonal_(False)
    own = similarities[:, -len(foreign) :]
    return F.softplus(negatives[:, None] - own)[mate].mean()


def npair(embeddings: Tensor, labels: Tensor) -> Tensor:
    """N-pair loss of embeddings (B, E) as they are, with the small cost of their length."""
    length = embeddings.square().sum(1).mean()
    return contrast(embeddings @ embeddings.T, labels) + _NPAIR_LENGTH * length


def base_loss(name: str, temperature: float = 0.1) -> Base:
    """A metric loss by its name.

    Parameters
    ----------
    name : str
        ``ntxent``, ``multisim``, ``binomial``, ``npair`` or ``triplet``.
    temperature : float
        Of ``ntxent``.
    """
    from pytorch_metric_learning import losses, miners

    if name == "ntxent":
        return lambda x, y: ntxent(x, y, temperature)
    if name == "multisim":
        return _mined(
            losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5),
            miners.MultiSimilarityMiner(epsilon=0.1),
        )
    if name == "triplet":
        return _mined(
            losses.TripletMarginLoss(margin=0.1),
            miners.TripletMarginMiner(margin=0.1, type_of_triplets="semihard"),
        )
    if name == "npair":
        return lambda x, y: npair(NPAIR_SCALE * F.normalize(x, dim=1), y)
    if name == "binomial":
        return binomial_deviance
    raise ValueError(f"no base loss {name!r}")


def _mined(loss: Callable[..., Tensor], miner: Callable[..., object]) -> Base:
    return lambda x, y: loss(x, y, miner(x, y))
