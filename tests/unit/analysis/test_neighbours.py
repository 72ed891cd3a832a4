import numpy as np
import pytest

from fgvc_studio.analysis import neighbours


def unit(rows, width, seed=0):
    x = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def reference(vectors, query, k, left_out):
    """Sort everything in a plain loop."""
    scored = [
        (float(np.dot(v, query)), row)
        for row, v in enumerate(vectors)
        if row != left_out and np.isfinite(v).all()
    ]
    return [row for _, row in sorted(scored, reverse=True)[:k]]


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("own", [False, True])
def test_search_agrees_with_sorting_everything(count, own):
    vectors = unit(200, 16)
    exclude = np.arange(count) if own else None
    rows, scores = neighbours.search(vectors, vectors[:count], 7, exclude)
    for q in range(count):
        assert rows[q].tolist() == reference(vectors, vectors[q], 7, q if own else -1)
        np.testing.assert_allclose(scores[q], vectors[rows[q]] @ vectors[q], atol=1e-5)


@pytest.mark.parametrize("count", [1, 30])
def test_rows_that_are_not_finite_are_never_found(count):
    vectors = unit(60, 8)
    vectors[[3, 9]] = np.nan
    rows, _ = neighbours.search(vectors, unit(count, 8, 1), 60)
    assert not np.isin(rows, [3, 9]).any()
    assert (rows[:, 58:] == -1).all()


@pytest.mark.parametrize("count", [2, 9])
def test_more_neighbours_than_rows_are_minus_one(count):
    rows, scores = neighbours.search(unit(3, 4), unit(count, 4, 1), 5)
    assert (rows[:, 3:] == -1).all() and np.isneginf(scores[:, 3:]).all()
    assert (np.sort(rows[:, :3], 1) == [0, 1, 2]).all()


def test_a_graph_of_copies_never_holds_a_row_itself():
    vectors = np.repeat(unit(1, 6), 20, 0)
    rows, _ = neighbours.knn_graph(vectors, 4)
    assert (rows != np.arange(20)[:, None]).all() and (rows >= 0).all()


def test_the_graph_comes_in_blocks_that_join_to_the_whole():
    vectors = unit(2500, 4)
    rows, scores = neighbours.knn_graph(vectors, 3)
    blocks = list(neighbours.knn_blocks(vectors, 3))
    assert len(blocks) == 3
    assert np.array_equal(np.concatenate([b[1] for b in blocks]), rows)
    assert np.array_equal(np.concatenate([b[2] for b in blocks]), scores)


def test_a_query_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match="queries are"):
        neighbours.search(unit(5, 4), unit(1, 3), 1)
