"""Tables of the drift report: categories, pairs, doubtful labels, items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import theme

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_ROW = 28
_LOOKED_AT = 40
"""Rows by which columns get their width."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One line: its cells, what it is about, and whether it is good or bad news.

    Attributes
    ----------
    categories : tuple of int
    items : ndarray int64
        Empty: the items of the categories.
    tone : int
        1 good, -1 bad, 0 neither.
    """

    cells: tuple[str, ...]
    keys: tuple[Any, ...]
    categories: tuple[int, ...] = ()
    items: NDArray[np.int64] | None = None
    tone: int = 0


class RowModel(QAbstractTableModel):
    """Rows under a header; numbers to the right."""

    def __init__(self, header: Sequence[str]) -> None:
        super().__init__()
        self._header = list(header)
        self._given: list[Row] = []
        self._rows: list[Row] = []

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these instead."""
        self.beginResetModel()
        self._given, self._rows = list(rows), list(rows)
        self.endResetModel()

    def row(self, number: int) -> Row:
        """A line."""
        return self._rows[number]

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Lines."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        """Columns."""
        return 0 if parent.isValid() else len(self._header)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, side and colour of a cell."""
        row, column = self._rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return row.cells[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            number = not isinstance(row.keys[column], str)
            side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole and row.tone and column == len(row.cells) - 1:
            t = theme.current()
            return QColor(t.good if row.tone > 0 else t.danger)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Names of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._header[section]
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; by none in the order that was given."""
        self.layoutAboutToBeChanged.emit()
        self._rows = list(self._given)
        if column >= 0:
            backwards = order == Qt.SortOrder.DescendingOrder
            self._rows.sort(key=lambda row: row.keys[column], reverse=backwards)
        self.layoutChanged.emit()


class ReportTable(QWidget):
    """A table with a sentence above; says what was chosen."""

    chosen = Signal(object)
    """A `Row`."""
    opened = Signal(object)
    """A `Row`: double click or Enter."""

    def __init__(
        self, title: str, about: str, header: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.title = title
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 0)
        column.setSpacing(6)
        self.about = QLabel(about)
        self.about.setWordWrap(True)
        self.about.setProperty("role", "muted")
        self.model = RowModel(header)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(title)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(False)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW)
        head = self.table.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setResizeContentsPrecision(_LOOKED_AT)
        head.setMinimumSectionSize(48)
        self.table.selectionModel().currentRowChanged.connect(self._current)
        self.table.activated.connect(lambda index: self.opened.emit(self.model.row(index.row())))
        self.empty = QLabel(self.tr("Nothing to report here."))
        self.empty.setProperty("role", "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(self.about)
        column.addWidget(self.table, 1)
        column.addWidget(self.empty, 1)
        self.empty.hide()

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these."""
        self.table.setSortingEnabled(False)
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.model.set_rows(rows)
        self.table.setSortingEnabled(True)
        self.table.setVisible(bool(rows))
        self.empty.setVisible(not rows)

    def _current(self, index: QModelIndex, _before: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(self.model.row(index.row()))
