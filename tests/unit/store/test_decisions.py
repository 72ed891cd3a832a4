"""Labels, marks, splits, rejections and categories, each with its undo."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from store_kit import decisions

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import LabelSource, Mark, NameKind


def ids(*values):
    return np.array(values, np.int64)


def test_a_label_has_who_when_source_and_confidence(shop):
    a = shop.category("Danaus plexippus")
    changes = shop.label([3, 1, 2], a, LabelSource.MODEL, confidence=0.25)
    assert changes.items.tolist() == [1, 2, 3] and changes.tables == {"labels"}
    label = shop.store.labels.get(2)
    assert (label.category_id, label.source, label.confidence) == (a, LabelSource.MODEL, 0.25)
    assert label.who == "ana" and label.at == changes.operation.at
    assert shop.store.labels.get(4) is None
    assert set(shop.store.labels.many(ids(2, 4, 3))) == {2, 3}


def test_each_item_its_own_category_and_confidence(shop):
    a, b = shop.category("a"), shop.category("b")
    shop.label([1, 2, 3], np.array([a, b, a]), confidence=np.array([0.5, 0.25, 1.0], np.float32))
    columns = shop.store.labels.columns()
    assert columns.category.tolist() == [a, b, a]
    assert columns.confidence.tolist() == [0.5, 0.25, 1.0]
    assert columns.category.dtype == np.int32 and columns.source.dtype == np.uint8


def test_columns_hold_every_decision_and_only_the_wanted_tables(shop):
    a = shop.category("a")
    shop.label([5], a)
    shop.do(lambda s: s.labels.set_marks(ids(7), Mark.FLAGGED))
    shop.do(lambda s: s.labels.set_splits(ids(5, 9), np.array([2, 3], np.uint8)))
    every = shop.store.labels.columns()
    assert every.item_ids.tolist() == [5, 7, 9]
    assert every.marks.tolist() == [0, 4, 0] and every.split.tolist() == [2, 0, 3]
    some = shop.store.labels.columns(ids(9, 6, 5))
    assert some.item_ids.tolist() == [5, 6, 9] and some.category.tolist() == [a, 0, 0]
    only = shop.store.labels.columns(ids(5), frozenset({"splits"}))
    assert only.category.tolist() == [0] and only.split.tolist() == [2]
    assert len(shop.store.labels.columns(ids()).item_ids) == 0


def test_marks_set_and_clear_bits(shop):
    shop.do(lambda s: s.labels.set_marks(ids(1, 2), Mark.REVIEWED | Mark.UNCERTAIN))
    shop.do(lambda s: s.labels.set_marks(ids(2, 3), Mark.FLAGGED, Mark.UNCERTAIN))
    assert decisions(shop.store)["marks"] == [(1, 3), (2, 5), (3, 4)]
    shop.do(lambda s: s.labels.set_marks(ids(1, 9), Mark.NONE, Mark.REVIEWED | Mark.UNCERTAIN))
    assert decisions(shop.store)["marks"] == [(2, 5), (3, 4)]


def test_what_changes_nothing_is_no_operation(shop):
    a = shop.category("a")
    before = shop.store.operations.history()
    assert shop.do(lambda s: s.labels.clear(ids(1))) is None
    assert shop.do(lambda s: s.labels.set_marks(ids(1), Mark.NONE, Mark.FLAGGED)) is None
    assert shop.do(lambda s: s.categories.rename(a, "a")) is None
    assert shop.do(lambda s: s.labels.set(ids(), a, source=LabelSource.HUMAN)) is None
    assert shop.store.operations.history() == before


def test_labelling_takes_back_an_older_not_this(shop):
    a, b = shop.category("a"), shop.category("b")
    shop.do(lambda s: s.labels.reject(ids(1, 1, 2), ids(a, b, a)))
    shop.label([1], a)
    assert shop.store.labels.rejected(1) == [b] and shop.store.labels.rejected(2) == [a]
    shop.store.operations.undo(who="ana")
    assert sorted(shop.store.labels.rejected(1)) == [a, b]


def test_splits_of_none_vanish(shop):
    shop.do(lambda s: s.labels.set_splits(ids(1, 2), np.array([1, 2], np.uint8)))
    shop.do(lambda s: s.labels.set_splits(ids(1), np.array([0], np.uint8)))
    assert decisions(shop.store)["splits"] == [(2, 2)]


def test_decisions_outside_a_recording_or_from_another_thread_are_refused(shop):
    with pytest.raises(RuntimeError, match="inside operations"):
        shop.store.labels.clear(ids(1))
    caught = []

    def intrude():
        try:
            shop.store.categories.add("from the side")
        except RuntimeError as error:
            caught.append(error)

    with shop.store.operations.record("t", "t", who="ana"):
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join(10)
    assert len(caught) == 1
    assert shop.store.categories.all() == []


def test_the_tree(shop):
    genus = shop.category("Danaus", rank="genus", authorship="Kluk, 1780", note="n")
    species = shop.category("plexippus", genus, provisional=True)
    shop.do(lambda s: s.categories.add_name(species, "Monarch", NameKind.VERNACULAR, "en"))
    found = shop.store.categories.get(species)
    assert found.parent_id == genus and found.provisional
    assert [(n.name, n.kind, n.language) for n in found.names] == [
        ("Monarch", NameKind.VERNACULAR, "en")
    ]
    assert shop.store.categories.get(genus).authorship == "Kluk, 1780"
    assert shop.store.categories.find("DANAUS").id == genus
    assert shop.store.categories.find("monarch").id == species
    assert shop.store.categories.find("nobody") is None
    with pytest.raises(KeyError):
        shop.store.categories.get(99)
    shop.do(lambda s: s.categories.rename(species, "chrysippus"))
    assert shop.store.categories.find("chrysippus").provisional
    assert shop.do(lambda s: s.categories.add_name(species, "Monarch", NameKind.VERNACULAR)) is None
    shop.do(lambda s: s.categories.remove_name(found.names[0].id))
    assert shop.store.categories.get(species).names == ()


def test_names_that_are_no_utf8_are_kept_readable(shop):
    strange = os.fsdecode(b"caf\xe9")
    a = shop.category(strange)
    with shop.store.operations.record("t", f"Labelled as {strange}", who=strange) as recording:
        shop.store.categories.add_name(a, strange + "\nx", NameKind.SYNONYM)
    shop.store.metadata.set(ids(1), "place", [strange])
    assert shop.store.categories.get(a).name == "caf\\udce9"
    assert shop.store.categories.get(a).names[0].name == "caf\\udce9\nx"
    assert recording.changes.operation == shop.store.operations.history()[0]
    assert recording.changes.operation.summary == "Labelled as caf\\udce9"
    assert shop.store.metadata.column("place") == {1: "caf\\udce9"}


def test_no_cycles_by_move_or_merge(shop):
    a = shop.category("a")
    b = shop.category("b", a)
    c = shop.category("c", b)
    before = decisions(shop.store)
    for moved, under in ((a, c), (a, a), (b, c)):
        with pytest.raises(UserError, match="under itself"):
            shop.do(lambda s, m=moved, u=under: s.categories.move(m, u))
    with pytest.raises(UserError, match="own children"):
        shop.do(lambda s: s.categories.merge([a], c))
    with pytest.raises(UserError, match="own children"):
        shop.do(lambda s: s.categories.merge([b, a], c))
    with pytest.raises(UserError, match="itself"):
        shop.do(lambda s: s.categories.merge([a], a))
    assert decisions(shop.store) == before
    shop.do(lambda s: s.categories.move(c, None))
    shop.do(lambda s: s.categories.move(a, c))
    assert [x.parent_id for x in shop.store.categories.all()] == [c, a, None]


def test_merge_moves_everything_and_undo_brings_it_back(shop):
    a, b = shop.category("a"), shop.category("b")
    child = shop.category("child", b)
    shop.do(lambda s: s.categories.add_name(b, "bee", NameKind.VERNACULAR))
    shop.label([1, 2], a)
    shop.label([3], b)
    shop.do(lambda s: s.labels.reject(ids(1, 4), b))
    shop.do(lambda s: s.labels.reject(ids(3, 4), a))
    before = decisions(shop.store)
    changes = shop.do(lambda s: s.categories.merge([b], a))
    after = decisions(shop.store)
    assert changes.items.tolist() == [1, 3, 4]
    assert shop.store.labels.get(3).category_id == a
    assert shop.store.categories.get(child).parent_id == a
    assert {n.name for n in shop.store.categories.get(a).names} == {"bee", "b"}
    assert after["rejections"] == [(4, a)], "nobody is labelled with what it is known not to be"
    shop.store.operations.undo(who="ana")
    assert decisions(shop.store) == before
    shop.store.operations.redo(who="ana")
    assert decisions(shop.store) == after


def test_only_empty_categories_can_be_removed(shop):
    a = shop.category("a")
    b = shop.category("b", a)
    shop.label([1], b)
    for wanted, reason in ((a, "1 children"), (b, "1 labelled items")):
        with pytest.raises(UserError, match=reason):
            shop.do(lambda s, w=wanted: s.categories.remove(w))
    shop.store.operations.undo(who="ana")
    shop.do(lambda s: s.labels.reject(ids(1), b))
    before = decisions(shop.store)
    changes = shop.do(lambda s: s.categories.remove(b))
    assert decisions(shop.store)["rejections"] == [] and changes.items.tolist() == [1]
    shop.store.operations.undo(who="ana")
    assert decisions(shop.store) == before


def test_metadata_and_settings(shop):
    store = shop.store
    store.metadata.set(ids(1, 2, 3), "date", ["2020-01-02", "", "x\ny"])
    store.metadata.set(ids(1), "place", ["Kyiv"])
    assert store.metadata.columns() == ["date", "place"]
    assert store.metadata.column("date") == {1: "2020-01-02", 3: "x\ny"}
    store.metadata.set(ids(1, 2), "date", ["", "1999"])
    assert store.metadata.column("date") == {2: "1999", 3: "x\ny"}
    assert store.metadata.of_item(1) == {"place": "Kyiv"}
    assert store.metadata.column("nothing") == {}
    assert store.get_setting("k", "none") == "none"
    store.set_setting("k", "1")
    store.set_setting("k", "2")
    assert store.get_setting("k") == "2"


def test_metadata_that_could_not_be_written_is_not_remembered(shop):
    shop.store.metadata.set(ids(1), "date", ["a"])
    with pytest.raises(ValueError, match="zip"):
        shop.store.metadata.set(ids(1, 2), "date", ["b"])
    assert shop.store.metadata.column("date") == {1: "a"}
