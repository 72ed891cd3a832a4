"""What is suggested: records without any computing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AUDIT = 30
"""Items of a sample to look at."""

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A proposed name.

    Attributes
    ----------
    confidence : float
        Calibrated probability of being right, 0 .. 1.
    """

    category_id: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Advice:
    """What is known of one item.

    Attributes
    ----------
    stranger : bool
        It looks like nothing that has a name: less than typical for a hidden category.
    calibrated : bool
        False with fewer than ten named items: confidences are then shares of the vote.
    """

    suggestions: tuple[Suggestion, ...]
    stranger: bool
    calibrated: bool


@dataclass(frozen=True, slots=True)
class Share:
    """What would be named in one category.

    Attributes
    ----------
    known : int
        Named items that were proposed this category: what the bound rests on.
    needed : int
        How many it would take for any choice at this bound.
    """

    category_id: int
    proposed: int
    chosen: int
    known: int
    needed: int


@dataclass(frozen=True, eq=False)
class Bulk:
    """Names for many items under a stated bound; nothing is written yet.

    Attributes
    ----------
    error : float
        Bound of the expected part of wrong names in each category.
    item_ids : ndarray (K,) int64
        Chosen items, ascending.
    categories : ndarray (K,) int64
    confidence : ndarray (K,) float32
    asked, strangers : int
        Items without a name that were looked at, and those of them like nothing known.
    shares : tuple of Share
        Every proposed category, most chosen first.
    """

    space: str
    error: float
    item_ids: Ids
    categories: Ids
    confidence: NDArray[np.float32]
    asked: int
    strangers: int
    shares: tuple[Share, ...]

    def sample(self, size: int = AUDIT, seed: int = 0) -> Ids:
        """Chosen items to look at, drawn at random."""
        drawn = np.random.default_rng(seed).permutation(len(self.item_ids))[:size]
        return self.item_ids[drawn]
