"""The map's legend: categories with colour and count, or the scale of a continuous value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import palette, theme

_Index = QModelIndex | QPersistentModelIndex


@dataclass(slots=True)
class Entry:
    """One line of the legend."""

    code: int
    name: str
    colour: QColor
    count: int


class LegendModel(QAbstractListModel):
    """Entries, and which of them are in focus (none: all)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []
        self.focus: frozenset[int] = frozenset()

    def set_entries(self, entries: list[Entry]) -> None:
        """Show other entries."""
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def changed(self) -> None:
        """Colours, counts or focus changed, the entries did not."""
        if self.entries:
            self.dataChanged.emit(self.index(0), self.index(len(self.entries) - 1))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Number of entries."""
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Name, and name with count for tooltips and screen readers."""
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{entry.name}: {entry.count:,}"
        return None


class _Delegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(120, 24)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        model = index.model()
        assert isinstance(model, LegendModel)
        entry = model.entries[index.row()]
        tokens = theme.current()
        out = bool(model.focus) and entry.code not in model.focus
        painter.save()
        box = QRectF(option.rect)  # type: ignore[attr-defined]
        state = option.state  # type: ignore[attr-defined]
        if state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(box, QColor(tokens.hover))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        dot = QRectF(box.left() + 10, box.center().y() - 5, 10, 10)
        painter.setPen(QPen(QColor(tokens.border), 1) if out else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.panel) if out else entry.colour)
        painter.drawEllipse(dot)
        count = f"{entry.count:,}"
        width = painter.fontMetrics().horizontalAdvance(count)
        right = box.adjusted(box.width() - width - 10, 0, -10, 0)
        painter.setPen(QColor(tokens.muted))
        painter.drawText(right, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, count)
        text = box.adjusted(28, 0, -width - 18, 0)
        name = painter.fontMetrics().elidedText(
            entry.name, Qt.TextElideMode.ElideRight, int(text.width())
        )
        painter.setPen(QColor(tokens.muted if out else tokens.text))
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRoundedRect(box.adjusted(2, 1, -2, -1), 4, 4)
        painter.restore()


class _Scale(QWidget):
    """The colour bar of a continuous value."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(44)
        self.low, self.high = "", ""

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        table = np.ascontiguousarray(palette.argb(palette.sequential(tokens.dark))[None])
        bar = QRectF(10, 4, self.width() - 20, 12)
        painter.drawImage(bar, QImage(table.data, 256, 1, 1024, QImage.Format.Format_RGB32))
        painter.setPen(QColor(tokens.muted))
        text = QRectF(10, 20, self.width() - 20, 20)
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft, self.low)
        painter.drawText(text, Qt.AlignmentFlag.AlignRight, self.high)
        painter.end()


class MapLegend(QFrame):
    """List of entries: a click puts one into or out of focus, a double click shows it alone."""

    toggled = Signal(int)
    isolated = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setFixedWidth(224)
        self.model = LegendModel(self)
        self.title = QLabel(self)
        self.title.setProperty("role", "heading")
        self.title.setContentsMargins(10, 8, 10, 2)
        self.title.setWordWrap(True)
        self.scale = _Scale(self)
        self.list = QListView(self)
        self.list.setModel(self.model)
        self.list.setItemDelegate(_Delegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setAccessibleName(self.tr("Legend of the map"))
        self.hint = QLabel(self.tr("Click: focus. Double-click: alone."), self)
        self.hint.setProperty("role", "muted")
        self.hint.setContentsMargins(10, 2, 10, 8)
        self.hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self.title, self.scale, self.list, self.hint):
            layout.addWidget(widget, 1 if widget is self.list else 0)
        layout.addStretch(0)
        self.list.clicked.connect(lambda i: self.toggled.emit(self.model.entries[i.row()].code))
        self.list.doubleClicked.connect(
            lambda i: self.isolated.emit(self.model.entries[i.row()].code)
        )
        self.list.activated.connect(self._activated)
        theme.signal().changed.connect(self.update)
        self.show_entries("", [])

    def _activated(self, index: QModelIndex) -> None:
        if not self.list.underMouse():  # by key; clicks are reported on their own
            self.toggled.emit(self.model.entries[index.row()].code)

    def show_entries(self, title: str, entries: list[Entry]) -> None:
        """Show categories."""
        self.title.setText(title)
        self.title.setVisible(bool(title))
        self.scale.hide()
        self.list.show()
        self.hint.setVisible(len(entries) > 1)
        self.model.set_entries(entries)

    def show_scale(self, title: str, low: str, high: str) -> None:
        """Show the scale of a continuous value."""
        self.title.setText(title)
        self.title.setVisible(bool(title))
        self.scale.low, self.scale.high = low, high
        self.scale.show()
        self.scale.update()
        self.list.hide()
        self.hint.hide()
        self.model.set_entries([])
