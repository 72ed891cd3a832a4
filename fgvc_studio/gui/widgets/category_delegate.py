"""Painting of the rows of the category tree."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from fgvc_studio.gui import theme
from fgvc_studio.gui.models.category_model import COLOUR, COUNT, NAME, PROVISIONAL, RANK
from fgvc_studio.gui.widgets.category_swatch import swatch

ROW_HEIGHT = 26
_SWATCH = 10
_BAR = 3


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
        panel = QStyle.PrimitiveElement.PE_PanelItemViewItem  # no text: it is written below
        option.widget.style().drawPrimitive(panel, option, painter, option.widget)
        t = theme.current()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        text = QColor(t.on_accent if selected else t.text)
        muted = QColor(t.on_accent if selected else t.muted)
        painter.save()
        if index.column() == NAME:
            self._name(painter, option, index, text, muted)
        else:
            self._count(painter, option.rect, index, text, muted)
        painter.restore()

    def _name(
        self,
        p: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
        text: QColor,
        muted: QColor,
    ) -> None:
        rect = option.rect.adjusted(2, 0, 0, 0)
        mark = swatch(index.data(COLOUR), _SWATCH, p.device().devicePixelRatioF())
        p.drawPixmap(rect.x(), rect.center().y() - _SWATCH // 2 + 1, mark)
        rect.setLeft(rect.left() + _SWATCH + 5)
        font = option.font
        font.setItalic(bool(index.data(PROVISIONAL)))
        p.setFont(font)
        p.setPen(text)
        metrics = p.fontMetrics()
        name = metrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, rect.width())
        p.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
        rank = index.data(RANK)
        left = metrics.horizontalAdvance(name) + 8
        rect.setLeft(rect.left() + left)
        font.setItalic(False)
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        if rank and p.fontMetrics().horizontalAdvance(rank) <= rect.width() - 2:
            p.setPen(muted)
            p.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, rank)

    def _count(
        self,
        p: QPainter,
        rect: QRect,
        index: QModelIndex | QPersistentModelIndex,
        text: QColor,
        muted: QColor,
    ) -> None:
        t = theme.current()
        _, total, done = index.data(COUNT)
        rect = rect.adjusted(4, 0, -4, 0)
        font = p.font()
        font.setPixelSize(theme.px(12))
        p.setFont(font)
        p.setPen(text if total else muted)
        label = f"{done:,} / {total:,}" if total else "–"
        upper = rect.adjusted(0, 0, 0, -_BAR - 1) if total else rect
        p.drawText(upper, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, label)
        if total:
            bar = QRect(rect.x(), rect.bottom() - _BAR - 1, rect.width(), _BAR)
            p.fillRect(bar, QColor(t.border))
            bar.setWidth(round(bar.width() * done / total))
            p.fillRect(bar, QColor(t.good) if text == QColor(t.text) else text)
