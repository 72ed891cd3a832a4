"""Growing over an ordered list, audits with their bound, and placing what is left."""

from __future__ import annotations

import numpy as np
import pytest
from review_kit import decisions, found_of, review_studio

from fgvc_studio.analysis.grow import Bisection, ranked
from fgvc_studio.domain.clusters import spot_check_bound
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.services import growing, placing
from fgvc_studio.services.growing import Audit, GrowSession


@pytest.fixture
def made(tmp_path):
    studio, truth = review_studio(tmp_path, known=4, novel=2, each=12)
    with studio:
        yield studio, truth


def settle(session, matches):
    """Answer with ``matches(items)`` until settled; returns the answers given."""
    answers = 0
    while not session.settled:
        (session.all_match if matches(session.page().item_ids) else session.some_do_not)()
        answers += 1
    return answers


# ---- the page rule ---------------------------------------------------------------------------
def test_matching_pages_jump_1_2_4_8_ahead():
    rule, seen = Bisection(100), []
    for _ in range(6):
        seen.append(rule.page)
        rule.answer(True)
    assert seen == [0, 1, 3, 7, 15, 31]


def test_after_a_bad_page_the_next_look_falls_at_one_quarter():
    rule = Bisection(100)
    for _ in range(6):
        rule.answer(True)
    assert rule.page == 63
    rule.answer(False)
    assert rule.page == 31 + 1 + (63 - 31) // 4


@pytest.mark.parametrize(("pages", "usual", "worst"), [(1, 1, 1), (10, 5, 7), (37, 9, 12)])
def test_the_boundary_is_found_wherever_it_lies(pages, usual, worst):
    counts = []
    for boundary in range(pages + 1):
        rule, count = Bisection(pages), 0
        while not rule.settled:
            assert rule.good < rule.page < rule.bad, "no page is asked for twice"
            rule.answer(rule.page < boundary)
            count += 1
        assert rule.good + 1 == boundary
        counts.append(count)
    assert np.mean(counts) <= usual and max(counts) <= worst


def test_1840_ordered_items_settle_in_about_nine_decisions(made):
    studio, _ = made
    ordered = np.arange(1, 1841)
    counts = []
    for boundary in range(0, 1841, 40):
        session = GrowSession(studio, ordered)
        settle(session, lambda items, last=boundary: (items <= last).all())
        counts.append(session.decisions)
        whole = boundary // 50 * 50 if boundary < 1840 else 1840
        assert session.proposed.tolist() == list(range(1, whole + 1))
    assert np.mean(counts) < 9 and max(counts) <= 12


def test_an_empty_list_is_settled(made):
    session = GrowSession(made[0], np.empty(0, np.int64))
    assert session.settled and not len(session.proposed)


# ---- sessions --------------------------------------------------------------------------------
def test_pages_are_shuffled_but_hold_the_next_likeliest(made):
    studio, _ = made
    session = GrowSession(studio, np.arange(100, 200), page=10)
    first = session.page()
    assert sorted(first.item_ids.tolist()) == list(range(100, 110))
    assert first.item_ids.tolist() != list(range(100, 110))
    assert session.page().item_ids.tolist() == first.item_ids.tolist()


def test_struck_items_stay_out_and_the_page_may_match(made):
    studio, _ = made
    session = GrowSession(studio, np.arange(1, 21), page=10)
    session.strike([3, 4])
    session.all_match()
    session.some_do_not()
    assert session.proposed.tolist() == [1, 2, 5, 6, 7, 8, 9, 10]
    assert session.decisions == 4
    with pytest.raises(UserError):
        session.strike([999])
    with pytest.raises(UserError, match="settled"):
        session.all_match()


@pytest.mark.parametrize("start", ["category", "cluster", "items"])
def test_growing_finds_the_rest_of_its_kind_first(made, start):
    studio, truth = made
    kind = np.flatnonzero(truth == 0) + 1
    studio.labelling.unlabel(kind[4:])
    if start == "cluster":
        studio.review.propose(found_of(np.where(np.isin(np.arange(72), kind[:4] - 1), 9, 0), 9))
        start_at = {"cluster": studio.review.clusters()[0].id}
    else:
        start_at = {"category": 2} if start == "category" else {"items": kind[:4]}
    before = decisions(studio)
    session = growing.start(studio, page=4, **start_at)
    assert set(session.ordered[:8].tolist()) == set(kind[4:].tolist())
    settle(session, lambda items: (truth[items - 1] == 0).all())
    assert sorted(session.proposed.tolist()) == kind[4:].tolist()
    assert decisions(studio) == before, "nothing is written before the commit"


def test_growing_leaves_out_what_is_known_not_to_belong(made):
    studio, truth = made
    kind = np.flatnonzero(truth == 0) + 1
    studio.labelling.reject(kind[5:7])
    session = growing.start(studio, category=2, page=4)
    assert not set(kind[5:7].tolist()) & set(session.ordered.tolist())


def test_there_must_be_something_to_grow(made):
    studio, _ = made
    for wrong in ({}, {"category": 2, "items": [1]}, {"items": []}):
        with pytest.raises(UserError):
            growing.start(studio, **wrong)
    studio.labelling.label(np.flatnonzero(studio.catalogue.category == 0) + 1, 2)
    with pytest.raises(UserError, match="No items are left"):
        growing.start(studio, category=2)


def test_a_guard_leaves_out_what_may_be_something_else(made):
    studio, truth = made
    kind = np.flatnonzero(truth == 0) + 1
    studio.labelling.unlabel(kind[8:])
    session = growing.start(studio, category=2, page=4)
    settle(session, lambda items: True)
    assert len(session.proposed) == 28, "everything was waved through"
    guarded = session.guarded(0.2)
    assert 0 < len(guarded) <= 4 and (truth[guarded - 1] == 0).all()
    assert set(session.audit(guard=0.2).items.tolist()) == set(guarded.tolist())
    with pytest.raises(UserError, match="named category"):
        GrowSession(studio, kind).guarded()


# ---- audits ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "shown", "bound"), [(0, 30, 0.0950), (0, 59, 0.0495), (1, 30, 0.1486), (30, 30, 1.0)]
)
def test_the_bound_is_the_binomial_one(made, wrong, shown, bound):
    audit = Audit(made[0], np.arange(1, 1841), shown)
    assert audit.bound() == 1.0, "unknown before the sample is judged"
    audit.wrong(audit.sample[:wrong])
    assert audit.bound() == pytest.approx(bound, abs=1e-4)


def test_the_sentence_says_what_was_seen(made):
    audit = Audit(made[0], np.arange(1, 1841))
    assert audit.sentence().startswith("Not checked yet: 30 of 1,840")
    audit.wrong()
    assert audit.sentence() == "0 wrong of 30: error at most 9.5 % at 95 %"
    assert audit.needed(0.05) == 59
    whole = Audit(made[0], np.arange(1, 11))
    whole.wrong([3])
    assert whole.sentence() == "1 wrong of 10: every item was seen."


@pytest.mark.parametrize(
    ("right", "shown", "bound"),
    [
        (10, 10, 0.76),
        (20, 20, 0.87),
        (30, 30, 0.91),
        (59, 59, 0.95),
        (19, 20, 0.79),
        (18, 20, 0.73),
    ],
)
def test_the_bound_of_a_spot_check(right, shown, bound):
    assert spot_check_bound(right, shown) == pytest.approx(bound, abs=0.005)


def test_the_sample_is_drawn_from_the_whole_batch(made):
    hits = np.zeros(400)
    for seed in range(200):
        hits[Audit(made[0], np.arange(1, 401), 20, seed).sample - 1] += 1
    assert hits.sum() == 4000 and hits.max() < 30
    assert abs(hits[:200].sum() - 2000) < 200


def test_committing_names_the_batch_without_the_wrong_ones(made):
    studio, truth = made
    kind = np.flatnonzero(truth == 4) + 1
    audit = Audit(studio, kind, 5, category=2)
    bad = int(audit.sample[0])
    audit.wrong([bad])
    before = decisions(studio)
    changes = audit.commit()
    assert changes.operation.count == 11 and studio.catalogue.category[bad - 1] == 0
    named = kind[kind != bad]
    assert (studio.catalogue.category[named - 1] == 2).all()
    assert (studio.catalogue.columns.source[named - 1] == LabelSource.CLUSTER).all()
    sure = studio.catalogue.columns.confidence[named - 1]
    assert sure == pytest.approx(1 - audit.bound(), abs=1e-6)
    studio.labelling.undo()
    assert decisions(studio) == before


def test_shrinking_keeps_the_best_half_and_draws_again(made):
    studio, _ = made
    audit = Audit(studio, np.arange(1, 41), 10)
    wrong = audit.sample[audit.sample <= 20][:1]
    audit.wrong(wrong)
    first = audit.sample
    audit.shrink()
    assert audit.items.tolist() == [i for i in range(1, 21) if i not in wrong]
    assert audit.bound() == 1.0 and audit.sample.tolist() != first.tolist()
    with pytest.raises(UserError):
        audit.shrink(1.5)
    with pytest.raises(UserError):
        audit.wrong([999])


def test_a_cluster_that_was_grown_takes_the_batch_in(made):
    studio, truth = made
    studio.review.propose(found_of(truth, 5))
    cluster = studio.review.clusters()[0]
    more = np.flatnonzero(truth == 4) + 1
    audit = Audit(studio, more[:6], cluster=cluster.id)
    audit.wrong()
    audit.commit()
    assert studio.review.cluster(cluster.id).size == cluster.size + 6
    with pytest.raises(UserError, match="No category"):
        Audit(studio, more[6:]).commit()


# ---- placing ---------------------------------------------------------------------------------
def test_what_is_left_is_placed_where_it_looks_like(made):
    studio, truth = made
    free = np.array([1, 2, 13, 14, 25])
    studio.labelling.unlabel(free)
    page = placing.first_page(studio, free)
    assert sorted(page.item_ids.tolist()) == free.tolist()
    assert page.category_ids.tolist() == [int(truth[i - 1]) + 2 for i in page.item_ids]
    assert (np.diff(page.category_ids) >= 0).all(), "alike side by side"
    before = decisions(studio)
    placing.accept(studio, page, wrong=[1], corrected={2: 5})
    category = studio.catalogue.category[free - 1]
    assert category.tolist() == [0, 5, 3, 3, 4]
    assert studio.store.labels.rejected(1) == [2]
    again = placing.first_page(studio, [1])
    assert again.category_ids[0] != 2, "what it is known not to be is not offered again"
    studio.labelling.undo()
    assert decisions(studio) == before


def test_the_surest_come_first_and_bad_input_is_refused(made):
    studio, _ = made
    found = placing.likely(studio)
    assert (np.diff(found.confidence) <= 0).all() and len(found.item_ids) == 24
    page = placing.first_page(studio, page=5)
    assert set(page.item_ids.tolist()) == set(found.item_ids[:5].tolist())
    with pytest.raises(UserError, match="not on the page"):
        placing.accept(studio, page, corrected={1: 2})
    with pytest.raises(UserError, match="no category"):
        placing.accept(studio, page, corrected={int(page.item_ids[0]): 999})


def test_ranking_puts_look_alikes_of_another_category_late():
    seeds = np.array([[1.0, 0, 0]], np.float32)
    candidates = np.array([[0.8, 0.6, 0], [0.8, 0, 0.6]], np.float32)
    plain = ranked(seeds, candidates)
    assert plain[0] == pytest.approx(plain[1])
    against = ranked(seeds, candidates, np.array([[0, 1.0, 0]], np.float32))
    assert against[0] < against[1]
