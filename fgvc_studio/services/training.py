"""One run of a method: snapshot of the items, training, the new space, the card."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio import __version__
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress, Split
from fgvc_studio.domain.runs import RunCard, RunState, StepReport, TrainingRun
from fgvc_studio.methods import registry
from fgvc_studio.methods.config import changed
from fgvc_studio.services import comparing, run_pictures
from fgvc_studio.services.embedding import default_threads
from fgvc_studio.services.runs import MetricsLog, Runs

if TYPE_CHECKING:
    from fgvc_studio.methods.registry import Method, Trainer
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.vision.backbones import Backbone
    from fgvc_studio.vision.views import Pictures

Ids = NDArray[np.int64]
DEFAULT_SPLITS = ("train", "val")


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a run made.

    Attributes
    ----------
    seconds : float
        Time at work, that before a stop included.
    """

    run: str
    space: str
    card: RunCard
    seconds: float


@dataclass
class _Job:
    """A run at work."""

    run: TrainingRun
    method: Method
    config: Any
    backbone: Backbone
    trainer: Trainer
    main: bool
    started: float = field(default_factory=time.monotonic)
    times: dict[str, float] = field(default_factory=dict)
    last: StepReport | None = None
    diagnostics: dict[str, float] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)


class Training:
    """Runs methods over the items of a project.

    Parameters
    ----------
    studio : Studio

    Attributes
    ----------
    runs : Runs
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.runs = Runs(studio)

    def run(
        self,
        method: str,
        *,
        preset: str = "quick",
        train: str | None = None,
        splits: Sequence[str] = DEFAULT_SPLITS,
        space: str | None = None,
        seed: int = 0,
        settings: Mapping[str, object] | None = None,
        resume: str | None = None,
        threads: int = 0,
    ) -> Generator[Progress, None, TrainResult | None]:
        """Train; stopped or killed, the same run goes on with `resume`.

        Parameters
        ----------
        splits : sequence of str
            ``train``, ``val``, ``test`` or ``all``; items without a split always take part.
        space : str, optional
            The frozen space to start from and compare with; the newest one by default, made with
            the default backbone when there is none.
        settings : mapping, optional
            Hyper-parameters by name, over the preset.
        resume : str, optional
            Id of an unfinished run; the other arguments are then those of that run.

        Returns
        -------
        TrainResult or None
            None in all but the first of several processes.

        Raises
        ------
        UserError
            Unknown method, setting or space, no items, no disk, a training that broke down.
        """
        chosen = registry.get(method)
        if preset not in chosen.presets:
            raise UserError(
                f"{method} has no preset {preset!r}.", f"Choose {', '.join(chosen.presets)}."
            )
        used = threads or default_threads()
        following = process_rank() > 0
        if resume is not None:
            run = self.runs.unfinished(resume, method)
        elif following:
            run = None  # the first process makes the run and tells its id
        else:
            item_ids = self._snapshot(splits)
            config = changed(chosen.preset(preset, len(item_ids), train), settings or {})
            base = yield from self._frozen_space(space)
            run = self._begin(chosen, preset, config, base, seed, item_ids, splits)
        return (yield from self._work(chosen, run, used))

    def _work(
        self, method: Method, run: TrainingRun | None, threads: int
    ) -> Generator[Progress, None, TrainResult | None]:
        import torch

        from fgvc_studio.methods.runtime import Runtime

        torch.set_num_threads(threads)
        runtime = Runtime(str(run.config.get("precision", "auto")) if run else "auto")
        run = self.runs.get(runtime.share(run.id if run else ""))
        config = changed(method.config(), run.config)
        backbone = self._backbone(run.base_space)
        trainer = method.trainer(
            config,
            backbone,
            self.pictures(self.runs.items(run.id)),
            self.runs.folder(run.id),
            self.runs.views(run.id),
            seed=run.seed,
            threads=threads,
            runtime=runtime,
        )
        job = _Job(run, method, config, backbone, trainer, runtime.main)
        try:
            yield Progress(0, 0, _estimate(trainer), detail={"run": run.id, **trainer.estimate})
            yield from trainer.prepare()
            job.times["views"] = time.monotonic() - job.started
            yield from self._train(job)
            trainer.finish()
            if not runtime.main:
                return None
            yield from self._embed(job)
            return (yield from self._conclude(job))
        finally:
            self._put_down(job)

    def _train(self, job: _Job) -> Generator[Progress, None, None]:
        log = MetricsLog(self.runs.folder(job.run.id)) if job.main else None
        started, first = time.monotonic(), 0
        try:
            for report in job.trainer.steps():
                if log is not None:
                    log.add(report)
                job.last = report
                job.diagnostics |= report.diagnostics
                job.alarms += [alarm for alarm in report.alarms if alarm not in job.alarms]
                first = first or report.step
                pace = (time.monotonic() - started) / (report.step - first + 1)
                detail = {
                    "run": job.run.id,
                    "epoch": report.epoch,
                    "losses": dict(report.losses),
                    "seconds_left": pace * (report.total - report.step),
                    **({"diagnostics": dict(report.diagnostics)} if report.diagnostics else {}),
                    **({"alarms": list(report.alarms)} if report.alarms else {}),
                }
                text = f"Training {job.run.id}"
                if report.alarms:
                    text = f"{text}: {report.alarms[0]}"
                yield Progress(
                    report.step,
                    report.total,
                    text,
                    report.images_per_s,
                    report.safe_point,
                    detail,
                )
        finally:
            if log is not None:
                log.flush()
            job.times["training"] = time.monotonic() - started

    def _embed(self, job: _Job) -> Generator[Progress, None, None]:
        """Every item of the project into the run's space, by the teacher."""
        if not job.method.makes_space:
            return
        started = time.monotonic()
        folder = self.runs.folder(job.run.id)
        key = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        base = self._studio.store.arrays.meta(job.run.base_space)
        meta = {"run": job.run.id, "method": job.run.method, "weights": base.get("weights", "")}
        writer = self._studio.store.arrays.create_space(
            job.run.space, job.backbone.name, job.trainer.dim, key, job.run.method, meta
        )
        writer.close()
        chosen = self._studio.store.get_setting("space")
        if not chosen:  # the new space is not looked at by default before it was kept
            self._studio.store.set_setting("space", job.run.base_space)
        yield from self._studio.embedding.run(job.backbone.name, space=job.run.space)
        job.times["embedding"] = time.monotonic() - started

    def _conclude(self, job: _Job) -> Generator[Progress, None, TrainResult]:
        run = job.run
        if job.method.makes_space:
            compared = yield from comparing.compare(self._studio, run.base_space, run.space)
        else:
            compared = comparing.Comparison("", "")
        job.times["total"] = run.seconds + time.monotonic() - job.started
        card = self._card(job, compared)
        self.runs.save_card(card)
        total = job.last.total if job.last else run.total
        job.run = dataclasses.replace(
            run, state=RunState.FINISHED, seconds=job.times["total"], step=total, total=total
        )
        self.runs.save(job.run)
        job.trainer.drop_cache()
        (self.runs.folder(run.id) / "resume.safetensors").unlink(missing_ok=True)
        return TrainResult(run.id, run.space, card, job.times["total"])

    def _card(self, job: _Job, compared: comparing.Comparison) -> RunCard:
        items = self.runs.items(job.run.id)
        digest = hashlib.sha256(b"".join(self.pictures(items).fingerprints)).hexdigest()
        notes = [job.backbone.note] if job.backbone.note else []
        if "all" in job.run.splits or "test" in job.run.splits:
            notes.append("Items of the split test were seen in training (without labels).")
        skipped = [dataclasses.asdict(s) for s in job.trainer.skipped]
        return RunCard(
            run=job.run.id,
            method=job.run.method,
            seed=job.run.seed,
            code_version=__version__,
            backbone={"name": job.backbone.name, "key": job.backbone.key},
            data={
                "fingerprint": digest,
                "items": len(items),
                "splits": list(job.run.splits),
                "left_out": skipped,
                "protocol": compared.protocol,
            },
            config=dataclasses.asdict(job.config),
            times={k: round(v, 2) for k, v in job.times.items()},
            losses=dict(job.last.losses) if job.last else {},
            diagnostics=job.diagnostics,
            alarms=tuple(job.alarms),
            metrics=compared.metrics,
            baseline=compared.baseline,
            difference=compared.difference,
            better=compared.better,
            verdict=compared.verdict,
            notes=tuple(notes),
        )

    def _put_down(self, job: _Job) -> None:
        """Keep where a run stands when its driver leaves, whatever the reason."""
        if not job.main or job.run.state is not RunState.RUNNING:
            return
        step, total = job.run.step, job.run.total
        if job.last is not None:
            step, total = job.last.step, job.last.total
            job.trainer.save()
        seconds = job.run.seconds + time.monotonic() - job.started
        self.runs.save(dataclasses.replace(job.run, step=step, total=total, seconds=seconds))

    # ---- the parts of a start --------------------------------------------------------------
    def _snapshot(self, splits: Sequence[str]) -> Ids:
        """Items of the chosen splits; those without a split always."""
        columns = self._studio.catalogue.columns
        wanted = {Split.NONE}
        for word in splits:
            found = Split.parse(word)
            if word.strip().lower() == "all":
                wanted |= set(Split)
            elif found is Split.NONE:
                raise UserError(f"There is no split {word!r}.", "Use train, val, test or all.")
            wanted.add(found)
        rows = np.flatnonzero(np.isin(columns.split, [int(s) for s in wanted]))
        if len(rows) < 2:
            raise UserError(
                "There are no images to learn from.", "Add images, or choose more splits."
            )
        return (rows + 1).astype(np.int64)

    def _frozen_space(self, space: str | None) -> Generator[Progress, None, str]:
        """A complete space of an untrained backbone; made or finished when needed."""
        arrays, embedding = self._studio.store.arrays, self._studio.embedding
        if space is not None:
            name = embedding.space(space)
            if arrays.meta(name).get("run"):
                raise UserError(
                    f"{name} is the space of a run.", "Start from the space of a backbone."
                )
        else:
            frozen = [s.name for s in embedding.spaces() if not arrays.meta(s.name).get("run")]
            name = frozen[-1] if frozen else ""
        if not name:
            return (yield from embedding.run()).space
        info = next(s for s in embedding.spaces() if s.name == name)
        if not info.complete:
            weights = str(arrays.meta(name).get("weights") or "")
            yield from embedding.run(
                info.backbone, weights=Path(weights) if weights else None, space=name
            )
        return name

    def _begin(
        self,
        method: Method,
        preset: str,
        config: Any,
        base: str,
        seed: int,
        item_ids: Ids,
        splits: Sequence[str],
    ) -> TrainingRun:
        run_id = self.runs.new_id(method.name)
        run = TrainingRun(
            id=run_id,
            method=method.name,
            state=RunState.RUNNING,
            preset=preset,
            train=config.train,
            seed=seed,
            backbone=self._studio.store.arrays.meta(base)["backbone"],
            space=run_id if method.makes_space else "",
            base_space=base,
            created=time.time(),
            items=len(item_ids),
            splits=tuple(splits),
            config=dataclasses.asdict(config),
        )
        self.runs.save(run)
        self.runs.save_items(run_id, item_ids)
        return run

    def _backbone(self, space: str) -> Backbone:
        """The backbone that made a frozen space.

        Raises
        ------
        UserError
            Its weights are no longer the same.
        """
        from fgvc_studio.vision import backbones

        meta = self._studio.store.arrays.meta(space)
        weights = Path(str(meta["weights"])) if meta.get("weights") else None
        backbone = backbones.load(str(meta["backbone"]), weights)
        if backbone.key != meta["key"]:
            raise UserError(
                f"The weights of {backbone.name} are not those that made the space {space}.",
                "Make a new space with the present weights.",
            )
        return backbone

    def pictures(self, item_ids: Ids) -> Pictures:
        """What a trainer looks at, in the order of `item_ids`."""
        return run_pictures.of_items(self._studio, item_ids)


def process_rank() -> int:
    """Number of this process among those that ``torchrun`` or ``accelerate launch`` started."""
    return int(os.environ.get("RANK", "0"))


def _estimate(trainer: Trainer) -> str:
    facts = trainer.estimate
    return (
        f"{facts['items']:,} items, {facts['views_per_item']} views each, "
        f"{facts['cache_bytes'] / 1e6:,.0f} MB on disk"
    )
