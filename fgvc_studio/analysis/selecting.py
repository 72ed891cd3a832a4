"""Naming by neighbours: a score with room for "nothing I know", its calibration, and choices under
a stated bound of error.

The bound is that of conformal selection (Jin and Candes, arXiv 2210.01408): an item gets a p-value
from the wrongly named items among those whose name is known, and the Benjamini-Hochberg procedure
chooses. The expected part of wrong names among the chosen stays below the bound when the items to
be named are like those whose names are known. It is applied within each proposed category, so that
a category with too few known items is never chosen from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import neighbours, probes

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

NEIGHBOURS = 10
_STIFFNESS = 1.0
"""Standard deviation that the log-odds of a category are expected to differ by."""
_STEPS = 20
_LEAST, _MOST = 0.005, 0.995


@dataclass(frozen=True)
class Scored:
    """What the neighbours say of items.

    Attributes
    ----------
    best : ndarray (n,) int64
        The category with most of the vote; -1 where nobody votes.
    score : ndarray (n,) float64
        Its share, 0 .. 1; see `shy` for the one in which "nothing I know" votes too.
    weight : ndarray (n,) float64
        Weight of all votes: small far from everything that has a name.
    """

    best: Ints
    score: Doubles
    weight: Doubles


def score(
    gallery: Floats,
    labels: Ints,
    queries: Floats,
    own: Ints | None = None,
    *,
    k: int = NEIGHBOURS,
) -> Scored:
    """Let the k nearest named items vote; each weighs ``exp((cosine - 1) / .07)``.

    Parameters
    ----------
    gallery : ndarray (N, D) float32
        Named items, l2-normalised.
    labels : ndarray (N,) int64
    queries : ndarray (Q, D) float32
    own : ndarray (Q,) int64, optional
        Row of the query in the gallery, which does not vote; -1 for none.
    """
    rows, cosines = neighbours.search(gallery, queries, k, own)
    names, coded = np.unique(labels, return_inverse=True)
    near = np.where(rows >= 0, coded[np.maximum(rows, 0)], -1)
    weights = np.where(near >= 0, np.exp((cosines.astype(np.float64) - 1) / probes.TEMPERATURE), 0)
    weight = weights.sum(1)
    best = np.full(len(rows), -1, np.int64)
    found = np.zeros(len(rows))
    step = max(1, probes.VOTE_BLOCK // max(1, len(names)))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        shares = probes.votes(near[part], cosines[part], len(names))
        place = shares.argmax(1)
        best[part] = np.where(weight[part] > 0, names[place], -1)
        found[part] = shares[np.arange(len(shares)), place]
    return Scored(best, found, weight)


def strangers(gallery: Floats, labels: Ints, queries: Ints, k: int = NEIGHBOURS) -> Scored:
    """What the others say of items while the item's whole category is hidden: always wrong.

    Parameters
    ----------
    queries : ndarray (Q,) int64
        Rows of the gallery.

    Returns
    -------
    Scored
        Without a vote for nothing. Empty with fewer than two categories.
    """
    parts = []
    for name in np.unique(labels[queries]) if len(np.unique(labels)) > 1 else ():
        mine = queries[labels[queries] == name]
        others = np.flatnonzero(labels != name)
        parts.append(score(gallery[others], labels[others], gallery[mine], k=min(k, len(others))))
    return joined(parts)


def joined(parts: list[Scored]) -> Scored:
    """Consecutive parts as one."""
    if not parts:
        return Scored(np.empty(0, np.int64), np.empty(0), np.empty(0))
    columns = zip(*((p.best, p.score, p.weight) for p in parts), strict=True)
    return Scored(*(np.concatenate(column) for column in columns))


def shy(found: Scored, nothing: float) -> Scored:
    """The same votes with one for "nothing I know" of this weight."""
    share = found.weight / np.maximum(found.weight + nothing, 1e-300)
    return Scored(found.best, found.score * share, found.weight)


@dataclass(frozen=True)
class Calibration:
    """Score -> probability that the proposed name is right.

    Attributes
    ----------
    knots, values : ndarray (m,) float64
        Isotonic curve over all categories.
    offsets : dict of int to float
        What a proposed category adds to the log-odds.
    """

    knots: Doubles
    values: Doubles
    offsets: dict[int, float]

    def confidence(self, best: Ints, scores: Doubles) -> NDArray[np.float32]:
        """Probabilities (n,) of proposals."""
        common = np.clip(np.interp(scores, self.knots, self.values), _LEAST, _MOST)
        extra = np.array([self.offsets.get(int(c), 0.0) for c in best])
        return np.where(best >= 0, _from_odds(_odds(common) + extra), 0).astype(np.float32)


def calibrate(found: Scored, labels: Ints) -> Calibration:
    """Fit on items whose names are known and did not vote for themselves.

    An isotonic curve over all, then one shift of the log-odds for each proposed category, held to
    0 by a normal prior, so that a category with few items keeps the common curve.

    Parameters
    ----------
    labels : ndarray (n,) int64
        True names.
    """
    right = (found.best == labels).astype(np.float64)
    if not len(right):
        return Calibration(np.array([0.0, 1.0]), np.array([_LEAST, 0.5]), {})
    knots, values = isotonic(found.score, right)
    base = _odds(np.clip(np.interp(found.score, knots, values), _LEAST, _MOST))
    offsets = {}
    for name in np.unique(found.best[found.best >= 0]):
        mine = found.best == name
        offsets[int(name)] = _shift(base[mine], right[mine])
    return Calibration(knots, values, offsets)


def isotonic(x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """The rising curve of least squares, by pooling neighbours that fall.

    Returns
    -------
    knots, values : ndarray (m,) float64
        Ends of its level pieces, for linear interpolation.
    """
    order = np.lexsort((y, x))
    sums: list[float] = []
    counts: list[int] = []
    for value in y[order].tolist():
        total, count = value, 1
        while sums and sums[-1] * count >= total * counts[-1]:
            total, count = total + sums.pop(), count + counts.pop()
        sums.append(total)
        counts.append(count)
    ends = np.cumsum(counts)
    starts = ends - np.array(counts)
    levels = np.array(sums) / np.array(counts)
    rising = x[order]
    knots = np.stack([rising[starts], rising[ends - 1]], 1).ravel()
    return knots, np.repeat(levels, 2)


def _shift(odds: Doubles, right: Doubles) -> float:
    """Most probable shift of log-odds under a normal prior, by Newton's method."""
    at = 0.0
    for _ in range(_STEPS):
        p = _from_odds(odds + at)
        slope = float((right - p).sum()) - at / _STIFFNESS**2
        curvature = float((p * (1 - p)).sum()) + 1 / _STIFFNESS**2
        at += slope / curvature
    return at


def _odds(p: Doubles) -> Doubles:
    return np.log(p) - np.log1p(-p)


def _from_odds(x: Doubles) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-x)))


def p_values(
    known: Doubles,
    right: NDArray[np.bool_],
    scores: Doubles,
    foreign: Doubles | None = None,
    weight: float = 1.0,
) -> Doubles:
    """Conformal p-values of proposals being wrong.

    Parameters
    ----------
    known : ndarray (n,) float64
        Scores of items whose names are known.
    right : ndarray (n,) bool
        Whether their proposals are right.
    scores : ndarray (m,) float64
    foreign : ndarray (f,) float64, optional
        Scores of items while their category was hidden. They count as wrong ones: the bound then
        holds even when as many items belong to categories that nobody has named yet.
    weight : float
        How many items each of them stands for.

    Returns
    -------
    ndarray (m,) float64
        ``(1 + wrong ones that score as high or higher) / (n + 1)``, at most 1.
    """

    def above(wrong: Doubles) -> NDArray[np.int64]:
        return len(wrong) - np.searchsorted(np.sort(wrong), scores, side="left")

    worse = 1.0 + above(known[~right])
    if foreign is not None:
        worse = worse + weight * above(foreign)
    return np.asarray(np.minimum(worse / (len(known) + 1), 1), np.float64)


def chosen(p: Doubles, bound: float) -> NDArray[np.bool_]:
    """Benjamini-Hochberg: which of the proposals may be taken, ``(m,)``."""
    m = len(p)
    order = np.argsort(p, kind="stable")
    passes = np.flatnonzero(p[order] <= bound * np.arange(1, m + 1) / m)
    found = np.zeros(m, bool)
    if len(passes):
        found[order[: passes[-1] + 1]] = True
    return found
