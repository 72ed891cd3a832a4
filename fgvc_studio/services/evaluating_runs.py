"""Scoring what a run made: its space, its classifier, or the clusters that it proposed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.domain.runs import Comparison, RunState, TrainingRun
from fgvc_studio.methods import registry
from fgvc_studio.services import scoring, scoring_classifier, scoring_discovery
from fgvc_studio.services import truth as truths
from fgvc_studio.services.truth import Truth

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class _Question:
    """What is asked.

    Attributes
    ----------
    known : ndarray (N,) bool
        Items with a true category, of the chosen categories.
    wanted : ndarray (N,) bool
        Those of them in the chosen splits.
    chosen : bool
        Whether splits were chosen.
    """

    run: TrainingRun
    truth: Truth
    known: NDArray[np.bool_]
    wanted: NDArray[np.bool_]
    chosen: bool
    seed: int


def score(
    studio: Studio,
    run_id: str,
    *,
    truth: Truth,
    queries: Sequence[str] | None = None,
    categories: str = "all",
    seed: int = 0,
) -> Generator[Progress, None, dict[str, Any]]:
    """Score a classifier or the clusters of a run; see `Evaluating.run`.

    Without chosen splits the queries of a classifier are the items that it did not learn from.
    The clusters are scored on all items that were put into them, whatever the splits.

    Raises
    ------
    UserError
        The run is not finished, or there is nothing to score.
    """
    runs = studio.training.runs
    run = runs.get(run_id)
    if run.state not in (RunState.FINISHED, RunState.KEPT):
        raise UserError(
            f"The run {run_id} is {run.state}; there is no model to score.",
            "Finish it, or train again.",
        )
    known = truth.label >= 0
    if categories != "all":
        known[known] = truth.labelled[truth.label[known]] == (categories == "known")
    wanted = known
    if queries:
        wanted = known & np.isin(truth.split, [truths.split_word(word) for word in queries])
    question = _Question(run, truth, known, wanted, bool(queries), seed)
    job = _classifier if registry.get(run.method).makes == registry.CLASSIFIER else _clusters
    compared, missing = yield from job(studio, question)
    return {
        "run": run_id,
        "items": max((int(m["n"]) for m in compared.metrics.values()), default=0),
        "protocol": compared.protocol,
        "metrics": dict(compared.metrics),
        "baseline": dict(compared.baseline),
        "difference": dict(compared.difference),
        "verdict": compared.verdict,
        "not_scored": missing,
        "unmatched": truth.unmatched,
    }


Scored = Generator[Progress, None, tuple[Comparison, dict[str, str]]]


def _classifier(studio: Studio, q: _Question) -> Scored:
    from fgvc_studio.methods.st_protopnet import bundle

    folder = studio.training.runs.folder(q.run.id)
    kept = studio.training.runs.material(q.run.id)
    known = bundle.read(folder).category_ids
    index = truths.names_of(studio, q.truth, known)
    class_of = np.full(len(q.truth.names) + 1, -1, np.int64)
    class_of[index[index >= 0]] = np.flatnonzero(index >= 0)
    classes = class_of[q.truth.label]  # label -1 takes the last entry, which is -1
    queries = np.flatnonzero(q.wanted & (classes >= 0)) + 1
    if not q.chosen:
        queries = np.setdiff1d(queries, kept.item_ids)
    missing = {}
    strange = int((q.wanted & (classes < 0)).sum())
    if strange:
        missing["accuracy"] = f"{strange:,} items of categories that the classifier does not know."
    if not len(queries):
        raise UserError(
            "No item with a known category is left to score the classifier with.",
            "Choose other --queries, or give a truth file.",
        )
    queries = scoring.drawn(queries, q.seed)
    judged = yield from scoring_classifier.judged(
        studio, q.run, folder, queries, classes[queries - 1]
    )
    protocol = f"{len(judged.truth):,} items with a known category"
    learned = int(np.isin(judged.item_ids, kept.item_ids[kept.categories > 0]).sum())
    if learned:
        protocol += f", {learned:,} of which were learned from"
    place = {int(c): k for k, c in enumerate(known)}
    taught = np.array([place.get(int(c), -1) for c in kept.categories], np.int64)
    gallery = np.flatnonzero((taught >= 0) & ~np.isin(kept.item_ids, queries))
    compared = yield from scoring_classifier.compared(
        studio,
        q.run,
        judged,
        kept.item_ids[gallery],
        taught[gallery],
        protocol,
    )
    return compared, missing


def _clusters(studio: Studio, q: _Question) -> Scored:
    folder = studio.training.runs.folder(q.run.id)
    kept = studio.training.runs.material(q.run.id)
    yield Progress(0, 0, f"Loading {q.run.id}")
    made = scoring_discovery.loaded(studio, q.run, folder)
    label = np.where(q.known, q.truth.label, -1)
    pool = scoring_discovery.Pool.of(kept, made, label)
    metrics: dict[str, scoring.Metric] = {"novel_categories": scoring_discovery.counted(made)}
    missing: dict[str, str] = {}
    compared = Comparison("", "The true categories of the clustered items are not known.")
    if len(pool.truth) >= 2:
        compared = yield from scoring_discovery.compared(studio, q.run, pool, made.novel, q.seed)
    else:
        missing["cluster_accuracy"] = "No clustered item has a known category."
    unseen = np.setdiff1d(np.flatnonzero(q.wanted) + 1, kept.item_ids)
    if len(unseen):
        unseen = scoring.drawn(unseen, q.seed)
        index = truths.names_of(studio, q.truth, made.model.classes)
        truth = q.truth.label[unseen - 1]
        metrics |= yield from scoring_discovery.anywhere(
            studio, q.run, made, unseen, truth, np.isin(truth, index[index >= 0])
        )
    else:
        missing["accuracy_all"] = "Every item with a known category took part in the run."
    return (
        Comparison(
            compared.protocol,
            compared.verdict,
            compared.better,
            {**compared.metrics, **metrics},
            compared.baseline,
            compared.difference,
        ),
        missing,
    )
