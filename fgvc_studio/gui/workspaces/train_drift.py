"""What moved between the frozen and the trained space of a run."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from fgvc_studio.domain.runs import TrainingRun
from fgvc_studio.gui.workspaces.base import Context


class DriftPage(QWidget):
    """Holds the drift report of the run shown; made when it is first looked at."""

    available = False

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def show_run(self, run: TrainingRun) -> None:
        """Show the report of a run."""

    def stop(self) -> None:
        """The project closes."""
