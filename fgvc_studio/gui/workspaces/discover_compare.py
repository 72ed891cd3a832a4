"""The same items grouped by a plain method, and all discoveries beside each other."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from fgvc_studio.gui.dialogs.discoveries import DiscoveriesDialog
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.discover_desk import DiscoverDesk
from fgvc_studio.gui.workspaces.discover_jobs import DiscoverJobs
from fgvc_studio.services import review_compare
from fgvc_studio.services.review_compare import Comparison

_SLOT = "discover compare"


class DiscoverCompare(QObject):
    """Asks for the comparison and shows it; `compared` tells that it is shown."""

    compared = Signal()

    def __init__(
        self, context: Context, desk: DiscoverDesk, jobs: DiscoverJobs, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._context, self._desk = context, desk
        self._jobs = jobs
        self.dialog: DiscoveriesDialog | None = None
        jobs.beside_found.connect(self._grouped)

    def group(self, method: str) -> None:
        """Group the items of the discovery that have no label yet by a plain method."""
        found = self._desk.listing.discovery
        if found:
            self._jobs.beside(method, found)

    def show(self) -> None:
        """All discoveries beside each other."""
        studio = self._context.studio

        def read(_ticket: Ticket) -> Comparison:
            return review_compare.compare(studio)

        self._context.tasks.submit(_SLOT, read, self._compared, self._context.show_fault)

    def close(self) -> None:
        """The project is closed."""
        if self.dialog:
            self.dialog.close()

    def _grouped(self, before: int) -> None:
        """The discovery that was reviewed stays so until the user says otherwise."""
        self._desk.choose(before)
        self.show()

    def _compared(self, found: Comparison) -> None:
        if not found.standings:
            self._context.toasts.show_message(found.sentence)
            return
        parent = self.parent()
        self.dialog = DiscoveriesDialog(found, parent.window() if parent.isWidgetType() else None)
        self.dialog.chosen.connect(self._desk.choose)
        self.dialog.finished.connect(self._forget)
        self.dialog.open()
        self.compared.emit()

    def _forget(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
        self.dialog = None
