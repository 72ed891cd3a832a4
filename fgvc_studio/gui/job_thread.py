"""The compute lane: one running job, a queue, and a thread that drives a generator of reports.

The thread never calls into a widget. It stores its latest report under a lock; the queue reads
that ten times a second. Only "started" and "ended" cross the threads as queued signals.
"""

from __future__ import annotations

import itertools
import threading
import time
import traceback
from collections.abc import Callable, Generator
from enum import Enum
from typing import Any

from PySide6.QtCore import QObject, QThread, QTimer, Signal

from fgvc_studio.domain.errors import Cancelled, UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.gui import log_file

Work = Callable[[], Generator[Progress, None, Any]]
_POLL_MS = 100
_numbers = itertools.count(1)


class JobState(Enum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Job:
    """One long piece of work and what is known of it; read in the GUI thread.

    Attributes
    ----------
    aside : bool
        Whether it runs beside the lane.
    report : Progress or None
        The latest report.
    result : object
        What the generator returned.
    error : UserError or None
        The world's fault, with a remedy.
    crash : str
        Traceback of a fault of ours, empty otherwise.
    """

    def __init__(
        self,
        title: str,
        work: Work,
        on_done: Callable[[Any], None] | None = None,
        key: str = "",
        aside: bool = False,
    ) -> None:
        self.id = next(_numbers)
        self.key = key
        self.aside = aside
        self.title = title
        self.work = work
        self.on_done = on_done
        self.state = JobState.WAITING
        self.report: Progress | None = None
        self.result: Any = None
        self.error: UserError | None = None
        self.crash = ""
        self.started = 0.0
        self.ended = 0.0

    @property
    def fraction(self) -> float | None:
        """Share done (0..1), None where the total is unknown."""
        if self.state is JobState.DONE:
            return 1.0
        if self.report is None or self.report.total <= 0:
            return None
        return min(1.0, self.report.done / self.report.total)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end, None where nothing is known."""
        report = self.report
        if self.state is not JobState.RUNNING or report is None or report.total <= 0:
            return None
        rate = report.rate
        if rate <= 0 and report.done and self.started:
            rate = report.done / max(1e-3, time.monotonic() - self.started)
        return (report.total - report.done) / rate if rate > 0 else None


class JobThread(QThread):
    """Drives the generator of one job to its end, to a fault, or to a stop."""

    def __init__(self, job: Job, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"job {job.id}")
        self.job = job
        self._lock = threading.Lock()
        self._report: Progress | None = None
        self._go = threading.Event()
        self._go.set()
        self._stop = threading.Event()
        self.outcome = JobState.RUNNING
        self.result: Any = None
        self.error: UserError | None = None
        self.crash = ""

    def latest(self) -> Progress | None:
        """The newest report, from any thread."""
        with self._lock:
            return self._report

    def pause(self) -> None:
        """Hold at the next safe point."""
        self._go.clear()

    def resume(self) -> None:
        """Go on."""
        self._go.set()

    def cancel(self) -> None:
        """Stop at the next safe point; returns at once."""
        self._stop.set()
        self._go.set()

    def run(self) -> None:
        """Thread body (called by Qt)."""
        try:
            self.outcome = self._drive()
        except Cancelled:
            self.outcome = JobState.CANCELLED
        except UserError as error:
            self.error, self.outcome = error, JobState.FAILED
        except BaseException:  # noqa: BLE001  (nothing may leave a thread; shown as a crash report)
            self.crash, self.outcome = traceback.format_exc(), JobState.FAILED
            log_file.note(self.crash, self.job.title)

    def _drive(self) -> JobState:
        if self._stop.is_set():
            return JobState.CANCELLED
        generator = self.job.work()
        while True:
            try:
                report = next(generator)
            except StopIteration as end:
                self.result = end.value
                return JobState.DONE
            with self._lock:
                self._report = report
            if report.safe_point:
                self._go.wait()
                if self._stop.is_set():
                    generator.close()
                    return JobState.CANCELLED


class JobQueue(QObject):
    """Runs jobs one after another and tells the GUI how they are.

    Signals carry the `Job`. `changed` comes at most ten times a second for the running job and at
    once for acts of the user.
    """

    added = Signal(object)
    started = Signal(object)
    changed = Signal(object)
    ended = Signal(object)
    idle = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.jobs: list[Job] = []
        self._threads: list[JobThread] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def running(self) -> Job | None:
        """The job on the lane now; without one, a job that runs beside it."""
        on_lane = self._on_lane()
        thread = on_lane or (self._threads[0] if self._threads else None)
        return thread.job if thread else None

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return bool(self._threads) or any(j.state is JobState.WAITING for j in self.jobs)

    def _on_lane(self) -> JobThread | None:
        return next((t for t in self._threads if not t.job.aside), None)

    def _thread_of(self, job: Job) -> JobThread | None:
        return next((t for t in self._threads if t.job is job), None)

    def add(
        self,
        title: str,
        work: Work,
        on_done: Callable[[Any], None] | None = None,
        key: str = "",
        *,
        aside: bool = False,
    ) -> Job:
        """Queue `work`; `on_done(result)` is called in the GUI thread.

        A job whose non-empty `key` equals that of one still waiting or running is not queued
        twice: that one is returned. A job `aside` reads and writes files but computes little (an
        export): it begins at once, whatever runs on the lane.
        """
        if key:
            for job in self.jobs:
                if job.key == key and not job.state.ended:
                    return job
        job = Job(title, work, on_done, key, aside)
        self.jobs.append(job)
        self.added.emit(job)
        if aside:
            self._start(job)
        else:
            self._start_next()
        return job

    def pause(self, job: Job) -> None:
        """Hold a running job at its next safe point."""
        thread = self._thread_of(job)
        if thread and job.state is JobState.RUNNING:
            thread.pause()
            self._set(job, JobState.PAUSED)

    def resume(self, job: Job) -> None:
        """Let a held job go on."""
        thread = self._thread_of(job)
        if thread and job.state is JobState.PAUSED:
            thread.resume()
            self._set(job, JobState.RUNNING)

    def cancel(self, job: Job) -> None:
        """Stop `job`; a running one shows "Stopping..." at once and ends at its safe point."""
        thread = self._thread_of(job)
        if job.state is JobState.WAITING:
            self._set(job, JobState.CANCELLED)
            self.ended.emit(job)
        elif thread and not job.state.ended:
            self._set(job, JobState.STOPPING)
            thread.cancel()

    def cancel_all(self) -> None:
        """Stop everything."""
        for job in [j for j in self.jobs if not j.state.ended]:
            self.cancel(job)

    def clear_ended(self) -> None:
        """Forget jobs that have ended."""
        self.jobs = [job for job in self.jobs if not job.state.ended]

    def shut_down(self, timeout_ms: int = 30_000) -> bool:
        """Stop everything and wait for the threads; False when one did not end in time."""
        self.cancel_all()
        self._timer.stop()
        for thread in list(self._threads):
            if not thread.wait(timeout_ms):
                return False
            self._finish(thread)
        return True

    def _start_next(self) -> None:
        if self._on_lane() is not None:
            return
        job = next((j for j in self.jobs if j.state is JobState.WAITING), None)
        if job is not None:
            self._start(job)
        elif not self._threads:
            self._timer.stop()
            self.idle.emit()

    def _start(self, job: Job) -> None:
        thread = JobThread(job, self)
        thread.finished.connect(self._thread_finished)
        self._threads.append(thread)
        job.started = time.monotonic()
        self._set(job, JobState.RUNNING)
        thread.start(QThread.Priority.LowPriority)
        self._timer.start()
        self.started.emit(job)

    def _poll(self) -> None:
        for thread in list(self._threads):
            report = thread.latest()
            if report is not thread.job.report:
                thread.job.report = report
                self.changed.emit(thread.job)

    def _thread_finished(self) -> None:
        thread = self.sender()
        if isinstance(thread, JobThread):
            self._finish(thread)

    def _finish(self, thread: JobThread) -> None:
        if thread not in self._threads:
            return
        self._threads.remove(thread)
        job = thread.job
        job.report = thread.latest()
        job.result, job.error, job.crash = thread.result, thread.error, thread.crash
        job.ended = time.monotonic()
        self._set(job, thread.outcome)
        thread.deleteLater()
        if job.state is JobState.DONE and job.on_done:
            job.on_done(job.result)
        self.ended.emit(job)
        self._start_next()

    def _set(self, job: Job, state: JobState) -> None:
        job.state = state
        self.changed.emit(job)
