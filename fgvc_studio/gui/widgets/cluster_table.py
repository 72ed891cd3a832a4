"""The table of proposed clusters with its filter, order and progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from PySide6.QtCore import QItemSelection, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QGridLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.clusters import NAMED, Cluster, ClusterState
from fgvc_studio.gui import theme
from fgvc_studio.gui.models.cluster_model import (
    CLUSTER,
    COLUMN_KEYS,
    ClusterModel,
    Column,
)
from fgvc_studio.gui.widgets.cluster_delegate import ROW, ClusterDelegate

_WIDTHS = {
    Column.SIZE: 50,
    Column.CONFIDENCE: 52,
    Column.AGREEMENT: 52,
    Column.STABILITY: 52,
    Column.PURITY: 66,
}
_NAME_WIDTH = 184
_ONE_ROW = 330


class ClusterTable(QFrame):
    """Clusters to go through; several can be chosen (to merge or to decide at once).

    `current_changed` carries the id of the cluster under the cursor, 0 for none; it is emitted
    for the user's moves and for those of `go`.
    """

    current_changed = Signal(int)
    chosen_changed = Signal()
    rename_requested = Signal(int)
    context_requested = Signal(QPoint, int)

    def __init__(self, category_name: Callable[[int], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.model = ClusterModel(category_name, self)
        self._current = 0
        self._filling = False
        self._unknown: set[Column] = set()
        self.find = QLineEdit(placeholderText=self.tr("Find a cluster"))
        self.find.setClearButtonEnabled(True)
        self.find.setAccessibleName(self.tr("Find a cluster by name, likeness or warning"))
        self.states = QComboBox()
        self.states.setAccessibleName(self.tr("Clusters shown"))
        self.order = QComboBox()
        self.order.setAccessibleName(self.tr("Order of the clusters"))
        self.order.setToolTip(self.tr("Order; a click on a column heading turns it round"))
        self.view = _View(self.model)
        self.view.resized.connect(self._choose_columns)  # they give way to the names, or come back
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(4)
        self.empty = QLabel(self.tr("No cluster passes the filter."))
        self.empty.setProperty("role", "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._fill_boxes()
        self._layout()
        self._connect()

    # ---- what is shown ---------------------------------------------------------------------
    @property
    def current(self) -> int:
        """The cluster under the cursor, 0 for none."""
        return self._current

    def chosen(self) -> list[int]:
        """Chosen clusters in the order shown; the current one when none is chosen."""
        rows = sorted({i.row() for i in self.view.selectionModel().selectedRows()})
        ids = [self.model.clusters[r].id for r in rows if r < len(self.model.clusters)]
        return ids or ([self._current] if self._current else [])

    def set_clusters(self, clusters: Iterable[Cluster]) -> None:
        """Show these; the current one stays, or its place does."""
        before, row = self._current, self.model.row_of(self._current)
        chosen = self.chosen()
        self._filling = True
        self.model.set_clusters(clusters)
        self._choose_columns()
        self._filling = False
        self._restore(before, row, chosen)
        self._count()

    def go(self, cluster_id: int) -> None:
        """Move to a cluster; one that the filter hides takes the filter away."""
        if self.model.cluster(cluster_id) is None:
            return
        if self.model.row_of(cluster_id) < 0:
            self.find.clear()
            self.states.setCurrentIndex(0)
        self._put(self.model.row_of(cluster_id))

    def go_open(self, step: int) -> bool:
        """Move to the next cluster to review; False when there is none."""
        found = self.model.next_open(self._current, step)
        if found:
            self.go(found)
        return bool(found)

    def focus_table(self) -> None:
        """The keyboard goes to the rows."""
        self.view.setFocus()

    # ---- building --------------------------------------------------------------------------
    def _fill_boxes(self) -> None:
        for title, states in (
            (self.tr("All"), ()),
            (self.tr("To review"), (ClusterState.PROPOSED,)),
            (self.tr("Undecided"), (ClusterState.UNDECIDED,)),
            (self.tr("Accepted or known"), tuple(NAMED)),
            (self.tr("Rejected"), (ClusterState.REJECTED,)),
        ):
            self.states.addItem(title, states)
        for title, key, descending in (
            (self.tr("Largest first"), "size", True),
            (self.tr("Surest first"), "confidence", True),
            (self.tr("Least sure first"), "confidence", False),
            (self.tr("Purest first"), "purity", True),
            (self.tr("Least pure first"), "purity", False),
            (self.tr("Most stable first"), "stability", True),
            (self.tr("Most agreed on"), "agreement", True),
            (self.tr("Most like a known one"), "nearest", True),
            (self.tr("Least like a known one"), "nearest", False),
            (self.tr("Most warnings"), "warnings", True),
            (self.tr("By state"), "state", False),
            (self.tr("By name"), "name", False),
            (self.tr("By number"), "number", False),
        ):
            self.order.addItem(title, (key, descending))

    def _layout(self) -> None:
        for box in (self.states, self.order):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(6)
        row = self._row = QGridLayout()
        row.setContentsMargins(8, 8, 8, 6)
        row.setSpacing(6)
        self._arrange(narrow=False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self.progress)
        column.addWidget(self.view, 1)
        column.addWidget(self.empty, 1)
        self.empty.hide()

    def _arrange(self, *, narrow: bool) -> None:
        """One row above the table, or two where one would cut every word."""
        self._narrow = narrow
        down = int(narrow)
        self._row.addWidget(self.find, 0, 0, 1, 2 if narrow else 1)
        self._row.addWidget(self.states, down, 1 - down)
        self._row.addWidget(self.order, down, 2 - down)
        for column, share in enumerate((2, 2, 0) if narrow else (2, 2, 3)):
            self._row.setColumnStretch(column, share)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width may want another number of rows."""
        super().resizeEvent(event)
        narrow = self.width() < theme.px(_ONE_ROW)
        if narrow != self._narrow:
            self._arrange(narrow=narrow)

    def _connect(self) -> None:
        self.find.textChanged.connect(self._filter)
        self.states.currentIndexChanged.connect(self._filter)
        self.order.activated.connect(self._order_chosen)
        header = self.view.horizontalHeader()
        header.sectionClicked.connect(self._heading_clicked)
        picked = self.view.selectionModel()
        picked.currentRowChanged.connect(lambda new, _old: self._moved(new.row()))
        picked.selectionChanged.connect(self._chosen)
        self.view.rename_wanted.connect(lambda: self.rename_requested.emit(self._current))
        self.view.doubleClicked.connect(lambda _i: self.rename_requested.emit(self._current))
        self.view.customContextMenuRequested.connect(self._menu)
        self._show_order()

    def _menu(self, point: QPoint) -> None:
        index = self.view.indexAt(point)
        if index.isValid():
            place = self.view.viewport().mapToGlobal(point)
            self.context_requested.emit(place, index.data(CLUSTER).id)

    def _moved(self, row: int) -> None:
        if self._filling or not 0 <= row < len(self.model.clusters):
            return
        found = self.model.clusters[row].id
        if found != self._current:
            self._current = found
            self.current_changed.emit(found)

    def _chosen(self, _on: QItemSelection, _off: QItemSelection) -> None:
        if not self._filling:
            self.chosen_changed.emit()

    def _filter(self) -> None:
        before, row, chosen = self._current, self.model.row_of(self._current), self.chosen()
        self._filling = True
        self.model.set_filter(self.find.text(), self.states.currentData())
        self._filling = False
        self._restore(before, row, chosen)

    def _heading_clicked(self, section: int) -> None:
        key, descending = self.model.sort_key
        wanted = COLUMN_KEYS[section]
        turned = not descending if wanted == key else wanted != "name"
        self._sort(wanted, turned)

    def _order_chosen(self) -> None:
        self._sort(*self.order.currentData())

    def _sort(self, key: str, descending: bool) -> None:
        before, row, chosen = self._current, self.model.row_of(self._current), self.chosen()
        self._filling = True
        self.model.set_order(key, descending=descending)
        self._filling = False
        self._restore(before, row, chosen)
        self._show_order()

    def _show_order(self) -> None:
        key, descending = self.model.sort_key
        self.order.setCurrentIndex(
            next(
                (
                    i
                    for i in range(self.order.count())
                    if self.order.itemData(i) == (key, descending)
                ),
                -1,
            )
        )

    def _restore(self, cluster_id: int, row: int, chosen: list[int]) -> None:
        """Bring cursor and choice back after the rows were arranged anew."""
        found = self.model.row_of(cluster_id)
        shown = len(self.model.clusters)
        self.view.setVisible(shown > 0)
        self.empty.setVisible(not shown)
        if found < 0:
            found = min(max(row, 0), shown - 1)
        kept = [self.model.row_of(c) for c in chosen]
        self._put(found, [r for r in kept if r >= 0])

    def _put(self, row: int, also: list[int] | None = None) -> None:
        picked = self.view.selectionModel()
        flag = picked.SelectionFlag
        if row < 0:
            if self._current:
                self._current = 0
                self.current_changed.emit(0)
            return
        index = self.model.index(row, 0)
        self._filling = True
        picked.setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
        for other in also or ():
            picked.select(self.model.index(other, 0), flag.Select | flag.Rows)
        self._filling = False
        self.view.scrollTo(index)
        self._moved(row)
        self.chosen_changed.emit()

    def _count(self) -> None:
        counts = self.model.counts()
        total = sum(counts.values())
        self.progress.setUpdatesEnabled(False)  # or it would have the whole window painted at once
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(total - counts[ClusterState.PROPOSED])
        self.progress.setUpdatesEnabled(True)
        self.progress.setAccessibleName(
            self.tr("{n} of {total} clusters looked at").format(
                n=total - counts[ClusterState.PROPOSED], total=total
            )
        )

    def _choose_columns(self) -> None:
        """No column of dashes, and none that leaves the names no room."""
        rows = self.model.clusters
        if rows:
            known = {
                Column.CONFIDENCE: [c.confidence for c in rows],
                Column.AGREEMENT: [c.agreement for c in rows],
                Column.STABILITY: [c.stability for c in rows],
                Column.PURITY: [1.0 if c.purity or c.checked else np.nan for c in rows],
            }
            self._unknown = {c for c, values in known.items() if np.isnan(values).all()}
        bar = self.view.verticalScrollBar()
        room = self.width() - (bar.width() if bar.isVisible() else 0)
        room -= theme.px(_NAME_WIDTH) + theme.px(_WIDTHS[Column.SIZE])
        for column in (Column.PURITY, Column.CONFIDENCE, Column.STABILITY, Column.AGREEMENT):
            shown = column not in self._unknown and room >= theme.px(_WIDTHS[column])
            room -= theme.px(_WIDTHS[column]) if shown else 0
            self.view.setColumnHidden(int(column), not shown)


class _View(QTableView):
    rename_wanted = Signal()
    resized = Signal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def __init__(self, model: ClusterModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setItemDelegate(ClusterDelegate(self))
        self.setAccessibleName(self.tr("Proposed clusters"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        header.setStretchLastSection(False)
        header.setSectionsClickable(True)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, theme.px(width))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """F2 renames; letters do not search here but stay the window's keys."""
        if event.key() == Qt.Key.Key_F2:
            self.rename_wanted.emit()
        elif event.text().isprintable() and event.text():
            event.ignore()
        else:
            super().keyPressEvent(event)
