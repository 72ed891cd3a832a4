"""The review of clusters: every act, its undo, and the log's replay."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from review_kit import decisions, drained, found_of, review_studio

from fgvc_studio.domain.clusters import ClusterState, Found
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.services.studio import Studio


@pytest.fixture
def made(tmp_path):
    studio, truth = review_studio(tmp_path)
    with studio:
        yield studio, truth


@pytest.fixture
def proposed(made):
    studio, truth = made
    studio.review.propose(found_of(truth))
    return studio, truth


def ids_of(studio):
    return [c.id for c in studio.review.clusters()]


def category_of(studio, name):
    return next(c.id for c in studio.catalogue.categories.values() if c.name == name)


# ---- proposing -------------------------------------------------------------------------------
def test_a_discovery_is_one_operation_that_can_be_taken_back(made):
    studio, truth = made
    before = decisions(studio)
    discovery = studio.review.propose(found_of(truth))
    assert (discovery.clusters, discovery.items) == (3, 36)
    assert studio.labelling.history()[0].summary.startswith("Discover 3 clusters")
    assert [c.size for c in studio.review.clusters()] == [12, 12, 12]
    after = decisions(studio)
    studio.labelling.undo()
    assert decisions(studio) == before
    assert studio.review.current() is None and studio.review.clusters() == []
    studio.labelling.redo()
    assert decisions(studio) == after and len(studio.review.clusters()) == 3


def test_what_the_source_leaves_open_is_taken_from_the_space(proposed):
    studio, _ = proposed
    for cluster in studio.review.clusters():
        assert 0 < cluster.confidence <= 1 and 0 < cluster.margin <= 1
        assert [n.category_id for n in cluster.nearest] and cluster.nearest[0].share > 0.1
        assert sum(n.share for n in cluster.nearest) == pytest.approx(1, abs=1e-5)
        assert cluster.purity is None and cluster.checked is None
        assert cluster.name.startswith("Genus sp. 0") and cluster.parent_id == 1
        assert np.isnan(cluster.agreement) and np.isnan(cluster.stability)


def test_purity_is_estimated_where_enough_is_named(tmp_path):
    studio, truth = review_studio(tmp_path, known=12, novel=3, each=20)
    with studio:
        studio.review.propose(found_of(truth, 12))
        for cluster in studio.review.clusters():
            low, middle, high = cluster.purity
            assert 0 <= low <= middle <= high <= 1 and middle > 0.7


def test_without_a_space_clusters_are_proposed_all_the_same(tmp_path):
    from studio_kit import new_images

    with Studio.create(tmp_path / "p", who="ana") as studio:
        root = studio.store.images.add_root(tmp_path / "photos")
        studio.store.images.add(root, new_images([f"{i}.jpg" for i in range(8)]))
        studio.catalogue.__init__(studio.store)
        ids = np.arange(1, 9)
        studio.review.propose(Found("selection", "by hand", "", ids, (ids > 4).astype(np.int64)))
        first, second = studio.review.clusters()
        assert first.size == second.size == 4 and first.nearest == ()
        assert first.name == "New category 001"
        assert studio.review.members(first.id).ordered.tolist() == [1, 2, 3, 4]
        assert "nothing can be compared" in studio.review.nearest_card(first.id).sentence


@pytest.mark.parametrize(
    "wrong",
    [
        {"item_ids": np.empty(0, np.int64), "cluster": np.empty(0, np.int64)},
        {"item_ids": np.array([40, 40]), "cluster": np.array([0, 1])},
        {"item_ids": np.array([40, 999]), "cluster": np.array([0, 1])},
        {"item_ids": np.array([40, 41]), "cluster": np.array([0])},
        {"item_ids": np.array([40, 41]), "cluster": np.array([0, -1])},
        {"item_ids": np.array([40, 41]), "cluster": np.array([0, 1]), "margin": np.zeros(3)},
    ],
)
def test_a_discovery_that_does_not_fit_is_refused(made, wrong):
    studio, _ = made
    before = decisions(studio)
    with pytest.raises(UserError):
        studio.review.propose(Found("kmeans", "", "blobs", **wrong))
    assert decisions(studio) == before


def test_a_relation_that_says_nothing_is_taken_from_the_space(made):
    studio, truth = made
    flat = np.array([[0.34, 0.33, 0.33]] * 3, np.float32)
    studio.review.propose(
        found_of(truth, relation=flat, relation_cosine=flat, known=np.array([2, 3, 4]))
    )
    shares = [c.nearest[0].share for c in studio.review.clusters()]
    assert min(shares) > 0.5


def test_relations_and_confidence_of_the_source_are_kept(made):
    studio, truth = made
    n = int((truth >= 3).sum())
    found = found_of(
        truth,
        confidence=np.full(n, 0.5, np.float32),
        margin=np.full(n, 0.25, np.float32),
        agreement=np.full(n, 0.75, np.float32),
        runner_up=np.zeros(n, np.int64),
        relation=np.array([[0.7, 0.2, 0.1]] * 3, np.float32),
        relation_cosine=np.array([[0.9, 0.5, 0.1]] * 3, np.float32),
        known=np.array([2, 3, 4]),
        stability=np.array([0.8, 0.9, np.nan], np.float32),
        gated=np.array([1]),
        gated_category=np.array([2]),
        run="crkd-1",
        low=2,
        estimate=3,
        high=5,
        curve=((2, 0.5), (3, 0.75)),
    )
    made_ = studio.review.propose(found)
    assert (made_.run, made_.low, made_.estimate, made_.high) == ("crkd-1", 2, 3, 5)
    assert made_.curve == ((2, 0.5), (3, 0.75))
    first, second, third = studio.review.clusters()
    assert first.confidence == 0.5 and first.margin == 0.25 and first.agreement == 0.75
    assert first.stability == pytest.approx(0.8) and np.isnan(third.stability)
    assert second.nearest[0].category_id == 2
    assert second.nearest[0].share == pytest.approx(0.7)
    assert studio.labelling.history()[0].run_id == "crkd-1"


# ---- looking ---------------------------------------------------------------------------------
def test_members_come_in_the_orders_to_look_at(proposed):
    studio, truth = proposed
    cluster = ids_of(studio)[0]
    members = studio.review.members(cluster, 5)
    own = np.flatnonzero(truth == 3) + 1
    assert sorted(members.ordered.tolist()) == own.tolist()
    vectors = studio.exploring.space("blobs").vectors
    mean = vectors[own - 1].mean(0)
    close = vectors[members.ordered - 1] @ mean
    assert (np.diff(close) <= 1e-6).all()
    assert members.extreme[0] == members.ordered[-1] and len(members.extreme) == 5
    assert len(members.central) == 5 and len(set(members.central.tolist())) == 5
    assert set(members.boundary_with.tolist()) <= set(ids_of(studio)) - {cluster}
    assert sorted(studio.review.arranged(cluster).tolist()) == own.tolist()


def test_items_know_their_cluster_and_samples_are_random_members(proposed):
    studio, truth = proposed
    ids = ids_of(studio)
    found = studio.review.clusters_of(np.arange(1, len(truth) + 1))
    assert found.tolist() == [0] * 36 + [ids[t - 3] for t in truth[36:]]
    first, again = studio.review.sample(ids[1], 6, 3), studio.review.sample(ids[1], 6, 3)
    assert first.tolist() == again.tolist() and len(set(first.tolist())) == 6
    assert first.tolist() != studio.review.sample(ids[1], 6, 4).tolist()
    assert set(studio.review.clusters_of(first).tolist()) == {ids[1]}


def test_a_card_names_the_tight_one_and_the_akin_one(made):
    studio, truth = made
    # Items of a known category without their label: its own cluster is simply that category.
    aaa = category_of(studio, "Genus aaa")
    own = np.flatnonzero(truth == 0) + 1
    studio.labelling.unlabel(own[:6])
    items = np.concatenate([own[:6], np.flatnonzero(truth >= 3) + 1])
    cluster = np.concatenate([np.zeros(6, np.int64), truth[truth >= 3] - 2])
    studio.review.propose(Found("kmeans", "", "blobs", items, cluster))
    card = studio.review.nearest_card(ids_of(studio)[0])
    assert card.tight and card.nearest[0].category_id == aaa
    assert card.sentence.startswith("Maybe simply Genus aaa")
    assert studio.catalogue.category[card.exemplars[aaa] - 1] == aaa
    other = studio.review.nearest_card(ids_of(studio)[1])
    assert other.parent_id == category_of(studio, "Genus")


def test_metadata_that_explains_a_cluster_and_near_duplicates_are_told(tmp_path):
    studio, truth = review_studio(tmp_path)
    with studio:
        novel = np.flatnonzero(truth == 3) + 1
        studio.store.metadata.set(novel, "camera", ["Trap 7"] * len(novel))
        studio.review.propose(found_of(truth))
        first, second, _ = studio.review.clusters()
        assert any("one camera (Trap 7)" in w for w in first.warnings)
        assert not any("camera" in w for w in second.warnings)


def test_small_and_unsure_clusters_are_told(made):
    studio, truth = made
    items = np.flatnonzero(truth >= 3) + 1
    cluster = np.where(items == items[-1], 1, 0)
    confidence = np.where(cluster == 1, 0.1, 0.9).astype(np.float32)
    studio.review.propose(Found("x", "", "blobs", items, cluster, confidence=confidence))
    large, small = studio.review.clusters()
    assert any(w.startswith("Small: 1") for w in small.warnings)
    assert large.warnings == ("Looks like two kinds: try a split.",)
    assert any(w.startswith("Low confidence") for w in small.warnings)


def test_halves_of_one_category_are_suggested_for_merging(made):
    studio, truth = made
    items = np.flatnonzero(truth >= 3) + 1
    cluster = (truth[items - 1] - 3).astype(np.int64)
    cluster[(cluster == 0) & (items % 2 == 0)] = 3
    studio.review.propose(Found("kmeans", "", "blobs", items, cluster))
    ids = ids_of(studio)
    (first, second, score), *others = studio.review.merge_suggestions()
    assert {first, second} == {ids[0], ids[3]} and score > 0.5
    assert all(s < score for _, _, s in others)


# ---- acts and their undo ---------------------------------------------------------------------
def acts(studio, truth):
    """Every act once, as functions on the first three clusters."""
    review, (a, b, c) = studio.review, ids_of(studio)
    aaa = category_of(studio, "Genus aaa")
    members = review.members(a).ordered
    return {
        "accept": lambda: review.accept([a, b]),
        "accept as": lambda: review.accept(a, name="Genus novus", qualifier="aff."),
        "rename": lambda: review.rename(a, "Another"),
        "merge": lambda: review.merge([a, c]),
        "split": lambda: review.split(a, review.split_preview(a)),
        "split off": lambda: review.split_off(a, members[:3]),
        "strike": lambda: review.strike(a, members[-2:]),
        "move": lambda: review.move(members[-2:], b),
        "send": lambda: review.send_to([a], aaa),
        "reject": lambda: review.reject([a, b]),
        "undecided": lambda: review.undecided(c),
        "check": lambda: review.record_check(a, 9, 10),
    }


ACTS = (
    "accept", "accept as", "rename", "merge", "split", "split off", "strike", "move", "send",
    "reject", "undecided", "check",
)  # fmt: skip


@pytest.mark.parametrize("name", ACTS)
def test_every_act_is_one_operation_with_undo_and_redo(proposed, name):
    studio, truth = proposed
    before, shown = decisions(studio), studio.review.clusters()
    operations = len(studio.labelling.history())
    changes = acts(studio, truth)[name]()
    assert changes is not None and len(studio.labelling.history()) == operations + 1
    after = decisions(studio)
    assert after != before
    later = studio.review.clusters()
    studio.labelling.undo()
    assert decisions(studio) == before
    assert str(studio.review.clusters()) == str(shown)
    studio.labelling.redo()
    assert decisions(studio) == after
    assert str(studio.review.clusters()) == str(later)


def test_accepting_makes_categories_and_names_the_members(proposed):
    studio, truth = proposed
    a, b, _ = ids_of(studio)
    studio.review.accept([a, b])
    first = studio.review.cluster(a)
    assert first.state == ClusterState.ACCEPTED
    category = studio.catalogue.categories[first.category_id]
    assert category.name == first.name and category.provisional and category.parent_id == 1
    own = np.flatnonzero(truth == 3)
    columns = studio.catalogue.columns
    assert (columns.category[own] == first.category_id).all()
    assert (columns.source[own] == LabelSource.CLUSTER).all()
    assert ((columns.confidence[own] > 0) & (columns.confidence[own] <= 1)).all()


def test_a_name_that_is_there_sends_the_cluster_to_it(proposed):
    studio, _ = proposed
    a = ids_of(studio)[0]
    count = len(studio.catalogue.categories)
    studio.review.accept(a, name="genus AAA")
    cluster = studio.review.cluster(a)
    assert cluster.state == ClusterState.KNOWN and cluster.name == "Genus aaa"
    assert len(studio.catalogue.categories) == count


def test_what_a_person_said_of_a_member_stays(proposed):
    studio, _ = proposed
    a = ids_of(studio)[0]
    member = int(studio.review.members(a).ordered[0])
    bbb = category_of(studio, "Genus bbb")
    studio.labelling.label([member], bbb)
    studio.review.accept(a)
    assert studio.catalogue.category[member - 1] == bbb
    other = int(studio.review.members(a).ordered[1])
    ccc = category_of(studio, "Genus ccc")
    studio.labelling.undo()
    studio.labelling.label([other], ccc)
    studio.labelling.reject([other], ccc)
    studio.review.send_to(a, ccc)
    assert studio.catalogue.category[other - 1] == 0


def test_striking_out_of_a_named_cluster_takes_the_label_and_remembers(proposed):
    studio, _ = proposed
    a = ids_of(studio)[0]
    studio.review.accept(a)
    category = studio.review.cluster(a).category_id
    strays = studio.review.members(a).ordered[-2:]
    studio.review.strike(a, strays)
    assert (studio.catalogue.category[strays - 1] == 0).all()
    assert (studio.review.clusters_of(strays) == 0).all()
    assert studio.store.labels.rejected(int(strays[0])) == [category]
    assert studio.review.cluster(a).size == 10


def test_rejecting_an_accepted_cluster_takes_its_category_along(proposed):
    studio, _ = proposed
    a = ids_of(studio)[0]
    count = len(studio.catalogue.categories)
    studio.review.accept(a)
    studio.review.reject(a)
    assert len(studio.catalogue.categories) == count
    assert studio.review.cluster(a).category_id is None
    assert not (studio.catalogue.category[studio.review.members(a).ordered - 1]).any()


def test_merging_keeps_the_named_one(proposed):
    studio, _ = proposed
    a, b, c = ids_of(studio)
    studio.review.accept(b)
    category = studio.review.cluster(b).category_id
    studio.review.merge([a, b, c])
    left = studio.review.clusters()
    assert [x.id for x in left] == [b] and left[0].size == 36
    assert (studio.catalogue.category[studio.review.members(b).ordered - 1] == category).all()
    with pytest.raises(UserError, match="merged"):
        studio.review.cluster(a)
    with pytest.raises(UserError):
        studio.review.accept(a)


def test_splitting_two_categories_apart(made):
    studio, truth = made
    items = np.flatnonzero(truth >= 3) + 1
    cluster = np.minimum(truth[items - 1] - 3, 1)
    studio.review.propose(Found("kmeans", "", "blobs", items, cluster))
    mixed = ids_of(studio)[1]
    groups = studio.review.split_preview(mixed)
    ordered = studio.review.members(mixed, 1).ordered
    assert "Looks like two kinds: try a split." in studio.review.cluster(mixed).warnings
    assert not studio.review.clusters()[0].warnings
    for g in (0, 1):
        assert len(set(truth[ordered[groups == g] - 1])) == 1
    studio.review.split(mixed, groups)
    assert sorted(c.size for c in studio.review.clusters()) == [12, 12, 12]
    names = [c.name for c in studio.review.clusters()]
    assert len(set(names)) == 3
    with pytest.raises(UserError):
        studio.review.split(ids_of(studio)[0], np.zeros(12, int))
    with pytest.raises(UserError):
        studio.review.split(ids_of(studio)[0], [0, 1])


def test_moving_between_named_clusters_moves_the_labels(proposed):
    studio, _ = proposed
    a, b, _ = ids_of(studio)
    studio.review.accept([a, b])
    moved = studio.review.members(a).ordered[:2]
    studio.review.move(moved, b)
    wanted = studio.review.cluster(b).category_id
    assert (studio.catalogue.category[moved - 1] == wanted).all()


def test_a_spot_check_bounds_the_purity(proposed):
    studio, _ = proposed
    a = ids_of(studio)[0]
    studio.review.record_check(a, 10, 10)
    cluster = studio.review.cluster(a)
    assert cluster.checked == (10, 10)
    assert cluster.checked_purity == pytest.approx(0.762, abs=5e-4)
    with pytest.raises(UserError):
        studio.review.record_check(a, 11, 10)
    studio.review.merge(ids_of(studio)[:2])
    assert studio.review.clusters()[0].checked is None


@pytest.mark.parametrize("call", ["accept", "reject", "undecided", "merge"])
def test_no_such_cluster(proposed, call):
    studio, _ = proposed
    with pytest.raises(UserError, match="no cluster 99"):
        getattr(studio.review, call)([99])
    with pytest.raises(UserError, match="chosen"):
        getattr(studio.review, call)([])


def test_renaming_onto_a_sibling_is_refused(proposed):
    studio, _ = proposed
    a, b, _ = ids_of(studio)
    studio.review.accept([a, b])
    with pytest.raises(UserError, match="already there"):
        studio.review.rename(a, studio.review.cluster(b).name)
    studio.review.rename(a, "Genus novus")
    category = studio.review.cluster(a).category_id
    assert studio.catalogue.name(category) == "Genus novus"


def test_merged_categories_take_their_clusters_along(proposed):
    studio, _ = proposed
    a = ids_of(studio)[0]
    studio.review.accept(a)
    aaa = category_of(studio, "Genus aaa")
    studio.labelling.merge_categories([studio.review.cluster(a).category_id], aaa)
    assert studio.review.cluster(a).category_id == aaa


# ---- rounds ----------------------------------------------------------------------------------
def test_numbers_and_names_stay_from_one_discovery_to_the_next(proposed):
    studio, truth = proposed
    first = studio.review.clusters()
    studio.review.rename(first[2].id, "The spotted one")
    studio.review.accept(first[0].id)
    rest = np.flatnonzero(truth >= 4) + 1
    cluster = np.where(truth[rest - 1] == 4, 1, 0)
    cluster[:4] = 2
    studio.review.propose(Found("kmeans", "again", "blobs", rest, cluster))
    again = {c.number: c for c in studio.review.clusters()}
    assert sorted(again) == [2, 3, 4]
    assert again[3].name == "The spotted one" and again[2].name == first[1].name
    assert again[4].name not in {c.name for c in first}
    assert len(studio.review.discoveries()) == 2
    assert studio.review.current().title == "again"
    studio.review.choose(1)
    assert studio.review.current().id == 1
    assert studio.review.clusters()[0].state == ClusterState.ACCEPTED


def test_numbers_of_names_are_never_given_twice(proposed):
    studio, _ = proposed
    studio.review.accept(ids_of(studio))
    names = [c.name for c in studio.catalogue.categories.values()]
    assert len(set(names)) == len(names)
    studio.review.propose(Found("x", "", "blobs", np.array([1, 2]), np.array([0, 1])))
    fresh = [c.name for c in studio.review.clusters()]
    assert not set(fresh) & set(names)


# ---- all together ----------------------------------------------------------------------------
def random_act(studio, draw):
    """One act drawn at random; None where nothing changed or it was refused."""
    review = studio.review
    clusters = [c for c in review.clusters() if c.size]
    a, b = (int(clusters[i].id) for i in draw.permutation(len(clusters))[:2])
    items = review.members(a).ordered
    acts = [
        lambda: review.accept(a),
        lambda: review.send_to(a, 2),
        lambda: review.rename(a, f"Name {draw.integers(99)}"),
        lambda: review.reject(a),
        lambda: review.undecided(a),
        lambda: review.merge([a, b]) if draw.random() < 0.3 else None,
        lambda: review.strike(a, items[-1:]),
        lambda: review.split_off(a, items[: max(1, len(items) // 2)]),
        lambda: review.move(items[:1], b),
        lambda: review.record_check(a, 1, 2),
    ]
    try:
        return acts[draw.integers(len(acts))]()
    except UserError:
        return None


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_acts_is_undone_to_the_start_and_replayed(proposed, tmp_path, seed):
    studio, _ = proposed
    draw = np.random.default_rng(seed)
    states = [decisions(studio)]
    for _ in range(25):
        if random_act(studio, draw) is not None:
            states.append(decisions(studio))
        shown = str(studio.review.clusters())
        studio.review._views.clear()
        assert str(studio.review.clusters()) == shown, "what is kept equals what is read anew"
    assert len(states) > 12
    for state in reversed(states[:-1]):
        studio.labelling.undo()
        assert decisions(studio) == state
    for state in states[1:]:
        studio.labelling.redo()
        assert decisions(studio) == state
    assert studio.store.replay(tmp_path / "again").equal


def test_grouping_finds_the_blobs_and_proposes_them(made):
    studio, truth = made
    discovery = drained(studio.review.group("kmeans", count=3, space="blobs"))
    assert discovery.clusters == 3 and discovery.source == "kmeans"
    for cluster in studio.review.clusters():
        assert len(set(truth[studio.review.members(cluster.id).ordered - 1])) == 1
        assert cluster.stability == 1 and cluster.agreement == 1
    with pytest.raises(UserError, match="no grouping"):
        drained(studio.review.group("nothing"))
    with pytest.raises(UserError, match="named categories"):
        drained(studio.review.group("guided", count=3))
    with pytest.raises(UserError):
        drained(studio.review.group("kmeans", items=[1]))


def test_what_was_named_while_a_run_was_at_work_is_not_proposed(tmp_path):
    studio, truth = review_studio(tmp_path)
    named = np.flatnonzero(truth == 3)[:8] + 1
    studio.labelling.label(named, category_of(studio, "Genus bbb"))
    found = found_of(truth, confidence=np.linspace(0, 1, 36).astype(np.float32))
    studio.review.propose(dataclasses.replace(found, run="crkd-1"))
    assert [c.size for c in studio.review.clusters()] == [4, 12, 12]
    first = studio.review.members(studio.review.clusters()[0].id)
    assert not np.isin(first.ordered, named).any()
    studio.close()


def test_a_later_discovery_takes_no_item_from_an_accepted_cluster(tmp_path):
    studio, truth = review_studio(tmp_path)
    studio.review.propose(found_of(truth))
    kept = studio.review.clusters()[0]
    studio.review.accept(kept.id)
    before = np.flatnonzero(truth == 3)
    given = np.unique(studio.catalogue.category[before])
    mixed = np.where(truth == 4, 3, truth)
    studio.review.propose(found_of(mixed))
    large = max(studio.review.clusters(), key=lambda c: c.size)
    assert large.size == 24
    studio.review.accept(large.id, name="Genus mixed")
    assert np.unique(studio.catalogue.category[before]).tolist() == given.tolist()
    others = np.unique(studio.catalogue.category[np.flatnonzero(truth == 4)])
    assert len(others) == 1
    assert others[0] not in (0, *given)
    studio.close()
