"""The packed search finds what the plain one finds, to the last row."""

import numpy as np
import pytest

from fgvc_studio.analysis import compact, neighbours
from fgvc_studio.analysis.compact import CompactSpace


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_spaces_are_packed(monkeypatch):
    monkeypatch.setattr(compact, "LEAST_VALUES", 0)


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 96))
    return unit(centres[rng.integers(0, 30, 20_000)] + rng.normal(size=(20_000, 96)))


def packed(vectors):
    space = CompactSpace(vectors)
    assert space.pack(wait=True)
    return space


def assert_same(space, query, k, allowed=None):
    rows, scores = space.search(query, k, allowed)
    plain_rows, plain_scores = neighbours.search(space.vectors, query, k, allowed=allowed)
    assert rows.shape == scores.shape == (1, k)
    np.testing.assert_allclose(scores, plain_scores, atol=2e-6)
    swapped = rows != plain_rows  # equal but for rounding: the order among them is free
    np.testing.assert_allclose(
        (space.vectors[rows[swapped]] @ query), plain_scores[swapped], atol=2e-6
    )


@pytest.mark.parametrize("k", [1, 10, 300])
def test_same_answer_as_the_plain_search(vectors, k):
    space = packed(vectors)
    for row in (0, 77, 19_999):
        assert_same(space, vectors[row], k)


def test_forbidden_rows_are_not_found(vectors):
    space = packed(vectors)
    allowed = np.zeros(len(vectors), bool)
    allowed[::7] = True
    assert_same(space, vectors[3], 20, allowed)
    assert (space.search(vectors[3], 20, allowed)[0] % 7 == 0).all()


def test_fewer_than_k_qualify(vectors):
    space = packed(vectors)
    allowed = np.zeros(len(vectors), bool)
    allowed[[5, 9]] = True
    rows, scores = space.search(vectors[0], 4, allowed)
    assert set(rows[0, :2].tolist()) == {5, 9}
    assert rows[0, 2:].tolist() == [-1, -1]
    assert np.isneginf(scores[0, 2:]).all()


def test_rows_that_are_not_finite_are_never_found(vectors):
    damaged = vectors.copy()
    damaged[10] = np.nan
    damaged[11, 3] = np.inf
    space = packed(damaged)
    rows, _ = space.search(vectors[10], 50)
    assert not np.isin([10, 11], rows).any()
    damaged[11] = np.nan
    assert_same(space, vectors[10], 50)


def test_equal_rows_fall_back_to_the_plain_search():
    vectors = np.repeat(unit(np.random.default_rng(1).normal(size=(1, 32))), 5_000, 0)
    rows, scores = packed(vectors).search(vectors[0], 3)
    assert len(set(rows[0].tolist())) == 3
    np.testing.assert_allclose(scores, 1, atol=1e-6)


def test_bounds_hold_for_every_row(vectors):
    space = packed(vectors)
    query = vectors[42]
    part = space._packed
    scores = np.empty(len(vectors), np.float32)
    part._kernels.products(part._codes, part._scales, query, scores)
    assert (np.abs(scores - vectors @ query) <= part._errors + compact._SLACK).all()


def test_memmaps_that_cannot_be_written_are_packed(vectors, tmp_path):
    np.save(tmp_path / "v.npy", vectors)
    space = packed(np.load(tmp_path / "v.npy", mmap_mode="r"))
    assert_same(space, np.array(vectors[1]), 5)


def test_small_or_closed_spaces_stay_plain(vectors, monkeypatch):
    closed = CompactSpace(vectors)
    closed.close()
    assert not closed.pack(wait=True)
    monkeypatch.setattr(compact, "LEAST_VALUES", vectors.size + 1)
    small = CompactSpace(vectors)
    assert not small.pack(wait=True)
    assert_same(small, vectors[8], 5)
