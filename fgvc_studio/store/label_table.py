"""The rows of the table ``labels``, read and written thousands at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import LabelPatch
from fgvc_studio.store.changesets import LabelChange, LabelRows
from fgvc_studio.store.database import Database
from fgvc_studio.store.images import carray

_PUT = "INSERT OR REPLACE INTO labels (item_id, category_id, source, confidence, operation_id) "
_READ = (
    "SELECT t.item_id, category_id, source, confidence, operation_id "
    "FROM carray(?) c CROSS JOIN labels t ON t.item_id=c.value"
)
_AS_IT_IS = (
    "SELECT count(*) FROM carray(?1) c CROSS JOIN labels t ON t.item_id=c.value WHERE "
    "category_id=?2 AND source=?3 AND confidence=?4 AND operation_id=?5"
)
_GROUP = 16
"""Rows alike are written by one statement if there are as many of a kind on average."""


class LabelTable:
    """Reads and writes `LabelRows`; writing happens inside a transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def read(self, item_ids: NDArray[np.int64]) -> LabelRows:
        """What stands in the table of those items (ascending)."""
        ids, *columns = self._db.numbers(_READ, (carray(item_ids),), width=5)
        return _rows(ids.astype(np.int64), columns)

    def write(self, rows: LabelRows) -> None:
        """Put rows (ascending) in the place of what those items had."""
        if not len(rows):
            return
        writer = self._db.writer
        order, starts = _alike(rows)
        if len(starts) * _GROUP > len(rows) and len(starts) > 1:
            values = (column.tolist() for column in (rows.item_id, *rows.columns))
            writer.executemany(_PUT + "VALUES (?,?,?,?,?)", zip(*values, strict=True))
            return
        for part in np.split(order, starts[1:]):
            writer.execute(
                _PUT + "SELECT value, ?2, ?3, ?4, ?5 FROM carray(?1)",
                (carray(rows.item_id[part]), *_first(rows, part[0])),
            )

    def remove(self, item_ids: NDArray[np.int64]) -> None:
        """Take the labels off items."""
        if len(item_ids):
            self._db.writer.execute(
                "DELETE FROM labels WHERE item_id IN (SELECT value FROM carray(?))",
                (carray(item_ids),),
            )

    def move(self, change: LabelChange, *, inverted: bool) -> tuple[int, LabelRows]:
        """Do a change of labels or its inverse, writing only the columns in which both ends differ.

        Returns
        -------
        conflicts : int
            Items whose label is no longer as the change (or its inverse) begins in what would
            change, or that have one where it begins without; unless it is 0, nothing is written.
        rows : LabelRows
            The labels of those items as they are then.
        """
        items, had = change.after.item_id, change.had
        start, end = change.before, change.after
        if inverted:
            start, end = end, start
        if not (len(items) == len(start) and self._stands(start)):
            end, conflicts = self._merged(start, end, items)
            if conflicts:
                return conflicts, end
        if inverted:
            self.remove(items[~had])
        self.write(end)
        return 0, end

    def patch(self, items: NDArray[np.int64], rows: LabelRows) -> LabelPatch:
        """The labels of `items`, where those in `rows` have one."""
        wide, has = _aligned(rows, items)
        at = np.zeros(len(items), np.float64)
        at[has] = self.times(rows.operation_id)
        return LabelPatch(items, wide.category_id, wide.source, wide.confidence, at)

    def _stands(self, rows: LabelRows) -> bool:
        """Whether the table has these rows; told for rows that are all alike, else False."""
        if not len(rows) or not _uniform(rows):
            return False
        values = (carray(rows.item_id), *_first(rows, 0))
        return bool(self._db.value(_AS_IT_IS, values) == len(rows))

    def _merged(
        self, start: LabelRows, end: LabelRows, items: NDArray[np.int64]
    ) -> tuple[LabelRows, int]:
        """`end` with what the table has now where `start` and `end` are alike; and conflicts."""
        now, have = _aligned(self.read(items), items)
        old, had = _aligned(start, items)
        new, has = _aligned(end, items)
        bad = have != had
        values = []
        for mine, before, after in zip(now.columns, old.columns, new.columns, strict=True):
            moves = (before != after) | ~has  # what goes has to be as it was in every column
            bad |= had & moves & (mine != before)
            values.append(np.where(had & ~moves, mine, after)[has])
        return _rows(items[has], values), int(np.count_nonzero(bad))

    def times(self, operations: NDArray[np.int64]) -> NDArray[np.float64]:
        """When operations (K,) were done, Unix seconds.

        Raises
        ------
        UserError
            The log lacks one of them.
        """
        wanted = np.sort(operations.astype(np.int64))
        wanted = wanted[np.diff(wanted, prepend=-1) != 0]
        sql = "SELECT o.id, o.at FROM carray(?) c CROSS JOIN operations o ON o.id=c.value"
        ids, at = self._db.numbers(sql, (carray(wanted),), width=2)
        if len(ids) != len(wanted):
            raise UserError(
                "The log of decisions is incomplete: labels name operations that are not in it.",
                "Put the newest file of the project's folder backups in place of project.db.",
            )
        return np.asarray(at[np.searchsorted(wanted, operations)], np.float64)


def _rows(items: NDArray[np.int64], columns: Sequence[NDArray[Any]]) -> LabelRows:
    category, source, confidence, operation = columns
    return LabelRows(
        items,
        category.astype(np.int64, copy=False),
        source.astype(np.int64, copy=False),
        confidence.astype(np.float64, copy=False),
        operation.astype(np.int64, copy=False),
    )


def _aligned(rows: LabelRows, items: NDArray[np.int64]) -> tuple[LabelRows, NDArray[np.bool_]]:
    """Rows for all of `items`, zeros where there is none; and where there is one."""
    at = np.searchsorted(items, rows.item_id)
    there = np.zeros(len(items), bool)
    there[at] = True
    columns = []
    for column in rows.columns:
        wide = np.zeros(len(items), column.dtype)
        wide[at] = column
        columns.append(wide)
    return _rows(items, columns), there


def _uniform(rows: LabelRows) -> bool:
    return all(bool((column == column[0]).all()) for column in rows.columns)


def _first(rows: LabelRows, at: int) -> tuple[int | float, ...]:
    return tuple(column[at].item() for column in rows.columns)


def _alike(rows: LabelRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows in an order that puts equal ones together, and where each group starts in it."""
    if _uniform(rows):
        return np.arange(len(rows)), np.zeros(1, np.int64)
    order = np.lexsort(rows.columns)
    new = np.zeros(len(rows), bool)
    new[0] = True
    for column in rows.columns:
        ordered = column[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    return order, np.flatnonzero(new)
