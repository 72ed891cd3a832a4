"""Discoveries beside each other."""

from dataclasses import replace

import numpy as np
import pytest
from review_kit import drained, found_of, review_studio

from fgvc_studio.services import review_compare


@pytest.fixture
def made(tmp_path):
    studio, truth = review_studio(tmp_path)
    with studio:
        yield studio, truth


def mixed(found, part=0.5, seed=0):
    """A discovery of which a part of the items lies in any cluster."""
    draw = np.random.default_rng(seed)
    cluster = found.cluster.copy()
    moved = draw.random(len(cluster)) < part
    cluster[moved] = draw.integers(0, 3, moved.sum())
    return replace(found, title="mixed groups", cluster=cluster)


def test_without_a_discovery_there_is_nothing_to_compare(made):
    found = review_compare.compare(made[0])
    assert found.standings == ()
    assert "no discovery" in found.sentence


def test_discoveries_stand_newest_first_and_tell_how_alike_they_are(made):
    studio, truth = made
    first = studio.review.propose(found_of(truth))
    second = studio.review.propose(mixed(found_of(truth)))
    found = review_compare.compare(studio)
    assert [s.discovery.id for s in found.standings] == [second.id, first.id]
    assert found.current == second.id
    mine, other = found.standings
    assert mine.alike == pytest.approx(1)
    assert 0 < other.alike < 0.9
    assert mine.named == 0
    assert np.isnan(mine.right)
    assert found.better == 0
    assert "Too little was named" in found.sentence


def test_the_discovery_that_fits_what_was_named_is_called_better(made):
    studio, truth = made
    good = studio.review.propose(found_of(truth))
    bad = studio.review.propose(mixed(found_of(truth)))
    for k in (3, 4, 5):
        studio.labelling.label(
            np.flatnonzero(truth == k) + 1, studio.labelling.add_category(f"Genus new{k}")
        )
    found = review_compare.compare(studio)
    by_id = {s.discovery.id: s for s in found.standings}
    assert by_id[good.id].right == 1
    assert by_id[good.id].named == (truth >= 3).sum()
    assert by_id[bad.id].right < 1
    assert found.better == good.id
    assert "true groups fits" in found.sentence
    studio.review.choose(good.id)
    assert review_compare.compare(studio).better == 0


def test_items_without_a_label_of_a_discovery(made):
    studio, truth = made
    first = studio.review.propose(found_of(truth))
    items = np.flatnonzero(truth >= 3) + 1
    studio.labelling.label(items[:4], next(iter(studio.catalogue.categories)))
    assert np.array_equal(studio.review.free_items(first.id), items[4:])


def test_a_name_without_a_place_gives_way_when_a_parent_is_known(made):
    studio, truth = made
    n = int((truth >= 3).sum())
    even = np.full((3, 3), 1 / 3, np.float32)
    known = np.array([2, 3, 4])
    nothing = replace(found_of(truth), relation=np.zeros((3, 0), np.float32))
    first = studio.review.propose(replace(nothing, confidence=np.ones(n, np.float32)))
    before = {c.number: c.name for c in studio.review.clusters(first)}
    studio.review.rename(studio.review.clusters(first)[0].id, "My own")
    mine = studio.review.clusters(first)[0].number
    studio.review.propose(
        replace(found_of(truth), relation=even, relation_cosine=even, known=known)
    )
    after = {c.number: c.name for c in studio.review.clusters()}
    assert set(after) == set(before)
    assert after[mine] == "My own"
    assert all(name.startswith("Genus sp. 0") for k, name in after.items() if k != mine)


def test_plain_groupings_stand_beside_what_a_run_found(tmp_path):
    studio, truth = review_studio(tmp_path)
    found = studio.review.propose(found_of(truth))
    drained(review_compare.beside(studio, found))
    made = studio.review.discoveries()
    assert [d.source for d in made] == ["kmeans", "umap-kmeans", "kmeans"]
    assert {d.clusters for d in made} == {3}
    assert studio.review.current().id == found.id
    found_again = review_compare.compare(studio)
    assert len(found_again.standings) == 3
    assert found_again.current == found.id
    studio.close()
