"""What moved between the frozen and the trained space of a run."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fgvc_studio.domain.runs import TrainingRun
from fgvc_studio.gui.widgets.drift_view import DriftReportView
from fgvc_studio.gui.workspaces.base import Context


class DriftPage(QWidget):
    """Holds the drift report of the run shown; computed when it is first looked at."""

    decided = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._run_id = ""
        self.view: DriftReportView | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def show_run(self, run: TrainingRun) -> None:
        """Show the report of a run."""
        if run.id == self._run_id:
            return
        self.stop()
        self._run_id = run.id
        self.view = DriftReportView(self._context, run.base_space, run.space)
        self.view.decided.connect(lambda _word: self.decided.emit())
        self.view.item_chosen.connect(self._context.selection.set_current)
        self._column.addWidget(self.view)

    def stop(self) -> None:
        """Let the report go."""
        view, self.view, self._run_id = self.view, None, ""
        if view is not None:
            view.stop()
            view.hide()
            view.deleteLater()
