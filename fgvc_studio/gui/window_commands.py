"""What the window's own commands do: projects, dialogs, theme, help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QFileDialog

from fgvc_studio.domain.errors import UserError
from fgvc_studio.gui import preferences, theme
from fgvc_studio.gui.help_commands import HelpCommands

if TYPE_CHECKING:
    from fgvc_studio.gui.main_window import MainWindow

_PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif"}
_AT_ONCE = 1000
"""Larger steps of undo and redo are taken outside the GUI thread."""
_STEP_SLOT = "undo or redo"


class WindowCommands(QObject):
    """Handlers of the commands that need no workspace."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        table: dict[str, Callable[[], object]] = {
            "project.new": lambda: self.new_project(""),
            "project.open": self.choose_project,
            "project.sample": self.sample,
            "project.add": lambda: self.add_images(""),
            "project.export": self.export,
            "project.close": window.close_project,
            "edit.undo": self.undo,
            "edit.redo": self.redo,
            "app.settings": self.settings,
            "app.quit": window.close,
            "app.palette": window.palette_.open,
            "app.jobs": window.strip.toggle_list,
            "toast.act": window.toasts.act_on_newest,
            "view.theme": self.switch_theme,
            "view.full_screen": self.full_screen,
        }
        self.helping = HelpCommands(window)
        table |= self.helping.table
        self.handled = set(table)
        for command, handler in table.items():
            window.actions_.connect(command, handler)

    # ---- projects --------------------------------------------------------------------------
    def choose_project(self) -> None:
        """Ask for a project folder and open it."""
        path = QFileDialog.getExistingDirectory(
            self._window, self.tr("Open project"), preferences.text("paths/projects", _home())
        )
        if path:
            preferences.remember("paths/projects", str(Path(path).parent))
            self._window.open_project(path)

    def new_project(self, source: str) -> None:
        """The import wizard for a new project; `source` may be empty."""
        from fgvc_studio.gui.dialogs.import_wizard import ImportWizard

        wizard = ImportWizard(self._window.tasks, source, parent=self._window)
        wizard.planned.connect(self._create)
        wizard.open()

    def add_images(self, source: str) -> None:
        """The same wizard for the open project."""
        from fgvc_studio.gui.dialogs.import_wizard import ImportWizard

        session = self._window.session
        if session is None:
            self.new_project(source)
            return
        wizard = ImportWizard(self._window.tasks, source, into=session.name, parent=self._window)
        wizard.planned.connect(self._run_import)
        wizard.open()

    def sample(self) -> None:
        """Make the sample project from generated pictures, or open the one made before."""
        from fgvc_studio.gui import sample_project

        sample_project.open_in(self._window)

    def export(self) -> None:
        """The export dialog."""
        from fgvc_studio.gui.dialogs.export_dialog import ExportDialog

        session = self._window.session
        if session is None:
            return
        page = self._window.workspaces.get("go.browse")
        shown = page.shown_ids() if page else None
        dialog = ExportDialog(session.studio, shown, self._window.selection.ids, self._window)
        dialog.planned.connect(self._run_export)
        dialog.open()

    def use_dropped(self, paths: list[str]) -> None:
        """Decide what dropped files are for."""
        first = Path(paths[0])
        if (first / "project.toml").is_file():
            self._window.open_project(first)
            return
        page = self._window.workspace
        if first.is_file() and first.suffix.lower() in _PICTURES:
            if page is None or not page.offer_files(paths):
                self._window.toasts.show_message(
                    self.tr("Open a project first; then a dropped photo finds its look-alikes.")
                )
            return
        self.add_images(paths[0])

    def _create(self, plan: object) -> None:
        from fgvc_studio.gui.dialogs.import_plan import ImportPlan, create

        assert isinstance(plan, ImportPlan)

        def begin() -> None:
            self._window.tasks.submit(
                "open project",
                lambda _ticket: create(plan, preferences.who()),
                lambda studio: (self._window.show_project(studio), self._run_import(plan)),
                self._window.show_fault,
                lambda studio: studio.close(),
            )

        self._window.close_project(begin)

    def _run_import(self, plan: object) -> None:
        from fgvc_studio.gui.dialogs.import_plan import ImportPlan, sentence

        session = self._window.session
        assert isinstance(plan, ImportPlan)
        if session is None:
            return
        self._window.jobs.add(
            self.tr("Import {name}").format(name=plan.source.name),
            lambda: plan.run(session.studio),
            lambda result: self._window.toasts.show_message(sentence(result)),
            key=f"import {plan.source}",
        )

    def _run_export(self, plan: object) -> None:
        from fgvc_studio.gui.dialogs.export_dialog import ExportPlan

        session = self._window.session
        assert isinstance(plan, ExportPlan)
        if session is None:
            return
        self._window.jobs.add(
            self.tr("Export {name}").format(name=plan.target.name),
            lambda: plan.run(session.studio),
            lambda result: self._window.toasts.show_message(plan.sentence(result)),
            aside=True,
        )

    # ---- decisions -------------------------------------------------------------------------
    def undo(self) -> None:
        """Take back the last operation, whoever made it and in whichever session."""
        self._step("undo", self.tr("Taken back: {summary}"), self.tr("Redo"), self.redo)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._step("redo", self.tr("Done again: {summary}"), self.tr("Undo"), self.undo)

    def _step(self, way: str, words: str, button: str, other: Callable[[], object]) -> None:
        session = self._window.session
        if session is None:
            return
        log = session.studio.store.operations
        target = log.can_undo() if way == "undo" else log.can_redo()
        if target is None:
            return
        labelling = session.studio.labelling
        act = labelling.undo if way == "undo" else labelling.redo

        def done(_changes: object) -> None:
            text = words.format(summary=target.summary)
            self._window.toasts.show_message(text, button, other)

        if target.count > _AT_ONCE:
            if not self._window.tasks.waiting(_STEP_SLOT):
                self._window.tasks.submit(
                    _STEP_SLOT, lambda _ticket: act(), done, self._window.show_fault
                )
            return
        try:
            changes = act()
        except UserError as error:
            self._window.show_fault(error)
            return
        done(changes)

    # ---- dialogs ---------------------------------------------------------------------------
    def settings(self) -> None:
        """The settings."""
        from fgvc_studio.gui.dialogs.settings import SettingsDialog

        session = self._window.session
        thumbs = session.studio.store.thumbs if session else None
        dialog = SettingsDialog(
            thumbs.size_bytes if thumbs else None,
            thumbs.clear if thumbs else None,
            self._window,
            str(session.studio.store.cache) if session else "",
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.applied.connect(self._apply_settings)
        dialog.keys_wanted.connect(self.helping.keys)
        dialog.open()

    # ---- looks -----------------------------------------------------------------------------
    def switch_theme(self) -> None:
        """Light becomes dark and back; remembered."""
        preferences.set_theme("light" if theme.current().dark else "dark")
        self._apply_theme()

    def full_screen(self) -> None:
        """Fill the screen, or go back."""
        if self._window.isFullScreen():
            self._window.showNormal()
        else:
            self._window.showFullScreen()

    def _apply_settings(self) -> None:
        self._apply_theme()
        if self._window.session:
            self._window.session.studio.who = preferences.who()

    def _apply_theme(self) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, preferences.theme(), preferences.text_scale())


def _home() -> str:
    return str(Path.home())
