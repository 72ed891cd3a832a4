"""Votes with a stranger's share, calibration, and choices under a bound."""

import numpy as np
import pytest

from fgvc_studio.analysis import selecting
from fgvc_studio.analysis.probes import unit


def blobs(rng, kinds=6, each=60, spread=0.25, dim=16):
    labels = np.repeat(np.arange(1, kinds + 1), each)
    centres = unit(rng.normal(size=(kinds, dim)))
    vectors = unit(centres[labels - 1] + spread * rng.normal(size=(len(labels), dim)))
    return vectors, labels


def test_the_score_is_the_share_with_a_vote_for_nothing():
    gallery = unit(np.array([[1, 0.0], [1, 0.1], [0, 1]]))
    labels = np.array([7, 7, 9])
    query = unit(np.array([[1, 0.05]]))
    plain = selecting.score(gallery, labels, query, k=3)
    weights = np.exp((gallery @ query[0] - 1) / 0.07)
    assert plain.best.tolist() == [7]
    assert plain.score[0] == pytest.approx(weights[:2].sum() / weights.sum(), rel=1e-4)
    assert plain.weight[0] == pytest.approx(weights.sum(), rel=1e-4)
    shy = selecting.shy(plain, 2.0)
    assert shy.score[0] == pytest.approx(weights[:2].sum() / (weights.sum() + 2), rel=1e-4)


def test_an_item_does_not_vote_for_itself():
    gallery = unit(np.array([[1, 0.0], [0, 1.0], [0.1, 1.0]]))
    found = selecting.score(gallery, np.array([1, 2, 2]), gallery, np.arange(3), k=2)
    assert found.best.tolist() == [2, 2, 2]


def test_strangers_weigh_less_than_known_ones():
    vectors, labels = blobs(np.random.default_rng(0))
    rows = np.arange(len(labels))
    foreign = selecting.strangers(vectors, labels, rows)
    assert len(foreign.best) == len(rows)
    known = selecting.score(vectors, labels, vectors, rows)
    assert np.mean(known.weight > np.median(foreign.weight)) > 0.9
    assert len(selecting.strangers(vectors, np.ones_like(labels), rows).best) == 0


def test_foreign_items_count_as_wrong():
    known, right = np.array([0.9, 0.8]), np.array([True, True])
    scores, foreign = np.array([0.85, 0.3]), np.array([0.5, 0.2])
    found = selecting.p_values(known, right, scores, foreign, 2.0)
    np.testing.assert_allclose(found, [1 / 3, 1])


def test_confidence_is_the_share_that_is_right():
    rng = np.random.default_rng(1)
    vectors, labels = blobs(rng, each=200, spread=0.45)
    order = rng.permutation(len(labels))
    fit, ask = order[:600], order[600:]
    found = selecting.score(vectors[fit], labels[fit], vectors[fit], np.arange(len(fit)))
    made = selecting.calibrate(found, labels[fit])
    new = selecting.score(vectors[fit], labels[fit], vectors[ask])
    sure, right = made.confidence(new.best, new.score), new.best == labels[ask]
    for low, high in ((0.0, 0.6), (0.6, 0.9), (0.9, 1.0)):
        inside = (sure >= low) & (sure < high)
        if inside.sum() > 50:
            assert abs(sure[inside].mean() - right[inside].mean()) < 0.1


def test_a_category_that_deceives_is_trusted_less():
    found = selecting.Scored(np.repeat([1, 2], 40), np.tile(np.linspace(0, 1, 40), 2), np.ones(80))
    labels = np.r_[np.ones(40), np.where(np.arange(40) < 30, 1, 2)].astype(np.int64)
    made = selecting.calibrate(found, labels)
    first, second = (made.confidence(np.array([c]), np.array([0.9]))[0] for c in (1, 2))
    assert first > second + 0.02
    unseen = made.confidence(np.array([5, -1]), np.array([0.9, 0.9]))
    assert second < unseen[0] < first and unseen[1] == 0
    empty = selecting.calibrate(selecting.Scored(*(np.empty(0),) * 3), np.empty(0, np.int64))
    assert empty.confidence(np.array([1]), np.array([1.0]))[0] <= 0.5


def test_p_values_by_hand():
    known = np.array([0.9, 0.8, 0.7, 0.6])
    right = np.array([True, False, True, False])
    found = selecting.p_values(known, right, np.array([0.95, 0.8, 0.65, 0.1]))
    np.testing.assert_allclose(found, [1 / 5, 2 / 5, 2 / 5, 3 / 5])


def test_benjamini_hochberg_by_hand():
    p = np.array([0.01, 0.04, 0.03, 0.5])
    assert selecting.chosen(p, 0.05).tolist() == [True, False, False, False]
    assert selecting.chosen(p, 0.06).tolist() == [True, True, True, False]
    assert not selecting.chosen(np.empty(0), 0.05).any()


def test_too_few_known_items_choose_nothing():
    known, right = np.ones(8), np.ones(8, bool)
    p = selecting.p_values(known, right, np.ones(50))
    assert not selecting.chosen(p, 0.05).any()
    assert selecting.chosen(selecting.p_values(np.ones(19), np.ones(19, bool), p), 0.05).all()


def test_the_error_stays_below_the_bound_on_average():
    errors = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = 400
        scores = rng.uniform(size=n)
        right = rng.uniform(size=n) < 0.5 + scores / 2
        known, new = np.arange(200), np.arange(200, n)
        p = selecting.p_values(scores[known], right[known], scores[new])
        pick = selecting.chosen(p, 0.2)
        errors.append(0 if not pick.any() else np.mean(~right[new][pick]))
    assert np.mean(errors) < 0.2 + 2 * np.std(errors) / np.sqrt(len(errors))
