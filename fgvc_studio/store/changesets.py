"""Changesets of labels written straight from columns, in the format that SQLite documents.

The session extension notes every changed row in a hash table and later looks each of them up again;
for a decision on 20,000 items that takes longer than writing the rows. A label row holds numbers
only, so its changes have a few fixed shapes and numpy can write thousands of them at once.
(https://www.sqlite.org/sessions.html; the layout stands in sqlite3session.h.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apsw
import numpy as np
from numpy.typing import NDArray

TABLE = "labels"
_INTEGER, _REAL = b"\x01", b"\x02"
_FIELDS = (
    ("item_id", _INTEGER), ("category_id", _INTEGER), ("source", _INTEGER),
    ("confidence", _REAL), ("operation_id", _INTEGER),
)  # fmt: skip
_HEADER = b"T" + bytes([len(_FIELDS), 1, 0, 0, 0, 0]) + TABLE.encode() + b"\0"


@dataclass(frozen=True, slots=True)
class LabelRows:
    """Rows of the table ``labels`` as columns (K,), one item at most once."""

    item_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    source: NDArray[np.int64]
    confidence: NDArray[np.float64]
    operation_id: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.item_id)

    def at(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> LabelRows:
        """Some of the rows."""
        return LabelRows(
            self.item_id[rows],
            self.category_id[rows],
            self.source[rows],
            self.confidence[rows],
            self.operation_id[rows],
        )


def label_changes(before: LabelRows, after: LabelRows) -> bytes:
    """The changeset that turns `before` into `after`; every item of `before` is in `after`.

    Parameters
    ----------
    before : LabelRows
        What those items had, of the items that had a label.
    after : LabelRows
        Ascending by item.
    """
    had = np.searchsorted(after.item_id, before.item_id)
    new = np.ones(len(after), bool)
    new[had] = False
    parts = [_inserts(after.at(new)), *_updates(before, after.at(had))]
    body = b"".join(parts)
    return _HEADER + body if body else b""


def _inserts(rows: LabelRows) -> bytes:
    return _written(apsw.SQLITE_INSERT, [(rows, tuple(name for name, _ in _FIELDS))])


def _updates(before: LabelRows, after: LabelRows) -> Iterator[bytes]:
    """One block for each set of columns that changed."""
    if not len(before):
        return
    names = [name for name, _ in _FIELDS[1:]]
    changed = np.zeros(len(before), np.int64)
    for bit, name in enumerate(names):
        unequal = getattr(before, name) != getattr(after, name)
        changed |= unequal.astype(np.int64) << bit
    for pattern in np.unique(changed):
        if not pattern:
            continue
        rows = changed == pattern
        differ = tuple(name for bit, name in enumerate(names) if pattern >> bit & 1)
        yield _written(
            apsw.SQLITE_UPDATE,
            [(before.at(rows), ("item_id", *differ)), (after.at(rows), differ)],
        )


def _written(operation: int, records: list[tuple[LabelRows, tuple[str, ...]]]) -> bytes:
    """Changes of one shape: a byte each for operation and origin, then the records' values."""
    layout: list[tuple[str, str]] = [("head", "V2")]
    for number, (_, present) in enumerate(records):
        for name, kind in _FIELDS:
            layout.append((f"{name}{number}type", "V1"))
            if name in present:
                layout.append((f"{name}{number}", ">i8" if kind == _INTEGER else ">f8"))
    table = np.zeros(len(records[0][0]), layout)
    table["head"] = np.void(bytes([operation, 0]))
    for number, (rows, present) in enumerate(records):
        for name, kind in _FIELDS:
            if name in present:
                table[f"{name}{number}type"] = np.void(kind)
                table[f"{name}{number}"] = getattr(rows, name)
    return table.tobytes()
