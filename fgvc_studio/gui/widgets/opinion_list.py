"""Photos that deserve a second look, each with its reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSplitter,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.prototypes import Opinion
from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.heat_view import HeatView
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

QUEUES = ("second_opinion", "uncertain", "unreviewed")
_ROW = 84
_PICTURE = 72
Index = QModelIndex | QPersistentModelIndex


class OpinionModel(QAbstractListModel):
    """The queue; `name_of` says what an item is called."""

    def __init__(self, name_of: Callable[[int], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name_of = name_of
        self.opinions: Sequence[Opinion] = ()

    def set_opinions(self, opinions: Sequence[Opinion]) -> None:
        """Show these."""
        self.beginResetModel()
        self.opinions = opinions
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """How many there are."""
        return 0 if parent.isValid() else len(self.opinions)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Name and reasons."""
        opinion = self.opinions[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._name_of(opinion.item_id)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return "\n".join(opinion.why)
        return None


class _Row(QStyledItemDelegate):
    def __init__(self, thumbnails: Thumbnails, view: QListView) -> None:
        super().__init__(view)
        self._thumbnails = thumbnails

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, _ROW)

    def paint(self, p: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        if not isinstance(model, OpinionModel):
            return
        t, opinion = theme.current(), model.opinions[index.row()]
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        area: QRect = option.rect.adjusted(0, 0, 0, -2)
        p.save()
        p.fillRect(area, QColor(t.hover if chosen or hovered else t.panel))
        if chosen:
            p.fillRect(area.x(), area.y(), 4, area.height(), QColor(t.accent))
        place = QRect(area.x() + 10, area.y() + 5, _PICTURE, _PICTURE)
        p.fillRect(place, QColor(t.canvas))
        picture = self._thumbnails.pixmap(opinion.item_id, _PICTURE)
        if picture is not None:
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            size = picture.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(place.center())
            p.drawPixmap(target, picture)
        left = place.right() + 14
        font = p.font()
        font.setBold(True)
        p.setFont(font)
        p.setPen(QColor(t.text))
        line = QRect(left, area.y() + 6, area.right() - left - 70, 18)
        name = str(model.data(index))
        p.drawText(
            line,
            Qt.AlignmentFlag.AlignLeft,
            p.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, line.width()),
        )
        font.setBold(False)
        p.setFont(font)
        p.setPen(QColor(t.muted))
        score = QRect(area.right() - 66, area.y() + 6, 60, 18)
        p.drawText(score, Qt.AlignmentFlag.AlignRight, f"{opinion.score:.2f}")
        rest = QRect(left, area.y() + 26, area.right() - left - 8, area.height() - 30)
        p.drawText(
            rest,
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap,
            "  ·  ".join(opinion.why),
        )
        p.restore()


class _View(QListView):
    opened = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
        elif event.text() and event.text().isalnum():
            event.ignore()  # letters are commands here, not a search in the list
        else:
            super().keyPressEvent(event)


class OpinionList(QWidget):
    """The page "Second opinion"."""

    queue_changed = Signal(str)
    """One of `QUEUES`."""
    item_opened = Signal("qlonglong")
    """Enter or double click: look at it in Browse."""
    explain_requested = Signal("qlonglong")
    browse_requested = Signal(object)
    looked_at = Signal("qlonglong")
    """The photo under the keyboard cursor, to be put into `picture`."""

    def __init__(
        self, thumbnails: Thumbnails, name_of: Callable[[int], str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self.model = OpinionModel(name_of, self)
        self.view = _View()
        self.view.setModel(self.model)
        self.view.setItemDelegate(_Row(thumbnails, self.view))
        self.view.setUniformItemSizes(True)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setMouseTracking(True)
        self.view.setAccessibleName(self.tr("Photos to look at again"))
        self.view.opened.connect(lambda row: self.item_opened.emit(self._item(row)))
        self.view.doubleClicked.connect(lambda i: self.item_opened.emit(self._item(i.row())))
        self.view.verticalScrollBar().valueChanged.connect(self._want)
        thumbnails.ready.connect(lambda _ids: self.view.viewport().update())
        self.view.selectionModel().currentChanged.connect(self._moved)
        self.picture = HeatView()
        self.why = QLabel(wordWrap=True)
        self.why.setContentsMargins(12, 8, 12, 10)
        self.note = QLabel(wordWrap=True)
        self.note.setProperty("role", "muted")
        self.browse = QPushButton(self.tr("Show all in Browse"))
        self.browse.clicked.connect(lambda: self.browse_requested.emit(self.ids))
        self.explain = QPushButton(self.tr("Explain"))
        self.explain.clicked.connect(lambda: self.explain_requested.emit(self.current))
        self._queues = QButtonGroup(self)
        self._queue_shown = ""
        self._build()

    def _build(self) -> None:
        words = {
            "second_opinion": (
                self.tr("Second opinion"),
                self.tr("Where models, neighbours and labels disagree, and what you flagged"),
            ),
            "uncertain": (
                self.tr("Uncertain"),
                self.tr("Where the classifier can hardly decide"),
            ),
            "unreviewed": (
                self.tr("Unreviewed"),
                self.tr("What nobody has looked at, the most needed first"),
            ),
        }
        row = QHBoxLayout()
        row.setContentsMargins(12, 10, 12, 0)
        row.setSpacing(4)
        for i, queue in enumerate(QUEUES):
            button = QToolButton()
            button.setText(words[queue][0])
            button.setToolTip(words[queue][1])
            button.setCheckable(True)
            button.setChecked(i == 0)
            self._queues.addButton(button, i)
            row.addWidget(button)
        self._queues.idClicked.connect(lambda i: self.queue_changed.emit(QUEUES[i]))
        row.addWidget(self.note, 1)
        row.addWidget(self.explain)
        row.addWidget(self.browse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        right = QWidget()
        beside = QVBoxLayout(right)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        beside.addWidget(self.picture, 1)
        beside.addWidget(self.why)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self.view)
        split.addWidget(right)
        split.setSizes([620, 560])
        split.setStretchFactor(0, 1)
        column.addWidget(split, 1)

    def stop(self) -> None:
        """End the loading thread."""
        self.picture.stop()

    @property
    def queue(self) -> str:
        """Which queue is chosen."""
        return QUEUES[self._queues.checkedId()]

    @property
    def ids(self) -> NDArray[np.int64]:
        """Items in the order of the queue."""
        return np.array([o.item_id for o in self.model.opinions], np.int64)

    @property
    def current(self) -> int:
        """The item under the keyboard cursor, 0 for none."""
        index = self.view.currentIndex()
        return self._item(index.row()) if index.isValid() else 0

    def show_opinions(self, opinions: Sequence[Opinion], note: str = "") -> None:
        """Show what was read of the chosen queue; its cursor stays on its photo."""
        kept = self.current if self._queue_shown == self.queue else 0
        self._queue_shown = self.queue
        self.model.set_opinions(opinions)
        rows = [i for i, o in enumerate(opinions) if o.item_id == kept] or [0]
        if opinions:
            self.view.setCurrentIndex(self.model.index(rows[0]))
        self.note.setText(
            note
            or (
                self.tr("{n} photos, the most urgent first").format(n=f"{len(opinions):,}")
                if opinions
                else self.tr("Nothing here: all agree.")
            )
        )
        self.browse.setEnabled(bool(opinions))
        self.explain.setEnabled(bool(opinions))
        self._want()

    def _moved(self) -> None:
        index = self.view.currentIndex()
        if index.isValid():
            opinion = self.model.opinions[index.row()]
            self.why.setText("\n".join(opinion.why))
            self.looked_at.emit(opinion.item_id)
        else:
            self.why.setText("")
            self.picture.set_item(0, None)

    def _item(self, row: int) -> int:
        return self.model.opinions[row].item_id

    def _want(self) -> None:
        top = self.view.verticalScrollBar().value() // _ROW
        seen = self.model.opinions[top : top + self.view.height() // _ROW + 8]
        side = round(_PICTURE * self.devicePixelRatioF())
        self._thumbnails.want([o.item_id for o in seen], side, "opinions")
