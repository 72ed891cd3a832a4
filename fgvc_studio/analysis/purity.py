"""The purity that a cluster of unnamed items probably has.

It cannot be measured. It is estimated from what pure groups look like: known categories are
hidden, grouped in the same way, and the share that a group holds of one category is set against
how sure, how repeatable and how closed the group looks (`cluster_quality.quality`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import class_count, clustering, grouping
from fgvc_studio.analysis.cluster_quality import compact, quality

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

LEAST_CATEGORIES, LEAST_ITEMS, LEAST_EACH = 9, 200, 5
MOST_ITEMS = 6_000
FACTORS = (0.7, 1.0, 1.4)
ROTATIONS = 3
_GRID = 41
_AROUND = 40
_RANGE = (0.1, 0.9)


def enough(labels: Ids) -> bool:
    """Whether categories ``(n,)`` suffice: 9 with 5 items, and 200 items in all."""
    counts = np.unique(labels, return_counts=True)[1]
    counts = counts[counts >= LEAST_EACH]
    return len(counts) >= LEAST_CATEGORIES and int(counts.sum()) >= LEAST_ITEMS


def calibrate(vectors: Floats, labels: Ids, method: str, seed: int = 0) -> NDArray[np.float64]:
    """Learn from labelled items what purity goes with what quality.

    Every third category is hidden in turn and grouped into too few, right and too many groups. A
    monotone curve (isotonic regression) runs through quality against true purity; the range
    holds four in five of the groups around.

    Parameters
    ----------
    vectors : ndarray (n, D) float32
        6,000 of them are looked at.
    labels : ndarray (n,) int64
        Categories, all of them known; `enough` of them.
    method : str
        One of `grouping.METHODS`, by which the hidden categories are grouped.

    Returns
    -------
    ndarray (4, g) float64
        Quality, low, middle and high purity.
    """
    names, counts = np.unique(labels, return_counts=True)
    names = names[counts >= LEAST_EACH]
    rows = np.flatnonzero(np.isin(labels, names))
    if len(rows) > MOST_ITEMS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ITEMS, replace=False))
    points: list[tuple[float, float, int]] = []
    for turn in range(ROTATIONS):
        hidden = np.isin(labels[rows], names[turn::ROTATIONS])
        pool, rest = rows[hidden], rows[~hidden]
        data = compact(vectors[pool], seed)
        space = _space(vectors, labels, pool, rest, data, method, seed)
        count = len(np.unique(labels[pool]))
        for factor in FACTORS:
            groups = max(2, round(factor * count))
            found = clustering.kmeans(space, groups, seed, starts=3).astype(np.int64)
            points += _points(data, found, labels[pool], groups, seed)
    return _fitted(np.array(points))


def _space(
    vectors: Floats, labels: Ids, pool: Ids, rest: Ids, data: Floats, method: str, seed: int
) -> Floats:
    """What the pool is grouped in."""
    if method == "kmeans" or len(pool) < grouping.LEAST_FOR_UMAP:
        return data
    if method == "guided":
        return class_count.layout(
            grouping.discriminants(vectors[pool], vectors[rest], labels[rest]), seed
        )
    return class_count.layout(np.ascontiguousarray(vectors[pool], np.float32), seed)


def _points(
    data: Floats, found: Ids, truth: Ids, count: int, seed: int
) -> list[tuple[float, float, int]]:
    """(mean quality, purity, size) of each group."""
    good = quality(data, found, count, seed)
    points = []
    for g in np.unique(found):
        own = found == g
        share = np.unique(truth[own], return_counts=True)[1].max() / own.sum()
        points.append((float(good[own].mean()), float(share), int(own.sum())))
    return points


def _fitted(points: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.isotonic import IsotonicRegression

    x, y, weight = points[np.argsort(points[:, 0], kind="stable")].T
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(x, y, weight)
    left = y - curve.predict(x)
    grid = np.linspace(x[0], x[-1], _GRID)
    middle = curve.predict(grid)
    around = min(_AROUND, len(x))
    ranges = np.empty((2, _GRID))
    for i, value in enumerate(grid):
        near = np.argsort(np.abs(x - value), kind="stable")[:around]
        ranges[:, i] = np.quantile(left[near], _RANGE)
    low = np.clip(middle + np.minimum(ranges[0], 0), 0, 1)
    high = np.clip(middle + np.maximum(ranges[1], 0), 0, 1)
    return np.stack([grid, low, middle, high])
