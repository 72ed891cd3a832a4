"""The operation log: record, undo, redo, reverse, history (adr/0001)."""

from __future__ import annotations

import platform
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import ConflictError, UserError
from fgvc_studio.domain.events import LabelPatch, OpChanges
from fgvc_studio.domain.records import Operation
from fgvc_studio.store.changesets import TABLE
from fgvc_studio.store.database import Database, storable
from fgvc_studio.store.label_table import LabelTable
from fgvc_studio.store.recording import Changes, Current, Recording, Watch
from fgvc_studio.store.schema import DECISIONS

_COLUMNS = "id, at, who, host, kind, verb, summary, count, run_id, target, undone"
MANY = 500
_FIRST = "Reverse the later operations first; nothing was changed."
_REFERENCES = (
    ("labels", "category_id"),
    ("rejections", "category_id"),
    ("category_names", "category_id"),
    ("categories", "parent_id"),
    ("clusters", "category_id"),
)
_RINGS = (
    "WITH RECURSIVE reached (id) AS (SELECT id FROM categories WHERE parent_id IS NULL UNION ALL "
    "SELECT c.id FROM categories c JOIN reached r ON c.parent_id=r.id) "
    "SELECT (SELECT count(*) FROM categories) - (SELECT count(*) FROM reached)"
)
PRIMARY_KEYED_BY_ITEM = frozenset({"labels", "marks", "splits", "rejections"})


def _operation(row: tuple[Any, ...]) -> Operation:
    return Operation(*row[:10], bool(row[10]))  # type: ignore[call-arg]


def _tables(changes: Changes, items: NDArray[np.int64]) -> tuple[frozenset[str], int]:
    """Names of the tables that changed, and the number of items or else of rows changed.

    Changes stand grouped by table, so with thousands of rows the names are found by searching for
    the table headers instead of decoding every row.
    """
    labels = {TABLE} if changes.labels is not None else set()
    if len(items) > MANY:
        names = {t for t in DECISIONS if t.encode() + b"\0" in changes.rest}
        return frozenset(names | labels), len(items)
    rows = [change.name for change in apsw.Changeset.iter(changes.rest)] if changes.rest else []
    return frozenset(labels.union(rows)), len(items) or len(rows)


def _pack(items: NDArray[np.int64]) -> bytes:
    """Ascending ids as compressed steps: a tenth of their size."""
    return zlib.compress(np.diff(items, prepend=0).astype("<i8").tobytes(), 1)


def _unpack(blob: bytes) -> NDArray[np.int64]:
    return np.cumsum(np.frombuffer(zlib.decompress(blob), "<i8"), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Stored:
    """Changes in the log, whether the operation did their inverse, and its items."""

    changes: Changes
    inverted: bool
    items: NDArray[np.int64]

    def of(self, item_id: int) -> Changes:
        """The changes, of the labels only that of one item."""
        labels = self.changes.labels
        return replace(self.changes, labels=labels.of(item_id) if labels is not None else None)


class Operations:
    """The log of a project.

    Parameters
    ----------
    database : Database
    current : Current
        Tells the repositories that writing is allowed.
    """

    def __init__(self, database: Database, current: Current) -> None:
        self._db = database
        self._current = current
        self._table = LabelTable(database)
        self._host = platform.node()

    # ---- recording -------------------------------------------------------------------------
    @contextmanager
    def record(
        self, verb: str, summary: str, *, who: str, run_id: str | None = None
    ) -> Iterator[Recording]:
        """One transaction whose changes become one operation; an exception writes nothing.

        Raises
        ------
        RuntimeError
            When nested.
        """
        with self._db.transaction() as writer:
            recording = self._begin(summary, storable(who), run_id)
            watch = Watch(writer)
            try:
                self._current.hold(recording, watch)
                yield recording
                made = watch.changes()
            finally:
                self._current.hold(None)
                watch.close()
            if made:
                writer.execute("UPDATE operations SET abandoned=1 WHERE undone=1 AND abandoned=0")
                stored = _Stored(made, inverted=False, items=recording.items())
                recording.changes = self._log("do", verb, recording, stored, None)

    def _begin(self, summary: str, who: str, run_id: str | None) -> Recording:
        last = self._db.value("SELECT seq FROM sqlite_sequence WHERE name='operations'")
        return Recording(summary, who, run_id, time.time(), int(last or 0) + 1)

    def _log(
        self, kind: str, verb: str, recording: Recording, stored: _Stored, target: int | None
    ) -> OpChanges:
        items = stored.items
        tables, count = _tables(stored.changes, items)
        summary = storable(recording.summary)
        self._db.writer.execute(
            "INSERT INTO operations (id, at, who, host, kind, verb, summary, count, run_id, "
            "target, tables, items, changeset) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                recording.operation_id, recording.at, recording.who, self._host, kind, verb,
                summary, count, recording.run_id, target, ",".join(sorted(tables)), _pack(items),
                stored.changes.pack() if target is None else b"",
            ),
        )  # fmt: skip
        operation = Operation(
            recording.operation_id, recording.at, recording.who, self._host, kind, verb,
            summary, count, recording.run_id, target, False,
        )  # fmt: skip
        return OpChanges(operation, tables, items, recording.patch())

    # ---- undo, redo, reverse ---------------------------------------------------------------
    def can_undo(self) -> Operation | None:
        """The operation that `undo` would take back."""
        return self._first("kind='do' AND undone=0 AND abandoned=0 ORDER BY id DESC")

    def can_redo(self) -> Operation | None:
        """The operation that `redo` would do again."""
        return self._first("kind='do' AND undone=1 AND abandoned=0 ORDER BY id")

    def _first(self, where: str) -> Operation | None:
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM operations WHERE {where} LIMIT 1")
        return _operation(rows[0]) if rows else None

    def undo(self, *, who: str) -> OpChanges | None:
        """Take back the newest operation that stands; None without one."""
        return self._step(self.can_undo, "undo", "Undid", who)

    def redo(self, *, who: str) -> OpChanges | None:
        """Do again what was taken back last; None without it."""
        return self._step(self.can_redo, "redo", "Redid", who)

    def _step(self, find: Any, kind: str, word: str, who: str) -> OpChanges | None:
        with self._db.transaction() as writer:
            target: Operation | None = find()
            if target is None:
                return None
            stored = self._stored(target.id)
            patch = self._apply(stored, inverted=stored.inverted != (kind == "undo"))
            writer.execute(
                "UPDATE operations SET undone=? WHERE id=?", (int(kind == "undo"), target.id)
            )
            recording = self._begin(f"{word}: {target.summary}", who, target.run_id)
            recording.labelled(patch)
            return self._log(kind, target.verb, recording, stored, target.id)

    def reverse(self, operation_id: int, *, who: str) -> OpChanges:
        """Take back one older operation as a new one.

        Raises
        ------
        ConflictError
            Later decisions changed some of the same rows or need what would go; nothing is
            written.
        UserError
            No such operation, or it does not stand.
        """
        with self._db.transaction() as writer:
            found = self._first(f"id={int(operation_id)}")
            if found is None or found.kind != "do":
                raise UserError(
                    f"Operation {operation_id} cannot be reversed.",
                    "Choose a decision, not an undo or redo.",
                )
            if found.undone:
                raise UserError(
                    f"Operation {operation_id} is taken back already.", "Use redo to do it again."
                )
            stored = self._stored(found.id)
            patch = self._apply(stored, inverted=not stored.inverted)
            self._check_tree()
            writer.execute("UPDATE operations SET abandoned=1 WHERE undone=1 AND abandoned=0")
            recording = self._begin(f"Reversed: {found.summary}", who, found.run_id)
            recording.labelled(patch)
            return self._log("do", "reverse", recording, stored, found.id)

    def _check_tree(self) -> None:
        """Refuse a reversal after which a decision names a category that is not there."""
        for table, column in _REFERENCES:
            lost = self._db.value(
                f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM categories)"
            )
            if lost:
                raise ConflictError(
                    f"Later decisions need what would go ({lost:,} entries of {table}).", _FIRST
                )
        if self._db.value(_RINGS):
            raise ConflictError("Categories would hang under themselves.", _FIRST)

    def _stored(self, operation_id: int) -> _Stored:
        """The changes of an operation, or of the one that it undid or did again."""
        rows = self._db.rows(
            "SELECT changeset, items, kind, target FROM operations WHERE id=?", (operation_id,)
        )
        if not rows:
            raise KeyError(operation_id)
        packed, items, kind, target = rows[0]
        if packed:
            return _Stored(Changes.unpack(packed), inverted=False, items=_unpack(items))
        origin = self._stored(target)
        return replace(origin, inverted=origin.inverted != (kind != "redo"))

    def _apply(self, stored: _Stored, *, inverted: bool) -> LabelPatch | None:
        """Do changes or their inverse; what the labels are then, where that is known."""
        conflicts: list[str] = []

        def on_conflict(_reason: int, change: apsw.TableChange) -> int:
            conflicts.append(change.name)
            return apsw.SQLITE_CHANGESET_OMIT

        flags = apsw.SQLITE_CHANGESETAPPLY_NOSAVEPOINT  # a fault rolls the whole operation back
        if inverted:
            flags |= apsw.SQLITE_CHANGESETAPPLY_INVERT
        if stored.changes.rest:
            apsw.Changeset.apply(
                stored.changes.rest, self._db.writer, conflict=on_conflict, flags=flags
            )
        labels = stored.changes.labels
        rows = None
        if labels is not None:
            unfit, rows = self._table.move(labels, inverted=inverted)
            conflicts += [TABLE] * unfit
        if conflicts:
            where = ", ".join(sorted(set(conflicts)))
            raise ConflictError(
                f"Later decisions changed {len(conflicts):,} of the same entries ({where}).",
                _FIRST,
            )
        if labels is None or rows is None:
            return None
        return self._table.patch(labels.after.item_id, rows)

    # ---- history ---------------------------------------------------------------------------
    def history(
        self, *, since: float = 0.0, limit: int = 1000, before: int | None = None
    ) -> list[Operation]:
        """Operations, newest first; `before` an id for paging."""
        rows = self._db.rows(
            f"SELECT {_COLUMNS} FROM operations WHERE at>=? AND id<? ORDER BY id DESC LIMIT ?",
            (since, before if before is not None else 1 << 62, limit),
        )
        return [_operation(row) for row in rows]

    def items_of(self, operation_id: int) -> NDArray[np.int64]:
        """Items that an operation touched, ascending.

        Raises
        ------
        KeyError
            No such operation.
        """
        return self._stored(operation_id).items.copy()

    def of_item(self, item_id: int, limit: int = 100) -> list[tuple[Operation, str]]:
        """Operations that changed an item, newest first, each with a sentence."""
        found: list[tuple[Operation, str]] = []
        names = dict(self._db.rows("SELECT id, name FROM categories"))
        before = 1 << 62
        while len(found) < limit:
            rows = self._db.rows(
                f"SELECT {_COLUMNS}, items FROM operations WHERE id<? ORDER BY id DESC LIMIT 200",
                (before,),
            )
            if not rows:
                break
            before = rows[-1][0]
            for row in rows:
                items = _unpack(row[11])
                at = int(np.searchsorted(items, item_id))
                if at < len(items) and items[at] == item_id:
                    sentence = self._sentence(row[0], item_id, names)
                    if sentence:
                        found.append((_operation(row), sentence))
        return found[:limit]

    def _sentence(self, operation_id: int, item_id: int, names: dict[int, str]) -> str:
        parts = []
        stored = self._stored(operation_id)
        for change in apsw.Changeset.iter(stored.of(item_id).changeset()):
            if change.name not in PRIMARY_KEYED_BY_ITEM:
                continue
            old, new = change.old or (), change.new or ()
            if (old or new)[0] != item_id:
                continue
            if stored.inverted:
                old, new = new, old
            parts.append(_say(change.name, old, new, names))
        return "; ".join(p for p in parts if p)

    def changesets(self) -> Iterator[bytes]:
        """Every changeset in order of commitment."""
        ids = self._db.rows("SELECT id FROM operations ORDER BY id")
        for (operation_id,) in ids:
            stored = self._stored(operation_id)
            changeset = stored.changes.changeset()
            yield apsw.Changeset.invert(changeset) if stored.inverted else changeset


def _say(table: str, old: tuple[Any, ...], new: tuple[Any, ...], names: dict[int, str]) -> str:
    def at(values: tuple[Any, ...], i: int) -> Any:
        return values[i] if len(values) > i and values[i] is not apsw.no_change else None

    before, after = at(old, 1), at(new, 1)
    if table == "labels":
        if before is None and after is None:
            return "label confirmed"
        shown = (
            "unlabelled" if v is None else names.get(v, f"category {v}") for v in (before, after)
        )
        return " -> ".join(shown)
    if table == "marks":
        return f"marks {_marks(before)} -> {_marks(after)}"
    if table == "splits":
        words = {None: "none", 0: "none", 1: "train", 2: "val", 3: "test"}
        return f"split {words.get(before)} -> {words.get(after)}"
    category = after if after is not None else before
    verb = "struck out of" if new else "no longer struck out of"
    return f"{verb} {names.get(category, f'category {category}')}"


def _marks(value: int | None) -> str:
    words = [
        w for bit, w in ((1, "reviewed"), (2, "uncertain"), (4, "flagged")) if (value or 0) & bit
    ]
    return " + ".join(words) or "none"
