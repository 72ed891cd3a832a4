"""The tree of categories: find, filter, label by dropping, edit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QMenu,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.records import Category
from fgvc_studio.gui import theme
from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.models.category_model import ID, NAME, TOTAL, CategoryModel, Counts
from fgvc_studio.gui.widgets.category_delegate import CategoryDelegate

_FIND_MS = 120
_EXPAND_AT_MOST = 300
_SLOTS = 9


class CategoryTree(QWidget):
    """A line "type to find" over the tree.

    Choosing categories filters; dropped items are labelled; a category dropped on another moves
    there. All changes are asked for by signals; new data come in with `set_categories` and
    `set_counts`.
    """

    filter_requested = Signal(object)
    """frozenset of category ids; empty: show all."""
    items_dropped = Signal(object, int)
    moved = Signal(int, int)
    """Category, new parent (0: top level)."""
    rename_requested = Signal(int, str)
    add_requested = Signal(int)
    """Add a child under this category (0: at the top level)."""
    merge_requested = Signal(object)
    """list of category ids to merge into another one."""
    remove_requested = Signal(int)
    favourite_requested = Signal(int, int)
    """Slot 1-9 and category."""
    grow_requested = Signal(int)
    """Find more items of this category."""
    label_requested = Signal(int)
    """Label the selected items with this category (Enter or double click)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = CategoryModel(self)
        self.model.items_dropped.connect(self.items_dropped)
        self.model.moved.connect(self.moved)
        self.model.rename_requested.connect(self.rename_requested)
        self.find = QLineEdit(placeholderText=self.tr("Type to find a category"))
        self.find.setClearButtonEnabled(True)
        self.find.addAction(icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.find.setAccessibleName(self.tr("Find a category"))
        self.view = _View(self.model)
        self.view.setAccessibleName(self.tr("Categories"))
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 0)
        column.setSpacing(6)
        column.addWidget(self.find)
        column.addWidget(self.view)
        self._timer = QTimer(self, singleShot=True, interval=_FIND_MS)
        self._timer.timeout.connect(self._find)
        self.find.textChanged.connect(self._timer.start)
        self.find.returnPressed.connect(self._find_first)
        self.view.clicked.connect(lambda _: self._emit_filter())
        self.view.label_wanted.connect(self._label)
        self.view.customContextMenuRequested.connect(self._menu)
        theme.signal().changed.connect(self.view.viewport().update)

    def set_categories(
        self,
        categories: Iterable[Category],
        counts: Counts | None = None,
        colours: Mapping[int, int] | None = None,
    ) -> None:
        """Replace the tree; what was open and chosen stays so."""
        opened = self._expanded()
        chosen = self.selected()
        self.model.set_categories(categories, counts, colours)
        self._fit_counts(counts or {})
        self._restore(opened, chosen)

    def set_counts(self, counts: Counts) -> None:
        """Take new counts (own, total, done) of some or all categories."""
        self.model.set_counts(counts)
        self._fit_counts(counts)

    def _fit_counts(self, counts: Counts) -> None:
        """Give the numbers the room they need and all other room to the names."""
        most = max((total for _, total, _ in counts.values()), default=0)
        metrics = self.view.fontMetrics()
        wanted = metrics.horizontalAdvance(f"{most:,} / {most:,}") + 6
        least = metrics.horizontalAdvance(self.tr("Done")) + 14
        self.view.header().resizeSection(TOTAL, min(max(wanted, least), 120))

    def selected(self) -> list[int]:
        """Chosen categories."""
        rows = self.view.selectionModel().selectedRows(NAME)
        return [int(i.data(ID)) for i in rows]

    def select(self, category_ids: Iterable[int]) -> None:
        """Choose these (as after "clear filter": none) without asking for a filter."""
        self._restore(set(), list(category_ids))

    def rename(self, category_id: int) -> None:
        """Edit the name in place."""
        index = self.model.index_of(category_id)
        if index.isValid():
            self.view.scrollTo(index)
            self.view.setCurrentIndex(index)
            self.view.edit(index)

    def _expanded(self) -> set[int]:
        opened, todo = set(), [QModelIndex()]
        while todo:
            parent = todo.pop()
            for row in range(self.model.rowCount(parent)):
                index = self.model.index(row, NAME, parent)
                if self.view.isExpanded(index):
                    opened.add(int(index.internalId()))
                    todo.append(index)
        return opened

    def _restore(self, opened: set[int], chosen: list[int]) -> None:
        for category_id in opened:
            self.view.setExpanded(self.model.index_of(category_id), True)
        picked = self.view.selectionModel()
        picked.clear()
        for category_id in chosen:
            index = self.model.index_of(category_id)
            if index.isValid():
                flag = picked.SelectionFlag
                picked.select(index, flag.Select | flag.Rows)
                self.view.scrollTo(index)

    def _find(self) -> None:
        self._timer.stop()
        chosen = self.selected()
        self.model.set_filter(self.find.text())
        if 0 < self.model.match_count <= _EXPAND_AT_MOST:
            self.view.expandAll()
        self._restore(set(), chosen)

    def _find_first(self) -> None:
        self._find()
        if self.model.match_count:
            self.select(self.model.matches[:1])
            self.view.setFocus()
            self._emit_filter()

    def _emit_filter(self) -> None:
        self.filter_requested.emit(frozenset(self.selected()))

    def _label(self, category_id: int) -> None:
        self.label_requested.emit(category_id)

    def _menu(self, point: QPoint) -> None:
        menu = self.context_menu(self.view.indexAt(point))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.view.viewport().mapToGlobal(point))

    def context_menu(self, index: QModelIndex) -> QMenu:
        """The actions for the category at `index` (invalid: for the whole tree)."""
        menu = QMenu(self)
        target = int(index.data(ID)) if index.isValid() else 0
        chosen = self.selected()
        if target not in chosen:
            chosen = [target]

        def add(text: str, name: str, call: object) -> None:
            menu.addAction(icon(name), text).triggered.connect(call)

        if not target:
            add(self.tr("Add category..."), "plus", lambda: self.add_requested.emit(0))
            return menu
        add(self.tr("Label selected items"), "label", lambda: self.label_requested.emit(target))
        add(self.tr("Grow and audit..."), "discover", lambda: self.grow_requested.emit(target))
        menu.addSeparator()
        add(self.tr("Rename"), "tag", lambda: self.rename(target))
        add(self.tr("Add child..."), "plus", lambda: self.add_requested.emit(target))
        add(self.tr("Merge into..."), "cluster", lambda: self.merge_requested.emit(chosen))
        add(self.tr("Move to top level"), "tree", lambda: self.moved.emit(target, 0))
        add(self.tr("Remove"), "close", lambda: self.remove_requested.emit(target))
        slots = menu.addMenu(icon("star"), self.tr("Favourite"))
        for slot in range(1, _SLOTS + 1):
            slots.addAction(self.tr("Key {slot}").format(slot=slot)).triggered.connect(
                lambda _=False, s=slot: self.favourite_requested.emit(s, target)
            )
        menu.addSeparator()
        add(self.tr("Show all"), "filter", self._show_all)
        return menu

    def _show_all(self) -> None:
        self.view.selectionModel().clear()
        self._emit_filter()


class _View(QTreeView):
    label_wanted = Signal(int)

    def __init__(self, model: CategoryModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setItemDelegate(CategoryDelegate(self))
        self.setUniformRowHeights(True)
        self.setIndentation(12)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setDropIndicatorShown(True)
        self.setExpandsOnDoubleClick(False)
        self.setAutoExpandDelay(600)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(40)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(TOTAL, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(TOTAL, theme.px(72))
        self.doubleClicked.connect(self._wanted)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the tree; an empty one says how it fills."""
        super().paintEvent(event)
        if self.model().rowCount():
            return
        painter = QPainter(self.viewport())
        painter.setPen(QColor(theme.current().muted))
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        room = self.viewport().rect().adjusted(12, 24, -12, -12)
        words = self.tr("No categories yet. The first name that you give makes one.")
        painter.drawText(room, flags, words)
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter labels; letters do not search here but stay the window's keys."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._wanted(self.currentIndex())
        elif event.text().isprintable() and event.text() and event.key() != Qt.Key.Key_Space:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _wanted(self, index: QModelIndex) -> None:
        self.label_wanted.emit(int(index.data(ID)))
