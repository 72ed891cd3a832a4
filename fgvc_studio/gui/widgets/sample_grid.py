"""A sample of proposed names to look at: tiles with their name, wrong ones crossed out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

_SIDE, _TEXT, _GAP = 92, 18, 8


class SampleGrid(QWidget):
    """Tiles; a click or X says that the name is wrong, or right again.

    Parameters
    ----------
    thumbnails : Thumbnails
    """

    changed = Signal()
    """The set of wrong ones is another."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._ids: list[int] = []
        self._names: list[str] = []
        self._wrong: set[int] = set()
        self._current = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName(self.tr("Sample of the suggestions"))
        thumbnails.ready.connect(self._arrived)  # a method: it goes with the widget

    @property
    def ids(self) -> list[int]:
        """The items shown."""
        return self._ids

    @property
    def wrong(self) -> list[int]:
        """Those whose name is wrong."""
        return [item for item in self._ids if item in self._wrong]

    def show_items(self, ids: Sequence[int], names: Sequence[str]) -> None:
        """Show these with their proposed names; none is wrong yet."""
        self._ids, self._names = list(ids), list(names)
        self._wrong.clear()
        self._current = 0
        self._thumbnails.want(self._ids, _SIDE, "sample")
        self.setMinimumHeight(self._rows() * (_SIDE + _TEXT + _GAP))
        self._describe()

    def toggle(self, place: int) -> None:
        """Cross a tile out, or take the cross away."""
        if 0 <= place < len(self._ids):
            self._current = place
            self._wrong ^= {self._ids[place]}
            self._describe()
            self.changed.emit()

    def sizeHint(self) -> QSize:
        """Ten in a row."""
        return QSize(10 * (_SIDE + _GAP), max(1, self._rows()) * (_SIDE + _TEXT + _GAP))

    def _arrived(self, _ids: list[int]) -> None:
        self.update()

    def _describe(self) -> None:
        self.setAccessibleDescription(
            self.tr("{n} items, {m} wrong").format(n=len(self._ids), m=len(self._wrong))
        )
        self.update()

    def _columns(self) -> int:
        return max(1, (self.width() + _GAP) // (_SIDE + _GAP)) if self.width() > _SIDE else 10

    def _rows(self) -> int:
        return -(-len(self._ids) // self._columns())

    def _tile(self, place: int) -> QRect:
        row, column = divmod(place, self._columns())
        return QRect(column * (_SIDE + _GAP), row * (_SIDE + _TEXT + _GAP), _SIDE, _SIDE)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Pictures, names, crosses, the current tile."""
        t = theme.current()
        p = QPainter(self)
        p.setRenderHints(
            QPainter.RenderHint.SmoothPixmapTransform | QPainter.RenderHint.Antialiasing
        )
        for place, item in enumerate(self._ids):
            tile = self._tile(place)
            p.fillRect(tile, QColor(t.field))
            picture = self._thumbnails.pixmap(item, _SIDE)
            if picture is not None and not picture.isNull():
                size = picture.deviceIndependentSize().toSize()
                size.scale(tile.size(), Qt.AspectRatioMode.KeepAspectRatio)
                inner = QRect(tile.topLeft(), size)
                inner.moveCenter(tile.center())
                p.drawPixmap(inner, picture)
            wrong = item in self._wrong
            text = QRect(tile.left(), tile.bottom() + 1, _SIDE, _TEXT)
            p.setPen(QColor(t.danger if wrong else t.text))
            mode = Qt.TextElideMode.ElideMiddle
            shown = p.fontMetrics().elidedText(self._names[place], mode, _SIDE)
            p.drawText(text, Qt.AlignmentFlag.AlignVCenter, shown)
            if wrong:
                p.setPen(QPen(QColor(t.danger), 4))
                p.drawLine(tile.topLeft(), tile.bottomRight())
                p.drawLine(tile.topRight(), tile.bottomLeft())
            if place == self._current and self.hasFocus():
                p.setPen(QPen(QColor(t.selection), 2))
                p.setBrush(Qt.BrushStyle.NoBrush)
                p.drawRect(tile.adjusted(1, 1, -1, -1))
        p.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Cross out the tile under the mouse."""
        for place in range(len(self._ids)):
            if self._tile(place).contains(event.position().toPoint()):
                self.toggle(place)
                return

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move, X and Space cross out."""
        across = self._columns()
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -across,
            Qt.Key.Key_Down: across,
        }
        key = Qt.Key(event.key())
        if key in steps and self._ids:
            self._current = min(max(self._current + steps[key], 0), len(self._ids) - 1)
            self.update()
        elif key in (Qt.Key.Key_X, Qt.Key.Key_Space):
            self.toggle(self._current)
        else:
            super().keyPressEvent(event)
