"""What comes of a finished training: the space of all items, and its card."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from fgvc_studio import __version__
from fgvc_studio.domain.records import Progress
from fgvc_studio.domain.runs import Comparison, RunCard, StepReport, TrainingRun
from fgvc_studio.services import comparing, run_pictures

if TYPE_CHECKING:
    from fgvc_studio.methods.registry import Method, Trainer
    from fgvc_studio.services.runs import Runs
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.services.training_material import Snapshot
    from fgvc_studio.vision.backbones import Backbone

HIDDEN = "Categories hidden from training"


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
        found = yield from self._space(job)
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
        arrays.create_space(
            run.space, job.backbone.name, job.trainer.dim, key, run.method, meta
        ).close()
        if not studio.store.get_setting("space"):
            # the new space is not looked at by default before it was kept
            studio.store.set_setting("space", run.base_space)
        yield from studio.embedding.run(job.backbone.name, space=run.space)
        job.times["embedding"] = time.monotonic() - started

    # ---- the card --------------------------------------------------------------------------
    def _card(self, job: Job, found: Outcome) -> RunCard:
        run, items = job.run, job.material.item_ids
        prints = run_pictures.of_items(self._studio, items).fingerprints
        notes = [job.backbone.note] if job.backbone.note else []
        if "all" in run.splits or "test" in run.splits:
            labels = "with" if job.method.uses_labels else "without"
            notes.append(f"Items of the split test were seen in training ({labels} labels).")
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
