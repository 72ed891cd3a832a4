"""What the menu Help does: guide, tour, keys, doctor, and that everything is saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt

from fgvc_studio.gui import words
from fgvc_studio.gui.guided_tour import GuidedTour

if TYPE_CHECKING:
    from fgvc_studio.gui.dialogs.guide import GuideWindow
    from fgvc_studio.gui.main_window import MainWindow


class HelpCommands(QObject):
    """Handlers of the commands that explain."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._guide: GuideWindow | None = None
        self.tour = GuidedTour(window)
        self.table: dict[str, Callable[[], object]] = {
            "app.help": self.guide,
            "app.essentials": self.essentials,
            "app.tour": self.show_around,
            "app.keys": self.keys,
            "app.doctor": self.doctor,
            "app.about": self.about,
            "project.saved": self.saved,
        }

    def guide(self) -> None:
        """The guide at the page of the workspace in front."""
        from fgvc_studio.gui.dialogs.guide import GuideWindow

        page = self._window.workspace
        if self._guide is None:
            self._guide = GuideWindow(self._window.tasks, self._window)
            self._guide.finished.connect(self._guide_closed)
        self._guide.open_for(page.command if page else "")
        self._guide.show()
        self._guide.raise_()
        self._guide.activateWindow()

    def essentials(self) -> None:
        """How to work here, on one page, with the keys as they are bound."""
        from fgvc_studio.gui.dialogs.help import HelpDialog

        HelpDialog(self._window.actions_, self._window).open()

    def show_around(self) -> None:
        """The tour from its first step."""
        self.tour.start()

    def keys(self) -> None:
        """The sheet of keys."""
        from fgvc_studio.gui.dialogs.key_sheet import KeySheet

        sheet = KeySheet(self._window.actions_, self._window)
        sheet.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sheet.open()

    def doctor(self) -> None:
        """What is right and what is wrong with this computer and the project."""
        from fgvc_studio.gui.dialogs.doctor import DoctorDialog

        session = self._window.session
        dialog = DoctorDialog(self._window.tasks, session.studio if session else None, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def about(self) -> None:
        """Version and licences."""
        from fgvc_studio.gui.dialogs.about import AboutDialog

        AboutDialog(self._window).open()

    def saved(self) -> None:
        """Who looks for Save learns that it has happened."""
        session = self._window.session
        if session is None:
            return
        last = words.when(session.saved) if session.saved else ""
        self._window.toasts.show_message(
            self.tr("Already saved: every decision is written at once, the last at {time}.").format(
                time=last
            )
            if last
            else self.tr("Already saved: every decision is written the moment it is made.")
        )

    def _guide_closed(self) -> None:
        guide, self._guide = self._guide, None
        if guide is not None:
            guide.deleteLater()
