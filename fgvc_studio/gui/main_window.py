"""The one window: first screen or project frame, menus, status line, opening and closing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QSize, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.errors import ProjectLockedError, UserError
from fgvc_studio.gui import collector, icons, preferences
from fgvc_studio.gui.action_set import ActionSet
from fgvc_studio.gui.dialogs.messages import show_fault
from fgvc_studio.gui.dialogs.start_page import StartPage
from fgvc_studio.gui.job_thread import Job, JobQueue, JobState
from fgvc_studio.gui.project_session import ProjectSession
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.task_pool import TaskPool, Ticket
from fgvc_studio.gui.widgets.command_palette import CommandPalette
from fgvc_studio.gui.widgets.jobs_strip import JobRow, JobsStrip
from fgvc_studio.gui.widgets.rail import Rail
from fgvc_studio.gui.widgets.status_line import StatusLine
from fgvc_studio.gui.widgets.toasts import ToastStack
from fgvc_studio.gui.widgets.top_bar import TopBar
from fgvc_studio.gui.widgets.undo_bar import UndoBar
from fgvc_studio.gui.window_commands import WindowCommands
from fgvc_studio.gui.workspaces import Workspaces, makers
from fgvc_studio.gui.workspaces.base import Context, Workspace

_DESIGN_SIZE = (1440, 900)
_TITLE_BAR = 40
"""Height that the system's frame takes from the screen."""
_STATUS_EVERY_MS = 10_000


class MainWindow(QMainWindow):
    """The frame; what stands in it belongs to the workspaces."""

    def __init__(self, crashed: Callable[[str, str], Any] | None = None) -> None:
        super().__init__()
        self.setObjectName("main")
        self.setAcceptDrops(True)
        self._crashed = crashed
        self.session: ProjectSession | None = None
        self.workspaces = Workspaces({}, self._place, self)
        self.selection = Selection(self)
        self.jobs = JobQueue(self)
        self.tasks = TaskPool(self)
        self.actions_ = ActionSet(self, icons.icon)
        self.start = StartPage(icon=icons.icon)
        self.toasts = ToastStack(self)
        self._build()
        self.palette_ = CommandPalette(self, self.actions_, self._categories)
        self.commands = WindowCommands(self)
        self._connect()
        self._restore_geometry()
        self._show_title()

    # ---- projects --------------------------------------------------------------------------
    def open_project(
        self,
        path: str | Path,
        *,
        read_only: bool = False,
        then: Callable[[], Any] | None = None,
    ) -> None:
        """Open a project (read in the background, then shown); then call `then`."""

        def read(_ticket: Ticket) -> Any:
            from fgvc_studio.services.studio import Studio

            return Studio.open(Path(path), who=preferences.who(), read_only=read_only)

        def shown(studio: Any) -> None:
            self.show_project(studio)
            if then:
                QTimer.singleShot(0, then)

        def begin() -> None:
            self.status.showMessage(self.tr("Opening {name}...").format(name=Path(path).name))
            self.tasks.submit(
                "open project",
                read,
                shown,
                lambda e: self._not_opened(path, e),
                lambda studio: studio.close(),
            )

        if self.session and self.session.path == Path(path):
            return
        self.close_project(begin)

    def show_project(self, studio: Any) -> ProjectSession:
        """Show an open project; the window closes it in the end."""
        self.status.clearMessage()
        session = ProjectSession(studio, self)
        self.session = session
        context = Context(
            studio,
            session.bridge,
            self.actions_,
            self.jobs,
            self.tasks,
            self.toasts,
            self.selection,
            self.show_fault,
            self.show_items,
            self.show_status,
            self.grow,
            self._browsed,
        )
        self.workspaces = Workspaces(makers(context, self.pages), self._place, self)
        for command in self.workspaces:
            self.actions_.connect(command, lambda c=command: self.go(c))
        session.bridge.decided.connect(self.show_status)
        session.bridge.items_added.connect(self.show_status)
        session.remember()
        self.frames.setCurrentIndex(1)
        self.go(next(iter(self.workspaces)))
        if studio.catalogue.n and not self.selection.current:
            self.selection.set_current(1)  # the inspector has something to show from the start
        self._show_title()
        self._status_timer.start()
        self.workspaces.make_rest()
        return session

    def _place(self, workspace: Workspace) -> None:
        self.pages.addWidget(workspace)

    def close_project(self, then: Callable[[], Any] | None = None) -> None:
        """Close the project, asking first when jobs run; then call `then`."""
        if self.session is None and not self.jobs.busy:
            if then:
                then()
            return
        if self.jobs.busy:
            if not self._may_stop_jobs():
                return
            self._after_jobs(lambda: self.close_project(then))
            self.jobs.cancel_all()
            return
        self._let_project_go()
        if then:
            then()

    def _let_project_go(self) -> None:
        self.commands.helping.tour.stop()
        session, self.session = self.session, None
        self._status_timer.stop()
        self.toasts.clear()
        self.selection.clear()
        self.selection.set_current(0)
        for workspace in self.workspaces.made():
            top = workspace.top_widget()
            if top:
                self.top.remove_widget(top)
            workspace.close_project()
            self.pages.removeWidget(workspace)
            workspace.deleteLater()
        self.actions_.disconnect_all(
            {c for c in self.actions_.handled() if c not in self.commands.handled}
        )
        self.workspaces.clear()
        self.tasks.drop_all()
        self.actions_.set_scopes()
        if session:
            session.close()
            session.deleteLater()
        self.start.refresh()
        self.frames.setCurrentIndex(0)
        self.status.show_status(None)
        self.undo_bar.hide()
        self._show_title()
        QTimer.singleShot(0, collector.project_closed)

    def _after_jobs(self, act: Callable[[], Any]) -> None:
        def once() -> None:
            self.jobs.idle.disconnect(once)
            QTimer.singleShot(0, act)

        self.jobs.idle.connect(once)

    def _may_stop_jobs(self) -> bool:
        running = self.jobs.running
        if running is not None and running.state is JobState.STOPPING:
            return True
        box = QMessageBox(self)
        box.setWindowTitle(self.tr("A job is running"))
        title = running.title if running else self.tr("A job")
        box.setText(self.tr("“{job}” is not finished.").format(job=title))
        box.setInformativeText(self.tr("What it has done so far is kept. Stop it and close?"))
        stop = box.addButton(self.tr("Stop and close"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(self.tr("Go on working"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stop)
        box.exec()
        return box.clickedButton() is stop

    def _not_opened(self, path: str | Path, error: UserError) -> None:
        self.status.clearMessage()
        self.start.refresh()
        box = show_fault(self, error)
        if isinstance(error, ProjectLockedError):
            look = box.addButton(self.tr("Look at it read-only"), QMessageBox.ButtonRole.ActionRole)
            look.clicked.connect(lambda: self.open_project(path, read_only=True))

    # ---- what is shown ---------------------------------------------------------------------
    @property
    def workspace(self) -> Workspace | None:
        """The workspace in front."""
        page = self.pages.currentWidget()
        return page if self.session and isinstance(page, Workspace) else None

    def go(self, command: str) -> None:
        """Bring a workspace to the front."""
        workspace = self.workspaces[command]
        self.pages.setCurrentWidget(workspace)
        self.top.show_widget(workspace.top_widget())
        self.actions_.set_scopes(*workspace.scopes)
        self.actions_[command].setChecked(True)
        workspace.activated()
        self.show_status()

    def show_items(self, ids: NDArray[Any], name: str) -> None:
        """Go to Browse with these items as the filter."""
        browse = self.workspaces.get("go.browse")
        show = getattr(browse, "show_items", None)
        if show:
            self.go("go.browse")
            show(ids, name)

    def grow(self, **what: Any) -> None:
        """Go to Discover and grow a ``category``, a ``cluster`` or ``items``."""
        start = getattr(self.workspaces.get("go.discover"), "grow", None)
        if start:
            self.go("go.discover")
            start(**what)

    def _browsed(self) -> NDArray[Any] | None:
        page = self.workspaces.get("go.browse")
        return page.shown_ids() if page else None

    def show_status(self, *_: object) -> None:
        """Draw the status line anew."""
        if self.session is None:
            return
        page = self.workspace
        space = next((w.space_name() for w in self.workspaces.made() if w.space_name()), "")
        shown = page.shown_count() if page else None
        self.status.show_status(self.session.status(space, shown))
        menus = (w.space_menu() for w in self.workspaces.made())
        self.status.offer_spaces(next((m for m in menus if m), None))
        self.undo_bar.show_steps(self.session.undo_summary, self.session.redo_summary)
        self.actions_.refresh()

    def show_fault(self, error: UserError) -> None:
        """A sentence and a remedy."""
        show_fault(self, error)

    # ---- events ----------------------------------------------------------------------------
    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the project first; a running job is asked about and stopped without freezing."""
        if self.jobs.busy:
            event.ignore()
            self.close_project(self.close)
            return
        preferences.store().setValue("window/geometry", self.saveGeometry())
        if self.session:
            self._let_project_go()
        self.tasks.shut_down()
        self.jobs.shut_down()
        event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Messages keep to the lower edge."""
        super().resizeEvent(event)
        self.toasts.place()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome files and folders from outside."""
        if event.mimeData().hasUrls() and event.source() is None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """A project opens, a folder is imported, a photo is searched by."""
        paths = [u.toLocalFile() for u in event.mimeData().urls() if u.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.commands.use_dropped(paths)

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        self.rail = Rail()
        self.strip = JobsStrip(self.jobs)
        self.top = TopBar(self.strip, self.actions_["app.help"])
        self.pages = QStackedWidget()
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top)
        column.addWidget(self.pages, 1)
        project = QWidget()
        row = QHBoxLayout(project)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(right, 1)
        self.frames = QStackedWidget()
        self.frames.addWidget(self.start)
        self.frames.addWidget(project)
        self.setCentralWidget(self.frames)
        for command in (
            "go.browse", "go.discover", "go.prototypes", "go.train", "go.history",
        ):  # fmt: skip
            self.rail.add(self.actions_[command])
        self.rail.add_below(self.actions_["app.settings"])
        self.menus = self.actions_.fill_menu_bar(self.menuBar())
        self.undo_bar = UndoBar(self.actions_["edit.undo"], self.actions_["edit.redo"])
        self.undo_bar.stand_in(self.menuBar(), self.top)
        self.status = StatusLine()
        self.setStatusBar(self.status)
        self.toasts.stand_on(self.status)
        self._status_timer = QTimer(self)
        self._status_timer.setInterval(_STATUS_EVERY_MS)
        self._status_timer.timeout.connect(self.show_status)

    def _connect(self) -> None:
        self.start.folder_wanted.connect(self.commands.new_project)
        self.start.open_wanted.connect(lambda _: self.commands.choose_project())
        self.start.sample_wanted.connect(self.commands.sample)
        self.start.project_chosen.connect(self.open_project)
        self.actions_.set_condition("project", lambda: self.session is not None)
        self.actions_.set_condition("writable", self._writable)
        self.actions_.set_condition("items", lambda: self.session is not None)
        self.actions_.set_condition("undo", lambda: bool(self.session and self.session.can_undo))
        self.actions_.set_condition("redo", lambda: bool(self.session and self.session.can_redo))
        self.jobs.added.connect(self._job_added)
        self.jobs.ended.connect(self._job_ended)
        self.strip.details_wanted.connect(self._job_details)
        self.tasks.crashed.connect(lambda trace: self._crash(trace, "background read"))
        self.actions_.refresh()

    def _job_added(self, job: Job) -> None:
        if self.session is None:
            row = JobRow(job, self.jobs)
            self.jobs.changed.connect(row.refresh_if)
            self.jobs.ended.connect(row.drop_if)
            self.start.show_job(row)

    def _job_ended(self, job: Job) -> None:
        if job.state is JobState.FAILED:
            text = str(job.error) if job.error else self.tr("“{job}” failed.").format(job=job.title)
            self.toasts.show_message(
                text, self.tr("Details"), lambda: self._job_details(job), tone="danger"
            )
        self.show_status()

    def _job_details(self, job: Job) -> None:
        if job.error:
            self.show_fault(job.error)
        elif job.crash:
            self._crash(job.crash, job.title)

    def _crash(self, trace: str, doing: str) -> None:
        if self._crashed:
            self._crashed(trace, doing)

    def _writable(self) -> bool:
        return self.session is not None and not self.session.studio.store.read_only

    def _categories(self, text: str, limit: int) -> list[Any]:
        page = self.workspaces.get("go.browse")
        entries = getattr(page, "category_entries", None)
        return list(entries(text, limit)) if entries else []

    def _restore_geometry(self) -> None:
        saved = preferences.store().value("window/geometry")
        if not (isinstance(saved, QByteArray) and self.restoreGeometry(saved)):
            screen = QApplication.primaryScreen().availableGeometry()
            room = screen.size() - QSize(0, _TITLE_BAR)
            self.resize(QSize(*_DESIGN_SIZE).boundedTo(room))

    def _show_title(self) -> None:
        name = f"{self.session.name} – " if self.session else ""
        self.setWindowTitle(f"{name}FGVC Studio")
