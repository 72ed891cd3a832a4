"""A dimmed window with one control left bright, and a bubble whose arrow points at it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from fgvc_studio.gui import theme

_WIDTH = 340
_GAP = 16
_MARGIN = 12
_RING = 4
_DIM = 150
_ARROW = 9


class TourBubble(QFrame):
    """Heading, words, how far, and the buttons Skip, Back and Next."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("popup")
        self.setFixedWidth(theme.px(_WIDTH))
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 14)
        column.setSpacing(8)
        self.title, self.text, self.place = QLabel(self), QLabel(self), QLabel(self)
        self.title.setProperty("role", "heading")
        self.place.setProperty("role", "muted")
        for label in (self.title, self.text):
            label.setWordWrap(True)
            column.addWidget(label)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.skip = QPushButton(self.tr("Skip"), self)
        self.skip.setProperty("role", "flat")
        self.back = QPushButton(self.tr("Back"), self)
        self.next = QPushButton(self.tr("Next"), self)
        self.next.setProperty("role", "primary")
        row.addWidget(self.place)
        row.addStretch(1)
        for button in (self.skip, self.back, self.next):
            row.addWidget(button)
        column.addSpacing(4)
        column.addLayout(row)


class TourOverlay(QWidget):
    """Covers `host`; the mouse and the keys reach only the bubble while it is shown."""

    moved = Signal(int)
    """+1 for Next, -1 for Back."""
    left = Signal()

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self.setObjectName("tour")
        self._target: QWidget | None = None
        self._hole = QRect()
        self.bubble = TourBubble(self)
        self.bubble.next.clicked.connect(self._forward)
        self.bubble.back.clicked.connect(self._back)
        self.bubble.skip.clicked.connect(self.left)
        for button in (self.bubble.next, self.bubble.back, self.bubble.skip):
            button.installEventFilter(self)
        host.installEventFilter(self)
        self.setFocusProxy(self.bubble.next)
        self.hide()

    @property
    def target(self) -> QWidget | None:
        """The control pointed at; None while the bubble stands alone."""
        return self._target

    def show_step(self, target: QWidget | None, title: str, text: str, at: int, of: int) -> None:
        """Point at `target` (None: at nothing) and say something; `at` counts from 0."""
        if self._target is not None:
            self._target.removeEventFilter(self)
        self._target = target
        if target is not None:
            target.installEventFilter(self)
        bubble = self.bubble
        bubble.title.setText(title)
        bubble.text.setText(text)
        bubble.place.setText(self.tr("{at} of {of}").format(at=at + 1, of=of))
        bubble.back.setVisible(at > 0)
        bubble.skip.setVisible(at + 1 < of)
        bubble.next.setText(self.tr("Next") if at + 1 < of else self.tr("Start"))
        bubble.setAccessibleName(f"{title}. {text}")
        self.show()
        self.raise_()
        self.place()
        bubble.next.setFocus(Qt.FocusReason.OtherFocusReason)
        QAccessible.updateAccessibility(QAccessibleEvent(bubble, QAccessible.Event.Alert))

    def place(self) -> None:
        """Cover the host and stand beside the control, wherever that is now."""
        host = self.parentWidget()
        self.setGeometry(host.rect())
        self._hole = self._bright()
        self.bubble.adjustSize()
        self.bubble.resize(self.bubble.width(), self.bubble.heightForWidth(self.bubble.width()))
        self.bubble.move(self._spot(self.bubble.size()))
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the control and the window; keep keys from the commands behind."""
        kind = event.type()
        if self.isVisible():
            if kind == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
                return self._key(event)
            if kind in (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.Hide):
                self.place()
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Nothing behind is pressed by mistake."""
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the shade with its hole, the ring and the arrow."""
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shade = QPainterPath()
        shade.addRect(QRectF(self.rect()))
        if not self._hole.isEmpty():
            hole = QPainterPath()
            hole.addRoundedRect(QRectF(self._hole), 8, 8)
            shade = shade.subtracted(hole)
        tone = QColor(t.shade)
        tone.setAlpha(_DIM)
        painter.fillPath(shade, tone)
        if not self._hole.isEmpty():
            painter.setPen(QPen(QColor(t.selection), 2))
            painter.drawRoundedRect(QRectF(self._hole), 8, 8)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.raised))
            painter.drawPolygon(self._arrow())
        painter.end()

    # ---- places ----------------------------------------------------------------------------
    def _bright(self) -> QRect:
        target = self._target
        if target is None or not target.isVisibleTo(self.parentWidget()):
            return QRect()
        corner = target.mapTo(self.parentWidget(), QPoint(0, 0))
        around = QRect(corner, target.size()).adjusted(-_RING, -_RING, _RING, _RING)
        return around & self.rect().adjusted(2, 2, -2, -2)

    def _spot(self, size: QSize) -> QPoint:
        """Where there is room: right of the control, left, below, above; else in its middle."""
        hole, area = self._hole, self.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        if hole.isEmpty():
            return area.center() - QPoint(size.width() // 2, size.height() // 2)
        middle = hole.center() - QPoint(size.width() // 2, size.height() // 2)
        for spot in (
            QPoint(hole.right() + _GAP, middle.y()),
            QPoint(hole.left() - _GAP - size.width(), middle.y()),
            QPoint(middle.x(), hole.bottom() + _GAP),
            QPoint(middle.x(), hole.top() - _GAP - size.height()),
        ):
            held = _within(spot, size, area)
            if not QRect(held, size).adjusted(-8, -8, 8, 8).intersects(hole):
                return held
        return _within(middle, size, area)

    def _arrow(self) -> QPolygonF:
        """A triangle from the side of the bubble that faces the control."""
        box, hole = QRectF(self.bubble.geometry()), QRectF(self._hole)
        low = QPointF(min(max(hole.center().x(), box.left() + 20), box.right() - 20), 0).x()
        high = min(max(hole.center().y(), box.top() + 20), box.bottom() - 20)
        if box.left() >= hole.right():
            tip, a, b = (box.left() - _ARROW, high), (box.left(), high - _ARROW), (0.0, 0.0)
            b = (box.left(), high + _ARROW)
        elif box.right() <= hole.left():
            tip, a = (box.right() + _ARROW, high), (box.right(), high - _ARROW)
            b = (box.right(), high + _ARROW)
        elif box.top() >= hole.bottom():
            tip, a = (low, box.top() - _ARROW), (low - _ARROW, box.top())
            b = (low + _ARROW, box.top())
        elif box.bottom() <= hole.top():
            tip, a = (low, box.bottom() + _ARROW), (low - _ARROW, box.bottom())
            b = (low + _ARROW, box.bottom())
        else:
            return QPolygonF()
        return QPolygonF([QPointF(*tip), QPointF(*a), QPointF(*b)])

    # ---- keys ------------------------------------------------------------------------------
    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key == Qt.Key.Key_Escape:
            self.left.emit()
        elif key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_PageDown):
            self._forward()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_PageUp):
            self._back()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            for button in (self.bubble.next, self.bubble.back, self.bubble.skip):
                if button.hasFocus():
                    button.click()
                    break
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            self._turn(-1 if key == Qt.Key.Key_Backtab else 1)
        else:
            return key not in (Qt.Key.Key_Space, Qt.Key.Key_Select)
        return True

    def _turn(self, step: int) -> None:
        """The focus goes round among the buttons."""
        shown = [
            b
            for b in (self.bubble.skip, self.bubble.back, self.bubble.next)
            if b.isVisibleTo(self.bubble)
        ]
        at = next((i for i, b in enumerate(shown) if b.hasFocus()), 0)
        shown[(at + step) % len(shown)].setFocus(Qt.FocusReason.TabFocusReason)

    def _forward(self) -> None:
        self.moved.emit(1)

    def _back(self) -> None:
        self.moved.emit(-1)


def _within(spot: QPoint, size: QSize, area: QRect) -> QPoint:
    x = max(area.left(), min(spot.x(), area.right() - size.width()))
    y = max(area.top(), min(spot.y(), area.bottom() - size.height()))
    return QPoint(x, y)
