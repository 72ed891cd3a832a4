"""The operation log as a table."""

from __future__ import annotations

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont

from fgvc_studio.domain.records import Operation
from fgvc_studio.gui import words

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()


class OperationModel(QAbstractTableModel):
    """Rows are operations, newest first; undone ones are struck through and say so."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Operation] = []
        self._reversed: frozenset[int] = frozenset()
        self._headers = [
            self.tr("When"),
            self.tr("What"),
            self.tr("Changes"),
            self.tr("Who"),
            self.tr("State"),
        ]

    def set_rows(self, rows: list[Operation], reversed_: frozenset[int] = frozenset()) -> None:
        """Show these; the effect of those in `reversed_` was taken back by a later operation."""
        self.beginResetModel()
        self._rows = rows
        self._reversed = reversed_
        self.endResetModel()

    def operation(self, row: int) -> Operation:
        """The operation in a row."""
        return self._rows[row]

    def row_of(self, operation_id: int) -> int:
        """Row of an operation, -1 when it is not shown."""
        return next((i for i, o in enumerate(self._rows) if o.id == operation_id), -1)

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        """Number of operations."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        """When, what, changes, who, state."""
        return 0 if parent.isValid() else len(self._headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> object:
        """Column headings."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        return None

    def data(self, index: _Index, role: int = 0) -> object:
        """Words, alignment, and a line through what was undone."""
        operation = self._rows[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return (
                words.when(operation.at),
                operation.summary,
                words.count(operation.count),
                operation.who,
                self.state(operation),
            )[column]
        if role == Qt.ItemDataRole.TextAlignmentRole and column == 2:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.FontRole and column == 1 and not self.in_force(operation):
            font = QFont()
            font.setStrikeOut(True)
            return font
        if role == Qt.ItemDataRole.ToolTipRole and column == 1:
            return operation.summary
        return None

    def in_force(self, operation: Operation) -> bool:
        """Whether the effect of an operation stands."""
        return not operation.undone and operation.id not in self._reversed

    def state(self, operation: Operation) -> str:
        """``in force``, ``taken back`` or what it is."""
        if operation.kind == "undo":
            return self.tr("undo of {id}").format(id=operation.target)
        if operation.kind == "redo":
            return self.tr("redo of {id}").format(id=operation.target)
        return self.tr("in force") if self.in_force(operation) else self.tr("taken back")
