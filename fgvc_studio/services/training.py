"""One run of a method: snapshot of the items, training, what comes of it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.domain.runs import RunCard, RunState, TrainingRun
from fgvc_studio.methods import registry
from fgvc_studio.methods.config import changed
from fgvc_studio.services import live_map, run_pictures, training_material
from fgvc_studio.services.concluding import Concluding, Job
from fgvc_studio.services.embedding import default_threads
from fgvc_studio.services.processes import process_rank
from fgvc_studio.services.runs import MetricsLog, Runs

if TYPE_CHECKING:
    from fgvc_studio.methods.registry import Method, Trainer
    from fgvc_studio.methods.runtime import Runtime
    from fgvc_studio.services.studio import Studio

DEFAULT_SPLITS = ("train", "val")
ENOUGH = "enough"
"""File in the folder of a run that is to end early."""


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
        self.building = threading.Lock()
        """Held while a run begins: torch's threads and accelerate's precision are the process's."""
        self.at_work = 0

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
        items: training_material.Ids | None = None,
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
        items : ndarray int64, optional
            Only these items of the splits may take part.
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
            item_ids = training_material.chosen_items(self._studio, chosen, splits, items)
            config = changed(chosen.preset(preset, len(item_ids), train), settings or {})
            base = yield from training_material.frozen_space(self._studio, space)
            whole = dataclasses.replace(chosen, least=1)
            every = training_material.chosen_items(self._studio, whole, splits, items)
            kept = training_material.snapshot(self._studio, item_ids, base, every)
            run = self._new(chosen, preset, config, base, seed, len(item_ids), splits)
            kept.save(self.runs.folder(run.id))
            self.runs.save(run)
        return (yield from self._work(chosen, run, used, new=resume is None))

    def enough(self, run_id: str) -> None:
        """Let a run at work end as soon as what it learned can be used; kept over a restart.

        Raises
        ------
        UserError
            There is no such run, or its method learns all or nothing.
        """
        run = self.runs.get(run_id)
        if not registry.get(run.method).ends_early:
            raise UserError(
                f"A run of {run.method} is of no use before its end.",
                "Let it go on, or stop it for now.",
            )
        (self.runs.folder(run_id) / ENOUGH).touch()

    def _work(
        self, method: Method, run: TrainingRun | None, threads: int, *, new: bool
    ) -> Generator[Progress, None, TrainResult | None]:
        import torch

        from fgvc_studio.methods.runtime import Runtime

        torch.set_num_threads(threads)
        with self.working():
            runtime = Runtime(str(run.config.get("precision", "auto")) if run else "auto")
            run = self.runs.get(runtime.share(run.id if run else ""))
            try:
                job = self._job(method, run, runtime, threads)
            except UserError:
                if new and runtime.main:
                    self.runs.forget(run.id)  # it could not begin: there is nothing to go on with
                raise
            trainer = job.trainer
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

    @contextmanager
    def working(self) -> Iterator[None]:
        """Nobody else builds networks meanwhile: see `building`."""
        with self.building:
            self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1

    def _job(self, method: Method, run: TrainingRun, runtime: Runtime, threads: int) -> Job:
        """Everything that a run works with.

        Raises
        ------
        UserError
            Other weights of the backbone, or items and labels that do not do.
        """
        config = changed(method.config(), run.config)
        backbone = training_material.backbone_of(self._studio, run.base_space)
        kept, folder = self.runs.material(run.id), self.runs.folder(run.id)
        trainer = method.trainer(
            config,
            backbone,
            run_pictures.of_items(self._studio, kept.item_ids),
            folder,
            self.runs.views(run.id),
            training_material.material(self._studio, kept, run.base_space, folder),
            seed=run.seed,
            threads=threads,
            runtime=runtime,
        )
        return Job(run, method, config, backbone, trainer, kept, runtime.main)

    def _train(self, job: Job) -> Generator[Progress, None, None]:
        log = MetricsLog(self.runs.folder(job.run.id)) if job.main else None
        started, first = time.monotonic(), 0
        enough = self.runs.folder(job.run.id) / ENOUGH
        pictures = live_map.LiveMap(self.runs.folder(job.run.id))
        items = job.material.item_ids
        try:
            for report in job.trainer.steps():
                told = bool(report.losses or report.diagnostics)
                if log is not None and told:
                    log.add(report)
                if told:
                    job.last = report  # a pause between two steps leaves nothing to keep
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
                    **(pictures.looked(job.trainer, report, items) if job.main else {}),
                }
                text = f"Training {job.run.id}" if told else f"{job.run.id} is looking for groups"
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
                if job.ended_early is None and enough.exists():
                    job.ended_early = report.step, report.total
                    job.trainer.enough()
        finally:
            if log is not None:
                log.flush()
            job.times["training"] = time.monotonic() - started

    def _conclude(self, job: Job) -> Generator[Progress, None, TrainResult]:
        card = yield from self.concluding.conclude(job)
        step, total = job.run.step, job.run.total
        if job.last is not None:
            step, total = job.last.step, job.last.total
        job.run = dataclasses.replace(
            job.run, state=RunState.FINISHED, seconds=job.seconds, step=step, total=total
        )
        self.runs.save(job.run)
        job.trainer.drop_cache()
        for name in ("resume.safetensors", ENOUGH):
            (self.runs.folder(job.run.id) / name).unlink(missing_ok=True)
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


def _estimate(trainer: Trainer) -> str:
    facts = trainer.estimate
    return (
        f"{facts['items']:,} items, {facts['views_per_item']} views each, "
        f"{facts['cache_bytes'] / 1e6:,.0f} MB on disk"
    )
