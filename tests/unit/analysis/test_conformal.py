"""Prediction sets: their error, by category."""

from __future__ import annotations

import numpy as np
import pytest

from fgvc_studio.analysis import conformal


def drawn(seed, each=60, count=5, noise=1.1):
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(count, 8))
    labels = np.repeat(np.arange(count), each)
    vectors = centres[labels] + noise * draw.normal(size=(len(labels), 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def test_scores_are_those_of_a_plain_loop():
    (gallery, labels), (queries, _) = drawn(0, 4), drawn(1, 2)
    found = conformal.scores(gallery, labels, 6, queries)
    for q, query in enumerate(queries):
        for c in range(5):
            best = sorted((gallery[labels == c] @ query).tolist())[-3:]
            assert found[q, c] == pytest.approx(np.mean(best), abs=1e-5)
    assert (found[:, 5] == -1).all()


@pytest.mark.parametrize("error", [0.05, 0.2])
def test_the_true_category_is_left_out_as_often_as_stated(error):
    missed = np.zeros(5)
    for seed in range(12):
        (gallery, g), (check, c), (new, n) = (drawn(3 * seed + i) for i in range(3))
        known = conformal.scores(gallery, g, 5, check)
        may = conformal.allowed(known, c, conformal.scores(gallery, g, 5, new), error)
        missed += np.array([(~may[n == k, k]).mean() for k in range(5)])
    assert (missed / 12 < error + 0.04).all()
    assert abs(missed.mean() / 12 - error) < 0.03


def test_a_rare_category_borrows_the_scores_of_all():
    calibration = np.array([[0.9, 0.1]] * 40 + [[0.1, 0.2]], np.float32)
    labels = np.array([0] * 40 + [1])
    may = conformal.allowed(
        calibration, labels, np.array([[0.9, 0.1], [0.9, 0.9]], np.float32), 0.05
    )
    assert may.tolist() == [[True, False], [True, True]]
    with pytest.raises(ValueError, match="error rate"):
        conformal.allowed(calibration, labels, calibration, 0.0)
