"""What is shown of prototypes and in which order: columns, no window."""

import numpy as np
import pytest

from fgvc_studio.domain.prototypes import (
    Contribution,
    Effects,
    Flip,
    Flips,
    Patch,
    Prototype,
    Verdict,
)
from fgvc_studio.domain.records import Box
from fgvc_studio.gui.models.prototype_view import Book, PrototypeFilter, grouped, trial
from fgvc_studio.gui.widgets.evidence_view import strongest
from fgvc_studio.gui.widgets.patch_pictures import close_up, cut
from fgvc_studio.gui.widgets.picture_decode import Picture

NAN = float("nan")


def prototype(number, *, support=False, category=1, suspicion=0.5, **more):
    return Prototype(
        number, "run", "support" if support else "trivial", category,
        Patch(number + 1, Box(0, 0, 10, 10), 0, 0, 1.0), suspicion, {}, more.pop("relevance", 0.5),
        more.pop("purity", 0.5), more.pop("twin", None), 1.0, more.pop("usage", 0), **more,
    )  # fmt: skip


@pytest.fixture
def book():
    rows = [
        prototype(0, category=2, suspicion=0.1, usage=4, purity=0.9, relevance=0.2),
        prototype(1, category=1, suspicion=NAN, verdict=Verdict.KEEP),
        prototype(2, category=1, suspicion=0.9, usage=9, purity=0.1, twin=1, forbidden=True),
        prototype(3, support=True, category=2, suspicion=0.4, purity=NAN, relevance=0.9),
        prototype(4, support=True, category=1, suspicion=0.7, verdict=Verdict.BACKGROUND),
    ]
    return Book.of("run", rows)


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ("suspicion", [2, 4, 3, 0, 1]),  # what is not known comes last
        ("relevance", [3, 1, 2, 4, 0]),
        ("purity", [2, 1, 4, 0, 3]),
        ("usage", [2, 0, 1, 3, 4]),
        ("category", [4, 1, 2, 3, 0]),
        ("duplicates", [1, 2, 0, 3, 4]),
    ],
)
def test_orders(book, order, wanted):
    assert book.shown(PrototypeFilter(), order).tolist() == wanted


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (PrototypeFilter(category=2), [0, 3]),
        (PrototypeFilter(branch="support"), [3, 4]),
        (PrototypeFilter(state="open"), [0, 2, 3]),
        (PrototypeFilter(state="judged"), [1, 4]),
        (PrototypeFilter(state="background"), [4]),
        (PrototypeFilter(state="off"), [2]),
        (PrototypeFilter(1, "support", "judged"), [4]),
        (PrototypeFilter(2, "", "off"), []),
    ],
)
def test_filters(book, wanted, ids):
    assert sorted(book.shown(wanted).tolist()) == ids
    assert wanted.active


def test_the_next_without_a_verdict_in_the_order_shown(book):
    ids = book.shown(PrototypeFilter())  # 2 4 3 0 1
    assert book.open_from(ids, 2, 1) == 3
    assert book.open_from(ids, 3, -1) == 2
    assert book.open_from(ids, 0, 1) == -1
    assert book.open_from(ids, -1, 1) == 2


def test_a_trial_turns_what_is_stored():
    assert trial([3, 5], {5, 7}) == [3, 7]
    assert trial([], set()) == []


def test_flips_are_counted_and_grouped():
    made = [Flip(1, 1, 2, 2), Flip(2, 1, 2, 1), Flip(3, 1, 2, 0), Flip(4, 3, 1, 2)]
    flips = Flips.of(made)
    assert list(flips) == made and flips[1] == made[1] and list(flips[1:3]) == made[1:3]
    assert flips == Flips.of(made) and flips != Flips.of(made[:2]) and not list(Flips.of([]))
    groups = grouped(flips)
    assert [key for key, _ in groups] == [(1, 2), (3, 1)]
    assert groups[0][1].tolist() == [1, 2, 3] and grouped(Flips.of([])) == []
    assert Effects(0.5, 0.6, ((1, 0.5, 0.2, 4), (2, 0.3, 1.0, 1)), flips, 5, "training").worst == (
        0.3, 0.2,
    )  # fmt: skip


def test_close_ups_stay_within_the_picture():
    box = close_up(Box(90, 0, 20, 10), 120, 100)
    assert (box.x, box.y, box.width, box.height) == (85.0, 0.0, 30.0, 30.0)
    edge = close_up(Box(110, 90, 10, 10), 120, 100)
    assert edge.x + edge.width <= 120 and edge.y + edge.height <= 100
    assert close_up(Box(0, 0, 200, 50), 120, 100).width == 100
    whole = Picture(4, None, 120, 100)
    assert cut(whole, None) is whole
    assert cut(None, Box(0, 0, 5, 5)) is None
    assert cut(whole, Box(90, 0, 20, 10)).box == box


def test_the_strongest_contributions_speak_for_before_against():
    patch = Patch(1, Box(0, 0, 1, 1), 0, 0, 1.0)
    made = [Contribution(i, patch, 1.0, w, w) for i, w in enumerate([0.1, -3, 2, 0.2, 1, -1, 0.3])]
    assert [c.prototype for c in strongest(made)] == [2, 4, 6, 3, 5, 1]
    assert np.isclose(sum(c.product for c in strongest(made)), -0.5)
