"""The rows that an import preview shows."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QImage, QPixmap

from fgvc_studio.gui.task_pool import TaskPool, Ticket
from fgvc_studio.gui.widgets.picture_decode import file_reader
from fgvc_studio.interchange.base import SourceRow

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_SIDE = 44
_SLOT = "preview pictures"


class PreviewModel(QAbstractTableModel):
    """Picture, file, category, split and what else the source says; pictures come later."""

    def __init__(self, tasks: TaskPool) -> None:
        super().__init__()
        self._tasks = tasks
        self._rows: list[SourceRow] = []
        self._pictures: dict[int, QPixmap] = {}
        self._headers = [
            "",
            self.tr("File"),
            self.tr("Category"),
            self.tr("Split"),
            self.tr("Further"),
        ]

    def set_rows(self, rows: list[SourceRow]) -> None:
        """Show these and read their pictures in the background."""
        self.beginResetModel()
        self._rows = rows
        self._pictures = {}
        self.endResetModel()
        if not rows:
            self._tasks.drop(_SLOT)
            return
        paths = [row.path for row in rows]
        self._tasks.submit(_SLOT, lambda ticket: _read(paths, ticket), self._pictures_read)

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        """Rows of the sample."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        """Picture, file, category, split, further."""
        return 0 if parent.isValid() else len(self._headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> object:
        """Column headings."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        return None

    def data(self, index: _Index, role: int = 0) -> object:
        """Words and pictures."""
        row = self._rows[index.row()]
        column = index.column()
        if column == 0:
            if role == Qt.ItemDataRole.DecorationRole:
                return self._pictures.get(index.row())
            return QSize(_SIDE + 8, _SIDE + 4) if role == Qt.ItemDataRole.SizeHintRole else None
        text = (
            row.relative,
            "  ›  ".join(row.category) or self.tr("(no label)"),
            row.split.name.lower() if row.split else "",
            ", ".join(f"{k}: {v}" for k, v in row.metadata.items()),
        )[column - 1]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            # a name in undecodable bytes is shown with its doubtful letters replaced
            return text.encode("utf-8", "replace").decode()
        return None

    def _pictures_read(self, pictures: dict[int, QImage]) -> None:
        self._pictures = {row: QPixmap.fromImage(image) for row, image in pictures.items()}
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, 0))


def _read(paths: list[Path], ticket: Ticket) -> dict[int, QImage]:
    found = {}
    for row, path in enumerate(paths):
        if ticket.stale:
            break
        reader = file_reader(path)
        if reader is None:
            continue
        size = reader.size()
        if size.isValid():
            reader.setScaledSize(
                size.scaled(QSize(_SIDE, _SIDE), Qt.AspectRatioMode.KeepAspectRatio)
            )
        image = reader.read()
        if not image.isNull():
            found[row] = image
    return found
