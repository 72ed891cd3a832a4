"""Changes of labels as columns: kept in the log, and written as changesets where SQLite needs them.

The session extension notes every changed row in a hash table and later looks each of them up again;
for a decision on 20,000 items that takes longer than writing the rows. A label row holds numbers
only, so columns before and after say the same in a tenth of the bytes, and numpy can write
thousands of changes at once in the format that SQLite documents.
(https://www.sqlite.org/sessions.html; the layout stands in sqlite3session.h.)
"""

from __future__ import annotations

import zlib
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

    @property
    def columns(self) -> tuple[NDArray[np.int64] | NDArray[np.float64], ...]:
        """All but the items."""
        return (self.category_id, self.source, self.confidence, self.operation_id)

    def at(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> LabelRows:
        """Some of the rows."""
        return LabelRows(
            self.item_id[rows],
            self.category_id[rows],
            self.source[rows],
            self.confidence[rows],
            self.operation_id[rows],
        )


@dataclass(frozen=True, slots=True)
class LabelChange:
    """What became of some labels.

    Attributes
    ----------
    before : LabelRows
        What those items had, of the items that had a label.
    after : LabelRows
        Ascending by item; every item of `before` is in it.
    """

    before: LabelRows
    after: LabelRows

    @property
    def had(self) -> NDArray[np.bool_]:
        """Which rows of `after` take the place of one in `before`."""
        found = np.zeros(len(self.after), bool)
        found[np.searchsorted(self.after.item_id, self.before.item_id)] = True
        return found

    def changeset(self) -> bytes:
        """The same for SQLite."""
        return label_changes(self.before, self.after)

    def of(self, item_id: int) -> LabelChange:
        """The change of one item."""
        return LabelChange(
            self.before.at(self.before.item_id == item_id),
            self.after.at(self.after.item_id == item_id),
        )

    def pack(self) -> bytes:
        """A zlib stream that `unpack` reads."""
        steps = np.diff(self.after.item_id, prepend=0)
        arrays = (steps, np.packbits(self.had), *self.before.columns, *self.after.columns)
        size = len(self.after).to_bytes(8, "little")
        return zlib.compress(size + b"".join(_narrow(a) for a in arrays), 1)

    @classmethod
    def unpack(cls, data: bytes) -> LabelChange:
        """What `pack` wrote."""
        body = zlib.decompress(data)
        size = int.from_bytes(body[:8], "little")
        arrays: list[NDArray[np.generic]] = []
        at = 8
        while at < len(body):
            array, at = _widen(body, at)
            arrays.append(array)
        items = np.cumsum(arrays[0], dtype=np.int64)
        had = np.unpackbits(arrays[1].astype(np.uint8), count=size).astype(bool)
        before, after = (
            LabelRows(
                rows,
                columns[0].astype(np.int64),
                columns[1].astype(np.int64),
                columns[2].astype(np.float64),
                columns[3].astype(np.int64),
            )
            for rows, columns in ((items[had], arrays[2:6]), (items, arrays[6:10]))
        )
        return cls(before, after)


def _narrow(array: NDArray[np.generic]) -> bytes:
    """Kind, length and values of an array, in as few bytes as its greatest value needs."""
    constant = len(array) > 1 and bool((array == array[0]).all())
    kept = array[:1] if constant else array
    if kept.dtype.kind in "iu" and len(kept) and int(kept.min()) >= 0:
        kept = kept.astype(np.min_scalar_type(int(kept.max())))
    kept = kept.astype(kept.dtype.newbyteorder("<"))
    head = kept.dtype.str[1:].encode() + (b"=" if constant else b"*")
    return head + len(array).to_bytes(8, "little") + kept.tobytes()


def _widen(body: bytes, at: int) -> tuple[NDArray[np.generic], int]:
    """An array that `_narrow` wrote at a place, and the place after it."""
    kind, constant = np.dtype("<" + body[at : at + 2].decode()), body[at + 2 : at + 3] == b"="
    size = int.from_bytes(body[at + 3 : at + 11], "little")
    kept = np.frombuffer(body, kind, 1 if constant else size, at + 11)
    end = at + 11 + kept.nbytes
    return (np.broadcast_to(kept, size) if constant else kept), end


def label_changes(before: LabelRows, after: LabelRows) -> bytes:
    """The changeset that turns `before` into `after`, see `LabelChange`."""
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
