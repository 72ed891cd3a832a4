from __future__ import annotations

import numpy as np
import pytest
from studio_kit import new_images, small_studio

from fgvc_studio.domain.records import Duplicate, LabelSource, Mark, NameKind, Split
from fgvc_studio.services.browsing import ORDER_KEYS, Filter, Order, apply


@pytest.fixture
def studio(tmp_path):
    made = small_studio(tmp_path, 12)
    made.store.images.note_duplicates([(5, Duplicate.EXACT, 1), (6, Duplicate.NEAR, 2)])
    made.catalogue.__init__(made.store)
    work = made.labelling
    genus = work.add_category("Danaus")
    species = work.add_category("plexippus", genus)
    work.add_name(species, "Monarch", NameKind.VERNACULAR)
    work.label([1], genus)
    work.label([2, 3], species)
    work.label([4], species, source=LabelSource.MODEL, confidence=0.25)
    work.mark([2], Mark.UNCERTAIN)
    work.mark([7], Mark.FLAGGED)
    work.set_split([1, 8], Split.TEST)
    made.store.metadata.set(np.array([9, 10]), "place", ["Kyiv", "Ōsaka"])
    made.store.metadata.set(np.array([9, 3, 10]), "date", ["2021-05-01", "2019", "2020-07-01"])
    made.genus, made.species = genus, species
    yield made
    made.store.close()


def shown(studio, order=None, **facts):
    return apply(studio.catalogue, studio.store, Filter(**facts), order or Order()).tolist()


def test_no_filter_shows_everything_in_order_of_import(studio):
    ids = apply(studio.catalogue, studio.store, Filter(), Order())
    assert ids.tolist() == list(range(1, 13)) and ids.dtype == np.int64
    assert not Filter().active and Filter(text="x").active
    assert Filter(only=np.array([1])).active


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("labelled", [1, 2, 3, 4]),
        ("unlabelled", [5, 6, 7, 8, 9, 10, 11, 12]),
        ("reviewed", [1, 2, 3]),
        ("unreviewed", [4, 5, 6, 7, 8, 9, 10, 11, 12]),
        ("uncertain", [2]),
        ("flagged", [7]),
    ],
)
def test_states(studio, state, expected):
    assert shown(studio, state=state) == expected


def test_categories_with_and_without_children(studio):
    assert shown(studio, categories=frozenset({studio.genus})) == [1, 2, 3, 4]
    only = {"categories": frozenset({studio.genus}), "include_children": False}
    assert shown(studio, **only) == [1]
    assert shown(studio, categories=frozenset({999})) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("img_003", [4]),
        ("D1", [2, 5, 8, 11]),
        ("monarch", [2, 3, 4]),
        ("plexippus d2", [3]),
        ("kyiv", [9]),
        ("ōsaka img", [10]),
        ("nothing", []),
    ],
)
def test_text_searches_names_categories_and_metadata(studio, text, expected):
    assert shown(studio, text=text) == expected


def test_the_other_conditions_and_all_together(studio):
    assert shown(studio, sources=frozenset({LabelSource.MODEL})) == [4]
    assert shown(studio, splits=frozenset({Split.TEST})) == [1, 8]
    assert shown(studio, duplicates="only") == [5, 6]
    assert len(shown(studio, duplicates="hide")) == 10
    assert shown(studio, metadata=(("place", "KYIV"),)) == [9]
    assert shown(studio, only=np.array([3, 99, 0, 2, -4]), state="labelled") == [2, 3]
    assert shown(studio, only=np.array([], np.int64)) == []
    both = {"categories": frozenset({studio.genus}), "splits": frozenset({Split.TEST})}
    assert shown(studio, **both) == [1]


def test_orders(studio):
    assert shown(studio, Order("name"))[:4] == [1, 2, 3, 4]
    assert shown(studio, Order("category"))[:4] == [1, 2, 3, 4]
    assert shown(studio, Order("confidence"))[0] == 4
    assert shown(studio, Order("newest"))[:4] == [4, 2, 3, 1]
    assert shown(studio, Order("date"))[:3] == [3, 10, 9]
    assert shown(studio, Order("import", descending=True))[:2] == [12, 11]
    given = Order("given", ids=np.array([7, 3, 99, 5]))
    assert shown(studio, given, only=np.array([3, 5, 7])) == [7, 3, 5]
    for key in ORDER_KEYS:
        for descending in (False, True):
            assert sorted(shown(studio, Order(key, descending))) == list(range(1, 13))


def test_an_empty_project(tmp_path):
    studio = small_studio(tmp_path, 0)
    studio.store.images.add(1, new_images([]))
    for key in ORDER_KEYS:
        assert shown(studio, Order(key), text="a", state="reviewed") == []
    studio.store.close()
