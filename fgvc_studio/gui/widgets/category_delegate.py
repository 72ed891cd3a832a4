"""Painting of the rows of the category tree."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from fgvc_studio.gui import theme
from fgvc_studio.gui.models.category_model import NAME, Line
from fgvc_studio.gui.theme import Theme
from fgvc_studio.gui.widgets.category_swatch import swatch

ROW_HEIGHT = 26
_SWATCH = 10
_BAR = 3
_State = QStyle.StateFlag
_LEFT = (Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft).value
_RIGHT = (Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight).value


@lru_cache(maxsize=64)
def _ink(colour: str) -> QColor:
    return QColor(colour)


class CategoryDelegate(QStyledItemDelegate):
    """Swatch, name (italic when provisional) and muted rank; done/total over a thin bar."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """All rows are equally high."""
        return QSize(120, ROW_HEIGHT)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint one cell."""
        t = theme.current()
        state = option.state
        selected = bool(state & _State.State_Selected)
        if selected or state & _State.State_MouseOver:  # else the style paints nothing there
            panel = QStyle.PrimitiveElement.PE_PanelItemViewItem  # no text: it is written below
            option.widget.style().drawPrimitive(panel, option, painter, option.widget)
        row = index.model().line(index)
        if row is None:
            return
        painter.save()
        if index.column() == NAME:
            self._name(painter, option, row, selected, t)
        else:
            self._count(painter, option.rect, row, selected, t)
        painter.restore()

    def _name(
        self, p: QPainter, option: QStyleOptionViewItem, row: Line, selected: bool, t: Theme
    ) -> None:
        rect = option.rect
        x, y, width, height = rect.x() + 2, rect.y(), rect.width() - 2, rect.height()
        mark = swatch(row.colour, _SWATCH, p.device().devicePixelRatioF())
        p.drawPixmap(x, y + (height - 1) // 2 - _SWATCH // 2 + 1, mark)
        x, width = x + _SWATCH + 5, width - _SWATCH - 5
        font = option.font
        if row.provisional:
            font.setItalic(True)
        p.setFont(font)
        p.setPen(_ink(t.on_accent if selected else t.text))
        metrics = p.fontMetrics()
        name = metrics.elidedText(row.name, Qt.TextElideMode.ElideRight, width)
        p.drawText(x, y, width, height, _LEFT, name)
        if not row.rank:
            return
        left = metrics.horizontalAdvance(name) + 8
        font.setItalic(False)
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        if p.fontMetrics().horizontalAdvance(row.rank) <= width - left - 2:
            p.setPen(_ink(t.on_accent if selected else t.muted))
            p.drawText(x + left, y, width - left, height, _LEFT, row.rank)

    def _count(self, p: QPainter, rect: QRect, row: Line, selected: bool, t: Theme) -> None:
        x, y, width, height = rect.x() + 4, rect.y(), rect.width() - 8, rect.height()
        font = p.font()
        font.setPixelSize(theme.px(12))
        p.setFont(font)
        if not row.total:
            p.setPen(_ink(t.on_accent if selected else t.muted))
            p.drawText(x, y, width, height, _RIGHT, "–")
            return
        p.setPen(_ink(t.on_accent if selected else t.text))
        p.drawText(x, y, width, height - _BAR - 1, _RIGHT, f"{row.done:,} / {row.total:,}")
        top = y + height - _BAR - 2
        p.fillRect(x, top, width, _BAR, _ink(t.border))
        part = round(width * row.done / row.total)
        p.fillRect(x, top, part, _BAR, _ink(t.on_accent if selected else t.good))
