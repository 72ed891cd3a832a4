"""Intervals: coverage, equality with plain resampling, exact bounds."""

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from fgvc_studio.analysis import intervals
from fgvc_studio.analysis.metrics_clustering import Cells, nmi


def test_same_seed_same_interval_and_it_holds_the_mean():
    values = np.random.default_rng(0).random(300) < 0.7
    low, high = intervals.bootstrap(values)
    assert (low, high) == intervals.bootstrap(values)
    assert low < values.mean() < high
    width = 2 * 1.96 * np.sqrt(0.7 * 0.3 / 300)
    assert high - low == pytest.approx(width, rel=0.1)


def test_equals_a_plain_loop(monkeypatch):
    values = np.random.default_rng(1).random(40)
    rng = np.random.default_rng(5)
    means = [values[rng.integers(0, 40, (1, 40))[0]].mean() for _ in range(200)]
    monkeypatch.setattr(intervals, "BLOCK", 40)
    found = intervals.bootstrap(values, resamples=200, seed=5)
    np.testing.assert_allclose(found, np.quantile(means, [0.025, 0.975]))


def test_covers_the_true_mean_about_95_times_of_100():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        low, high = intervals.bootstrap(rng.normal(size=60), resamples=300)
        hits += low <= 0 <= high
    assert 180 <= hits <= 199


def test_several_runs_draw_the_items_not_the_values():
    once = np.random.default_rng(3).random(50)
    low, high = intervals.bootstrap(once)
    np.testing.assert_allclose(intervals.bootstrap(np.stack([once] * 3, 1)), (low, high))


def test_no_values_no_interval():
    assert np.isnan(intervals.bootstrap(np.empty(0))).all()


def test_statistic_of_tables_equals_scikit_learn_on_the_same_draws():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 4, 60)
    runs = [np.where(rng.random(60) < 0.6, y, rng.integers(0, 4, 60)) for _ in range(2)]
    tables = [Cells.of(p, y) for p in runs]
    found = intervals.bootstrap_statistics(
        [(c.of_item, lambda counts, c=c: nmi(c, counts)) for c in tables], resamples=30
    )
    drawn = np.random.default_rng(0).integers(0, 60, (30, 60))
    expected = [np.mean([normalized_mutual_info_score(y[d], p[d]) for p in runs]) for d in drawn]
    value = np.mean([normalized_mutual_info_score(y, p) for p in runs])
    low, high = np.quantile(expected, [0.025, 0.975]) - (np.mean(expected) - value)
    np.testing.assert_allclose(found, (low, high))


def test_interval_holds_the_value_where_resampling_flatters():
    """Many small groups: the plain percentiles of NMI would all lie above its value."""
    rng = np.random.default_rng(8)
    y = np.repeat(np.arange(60), 5)
    cells = Cells.of(np.where(rng.random(300) < 0.5, y, rng.integers(0, 60, 300)), y)
    low, high = intervals.bootstrap_statistics([(cells.of_item, lambda c: nmi(cells, c))])
    assert low < nmi(cells, cells.counts())[0] < high


def test_paired_difference_is_narrower_than_the_parts():
    rng = np.random.default_rng(7)
    first = rng.random(200)
    second = first + 0.01 + rng.normal(0, 0.01, 200)
    low, high = intervals.paired_difference(first, second)
    assert 0 < low < 0.01 < high < 0.02


def test_exact_binomial_bound():
    assert intervals.binomial_upper(0, 59) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert intervals.binomial_upper(0, 59) < 0.05 < intervals.binomial_upper(0, 58)
    assert intervals.binomial_upper(3, 3) == 1.0
    assert intervals.binomial_upper(0, 0) == 1.0
    with pytest.raises(ValueError):
        intervals.binomial_upper(4, 3)
