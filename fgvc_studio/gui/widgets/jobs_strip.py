"""The jobs of the compute lane: a strip in the top bar, and a list with all that is known."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import words
from fgvc_studio.gui.job_thread import Job, JobQueue, JobState

_SHOWN = 20
_TITLE_WIDTH = 125


class JobsStrip(QWidget):
    """Title, bar and share of the running job; a click opens the list.

    `details_wanted` carries a failed job whose report the user wants to see.
    """

    details_wanted = Signal(object)

    def __init__(self, queue: JobQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self._short = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.bar = _bar()
        self.bar.setFixedWidth(60)
        self.button = QPushButton()
        self.button.setObjectName("jobs")
        self.button.setAccessibleName(self.tr("Jobs"))
        self.button.clicked.connect(self.toggle_list)
        row.addWidget(self.bar)
        row.addWidget(self.button)
        self.popup = JobsPopup(queue, self)
        self.popup.details_wanted.connect(self.details_wanted)
        for signal in (queue.added, queue.started, queue.changed, queue.ended):
            signal.connect(lambda _job: self.refresh())
        self.refresh()

    def set_short(self, short: bool) -> None:
        """Whether title and bar of the running job are left to the tip and the list."""
        if short != self._short:
            self._short = short
            self.refresh()

    def refresh(self) -> None:
        """Show how the running job is."""
        job = self._queue.running
        waiting = sum(j.state is JobState.WAITING for j in self._queue.jobs)
        self.bar.setVisible(job is not None and not self._short)
        if job is None:
            failed = any(j.state is JobState.FAILED for j in self._queue.jobs[-1:])
            self.button.setText(self.tr("Last job failed") if failed else self.tr("Jobs"))
            self.setToolTip("" if failed else self.tr("No job is running"))
            return
        _fill_bar(self.bar, job)
        more = f" +{waiting}" if waiting else ""
        metrics = self.button.fontMetrics()
        if self._short:
            title = self.tr("Jobs")
        else:
            title = metrics.elidedText(job.title, Qt.TextElideMode.ElideRight, _TITLE_WIDTH)
        self.button.setText(f"{title}  {short_state(job)}{more}".rstrip())
        self.setToolTip(f"{job.title}: {long_state(job)}")

    def toggle_list(self) -> None:
        """Open or close the list."""
        if self.popup.isVisible():
            self.popup.close()
        else:
            self.popup.open_under(self.button)


class JobsPopup(QFrame):
    """All jobs of this session, the running one first."""

    details_wanted = Signal(object)

    def __init__(self, queue: JobQueue, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popup")
        self._queue = queue
        self._rows: dict[int, JobRow] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        head = QHBoxLayout()
        title = QLabel(self.tr("Jobs"))
        title.setProperty("role", "heading")
        self.clear = QPushButton(self.tr("Clear ended"))
        self.clear.setProperty("role", "flat")
        self.clear.clicked.connect(self._clear)
        head.addWidget(title, 1)
        head.addWidget(self.clear)
        layout.addLayout(head)
        self.empty = QLabel(
            self.tr("Nothing runs. Imports, embeddings and maps appear here while they work.")
        )
        self.empty.setProperty("role", "muted")
        self.empty.setWordWrap(True)
        layout.addWidget(self.empty)
        inner = QWidget()
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(10)
        self._list.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inner)
        layout.addWidget(area, 1)
        queue.added.connect(self._add)
        queue.changed.connect(self._refresh)
        queue.ended.connect(self._refresh)

    def open_under(self, button: QWidget) -> None:
        """Show below `button`, within its window."""
        width, rows = 440, max(1, min(5, len(self._queue.jobs)))
        self.resize(width, 110 + 76 * rows)
        corner = button.mapToGlobal(QPoint(button.width() - width, button.height() + 4))
        self.move(corner)
        self._show_empty()
        self.show()

    def row(self, job: Job) -> JobRow | None:
        """The row of a job."""
        return self._rows.get(job.id)

    def _add(self, job: Job) -> None:
        row = JobRow(job, self._queue)
        row.details_wanted.connect(self.details_wanted)
        self._rows[job.id] = row
        self._list.insertWidget(0, row)
        if len(self._rows) > _SHOWN:
            self._clear()
        self._show_empty()

    def _refresh(self, job: Job) -> None:
        row = self._rows.get(job.id)
        if row:
            row.refresh()

    def _clear(self) -> None:
        for job in [j for j in self._queue.jobs if j.state.ended]:
            row = self._rows.pop(job.id, None)
            if row:
                self._list.removeWidget(row)
                row.deleteLater()
        self._queue.clear_ended()
        self._show_empty()

    def _show_empty(self) -> None:
        self.empty.setVisible(not self._queue.jobs)
        self.clear.setVisible(any(j.state.ended for j in self._queue.jobs))


class JobRow(QFrame):
    """One job: title, bar, rate and time left, pause and stop, or what came of it."""

    details_wanted = Signal(object)

    def __init__(self, job: Job, queue: JobQueue) -> None:
        super().__init__()
        self._job = job
        self._queue = queue
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        head = QHBoxLayout()
        self.title = QLabel(job.title)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.pause = QPushButton()
        self.stop = QPushButton(self.tr("Stop"))
        self.details = QPushButton(self.tr("Details"))
        for button in (self.pause, self.stop, self.details):
            button.setProperty("role", "flat")
        self.pause.clicked.connect(self._pause)
        self.stop.clicked.connect(lambda: queue.cancel(job))
        self.details.clicked.connect(lambda: self.details_wanted.emit(job))
        head.addWidget(self.title, 1)
        for button in (self.pause, self.stop, self.details):
            head.addWidget(button)
        layout.addLayout(head)
        self.bar = _bar()
        layout.addWidget(self.bar)
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.state.setProperty("role", "muted")
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        layout.addWidget(self.state)
        self.refresh()

    def refresh(self) -> None:
        """Show the job as it is now."""
        job = self._job
        ended = job.state.ended
        self.bar.setVisible(not ended)
        _fill_bar(self.bar, job)
        self.pause.setVisible(job.state in (JobState.RUNNING, JobState.PAUSED))
        paused = job.state is JobState.PAUSED
        self.pause.setText(self.tr("Go on") if paused else self.tr("Pause"))
        self.stop.setVisible(not ended)
        self.stop.setEnabled(job.state is not JobState.STOPPING)
        self.details.setVisible(job.state is JobState.FAILED)
        self.state.setText(long_state(job))

    def refresh_if(self, job: Job) -> None:
        """Show the job as it is now, if it is this row's."""
        if job is self._job:
            self.refresh()

    def drop_if(self, job: Job) -> None:
        """Go away if this row's job ended."""
        if job is self._job:
            self.hide()
            self.deleteLater()

    def _pause(self) -> None:
        if self._job.state is JobState.PAUSED:
            self._queue.resume(self._job)
        else:
            self._queue.pause(self._job)


def short_state(job: Job) -> str:
    """A word or a share."""
    tr = _tr
    if job.state is JobState.STOPPING:
        return tr("Stopping...")
    if job.state is JobState.PAUSED:
        return tr("paused")
    return "" if job.fraction is None else f"{int(100 * job.fraction)} %"


def long_state(job: Job) -> str:
    """A sentence: how far, how fast, how long still, or what came of it."""
    tr = _tr
    if job.state is JobState.WAITING:
        return tr("Waits for the job before it.")
    if job.state is JobState.STOPPING:
        return tr("Stopping...")
    if job.state is JobState.CANCELLED:
        return tr("Stopped. What was finished is kept.")
    if job.state is JobState.FAILED:
        return str(job.error) if job.error else tr("Failed through a fault of the program.")
    if job.state is JobState.DONE:
        return tr("Done in {time}.").format(time=words.duration(job.ended - job.started))
    parts = [tr("Paused.")] if job.state is JobState.PAUSED else []
    report = job.report
    if report is None:
        return " ".join([*parts, tr("Starts...")])
    if report.text:
        parts.append(report.text)
    if report.total:
        parts.append(f"{words.count(report.done)} / {words.count(report.total)}")
    elif report.done:
        parts.append(words.count(report.done))
    if report.rate:
        parts.append(tr("{n}/s").format(n=f"{report.rate:.1f}".removesuffix(".0")))
    left = job.seconds_left
    if left is not None:
        parts.append(tr("{time} left").format(time=words.duration(left)))
    return "  ·  ".join(parts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("jobs", text)


def _bar() -> QProgressBar:
    bar = QProgressBar()
    bar.setTextVisible(False)
    bar.setFixedHeight(6)
    bar.setAccessibleName(_tr("Progress"))
    return bar


def _fill_bar(bar: QProgressBar, job: Job) -> None:
    fraction = job.fraction
    if fraction is None:
        bar.setRange(0, 0)
    else:
        bar.setRange(0, 1000)
        bar.setValue(int(1000 * fraction))
