"""Short messages in the line below the work, with a button ("Undo"); they cover no photo."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleEvent, QEnterEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

_MAX = 3
_MARGIN = 6
_SECONDS = 8.0
_WIDTH = 640
_LOWEST = 30


class Toast(QFrame):
    """One message; stays while the pointer is on it or the focus in it."""

    def __init__(
        self,
        parent: ToastStack,
        text: str,
        button: str,
        act: Callable[[], object] | None,
        tone: str,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setProperty("tone", tone)
        self.setAccessibleName(text)
        self._stack = parent
        self._act = act
        self.button: QPushButton | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 4, 2)
        row.setSpacing(8)
        self.label = QLabel(text)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        row.addWidget(self.label, 1)
        if act:
            self.button = QPushButton(button)
            self.button.setProperty("role", "toast")
            self.button.clicked.connect(self.act)
            row.addWidget(self.button)
        close = QToolButton()
        close.setText("×")
        close.setMinimumSize(24, 24)
        close.setAccessibleName(self.tr("Dismiss the message"))
        close.setToolTip(self.tr("Dismiss"))
        close.clicked.connect(self.dismiss)
        row.addWidget(close)
        row.activate()
        self.label.setWordWrap(self.sizeHint().width() > _WIDTH)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(int(1000 * _SECONDS))
        self._timer.timeout.connect(self._time_over)
        self._timer.start()

    @property
    def text(self) -> str:
        """The message."""
        return self.label.text()

    def act(self) -> None:
        """Do what the button says and go away."""
        act, self._act = self._act, None
        self.dismiss()
        if act:
            act()

    def dismiss(self) -> None:
        """Go away."""
        self._timer.stop()
        self._stack.remove(self)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Stay while the pointer rests here."""
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Count down again."""
        self._timer.start()
        super().leaveEvent(event)

    def _time_over(self) -> None:
        if self.isAncestorOf(self.window().focusWidget() or self._stack):
            self._timer.start()
        else:
            self.dismiss()


class ToastStack(QWidget):
    """Keeps up to three messages and shows the newest, in the status line of `host`.

    Whoever names photos must see them: a message takes the right end of the line below the work. A
    long one grows upwards. What is behind the newest comes back when that one is dismissed.
    """

    def __init__(self, host: QWidget, line: QWidget | None = None) -> None:
        super().__init__(host)
        self.setObjectName("toasts")
        self._host = host
        self._line = line
        self._toasts: list[Toast] = []
        self.setAttribute(Qt.WidgetAttribute.WA_NoMousePropagation)
        self.hide()

    def stand_on(self, line: QWidget) -> None:
        """Take the right end of `line` (the status line)."""
        self._line = line
        self.place()

    @property
    def toasts(self) -> list[Toast]:
        """Messages that are there, oldest first; the last one is in sight."""
        return list(self._toasts)

    def show_message(
        self,
        text: str,
        button: str = "",
        act: Callable[[], object] | None = None,
        tone: str = "plain",
    ) -> Toast:
        """Show `text`; `tone` is ``plain``, ``warning`` or ``danger``."""
        while len(self._toasts) >= _MAX:
            self._toasts[0].dismiss()
        toast = Toast(self, text, button, act, tone)
        self._toasts.append(toast)
        self.place()
        QAccessible.updateAccessibility(QAccessibleEvent(toast, QAccessible.Event.Alert))
        return toast

    def act_on_newest(self) -> bool:
        """Press the button of the newest message that has one."""
        for toast in reversed(self._toasts):
            if toast.button:
                toast.act()
                return True
        return False

    def clear(self) -> None:
        """Take all messages away."""
        for toast in self.toasts:
            toast.dismiss()

    def remove(self, toast: Toast) -> None:
        """Forget a message."""
        if toast in self._toasts:
            self._toasts.remove(toast)
            toast.hide()
            toast.deleteLater()
            self.place()

    def place(self) -> None:
        """Keep to the line; call when the size of the host changed."""
        if not self._toasts:
            self.hide()
            return
        toast = self._toasts[-1]
        for other in self._toasts[:-1]:
            other.hide()
        width = min(_WIDTH, self._host.width() - 2 * _MARGIN, toast.sizeHint().width())
        if toast.label.wordWrap():
            width = min(_WIDTH, self._host.width() - 2 * _MARGIN)
        line = self._line.height() if self._line else _LOWEST
        height = max(toast.heightForWidth(width), min(_LOWEST, line - 2))
        toast.setGeometry(0, 0, width, height)
        lift = max(1, (line - _LOWEST) // 2) if self._line else _MARGIN
        left = self._host.width() - width - _MARGIN
        top = self._host.height() - height - lift
        self.setGeometry(left, max(0, top), width, height)
        toast.show()
        self.show()
        self.raise_()
