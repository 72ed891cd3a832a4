"""Scoring a space against labels: who is compared with whom, and the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.embeddings import EmbeddingSpace
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.services import evaluating_runs, pictures, scoring
from fgvc_studio.services import truth as truths
from fgvc_studio.services.truth import Truth

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

CATEGORIES = ("all", "known", "novel")

Mask = NDArray[np.bool_]


class Evaluating:
    """Scores spaces of a project.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def run(
        self,
        space: str | None = None,
        *,
        truth: Path | None = None,
        label_column: str | None = None,
        split_column: str | None = None,
        gallery: Sequence[str] | None = None,
        queries: Sequence[str] | None = None,
        categories: str = "all",
        seed: int = 0,
        run: str | None = None,
    ) -> Generator[Progress, None, dict[str, Any]]:
        """Score a space, or what a run made; nothing is written.

        Parameters
        ----------
        run : str, optional
            In place of a space; a classifier is scored on the queries (default: the items that it
            did not learn from), a discovery on the items that it put into new clusters, and on
            the others as far as they did not take part.
        truth : Path, optional
            Table with the true categories; the labels of the project without it.
        gallery, queries : sequence of str, optional
            Splits; without them every item with a true category is both.
        categories : str
            ``all``; ``known`` or ``novel``: only items of categories that have, or have no,
            label in the project.

        Returns
        -------
        dict
            ``space``, ``items`` (scored or ranked), ``metrics`` {name: {value, low, high, n}},
            ``not_scored`` {name: reason}, ``unmatched`` (lines of the truth file without an item).
            Of a run without a space: ``run``, ``baseline``, ``verdict`` and ``protocol`` too.

        Raises
        ------
        UserError
            No such space, nothing to score, or a truth file that does not fit.
        """
        if categories not in CATEGORIES:
            raise UserError(
                f"There is no choice of categories {categories!r}.", "Use all, known or novel."
            )
        known = self._truth(truth, label_column, split_column)
        if run is not None:
            space = self._studio.training.runs.get(run).space
            if not space:
                return (
                    yield from evaluating_runs.score(
                        self._studio,
                        run,
                        truth=known,
                        queries=queries,
                        categories=categories,
                        seed=seed,
                    )
                )
        opened = self._studio.exploring.space(space)
        task = self._task(opened, known, gallery, queries, categories, seed)
        jobs = scoring.jobs()
        metrics: dict[str, scoring.Metric] = {}
        missing: dict[str, str] = {}
        for done, (title, names, job) in enumerate(jobs):
            yield Progress(done, len(jobs), title)
            try:
                for name, metric in (yield from _within(job(task), done, len(jobs))).items():
                    metrics[name] = metric
            except scoring.NotScored as reason:
                missing |= dict.fromkeys(names, str(reason))
        yield Progress(len(jobs), len(jobs), "Scored")
        return {
            "space": opened.info.name,
            **({"run": run} if run else {}),
            "items": len(np.union1d(task.gallery, task.queries)),
            "metrics": metrics,
            "not_scored": missing,
            "unmatched": known.unmatched,
        }

    def _truth(
        self, path: Path | None, label_column: str | None, split_column: str | None
    ) -> Truth:
        if path is not None:
            return truths.of_file(self._studio, path, label_column, split_column)
        if label_column or split_column:
            raise UserError(
                "Columns can only be chosen in a truth file.", "Give the file as well, or neither."
            )
        return truths.of_project(self._studio)

    def _task(
        self,
        opened: EmbeddingSpace,
        truth: Truth,
        gallery: Sequence[str] | None,
        queries: Sequence[str] | None,
        categories: str,
        seed: int,
    ) -> scoring.Task:
        places = opened.item_ids - 1
        label, split = truth.label[places], truth.split[places]
        usable = label >= 0
        if categories != "all":
            usable[usable] = truth.labelled[label[usable]] == (categories == "known")
        if not usable.any():
            raise UserError(*_nothing(categories, truth))
        in_gallery = usable & _in_splits(split, usable, gallery, "gallery")
        in_queries = usable & _in_splits(split, usable, queries, "queries")
        query_rows = scoring.drawn(np.flatnonzero(in_queries), seed)
        if categories == "novel":
            fit = self._studio.catalogue.category[places].astype(np.int64) - 1
            fit[usable] = -1
        elif (in_gallery & in_queries).any():
            fit = np.full(len(label), -1, np.int64)
        else:
            fit = np.where(in_gallery, label, -1)
        return scoring.Task(
            vectors=opened.vectors,
            norms=opened.norms,
            gallery=np.flatnonzero(in_gallery),
            queries=query_rows,
            label=label,
            fit=fit,
            seed=seed,
            lane=self._studio.exploring.lane,
            histograms=lambda rows: pictures.histograms(self._studio, opened.item_ids[rows]),
        )


def _within(job: scoring.Job, done: int, total: int) -> scoring.Job:
    """A part's own reports, told as progress of the whole."""
    try:
        while True:
            report = next(job)
            part = report.done / report.total if report.total else 0.0
            yield dataclasses.replace(report, done=done, total=total, detail={"part": part})
    except StopIteration as stop:
        return dict(stop.value)
    finally:
        job.close()


def _in_splits(
    split: NDArray[np.str_], usable: Mask, wanted: Sequence[str] | None, what: str
) -> Mask:
    """Rows of the wanted splits; all rows without a wish."""
    if not wanted:
        return np.ones(len(split), bool)
    found = np.isin(split, [truths.split_word(word) for word in wanted])
    if not (found & usable).any():
        there = sorted(set(split[usable].tolist()) - {""})
        raise UserError(
            f"No item with a known category is in {', '.join(wanted)} (the {what}).",
            f"Splits at hand: {', '.join(there)}." if there else "The items have no split.",
        )
    return found


def _nothing(categories: str, truth: Truth) -> tuple[str, str]:
    if not len(truth.names):
        return "There are no labels to score with.", "Label some items or give a truth file."
    if categories == "novel":
        return (
            "No embedded item belongs to a category without a label in this project.",
            "Give a truth file that names such categories.",
        )
    return (
        f"No embedded item has a true category ({categories}).",
        "Compute embeddings for the labelled items first.",
    )
