"""The bar above the workspaces: what is shown (filter), what runs (jobs), help."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QToolButton, QWidget

from fgvc_studio.gui.widgets.jobs_strip import JobsStrip

_LEAST = 44
_WIDE = 1300


class _Slot(QStackedWidget):
    """As wide as the page on show needs, as high as the highest: pages keep their place."""

    def minimumSizeHint(self) -> QSize:
        """See the class."""
        page = self.currentWidget()
        width = page.minimumSizeHint().width() if page is not None else 0
        return QSize(width, super().minimumSizeHint().height())


class TopBar(QFrame):
    """A slot for the workspace's own widget at the left, jobs and help at the right."""

    def __init__(self, jobs: JobsStrip, helper: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topBar")
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 10, 6)
        row.setSpacing(10)
        self._slot = _Slot()
        self._slot.currentChanged.connect(lambda _page: self._slot.updateGeometry())
        self._slot.addWidget(QWidget())
        self.jobs = jobs
        self.help = QToolButton()
        self.help.setDefaultAction(helper)
        self.help.setText("?")
        self.help.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.help.setMinimumSize(28, 28)
        row.addWidget(self._slot, 1)
        row.addWidget(jobs)
        row.addWidget(self.help)
        self.setMinimumHeight(_LEAST)

    def take(self, widget: QWidget) -> None:
        """Give `widget` a place between the workspace's own and the jobs."""
        row = self.layout()
        assert isinstance(row, QHBoxLayout)
        row.insertWidget(1, widget)

    def show_widget(self, widget: QWidget | None) -> None:
        """Put the workspace's widget into the slot; None empties it."""
        if widget is None:
            self._slot.setCurrentIndex(0)
            return
        if self._slot.indexOf(widget) < 0:
            self._slot.addWidget(widget)
            # A tall page would press the bar, and all below would jump from page to page.
            self.setMinimumHeight(max(_LEAST, self.sizeHint().height()))
        self._slot.setCurrentWidget(widget)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The running job is told shortly where the workspace needs the room."""
        self.jobs.set_short(event.size().width() < _WIDE)
        super().resizeEvent(event)

    def remove_widget(self, widget: QWidget) -> None:
        """Forget a workspace's widget."""
        self._slot.setCurrentIndex(0)
        self._slot.removeWidget(widget)
