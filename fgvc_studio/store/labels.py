"""Labels, marks, splits and rejections of items. Decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgvc_studio.domain.events import LabelPatch
from fgvc_studio.domain.records import Label, LabelSource, Mark
from fgvc_studio.store.changesets import LabelChange, LabelRows
from fgvc_studio.store.columns import LabelColumns, ascending
from fgvc_studio.store.database import Database
from fgvc_studio.store.images import carray
from fgvc_studio.store.label_table import LabelTable
from fgvc_studio.store.recording import Current

DECISION_TABLES = frozenset({"labels", "marks", "splits"})
_LABEL_COLUMNS = ("labels", "category_id", "source", "confidence", "operation_id")
_MARK_COLUMNS = ("marks", "marks")
_SPLIT_COLUMNS = ("splits", "split")
_LABELS = (
    "SELECT l.item_id, l.category_id, l.source, l.confidence, o.run_id, o.who, o.at "
    "FROM labels l JOIN operations o ON o.id=l.operation_id WHERE l.item_id "
)


def _label(row: tuple[Any, ...]) -> Label:
    return Label(row[0], row[1], LabelSource(row[2]), *row[3:])


class Labels:
    """Decisions on items; writing happens inside ``operations.record()``."""

    def __init__(self, database: Database, current: Current) -> None:
        self._db = database
        self._current = current
        self._table = LabelTable(database)

    # ---- reading ---------------------------------------------------------------------------
    def get(self, item_id: int) -> Label | None:
        """The label of an item."""
        rows = self._db.rows(f"{_LABELS} = ?", (item_id,))
        return _label(rows[0]) if rows else None

    def many(self, item_ids: NDArray[np.int64]) -> dict[int, Label]:
        """Labels of items that have one."""
        rows = self._db.rows(f"{_LABELS} IN (SELECT value FROM carray(?))", (carray(item_ids),))
        return {row[0]: _label(row) for row in rows}

    def rejected(self, item_id: int) -> list[int]:
        """Categories that the item is known not to be."""
        return [
            r[0]
            for r in self._db.rows("SELECT category_id FROM rejections WHERE item_id=?", (item_id,))
        ]

    def refused(self, category_id: int) -> NDArray[np.int64]:
        """Items that are known not to be of a category."""
        rows = self._db.rows("SELECT item_id FROM rejections WHERE category_id=?", (category_id,))
        return np.array([r[0] for r in rows], np.int64)

    def all_rejected(self) -> dict[int, set[int]]:
        """Item -> categories that it is known not to be, for all items that have some."""
        found: dict[int, set[int]] = {}
        for item, category in self._db.rows("SELECT item_id, category_id FROM rejections"):
            found.setdefault(item, set()).add(category)
        return found

    def columns(
        self,
        item_ids: NDArray[np.int64] | None = None,
        tables: frozenset[str] = DECISION_TABLES,
    ) -> LabelColumns:
        """Decisions as columns: a row for each of `item_ids`, or (None) for all that have any.

        Only what stands in `tables` is read; the other columns stay zero.
        """
        wanted = None if item_ids is None else ascending(np.asarray(item_ids, np.int64))
        labels = self._fetch(_LABEL_COLUMNS if "labels" in tables else None, wanted)
        if len(labels) > 1:
            labels[-1] = self._table.times(labels[-1])
        marks = self._fetch(_MARK_COLUMNS if "marks" in tables else None, wanted)
        splits = self._fetch(_SPLIT_COLUMNS if "splits" in tables else None, wanted)
        ids = labels[0]
        if wanted is not None:
            ids = wanted
        elif len(marks[0]) or len(splits[0]):
            ids = np.unique(np.concatenate([labels[0], marks[0], splits[0]]))
        columns = LabelColumns(
            item_ids=ids,
            category=np.zeros(len(ids), np.int32),
            source=np.zeros(len(ids), np.uint8),
            confidence=np.zeros(len(ids), np.float32),
            marks=np.zeros(len(ids), np.uint8),
            split=np.zeros(len(ids), np.uint8),
            at=np.zeros(len(ids), np.float64),
        )
        targets: tuple[tuple[tuple[NDArray[Any], ...], list[NDArray[Any]]], ...] = (
            ((columns.category, columns.source, columns.confidence, columns.at), labels),
            ((columns.marks,), marks),
            ((columns.split,), splits),
        )
        for target, source in targets:
            at = np.searchsorted(ids, source[0])
            for column, values in zip(target, source[1:], strict=False):
                column[at] = values
        return columns

    def _fetch(
        self, names: tuple[str, ...] | None, item_ids: NDArray[np.int64] | None
    ) -> list[NDArray[Any]]:
        """Columns of one table, item ids first; `names` begins with the table."""
        if names is None:
            return [np.empty(0, np.int64)]
        table, *wanted = names
        columns = f"SELECT t.item_id, {', '.join(wanted)} FROM"
        sql = f"{columns} {table} t ORDER BY t.item_id"
        values: tuple[Any, ...] = ()
        if item_ids is not None:  # ascending, and so are the rows that follow it
            sql = f"{columns} carray(?) c CROSS JOIN {table} t ON t.item_id=c.value"
            values = (carray(item_ids),)
        ids, *found = self._db.numbers(sql, values, width=1 + len(wanted))
        return [ids.astype(np.int64), *found]

    # ---- writing ---------------------------------------------------------------------------
    def set(
        self,
        item_ids: NDArray[np.int64],
        category_id: int | NDArray[np.int64],
        *,
        source: LabelSource,
        confidence: float | NDArray[np.float32] = 1.0,
    ) -> None:
        """Label items, all alike or each its own ``(K,)``; "not this" of the same pair goes."""
        recording = self._current.require()
        if not len(item_ids):
            return
        recording.touch(item_ids)
        uniform = np.ndim(category_id) == 0 and np.ndim(confidence) == 0
        order = np.argsort(item_ids, kind="stable")
        after = LabelRows(
            np.asarray(item_ids, np.int64)[order],
            np.broadcast_to(np.asarray(category_id, np.int64), np.shape(item_ids))[order],
            np.full(len(item_ids), int(source), np.int64),
            np.broadcast_to(np.asarray(confidence, np.float64), np.shape(item_ids))[order],
            np.full(len(item_ids), recording.operation_id, np.int64),
        )
        last = np.append(after.item_id[1:] != after.item_id[:-1], True)
        if not last.all():
            after = after.at(last)  # of an item that is named twice the last name counts
        category, sure = after.category_id, after.confidence
        recording.labelled(
            LabelPatch(
                after.item_id,
                int(category[0]) if uniform else category,
                int(source),
                float(sure[0]) if uniform else sure,
                recording.at,
            )
        )
        with self._current.watch.written() as changes:
            if changes is not None:
                changes.append(LabelChange(self._table.read(after.item_id), after))
            self._table.write(after)
        writer = self._db.writer
        if not self._db.value("SELECT 1 FROM rejections LIMIT 1"):
            return
        writer.execute(
            "DELETE FROM rejections WHERE item_id IN (SELECT value FROM carray(?)) AND EXISTS "
            "(SELECT 1 FROM labels l WHERE l.item_id=rejections.item_id "
            "AND l.category_id=rejections.category_id)",
            (carray(item_ids),),
        )

    def clear(self, item_ids: NDArray[np.int64]) -> None:
        """Take the label off items."""
        recording = self._current.require()
        recording.touch(item_ids)
        recording.labelled(None)
        self._table.remove(item_ids)

    def set_marks(self, item_ids: NDArray[np.int64], on: Mark, off: Mark = Mark.NONE) -> None:
        """Set and clear marks of items."""
        self._current.require().touch(item_ids)
        if not len(item_ids):
            return
        ids = carray(item_ids)
        self._db.writer.execute(
            "INSERT INTO marks SELECT value, ?2 FROM carray(?1) WHERE 1 "
            "ON CONFLICT (item_id) DO UPDATE SET marks=(marks & ~?3) | ?2",
            (ids, int(on), int(off)),
        )
        self._db.writer.execute(
            "DELETE FROM marks WHERE marks=0 AND item_id IN (SELECT value FROM carray(?))", (ids,)
        )

    def reject(self, item_ids: NDArray[np.int64], category_ids: ArrayLike) -> None:
        """Say that items are not of categories (one for all, or one each)."""
        self._current.require().touch(item_ids)
        refused = np.broadcast_to(np.asarray(category_ids), np.shape(item_ids)).tolist()
        self._db.writer.executemany(
            "INSERT OR IGNORE INTO rejections VALUES (?,?)",
            list(zip(item_ids.tolist(), refused, strict=True)),
        )

    def set_splits(self, item_ids: NDArray[np.int64], splits: Sequence[int] | NDArray[Any]) -> None:
        """Put items into splits, one each; `Split.NONE` takes them out."""
        self._current.require().touch(item_ids)
        values = np.asarray(splits).tolist()
        self._db.writer.executemany(
            "INSERT INTO splits VALUES (?,?) ON CONFLICT (item_id) DO UPDATE SET "
            "split=excluded.split",
            list(zip(item_ids.tolist(), values, strict=True)),
        )
        self._db.writer.execute("DELETE FROM splits WHERE split=0")
