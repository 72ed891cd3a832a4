"""The nearest items of one item before and after, what left and what came marked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

_GAP = 6
_SIDE = 64


class NeighbourStrip(QWidget):
    """One row of small pictures, the marked ones framed and signed; a click chooses one.

    Parameters
    ----------
    thumbnails : Thumbnails
    client : str
        Name for its wishes.
    sign : str
        Stands on the marked pictures: colour is not the only cue.
    """

    chosen = Signal("qlonglong")

    def __init__(
        self,
        thumbnails: Thumbnails,
        client: str,
        sign: str,
        title: str,
        side: int = _SIDE,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._thumbnails, self._client, self._sign, self._side = thumbnails, client, sign, side
        self._ids: list[int] = []
        self._marked: list[bool] = []
        self._current = -1
        self.title = title
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        thumbnails.ready.connect(self._arrived)

    @property
    def ids(self) -> list[int]:
        """The items shown, in order."""
        return self._ids

    @property
    def marked(self) -> list[int]:
        """Those that are marked."""
        return [item for item, on in zip(self._ids, self._marked, strict=True) if on]

    def show_items(self, ids: Sequence[int], marked: Sequence[bool] = ()) -> None:
        """Show these, nearest first."""
        self._ids = [int(i) for i in ids]
        self._marked = [bool(m) for m in marked] or [False] * len(self._ids)
        self._current = -1
        self._thumbnails.want(self._ids, self._side, self._client)
        self.setAccessibleDescription(
            self.tr("{n} items, {m} of them marked").format(n=len(self._ids), m=sum(self._marked))
        )
        self.update()

    def sizeHint(self) -> QSize:
        """Room for ten pictures."""
        return QSize(10 * (self._side + _GAP), self._side + 4)

    def _place(self, i: int) -> QRect:
        return QRect(2 + i * (self._side + _GAP), 2, self._side, self._side)

    def _arrived(self, ids: list[int]) -> None:
        if set(ids) & set(self._ids):
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Pictures, frames and signs."""
        t = theme.current()
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        colour = QColor(t.good if self._sign == "+" else t.danger)
        for i, item in enumerate(self._ids):
            place = self._place(i)
            if place.right() > self.width():
                break
            p.fillRect(place, QColor(t.field))
            picture = self._thumbnails.pixmap(item, self._side)
            if picture is not None and not picture.isNull():
                size = picture.deviceIndependentSize().toSize()
                size.scale(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
                inner = QRect(place.topLeft(), size)
                inner.moveCenter(place.center())
                p.drawPixmap(inner, picture)
            if self._marked[i]:
                p.setPen(QPen(colour, 3))
                p.drawRect(place.adjusted(0, 0, -1, -1))
                badge = QRect(place.right() - 15, place.top(), 16, 16)
                p.fillRect(badge, colour)
                p.setPen(QColor(t.on_accent if not t.dark else t.window))
                p.drawText(badge, Qt.AlignmentFlag.AlignCenter, self._sign)
            if i == self._current and self.hasFocus():
                p.setPen(QPen(QColor(t.selection), 2))
                p.drawRect(place.adjusted(-1, -1, 1, 1))
        p.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the picture under the mouse."""
        for i, item in enumerate(self._ids):
            if self._place(i).contains(event.position().toPoint()):
                self._current = i
                self.chosen.emit(item)
                return

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right move, Enter chooses."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        key = Qt.Key(event.key())
        if key in steps and self._ids:
            self._current = min(max(self._current + steps[key], 0), len(self._ids) - 1)
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current >= 0:
            self.chosen.emit(self._ids[self._current])
        else:
            super().keyPressEvent(event)
