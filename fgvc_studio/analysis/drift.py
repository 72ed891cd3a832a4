"""What changed between two spaces of the same items: places, neighbours, categories, pairs.

Distances between categories are energy distances (Szekely and Rizzo 2013) of Euclidean distances,
as the coefficient of inhomogeneity ``(2 E|X-Y| - E|X-X'| - E|Y-Y'|) / (2 E|X-Y|)``: 0 for equal
distributions, 1 for two points, and independent of the scale of a space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import intervals, neighbours

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

PAIR_ITEMS = 12_000
"""Items over all categories from which distances between categories are taken."""
_MOST_OF_CATEGORY, _LEAST_OF_CATEGORY = 50, 4
_VOTES = 10
_ROWS = 1024


def jaccard(first: Ints, second: Ints) -> NDArray[np.float32]:
    """Overlap of two sets of neighbours of each item.

    Parameters
    ----------
    first, second : ndarray (Q, k) int64
        Ids without repetition; -1 for none.

    Returns
    -------
    ndarray (Q,) float32
        Size of the intersection over that of the union; 1 where both are empty.
    """
    joined = np.sort(np.concatenate([first, second], axis=1), axis=1)
    common = ((joined[:, 1:] == joined[:, :-1]) & (joined[:, 1:] >= 0)).sum(1)
    either = (first >= 0).sum(1) + (second >= 0).sum(1) - common
    return np.where(either > 0, common / np.maximum(either, 1), 1.0).astype(np.float32)


def aligned(xy: Floats, onto: Floats, stable: NDArray[np.bool_] | None = None) -> Doubles:
    """A map turned, mirrored, scaled and moved so that it lies on another as well as can be.

    Ordinary Procrustes analysis (Gower 1975) over the stable items, applied to all.

    Parameters
    ----------
    xy, onto : ndarray (N, 2) float
    stable : ndarray (N,) bool, optional
        Items to go by; all where fewer than three are.

    Returns
    -------
    ndarray (N, 2) float64
        In the coordinates of `onto`.
    """
    source, target = np.asarray(xy, np.float64), np.asarray(onto, np.float64)
    rows = np.arange(len(source)) if stable is None else np.flatnonzero(stable)
    if len(rows) < 3:
        rows = np.arange(len(source))
    if not len(rows):
        return source
    middle, goal = source[rows].mean(0), target[rows].mean(0)
    a, b = source[rows] - middle, target[rows] - goal
    u, weights, v = np.linalg.svd(a.T @ b)
    spread = float((a**2).sum())
    scale = float(weights.sum()) / spread if spread > 0 else 1.0
    return scale * (source - middle) @ (u @ v) + goal


def moved(old_xy: Floats, new_xy: Floats) -> NDArray[np.float32]:
    """How far each item moved ``(N,)``, as part of the old map's radius (root mean square)."""
    old = np.asarray(old_xy, np.float64)
    radius = np.sqrt(((old - old.mean(0)) ** 2).sum(1).mean()) if len(old) else 1.0
    away = np.linalg.norm(np.asarray(new_xy, np.float64) - old, axis=1)
    return (away / max(radius, 1e-12)).astype(np.float32)


@dataclass(frozen=True)
class Company:
    """The labelled neighbours of labelled items.

    Attributes
    ----------
    own : ndarray (Q,) float64
        Part of the nearest labelled items that have the item's category; of the nearest R when the
        category has only R other items. NaN where it has none.
    voted : ndarray (Q,) int64
        Category with the largest weighted vote; -1 for none.
    share, own_share : ndarray (Q,) float64
        Shares of the vote of `voted` and of the item's own category.
    """

    own: Doubles
    voted: Ints
    share: Doubles
    own_share: Doubles


def company(vectors: NDArray[np.float32], labels: Ints, queries: Ints, k: int = _VOTES) -> Company:
    """Look at the k nearest labelled neighbours of some of the items, themselves left out.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        Labelled items, l2-normalised.
    labels : ndarray (N,) int64
    queries : ndarray (Q,) int64
        Rows.
    """
    from fgvc_studio.analysis import probes

    names, coded, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rows, scores = neighbours.search(vectors, vectors[queries], k, queries)
    near = np.where(rows >= 0, coded[np.maximum(rows, 0)], -1)
    mine = coded[queries]
    others = np.minimum(counts[mine] - 1, k)
    inside = np.arange(near.shape[1]) < others[:, None]
    hits = ((near == mine[:, None]) & inside).sum(1)
    own = np.where(others > 0, hits / np.maximum(others, 1), np.nan)
    voted = np.full(len(queries), -1, np.int64)
    share, own_share = np.zeros(len(queries)), np.zeros(len(queries))
    step = max(1, probes.VOTE_BLOCK // max(1, len(names)))
    for start in range(0, len(queries), step):
        part = slice(start, min(start + step, len(queries)))
        shares = probes.votes(near[part], scores[part], len(names))
        at = np.arange(len(shares))
        best = shares.argmax(1)
        some = (near[part] >= 0).any(1)
        voted[part] = np.where(some, names[best], -1)
        share[part], own_share[part] = shares[at, best], shares[at, mine[part]]
    return Company(own, voted, share, own_share)


def changes_of_categories(before: Doubles, after: Doubles, labels: Ints) -> tuple[Ints, Doubles]:
    """Mean values of each category before and after, and the interval of their difference.

    Parameters
    ----------
    before, after : ndarray (Q,) float64
        Values of the same items; NaN: not measured.
    labels : ndarray (Q,) int64

    Returns
    -------
    names : ndarray (C,) int64
    numbers : ndarray (C, 5) float64
        before, after, low, high (95 % bootstrap of the paired difference), number of items.
    """
    known = ~(np.isnan(before) | np.isnan(after))
    names = np.unique(labels[known])
    numbers = np.empty((len(names), 5))
    order = np.argsort(labels[known], kind="stable")
    rows = np.flatnonzero(known)[order]
    ends = np.searchsorted(labels[rows], names, side="right")
    for i, mine in enumerate(np.split(rows, ends[:-1])):
        low, high = intervals.paired_difference(before[mine], after[mine])
        numbers[i] = before[mine].mean(), after[mine].mean(), low, high, len(mine)
    return names, numbers


def sample_of_categories(labels: Ints, total: int = PAIR_ITEMS, seed: int = 0) -> Ints:
    """Rows with at most as many of each category as `total` allows, ascending by category.

    A category gives 4 to 50 items; those with one item are left out.
    """
    names, counts = np.unique(labels, return_counts=True)
    names = names[counts > 1]
    each = int(np.clip(total // max(1, len(names)), _LEAST_OF_CATEGORY, _MOST_OF_CATEGORY))
    mixed = np.random.default_rng(seed).permutation(len(labels))
    mixed = mixed[np.isin(labels[mixed], names)]
    order = mixed[np.argsort(labels[mixed], kind="stable")]
    starts = np.searchsorted(labels[order], names)
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return order[place < each].astype(np.int64)


def inhomogeneity(vectors: NDArray[np.float32], labels: Ints) -> tuple[Ints, NDArray[np.float32]]:
    """Energy coefficients between all categories.

    Parameters
    ----------
    vectors : ndarray (n, D) float32
    labels : ndarray (n,) int64
        Ascending, at least two items each (see `sample_of_categories`).

    Returns
    -------
    names : ndarray (C,) int64
    coefficients : ndarray (C, C) float32
        Symmetric; 0 on the diagonal. Means within a category are over pairs of different items,
        so that small categories do not look tighter than they are; values below 0 are chance.
    """
    names, starts, counts = np.unique(labels, return_index=True, return_counts=True)
    means = np.empty((len(names), len(names)))
    data = np.ascontiguousarray(vectors, np.float32)
    square = np.einsum("nd,nd->n", data, data, dtype=np.float64)
    ends = np.append(starts[1:], len(labels))
    first = 0
    while first < len(names):
        last = int(np.searchsorted(ends, starts[first] + _ROWS, side="right"))
        last = max(first + 1, last)
        rows = slice(starts[first], ends[last - 1])
        product = (data[rows] @ data.T).astype(np.float64)
        apart = np.sqrt(np.maximum(square[rows, None] + square - 2 * product, 0))
        own = np.arange(rows.stop - rows.start)
        apart[own, own + rows.start] = 0  # rounding would leave 1e-4
        by_column = np.add.reduceat(apart, starts, axis=1)
        means[first:last] = np.add.reduceat(by_column, starts[first:last] - starts[first], axis=0)
        first = last
    within = np.diag(means) / (counts * (counts - 1))
    between = means / (counts[:, None] * counts)
    found = (2 * between - within[:, None] - within) / np.maximum(2 * between, 1e-12)
    np.fill_diagonal(found, 0)
    return names, found.astype(np.float32)


def same_population(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    permutations: int = 199,
    seed: int = 0,
) -> float:
    """Energy test of two samples being drawn from one distribution.

    Parameters
    ----------
    first, second : ndarray (n, D) and (m, D) float32

    Returns
    -------
    float
        Part of the random divisions of the items (the true one included) that are as far apart;
        near 1: cannot be told apart.
    """
    both = np.concatenate([first, second]).astype(np.float64)
    square = (both**2).sum(1)
    apart = np.sqrt(np.maximum(square[:, None] + square - 2 * both @ both.T, 0))
    n, m = len(first), len(second)
    rng = np.random.default_rng(seed)
    sides = np.zeros((permutations + 1, n + m))
    sides[0, :n] = 1
    for row in sides[1:]:
        row[rng.permutation(n + m)[:n]] = 1
    one = np.einsum("pi,ij,pj->p", sides, apart, sides, optimize=True)
    other = 1 - sides
    two = np.einsum("pi,ij,pj->p", other, apart, other, optimize=True)
    cross = (apart.sum() - one - two) / 2
    energy = 2 * cross / (n * m) - one / n**2 - two / m**2
    return float(np.mean(energy >= energy[0] - 1e-12))
