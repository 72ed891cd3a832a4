"""Membership, purity, parts and likeness of clusters."""

from __future__ import annotations

import numpy as np
import pytest

from fgvc_studio.analysis import cluster_quality as cq
from fgvc_studio.analysis import grouping, purity
from fgvc_studio.analysis.matching import kept_ids


def blobs(count, each, noise=0.3, dim=16, seed=0):
    draw = np.random.default_rng(seed)
    truth = np.repeat(np.arange(count), each)
    centres = draw.normal(size=(count, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = centres[truth] + noise * draw.normal(size=(len(truth), dim)) / 2
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth


def test_means_are_those_of_a_plain_loop():
    vectors, truth = blobs(3, 5)
    cluster = truth.copy()
    cluster[:2] = -1
    found = cq.means(vectors, cluster, 4)
    for k in range(3):
        mean = vectors[cluster == k].mean(0)
        np.testing.assert_allclose(found[k], mean / np.linalg.norm(mean), atol=1e-6)
    assert not found[3].any()


def test_membership_names_the_second_best():
    vectors, truth = blobs(4, 10, noise=0.6)
    found = cq.membership(vectors, truth, 4)
    cosines = vectors @ cq.means(vectors, truth, 4).T
    shares = np.exp(cosines / cq.TAU)
    shares /= shares.sum(1, keepdims=True)
    rows = np.arange(40)
    np.testing.assert_allclose(found.confidence, shares[rows, truth], atol=1e-5)
    shares[rows, truth] = -1
    assert (found.runner_up == shares.argmax(1)).all()


def test_quality_falls_where_items_are_put_into_the_wrong_cluster():
    vectors, truth = blobs(5, 20)
    data = cq.compact(vectors)
    wrong = truth.copy()
    wrong[::5] = (wrong[::5] + 1) % 5
    good, bad = cq.quality(data, truth, 5), cq.quality(data, wrong, 5)
    assert good.mean() > 0.95 and bad[::5].mean() < 0.4 < bad.mean() < good.mean()


def test_purity_is_learned_from_hidden_categories():
    vectors, truth = blobs(12, 20, noise=0.7)
    table = purity.calibrate(vectors, truth, "kmeans")
    quality, low, middle, high = table
    assert (np.diff(quality) > 0).all() and (np.diff(middle) >= 0).all()
    assert (low <= middle).all() and (middle <= high).all()
    assert middle[-1] > 0.9 and middle[0] < middle[-1]
    assert table.min() >= 0 and table.max() <= 1


@pytest.mark.parametrize(
    ("count", "each", "enough"), [(9, 25, True), (8, 40, False), (20, 4, False)]
)
def test_few_labels_do_not_suffice(count, each, enough):
    assert purity.enough(np.repeat(np.arange(count), each)) is enough


def test_two_kinds_in_one_cluster_are_told_by_their_gap():
    vectors, truth = blobs(2, 20, noise=0.2)
    found, gap = cq.parts(vectors)
    assert len(set(zip(found.tolist(), truth.tolist(), strict=True))) == 2
    assert gap > cq.parts(blobs(1, 40)[0])[1] + 0.2


def test_halves_of_a_blob_are_alike_and_different_blobs_are_not():
    vectors, truth = blobs(3, 30)
    halves = np.where((truth == 0) & (np.arange(90) % 2 == 0), 3, truth)
    table = cq.likeness(vectors, halves, 4)
    assert table[0, 3] > 0.8 and table[1, 2] < 0.1
    np.testing.assert_array_equal(table, table.T)


def test_halves_of_two_kinds_hardly_touch():
    two, _ = blobs(2, 20, noise=0.3)
    assert cq.halves(cq.compact(two)) < 0.1
    one, _ = blobs(1, 40, noise=0.7)
    assert cq.halves(cq.compact(one)) > 0.3
    assert cq.halves(two[:6]) == 1.0


def test_like_stands_beside_like():
    vectors, truth = blobs(3, 10, noise=0.2)
    shuffled = np.random.default_rng(0).permutation(30)
    order = cq.side_by_side(vectors[shuffled])
    assert sorted(order.tolist()) == list(range(30))
    assert np.count_nonzero(np.diff(truth[shuffled][order])) == 2


def test_repetitions_tell_stable_groups_from_others():
    runs = [
        np.array([0, 0, 0, 1, 1, 1]),
        np.array([1, 1, 1, 0, 0, 0]),
        np.array([0, 0, 1, 1, 1, 1]),
    ]
    found = grouping.compared([r.astype(np.int64) for r in runs])
    np.testing.assert_allclose(found.agreement, [1, 1, 0.5, 1, 1, 1])
    np.testing.assert_allclose(found.stability, [(1 + 2 / 3) / 2, (1 + 3 / 4) / 2])


def test_guided_directions_leave_the_shared_nuisance_behind():
    draw = np.random.default_rng(0)
    vectors, truth = blobs(12, 20, noise=0.3)
    nuisance = draw.normal(size=(1, 16)) * draw.normal(size=(240, 1)) * 2
    seen = (vectors + nuisance).astype(np.float32)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    novel = truth >= 8
    made = grouping.discriminants(seen[novel], seen[~novel], truth[~novel])

    def apart(x):
        same = truth[novel][:, None] == truth[novel]
        near = (x @ x.T).astype(np.float64)
        return near[same].mean() - near[~same].mean()

    assert apart(made) > 3 * apart(seen[novel])


def test_numbers_follow_the_clusters_they_continue():
    old = np.array([5, 5, 5, 7, 7, -1, -1])
    new = np.array([1, 1, 0, 0, 0, 2, 2])
    assert kept_ids(old, new).tolist() == [7, 5, 8]


def test_some_of_each_cluster_stand_for_many():
    cluster = np.repeat(np.arange(4), [500, 40, 3, 457])
    assert np.array_equal(cq.some_of_each(cluster, 4), np.arange(1000))
    rows = cq.some_of_each(cluster, 4, most=80)
    assert np.array_equal(np.bincount(cluster[rows]), [20, 20, 3, 20])
    assert (np.diff(rows) > 0).all()


def test_twins_are_found_by_some_of_each_as_by_all():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 16))
    kind = np.repeat(np.arange(6), 200)
    vectors = cq.compact(centres[kind] + 0.6 * rng.normal(size=(1200, 16)))
    cluster = np.where((kind == 0) & (np.arange(1200) % 2 == 0), 6, kind)
    rows = cq.some_of_each(cluster, 7, most=210)
    some, every = cq.likeness(vectors[rows], cluster[rows], 7), cq.likeness(vectors, cluster, 7)
    for table in (some, every):
        assert table[0, 6] > 0.6
        table[[0, 6], [6, 0]] = 0
        assert table.max() < 0.15
