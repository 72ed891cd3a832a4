"""Comparison of two spaces against plain loops and made-up cases."""

import numpy as np
import pytest

from fgvc_studio.analysis import drift
from fgvc_studio.analysis.probes import unit


def test_overlap_of_neighbours():
    first = np.array([[1, 2, 3, 4], [5, 6, 7, -1], [-1, -1, -1, -1], [1, 2, -1, -1]])
    second = np.array([[4, 3, 9, 8], [5, 6, 7, -1], [-1, -1, -1, -1], [3, 4, -1, -1]])
    np.testing.assert_allclose(drift.jaccard(first, second), [2 / 6, 1, 1, 0])


def test_a_turned_mirrored_map_lies_on_the_old_one():
    rng = np.random.default_rng(0)
    old = rng.normal(size=(50, 2))
    turn = np.array([[0.6, 0.8], [0.8, -0.6]])  # turned and mirrored
    new = 3.0 * old @ turn + (7, -2)
    np.testing.assert_allclose(drift.aligned(new, old), old, atol=1e-9)
    wandering = new.copy()
    wandering[:5] += 40
    stable = np.arange(50) >= 5
    found = drift.aligned(wandering, old, stable)
    np.testing.assert_allclose(found[5:], old[5:], atol=1e-9)
    way = drift.moved(old, found)
    assert way[:5].min() > 1 and way[5:].max() < 1e-6


def test_too_few_stable_items_are_not_gone_by():
    old = np.array([[0.0, 0], [1, 0], [0, 1], [2, 2]])
    one = np.array([True, False, False, False])
    np.testing.assert_allclose(drift.aligned(2 * old, old, one), old, atol=1e-9)
    assert drift.aligned(np.zeros((4, 2)), old).shape == (4, 2)
    assert len(drift.aligned(old[:0], old[:0])) == 0


def by_hand(x, y):
    def mean(a, b, same):
        return np.mean(
            [
                np.linalg.norm(p - q)
                for i, p in enumerate(a)
                for j, q in enumerate(b)
                if not (same and i == j)
            ]
        )

    between = 2 * mean(x, y, same=False)
    return (between - mean(x, x, same=True) - mean(y, y, same=True)) / between


def test_energy_coefficients_are_those_of_plain_loops(monkeypatch):
    rng = np.random.default_rng(1)
    labels = np.repeat([2, 5, 9, 11], [4, 6, 2, 5])
    vectors = unit(rng.normal(size=(17, 5)) + labels[:, None] / 6)
    for rows in (1, 7, 1024):
        monkeypatch.setattr(drift, "_ROWS", rows)
        names, found = drift.inhomogeneity(vectors, labels)
        assert names.tolist() == [2, 5, 9, 11]
        np.testing.assert_allclose(found, found.T, atol=1e-5)
        for i, a in enumerate(names):
            for j, b in enumerate(names):
                wanted = 0 if i == j else by_hand(vectors[labels == a], vectors[labels == b])
                assert found[i, j] == pytest.approx(wanted, abs=1e-5)


def test_the_energy_test_tells_one_category_from_two():
    rng = np.random.default_rng(2)
    one, two = (rng.normal(size=(30, 8)).astype(np.float32) for _ in range(2))
    assert drift.same_population(one, two) > 0.05
    assert drift.same_population(one, two + 1) == pytest.approx(1 / 200)


def test_company_leaves_the_item_itself_out():
    vectors = unit(np.array([[1, 0], [1, 0.01], [0, 1], [0.01, 1], [1, 0.05]], float))
    labels = np.array([3, 3, 8, 8, 8])
    found = drift.company(vectors, labels, np.arange(5), k=2)
    np.testing.assert_allclose(found.own, [1, 1, 1, 1, 0])
    assert found.voted[[0, 2, 4]].tolist() == [3, 8, 3]
    assert found.share[4] == pytest.approx(1) and found.own_share[4] == 0
    lone = drift.company(vectors[:2], np.array([1, 2]), np.array([0]))
    assert np.isnan(lone.own[0]) and lone.voted[0] == 2


def test_categories_with_their_intervals():
    labels = np.repeat([4, 6], 20)
    before, after = np.zeros(40), np.r_[np.ones(20), np.zeros(19), np.nan]
    names, numbers = drift.changes_of_categories(before, after, labels)
    assert names.tolist() == [4, 6]
    np.testing.assert_allclose(numbers, [[0, 1, 1, 1, 20], [0, 0, 0, 0, 19]])


def test_a_sample_takes_all_categories():
    labels = np.random.default_rng(0).permutation(np.repeat([1, 2, 3, 4], [500, 3, 1, 60]))
    rows = drift.sample_of_categories(labels, 30)
    names, counts = np.unique(labels[rows], return_counts=True)
    assert names.tolist() == [1, 2, 4] and counts.tolist() == [10, 3, 10]
    assert (np.diff(labels[rows]) >= 0).all()
    assert len(set(rows.tolist())) == len(rows)
