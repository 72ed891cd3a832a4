"""What a metric is worth on categories that it never saw, and what it says of those it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import clustering, intervals, metrics_clustering, metrics_retrieval

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Numbers = dict[str, float]

PER_QUERY = ("recall@1", "recall@2", "recall@4", "recall@8", "map@r", "r_precision")
PAIRED = ("map@r", "recall@1")
DECIDES = "map@r"


@dataclass(frozen=True)
class Scores:
    """Scores of a space over the items of some categories.

    Attributes
    ----------
    per_query : dict
        Name in `PER_QUERY` -> (Q,) float64.
    groups : dict
        ``nmi`` and ``pairwise_f1`` of k-means with the true number of categories, each as
        (value, low, high).
    """

    per_query: dict[str, NDArray[np.float64]]
    groups: dict[str, tuple[float, float, float]]

    def mean(self, name: str) -> float:
        """Mean of a score over its queries."""
        return float(np.nanmean(self.per_query[name]))


@dataclass(frozen=True)
class Findings:
    """What the hidden categories say; the fields are those of `services.comparing.Comparison`."""

    protocol: str
    verdict: str
    better: bool | None = None
    metrics: dict[str, Numbers] = field(default_factory=dict)
    baseline: dict[str, Numbers] = field(default_factory=dict)
    difference: dict[str, Numbers] = field(default_factory=dict)


def scores(vectors: Floats, labels: Labels, *, groups: bool = True) -> Scores:
    """Each item looks for those of its category among the others.

    Parameters
    ----------
    vectors : ndarray (n, E) float32
        l2-normalised.
    labels : ndarray (n,) int64
    """
    own = np.arange(len(labels))
    ranked = metrics_retrieval.retrieval(vectors, labels, vectors, labels, own)
    found = {f"recall@{k}": ranked.recall_at(k) for k in (1, 2, 4, 8)}
    found["map@r"] = ranked.map_at_r
    if not groups:
        return Scores(found, {})
    found["r_precision"] = r_precision(vectors, labels)
    made = clustering.kmeans(vectors, len(np.unique(labels)), starts=5)
    cells = metrics_clustering.Cells.of(made, labels)
    measured = {}
    for name, measure in (
        ("nmi", metrics_clustering.nmi),
        ("pairwise_f1", metrics_clustering.pairwise_f1),
    ):
        statistic = partial(measure, cells)
        low, high = intervals.bootstrap_statistics([(cells.of_item, statistic)])
        measured[name] = (float(statistic(cells.counts())[0]), low, high)
    return Scores(found, measured)


def r_precision(vectors: Floats, labels: Labels, block: int = 2048) -> NDArray[np.float64]:
    """Part of the right items among the first R, R the number of others of the category; (n,)."""
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    others = counts[place] - 1
    found = np.full(len(labels), np.nan)
    most = int(others.max(initial=0))
    for start in range(0, len(labels) if most else 0, block):
        part = slice(start, start + block)
        similar = vectors[part] @ vectors.T
        rows = np.arange(len(similar))
        similar[rows, rows + start] = -np.inf
        order = np.argsort(-similar, axis=1, kind="stable")[:, :most]
        hits = (labels[order] == labels[part][:, None]) & (np.arange(most) < others[part][:, None])
        with np.errstate(invalid="ignore"):
            found[part] = np.where(others[part] > 0, hits.sum(1) / others[part], np.nan)
    return found


def findings(spaces: Mapping[str, Scores], categories: int) -> Findings:
    """Compare ``trained`` with ``frozen``, and with ``lda`` and ``plain`` where they are there."""
    trained, frozen = spaces["trained"], spaces["frozen"]
    difference: dict[str, Numbers] = {}
    for other, ending in (("frozen", ""), ("lda", " - lda"), ("plain", " - plain")):
        if other in spaces:
            for name in PAIRED:
                made = _paired(spaces[other].per_query[name], trained.per_query[name])
                difference[f"{name}{ending}"] = made
    metrics, baseline = _told(trained), _told(frozen)
    for other in ("lda", "plain"):
        if other in spaces:
            told = _told(spaces[other])
            baseline |= {f"{other}_{name}": told[name] for name in PAIRED}
    better = difference[DECIDES]["low"] > 0
    queries = len(trained.per_query[DECIDES])
    return Findings(
        protocol=f"{queries} items of {categories} categories hidden from training, each in turn",
        verdict=_verdict(metrics, baseline, difference, categories),
        better=better,
        metrics=metrics,
        baseline=baseline,
        difference=difference,
    )


def _told(found: Scores) -> dict[str, Numbers]:
    told = {}
    for name, values in found.per_query.items():
        known = values[~np.isnan(values)]
        low, high = intervals.bootstrap(known)
        told[name] = {"value": float(known.mean()), "low": low, "high": high, "n": len(known)}
    n = len(found.per_query[DECIDES])
    for name, (value, low, high) in found.groups.items():
        told[name] = {"value": value, "low": low, "high": high, "n": n}
    return told


def _paired(first: NDArray[np.float64], second: NDArray[np.float64]) -> Numbers:
    both = ~(np.isnan(first) | np.isnan(second))
    low, high = intervals.paired_difference(first[both], second[both])
    return {
        "value": float(np.mean(second[both] - first[both])),
        "low": low,
        "high": high,
        "n": int(both.sum()),
    }


def _verdict(
    metrics: dict[str, Numbers],
    baseline: dict[str, Numbers],
    difference: dict[str, Numbers],
    categories: int,
) -> str:
    change = difference[DECIDES]
    numbers = (
        f"on {categories} categories hidden from training, mAP@R {metrics[DECIDES]['value']:.3f} "
        f"against {baseline[DECIDES]['value']:.3f} in the frozen space (difference "
        f"{change['value']:+.3f}, 95 % interval {change['low']:+.3f} to {change['high']:+.3f})"
    )
    if change["low"] <= 0:
        return (
            f"The trained space is not better than the frozen one; keep the old space: {numbers}."
        )
    told = f"The trained space is better than the frozen one: {numbers}"
    against = difference.get(f"{DECIDES} - lda")
    if against is None:
        return f"{told}."
    interval = (
        f"{against['value']:+.3f}, 95 % interval {against['low']:+.3f} to {against['high']:+.3f}"
    )
    if against["low"] > 0:
        return f"{told}, and better than shrunken discriminants ({interval})."
    return f"{told}, but not better than shrunken discriminants ({interval})."


def of_categories(vectors: Floats, labels: Labels) -> tuple[Labels, NDArray[np.float64]]:
    """Mean squared distances within and between categories.

    Returns
    -------
    names : ndarray (C,) int64
    distances : ndarray (C, C) float64
        Off the diagonal: mean over the pairs of items; on it the compactness, the mean over the
        pairs within the category (NaN for one item).
    """
    names, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    data = vectors.astype(np.float64)
    sums = np.zeros((len(names), data.shape[1]))
    np.add.at(sums, place, data)
    squares = np.bincount(place, (data**2).sum(1), minlength=len(names))
    means = sums / counts[:, None]
    spread = squares / counts
    distances = spread[:, None] + spread[None, :] - 2 * means @ means.T
    with np.errstate(invalid="ignore", divide="ignore"):
        within = 2 * (counts * squares - (sums**2).sum(1)) / (counts * (counts - 1))
    np.fill_diagonal(distances, within)
    return names, distances


def table_of_categories(vectors: Floats, labels: Labels, pairs: int = 50) -> dict[str, object]:
    """Compactness and nearest other category of each, and the pairs easiest to mistake."""
    names, distances = of_categories(vectors, labels)
    apart = distances.copy()
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(1)
    first, second = np.triu_indices(len(names), 1)
    order = np.argsort(apart[first, second], kind="stable")[:pairs]
    return {
        "categories": [
            {
                "category": int(name),
                "items": int((labels == name).sum()),
                "compactness": _number(distances[i, i]),
                "nearest": int(names[nearest[i]]),
                "distance": _number(apart[i, nearest[i]]),
            }
            for i, name in enumerate(names)
        ],
        "closest_pairs": [
            {
                "categories": [int(names[first[i]]), int(names[second[i]])],
                "distance": _number(apart[first[i], second[i]]),
            }
            for i in order
        ],
    }


def changes_of_categories(before: Scores, after: Scores, labels: Labels) -> list[dict[str, object]]:
    """mAP@R of each hidden category before and after, those that got worse first."""
    found = []
    for name in np.unique(labels):
        mine = labels == name
        old, new = (float(np.nanmean(s.per_query[DECIDES][mine])) for s in (before, after))
        found.append((new - old, int(name), int(mine.sum()), old, new))
    return [
        {"category": name, "items": items, "before": old, "after": new}
        for _, name, items, old, new in sorted(found)
    ]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def notes(left_out: int, hidden: int, unnamed: int, strength: float | None) -> tuple[str, ...]:
    """What a reader of the card should know.

    Parameters
    ----------
    left_out, hidden : int
        Categories with one item; categories hidden from the first trainings.
    unnamed : int
        Items without a name that took part; those of hidden categories among them.
    strength : float, optional
        Of the confusion, where it was searched.
    """
    found = []
    if left_out:
        found.append(f"{left_out} categories with one item were left out.")
    if hidden:
        found.append(
            "The number of steps was chosen by the same hidden categories that are reported, "
            "which flatters a little."
        )
    else:
        found.append("No categories were hidden, so there is no honest estimate of the gain.")
    if unnamed:
        found.append(
            f"Neighbours among {unnamed:,} items without a name counted as alike; while categories "
            "were hidden, their items were among these."
        )
    if strength is not None:
        found.append(f"Strength of the confusion found: {strength:g}.")
    return tuple(found)
