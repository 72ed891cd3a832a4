"""The first screen: begin with a folder, the sample project, or one of the last projects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QIcon, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import preferences, words
from fgvc_studio.gui.widgets.hero import Hero

_PICTURE = 64
_WIDTH = 980


class StartPage(QWidget):
    """Signals say what the user wants; paths are text."""

    folder_wanted = Signal(str)
    open_wanted = Signal(str)
    sample_wanted = Signal()
    project_chosen = Signal(str)

    def __init__(
        self, parent: QWidget | None = None, icon: Callable[[str, str], QIcon] | None = None
    ) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._icon = icon
        outer = QHBoxLayout(self)
        outer.setContentsMargins(24, 16, 24, 16)
        column = QWidget()
        column.setMaximumWidth(_WIDTH)
        outer.addStretch(1)
        outer.addWidget(column, 100)
        outer.addStretch(1)
        layout = QVBoxLayout(column)
        layout.setSpacing(14)
        layout.addStretch(1)
        layout.addWidget(Hero(), 3)
        title = QLabel(self.tr("Name what looks alike"))
        title.setProperty("role", "title")
        lead = QLabel(
            self.tr(
                "Bring a folder of photos. FGVC Studio puts look-alikes side by side, so that you "
                "can name hundreds with one key, and find the kinds that nobody has named yet. "
                "Your photos stay where they are and are never changed."
            )
        )
        lead.setWordWrap(True)
        lead.setProperty("role", "muted")
        layout.addWidget(title)
        layout.addWidget(lead)
        body = QHBoxLayout()
        body.setSpacing(24)
        body.addLayout(self._ways_in(), 4)
        body.addLayout(self._recent(), 5)
        layout.addLayout(body, 4)
        layout.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        """Show the recent projects as they are now."""
        while self._rows.count():
            widget = self._rows.takeAt(0).widget()
            if widget:
                widget.hide()
                widget.deleteLater()
        projects = preferences.recent()
        for project in projects:
            row = RecentRow(project)
            row.chosen.connect(self.project_chosen)
            row.removed.connect(self._forget)
            self._rows.addWidget(row)
        if not projects:
            note = QLabel(
                self.tr(
                    "Projects that you open appear here with a picture and their progress.\n\n"
                    "New here? The sample project takes a minute and shows every step on "
                    "generated pictures."
                )
            )
            note.setWordWrap(True)
            note.setProperty("role", "muted")
            self._rows.addWidget(note)
        self._rows.addStretch(1)

    def show_job(self, row: QWidget) -> None:
        """Show the progress of a job that was started from here; the row hides when it ended."""
        self._job.addWidget(row)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome one folder."""
        if _folder_of(event):
            event.acceptProposedAction()
            self._show_drop(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The folder left again."""
        self._show_drop(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Begin with the folder, or open the project that it is."""
        self._show_drop(False)
        folder = _folder_of(event)
        if folder:
            event.acceptProposedAction()
            known = (Path(folder) / "project.toml").is_file()
            (self.project_chosen if known else self.folder_wanted).emit(folder)

    def _ways_in(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(8)
        self.folder_button = self._big(
            self.tr("Open a folder of photos..."), "open-folder", "big-primary"
        )
        self.folder_button.clicked.connect(lambda: self.folder_wanted.emit(""))
        self.sample_button = self._big(self.tr("Open the sample project"), "image", "big")
        self.sample_button.clicked.connect(self.sample_wanted)
        self.open_button = self._big(self.tr("Open a project..."), "project", "big")
        self.open_button.clicked.connect(lambda: self.open_wanted.emit(""))
        for button in (self.folder_button, self.sample_button, self.open_button):
            column.addWidget(button)
        self.drop = QFrame()
        self.drop.setObjectName("card")
        inner = QVBoxLayout(self.drop)
        inner.setContentsMargins(16, 12, 16, 12)
        hint = QLabel(self.tr("Or drop a folder, a table of labels, or a project here."))
        hint.setProperty("role", "muted")
        hint.setWordWrap(True)
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        inner.addWidget(hint)
        column.addWidget(self.drop)
        self._job = QVBoxLayout()
        column.addLayout(self._job)
        column.addStretch(1)
        return column

    def _big(self, text: str, icon: str, role: str) -> QPushButton:
        button = QPushButton(f"  {text}")
        button.setProperty("role", role)
        if self._icon:
            button.setIcon(self._icon(icon, "on_accent" if role == "big-primary" else "text"))
            button.setIconSize(QSize(20, 20))
        return button

    def _recent(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(8)
        heading = QLabel(self.tr("Recent projects"))
        heading.setProperty("role", "heading")
        column.addWidget(heading)
        inner = QWidget()
        self._rows = QVBoxLayout(inner)
        self._rows.setContentsMargins(0, 0, 6, 0)
        self._rows.setSpacing(8)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inner)
        area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        column.addWidget(area, 1)
        return column

    def _forget(self, path: str) -> None:
        preferences.forget_recent(path)
        self.refresh()

    def _show_drop(self, on: bool) -> None:
        self.drop.setProperty("drop", on)
        self.drop.style().unpolish(self.drop)
        self.drop.style().polish(self.drop)


class RecentRow(QPushButton):
    """One recent project: picture, name, progress, when; a gone one can only be removed."""

    chosen = Signal(str)
    removed = Signal(str)

    def __init__(self, project: preferences.RecentProject) -> None:
        super().__init__()
        self.setObjectName("recent")
        self.project = project
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 8, 8, 8)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        picture = QLabel()
        picture.setFixedSize(_PICTURE, _PICTURE)
        if project.picture and Path(project.picture).is_file():
            shot = QPixmap(project.picture)
            picture.setPixmap(
                shot.scaled(
                    QSize(_PICTURE, _PICTURE),
                    Qt.AspectRatioMode.KeepAspectRatioByExpanding,
                    Qt.TransformationMode.SmoothTransformation,
                )
            )
        else:
            picture.setText("…" if project.exists else "?")
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setProperty("role", "muted")
        name = QLabel(project.name)
        name.setProperty("role", "heading")
        facts = self.tr("{n} images, {share} labelled").format(
            n=words.count(project.images), share=words.percent(project.labelled, project.images)
        )
        if not project.opened:
            facts = self.tr("Opened from the command line")
        if project.exists:
            line = f"{facts}  ·  {words.day(project.opened)}" if project.opened else facts
        else:
            line = self.tr("The folder is gone (moved, or its disk is not connected)")
        below = QLabel(line)
        below.setProperty("role", "muted")
        place = QLabel()
        place.setProperty("role", "muted")
        place.setText(
            place.fontMetrics().elidedText(project.path, Qt.TextElideMode.ElideMiddle, 330)
        )
        self.setToolTip(project.path)
        for label in (picture, name, below, place):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            label.setTextFormat(Qt.TextFormat.PlainText)
        grid.addWidget(picture, 0, 0, 3, 1)
        grid.addWidget(name, 0, 1)
        grid.addWidget(below, 1, 1)
        grid.addWidget(place, 2, 1)
        grid.setColumnStretch(1, 1)
        remove = QToolButton()
        remove.setText("×")
        remove.setMinimumSize(28, 28)
        remove.setToolTip(self.tr("Remove from this list (the project stays on disk)"))
        remove.setAccessibleName(self.tr("Remove {name} from the list").format(name=project.name))
        remove.clicked.connect(lambda: self.removed.emit(project.path))
        grid.addWidget(remove, 0, 2, 3, 1, Qt.AlignmentFlag.AlignTop)
        self.setMinimumHeight(grid.sizeHint().height())
        self.setAccessibleName(f"{project.name}: {line}")
        for label in (name, below, place, picture):
            label.setEnabled(project.exists)
        if project.exists:
            self.clicked.connect(lambda: self.chosen.emit(project.path))


def _folder_of(event: QDropEvent) -> str:
    """The one dropped local folder or table, else an empty text."""
    paths = [u.toLocalFile() for u in event.mimeData().urls() if u.isLocalFile()]
    return paths[0] if len(paths) == 1 and Path(paths[0]).exists() else ""
