"""What the user sees when the fault is ours: plain words and a report to copy."""

from __future__ import annotations

import platform
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal, qVersion
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio import __version__
from fgvc_studio.gui import log_file


def report(trace: str, doing: str = "") -> str:
    """The text that helps to mend the fault; it holds no photo and no label."""
    head = [
        f"FGVC Studio {__version__}, Python {platform.python_version()}, Qt {qVersion()}",
        platform.platform(),
    ]
    if doing:
        head.append(f"while: {doing}")
    return "\n".join([*head, "", trace.strip()])


class CrashDialog(QDialog):
    """A fault of the program, with its report."""

    def __init__(self, trace: str, doing: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("A fault in the program"))
        self.resize(720, 460)
        self.report = report(trace, doing)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(12)
        title = QLabel(self.tr("This should not have happened"))
        title.setProperty("role", "title")
        words = QLabel(
            self.tr(
                "FGVC Studio made a mistake and stopped what it was doing. Your decisions up to "
                "here are saved in the project. You can go on working. Please send the report "
                "below to the makers: it names the place in the program, not your photos."
            )
        )
        words.setWordWrap(True)
        place = QLabel(self.tr("It also stands in {file}").format(file=log_file.path()))
        place.setProperty("role", "muted")
        place.setWordWrap(True)
        place.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        text = QPlainTextEdit(self.report)
        text.setReadOnly(True)
        text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        text.setAccessibleName(self.tr("Report"))
        buttons = QDialogButtonBox()
        self.copy = QPushButton(self.tr("Copy the report"))
        self.copy.setProperty("role", "primary")
        buttons.addButton(self.copy, QDialogButtonBox.ButtonRole.ActionRole)
        close = buttons.addButton(self.tr("Go on working"), QDialogButtonBox.ButtonRole.RejectRole)
        close.setDefault(False)
        self.copy.clicked.connect(self._copy)
        buttons.rejected.connect(self.reject)
        for widget in (title, words, text, place, buttons):
            layout.addWidget(widget)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report)
        self.copy.setText(self.tr("Copied"))


class CrashHook(QObject):
    """Turns uncaught exceptions of any thread into one crash dialog at a time."""

    _caught = Signal(str)

    def __init__(self, window: Callable[[], QWidget | None]) -> None:
        super().__init__()
        self._window = window
        self._open = False
        self._dialog: CrashDialog | None = None
        self.count = 0
        self._caught.connect(self.show_report, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Catch from now on."""
        sys.excepthook = self._hook
        threading.excepthook = lambda args: self._hook(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
        )

    def show_report(self, trace: str, doing: str = "") -> None:
        """Show the dialog unless one is open already."""
        log_file.note(trace, doing)
        if self._open:
            return
        self._open = True
        dialog = CrashDialog(trace, doing, self._window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(self._closed)
        self._dialog = dialog  # without a parent nothing else keeps it
        dialog.open()

    def _closed(self) -> None:
        self._open = False
        self._dialog = None

    def _hook(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self.count += 1
        sys.__excepthook__(kind, error, trace)
        self._caught.emit("".join(traceback.format_exception(kind, error, trace)))
