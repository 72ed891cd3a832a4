"""The expert's decisions: labels, marks, categories, undo. Every method is one operation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import LabelSource, Mark, NameKind, Operation, Split
from fgvc_studio.services import naming
from fgvc_studio.services.naming import Match, NameIndex
from fgvc_studio.store.columns import ascending

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

FAVOURITE_SLOTS = 9


def _items(ids: ArrayLike) -> NDArray[np.int64]:
    items = ascending(np.asarray(ids, np.int64).ravel())
    if not len(items):
        raise UserError("No item is selected.", "Select one or more items first.")
    return items


class Labelling:
    """Names items and keeps the tree of categories.

    Parameters
    ----------
    studio : Studio
        Gives store, bus, catalogue and who decides.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._index: NameIndex | None = None
        self._used: dict[int, int] = {}
        self._recent: list[int] = []
        self._session: list[tuple[float, int]] = []
        self.last_category: int | None = None

    # ---- labels ----------------------------------------------------------------------------
    def label(
        self,
        ids: ArrayLike,
        category_id: int,
        *,
        source: LabelSource = LabelSource.HUMAN,
        confidence: float = 1.0,
        run_id: str | None = None,
    ) -> OpChanges | None:
        """Name items; the doubt mark of the former name goes.

        Raises
        ------
        UserError
            No items, or an unknown category.
        """
        items = self._known(ids)
        name = self._category_name(category_id)
        columns = self._studio.catalogue.columns
        doubtful = items[(columns.marks[items - 1] & Mark.UNCERTAIN) != 0]
        what = _count(len(items))

        def write() -> None:
            store = self._studio.store
            store.labels.set(items, category_id, source=source, confidence=confidence)
            if len(doubtful):
                store.labels.set_marks(doubtful, Mark.NONE, Mark.UNCERTAIN)

        changes = self._do("label", f"Labelled {what} as {name}", write, run_id)
        if source == LabelSource.HUMAN:
            self._remember(category_id, len(items))
        return changes

    def label_each(
        self,
        ids: NDArray[np.int64],
        categories: NDArray[np.int64],
        *,
        source: LabelSource,
        confidence: float | NDArray[np.float32] = 1.0,
        summary: str | None = None,
        run_id: str | None = None,
    ) -> OpChanges | None:
        """Name items, each with its own category ``(K,)``, as one operation."""
        self._known(ids)
        for c in np.unique(categories):
            self._category_name(int(c))

        def write() -> None:
            self._studio.store.labels.set(ids, categories, source=source, confidence=confidence)

        return self._do("label", summary or f"Labelled {_count(len(ids))}", write, run_id)

    def unlabel(self, ids: ArrayLike) -> OpChanges | None:
        """Take the label off items."""
        items = self._known(ids)
        return self._do(
            "unlabel",
            f"Took the label off {_count(len(items))}",
            lambda: self._studio.store.labels.clear(items),
        )

    def reject(self, ids: ArrayLike, category_id: int | None = None) -> OpChanges | None:
        """Say that items are not of a category (default: the one they are labelled with).

        A label with that category is taken off.
        """
        items = self._known(ids)
        current = self._studio.catalogue.category[items - 1].astype(np.int64)
        refused = current if category_id is None else np.full(len(items), category_id, np.int64)
        named = refused > 0
        if not named.any():
            raise UserError("These items have no label to strike out.", "Label them first.")
        off = items[named & (current == refused)]
        shown = np.unique(refused[named])
        what = self._category_name(int(shown[0])) if len(shown) == 1 else "their categories"

        def write() -> None:
            store = self._studio.store
            store.labels.reject(items[named], refused[named])
            if len(off):
                store.labels.clear(off)

        summary = f"Struck {_count(int(named.sum()))} out of {what}"
        return self._do("reject", summary, write)

    def mark(self, ids: ArrayLike, on: Mark, off: Mark = Mark.NONE) -> OpChanges | None:
        """Set and clear marks of items."""
        items = self._known(ids)
        words = {
            Mark.REVIEWED: "reviewed",
            Mark.UNCERTAIN: "uncertain (cf.)",
            Mark.FLAGGED: "for a second opinion",
        }
        name = ", ".join(w for m, w in words.items() if m & (on or off))
        verb = "Marked" if on else "Took the mark off"
        summary = f"{verb} {_count(len(items))}: {name}"
        return self._do(
            "mark", summary, lambda: self._studio.store.labels.set_marks(items, on, off)
        )

    def toggle_mark(self, ids: ArrayLike, mark: Mark) -> OpChanges | None:
        """Set `mark` on items, or clear it when all have it."""
        items = self._known(ids)
        have = (self._studio.catalogue.columns.marks[items - 1] & mark) != 0
        return self.mark(items, Mark.NONE, mark) if have.all() else self.mark(items, mark)

    def set_split(self, ids: ArrayLike, split: Split) -> OpChanges | None:
        """Put items into a split."""
        items = self._known(ids)
        values = np.full(len(items), int(split), np.uint8)
        name = split.name.lower() if split else "no split"
        return self._do(
            "split",
            f"Put {_count(len(items))} into {name}",
            lambda: self._studio.store.labels.set_splits(items, values),
        )

    # ---- categories ------------------------------------------------------------------------
    def add_category(
        self,
        name: str,
        parent_id: int | None = None,
        *,
        rank: str = "",
        authorship: str = "",
        provisional: bool = False,
    ) -> int:
        """Make a category; returns its id.

        Raises
        ------
        UserError
            Empty name, unknown parent, or a sibling has the name already.
        """
        if parent_id is not None:
            self._category_name(parent_id)
        clean = self._clean(name, parent_id)
        made: list[int] = []

        def write() -> None:
            made.append(
                self._studio.store.categories.add(
                    clean,
                    parent_id,
                    rank=rank,
                    authorship=authorship,
                    provisional=provisional,
                )
            )

        self._do("categories", f"Added category {clean}", write)
        return made[0]

    def category_by_path(self, names: Iterable[str], ranks: Iterable[str] = ()) -> int:
        """The category with these names from the root down; made where missing."""
        parent: int | None = None
        rank_list = list(ranks)
        for depth, name in enumerate(names):
            found = self.child(parent, name)
            rank = rank_list[depth] if depth < len(rank_list) else ""
            parent = found if found else self.add_category(name, parent, rank=rank)
        if parent is None:
            raise UserError("A category needs a name.", "Type a name.")
        return parent

    def child(self, parent_id: int | None, name: str) -> int | None:
        """The child of `parent_id` called `name` (ignoring case), if any."""
        catalogue = self._studio.catalogue
        for c in catalogue.children.get(parent_id, ()):
            if catalogue.name(c).casefold() == name.strip().casefold():
                return c
        return None

    def rename_category(self, category_id: int, name: str) -> OpChanges | None:
        """Give a category another name."""
        old = self._category_name(category_id)
        parent = self._studio.catalogue.categories[category_id].parent_id
        clean = self._clean(name, parent, besides=category_id)
        return self._do(
            "categories",
            f"Renamed {old} to {clean}",
            lambda: self._studio.store.categories.rename(category_id, clean),
        )

    def move_category(self, category_id: int, parent_id: int | None) -> OpChanges | None:
        """Hang a category under another parent (None: the root)."""
        name = self._category_name(category_id)
        where = self._category_name(parent_id) if parent_id else "the top"
        return self._do(
            "categories",
            f"Moved {name} under {where}",
            lambda: self._studio.store.categories.move(category_id, parent_id),
        )

    def merge_categories(self, ids: Iterable[int], into: int) -> OpChanges | None:
        """Merge categories into one; labels follow, old names become synonyms."""
        others = [i for i in ids if i != into]
        if not others:
            raise UserError("Nothing to merge.", "Choose two or more categories.")
        names = ", ".join(self._category_name(i) for i in others)
        return self._do(
            "categories",
            f"Merged {names} into {self._category_name(into)}",
            lambda: self._studio.store.categories.merge(others, into),
        )

    def remove_category(self, category_id: int) -> OpChanges | None:
        """Remove a category that has neither labels nor children."""
        name = self._category_name(category_id)
        return self._do(
            "categories",
            f"Removed category {name}",
            lambda: self._studio.store.categories.remove(category_id),
        )

    def add_name(
        self, category_id: int, name: str, kind: NameKind, language: str = ""
    ) -> OpChanges | None:
        """Add a synonym or vernacular name."""
        if not name.strip():
            raise UserError("A name cannot be empty.", "Type a name.")
        target = self._category_name(category_id)
        what = "synonym" if kind == NameKind.SYNONYM else "vernacular name"

        def write() -> None:
            self._studio.store.categories.add_name(category_id, name.strip(), kind, language)

        return self._do("categories", f"Added {what} {name.strip()} to {target}", write)

    def search_categories(self, text: str, limit: int = 10) -> list[Match]:
        """Proposals for what the expert types; recent categories for nothing typed."""
        if not text.strip():
            names = self._studio.catalogue
            return [Match(c, names.name(c), "", None, 100.0) for c in self.recent()[:limit]]
        hits, self._index = naming.search(
            self._studio.catalogue, self._index, text, limit, self._used
        )
        return hits

    # ---- recent, favourites, pace ----------------------------------------------------------
    def recent(self) -> list[int]:
        """Categories used in this session, newest first."""
        known = self._studio.catalogue.categories
        return [c for c in self._recent if c in known]

    def favourites(self) -> list[int | None]:
        """The nine slots of the keys 1-9; a new category takes the first free slot."""
        slots: list[int | None] = [None] * FAVOURITE_SLOTS
        known = self._studio.catalogue.categories
        for i, c in enumerate(json.loads(self._studio.store.get_setting("favourites", "[]"))):
            if i < FAVOURITE_SLOTS and c in known:
                slots[i] = c
        return slots

    def set_favourite(self, slot: int, category_id: int | None) -> None:
        """Put a category into slot 0-8 (None empties it); it leaves its former slot."""
        slots = [None if c == category_id else c for c in self.favourites()]
        slots[slot] = category_id
        self._studio.store.set_setting("favourites", json.dumps(slots))

    def session_rate(self) -> float:
        """Items named per hour in this session, breaks over five minutes left out."""
        if not self._session:
            return 0.0
        times = [t for t, _ in self._session] + [time.time()]
        pauses = np.diff(times)
        busy = float(pauses[pauses < 300].sum())
        named = sum(n for _, n in self._session)
        return named * 3600.0 / max(busy, 60.0)

    # ---- undo ------------------------------------------------------------------------------
    def undo(self) -> OpChanges | None:
        """Take back the last operation; None when there is none."""
        return self._publish(self._studio.store.operations.undo(who=self._studio.who))

    def redo(self) -> OpChanges | None:
        """Do again what was taken back last; None when there is nothing."""
        return self._publish(self._studio.store.operations.redo(who=self._studio.who))

    def reverse(self, operation_id: int) -> OpChanges | None:
        """Reverse one operation out of order; ConflictError when later ones built on it."""
        operations = self._studio.store.operations
        return self._publish(operations.reverse(operation_id, who=self._studio.who))

    def history(self, *, since: float = 0.0, limit: int = 1000) -> list[Operation]:
        """Operations, newest first."""
        return self._studio.store.operations.history(since=since, limit=limit)

    # ---- helpers ---------------------------------------------------------------------------
    def _do(
        self, verb: str, summary: str, write: Callable[[], None], run_id: str | None = None
    ) -> OpChanges | None:
        operations = self._studio.store.operations
        with operations.record(verb, summary, who=self._studio.who, run_id=run_id) as recording:
            write()
        return self._publish(recording.changes)

    def _publish(self, changes: OpChanges | None) -> OpChanges | None:
        if changes is not None:
            self._studio.bus.publish(changes)
        return changes

    def _known(self, ids: ArrayLike) -> NDArray[np.int64]:
        items = _items(ids)
        n = self._studio.catalogue.n
        if items[0] < 1 or items[-1] > n:
            wrong = int(items[0] if items[0] < 1 else items[-1])
            raise UserError(
                f"There is no item {wrong}.", f"The items of this project are 1 to {n}."
            )
        return items

    def _category_name(self, category_id: int | None) -> str:
        category = self._studio.catalogue.categories.get(int(category_id or 0))
        if category is None:
            raise UserError(
                f"There is no category {category_id}.", "Choose one from the tree or add it."
            )
        return category.name

    def _clean(self, name: str, parent_id: int | None, besides: int | None = None) -> str:
        clean = " ".join(name.split())
        if not clean:
            raise UserError("A category needs a name.", "Type a name.")
        sibling = self.child(parent_id, clean)
        if sibling is not None and sibling != besides:
            raise UserError(
                f"{clean} is already there.", "Use the existing category or another name."
            )
        return clean

    def _remember(self, category_id: int, count: int) -> None:
        self.last_category = category_id
        self._used[category_id] = self._used.get(category_id, 0) + 1
        if category_id in self._recent:
            self._recent.remove(category_id)
        self._recent.insert(0, category_id)
        self._session.append((time.time(), count))
        slots = self.favourites()
        if category_id not in slots and None in slots:
            self.set_favourite(slots.index(None), category_id)


def _count(n: int) -> str:
    return "1 item" if n == 1 else f"{n:,} items"
