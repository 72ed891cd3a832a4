"""Prototypes: the patches that a classifier compares with, what speaks against them, verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Box

BRANCHES = ("trivial", "support")
"""In the order of prototype ids: trivial ones are far from other categories, support ones near."""
PARTS = ("outside", "tied", "other_categories", "border", "disparate", "irrelevant")
"""Names of what speaks against a prototype, in the order to show it; see `SUSPECT`."""
SUSPECT = 2
"""How many of the first parts make the suspicion; the others stand beside it."""
ESTIMATED = "outside_estimated"
"""Name of the first part where the object is a guess, not a known mask."""


class Verdict(StrEnum):
    """What an expert says of a prototype."""

    KEEP = "keep"
    BACKGROUND = "background"
    DUPLICATE = "duplicate"
    WRONG_PART = "wrong-part"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Patch:
    """A cell of an item's similarity map.

    Attributes
    ----------
    box : Box
        The region of the cell's peak, in pixels of the upright image.
    row, column : int
        Of the cell.
    score : float
        Similarity with the prototype.
    """

    item_id: int
    box: Box
    row: int
    column: int
    score: float


@dataclass(frozen=True, slots=True)
class Prototype:
    """One prototype of a run.

    Attributes
    ----------
    id : int
        0 .. 2P-1: the P trivial ones, then the P support ones, each category by category.
    branch : str
        ``trivial`` or ``support``.
    source : Patch
        The training patch that it is.
    suspicion : float
        Square root of the product of the first `SUSPECT` parts that are known: it looks beside the
        object, and its category is told by it. NaN before the run is prepared.
    parts : mapping
        `PARTS` (or `ESTIMATED` for the first) -> 0 .. 1; only those that are available.
    relevance : float
        Mean score x weight on items predicted as its category.
    purity : float
        Share of its ten best patches on its commonest part where key points are known, else in
        items of its category; NaN unknown.
    duplicate_of : int or None
        An earlier sister with cosine over .9 or of the same image.
    weight : float
        Between it and its own category.
    usage : int
        Items whose predicted category it supports most of all prototypes of its branch.
    forbidden : bool
        Switched off, with a `reason`.
    """

    id: int
    run: str
    branch: str
    category_id: int
    source: Patch
    suspicion: float
    parts: Mapping[str, float]
    relevance: float
    purity: float
    duplicate_of: int | None
    weight: float
    usage: int
    forbidden: bool = False
    reason: str = ""
    verdict: Verdict | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class PrototypeModel:
    """A finished run that has prototypes.

    Attributes
    ----------
    parent : str
        The run that it was derived from; empty for a training of its own.
    made_by : str
        ``train``, ``reselect``, ``refit``, ``fine-tune`` or ``reproject``.
    prepared : bool
        Whether every item of the project has been compared with its prototypes.
    accuracy : float
        On validation, after projection and last layers; NaN unknown.
    measured : bool
        Whether its suspicions are known; not those that an earlier version worked out.
    """

    run: str
    created: float
    categories: int
    prototypes: int
    prepared: bool
    accuracy: float
    parent: str = ""
    made_by: str = "train"
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """A stored verdict: what, by whom, when, on which patch."""

    run: str
    prototype: int
    verdict: Verdict
    note: str
    who: str
    at: float
    item_id: int
    x: float
    y: float
    branch: str
    category_id: int
    model: str
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ban:
    """A stored ban: why, by whom, when, on which patch."""

    run: str
    prototype: int
    reason: str
    who: str
    at: float
    item_id: int
    x: float
    y: float
    branch: str
    category_id: int
    model: str
    vector: NDArray[np.float32]


class Flip(NamedTuple):
    """A prediction that changes; categories, truth 0 where the item has no label."""

    item_id: int
    before: int
    after: int
    truth: int


class Flips(Sequence[Flip]):
    """Changed predictions; many cost no more than their four columns.

    Parameters
    ----------
    columns : ndarray (n, 4) int64
        The fields of `Flip`.
    """

    def __init__(self, columns: NDArray[np.int64]) -> None:
        self.columns = columns

    @classmethod
    def of(cls, flips: Iterable[Flip]) -> Flips:
        """The same, one by one."""
        return cls(np.array([tuple(flip) for flip in flips], np.int64).reshape(-1, 4))

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, at: int) -> Flip: ...
    @overload
    def __getitem__(self, at: slice) -> Flips: ...
    def __getitem__(self, at: int | slice) -> Flip | Flips:
        if isinstance(at, slice):
            return Flips(self.columns[at])
        return Flip(*self.columns[at].tolist())

    def __iter__(self) -> Iterator[Flip]:
        return iter([Flip(*row) for row in self.columns.tolist()])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Flips):
            return NotImplemented
        return np.array_equal(self.columns, other.columns)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Effects:
    """What switching prototypes off does, exactly.

    Attributes
    ----------
    per_category : tuple of (category id, accuracy before, after, items)
    flips : Flips
        Over all items of the project, those with a label first.
    items : int
        Items that the accuracies are of.
    on : str
        ``validation``, ``training`` or ``labelled``: which items these are.
    better, worse, stay : int
        Of these items: flips that become right, become wrong, stay wrong.
    """

    accuracy_before: float
    accuracy_after: float
    per_category: tuple[tuple[int, float, float, int], ...]
    flips: Flips
    items: int
    on: str
    better: int = 0
    worse: int = 0
    stay: int = 0

    @property
    def worst(self) -> tuple[float, float]:
        """Accuracy of the worst category before and after; NaN without items."""
        if not self.per_category:
            return float("nan"), float("nan")
        return min(p[1] for p in self.per_category), min(p[2] for p in self.per_category)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a prototype adds to a logit: score x weight at its best patch of the item."""

    prototype: int
    patch: Patch
    score: float
    weight: float
    product: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item is classified as it is.

    Attributes
    ----------
    first, second : int
        The two best categories.
    logits : mapping
        Category -> logit; the contributions of a category add up to it.
    probability : float
        Of `first`, calibrated.
    unknown : bool
        Looks like nothing the model knows.
    contributions : mapping
        Category -> every prototype that is not switched off, largest first; for the two best.
    per_branch : mapping
        Category -> branch -> its part of the logit; for the two best.
    """

    item_id: int
    first: int
    second: int
    logits: Mapping[int, float]
    probability: float
    unknown: bool
    contributions: Mapping[int, tuple[Contribution, ...]]
    per_branch: Mapping[int, Mapping[str, float]]

    @property
    def margin(self) -> float:
        """Logit of the first category less that of the second."""
        return self.logits[self.first] - self.logits[self.second]


@dataclass(frozen=True, slots=True, eq=False)
class Localisation:
    """Where in an item a prototype looks.

    Attributes
    ----------
    heat : ndarray (h, w) float32
        0 .. 1 over the whole upright image, which may be larger; 0 where the model does not look.
    contour : ndarray (m, 2) float64
        x and y in pixels of the upright image, closed.
    box : Box
        Around the contour.
    """

    item_id: int
    heat: NDArray[np.float32]
    contour: NDArray[np.float64]
    box: Box
    row: int
    column: int
    score: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Two categories that are mixed up.

    Attributes
    ----------
    a_as_b, b_as_a : tuple of int
        Items labelled one and predicted the other, the surest mistakes first.
    border : tuple of (item id, logit of a - logit of b)
        Items of or near both, the narrowest first.
    tell_apart : tuple of (prototype id, mean contribution to a - b on a, on b)
        What separates them, the strongest first.
    """

    a: int
    b: int
    a_as_b: tuple[int, ...]
    b_as_a: tuple[int, ...]
    border: tuple[tuple[int, float], ...]
    tell_apart: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How strongly a prototype fires on some items, and how on its own category.

    Attributes
    ----------
    here, there : float
        Median score on the items and on labelled items of the category.
    effect : float
        Probability that one of the items scores lower than one of the category, less the
        converse: 1 always fails, -1 always fires more, 0 no difference (Cliff's delta).
    fires : bool
        Whether most of the items reach what nine in ten of the category reach.
    """

    prototype: int
    here: float
    there: float
    effect: float
    fires: bool
    example: int


@dataclass(frozen=True, slots=True)
class Suggested:
    """A category that a model proposes for an item; `unknown`: looks like nothing it knows."""

    item_id: int
    category_id: int
    confidence: float
    unknown: bool


@dataclass(frozen=True, slots=True)
class Opinion:
    """An item that deserves a second look.

    Attributes
    ----------
    score : float
        Larger first.
    why : tuple of str
        Sentences.
    """

    item_id: int
    score: float
    why: tuple[str, ...]
