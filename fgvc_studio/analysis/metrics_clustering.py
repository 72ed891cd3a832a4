"""How well groups agree with categories: matched accuracy, NMI, ARI, pairwise F1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64] | NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """The non-empty cells of the table group x category.

    Attributes
    ----------
    of_item : ndarray (N,) int64
        Cell of each item.
    group, category : ndarray (m,) int64
        Row and column of each cell, numbered from 0.
    """

    of_item: NDArray[np.int64]
    group: NDArray[np.int64]
    category: NDArray[np.int64]

    @classmethod
    def of(cls, groups: Labels, categories: Labels) -> Cells:
        """Cells of paired labels ``(N,)``; any integers."""
        _, group = np.unique(groups, return_inverse=True)
        names, category = np.unique(categories, return_inverse=True)
        width = max(1, len(names))
        keys, of_item = np.unique(group * width + category, return_inverse=True)
        return cls(of_item.astype(np.int64), keys // width, keys % width)

    def counts(self) -> Floats:
        """Items of each cell, ``(1, m)``."""
        return np.bincount(self.of_item, minlength=len(self.group))[None].astype(np.float64)


def matching(groups: Labels, categories: Labels) -> dict[int, int]:
    """The one-to-one matching group -> category that puts most items right (Hungarian)."""
    from scipy.optimize import linear_sum_assignment

    group_names, group = np.unique(groups, return_inverse=True)
    category_names, category = np.unique(categories, return_inverse=True)
    table = np.zeros((len(group_names), len(category_names)), np.int64)
    np.add.at(table, (group, category), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return {int(group_names[r]): int(category_names[c]) for r, c in zip(rows, columns, strict=True)}


def matched(groups: Labels, categories: Labels) -> NDArray[np.bool_]:
    """Whether each item lies in the group matched to its category, ``(N,)``; the mean of it is
    the clustering accuracy.

    For the accuracy on a part of the items (seen and novel categories, say) under one matching,
    take the mean over that part.
    """
    chosen = matching(groups, categories)
    target = np.array([chosen.get(int(g), -1) for g in groups], np.int64)
    unmatched = np.array([int(g) not in chosen for g in groups], bool)
    return (target == categories) & ~unmatched


def nmi(cells: Cells, counts: Floats) -> Floats:
    """Normalised mutual information, arithmetic mean of the entropies in the denominator.

    Parameters
    ----------
    counts : ndarray (B, m) float64
        Items of each cell in B samples.

    Returns
    -------
    ndarray (B,) float64
        1 where both sides have one class only.
    """
    n = counts.sum(1, keepdims=True)
    rows, columns = _margins(cells, counts)
    own = _entropy(rows / n) + _entropy(columns / n)
    mutual = own - _entropy(counts / n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(own > 1e-12, 2 * mutual / own, 1.0)


def ari(cells: Cells, counts: Floats) -> Floats:
    """Adjusted Rand index (Hubert and Arabie 1985); arguments as for `nmi`."""
    both = _pairs(counts).sum(1)
    rows, columns = (_pairs(margin).sum(1) for margin in _margins(cells, counts))
    expected = rows * columns / np.maximum(_pairs(counts.sum(1)), 1e-12)
    room = (rows + columns) / 2 - expected
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.abs(room) > 1e-12, (both - expected) / room, 1.0)


def pairwise_f1(cells: Cells, counts: Floats) -> Floats:
    """F1 of the statement "these two items belong together"; arguments as for `nmi`."""
    both = _pairs(counts).sum(1)
    rows, columns = (_pairs(margin).sum(1) for margin in _margins(cells, counts))
    return 2 * both / np.maximum(rows + columns, 1e-12)


def _margins(cells: Cells, counts: Floats) -> tuple[Floats, Floats]:
    return _sums(cells.group, counts), _sums(cells.category, counts)


def _sums(of_cell: NDArray[np.int64], counts: Floats) -> Floats:
    order = np.argsort(of_cell, kind="stable")
    starts = np.flatnonzero(np.diff(of_cell[order], prepend=-1))
    return np.add.reduceat(counts[:, order], starts, axis=1)


def _entropy(shares: Floats) -> Floats:
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return -(shares * logs).sum(1)


def _pairs(counts: Floats) -> Floats:
    return counts * (counts - 1) / 2
