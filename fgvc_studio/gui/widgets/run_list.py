"""The runs of a project as a list of cards: name, state, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from fgvc_studio.gui import theme

_HEIGHT = 78
_ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True)
class RunRow:
    """One card.

    Attributes
    ----------
    token : str
        Colour of the theme for the mark at the left.
    share : float
        0..1 of a run at work, negative for others.
    """

    run_id: str
    title: str
    state: str
    told: str
    token: str = "unlabelled"
    share: float = -1.0


class _Model(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[RunRow] = []

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self.rows)

    def data(self, index: QModelIndex, role: int = 0) -> object:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        if role == _ROLE:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{row.title}, {row.run_id}, {row.state}. {row.told}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.told or None
        return None


class _Delegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(200, _HEIGHT)

    def paint(self, p: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        t, row = theme.current(), index.data(_ROLE)
        state = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        p.save()
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(option.rect).adjusted(6, 3, -6, -3)
        over = bool(state & QStyle.StateFlag.State_MouseOver)
        p.setBrush(QColor(t.hover if chosen or over else t.raised))
        focus = bool(state & QStyle.StateFlag.State_HasFocus)
        p.setPen(QPen(QColor(t.accent if chosen or focus else t.border), 2 if focus else 1))
        p.drawRoundedRect(area, 7, 7)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(QColor(getattr(t, row.token)))
        p.drawRoundedRect(QRectF(area.left() + 5, area.top() + 8, 4, area.height() - 16), 2, 2)
        inner = area.adjusted(18, 6, -10, -6).toRect()
        self._texts(p, row, inner)
        if row.share >= 0:
            track = QRect(inner.left(), inner.bottom() - 3, inner.width(), 4)
            p.fillRect(track, QColor(t.border))
            p.fillRect(QRect(track.topLeft(), QSize(int(track.width() * row.share), 4)),
                       QColor(t.accent))  # fmt: skip
        p.restore()

    @staticmethod
    def _texts(p: QPainter, row: RunRow, inner: QRect) -> None:
        t = theme.current()
        font = p.font()
        font.setBold(True)
        p.setFont(font)
        p.setPen(QColor(t.text))
        metrics = p.fontMetrics()
        line = metrics.height() + 2
        title = metrics.elidedText(row.title, Qt.TextElideMode.ElideRight, inner.width())
        p.drawText(QRect(inner.left(), inner.top(), inner.width(), line), 0, title)
        font.setBold(False)
        p.setFont(font)
        p.setPen(QColor(t.muted))
        under = f"{row.run_id}  ·  {row.state}"
        metrics = p.fontMetrics()
        under = metrics.elidedText(under, Qt.TextElideMode.ElideRight, inner.width())
        p.drawText(QRect(inner.left(), inner.top() + line, inner.width(), line), 0, under)
        told = metrics.elidedText(row.told, Qt.TextElideMode.ElideRight, inner.width())
        p.setPen(QColor(t.text))
        p.drawText(QRect(inner.left(), inner.top() + 2 * line, inner.width(), line), 0, told)


class RunList(QListView):
    """Choosing a card tells its run."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Model()
        self.setModel(self._model)
        self.setItemDelegate(_Delegate(self))
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Runs, newest first"))
        self.selectionModel().currentChanged.connect(self._moved)
        theme.signal().changed.connect(self.viewport().update)

    @property
    def rows(self) -> list[RunRow]:
        """The cards shown."""
        return list(self._model.rows)

    def set_rows(self, rows: Sequence[RunRow]) -> None:
        """Show these; what is chosen stays chosen."""
        if [r.run_id for r in rows] == [r.run_id for r in self._model.rows]:
            if list(rows) != self._model.rows:
                self._model.rows = list(rows)
                self._model.dataChanged.emit(self._model.index(0), self._model.index(len(rows) - 1))
            return
        current = self.current()
        self.selectionModel().blockSignals(True)
        self._model.beginResetModel()
        self._model.rows = list(rows)
        self._model.endResetModel()
        self.selectionModel().blockSignals(False)
        self.show_chosen(current)

    def current(self) -> str:
        """Id of the chosen run, empty for none."""
        index = self.currentIndex()
        return self._model.rows[index.row()].run_id if index.isValid() else ""

    def show_chosen(self, run_id: str) -> None:
        """Mark a run without telling; empty marks none."""
        place = next((i for i, r in enumerate(self._model.rows) if r.run_id == run_id), -1)
        self.selectionModel().blockSignals(True)
        self.setCurrentIndex(self._model.index(place) if place >= 0 else QModelIndex())
        self.selectionModel().blockSignals(False)
        self.viewport().update()

    def _moved(self, index: QModelIndex, _before: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(self._model.rows[index.row()].run_id)
