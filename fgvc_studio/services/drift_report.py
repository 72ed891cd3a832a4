"""What is told of two spaces: records without any computing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

TAUGHT = ("ecaml",)
"""Methods that make a space out of labels."""
LISTED = 200
"""Items and pairs in a list."""

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CategoryChange:
    """How well a category holds together.

    Attributes
    ----------
    before, after : float
        Mean part of an item's nearest labelled items that share its category, 0 .. 1.
    low, high : float
        95 % interval of after - before over the items.
    items : int
        Items that were asked.
    """

    category_id: int
    before: float
    after: float
    low: float
    high: float
    items: int

    @property
    def difference(self) -> float:
        """After less before."""
        return self.after - self.before

    @property
    def certain(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class PairChange:
    """How different two categories are: energy coefficient, 0 the same, 1 apart."""

    first: int
    second: int
    before: float
    after: float

    @property
    def difference(self) -> float:
        """After less before; above 0: pulled apart."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Trouble:
    """Two categories that the new space hardly tells apart: to merge, or wrongly labelled.

    Attributes
    ----------
    coefficient : float
        Energy coefficient in the new space.
    probability : float
        Of such a distance by chance if they were one category (energy test); NaN: not tested.
    """

    first: int
    second: int
    coefficient: float
    probability: float


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A labelled item whose neighbours in the new space have another category.

    Attributes
    ----------
    share, own_share : float
        Parts of the neighbours' vote for `voted` and for the item's own category.
    """

    item_id: int
    category_id: int
    voted: int
    share: float
    own_share: float


@dataclass(frozen=True, eq=False)
class DriftReport:
    """Two spaces side by side.

    Attributes
    ----------
    method : str
        Of the maps: ``umap`` or ``pca``.
    item_ids : ndarray (N,) int64
        Items of both spaces, ascending.
    old_xy, new_xy : ndarray (N, 2) float32
        The maps, the new one laid on the old by its stable items.
    moved : ndarray (N,) float32
        Way on the map, as part of its radius.
    compared : ndarray (Q,) int64
        Items whose neighbours were compared, ascending.
    kept_near, kept_far : ndarray (Q,) float32
        Jaccard overlap of their 10 and 20 nearest items before and after.
    categories : tuple of CategoryChange
        Largest loss first.
    pairs : tuple of PairChange
        Most collapsed first; the ends of all pairs only.
    trouble : tuple of Trouble
        Most alike first.
    disagreements : tuple of Disagreement
        Clearest first.
    notes : tuple of str
        What was sampled or could not be measured.
    """

    old: str
    new: str
    method: str
    item_ids: Ids
    old_xy: NDArray[np.float32]
    new_xy: NDArray[np.float32]
    moved: NDArray[np.float32]
    compared: Ids
    kept_near: NDArray[np.float32]
    kept_far: NDArray[np.float32]
    categories: tuple[CategoryChange, ...] = ()
    pairs: tuple[PairChange, ...] = ()
    trouble: tuple[Trouble, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def better(self) -> tuple[CategoryChange, ...]:
        """Categories that gained, largest gain first; those that certainly did come first."""
        gained = [c for c in self.categories if c.difference > 0]
        return tuple(sorted(gained, key=lambda c: (not c.certain, -c.difference)))

    @property
    def worse(self) -> tuple[CategoryChange, ...]:
        """Categories that lost, largest loss first; those that certainly did come first."""
        lost = [c for c in self.categories if c.difference < 0]
        return tuple(sorted(lost, key=lambda c: (not c.certain, c.difference)))

    @property
    def pulled_apart(self) -> tuple[PairChange, ...]:
        """Pairs that became more different, most first."""
        return tuple(p for p in reversed(self.pairs) if p.difference > 0)

    @property
    def collapsed(self) -> tuple[PairChange, ...]:
        """Pairs that became less different, most first."""
        return tuple(p for p in self.pairs if p.difference < 0)

    def moved_most(self, limit: int = LISTED) -> Ids:
        """Items that moved most on the map, furthest first."""
        return self.item_ids[np.argsort(-self.moved, kind="stable")[:limit]]

    def changed_most(self, limit: int = LISTED) -> Ids:
        """Compared items with the newest company, by 10 and then by 20 neighbours."""
        return self.compared[np.lexsort((self.kept_far, self.kept_near))[:limit]]

    @property
    def sentence(self) -> str:
        """What the run bought and what it broke."""
        if not self.categories:
            return "Too few labels to say which categories gained or lost."
        gained = sum(c.certain and c.difference > 0 for c in self.categories)
        lost = sum(c.certain and c.difference < 0 for c in self.categories)
        weights = np.array([c.items for c in self.categories], float)
        before, after = (
            float(np.average([getattr(c, name) for c in self.categories], weights=weights))
            for name in ("before", "after")
        )
        return (
            f"{gained} of {len(self.categories)} categories hold together better in {self.new}, "
            f"{lost} worse (95 % intervals); {100 * after:.1f} % of an item's nearest labelled "
            f"items share its category, {100 * before:.1f} % in {self.old}."
        )


@dataclass(frozen=True, eq=False)
class Strips:
    """The neighbours of an item before and after, nearest first ``(k,)``.

    Attributes
    ----------
    lost, gained : ndarray (k,) bool
        Those of `old` that are not in `new`, and the reverse.
    """

    item_id: int
    old: Ids
    new: Ids
    lost: NDArray[np.bool_] = field(init=False)
    gained: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lost", ~np.isin(self.old, self.new))
        object.__setattr__(self, "gained", ~np.isin(self.new, self.old))
