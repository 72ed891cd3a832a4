"""Starts, follows and ends runs; the pages of Train only show what this knows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from fgvc_studio.domain.runs import RunCard, RunState, TrainingRun
from fgvc_studio.gui import collector, preferences
from fgvc_studio.gui.job_thread import Job, JobState
from fgvc_studio.gui.models.run_history import RunHistory
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.workspaces import train_words
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.methods import registry
from fgvc_studio.services import live_map, run_cards

_SLOT = "train runs"
_DROP = "train discard"
_REFRESH_MS = 500


@dataclass(frozen=True, slots=True)
class Request:
    """What the set-up page asks for.

    Attributes
    ----------
    items : ndarray int64 or None
        Only these items may take part.
    """

    method: str
    preset: str
    train: str | None
    splits: tuple[str, ...]
    space: str
    seed: int = 0
    settings: Mapping[str, object] = field(default_factory=dict)
    items: NDArray[np.int64] | None = None

    def arguments(self) -> dict[str, Any]:
        """As the services take them."""
        return {
            "preset": self.preset,
            "train": self.train,
            "splits": self.splits,
            "space": self.space or None,
            "seed": self.seed,
            "settings": dict(self.settings),
            "items": self.items,
            "threads": preferences.cores_for_jobs(),
        }


def _begun(steps: Callable[[], Any]) -> Generator[Any, None, Any]:
    """The steps of a job, once what they need is loaded."""
    collector.before_training()
    return (yield from steps())


@dataclass
class _Live:
    job: Job
    history: RunHistory
    discard: bool = False
    shown: int = -1


class TrainControl(QObject):
    """The runs of the project and those at work.

    Signals carry a run id. `reports_came` comes at most twice a second.
    """

    runs_changed = Signal()
    began = Signal(str)
    reports_came = Signal(str)
    ended = Signal(str)

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.runs: list[TrainingRun] = []
        self.cards: dict[str, RunCard] = {}
        self._live: list[_Live] = []
        self._histories: dict[str, RunHistory] = {}
        self._ending: set[str] = set()
        self._faults: dict[str, str] = {}
        self._closed = False
        self._told = False
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._look)
        context.jobs.ended.connect(self._job_ended)
        context.bridge.space_changed.connect(self._space_changed)

    def close(self) -> None:
        """The project closes: stop listening to what outlives it."""
        self._closed = True
        self._timer.stop()
        self._context.jobs.ended.disconnect(self._job_ended)

    # ---- what there is ---------------------------------------------------------------------
    def reload(self) -> None:
        """Read runs and cards anew in the background."""
        if self._closed:
            return
        studio = self._context.studio

        def read(_ticket: Ticket) -> tuple[list[TrainingRun], dict[str, RunCard]]:
            runs = studio.training.runs.all()
            return runs, run_cards.cards(studio, runs)

        self._context.tasks.submit(_SLOT, read, self._read, self._context.show_fault)

    def _read(self, answer: tuple[list[TrainingRun], dict[str, RunCard]]) -> None:
        self.runs, self.cards = answer
        self.runs_changed.emit()
        if not self._told:
            self._told = True
            self._offer_unfinished()

    def run_of(self, run_id: str) -> TrainingRun | None:
        """A run by its id."""
        return next((run for run in self.runs if run.id == run_id), None)

    def job_of(self, run_id: str) -> Job | None:
        """The job that works on a run now."""
        return next((live.job for live in self._live if live.history.run_id == run_id), None)

    def fault(self, run_id: str) -> str:
        """Why the last job of a run broke off; empty when it did not."""
        return self._faults.get(run_id, "")

    def ending_early(self, run_id: str) -> bool:
        """Whether a run was told to end with what it learned."""
        return run_id in self._ending

    @staticmethod
    def can_end_early(method: str) -> bool:
        """Whether what a method learned is of use before its end."""
        return any(m.name == method and m.ends_early for m in registry.methods())

    @property
    def starting(self) -> Job | None:
        """A job whose run has no name yet (it still embeds, or waits)."""
        return next((live.job for live in self._live if not live.history.run_id), None)

    def history(self, run_id: str) -> RunHistory:
        """The reports of a run; read from disk in the background the first time."""
        found = self._histories.get(run_id)
        if found is None:
            found = self._histories[run_id] = RunHistory(run_id)
            self._load(found)
        return found

    def _load(self, history: RunHistory) -> None:
        service = self._context.studio.training.runs
        run_id = history.run_id

        def read(_ticket: Ticket) -> RunHistory:
            history.load(service.metrics(run_id), live_map.load(service.folder(run_id)))
            return history

        self._context.tasks.submit(
            f"history {run_id}", read, lambda _done: self.reports_came.emit(run_id)
        )

    # ---- acts ------------------------------------------------------------------------------
    def start(self, request: Request) -> Job:
        """Queue a new run."""
        training = self._context.studio.training
        title = self.tr("Train: {what}").format(what=train_words.short_name(request.method))
        history = RunHistory()
        return self._add(
            title, history, lambda: training.run(request.method, **request.arguments())
        )

    def go_on(self, run_id: str) -> Job | None:
        """Queue the rest of an unfinished run."""
        run = self.run_of(run_id)
        if run is None or self.job_of(run_id) is not None:
            return None
        training = self._context.studio.training
        history = self.history(run_id)
        job = self._add(
            self.tr("Go on with {run}").format(run=run_id),
            history,
            lambda: training.run(run.method, resume=run_id, threads=preferences.cores_for_jobs()),
        )
        self.began.emit(run_id)
        return job

    def _add(self, title: str, history: RunHistory, steps: Callable[[], Any]) -> Job:
        self._faults.pop(history.run_id, None)
        job = self._context.jobs.add(title, lambda: history.watched(_begun(steps)))
        self._live.append(_Live(job, history))
        self._timer.start()
        self.runs_changed.emit()
        return job

    def pause(self, run_id: str) -> None:
        """Hold a run, or let it go on."""
        job = self.job_of(run_id)
        if job is None:
            return
        if job.state is JobState.PAUSED:
            self._context.jobs.resume(job)
        else:
            self._context.jobs.pause(job)
        self.reports_came.emit(run_id)

    def stop(self, run_id: str) -> None:
        """Stop at the next step; the run can go on later."""
        job = self.job_of(run_id)
        if job is not None:
            self._context.jobs.cancel(job)
            self.reports_came.emit(run_id)

    def stop_and_keep(self, run_id: str) -> None:
        """End the training here and make the result of what was learned."""
        job = self.job_of(run_id)
        if job is None:
            return
        self._context.studio.training.enough(run_id)
        self._ending.add(run_id)
        if job.state is JobState.PAUSED:
            self._context.jobs.resume(job)
        self.reports_came.emit(run_id)

    def stop_and_discard(self, run_id: str) -> None:
        """Stop and delete what the run made."""
        live = next((x for x in self._live if x.history.run_id == run_id), None)
        if live is None:
            self.discard(run_id)
            return
        live.discard = True
        self._context.jobs.cancel(live.job)
        self.reports_came.emit(run_id)

    def keep(self, run_id: str, *, use: bool) -> None:
        """Keep a run; `use` lets map and search take its space."""
        service = self._context.studio.training.runs
        self._context.tasks.submit(
            _DROP, lambda _t: service.keep(run_id, use=use), self._decided, self._context.show_fault
        )

    def discard(self, run_id: str) -> None:
        """Delete a run's space and model; the card stays."""
        service = self._context.studio.training.runs
        self._context.tasks.submit(
            f"{_DROP} {run_id}",
            lambda _t: service.discard(run_id),
            self._decided,
            self._context.show_fault,
        )

    def _decided(self, run: TrainingRun) -> None:
        words = {
            RunState.KEPT: self.tr("{run} is kept."),
            RunState.DISCARDED: self.tr("{run} was discarded; its card stays."),
        }
        kept = run.state is RunState.KEPT
        self._context.toasts.show_message(
            words[run.state].format(run=run.id),
            self.tr("Undo") if kept else "",
            self._context.studio.labelling.undo if kept else None,
        )
        self.reload()

    # ---- following -------------------------------------------------------------------------
    def _look(self) -> None:
        for live in self._live:
            run_id = live.history.run_id
            if run_id and run_id not in self._histories:
                self._histories[run_id] = live.history
                self.reload()
                self.began.emit(run_id)
            if run_id:
                self.reports_came.emit(run_id)

    def _job_ended(self, job: Job) -> None:
        live = next((x for x in self._live if x.job is job), None)
        if live is None:
            return
        self._live.remove(live)
        self._ending.discard(live.history.run_id)
        if not self._live:
            self._timer.stop()
        run_id = live.history.run_id
        if run_id:
            self._histories.setdefault(run_id, live.history)
        if self._closed:
            return
        if run_id and job.state is JobState.FAILED:
            told = str(job.error) if job.error else self.tr("It failed through a fault of ours.")
            self._faults[run_id] = told
        if live.discard and run_id:
            self.discard(run_id)
        elif job.state is JobState.DONE and job.result is not None:
            self._tell(job.result.card)
        self.reload()
        if run_id:
            self.ended.emit(run_id)

    def _tell(self, card: RunCard) -> None:
        name = train_words.short_name(card.method)
        good = {True: self.tr("better than before"), False: self.tr("not better than before")}
        text = self.tr("{run} ({what}) is finished").format(run=card.run, what=name)
        if card.better is not None:
            text = f"{text}: {good[card.better]}"
        self._context.toasts.show_message(
            f"{text}.", self.tr("Look"), partial(self._context.actions.run, "go.train")
        )

    def _offer_unfinished(self) -> None:
        """After a kill or a closed window: say that a run can go on."""
        open_ = [r for r in self.runs if r.state is RunState.RUNNING and not self.job_of(r.id)]
        if not open_ or self._context.studio.store.read_only:
            return
        newest = open_[-1]
        text = self.tr("The run {run} was not finished.").format(run=newest.id)
        self._context.toasts.show_message(
            text, self.tr("Go on"), partial(self.go_on, newest.id), tone="warning"
        )

    def _space_changed(self, _event: object) -> None:
        if not self._live:
            self.reload()
