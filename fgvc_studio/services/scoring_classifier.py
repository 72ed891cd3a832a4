"""How good a run's classifier is, beside simple models on the frozen space that it started from."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.domain.runs import Comparison, TrainingRun
from fgvc_studio.services import run_pictures, scoring

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
Floats = NDArray[np.floating]
LEAST = 5
"""Fewer items are not scored."""
NOTHING = (
    "There are no labelled items that were not learned from, so the classifier cannot be judged; "
    "keep some in the split test."
)

ALONE = "There are no other labelled items to compare simple models with."


@dataclass(frozen=True)
class Judged:
    """What a classifier says of labelled items.

    Attributes
    ----------
    item_ids : ndarray (n,) int64
    truth : ndarray (n,) int64
        Class of each, by its number in the classifier.
    logits, before : mapping
        Branch -> (n, C); `before` the projection, where that is known.
    probabilities : ndarray (n, C) float64
        Calibrated.
    """

    item_ids: Ids
    truth: Ids
    logits: Mapping[str, Floats]
    before: Mapping[str, Floats]
    probabilities: Floats

    def right(self, logits: Mapping[str, Floats], *names: str) -> NDArray[np.bool_]:
        """Which items the sum of some branches (all by default) names right, (n,)."""
        total = np.sum([logits[name] for name in names or tuple(logits)], axis=0)
        return np.asarray(total.argmax(1) == self.truth)


def judged(
    studio: Studio, run: TrainingRun, folder: Path, item_ids: Ids, truth: Ids
) -> Generator[Progress, None, Judged]:
    """Look at items with the classifier of a folder; those that cannot be read are left out.

    Parameters
    ----------
    truth : ndarray (n,) int64
        Class of each item.
    """
    from fgvc_studio.methods.st_protopnet import classifier, judging
    from fgvc_studio.methods.st_protopnet.evaluation import probabilities
    from fgvc_studio.services.training_material import backbone_of

    backbone = backbone_of(studio, run.base_space)
    loaded = classifier.load(folder, backbone)
    judge = judging.Judge(loaded, folder)
    made = yield from run_pictures.outputs(
        studio, judge, backbone.transform, item_ids, f"Judging with {run.id}"
    )
    good = ~np.isnan(made).any(1)
    found = judge.apart(made[good])
    total = np.sum(list(found.logits.values()), axis=0)
    calibrated = probabilities(total, loaded.model.calibration.temperature)
    return Judged(item_ids[good], truth[good], found.logits, found.before, calibrated)


def metrics(found: Judged) -> scoring.Metrics:
    """The numbers of a classifier, with 95 % intervals over the items."""
    right = found.right(found.logits)
    made = {
        "accuracy": scoring.mean(right),
        **{f"accuracy_{name}": scoring.mean(found.right(found.logits, name))
           for name in found.logits},
    }  # fmt: skip
    if found.before:
        made["accuracy_before_projection"] = scoring.mean(found.right(found.before))
    made["balanced_accuracy"] = balanced(right, found.truth)
    made["ece"] = calibration_error(found.probabilities, found.truth)
    return made


def balanced(right: NDArray[np.bool_], truth: Ids) -> scoring.Metric:
    """The mean over the categories of the share that is right."""
    from fgvc_studio.analysis import intervals
    from fgvc_studio.analysis.metrics_clustering import Cells

    cells = Cells.of(right.astype(np.int64), truth)
    hit = right[np.unique(cells.of_item, return_index=True)[1]]
    own = cells.category == np.arange(int(cells.category.max()) + 1)[:, None]

    def statistic(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        sizes = counts @ own.T
        shares = (counts * hit) @ own.T / np.maximum(sizes, 1)
        return np.asarray(shares.sum(1) / np.maximum((sizes > 0).sum(1), 1))

    low, high = intervals.bootstrap_statistics([(cells.of_item, statistic)])
    value = float(statistic(cells.counts())[0])
    return {"value": value, "low": low, "high": high, "n": len(truth)}


def calibration_error(probabilities: Floats, truth: Ids, bins: int = 15) -> scoring.Metric:
    """Expected calibration error over bins of equal width."""
    from fgvc_studio.analysis import intervals

    best = probabilities.max(1)
    gap = (probabilities.argmax(1) == truth) - best
    place = np.minimum((best * bins).astype(np.int64), bins - 1)
    table = np.zeros((len(truth), bins))
    table[np.arange(len(truth)), place] = gap

    def statistic(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.abs(counts @ table).sum(1) / counts.sum(1))

    each = np.arange(len(truth))
    low, high = intervals.bootstrap_statistics([(each, statistic)])
    value = float(statistic(np.ones((1, len(truth))))[0])
    return {"value": value, "low": max(0.0, low), "high": high, "n": len(truth)}


def compared(
    studio: Studio, run: TrainingRun, found: Judged, gallery: Ids, gallery_truth: Ids, protocol: str
) -> Generator[Progress, None, Comparison]:
    """A classifier beside a linear probe and the neighbours' vote in its frozen space.

    Parameters
    ----------
    gallery, gallery_truth : ndarray (m,) int64
        Items that the simple models learn from, and their classes.
    """
    from fgvc_studio.analysis import intervals, probes

    if len(found.truth) < LEAST:
        return Comparison(protocol, NOTHING)
    space = studio.exploring.space(run.base_space)
    rows, own = space.rows_of(gallery), space.rows_of(found.item_ids)
    rows, gallery_truth = rows[rows >= 0], gallery_truth[rows >= 0]
    if len(np.unique(gallery_truth)) < 2:
        return Comparison(protocol, ALONE, metrics=metrics(found))
    if (own < 0).any():
        raise UserError(
            f"Some items have no vector in {run.base_space}.", "Embed the new images first."
        )
    yield Progress(0, 2, "Neighbours' vote in the frozen space")
    voted = probes.weighted_knn(space.vectors[rows], gallery_truth, space.vectors[own])
    voted_right = voted == found.truth
    if len(rows) > scoring.PROBE_LIMIT:
        drawn = np.random.default_rng(0).choice(len(rows), scoring.PROBE_LIMIT, replace=False)
        rows, gallery_truth = rows[drawn], gallery_truth[drawn]
    unscaled = [
        space.vectors[r] if space.norms is None else space.vectors[r] * space.norms[r, None]
        for r in (rows, own)
    ]
    probed = yield from studio.exploring.lane().run(
        probes.linear_probe, unscaled[0], gallery_truth, unscaled[1], title="Linear probe"
    )
    probed_right = probed == found.truth
    right = found.right(found.logits)
    accuracy = scoring.mean(probed_right)
    baseline = {
        "accuracy": accuracy,
        "balanced_accuracy": balanced(probed_right, found.truth),
        "linear_probe": accuracy,
        "knn10_weighted": scoring.mean(voted_right),
    }
    difference: dict[str, scoring.Metric] = {}
    for name, other in (("accuracy", probed_right), ("knn10_weighted", voted_right)):
        first, second = other.astype(np.float64), right.astype(np.float64)
        low, high = intervals.paired_difference(first, second)
        value = float(np.mean(second - first))
        difference[name] = {"value": value, "low": low, "high": high, "n": len(right)}
    made = metrics(found)
    better = float(difference["accuracy"]["low"]) > 0
    return Comparison(
        protocol=protocol,
        verdict=_verdict(made, baseline, difference["accuracy"], better),
        better=better,
        metrics=made,
        baseline=baseline,
        difference=difference,
    )


def _verdict(
    made: scoring.Metrics, baseline: scoring.Metrics, difference: scoring.Metric, better: bool
) -> str:
    numbers = (
        f"{100 * made['accuracy']['value']:.1f} % of {made['accuracy']['n']:,} items are named "
        f"right, {100 * baseline['linear_probe']['value']:.1f} % by the probe (difference "
        f"{100 * difference['value']:+.1f}, 95 % interval {100 * difference['low']:+.1f} to "
        f"{100 * difference['high']:+.1f})."
    )
    if better:
        return (
            f"The classifier is better than a linear probe of the frozen space, and its evidence "
            f"can be audited: {numbers}"
        )
    return (
        "The classifier is not better than a linear probe of the frozen space; keep it for its "
        f"evidence only: {numbers}"
    )
