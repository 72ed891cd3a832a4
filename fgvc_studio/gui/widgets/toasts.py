"""Short messages at the lower edge of the window, with a button ("Undo")."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleEvent, QEnterEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

_MAX = 3
_MARGIN = 12
_SECONDS = 8.0
_WIDTH = 560


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
        row.setContentsMargins(14, 8, 8, 8)
        row.setSpacing(10)
        self.label = QLabel(text)
        self.label.setWordWrap(len(text) > 60)
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
    """Up to three messages over `host`, the newest lowest; an older one gives way."""

    def __init__(self, host: QWidget, lift: int = 78) -> None:
        super().__init__(host)
        self.setObjectName("toasts")
        self._host = host
        self._lift = lift
        self._toasts: list[Toast] = []
        self.setAttribute(Qt.WidgetAttribute.WA_NoMousePropagation)
        self.hide()

    @property
    def toasts(self) -> list[Toast]:
        """Messages shown now, oldest first."""
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
        toast.show()
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
        """Keep to the lower edge of the host; call when its size changed."""
        if not self._toasts:
            self.hide()
            return
        width = min(_WIDTH, self._host.width() - 2 * _MARGIN)
        y = 0
        for toast in self._toasts:
            height = max(toast.sizeHint().height(), toast.heightForWidth(width), 40)
            toast.setGeometry(0, y, width, height)
            y += height + 8
        size = QSize(width, y - 8)
        left = (self._host.width() - width) // 2
        self.setGeometry(
            left, self._host.height() - size.height() - self._lift, width, size.height()
        )
        self.move(QPoint(left, max(0, self.y())))
        self.show()
        self.raise_()
