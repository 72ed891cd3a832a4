"""The metrics of one evaluation task, by the names that reports and cards use."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Progress

if TYPE_CHECKING:
    from fgvc_studio.analysis.metrics_retrieval import Retrieval
    from fgvc_studio.services.process_lane import ProcessLane

CLUSTER_SEEDS = ((5_000, 10), (1 << 62, 3))
"""Runs of k-means for up to so many items: one run alone is off by 3 to 4 points (sd)."""
QUERY_LIMIT = 10_000
"""Above this number the queries are a random sample; a report's ``n`` tells."""
QUERY_BLOCK = 512
"""Queries ranked between two reports."""
PROBE_LIMIT = 20_000
"""The probe learns from a random sample of a larger gallery."""
UMAP_LEAST = 32
"""Fewer items make no UMAP."""

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]
Metric = dict[str, float | int]
Metrics = dict[str, Metric]
Job = Generator[Progress, None, Metrics]


class NotScored(Exception):
    """A metric does not apply; the text says why."""


@dataclass(frozen=True)
class Task:
    """What is scored against what.

    Attributes
    ----------
    vectors : ndarray (N, D) float32
        All rows of the space, l2-normalised.
    norms : ndarray (N,) float32 or None
        Their lengths before that; the linear probe sees the vectors as the backbone gave them.
    gallery, queries : ndarray int64
        Rows; ascending.
    label : ndarray (N,) int64
        True category of each row, -1 unknown; known for all rows of gallery and queries.
    fit : ndarray (N,) int64
        Category for fitting a discriminant space, -1 where its label must not be seen.
    histograms : callable
        A job that returns the colour histograms of rows, ``(n, 512)`` float32.
    """

    vectors: Vectors
    norms: Vectors | None
    gallery: Ints
    queries: Ints
    label: Ints
    fit: Ints
    seed: int
    lane: Callable[[], ProcessLane]
    histograms: Callable[[Ints], Generator[Progress, None, Vectors]]

    @cached_property
    def own(self) -> Ints:
        """Place of each query in the gallery, -1 where it is not there; ``(Q,)``."""
        place = np.full(len(self.label), -1, np.int64)
        place[self.gallery] = np.arange(len(self.gallery))
        return place[self.queries]

    @property
    def disjoint(self) -> bool:
        """Whether no query lies in the gallery."""
        return not (self.own >= 0).any()

    @cached_property
    def truth(self) -> Ints:
        """True category of each query, ``(Q,)``."""
        return self.label[self.queries]

    def unscaled(self, rows: Ints) -> Vectors:
        """Vectors of rows as the backbone gave them, before they were normalised."""
        chosen = np.asarray(self.vectors[rows])
        return chosen if self.norms is None else chosen * self.norms[rows, None]

    @cached_property
    def components(self) -> Vectors:
        """Leading principal components of the whole space, ``(N, 128)``."""
        from fgvc_studio.analysis import probes

        return probes.pca_space(self.vectors, seed=self.seed)

    @cached_property
    def discriminants(self) -> Vectors:
        """Shrunken linear discriminants of the rows that `fit` names, ``(N, 48)``."""
        from fgvc_studio.analysis import probes

        rows = np.flatnonzero(self.fit >= 0)
        if len(np.unique(self.fit[rows])) < 2:
            raise NotScored("No two categories with labels outside the queries to fit on.")
        return probes.lda_space(self.components, rows, self.fit[rows])


def jobs() -> list[tuple[str, tuple[str, ...], Callable[[Task], Job]]]:
    """Title, metric names and job of every group of metrics, the quick ones first."""
    return [
        ("Ranking", ("recall@1", "recall@5", "map@r", "map", "map@100"), ranking),
        ("Neighbours' vote", ("knn10_weighted",), vote),
        ("Colour histograms", ("colour_histogram_recall@1",), colour),
        ("Discriminant space", ("lda_map@r", "lda_recall@1"), discriminant_ranking),
        ("Groups (k-means)", ("kmeans_accuracy", "kmeans_nmi"), groups),
        ("Groups in the discriminant space", ("lda_kmeans_accuracy",), discriminant_groups),
        (
            "Groups (UMAP)",
            ("umap_kmeans_accuracy", "umap_kmeans_nmi", "umap_kmeans_ari"),
            umap_groups,
        ),
        ("Linear probe", ("linear_probe",), linear_probe),
    ]


def drawn(items: Ints, seed: int = 0) -> Ints:
    """At most `QUERY_LIMIT` of some queries, drawn at random; ascending."""
    if len(items) <= QUERY_LIMIT:
        return items
    return np.sort(np.random.default_rng(seed).choice(items, QUERY_LIMIT, replace=False))


# ---- ranking ---------------------------------------------------------------------------------
def _retrieval(task: Task, vectors: Vectors, title: str) -> Generator[Progress, None, Retrieval]:
    from fgvc_studio.analysis import metrics_retrieval

    gallery, labels = vectors[task.gallery], task.label[task.gallery]
    parts = []
    for start in range(0, len(task.queries), QUERY_BLOCK):
        yield Progress(start, len(task.queries), title)
        part = slice(start, start + QUERY_BLOCK)
        parts.append(
            metrics_retrieval.retrieval(
                gallery, labels, vectors[task.queries[part]], task.truth[part], task.own[part]
            )
        )
    found = metrics_retrieval.Retrieval.joined(parts)
    if not found.scored.any():
        raise NotScored("No query has another item of its category in the gallery.")
    return found


def ranking(task: Task) -> Job:
    """Recall and mean average precision of the ranked gallery."""
    found = yield from _retrieval(task, task.vectors, "Ranking")
    return {
        "recall@1": mean(found.recall_at(1)),
        "recall@5": mean(found.recall_at(5)),
        "map@r": mean(found.map_at_r),
        "map": mean(found.average_precision),
        "map@100": mean(found.precision_100),
    }


def colour(task: Task) -> Job:
    """Recall@1 by colour alone."""
    rows = np.union1d(task.gallery, task.queries)
    made = yield from task.histograms(rows)
    vectors = np.zeros((len(task.label), made.shape[1]), np.float32)
    vectors[rows] = made
    found = yield from _retrieval(task, vectors, "Colour histograms")
    return {"colour_histogram_recall@1": mean(found.recall_at(1))}


def discriminant_ranking(task: Task) -> Job:
    """mAP@R and Recall@1 in the discriminant space."""
    yield Progress(0, 0, "Discriminant space")
    found = yield from _retrieval(task, task.discriminants, "Discriminant space")
    return {"lda_map@r": mean(found.map_at_r), "lda_recall@1": mean(found.recall_at(1))}


# ---- votes and probes ------------------------------------------------------------------------
def vote(task: Task) -> Job:
    """Accuracy of the weighted vote of the 10 nearest neighbours."""
    from fgvc_studio.analysis import probes

    yield Progress(0, 0, "Neighbours' vote")
    named = probes.weighted_knn(
        task.vectors[task.gallery],
        task.label[task.gallery],
        task.vectors[task.queries],
        own=task.own,
    )
    return {"knn10_weighted": mean(named == task.truth)}


def linear_probe(task: Task) -> Job:
    """Accuracy of a logistic regression fitted on the gallery."""
    from fgvc_studio.analysis import probes

    yield Progress(0, 0, "Linear probe")
    if not task.disjoint:
        raise NotScored("It needs a gallery and queries that share no item.")
    rows = task.gallery
    if len(rows) > PROBE_LIMIT:
        rows = np.random.default_rng(task.seed).choice(rows, PROBE_LIMIT, replace=False)
    labels = task.label[rows]
    if len(np.unique(labels)) < 2:
        raise NotScored("The gallery holds one category only.")
    named = yield from task.lane().run(
        probes.linear_probe,
        task.unscaled(rows),
        labels,
        task.unscaled(task.queries),
        title="Linear probe",
    )
    return {"linear_probe": mean(named == task.truth)}


# ---- groups ----------------------------------------------------------------------------------
def groups(task: Task) -> Job:
    """k-means on 128 principal components, as many groups as there are categories."""
    from fgvc_studio.analysis import frozen_groups

    runs = yield from _run(task, frozen_groups.kmeans_runs, task.components, "Groups (k-means)")
    return {
        "kmeans_accuracy": accuracy(runs, task.truth),
        "kmeans_nmi": agreement(runs, task.truth, "nmi"),
    }


def discriminant_groups(task: Task) -> Job:
    """k-means in the discriminant space."""
    from fgvc_studio.analysis import frozen_groups

    runs = yield from _run(
        task, frozen_groups.kmeans_runs, task.discriminants, "Groups in the discriminant space"
    )
    return {"lda_kmeans_accuracy": accuracy(runs, task.truth)}


def umap_groups(task: Task) -> Job:
    """k-means on a UMAP of the queries in 10 dimensions."""
    from fgvc_studio.analysis import frozen_groups

    if len(task.queries) < UMAP_LEAST:
        raise NotScored(f"Fewer than {UMAP_LEAST} items.")
    runs = yield from _run(task, frozen_groups.umap_kmeans_runs, task.vectors, "Groups (UMAP)")
    return {
        "umap_kmeans_accuracy": accuracy(runs, task.truth),
        "umap_kmeans_nmi": agreement(runs, task.truth, "nmi"),
        "umap_kmeans_ari": agreement(runs, task.truth, "ari"),
    }


def _run(
    task: Task, function: Callable[..., Any], vectors: Vectors, title: str
) -> Generator[Progress, None, NDArray[np.int32]]:
    """Group the queries in the helper process; ``(seeds, Q)``."""
    k = len(np.unique(task.truth))
    if k < 2:
        raise NotScored("The queries hold one category only.")
    seeds = next(runs for most, runs in CLUSTER_SEEDS if len(task.queries) <= most)
    found = yield from task.lane().run(
        function, vectors[task.queries], k, seeds, task.seed, title=title
    )
    return np.asarray(found, np.int32)


# ---- values with intervals -------------------------------------------------------------------
def mean(values: NDArray[Any]) -> Metric:
    """The mean of one value for each query, ``(Q,)`` or ``(Q, runs)``; NaN values are left out."""
    from fgvc_studio.analysis import intervals

    kept = np.asarray(values, np.float64)
    kept = kept[~np.isnan(kept).reshape(len(kept), -1).any(1)]
    low, high = intervals.bootstrap(kept)
    return {"value": float(kept.mean()), "low": low, "high": high, "n": len(kept)}


def accuracy(runs: NDArray[np.int32], truth: Ints) -> Metric:
    """Clustering accuracy, the mean over the runs."""
    from fgvc_studio.analysis import metrics_clustering

    return mean(np.stack([metrics_clustering.matched(run, truth) for run in runs], 1))


def agreement(runs: NDArray[np.int32], truth: Ints, measure: str) -> Metric:
    """NMI or ARI, the mean over the runs; items are drawn for all runs at once."""
    from fgvc_studio.analysis import intervals, metrics_clustering

    function = {"nmi": metrics_clustering.nmi, "ari": metrics_clustering.ari}[measure]
    tables = [metrics_clustering.Cells.of(run, truth) for run in runs]
    values = [float(function(cells, cells.counts())[0]) for cells in tables]
    low, high = intervals.bootstrap_statistics(
        [(cells.of_item, partial(function, cells)) for cells in tables]
    )
    return {"value": float(np.mean(values)), "low": low, "high": high, "n": len(truth)}
