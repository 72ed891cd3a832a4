"""The log: undo, redo, reverse, history, replay."""

from __future__ import annotations

import numpy as np
import pytest
from store_kit import Shop, decisions

from fgvc_studio.domain.errors import ConflictError, UserError
from fgvc_studio.domain.records import LabelSource, Mark
from fgvc_studio.store.project import ProjectStore


def ids(*values):
    return np.array(values, np.int64)


def test_undo_and_redo_name_their_target(shop):
    log = shop.store.operations
    a = shop.category("a")
    done = shop.label([1, 2], a).operation
    assert log.can_undo() == done and log.can_redo() is None
    undone = log.undo(who="bo")
    assert undone.items.tolist() == [1, 2] and undone.tables == {"labels"}
    assert (undone.operation.kind, undone.operation.target) == ("undo", done.id)
    assert undone.operation.who == "bo" and undone.operation.summary == "Undid: a test"
    assert log.can_redo().id == done.id and log.history()[1].undone
    assert log.redo(who="bo").operation.kind == "redo"
    assert shop.store.labels.get(2).category_id == a
    assert log.redo(who="bo") is None


def test_nothing_to_undo(shop):
    assert shop.store.operations.undo(who="x") is None
    assert shop.store.operations.redo(who="x") is None
    assert shop.store.operations.history() == []


def test_many_rows_name_the_same_tables_as_few(shop):
    a = shop.category("a")
    everything = np.tile(np.arange(1, 61), 10)[:600]
    changes = shop.do(
        lambda s: (
            s.labels.set(np.arange(1, 601), a, source=LabelSource.HUMAN),
            s.labels.set_marks(np.unique(everything), Mark.FLAGGED),
        )
    )
    assert changes.tables == {"labels", "marks"} and changes.operation.count == 600
    assert shop.store.operations.undo(who="x").tables == {"labels", "marks"}


def test_a_new_decision_abandons_what_was_undone(shop):
    log = shop.store.operations
    a, b = shop.category("a"), shop.category("b")
    shop.label([1], a)
    shop.label([2], a)
    log.undo(who="x")
    log.undo(who="x")
    shop.label([3], b)
    assert log.can_redo() is None and log.redo(who="x") is None
    for _ in range(3):
        assert log.undo(who="x") is not None
    assert log.undo(who="x") is None
    assert all(not rows for rows in decisions(shop.store).values())


def test_what_changed_nothing_keeps_the_redo_branch(shop):
    a = shop.category("a")
    shop.label([1], a)
    shop.store.operations.undo(who="x")
    shop.do(lambda s: s.labels.clear(ids(5)))
    assert shop.store.operations.can_redo() is not None


def test_undo_works_after_reopening(shop):
    a = shop.category("a")
    shop.label([1, 2], a)
    shop.label([2], a, LabelSource.MODEL)
    path, after = shop.store.path, decisions(shop.store)
    shop.store.operations.undo(who="x")
    shop.store.close()
    with ProjectStore.open(path) as store:
        while store.operations.undo(who="x"):
            pass
        assert all(not rows for rows in decisions(store).values())
    with ProjectStore.open(path) as store:
        while store.operations.redo(who="x"):
            pass
        assert decisions(store) == after


def test_reverse_of_an_older_operation_and_back(shop):
    log = shop.store.operations
    a, b = shop.category("a"), shop.category("b")
    first = shop.label([1, 2], a).operation
    shop.label([3], b)
    reversed_ = log.reverse(first.id, who="bo")
    assert reversed_.items.tolist() == [1, 2] and reversed_.operation.target == first.id
    assert shop.store.labels.get(1) is None and shop.store.labels.get(3).category_id == b
    log.undo(who="bo")
    assert shop.store.labels.get(1).category_id == a
    log.redo(who="bo")
    assert shop.store.labels.get(1) is None


def test_reverse_refuses_what_later_decisions_built_on(shop):
    a, b = shop.category("a"), shop.category("b")
    first = shop.label([1, 2, 3], a).operation
    shop.label([2], b)
    before, history = decisions(shop.store), shop.store.operations.history()
    with pytest.raises(ConflictError, match=r"1 of the same entries \(labels\)") as caught:
        shop.store.operations.reverse(first.id, who="x")
    assert "nothing was changed" in caught.value.remedy
    assert decisions(shop.store) == before and shop.store.operations.history() == history


def test_a_category_that_is_in_use_is_not_reversed_away(shop):
    a = shop.category("a")
    made = shop.store.operations.history()[0]
    shop.label([1], a)
    with pytest.raises(ConflictError):
        shop.store.operations.reverse(made.id, who="x")
    assert shop.store.categories.get(a).name == "a"


def test_a_removed_category_comes_back_only_under_a_living_parent(shop):
    parent = shop.category("p")
    child = shop.category("c", parent)
    removed = shop.do(lambda s: s.categories.remove(child)).operation
    shop.do(lambda s: s.categories.remove(parent))
    with pytest.raises(ConflictError):
        shop.store.operations.reverse(removed.id, who="x")


def test_reversing_moves_never_closes_a_ring(shop):
    a, b = shop.category("a"), shop.category("b")
    moved = shop.do(lambda s: s.categories.move(a, b)).operation
    back = shop.do(lambda s: s.categories.move(a, None)).operation
    shop.do(lambda s: s.categories.move(b, a))
    with pytest.raises(ConflictError):
        shop.store.operations.reverse(back.id, who="x")
    with pytest.raises(ConflictError):
        shop.store.operations.reverse(moved.id, who="x")


def test_reverse_refuses_undone_unknown_and_undo_entries(shop):
    a = shop.category("a")
    first = shop.label([1], a).operation
    undo = shop.store.operations.undo(who="x").operation
    for wanted in (first.id, undo.id, 999):
        with pytest.raises(UserError):
            shop.store.operations.reverse(wanted, who="x")
    assert shop.store.operations.can_redo() is not None, "a refusal abandons nothing"


def test_nested_recordings_are_refused_and_the_outer_one_goes_on(shop):
    with shop.store.operations.record("t", "outer", who="x") as recording:
        shop.store.categories.add("a")
        with (
            pytest.raises(RuntimeError, match="nest"),
            shop.store.operations.record("t", "inner", who="x"),
        ):
            shop.store.categories.add("b")
        with pytest.raises(RuntimeError, match="nest"):
            shop.store.set_setting("k", "v")
        shop.store.categories.add("c")
    assert recording.changes.operation.summary == "outer"
    assert [c.name for c in shop.store.categories.all()] == ["a", "c"]


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_an_exception_inside_writes_nothing(shop, fault):
    a = shop.category("a")
    shop.label([1], a)
    shop.store.operations.undo(who="x")
    before = decisions(shop.store), shop.store.operations.history()
    with (
        pytest.raises(fault),
        shop.store.operations.record("t", "t", who="x"),
    ):
        shop.store.labels.set(ids(4, 5), a, source=LabelSource.HUMAN)
        raise fault
    assert (decisions(shop.store), shop.store.operations.history()) == before
    assert shop.store.operations.can_redo() is not None
    assert shop.label([4], a) is not None


def test_summary_may_be_set_late(shop):
    with shop.store.operations.record("t", "", who="x", run_id="r7") as recording:
        shop.store.categories.add("a")
        recording.summary = "Added 1"
    assert recording.changes.operation.summary == "Added 1"
    assert shop.store.operations.history()[0].run_id == "r7"


def test_history_pages_and_times(shop):
    a = shop.category("a")
    for i in range(1, 8):
        shop.label([i], a)
    log = shop.store.operations
    everything = log.history()
    assert [o.id for o in everything] == list(range(8, 0, -1))
    page = log.history(limit=3)
    assert page + log.history(limit=100, before=page[-1].id) == everything
    assert log.history(since=everything[2].at) == everything[:3]
    assert log.items_of(everything[0].id).tolist() == [7]
    with pytest.raises(KeyError):
        log.items_of(99)


def test_the_story_of_one_item(shop):
    a, b = shop.category("a"), shop.category("b")
    shop.label([1, 2], a)
    shop.label([2], b)
    shop.do(lambda s: s.labels.set_marks(ids(2), Mark.FLAGGED))
    shop.do(lambda s: s.labels.set_splits(ids(2), np.array([3], np.uint8)))
    shop.do(lambda s: s.labels.reject(ids(2), a))
    shop.label([2], b, LabelSource.MODEL)
    shop.store.operations.undo(who="x")
    told = [sentence for _, sentence in shop.store.operations.of_item(2)]
    assert told == [
        "label confirmed", "label confirmed", "struck out of a", "split none -> test",
        "marks none -> flagged", "a -> b", "unlabelled -> a",
    ]  # fmt: skip
    assert [s for _, s in shop.store.operations.of_item(2, limit=2)] == told[:2]
    assert shop.store.operations.of_item(50) == []


def test_replay_of_everything_equals_the_project(shop, tmp_path):
    a, b = shop.category("a"), shop.category("b")
    first = shop.label(range(1, 30), a).operation
    shop.do(lambda s: s.labels.set_splits(ids(40), np.array([1], np.uint8)))
    shop.do(lambda s: s.categories.merge([b], a))
    shop.store.operations.undo(who="x")
    shop.store.operations.reverse(first.id, who="x")
    report = shop.store.replay(tmp_path / "again")
    assert report.equal and report.operations == 7 and report.differences == []
    with ProjectStore.open(tmp_path / "again") as copy:
        assert decisions(copy) == decisions(shop.store)
        assert copy.images.path_of(1) == shop.store.images.path_of(1)
        Shop(copy).label([1], a)
    with pytest.raises(UserError, match="there already"):
        shop.store.replay(tmp_path / "again")


def test_replay_tells_what_the_log_does_not_explain(shop, tmp_path):
    a = shop.category("a")
    shop.label([1, 2], a)
    shop.store._db.writer.execute("UPDATE labels SET confidence=0.5 WHERE item_id=2")
    shop.store._db.writer.execute("INSERT INTO marks VALUES (9, 1)")
    report = shop.store.replay(tmp_path / "again")
    assert not report.equal
    assert [d.split(":")[0] for d in report.differences] == ["labels", "marks"]
    shop.label([2], a)
    report = shop.store.replay(tmp_path / "third")
    assert not report.equal, "a change that does not fit is reported, not raised"
