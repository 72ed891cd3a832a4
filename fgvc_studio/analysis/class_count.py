"""How many classes the items without a label hold.

The main estimate counts the dense regions (HDBSCAN) of a 10-dimensional UMAP. Beside it stand the
same on discriminants learned from the labelled items, and the cut of a Ward tree with the best
silhouette; together they give the range to show. `calibrate` tells the error of the rule on
classes whose number is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import clustering, frozen_groups, neighbours, probes, projection
from fgvc_studio.analysis.metrics_clustering import matched

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

DRAWS = 20
"""Repetitions behind the stability."""
PART = 0.8
"""Part of the items in each."""
LEAST_SIZE = 5
HIDE_EVERY = 3
_PLATEAU = 0.01
_SILHOUETTE_ROWS = 4_000
_STARTS = 10
_WIDEST = 200


@dataclass(frozen=True, slots=True)
class Curve:
    """A score over numbers of classes; the higher the better.

    Attributes
    ----------
    counts : ndarray (m,) int64
    scores : ndarray (m,) float64
    """

    counts: Ids
    scores: NDArray[np.float64]

    @property
    def best(self) -> int:
        """The number with the highest score."""
        return int(self.counts[int(np.argmax(self.scores))])


@dataclass(frozen=True, slots=True)
class CountEstimate:
    """The number of classes among items without a label.

    Attributes
    ----------
    count : int
        Best guess.
    low, high : int
        The range of all rules; not a confidence interval.
    rules : dict
        Name of a rule -> its number.
    curve : Curve
        Silhouette over numbers of classes, or the labelled accuracy.
    stability : ndarray (r,) int64
        The main rule's number on random parts (80 %) of the items.
    """

    count: int
    low: int
    high: int
    rules: dict[str, int]
    curve: Curve
    stability: Ids

    def chosen(self, *, prefer_splitting: bool = False) -> int:
        """The number to work with; the upper end where merging is easier than splitting."""
        return self.high if prefer_splitting else self.count


@dataclass(frozen=True, slots=True)
class Calibration:
    """The main rule on labelled classes that were hidden: their number and the estimate."""

    truth: int
    estimate: CountEstimate

    @property
    def error(self) -> int:
        """Estimate less truth."""
        return self.estimate.count - self.truth


def cluster_size(labels: Ids) -> int:
    """Least items of a dense region: a quarter of the median labelled class, 5 at least."""
    sizes = np.unique(labels[labels >= 0], return_counts=True)[1]
    return max(LEAST_SIZE, round(float(np.median(sizes)) / 4)) if len(sizes) else LEAST_SIZE


def estimate(vectors: Floats, labels: Ids, seed: int = 0) -> CountEstimate:
    """Estimate the number of classes.

    Parameters
    ----------
    vectors : ndarray (N, D) float32
        l2-normalised, of a frozen backbone.
    labels : ndarray (N,) int64
        Known class, negative where the item has no label.

    Raises
    ------
    ValueError
        No item is without a label.
    """
    pool = np.flatnonzero(labels < 0)
    if not len(pool):
        raise ValueError("All items have a label.")
    size = cluster_size(labels)
    frozen = layout(vectors[pool], seed)
    known = np.flatnonzero(labels >= 0)
    separated = None
    if len(np.unique(labels[known])) > 1:
        space = probes.lda_space(probes.pca_space(vectors), known, labels[known])
        separated = layout(space[pool], seed)
    return from_layouts(frozen, separated, size, seed)


def from_layouts(
    frozen: Floats, separated: Floats | None, size: int, seed: int = 0
) -> CountEstimate:
    """Estimate from UMAP coordinates of the unlabelled items.

    Parameters
    ----------
    frozen : ndarray (M, d) float32
        Of the frozen vectors.
    separated : ndarray (M, d) float32, optional
        Of the discriminant space.
    size : int
        See `cluster_size`.
    """
    rules = {"density": dense(frozen, size)}
    if separated is not None:
        rules["density_discriminant"] = dense(separated, size)
    curve = silhouettes(frozen if separated is None else separated, rules["density"], seed)
    if len(curve.counts):
        rules["silhouette"] = curve.best
    draw = np.random.default_rng(seed)
    part = max(2, round(PART * len(frozen)))
    stability = [
        dense(frozen[np.sort(draw.permutation(len(frozen))[:part])], max(2, round(PART * size)))
        for _ in range(DRAWS)
    ]
    numbers = rules.values()
    return CountEstimate(
        rules["density"], min(numbers), max(numbers), rules, curve, np.array(stability, np.int64)
    )


def layout(vectors: Floats, seed: int = 0) -> Floats:
    """UMAP with 10 dimensions, 15 neighbours, no least distance: (N, 10) float32."""
    rows, scores = neighbours.knn_graph(vectors, frozen_groups.UMAP_NEIGHBOURS - 1)
    return projection.umap_map(
        vectors,
        rows,
        scores,
        seed,
        None,
        dims=frozen_groups.UMAP_DIMS,
        min_dist=0.0,
        init="spectral",
    )


def dense(points: Floats, size: int) -> int:
    """Number of dense regions with at least `size` points; 1 where none stands out."""
    return max(1, int(clustering.hdbscan(points, size).max(initial=-1)) + 1)


def silhouettes(points: Floats, around: int, seed: int = 0) -> Curve:
    """Mean silhouette of the cuts of a Ward tree, from 2 to three times `around` classes.

    Of more than 4,000 points a random part is taken: the tree takes memory in proportion to the
    square of their number.
    """
    from scipy.cluster.hierarchy import fcluster, ward
    from scipy.spatial.distance import pdist, squareform
    from sklearn.metrics import silhouette_score

    rows = np.random.default_rng(seed).permutation(len(points))[:_SILHOUETTE_ROWS]
    data = np.asarray(points[np.sort(rows)], np.float64)
    last = min(len(data) - 1, max(10, 3 * around), _WIDEST)
    if last < 2:
        return Curve(np.empty(0, np.int64), np.empty(0))
    condensed = pdist(data)
    tree, distances = ward(condensed), squareform(condensed)
    counts, scores = [], []
    for k in range(2, last + 1):
        groups = fcluster(tree, k, "maxclust")
        if len(np.unique(groups)) == k:  # ties may forbid a cut
            counts.append(k)
            scores.append(float(silhouette_score(distances, groups, metric="precomputed")))
    return Curve(np.array(counts, np.int64), np.array(scores))


def labelled_accuracy(
    vectors: Floats, labels: Ids, totals: Ids | None = None, seed: int = 0
) -> CountEstimate:
    """Estimate by k-means over all items: classes that are known must come out as they are.

    Of all total numbers within .01 of the best matched accuracy of the labelled items, the one
    with the best cosine silhouette of the unlabelled items counts; the known classes are taken
    off.

    Parameters
    ----------
    totals : ndarray (m,) int64, optional
        Numbers of classes, known and novel together, to try.

    Returns
    -------
    CountEstimate
        The curve is the labelled accuracy over `totals`.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    known = labels >= 0
    classes = len(np.unique(labels[known]))
    if not classes or known.all():
        raise ValueError("Items with and without a label are needed.")
    if totals is None:
        totals = np.arange(classes, min(3 * classes + 5, len(vectors) - 1) + 1)
    scores, inner = [], []
    for total in totals:
        groups = KMeans(int(total), n_init=_STARTS, random_state=seed).fit_predict(vectors)
        scores.append(float(matched(groups[known], labels[known]).mean()))
        rest = groups[~known]
        distinct = len(np.unique(rest))
        able = 1 < distinct < len(rest)
        inner.append(silhouette_score(vectors[~known], rest, metric="cosine") if able else -1.0)
    curve = Curve(np.asarray(totals, np.int64), np.array(scores))
    plateau = np.flatnonzero(curve.scores >= curve.scores.max() - _PLATEAU)
    best = plateau[int(np.argmax(np.array(inner)[plateau]))]
    counts = [max(1, int(curve.counts[i]) - classes) for i in (best, plateau[0], plateau[-1])]
    rules = {"labelled_accuracy": counts[0]}
    return CountEstimate(counts[0], counts[1], counts[2], rules, curve, np.empty(0, np.int64))


def calibrate(vectors: Floats, labels: Ids, seed: int = 0) -> Calibration:
    """Hide every third labelled class and estimate the number of the hidden ones.

    Raises
    ------
    ValueError
        Fewer than three labelled classes.
    """
    known = np.flatnonzero(labels >= 0)
    names = np.unique(labels[known])
    hidden = names[HIDE_EVERY - 1 :: HIDE_EVERY]
    if not len(hidden):
        raise ValueError("Three labelled classes are needed.")
    seen = labels[known].copy()
    seen[np.isin(seen, hidden)] = -1
    return Calibration(len(hidden), estimate(vectors[known], seen, seed))


RULES: dict[str, Callable[..., CountEstimate]] = {
    "density": estimate,
    "labelled_accuracy": labelled_accuracy,
}
"""The rules by name; each takes (vectors, labels, seed=...)."""
