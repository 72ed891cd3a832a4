"""The category tree as a Qt model: plain data in, filtered in place, counts updated alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from PySide6.QtCore import (
    QAbstractItemModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from fgvc_studio.domain.records import Category
from fgvc_studio.gui.widgets import mime

Counts = Mapping[int, tuple[int, int, int]]
"""Category id -> items of its own, items with the subtree, and of these done."""

ID = Qt.ItemDataRole.UserRole
RANK = ID + 1
COLOUR = ID + 2
COUNT = ID + 3
PROVISIONAL = ID + 4
NAME, TOTAL = 0, 1
_MANY = 200
_FLAG = Qt.ItemFlag
_FLAGS = (
    _FLAG.ItemIsEnabled | _FLAG.ItemIsSelectable | _FLAG.ItemIsDragEnabled | _FLAG.ItemIsDropEnabled
)
_NAME_FLAGS = _FLAGS | _FLAG.ItemIsEditable  # joined once: Qt asks for every row of a layout
_Index = QModelIndex | QPersistentModelIndex


class Line(NamedTuple):
    """What is painted of a category."""

    name: str
    rank: str
    colour: int
    provisional: bool
    total: int
    done: int


class CategoryModel(QAbstractItemModel):
    """Categories in a tree with free ranks; 50,000 are no trouble.

    Rows are the categories that pass the filter and their ancestors, sorted by name.
    """

    rename_requested = Signal(int, str)
    moved = Signal(int, int)
    """Category and its new parent (0: top level)."""
    items_dropped = Signal(object, int)
    """Item ids (ndarray int64) and the category they were dropped on."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._categories: dict[int, Category] = {}
        self._sorted: dict[int, list[int]] = {}
        self._children: dict[int, list[int]] = {}
        self._rows: dict[int, dict[int, int]] = {}
        self._parent: dict[int, int] = {}
        self._texts: dict[int, str] = {}
        self._counts: dict[int, tuple[int, int, int]] = {}
        self._colours: dict[int, int] = {}
        self._filter = ""
        self._hits: list[int] = []
        self._kept: set[int] = set()
        self._matches: list[int] | None = None

    # ---- data in

    def set_categories(
        self,
        categories: Iterable[Category],
        counts: Counts | None = None,
        colours: Mapping[int, int] | None = None,
    ) -> None:
        """Replace the tree.

        Parameters
        ----------
        colours : mapping, optional
            Category id -> colour index.
        """
        self.beginResetModel()
        self._categories = {c.id: c for c in categories}
        self._counts = dict(counts or {})
        self._colours = dict(colours or {})
        self._parent = {
            c.id: c.parent_id if c.parent_id in self._categories else 0
            for c in self._categories.values()
        }
        self._sorted = {}
        for c in sorted(self._categories.values(), key=lambda c: (c.name.casefold(), c.id)):
            self._sorted.setdefault(self._parent[c.id], []).append(c.id)
        self._texts = {}
        self._apply_filter()
        self.endResetModel()

    def set_counts(self, counts: Counts) -> None:
        """Take new counts of some or all categories; only what changed is painted anew."""
        changed = [c for c, n in counts.items() if self._counts.get(c) != n]
        self._counts.update(counts)
        if len(changed) > _MANY:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._kids(0)) - 1, TOTAL))
        else:
            for c in filter(self._shown, changed):
                self.dataChanged.emit(self.index_of(c, TOTAL), self.index_of(c, TOTAL))

    def set_filter(self, text: str) -> None:
        """Show only categories with all words of `text` in a name, synonym or vernacular name."""
        text = " ".join(text.casefold().split())
        if text != self._filter:
            self.beginResetModel()
            self._filter = text
            self._apply_filter()
            self.endResetModel()

    def _apply_filter(self) -> None:
        """Find what matches; the rows of a parent are made when they are first asked for."""
        self._children, self._rows, self._matches = {}, {}, None
        self._hits, self._kept = [], set()
        words = self._filter.split()
        if not words:
            return
        if not self._texts:
            self._texts = {
                c.id: "\n".join([c.name, *(n.name for n in c.names)]).casefold()
                if c.names
                else c.name.casefold()
                for c in self._categories.values()
            }
        hits = [c for c, text in self._texts.items() if words[0] in text]
        for word in words[1:]:
            hits = [c for c in hits if word in self._texts[c]]
        kept = self._kept
        for c in hits:
            while c and c not in kept:
                kept.add(c)
                c = self._parent[c]
        self._hits = hits

    def _kids(self, parent: int) -> list[int]:
        """The children of a category (0: the top level) that are shown, in order."""
        kids = self._children.get(parent)
        if kids is None:
            kids = self._sorted.get(parent, [])
            if self._filter:
                kids = [c for c in kids if c in self._kept]
            self._children[parent] = kids
        return kids

    def _shown(self, category_id: int) -> bool:
        return category_id in (self._kept if self._filter else self._categories)

    def _row(self, category_id: int) -> int:
        """Row of a category that is shown."""
        parent = self._parent[category_id]
        rows = self._rows.get(parent)
        if rows is None:
            rows = self._rows[parent] = {c: r for r, c in enumerate(self._kids(parent))}
        return rows[category_id]

    def _walk(self) -> Iterable[int]:
        todo = list(reversed(self._kids(0)))
        while todo:
            c = todo.pop()
            yield c
            todo.extend(reversed(self._kids(c)))

    # ---- questions

    @property
    def match_count(self) -> int:
        """Number of categories that match the filter; 0 without a filter."""
        return len(self._hits)

    @property
    def matches(self) -> list[int]:
        """Categories that match the filter, in order of the tree; empty without a filter."""
        if self._matches is None:
            found = set(self._hits)
            self._matches = [c for c in self._walk() if c in found] if found else []
        return self._matches

    def category(self, index: _Index) -> Category | None:
        """The category at an index."""
        return self._categories.get(index.internalId()) if index.isValid() else None

    def line(self, index: _Index) -> Line | None:
        """Everything that is painted at an index, in one question instead of one for each role."""
        c = self.category(index)
        if c is None:
            return None
        _, total, done = self._counts.get(c.id, (0, 0, 0))
        colour = self._colours.get(c.id, -1)
        return Line(self._short(c), c.rank, colour, c.provisional, total, done)

    def index_of(self, category_id: int, column: int = NAME) -> QModelIndex:
        """The index of a category; invalid when it is not shown."""
        if not self._shown(category_id):
            return QModelIndex()
        return self.createIndex(self._row(category_id), column, category_id)

    def is_below(self, category_id: int, ancestor: int) -> bool:
        """Whether `category_id` is `ancestor` or lies in its subtree."""
        seen: set[int] = set()
        while category_id and category_id not in seen:
            if category_id == ancestor:
                return True
            seen.add(category_id)
            category_id = self._parent.get(category_id, 0)
        return False

    # ---- the Qt model

    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        """See Qt."""
        kids = self._kids(parent.internalId() if parent.isValid() else 0)
        if 0 <= row < len(kids) and 0 <= column < 2:
            return self.createIndex(row, column, kids[row])
        return QModelIndex()

    def parent(self, index: _Index | None = None) -> Any:  # type: ignore[override]
        """See Qt."""
        if index is None:
            return super().parent()
        above = self._parent.get(index.internalId(), 0) if index.isValid() else 0
        return self.index_of(above) if above else QModelIndex()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """See Qt."""
        if parent.isValid() and parent.column():
            return 0
        return len(self._kids(parent.internalId() if parent.isValid() else 0))

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Name, and done/total."""
        return 2

    def _short(self, c: Category) -> str:
        """The name without a first word that the parent says already (the genus)."""
        parent = self._categories.get(c.parent_id or 0)
        first, space, rest = c.name.partition(" ")
        return f"{first[0]}. {rest}" if space and parent and parent.name == first else c.name

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """See Qt; further roles are ID, RANK, COLOUR, COUNT, PROVISIONAL."""
        c = self.category(index)
        if c is None:
            return None
        own, total, done = self._counts.get(c.id, (0, 0, 0))
        if role == Qt.ItemDataRole.DisplayRole and index.column() == NAME:
            return self._short(c)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return c.name if index.column() == NAME else f"{done:,} / {total:,}"
        if role == ID:
            return c.id
        if role == RANK:
            return c.rank
        if role == COLOUR:
            return self._colours.get(c.id, -1)
        if role == COUNT:
            return own, total, done
        if role == PROVISIONAL:
            return c.provisional
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tool_tip(c, own, total, done)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.tr("{name}, {done} of {total} done").format(
                name=c.name, done=done, total=total
            )
        return None

    def _tool_tip(self, c: Category, own: int, total: int, done: int) -> str:
        lines = [f"{c.name} {c.authorship}".strip()]
        lines += [n.name for n in c.names]
        lines.append(
            self.tr("{own} of its own, {total} in all, {done} done").format(
                own=f"{own:,}", total=f"{total:,}", done=f"{done:,}"
            )
        )
        return "\n".join(lines + ([c.note] if c.note else []))

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for a rename; the new name arrives with the next `set_categories`."""
        c = self.category(index)
        name = " ".join(str(value).split())
        if role != Qt.ItemDataRole.EditRole or c is None or not name or name == c.name:
            return False
        self.rename_requested.emit(c.id, name)
        return True

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Titles of the columns."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return (self.tr("Category"), self.tr("Done"))[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == TOTAL:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Everything can be dragged and dropped on; names can be edited."""
        if not index.isValid():
            return _FLAG.ItemIsDropEnabled
        return _NAME_FLAGS if index.column() == NAME else _FLAGS

    # ---- drag and drop

    def mimeTypes(self) -> list[str]:
        """Items and categories."""
        return [mime.ITEMS, mime.CATEGORY]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:
        """Pack the dragged category."""
        return mime.of_category(next(iter(indexes)).internalId())

    def supportedDropActions(self) -> Qt.DropAction:
        """Items are copied, categories moved."""
        return Qt.DropAction.CopyAction | Qt.DropAction.MoveAction

    def canDropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: _Index
    ) -> bool:
        """Items go onto a category; a category onto another one or to the top level."""
        target = parent.internalId() if parent.isValid() else 0
        if data.hasFormat(mime.ITEMS):
            return bool(target)
        moving = mime.category(data)
        return (
            bool(moving)
            and not self.is_below(target, moving)
            and (self._parent.get(moving, 0) != target)
        )

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: _Index
    ) -> bool:
        """Ask for what was dropped; the tree itself changes with the next `set_categories`."""
        if not self.canDropMimeData(data, action, row, column, parent):
            return False
        target = parent.internalId() if parent.isValid() else 0
        if data.hasFormat(mime.ITEMS):
            self.items_dropped.emit(mime.items(data), target)
        else:
            self.moved.emit(mime.category(data), target)
        return False
