"""The doctor: what was found on this computer and in the open project, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import icons, log_file
from fgvc_studio.gui.task_pool import TaskPool

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

_ICONS = {"good": ("check", "good"), "note": ("info", "warning"), "bad": ("error", "danger")}
_SLOT = "doctor"


def examine(studio: Studio | None) -> tuple[list[Any], str]:
    """All findings, faults first, and a report of versions; slow, not for the GUI thread."""
    from fgvc_studio.services import health

    facts = health.machine()
    facts["gpu"] = health.gpu_name()
    found = [*(health.of_project(studio) if studio else []), *health.findings(facts)]
    order = {"bad": 0, "note": 1, "good": 2}
    found.sort(key=lambda f: order[f.level])
    lines = [
        f"FGVC Studio {facts['fgvc_studio']}, Python {facts['python']}, {facts['system']}",
        f"cores: {facts['cores']}, GPU: {facts['gpu'] or 'none'}, "
        f"disk free: {facts['disk_free_gb']} GB",
        ", ".join(f"{n} {v or 'MISSING'}" for n, v in facts["versions"].items()),
        "",
        *(f"[{f.level}] {f.what} {f.remedy}".rstrip() for f in found),
    ]
    return found, "\n".join(lines)


class DoctorDialog(QDialog):
    """Looks in the background, then lists one sentence and one remedy for each finding."""

    def __init__(
        self, tasks: TaskPool, studio: Studio | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Is everything all right?"))
        self.resize(600, 520)
        self._tasks = tasks
        self.report = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(12)
        self.title = QLabel(self.tr("Looking at this computer..."))
        self.title.setProperty("role", "title")
        self.title.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        inner = QWidget()
        self.rows = QVBoxLayout(inner)
        self.rows.setContentsMargins(0, 0, 6, 0)
        self.rows.setSpacing(12)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setAccessibleName(self.tr("Findings"))
        area.setWidget(inner)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy = buttons.addButton(
            self.tr("Copy the report"), QDialogButtonBox.ButtonRole.ActionRole
        )
        self.log = buttons.addButton(
            self.tr("Show the log"), QDialogButtonBox.ButtonRole.ActionRole
        )
        self.log.setToolTip(str(log_file.path()))
        self.log.setEnabled(log_file.path().is_file())
        self.copy.setEnabled(False)
        self.copy.clicked.connect(self._copy)
        self.log.clicked.connect(self._show_log)
        buttons.rejected.connect(self.reject)
        layout.addWidget(self.title)
        layout.addWidget(self.bar)
        layout.addWidget(area, 1)
        layout.addWidget(buttons)
        tasks.submit(_SLOT, lambda _ticket: examine(studio), self.show_findings)
        self.finished.connect(self._drop)

    def show_findings(self, result: tuple[list[Any], str]) -> None:
        """List what was found."""
        found, self.report = result
        self.bar.hide()
        self.copy.setEnabled(True)
        bad = sum(f.level == "bad" for f in found)
        if bad == 1:
            self.title.setText(self.tr("One thing needs mending"))
        elif bad:
            self.title.setText(self.tr("{n} things need mending").format(n=bad))
        elif any(f.level == "note" for f in found):
            self.title.setText(self.tr("Everything works"))
        else:
            self.title.setText(self.tr("Everything is all right"))
        for finding in found:
            self.rows.addWidget(_row(finding.level, finding.what, finding.remedy))
        self.rows.addStretch(1)

    def _drop(self) -> None:
        self._tasks.drop(_SLOT)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report)
        self.copy.setText(self.tr("Copied"))

    def _show_log(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_file.path())))


def _row(level: str, what: str, remedy: str) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(10)
    sign = QLabel()
    name, token = _ICONS[level]
    sign.setPixmap(icons.icon(name, token).pixmap(QSize(18, 18)))
    row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
    words = QVBoxLayout()
    words.setSpacing(2)
    for text, role in ((what, ""), (remedy, "muted")):
        if text:
            label = QLabel(text)
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setProperty("role", role)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(label)
    row.addLayout(words, 1)
    return holder
