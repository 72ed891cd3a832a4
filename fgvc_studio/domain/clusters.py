"""Clusters: proposed categories of items that nobody has named, and what was decided on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]


def _none() -> Ids:
    return np.empty(0, np.int64)


def _table() -> Floats:
    return np.empty((0, 0), np.float32)


def _floats() -> Floats:
    return np.empty(0, np.float32)


class ClusterState(StrEnum):
    """Where the review of a cluster stands."""

    PROPOSED = "proposed"
    UNDECIDED = "undecided"
    """Looked at and put off."""
    ACCEPTED = "accepted"
    """Became a category of its own."""
    REJECTED = "rejected"
    """No category; the items are free again."""
    KNOWN = "known"
    """Sent to a category that was there."""
    MERGED = "merged"
    """Lives on in another cluster."""
    SPLIT = "split"
    """Lives on in two or more clusters."""


GONE = frozenset({ClusterState.MERGED, ClusterState.SPLIT})
OPEN = frozenset({ClusterState.PROPOSED, ClusterState.UNDECIDED})
NAMED = frozenset({ClusterState.ACCEPTED, ClusterState.KNOWN})


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a discovery gives to be proposed: n items in K clusters, resembling C categories.

    Attributes
    ----------
    source : str
        ``crkd``, ``selection``, or a grouping: ``kmeans``, ``umap-kmeans``, ``hdbscan``,
        ``guided``, ``guided-hdbscan``.
    space : str
        The space to look at the clusters in; "" for the default one.
    item_ids : ndarray (n,) int64
    cluster, runner_up : ndarray (n,) int64
        0 .. K-1; `runner_up` may be empty.
    confidence, margin, agreement : ndarray (n,) float32
        0 .. 1; empty where the source knows none.
    relation, relation_cosine : ndarray (K, C) float32
        Share and cosine of each known category; (0, 0): taken from the space.
    known : ndarray (C,) int64
        Category ids.
    stability : ndarray (K,) float32
        NaN or empty: unknown.
    gated, gated_category : ndarray (m,) int64
        Items left out because they probably belong to a known category, and which.
    low, estimate, high : int
        Number of categories among the items, with its range.
    curve : tuple of (int, float)
        A score for other numbers of clusters.
    """

    source: str
    title: str
    space: str
    item_ids: Ids
    cluster: Ids
    run: str = ""
    confidence: Floats = field(default_factory=_floats)
    margin: Floats = field(default_factory=_floats)
    agreement: Floats = field(default_factory=_floats)
    runner_up: Ids = field(default_factory=_none)
    relation: Floats = field(default_factory=_table)
    relation_cosine: Floats = field(default_factory=_table)
    known: Ids = field(default_factory=_none)
    stability: Floats = field(default_factory=_floats)
    gated: Ids = field(default_factory=_none)
    gated_category: Ids = field(default_factory=_none)
    low: int = 0
    estimate: int = 0
    high: int = 0
    curve: tuple[tuple[int, float], ...] = ()

    @property
    def count(self) -> int:
        """Number of clusters, K."""
        return int(max(self.cluster.max(initial=-1) + 1, len(self.relation), len(self.stability)))

    def only(self, kept: NDArray[np.bool_]) -> Found:
        """The same K clusters with some of the items.

        Parameters
        ----------
        kept : ndarray (n,) bool
        """
        unknown = np.full(self.count, np.nan, np.float32)
        return replace(
            self,
            item_ids=self.item_ids[kept],
            cluster=self.cluster[kept],
            runner_up=self.runner_up[kept] if len(self.runner_up) else self.runner_up,
            confidence=self.confidence[kept] if len(self.confidence) else self.confidence,
            margin=self.margin[kept] if len(self.margin) else self.margin,
            agreement=self.agreement[kept] if len(self.agreement) else self.agreement,
            stability=self.stability if len(self.stability) else unknown,
        )


@dataclass(frozen=True, slots=True)
class Nearest:
    """A known category that a cluster resembles; the shares of all categories sum to 1."""

    category_id: int
    share: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as it stands.

    Attributes
    ----------
    id : int
        Unique in the project.
    number : int
        Number in its discovery; a cluster that continues one of the last discovery keeps its
        number and its name.
    confidence, margin, agreement : float
        Means over the members; NaN where unknown.
    purity : (low, estimate, high) or None
        What groups that look as good held of one category when known categories were hidden;
        None where too few are labelled to tell.
    checked : (right, shown) or None
        The spot check.
    nearest : tuple of Nearest
        Best first, five at most.
    category_id : int or None
        The category that the members were given.
    parent_id : int or None
        Proposed or chosen parent of that category.
    """

    id: int
    discovery: int
    number: int
    name: str
    state: ClusterState
    size: int
    confidence: float
    margin: float
    agreement: float
    stability: float
    purity: tuple[float, float, float] | None
    checked: tuple[int, int] | None
    nearest: tuple[Nearest, ...]
    warnings: tuple[str, ...]
    category_id: int | None
    parent_id: int | None

    @property
    def checked_purity(self) -> float | None:
        """Lower 5 % bound of the purity by the spot check: Beta(1 + k, 1 + n - k)."""
        return None if self.checked is None else spot_check_bound(*self.checked)


@dataclass(frozen=True, slots=True)
class Discovery:
    """One proposal of clusters.

    Attributes
    ----------
    items, clusters : int
        As proposed.
    """

    id: int
    source: str
    title: str
    space: str
    run: str
    created: float
    who: str
    items: int
    clusters: int
    low: int
    estimate: int
    high: int
    curve: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Members of a cluster in the orders in which they are looked at; item ids int64.

    Attributes
    ----------
    central : ndarray
        The medoid, then the most different ones of the sure half.
    extreme : ndarray
        Least alike first.
    boundary, boundary_with : ndarray
        Members that nearly went to another cluster, and the id of that cluster.
    ordered : ndarray
        All members, most alike first.
    """

    central: Ids
    extreme: Ids
    boundary: Ids
    boundary_with: Ids
    ordered: Ids

    def shown(self, count: int) -> Ids:
        """So many members that stand for all: the central ones, then the others in order."""
        others = self.ordered[~np.isin(self.ordered, self.central)]
        return np.concatenate([self.central, others])[:count]


@dataclass(frozen=True, slots=True)
class NearestCard:
    """What a cluster resembles, in a form to decide on.

    Attributes
    ----------
    exemplars : mapping
        Category id -> item that shows it.
    tight : bool
        One category alone explains the cluster.
    sentence : str
    """

    nearest: tuple[Nearest, ...]
    exemplars: Mapping[int, int]
    parent_id: int | None
    provisional_name: str
    tight: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class CountCurve:
    """How many categories there are, by several rules.

    Attributes
    ----------
    points : tuple of (count, score, stability)
        Stability: how alike the groups come out from other seeds (adjusted Rand index).
    seeds : tuple of int
        The main rule's number on random parts of the items.
    error : int or None
        Estimate less truth when known categories were hidden; None where too few are labelled.
    """

    low: int
    estimate: int
    high: int
    points: tuple[tuple[int, float, float], ...]
    seeds: tuple[int, ...]
    rules: Mapping[str, int]
    error: int | None = None


def spot_check_bound(right: int, shown: int) -> float:
    """Purity that a random check leaves plausible: the 5 % point of Beta(1+k, 1+n-k).

    >>> round(spot_check_bound(10, 10), 2)
    0.76
    """
    low, high = 0.0, 1.0
    for _ in range(50):  # the distribution function of whole parameters is a binomial sum
        middle = (low + high) / 2
        low, high = (middle, high) if _beta_cdf(middle, right, shown) < 0.05 else (low, middle)
    return (low + high) / 2


def _beta_cdf(x: float, right: int, shown: int) -> float:
    from math import exp, lgamma, log

    if x <= 0 or x >= 1:
        return float(x >= 1)
    n = shown + 1  # P(Beta(a, b) <= x) = P(Binomial(a + b - 1, x) >= a)
    terms = (
        lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) + i * log(x) + (n - i) * log(1 - x)
        for i in range(right + 1, n + 1)
    )
    return min(1.0, sum(exp(t) for t in terms))
