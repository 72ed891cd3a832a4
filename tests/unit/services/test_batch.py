from __future__ import annotations

import pytest
from studio_kit import assert_fresh, small_studio

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import LabelSource, NameKind
from fgvc_studio.services.batch import (
    category_named,
    find_category,
    import_checklist,
    label_from_table,
    read_table,
)

CHECKLIST = """\
name,parent,rank,authorship,synonym_of,vernacular,language
Danaus plexippus,Danaus,species,"(Linnaeus, 1758)",,Monarch|Wanderer,en
Danaus,Nymphalidae,genus,,,,
Papilio plexippus,,,,Danaus plexippus,,
Nobody,,,,Not listed,,
Ring a,Ring b,,,,,
Ring b,Ring a,,,,,
"""


@pytest.fixture
def studio(tmp_path):
    made = small_studio(tmp_path)
    yield made
    made.store.close()


def write(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_a_checklist_comes_in_as_one_operation(studio, tmp_path):
    path = write(tmp_path, CHECKLIST)
    report = import_checklist(studio, path)
    catalogue = studio.catalogue
    assert (report.added, report.synonyms, report.vernacular) == (3, 1, 2)
    assert len(report.warnings) == 2
    found = find_category(studio, "Monarch")
    assert catalogue.path_name(found) == "Nymphalidae > Danaus > Danaus plexippus"
    assert catalogue.categories[found].authorship == "(Linnaeus, 1758)"
    names = {(n.name, n.kind, n.language) for n in catalogue.categories[found].names}
    assert ("Papilio plexippus", NameKind.SYNONYM, "") in names
    assert ("Wanderer", NameKind.VERNACULAR, "en") in names
    again = import_checklist(studio, path)
    assert (again.added, again.synonyms, again.vernacular) == (0, 0, 0)
    assert len(studio.labelling.history()) == 1
    assert_fresh(studio)
    studio.labelling.undo()
    assert catalogue.categories == {}


def test_labels_from_a_table_by_item_and_by_path(studio, tmp_path):
    path = write(tmp_path, "item;category\n1;A > b\n3;c\n1;c\n4;\n")
    changes, summary = label_from_table(studio, path, LabelSource.IMPORT, False)
    assert changes.items.tolist() == [1, 3] and "2 items" in summary
    assert studio.catalogue.name(studio.catalogue.category[0]) == "c", "a later line wins"
    path = write(tmp_path, "\ufeffPath\tSpecies\nd1/IMG_001.jpg\tA > b\n")
    label_from_table(studio, path, LabelSource.HUMAN, True)
    assert studio.catalogue.path_name(studio.catalogue.category[1]) == "A > b"
    assert_fresh(studio)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("item,category\n99,a\n", "Line 2 .* 99 is no item"),
        ("item,category\n1,a\n4,\n\nx,a\n", "Line 5 .* x is no item"),
        ("path,category\nnowhere.jpg,a\n", "nowhere.jpg is no item"),
        ("item,colour\n1,a\n", "no column category"),
        ("colour,category\n1,a\n", "no column item"),
        ("", "is empty"),
    ],
)
def test_a_bad_table_writes_nothing(studio, tmp_path, text, reason):
    with pytest.raises(UserError, match=reason):
        label_from_table(studio, write(tmp_path, text), LabelSource.IMPORT, False)
    assert studio.labelling.history() == [] and studio.catalogue.categories == {}


def test_existing_categories_only(studio, tmp_path):
    studio.labelling.add_category("Danaus")
    with pytest.raises(UserError, match="no category Danaos") as caught:
        label_from_table(
            studio, write(tmp_path, "id,label\n1,Danaus\n2,Danaos\n"), LabelSource.IMPORT, True
        )
    assert "Did you mean Danaus?" in caught.value.remedy
    assert studio.catalogue.labelled == 0


def test_names_paths_and_ids_of_categories(studio):
    work = studio.labelling
    a, b = work.category_by_path(["A", "x"]), work.category_by_path(["B", "x"])
    assert find_category(studio, str(a)) == a and find_category(studio, " b >  X ") == b
    with pytest.raises(UserError, match="names several categories: A > x; B > x"):
        find_category(studio, "X")
    with pytest.raises(UserError, match="needs a name"):
        find_category(studio, " > ")
    assert find_category(studio, "A > nothing") is None
    made = category_named(studio, "C > y", create=True, rank="species")
    assert studio.catalogue.categories[made].rank == "species"


def test_unreadable_tables(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_table(tmp_path / "none.csv")
    path = tmp_path / "latin.csv"
    path.write_bytes(b"item,category\n1,caf\xe9\n")
    with pytest.raises(UserError, match="not UTF-8"):
        read_table(path)


def test_a_cell_may_hold_a_line_break(tmp_path):
    rows = read_table(write(tmp_path, 'name,vernacular\n"Danaus","Big\nbutterfly"\n'))
    assert rows == [{"name": "Danaus", "vernacular": "Big\nbutterfly"}]


def test_an_ambiguous_name_stops_before_new_categories_are_made(studio, tmp_path):
    work = studio.labelling
    work.category_by_path(["A", "x"])
    work.category_by_path(["B", "x"])
    before = len(work.history())
    path = write(tmp_path, "item,category\n1,aaa new\n2,x\n")
    with pytest.raises(UserError, match="several categories"):
        label_from_table(studio, path, LabelSource.IMPORT, False)
    assert len(work.history()) == before
