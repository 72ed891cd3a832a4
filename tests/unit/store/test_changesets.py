"""Changesets written from columns: the same as those of SQLite's session extension."""

from __future__ import annotations

import zlib

import apsw
import numpy as np
import pytest
from store_kit import decisions

from fgvc_studio.domain.records import LabelSource
from fgvc_studio.store.changesets import LabelChange, LabelRows, label_changes
from fgvc_studio.store.label_table import LabelTable
from fgvc_studio.store.recording import Changes

_TABLE = (
    "CREATE TABLE labels (item_id INTEGER PRIMARY KEY, category_id INTEGER NOT NULL, "
    "source INTEGER NOT NULL, confidence REAL NOT NULL, operation_id INTEGER NOT NULL)"
)


def _rows(rng, items):
    return LabelRows(
        items,
        rng.integers(1, 3, len(items)),
        rng.integers(0, 2, len(items)),
        rng.choice([0.25, 1.0, 2 / 3], len(items)),
        rng.integers(1, 4, len(items)),
    )


def _fill(rows):
    connection = apsw.Connection(":memory:")
    connection.execute(_TABLE)
    _write(connection, rows)
    return connection


def _write(connection, rows):
    columns = (rows.item_id, rows.category_id, rows.source, rows.confidence, rows.operation_id)
    connection.executemany(
        "INSERT OR REPLACE INTO labels VALUES (?,?,?,?,?)",
        list(zip(*(c.tolist() for c in columns), strict=True)),
    )


def _changes(changeset):
    return {(c.opcode, c.pk_columns and (c.old or c.new)[0], c.old, c.new)
            for c in apsw.Changeset.iter(changeset)}  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_the_session_extension_writes_the_same_changes(seed):
    rng = np.random.default_rng(seed)
    items = np.sort(rng.choice(400, 150, replace=False)) + 1
    before = _rows(rng, items[rng.random(150) < 0.6])
    after = _rows(rng, items)
    mine = label_changes(before, after)
    connection = _fill(before)
    session = apsw.Session(connection, "main")
    session.attach("labels")
    _write(connection, after)
    assert _changes(mine) == _changes(session.changeset())
    again = _fill(before)
    apsw.Changeset.apply(mine, again)
    wanted = connection.execute("SELECT * FROM labels ORDER BY 1").fetchall()
    assert again.execute("SELECT * FROM labels ORDER BY 1").fetchall() == wanted
    apsw.Changeset.apply(apsw.Changeset.invert(mine), again)
    assert len(again.execute("SELECT * FROM labels").fetchall()) == len(before)


def test_no_change_no_bytes():
    rows = _rows(np.random.default_rng(0), np.arange(1, 5))
    assert label_changes(rows, rows) == b""


def test_several_changes_of_the_same_labels_in_one_operation(shop):
    a, b = shop.category("a"), shop.category("b")
    shop.label([1, 2, 3], a)
    start = decisions(shop.store)
    some = np.array([2, 3, 4, 5])

    def act(store):
        store.labels.set(some, a, source=LabelSource.MODEL, confidence=0.5)
        store.labels.set(np.array([5, 6]), b, source=LabelSource.HUMAN)  # 5 once more
        store.labels.clear(np.array([1, 6]))
        store.labels.set(np.array([6, 2]), a, source=LabelSource.HUMAN)
        store.categories.merge([b], a)

    shop.do(act)
    end = decisions(shop.store)
    assert shop.store.labels.get(5).category_id == a and shop.store.labels.get(1) is None
    shop.store.operations.undo(who="x")
    assert decisions(shop.store) == start
    shop.store.operations.redo(who="x")
    assert decisions(shop.store) == end


def test_of_an_item_named_twice_the_last_counts(shop):
    a, b = shop.category("a"), shop.category("b")
    shop.do(lambda s: s.labels.set(np.array([3, 1, 3]), np.array([a, a, b]),
                                   source=LabelSource.IMPORT))  # fmt: skip
    assert [shop.store.labels.get(i).category_id for i in (1, 3)] == [a, b]


def test_undo_and_redo_keep_no_changes_of_their_own(shop):
    a = shop.category("a")
    shop.label([1, 2], a)
    shop.store.operations.undo(who="x")
    shop.store.operations.redo(who="x")
    undone = shop.store.operations.undo(who="x")
    assert len(list(shop.store.operations.changesets())) == 5
    sizes = [r[0] for r in shop.store._db.rows("SELECT length(changeset) FROM operations")]
    assert sizes[2:] == [0, 0, 0] and min(sizes[:2]) > 0
    assert undone.items.tolist() == [1, 2]


@pytest.mark.parametrize("size", [0, 1, 150])
def test_a_change_survives_the_log(size):
    rng = np.random.default_rng(size)
    items = np.sort(rng.choice(90_000, size, replace=False)) + 1
    change = LabelChange(_rows(rng, items[rng.random(size) < 0.5]), _rows(rng, items))
    rest = b"other tables" * (size % 3)
    again = Changes.unpack(Changes(change, rest).pack())
    assert again.rest == rest and again.changeset() == rest + change.changeset()
    for end in ("before", "after"):
        mine, read = getattr(change, end), getattr(again.labels, end)
        for a, b in zip((mine.item_id, *mine.columns), (read.item_id, *read.columns), strict=True):
            assert a.dtype == b.dtype and a.tolist() == b.tolist()


def test_a_log_of_changesets_only_is_read_as_well():
    stream = zlib.compress(b"as SQLite wrote it")
    assert Changes.unpack(stream) == Changes(None, b"as SQLite wrote it")


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("disturbed", [0, 1, 2, 3, 40])
@pytest.mark.parametrize("alike", [False, True])
def test_moving_labels_does_what_sqlite_does(shop, inverted, disturbed, alike):
    """Against `Changeset.apply`: the same conflicts, and without any the same table."""
    rng = np.random.default_rng([inverted, disturbed, alike])
    items = np.arange(1, 9) if alike else np.sort(rng.choice(9, 8, replace=False)) + 1
    before, after = _rows(rng, items[rng.random(8) < 0.6]), _rows(rng, items)
    if alike:
        after = after.at(np.zeros(8, int))
        after = LabelRows(items, *after.columns)
    change = LabelChange(before, after)
    other = _fill(after if inverted else before)
    writer = shop.store._db.writer
    for connection in (other, writer):
        dice = np.random.default_rng(disturbed)
        connection.execute("DELETE FROM labels")
        _write(connection, after if inverted else before)
        for _ in range(disturbed):
            column = dice.choice(["category_id", "source", "confidence"])
            connection.execute(
                f"UPDATE labels SET {column}={column} + 1 WHERE item_id=?", (int(dice.integers(9)),)
            )
    unfit = []
    flags = apsw.SQLITE_CHANGESETAPPLY_INVERT if inverted else 0

    def note(reason, change):
        unfit.append(change.name)
        return apsw.SQLITE_CHANGESET_OMIT

    apsw.Changeset.apply(change.changeset(), other, conflict=note, flags=flags)
    conflicts, rows = LabelTable(shop.store._db).move(change, inverted=inverted)
    assert conflicts == len(unfit)
    if not conflicts:
        every = "SELECT * FROM labels ORDER BY 1"
        wanted = other.execute(every).fetchall()
        assert writer.execute(every).fetchall() == wanted
        columns = [c.tolist() for c in (rows.item_id, *rows.columns)]
        assert list(zip(*columns, strict=True)) == [r for r in wanted if r[0] in items]
    writer.execute("DELETE FROM labels")
