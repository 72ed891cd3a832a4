"""One run of a method: snapshot of the items, training, what comes of it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.domain.runs import RunCard, RunState, TrainingRun
from fgvc_studio.methods import registry
from fgvc_studio.methods.config import changed
from fgvc_studio.services import run_pictures, training_material
from fgvc_studio.services.concluding import Concluding, Job
from fgvc_studio.services.embedding import default_threads
from fgvc_studio.services.runs import MetricsLog, Runs

if TYPE_CHECKING:
    from fgvc_studio.methods.registry import Method, Trainer
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.vision.backbones import Backbone

DEFAULT_SPLITS = ("train", "val")


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a run made.

    Attributes
    ----------
    space : str
        Empty when the method makes none.
    seconds : float
        Time at work, that before a stop included.
    """

    run: str
    space: str
    card: RunCard
    seconds: float


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
        self.concluding = Concluding(studio, self.runs)

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
            item_ids = training_material.chosen_items(self._studio, chosen, splits)
            config = changed(chosen.preset(preset, len(item_ids), train), settings or {})
            base = yield from training_material.frozen_space(self._studio, space)
            kept = training_material.snapshot(self._studio, item_ids, base)
            run = self._new(chosen, preset, config, base, seed, len(item_ids), splits)
            kept.save(self.runs.folder(run.id))
            self.runs.save(run)
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
        backbone = training_material.backbone_of(self._studio, run.base_space)
        kept = self.runs.material(run.id)
        trainer = self._trainer(
            method, config, backbone, run, kept, seed=run.seed, threads=threads, runtime=runtime
        )
        job = Job(run, method, config, backbone, trainer, kept, runtime.main)
        try:
            yield Progress(0, 0, _estimate(trainer), detail={"run": run.id, **trainer.estimate})
            yield from trainer.prepare()
            job.times["views"] = time.monotonic() - job.started
            yield from self._train(job)
            job.made = trainer.finish()
            if not runtime.main:
                return None
            return (yield from self._conclude(job))
        finally:
            self._put_down(job)

    def _trainer(
        self,
        method: Method,
        config: Any,
        backbone: Backbone,
        run: TrainingRun,
        kept: training_material.Snapshot,
        **options: Any,
    ) -> Trainer:
        folder = self.runs.folder(run.id)
        pictures = run_pictures.of_items(self._studio, kept.item_ids)
        material = training_material.material(self._studio, kept, run.base_space)
        views = self.runs.views(run.id)
        try:
            return method.trainer(config, backbone, pictures, folder, views, material, **options)
        except UserError:
            if not run.step:
                self.runs.forget(run.id)  # it could not begin: nothing to go on with
            raise

    def _train(self, job: Job) -> Generator[Progress, None, None]:
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

    def _conclude(self, job: Job) -> Generator[Progress, None, TrainResult]:
        card = yield from self.concluding.conclude(job)
        total = job.last.total if job.last else job.run.total
        job.run = dataclasses.replace(
            job.run, state=RunState.FINISHED, seconds=job.seconds, step=total, total=total
        )
        self.runs.save(job.run)
        job.trainer.drop_cache()
        (self.runs.folder(job.run.id) / "resume.safetensors").unlink(missing_ok=True)
        return TrainResult(job.run.id, job.run.space, card, job.run.seconds)

    def _put_down(self, job: Job) -> None:
        """Keep where a run stands when its driver leaves, whatever the reason."""
        if not job.main or job.run.state is not RunState.RUNNING:
            return
        step, total = job.run.step, job.run.total
        if job.last is not None:
            step, total = job.last.step, job.last.total
            job.trainer.save()
        self.runs.save(dataclasses.replace(job.run, step=step, total=total, seconds=job.seconds))

    def _new(
        self,
        method: Method,
        preset: str,
        config: Any,
        base: str,
        seed: int,
        items: int,
        splits: Sequence[str],
    ) -> TrainingRun:
        run_id = self.runs.new_id(method.name)
        return TrainingRun(
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
            items=items,
            splits=tuple(splits),
            config=dataclasses.asdict(config),
        )


def process_rank() -> int:
    """Number of this process among those that ``torchrun`` or ``accelerate launch`` started."""
    return int(os.environ.get("RANK", "0"))


def _estimate(trainer: Trainer) -> str:
    facts = trainer.estimate
    return (
        f"{facts['items']:,} items, {facts['views_per_item']} views each, "
        f"{facts['cache_bytes'] / 1e6:,.0f} MB on disk"
    )
