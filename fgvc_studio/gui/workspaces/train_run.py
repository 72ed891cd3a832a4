"""The page of one run: where it stands, what can be done with it, and its views."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.runs import RunCard, RunState, TrainingRun
from fgvc_studio.gui import words
from fgvc_studio.gui.dialogs.viewer import PictureSource
from fgvc_studio.gui.job_thread import Job, JobState
from fgvc_studio.gui.models.run_history import RunHistory
from fgvc_studio.gui.widgets.blind_test import BlindTest
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces import train_words
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.train_blind import BlindPage
from fgvc_studio.gui.workspaces.train_compare import TrainNeighbours
from fgvc_studio.gui.workspaces.train_control import TrainControl
from fgvc_studio.gui.workspaces.train_drift import DriftPage
from fgvc_studio.gui.workspaces.train_progress import TrainProgress
from fgvc_studio.gui.workspaces.train_result import TrainResult
from fgvc_studio.methods import registry

PROGRESS, RESULT, NEIGHBOURS, BLIND, DRIFT = range(5)
_NEXT = {"clusters": "go.discover", "classifier": "go.prototypes"}


class TrainRunPage(QWidget):
    """Header with the buttons that make sense now; below it one of the views."""

    sure_wanted = Signal(str, str, object)
    """Question, button, what to do."""

    def __init__(
        self,
        context: Context,
        control: TrainControl,
        thumbnails: Thumbnails,
        source: PictureSource,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._context, self._control = context, control
        self.run_id = ""
        self._shown_state = ""
        self.progress = TrainProgress(context, thumbnails)
        self.result = TrainResult(context)
        self.neighbours = TrainNeighbours(context, thumbnails, source)
        self.blind = BlindPage(context, BlindTest(thumbnails, source.show))
        self.blind.stored.connect(control.reload)
        self.drift = DriftPage(context)
        self.drift.decided.connect(control.reload)
        self.views = QStackedWidget(self)
        for view in (self.progress, self.result, self.neighbours, self.blind, self.drift):
            self.views.addWidget(view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header())
        column.addWidget(self.views, 1)

    # ---- building --------------------------------------------------------------------------
    def _header(self) -> QFrame:
        frame = QFrame()
        frame.setObjectName("panel")
        self.title = QLabel()
        self.title.setProperty("role", "title")
        self.state = QLabel()
        self.state.setProperty("role", "muted")
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.buttons: dict[str, QPushButton] = {}
        first = QHBoxLayout()
        first.setSpacing(10)
        first.addWidget(self.title)
        first.addWidget(self.state, 1)
        acts = QHBoxLayout()
        acts.setSpacing(8)
        for name, text, tip, act in self._acts():
            button = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(act)
            button.hide()  # until a run is shown; all of them together would widen the window
            self.buttons[name] = button
            acts.addWidget(button)
        acts.addStretch(1)
        column = QVBoxLayout(frame)
        column.setContentsMargins(20, 12, 20, 8)
        column.setSpacing(8)
        column.addLayout(first)
        column.addWidget(self.told)
        column.addWidget(self.bar)
        column.addLayout(acts)
        column.addLayout(self._tabs())
        return frame

    def _acts(self) -> list[tuple[str, str, str, Callable[..., object]]]:
        c = self._control
        return [
            ("go_on", self.tr("Go on"), self.tr("Train on from where it stopped"),
             lambda: c.go_on(self.run_id)),
            ("pause", self.tr("Pause"), self.tr("Hold at the next step"),
             lambda: c.pause(self.run_id)),
            ("later", self.tr("Stop for now"), self.tr("Keeps where it stands; it can go on later"),
             lambda: c.stop(self.run_id)),
            ("enough", self.tr("Stop and keep"),
             self.tr("Ends the training here and uses what was learned so far"),
             lambda: c.stop_and_keep(self.run_id)),
            ("drop", self.tr("Stop and discard"), self.tr("Stops and deletes what it made"),
             self._drop),
            ("use", self.tr("Use the new space"),
             self.tr("Map, search and suggestions take it; the old space stays too"),
             lambda: c.keep(self.run_id, use=True)),
            ("both", self.tr("Keep both"),
             self.tr("Keeps the new space; map and search stay with the old one"),
             lambda: c.keep(self.run_id, use=False)),
            ("keep", self.tr("Keep"), self.tr("Marks the run as one to keep"),
             lambda: c.keep(self.run_id, use=False)),
            ("discard", self.tr("Discard"),
             self.tr("Keeps the old space; deletes the new one and its model, not the card"),
             self._discard),
            ("judge", self.tr("Judge what it found"), self.tr("Goes to the place for it"),
             self._judge),
        ]  # fmt: skip

    def _tabs(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        self.tabs = QButtonGroup(self)
        for place, text in (
            (RESULT, self.tr("Result")),
            (PROGRESS, self.tr("Curves and map")),
            (NEIGHBOURS, self.tr("Neighbours")),
            (BLIND, self.tr("Blind test")),
            (DRIFT, self.tr("What moved")),
        ):
            button = QPushButton(text)
            button.setCheckable(True)
            button.setProperty("role", "tab")
            self.tabs.addButton(button, place)
            row.addWidget(button)
        row.addStretch(1)
        self.tabs.idClicked.connect(self.show_view)
        return row

    # ---- what is shown ---------------------------------------------------------------------
    def show_run(self, run_id: str) -> None:
        """Show another run, or the same in another state."""
        run = self._control.run_of(run_id)
        if run is None:
            return
        new = run_id != self.run_id
        self.run_id = run_id
        card = self._control.cards.get(run_id)
        job = self._control.job_of(run_id)
        name = train_words.short_name(run.method)
        self.title.setText(name)
        state = train_words.state_words(run, at_work=job is not None)
        self.state.setText(f"{run_id}  ·  {state}  ·  {words.when(run.created)}")
        self._show_buttons(run, card, job)
        spaces = bool(card and run.space and run.state is not RunState.DISCARDED)
        for place in (RESULT, PROGRESS, NEIGHBOURS, BLIND, DRIFT):
            there = place == PROGRESS or (place == RESULT and bool(card)) or spaces
            self.tabs.button(place).setVisible(there)
        history = self._control.history(run_id)
        self.progress.show_run(history, run.method, card)
        if card is not None:
            self.result.show_card(card, run.preset)
        if spaces and card is not None:
            self.neighbours.show_run(run)
            self.blind.show_run(run, card)
        key = f"{run_id} {run.state} {card is not None}"
        if key != self._shown_state:
            self._shown_state = key
            self.show_view(RESULT if card is not None else PROGRESS)
        elif new:
            self.show_view(self.views.currentIndex())
        self.reports_came(run_id)

    def show_view(self, place: int) -> None:
        """Bring one of the views to the front."""
        self.tabs.button(place).setChecked(True)
        self.views.setCurrentIndex(place)
        run = self._control.run_of(self.run_id)
        if place == PROGRESS:
            self.progress.refresh()
        elif place == DRIFT and run is not None:
            self.drift.show_run(run)

    def reports_came(self, run_id: str) -> None:
        """The run at work reported."""
        if run_id != self.run_id:
            return
        run, job = self._control.run_of(run_id), self._control.job_of(run_id)
        if run is None:
            return
        self.progress.refresh()
        history = self._control.history(run_id)
        self.bar.setVisible(job is not None)
        if job is not None:
            fraction = job.fraction
            self.bar.setRange(0, 0 if fraction is None else 1000)
            self.bar.setValue(int(1000 * (fraction or 0)))
            paused = job.state is JobState.PAUSED
            self.buttons["pause"].setText(self.tr("Resume") if paused else self.tr("Pause"))
            self.told.setText(self._at_work(job, history))
            stopping = job.state is JobState.STOPPING
            training = history.points() > 0
            for name in ("pause", "later", "drop"):
                self.buttons[name].setEnabled(not stopping)
            self.buttons["enough"].setEnabled(training and not stopping)
        else:
            self.told.setText(self._at_rest(run))
        self.told.setVisible(bool(self.told.text()))

    def _at_work(self, job: Job, history: RunHistory) -> str:
        if job.state is JobState.STOPPING:
            return self.tr("Stopping at the next step...")
        if job.state is JobState.WAITING:
            return self.tr("Waits for the job before it.")
        parts = [self.tr("Paused.")] if job.state is JobState.PAUSED else []
        if self._control.ending_early(self.run_id):
            parts.append(self.tr("Ends early and keeps what was learned."))
        parts.append(history.text or self.tr("Starts..."))
        report = job.report
        if report is not None and report.total:
            parts.append(f"{words.count(report.done)} / {words.count(report.total)}")
        left = history.seconds_left
        if left == left and job.state is JobState.RUNNING:
            parts.append(self.tr("about {time} left").format(time=words.duration(left)))
        return "  ·  ".join(parts)

    def _at_rest(self, run: TrainingRun) -> str:
        if run.state is RunState.RUNNING:
            fault = self._control.fault(run.id)
            if run.total and run.step >= run.total:
                return f"{fault} " * bool(fault) + self.tr(
                    "The training is done; what is left is to make the result of it."
                )
            return f"{fault} " * bool(fault) + self._stopped(run)
        if run.state is RunState.DISCARDED:
            return self.tr("Discarded: space and model are deleted, the card stays.")
        chosen = self._context.studio.embedding.default_space()
        if run.space and chosen == run.space:
            return self.tr("Map, search and suggestions use this space.")
        if run.space:
            return self.tr("Map, search and suggestions use {space}.").format(space=chosen)
        return ""

    def _stopped(self, run: TrainingRun) -> str:
        """Where an unfinished run stands; after a crash only its reports say so."""
        step, total = self._control.history(run.id).progress
        step, total = run.step or step, run.total or total
        if not step:
            return self.tr("Stopped before its first step. It can go on.")
        told = self.tr("Stopped after {step} of {total} steps.").format(
            step=words.count(step), total=words.count(total)
        )
        if not run.step:
            return f"{told} " + self.tr("It can go on from the last place that was kept.")
        return f"{told} " + self.tr("It can go on from there.")

    def _show_buttons(self, run: TrainingRun, card: RunCard | None, job: Job | None) -> None:
        writable = not self._context.studio.store.read_only
        state, space = run.state, bool(run.space)
        known = {method.name: method for method in registry.methods()}
        makes = known[run.method].makes if run.method in known else ""
        finished = state is RunState.FINISHED
        used = space and self._context.studio.embedding.default_space() == run.space
        shown = {
            "go_on": job is None and state is RunState.RUNNING,
            "pause": job is not None,
            "later": job is not None,
            "enough": job is not None and self._control.can_end_early(run.method),
            "drop": job is not None,
            "use": space and (finished or (state is RunState.KEPT and not used)),
            "both": space and finished,
            "keep": not space and finished,
            "discard": job is None
            and state in (RunState.RUNNING, RunState.FINISHED, RunState.KEPT),
            "judge": makes in _NEXT and card is not None and _NEXT[makes] in self._goals(),
        }
        better = card is not None and card.better is True
        primary = "use" if better else "discard" if card is not None and finished else "go_on"
        if makes in _NEXT:
            primary = "judge"
        for name, button in self.buttons.items():
            button.setVisible(shown[name])
            button.setEnabled(writable or name == "judge")
            _set_role(button, "primary" if name == primary else "")
        undecided = space and finished
        keeps = self.tr("Keep the old space, discard this") if undecided else self.tr("Discard")
        self.buttons["discard"].setText(keeps)

    def _goals(self) -> set[str]:
        return self._context.actions.handled()

    # ---- acts ------------------------------------------------------------------------------
    def _drop(self) -> None:
        run_id = self.run_id
        self.sure_wanted.emit(
            self.tr("Stop {run} and delete what it made?").format(run=run_id),
            self.tr("Stop and discard"),
            lambda: self._control.stop_and_discard(run_id),
        )

    def _discard(self) -> None:
        run_id = self.run_id
        self.sure_wanted.emit(
            self.tr("Delete the space and the model of {run}? The card stays.").format(run=run_id),
            self.tr("Discard"),
            lambda: self._control.discard(run_id),
        )

    def _judge(self) -> None:
        run = self._control.run_of(self.run_id)
        if run is not None:
            self._context.actions.run(_NEXT[registry.get(run.method).makes])

    def stop(self) -> None:
        """The project closes."""
        for view in (self.progress, self.neighbours, self.blind, self.drift):
            view.stop()


def _set_role(button: QPushButton, role: str) -> None:
    if (button.property("role") or "") != role:
        button.setProperty("role", role)
        button.style().unpolish(button)
        button.style().polish(button)
