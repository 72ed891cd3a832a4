"""Train: the runs at the left; a new training or one run at the right."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QMessageBox,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.runs import RunCard, RunState, TrainingRun
from fgvc_studio.gui.job_thread import JobState
from fgvc_studio.gui.widgets.run_list import RunList, RunRow
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces import train_words
from fgvc_studio.gui.workspaces.base import Context, Workspace
from fgvc_studio.gui.workspaces.browse_inspector import picture_source, pictures_of
from fgvc_studio.gui.workspaces.train_control import Request, TrainControl
from fgvc_studio.gui.workspaces.train_run import TrainRunPage
from fgvc_studio.gui.workspaces.train_setup import TrainSetup

_LIST_WIDTH = 264
_BUDGET = 48 << 20


class TrainWorkspace(Workspace):
    """Starts runs, follows them and decides what is kept."""

    command = "go.train"

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        studio = context.studio
        self.thumbnails = Thumbnails(
            studio.store.thumbs.get_many,
            pictures=lambda ids: pictures_of(context, list(ids)),
            path_of=studio.store.images.path_of,
            budget_bytes=_BUDGET,
            threads=1,
            parent=self,
        )
        self.control = TrainControl(context, self)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.pages = QStackedWidget(self.splitter)
        source = picture_source(context, self.thumbnails)
        self.setup = TrainSetup(context, self.pages)
        self.page = TrainRunPage(context, self.control, self.thumbnails, source, self.pages)
        self._follow = False
        self._build()
        self.setup.start_wanted.connect(self.start)
        self.page.sure_wanted.connect(self._ask)
        self.control.runs_changed.connect(self._show_runs)
        self.control.began.connect(self._began)
        self.control.reports_came.connect(self._reports_came)
        self.control.ended.connect(self._reports_came)
        self.list.chosen.connect(self.show_run)
        context.jobs.changed.connect(self._job_changed)
        context.actions.connect("train.new", self._go_new)
        self.control.reload()

    # ---- workspace -------------------------------------------------------------------------
    def activated(self) -> None:
        """Bring everything up to date."""
        if self.pages.currentWidget() is self.setup:
            self.setup.refresh()
        self._show_runs()
        self.control.reload()
        (self.list if self.control.runs else self.new).setFocus()

    def close_project(self) -> None:
        """End threads and let go of what outlives the project."""
        self.context.jobs.changed.disconnect(self._job_changed)
        self.control.close()
        self.page.stop()
        self.thumbnails.stop()

    # ---- acts ------------------------------------------------------------------------------
    def new_training(self) -> None:
        """Ask what to train."""
        self._settled = True
        self.list.show_chosen("")
        self.new.setChecked(True)
        self.pages.setCurrentWidget(self.setup)
        self.setup.refresh()

    def _go_new(self) -> None:
        self.context.actions.run("go.train")
        self.new_training()

    def start(self, request: Request) -> None:
        """Queue a run and follow it."""
        if self.control.starting is not None:
            self.context.toasts.show_message(
                self.tr("A training waits to begin already; see the jobs at the top.")
            )
            return
        self._follow = True
        self.control.start(request)
        self._show_runs()

    def show_run(self, run_id: str) -> None:
        """Show a run."""
        if not run_id:
            return
        self.new.setChecked(False)
        self.list.show_chosen(run_id)
        self.pages.setCurrentWidget(self.page)
        self.page.show_run(run_id)

    def _ask(self, question: str, button: str, act: Callable[[], None]) -> None:
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.tr("Discard"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(question)
        yes = box.addButton(button, QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.finished.connect(lambda _r: act() if box.clickedButton() is yes else None)
        box.open()

    # ---- following -------------------------------------------------------------------------
    def _began(self, run_id: str) -> None:
        if self._follow:
            self._follow = False
            self._wanted = run_id
        self._show_runs()

    def _reports_came(self, run_id: str) -> None:
        self._show_rows()
        if self.isVisible():
            self.page.reports_came(run_id)

    def _job_changed(self, job: object) -> None:
        if job is self.control.starting:
            self._show_starting()

    def _show_runs(self) -> None:
        self._show_rows()
        self._show_starting()
        self.setup.set_cards(self.control.cards)
        if not self.isVisible():
            return
        if self._wanted and self.control.run_of(self._wanted) is not None:
            wanted, self._wanted = self._wanted, ""
            self.show_run(wanted)
        elif self.pages.currentWidget() is self.page:
            self.page.show_run(self.page.run_id)
        elif not self._settled and self.control.runs:
            self.show_run(self.control.runs[-1].id)
        self._settled |= bool(self.control.runs)

    def _show_rows(self) -> None:
        rows = [self._row(run) for run in reversed(self.control.runs)]
        self.list.set_rows(rows)
        self.empty.setVisible(not rows)
        self.list.setVisible(bool(rows))

    def _show_starting(self) -> None:
        job = self.control.starting
        self.starting.setVisible(job is not None)
        if job is not None:
            waits = job.state is JobState.WAITING
            report = job.report.text if job.report else ""
            told = self.tr("waits for the job before it") if waits else report or "..."
            self.starting.setText(f"{job.title}\n{told}")

    def _row(self, run: TrainingRun) -> RunRow:
        job = self.control.job_of(run.id)
        card = self.control.cards.get(run.id)
        share = -1.0
        if job is not None:
            share = job.fraction or 0.0
        return RunRow(
            run.id,
            train_words.short_name(run.method),
            train_words.state_words(run, at_work=job is not None),
            self._told(run, card, at_work=job is not None),
            _token(run, card, at_work=job is not None),
            share,
        )

    def _told(self, run: TrainingRun, card: RunCard | None, *, at_work: bool) -> str:
        if at_work:
            text = self.control.history(run.id).text
            return text.removeprefix(f"Training {run.id}").lstrip(": ") or self.tr("training")
        if card is not None and card.better is not None:
            return (
                self.tr("better than before") if card.better else self.tr("not better than before")
            )
        if card is not None:
            told = run.method == "crkd" or (card.metrics and not run.space)
            return card.verdict if told else self.tr("quality not measured")
        if run.state is RunState.RUNNING:
            return self.tr("can go on")
        return ""

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        self._wanted, self._settled = "", False
        side = QFrame()
        self.splitter.insertWidget(0, side)
        side.setObjectName("panel")
        side.setMinimumWidth(200)
        column = QVBoxLayout(side)
        column.setContentsMargins(10, 12, 10, 10)
        column.setSpacing(8)
        self.new = QPushButton(self.tr("New training"))
        self.new.setCheckable(True)
        self.new.setChecked(True)
        self.new.setProperty("role", "primary")
        self.new.setMinimumHeight(32)
        self.new.clicked.connect(self.new_training)
        heading = QLabel(self.tr("Runs"))
        heading.setProperty("role", "heading")
        self.starting = QLabel()
        self.starting.setWordWrap(True)
        self.starting.setProperty("role", "muted")
        self.starting.setTextFormat(Qt.TextFormat.PlainText)
        self.starting.hide()
        self.list = RunList()
        self.empty = QLabel(
            self.tr(
                "No runs yet. A training runs in the background while you go on naming; what it "
                "brought is shown beside what was there before, and you decide what is kept."
            )
        )
        self.empty.setWordWrap(True)
        self.empty.setProperty("role", "muted")
        for widget in (self.new, heading, self.starting, self.empty):
            column.addWidget(widget)
        column.addWidget(self.list, 1)
        column.addStretch(0)
        self.pages.addWidget(self.setup)
        self.pages.addWidget(self.page)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([_LIST_WIDTH, 1100])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.splitter)


def _token(run: TrainingRun, card: RunCard | None, *, at_work: bool) -> str:
    """Colour of a run's mark."""
    if at_work:
        return "accent"
    if run.state is RunState.RUNNING:
        return "warning"
    if run.state is RunState.DISCARDED:
        return "border"
    if card is not None and card.better:
        return "good"
    return "unlabelled"
