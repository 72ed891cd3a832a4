"""A row of items with a caption and a mark each: neighbours to compare by eye."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

_numbers = itertools.count(1)
_CAPTION = 20


@dataclass(frozen=True, slots=True)
class Tile:
    """One item of a strip.

    Attributes
    ----------
    mark : str
        A short word on the picture ("new"), empty for none.
    token : str
        Colour of the theme for mark and frame.
    """

    item_id: int
    caption: str = ""
    mark: str = ""
    token: str = "selection"


class _Cell(QPushButton):
    def __init__(self, tile: Tile, thumbnails: Thumbnails, side: int) -> None:
        super().__init__()
        self.tile = tile
        self._thumbnails = thumbnails
        self._side = side
        told = ", ".join(filter(None, [tile.caption or f"#{tile.item_id}", tile.mark]))
        self.setToolTip(told)
        self.setAccessibleName(told)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(40)
        self.setFixedHeight(side + (_CAPTION if tile.caption else 0))

    def sizeHint(self) -> QSize:
        return QSize(self._side, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        t, tile = theme.current(), self.tile
        p = QPainter(self)
        square = QRect(0, 0, self.width(), self._side)
        p.fillRect(square, QColor(t.canvas))
        picture = self._thumbnails.pixmap(tile.item_id, self._side)
        if picture is not None:
            size = picture.size().scaled(square.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(square.center())
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            p.drawPixmap(target, picture)
        if tile.mark:
            colour = QColor(getattr(t, tile.token))
            p.setPen(QPen(colour, 3))
            p.drawRect(square.adjusted(1, 1, -2, -2))
            font = self.font()
            font.setPixelSize(theme.px(11))
            font.setBold(True)
            p.setFont(font)
            width = p.fontMetrics().horizontalAdvance(tile.mark) + 8
            plate = QRect(3, 3, width, 16)
            p.fillRect(plate, colour)
            p.setPen(QColor(t.canvas))
            p.drawText(plate, Qt.AlignmentFlag.AlignCenter, tile.mark)
        font = self.font()
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        p.setPen(QColor(t.text if self.underMouse() else t.muted))
        strip = QRect(0, self._side + 2, self.width(), _CAPTION - 2)
        text = p.fontMetrics().elidedText(tile.caption, Qt.TextElideMode.ElideMiddle, strip.width())
        p.drawText(strip, Qt.AlignmentFlag.AlignVCenter, text)
        if self.hasFocus() or self.underMouse():
            p.setPen(QPen(QColor(t.accent), 2))
            p.drawRect(square.adjusted(1, 1, -1, -1))
        p.end()


class ItemStrip(QWidget):
    """Tiles in one row; a click on one tells its item."""

    clicked = Signal("qlonglong")

    def __init__(
        self, thumbnails: Thumbnails, side: int = 104, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._thumbnails, self._side = thumbnails, side
        self._client = f"strip {next(_numbers)}"
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)
        self.cells: list[_Cell] = []
        self.setMinimumHeight(side + _CAPTION)
        thumbnails.ready.connect(self._ready)

    def set_tiles(self, tiles: Sequence[Tile]) -> None:
        """Show these instead."""
        while self._row.count():
            widget = self._row.takeAt(0).widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.cells = []
        for tile in tiles:
            cell = _Cell(tile, self._thumbnails, self._side)
            cell.clicked.connect(lambda _=False, item=tile.item_id: self.clicked.emit(item))
            self._row.addWidget(cell)
            self.cells.append(cell)
        self._row.addStretch(1)
        size = round(self._side * self.devicePixelRatioF())
        self._thumbnails.want([tile.item_id for tile in tiles], size, self._client)

    def _ready(self, ids: list[int]) -> None:
        arrived = set(ids)
        for cell in self.cells:
            if cell.tile.item_id in arrived:
                cell.update()
