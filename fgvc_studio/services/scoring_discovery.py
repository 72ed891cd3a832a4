"""What a discovery run proposes, and how well it found the true categories."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.clusters import Found
from fgvc_studio.domain.records import Progress
from fgvc_studio.domain.runs import Comparison, TrainingRun
from fgvc_studio.services import run_pictures, scoring

if TYPE_CHECKING:
    from fgvc_studio.methods.crkd.discovery import Discovery
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.services.training_material import Snapshot

Ids = NDArray[np.int64]
UMAP, KMEANS = "umap_kmeans_accuracy", "kmeans_accuracy"


def loaded(studio: Studio, run: TrainingRun, folder: Path) -> Discovery:
    """The outcome of a finished run."""
    from fgvc_studio.methods.crkd import discovery
    from fgvc_studio.services.training_material import backbone_of

    return discovery.load(folder, backbone_of(studio, run.base_space))


def found_of(
    run: TrainingRun,
    kept: Snapshot,
    made: Discovery,
    curve: tuple[tuple[int, float], ...] = (),
) -> Found:
    """The clusters of a run as they are proposed; empty ones are left out."""
    from fgvc_studio.analysis import grouping

    proposed = made.proposals
    used, cluster = np.unique(proposed.assignment, return_inverse=True)
    place = np.full(made.novel, -1, np.int64)
    place[used] = np.arange(len(used))
    groupings = [cluster.astype(np.int64), *(place[head] for head in proposed.by_head)]
    return Found(
        source="crkd",
        title=f"Cr-KD, {len(used)} clusters",
        space=run.base_space,
        run=run.id,
        item_ids=kept.item_ids[proposed.rows],
        cluster=cluster.astype(np.int64),
        confidence=proposed.confidence,
        margin=proposed.margin,
        agreement=proposed.agreement,
        runner_up=place[proposed.runner_up],
        relation=proposed.relation[used],
        relation_cosine=proposed.relation_cosine[used],
        known=made.model.classes,
        stability=grouping.compared(groupings).stability,
        gated=kept.item_ids[made.gated],
        gated_category=made.gated_class,
        low=made.low,
        estimate=made.novel,
        high=made.high,
        curve=curve,
    )


def counted(made: Discovery) -> scoring.Metric:
    """The number of new categories with its range."""
    return {
        "value": made.novel, "low": made.low, "high": made.high, "n": len(made.proposals.rows),
    }  # fmt: skip


def verdict(made: Discovery) -> str:
    """What a run found, in words, before anybody knows the truth."""
    n, gated = len(made.proposals.rows), len(made.gated)
    span = "" if made.low == made.high else f" ({made.low} to {made.high} by other rules)"
    told = f"{made.novel} new categories{span} are proposed for {n:,} items"
    if gated:
        told += f"; {gated:,} more look like known categories"
    return f"{told}. How pure they are is not known before some members were checked."


@dataclass(frozen=True)
class Pool:
    """Items that a run put into new clusters and whose true category is known.

    Attributes
    ----------
    item_ids, cluster, truth : ndarray (n,) int64
    by_head : ndarray (H, n) int64
    """

    item_ids: Ids
    cluster: Ids
    truth: Ids
    by_head: Ids

    @classmethod
    def of(cls, kept: Snapshot, made: Discovery, label: Ids) -> Pool:
        """`label` (N,) holds the true category of every item of the project, -1 unknown."""
        items = kept.item_ids[made.proposals.rows]
        truth = label[items - 1]
        proposed = made.proposals
        return cls(items, proposed.assignment, truth, proposed.by_head).only(truth >= 0)

    def only(self, good: NDArray[np.bool_]) -> Pool:
        """Some of the items."""
        return Pool(
            self.item_ids[good], self.cluster[good], self.truth[good], self.by_head[:, good]
        )


def compared(
    studio: Studio, run: TrainingRun, pool: Pool, clusters: int, seed: int
) -> Generator[Progress, None, Comparison]:
    """The clusters beside k-means and UMAP + k-means of the same items, as many clusters each.

    Task-aware: one Hungarian matching of the clusters with the true categories.
    """
    from fgvc_studio.analysis import frozen_groups, intervals, metrics_clustering, probes

    space = studio.exploring.space(run.base_space)
    rows = space.rows_of(pool.item_ids)
    pool, rows = pool.only(rows >= 0), rows[rows >= 0]
    runs = pool.cluster[None].astype(np.int32)
    made = {
        "cluster_accuracy": scoring.accuracy(runs, pool.truth),
        "cluster_nmi": scoring.agreement(runs, pool.truth, "nmi"),
        "cluster_ari": scoring.agreement(runs, pool.truth, "ari"),
        "cluster_accuracy_heads": scoring.accuracy(pool.by_head.astype(np.int32), pool.truth),
    }
    vectors = np.asarray(space.vectors[rows], np.float32)
    seeds = next(count for most, count in scoring.CLUSTER_SEEDS if len(vectors) <= most)
    components = probes.pca_space(np.asarray(space.vectors), seed=seed)
    lane = studio.exploring.lane
    groups: NDArray[np.int32] = yield from lane().run(
        frozen_groups.kmeans_runs,
        components[rows],
        clusters,
        seeds,
        seed,
        title="k-means of the same items",
    )
    baseline = {
        KMEANS: scoring.accuracy(groups, pool.truth),
        "kmeans_nmi": scoring.agreement(groups, pool.truth, "nmi"),
    }
    against = KMEANS
    if len(vectors) >= scoring.UMAP_LEAST:
        groups = yield from lane().run(
            frozen_groups.umap_kmeans_runs, vectors, clusters, seeds, seed,
            title="UMAP + k-means of the same items",
        )  # fmt: skip
        against = UMAP
        baseline[UMAP] = scoring.accuracy(groups, pool.truth)
        baseline["umap_kmeans_nmi"] = scoring.agreement(groups, pool.truth, "nmi")
        baseline["umap_kmeans_ari"] = scoring.agreement(groups, pool.truth, "ari")
    first = np.stack([metrics_clustering.matched(g, pool.truth) for g in groups], 1).mean(1)
    second = metrics_clustering.matched(pool.cluster, pool.truth).astype(np.float64)
    low, high = intervals.paired_difference(first, second)
    value = float(np.mean(second - first))
    difference = {"value": value, "low": low, "high": high, "n": len(first)}
    return Comparison(
        protocol=f"{len(first):,} items that {run.id} put into new clusters, one matching of "
        "clusters with categories",
        verdict=_told(made["cluster_accuracy"], baseline[against], difference, against),
        better=low > 0,
        metrics=made,
        baseline=baseline,
        difference={"cluster_accuracy": difference},
    )


def anywhere(
    studio: Studio,
    run: TrainingRun,
    made: Discovery,
    item_ids: Ids,
    truth: Ids,
    seen: NDArray[np.bool_],
) -> Generator[Progress, None, scoring.Metrics]:
    """Task-agnostic accuracies: known categories and new clusters under one matching (v2).

    Parameters
    ----------
    truth : ndarray (n,) int64
        Category of each item.
    seen : ndarray (n,) bool
        Whether it is among those that the run knew.
    """
    from fgvc_studio.analysis.metrics_clustering import matched
    from fgvc_studio.methods.checkpoints import read_config
    from fgvc_studio.methods.crkd.config import CrkdConfig
    from fgvc_studio.methods.crkd.predicting import Predictor
    from fgvc_studio.services.training_material import backbone_of

    backbone = backbone_of(studio, run.base_space)
    config = read_config(studio.training.runs.folder(run.id), CrkdConfig)
    predictor = Predictor(made.model, config, backbone)
    found = yield from run_pictures.outputs(
        studio, predictor, backbone.transform, item_ids, f"Looking with {run.id}"
    )
    good = ~np.isnan(found[:, 0])
    right = matched(found[good, 0].astype(np.int64), truth[good]).astype(np.float64)
    metrics = {"accuracy_all": scoring.mean(right)}
    for name, part in (("accuracy_seen", seen[good]), ("accuracy_novel", ~seen[good])):
        if part.any():
            metrics[name] = scoring.mean(right[part])
    return metrics


def _told(
    made: scoring.Metric, other: scoring.Metric, difference: scoring.Metric, name: str
) -> str:
    what = "UMAP + k-means" if name == UMAP else "k-means"
    numbers = (
        f"{100 * made['value']:.1f} % of the items lie in the cluster of their category, "
        f"{100 * other['value']:.1f} % with {what} (difference {100 * difference['value']:+.1f}, "
        f"95 % interval {100 * difference['low']:+.1f} to {100 * difference['high']:+.1f})."
    )
    if difference["low"] > 0:
        return f"The clusters are better than those of {what}: {numbers}"
    return f"The clusters are not better than those of {what}; propose these too: {numbers}"
