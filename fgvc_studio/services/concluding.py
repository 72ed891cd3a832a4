"""What comes of a finished training: the space of all items, and its card."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio import __version__
from fgvc_studio.domain.records import Progress, Split
from fgvc_studio.domain.runs import Comparison, RunCard, StepReport, TrainingRun
from fgvc_studio.methods.registry import CLASSIFIER, CLUSTERS, SPACE
from fgvc_studio.services import (
    comparing,
    counting,
    run_pictures,
    scoring,
    scoring_classifier,
    scoring_discovery,
    training_material,
)

if TYPE_CHECKING:
    from fgvc_studio.methods.registry import Method, Trainer
    from fgvc_studio.services.runs import Runs
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.services.training_material import Snapshot
    from fgvc_studio.store.arrays import SpaceWriter
    from fgvc_studio.vision.backbones import Backbone

HIDDEN = "Categories hidden from training"
_ROWS = 4096
"""Vectors held in memory at once."""


@dataclass
class Outcome:
    """What a card tells of the result."""

    card: Comparison
    notes: list[str] = field(default_factory=list)
    findings: dict[str, Comparison] = field(default_factory=dict)


@dataclass
class Job:
    """A run at work.

    Attributes
    ----------
    made : object
        What `Trainer.finish` gave.
    """

    run: TrainingRun
    method: Method
    config: Any
    backbone: Backbone
    trainer: Trainer
    material: Snapshot
    main: bool
    started: float = field(default_factory=time.monotonic)
    times: dict[str, float] = field(default_factory=dict)
    last: StepReport | None = None
    diagnostics: dict[str, float] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    made: Any = None
    ended_early: tuple[int, int] | None = None
    """Steps done, and of how many, when it was asked to end."""

    @property
    def seconds(self) -> float:
        """Time at work so far, that before a stop included."""
        return self.run.seconds + time.monotonic() - self.started


class Concluding:
    """Makes spaces and cards of finished trainings.

    Parameters
    ----------
    studio : Studio
    runs : Runs
    """

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self._studio, self._runs = studio, runs

    def conclude(self, job: Job) -> Generator[Progress, None, RunCard]:
        """Everything that follows a training; the card is kept."""
        made = {SPACE: self._space, CLASSIFIER: self._classifier, CLUSTERS: self._clusters}
        found = yield from made[job.method.makes](job)
        job.times["total"] = job.seconds
        card = self._card(job, found)
        self._runs.save_card(card)
        return card

    # ---- spaces ----------------------------------------------------------------------------
    def _space(self, job: Job) -> Generator[Progress, None, Outcome]:
        """Every item of the project in the new space, and that beside the frozen one."""
        run = job.run
        yield from self._embed(job)
        learned = job.material.item_ids if job.method.uses_labels else None
        compared = yield from comparing.compare(
            self._studio, run.base_space, run.space, learned=learned
        )
        found = Outcome(compared, list(getattr(job.trainer, "notes", ())))
        if job.method.uses_labels:
            found.notes += _left_out(job, np.unique(job.material.categories))
        told = getattr(job.trainer, "findings", lambda: None)()
        if told is None:
            return found
        hidden = Comparison(**{f.name: getattr(told, f.name) for f in fields(Comparison)})
        found.findings[HIDDEN] = hidden
        if compared.metrics:  # items left out of the training; their categories were learned
            found.card = replace(compared, verdict=hidden.verdict, better=hidden.better)
        else:
            found.card = hidden
        return found

    def _embed(self, job: Job) -> Generator[Progress, None, None]:
        started = time.monotonic()
        studio, run = self._studio, job.run
        arrays = studio.store.arrays
        model = self._runs.folder(run.id) / "model.safetensors"
        key = hashlib.sha256(model.read_bytes()).hexdigest()
        weights = arrays.meta(run.base_space).get("weights", "")
        meta = {"run": run.id, "method": run.method, "weights": weights}
        writer = arrays.create_space(
            run.space, job.backbone.name, job.trainer.dim, key, run.method, meta
        )
        try:
            if run.train == "head" and hasattr(job.made, "from_pooled"):
                self._from_vectors(job, writer)
        finally:
            writer.close()
        if not studio.store.get_setting("space"):
            # the new space is not looked at by default before it was kept
            studio.store.set_setting("space", run.base_space)
        yield from studio.embedding.run(job.backbone.name, space=run.space)
        job.times["embedding"] = time.monotonic() - started

    def _from_vectors(self, job: Job, writer: SpaceWriter) -> None:
        """Items that have a vector of the untouched backbone need no second look at the picture."""
        base = self._studio.store.arrays.open_space(job.run.base_space)
        missing = np.flatnonzero(np.isin(base.item_ids, writer.missing(base.item_ids)))
        for at in range(0, len(missing), _ROWS):
            rows = missing[at : at + _ROWS]
            writer.append(base.item_ids[rows], job.made.from_pooled(base.vectors[rows]))

    # ---- classifiers -----------------------------------------------------------------------
    def _classifier(self, job: Job) -> Generator[Progress, None, Outcome]:
        """On labelled items of the split test; if these are few, on validation, too."""
        from fgvc_studio.methods.st_protopnet import classifier
        from fgvc_studio.methods.st_protopnet.two_fits import FIRST

        run, kept, folder = job.run, job.material, self._runs.folder(job.run.id)
        model = job.made.model
        known = np.array(model.category_ids, np.int64)
        class_of = {int(category): k for k, category in enumerate(known)}
        notes = _left_out(job, known)
        given = training_material.usable_labels(self._studio)
        split = self._studio.catalogue.columns.split
        test = np.flatnonzero((split == Split.TEST) & np.isin(given, known)) + 1
        test = np.setdiff1d(test, kept.item_ids)
        taught = np.isin(kept.categories, known)
        if len(test) >= scoring_classifier.LEAST:
            queries = scoring.drawn(test)
            truth = given[queries - 1]
            gallery = taught
            protocol = "labelled items of the split test"
        else:
            if (
                folder / FIRST / classifier.FACTS
            ).is_file():  # the fit that never saw the validation images
                folder = folder / FIRST
                model = classifier.load(folder, job.backbone).model
                notes.append("The numbers are those of the fit before the last one.")
            rows = np.array(model.validation, np.int64)
            queries, truth = kept.item_ids[rows], kept.categories[rows]
            gallery = taught & ~np.isin(np.arange(len(taught)), rows)
            protocol = "validation images, which also chose the length of the training"
            if len(test):
                queries = np.concatenate([queries, test])
                truth = np.concatenate([truth, given[test - 1]])
                protocol = f"{protocol}, and the few labelled items of the split test"
        truth = np.array([class_of[int(c)] for c in truth], np.int64)
        if len(queries) < scoring_classifier.LEAST:
            return Outcome(Comparison("", scoring_classifier.NOTHING), notes)
        judged = yield from scoring_classifier.judged(self._studio, run, folder, queries, truth)
        learned = np.array([class_of[int(c)] for c in kept.categories[gallery]], np.int64)
        compared = yield from scoring_classifier.compared(
            self._studio, run, judged, kept.item_ids[gallery], learned, protocol
        )
        return Outcome(compared, notes)

    # ---- clusters --------------------------------------------------------------------------
    def _clusters(self, job: Job) -> Generator[Progress, None, Outcome]:
        """Propose the clusters; only once, also when a run was cut short here."""
        run, made, review = job.run, job.made, self._studio.review
        folder = self._runs.folder(run.id)
        if all(found.run != run.id for found in review.discoveries()):
            found = scoring_discovery.found_of(run, job.material, made, counting.curve(folder))
            yield from review.proposing(found)
        if not np.isnan(made.known_accuracy):
            job.diagnostics["known_accuracy"] = made.known_accuracy
        return Outcome(
            Comparison(
                protocol=f"{len(made.proposals.rows):,} items without a label",
                verdict=scoring_discovery.verdict(made),
                metrics={"novel_categories": scoring_discovery.counted(made)},
            ),
            counting.notes(folder),
        )

    # ---- the card --------------------------------------------------------------------------
    def _card(self, job: Job, found: Outcome) -> RunCard:
        run, items = job.run, job.material.item_ids
        prints = run_pictures.of_items(self._studio, items).fingerprints
        notes = [job.backbone.note] if job.backbone.note else []
        if "all" in run.splits or "test" in run.splits:
            labels = "with" if job.method.uses_labels else "without"
            notes.append(f"Items of the split test were seen in training ({labels} labels).")
        if job.ended_early is not None:
            step, total = job.ended_early
            notes.append(f"Ended early, as asked for, after {step:,} of {total:,} steps.")
        return RunCard(
            run=run.id,
            method=run.method,
            seed=run.seed,
            code_version=__version__,
            backbone={"name": job.backbone.name, "key": job.backbone.key},
            data={
                "fingerprint": hashlib.sha256(b"".join(prints)).hexdigest(),
                "items": len(items),
                "labelled": int((job.material.categories > 0).sum()),
                "splits": list(run.splits),
                "left_out": [asdict(s) for s in job.trainer.skipped],
                "protocol": found.card.protocol,
            },
            config=asdict(job.config),
            times={k: round(v, 2) for k, v in job.times.items()},
            losses=dict(job.last.losses) if job.last else {},
            diagnostics=job.diagnostics,
            alarms=tuple(job.alarms),
            metrics=found.card.metrics,
            baseline=found.card.baseline,
            difference=found.card.difference,
            better=found.card.better,
            verdict=found.card.verdict,
            notes=(*notes, *found.notes),
            findings=found.findings,
        )


def _left_out(job: Job, known: NDArray[np.int64]) -> list[str]:
    """A note on categories that are not among those learned."""
    names = [name for category, name in job.material.names.items() if category not in known]
    if not names:
        return []
    shown = ", ".join(names[:5]) + (" and more" if len(names) > 5 else "")
    left = (
        "category with too few images was"
        if len(names) == 1
        else "categories with too few images were"
    )
    return [f"{len(names):,} {left} left out: {shown}."]
