from __future__ import annotations

import numpy as np
import pytest
from studio_kit import assert_fresh, small_studio

from fgvc_studio.domain.errors import ConflictError, UserError
from fgvc_studio.domain.records import LabelSource, Mark, NameKind, Split


@pytest.fixture
def studio(tmp_path):
    made = small_studio(tmp_path)
    yield made
    made.store.close()


def test_label_undo_redo_keep_the_catalogue_true(studio):
    work, columns = studio.labelling, studio.catalogue.columns
    a = work.add_category("Danaus")
    work.mark([2], Mark.UNCERTAIN)
    changes = work.label([3, 2, 2], a)
    assert changes.operation.summary == "Labelled 2 items as Danaus"
    assert columns.category[[0, 1, 2]].tolist() == [0, a, a]
    assert columns.marks[1] == 0, "a new name takes the doubt with it"
    assert studio.catalogue.labelled == 2 and columns.reviewed[[1, 2]].all()
    work.undo()
    assert columns.category[1] == 0 and columns.marks[1] == Mark.UNCERTAIN
    work.redo()
    assert columns.category[1] == a
    assert_fresh(studio)


def test_a_model_label_is_not_reviewed_and_not_recent(studio):
    work = studio.labelling
    a = work.add_category("a")
    work.label([1], a, source=LabelSource.MODEL, confidence=0.5, run_id="r1")
    assert not studio.catalogue.columns.reviewed[0] and work.recent() == []
    assert studio.catalogue.columns.confidence[0] == 0.5
    assert work.history()[0].run_id == "r1" and work.last_category is None


@pytest.mark.parametrize("ids", [[], [0], [41], [-1, 3]])
def test_unknown_items_are_refused(studio, ids):
    a = studio.labelling.add_category("a")
    with pytest.raises(UserError):
        studio.labelling.label(ids, a)
    assert studio.catalogue.labelled == 0


def test_unknown_categories_are_refused(studio):
    with pytest.raises(UserError, match="no category 7"):
        studio.labelling.label([1], 7)
    with pytest.raises(UserError, match="no category 9"):
        studio.labelling.label_each(np.array([1]), np.array([9]), source=LabelSource.IMPORT)
    with pytest.raises(UserError, match="no category 9"):
        studio.labelling.reject([1], 9)
    with pytest.raises(UserError, match="no category 5"):
        studio.labelling.add_category("a", 5)


def test_reject_takes_the_label_off(studio):
    work = studio.labelling
    a, b = work.add_category("a"), work.add_category("b")
    work.label([1, 2], a)
    assert work.reject([1, 3]).operation.summary == "Struck 1 item out of a"
    assert studio.catalogue.category[:2].tolist() == [0, a]
    assert studio.store.labels.rejected(1) == [a]
    work.reject([2], b)
    assert studio.catalogue.category[1] == a
    with pytest.raises(UserError, match="no label to strike out"):
        work.reject([5])
    assert_fresh(studio)


def test_marks_splits_and_toggle(studio):
    work, columns = studio.labelling, studio.catalogue.columns
    work.toggle_mark([1, 2], Mark.FLAGGED)
    work.toggle_mark([2, 3], Mark.FLAGGED)
    assert columns.marks[:3].tolist() == [4, 4, 4]
    work.toggle_mark([1, 2, 3], Mark.FLAGGED)
    assert columns.marks[:3].tolist() == [0, 0, 0]
    assert work.set_split([1], Split.VAL).operation.summary == "Put 1 item into val"
    assert columns.split[0] == Split.VAL
    work.set_split([1], Split.NONE)
    assert columns.split[0] == 0
    assert_fresh(studio)


def test_the_tree_keeps_its_rules(studio):
    work = studio.labelling
    genus = work.add_category("  Danaus ", rank="genus")
    assert studio.catalogue.name(genus) == "Danaus"
    species = work.category_by_path(["danaus", "plexippus", "megalippe"], ["", "species", "ssp"])
    assert studio.catalogue.path_name(species) == "Danaus > plexippus > megalippe"
    for bad in ("", "  ", "DANAUS"):
        with pytest.raises(UserError):
            work.add_category(bad)
    other = work.add_category("Limenitis")
    with pytest.raises(UserError, match="already there"):
        work.rename_category(other, "danaus")
    work.rename_category(other, "LIMENITIS")
    work.move_category(species, other)
    assert studio.catalogue.path_name(species) == "LIMENITIS > megalippe"
    with pytest.raises(UserError, match="under itself"):
        work.move_category(other, species)
    with pytest.raises(UserError, match="children"):
        work.remove_category(other)
    work.add_name(genus, " milkweeds ", NameKind.VERNACULAR, "en")
    assert studio.catalogue.categories[genus].names[0].name == "milkweeds"
    assert_fresh(studio)


def test_merge_counts_and_reverse(studio):
    work = studio.labelling
    a, b = work.add_category("a"), work.add_category("b")
    child = work.add_category("child", b)
    work.label([1, 2], a)
    work.label([3], child)
    merged = work.merge_categories([a, b], a)
    assert studio.catalogue.counts()[a].own == 2 and studio.catalogue.counts()[a].total == 3
    assert studio.catalogue.categories[child].parent_id == a
    later = work.label([4], child)
    work.reverse(merged.operation.id)
    assert studio.catalogue.categories[child].parent_id == b
    with pytest.raises(ConflictError):
        work.reverse(merged.operation.id)
    work.reverse(later.operation.id)
    assert studio.catalogue.category[3] == 0
    with pytest.raises(UserError, match="Nothing to merge"):
        work.merge_categories([a], a)
    assert_fresh(studio)


def test_recent_and_favourites(studio):
    work = studio.labelling
    ids = [work.add_category(f"c{i}") for i in range(11)]
    for i, c in enumerate(ids, 1):
        work.label([i], c)
    assert work.recent() == ids[::-1] and work.last_category == ids[-1]
    assert work.favourites() == ids[:9]
    work.set_favourite(0, ids[10])
    work.set_favourite(3, ids[10])
    assert work.favourites()[0] is None and work.favourites()[3] == ids[10]
    work.unlabel([1])
    work.remove_category(ids[0])
    assert ids[0] not in work.recent()
    assert [m.category_id for m in work.search_categories("  ", 2)] == [ids[10], ids[9]]
    assert work.session_rate() > 0
