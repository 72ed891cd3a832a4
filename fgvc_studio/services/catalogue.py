"""The catalogue: numpy columns over all items, so that views never wait for the database.

Row ``i`` belongs to item ``i + 1`` (ids are dense). Arrays are replaced as one when items are added
and updated in place when decisions change; take `Catalogue.columns` once when several columns must
agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.events import Event, ItemsAdded, LabelPatch, OpChanges
from fgvc_studio.domain.records import Category, Duplicate, LabelSource, Mark
from fgvc_studio.store.labels import DECISION_TABLES
from fgvc_studio.store.project import ProjectStore

_COLUMNS_OF = {
    "labels": ("category", "source", "confidence", "at"),
    "marks": ("marks",),
    "splits": ("split",),
}
TREE_TABLES = frozenset({"categories", "category_names"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Per-item columns, all of length N; category 0 and source 0 mean: no label."""

    image_ids: NDArray[np.int64]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    duplicate: NDArray[np.uint8]
    duplicate_of: NDArray[np.int64]
    has_box: NDArray[np.bool_]
    paths: list[str]
    mtime: NDArray[np.float64]
    category: NDArray[np.int32]
    source: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    marks: NDArray[np.uint8]
    split: NDArray[np.uint8]
    at: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.image_ids)

    @property
    def reviewed(self) -> NDArray[np.bool_]:
        """Items named or checked by a human."""
        human = self.source == LabelSource.HUMAN
        return np.asarray(human | ((self.marks & Mark.REVIEWED) != 0))


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """Items of a category: labelled with it, labelled within its subtree, and of these reviewed."""

    own: int
    total: int
    reviewed: int


class Catalogue:
    """The columns and the category tree of an open project.

    Parameters
    ----------
    store : ProjectStore
        Read once here, then only for what an event names.
    """

    def __init__(self, store: ProjectStore) -> None:
        self._store = store
        self._lock = RLock()
        self._counts: dict[int, CategoryCount] | None = None
        self.columns = self._read()
        self.categories: dict[int, Category] = {}
        self.children: dict[int | None, list[int]] = {}
        self._read_tree()

    # ---- columns ---------------------------------------------------------------------------
    @property
    def n(self) -> int:
        """Number of items."""
        return self.columns.n

    @property
    def category(self) -> NDArray[np.int32]:
        """Category id of each item, 0 for none."""
        return self.columns.category

    @property
    def labelled(self) -> int:
        """Number of items with a label."""
        return int(np.count_nonzero(self.columns.category))

    @property
    def item_ids(self) -> NDArray[np.int64]:
        """All item ids, ``1 .. n``."""
        return np.arange(1, self.n + 1, dtype=np.int64)

    def handle(self, event: Event) -> None:
        """Bring the columns up to date with an event."""
        with self._lock:
            if isinstance(event, ItemsAdded):
                self._extend()
            elif isinstance(event, OpChanges):
                touched = event.tables & DECISION_TABLES
                if event.labels is not None:
                    self._relabel(event.labels)
                    touched -= {"labels"}
                if touched and len(event.items):
                    self._refresh(event.items, touched)
                if event.tables & TREE_TABLES:
                    self._read_tree()
            self._counts = None

    def _relabel(self, patch: LabelPatch) -> None:
        columns = self.columns
        known = patch.items <= columns.n
        rows = patch.items - 1 if known.all() else patch.items[known] - 1
        for name in _COLUMNS_OF["labels"]:
            value = getattr(patch, name)
            whole = np.ndim(value) == 0 or len(value) == len(rows)
            getattr(columns, name)[rows] = value if whole else value[known]

    def _read(self, first: int = 1) -> Columns:
        items = self._store.images.columns(first)
        n = len(items.item_ids)
        columns = Columns(
            image_ids=items.image_ids,
            width=items.width,
            height=items.height,
            duplicate=items.duplicate,
            duplicate_of=items.duplicate_of,
            has_box=items.has_box,
            paths=list(items.paths),
            mtime=items.mtime,
            category=np.zeros(n, np.int32),
            source=np.zeros(n, np.uint8),
            confidence=np.zeros(n, np.float32),
            marks=np.zeros(n, np.uint8),
            split=np.zeros(n, np.uint8),
            at=np.zeros(n, np.float64),
        )
        if first == 1:
            self._fill(columns, None)
        return columns

    def _fill(
        self,
        columns: Columns,
        ids: NDArray[np.int64] | None,
        tables: frozenset[str] = DECISION_TABLES,
    ) -> None:
        labels = self._store.labels.columns(ids, tables)
        known = labels.item_ids <= columns.n
        rows = labels.item_ids[known] - 1
        for table, names in _COLUMNS_OF.items():
            if table in tables:
                for name in names:
                    getattr(columns, name)[rows] = getattr(labels, name)[known]

    def _refresh(self, ids: NDArray[np.int64], tables: frozenset[str]) -> None:
        self._fill(self.columns, ids, tables)

    def _extend(self) -> None:
        old = self.columns
        new = self._read(old.n + 1)
        if not new.n:
            return
        joined = {
            name: np.concatenate([getattr(old, name), getattr(new, name)])
            for name in Columns.__dataclass_fields__
            if name != "paths"
        }
        self.columns = Columns(paths=old.paths + new.paths, **joined)

    # ---- the tree --------------------------------------------------------------------------
    def _read_tree(self) -> None:
        categories = {c.id: c for c in self._store.categories.all()}
        children: dict[int | None, list[int]] = {}
        for c in sorted(categories.values(), key=lambda c: c.name.casefold()):
            parent = c.parent_id if c.parent_id in categories else None
            children.setdefault(parent, []).append(c.id)
        self.categories, self.children = categories, children

    def name(self, category_id: int) -> str:
        """Name of a category; empty for 0 or an unknown id."""
        category = self.categories.get(int(category_id))
        return category.name if category else ""

    def short_name(self, category_id: int) -> str:
        """The name with its genus cut to a letter when that is the parent: ``P. machaon``."""
        name = self.name(category_id)
        first, space, rest = name.partition(" ")
        category = self.categories.get(int(category_id))
        if space and category and first == self.name(category.parent_id or 0):
            return f"{first[0]}. {rest}"
        return name

    def ancestors(self, category_id: int) -> list[int]:
        """The category and its parents, nearest first."""
        chain: list[int] = []
        at: int | None = int(category_id)
        while at is not None and at in self.categories and at not in chain:
            chain.append(at)
            at = self.categories[at].parent_id
        return chain

    def path_name(self, category_id: int) -> str:
        """``Genus > species`` from the root down."""
        return " > ".join(self.name(c) for c in reversed(self.ancestors(category_id)))

    def descendants(self, category_id: int) -> set[int]:
        """The category and everything below it."""
        found: set[int] = set()
        todo = [int(category_id)]
        while todo:
            at = todo.pop()
            if at not in found:
                found.add(at)
                todo.extend(self.children.get(at, ()))
        return found

    def counts(self) -> dict[int, CategoryCount]:
        """Counts of every category, its subtree included."""
        with self._lock:
            if self._counts is None:
                self._counts = self._count()
            return self._counts

    def _count(self) -> dict[int, CategoryCount]:
        columns = self.columns
        size = max(self.categories, default=0) + 1
        pairs = np.bincount(columns.category * np.int64(2) + columns.reviewed, minlength=2 * size)
        done = pairs[1 : 2 * size : 2].tolist()
        own = (pairs[0 : 2 * size : 2] + pairs[1 : 2 * size : 2]).tolist()
        total, reviewed = list(own), list(done)
        for c in self._bottom_up():
            parent = self.categories[c].parent_id
            if parent in self.categories:
                total[parent] += total[c]
                reviewed[parent] += reviewed[c]
        return {c: CategoryCount(own[c], total[c], reviewed[c]) for c in self.categories}

    def _bottom_up(self) -> list[int]:
        order: list[int] = []
        todo = list(self.children.get(None, ()))
        while todo:
            at = todo.pop()
            order.append(at)
            todo.extend(self.children.get(at, ()))
        return order[::-1]

    def is_duplicate(self, item_id: int) -> Duplicate:
        """How the item's image relates to an earlier one."""
        return Duplicate(int(self.columns.duplicate[item_id - 1]))
