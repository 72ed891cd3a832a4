"""How sure a number is: bootstrap over the scored items, exact bounds for counted errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95
BLOCK = 1 << 21
"""Drawn indices held at a time."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def bootstrap(
    values: NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Percentile interval of a mean.

    Parameters
    ----------
    values : ndarray (N,) or (N, M) float64
        One value for each scored item; with M columns the mean of all of them is meant, and the
        items are drawn, not the single values.

    Returns
    -------
    low, high : float
        NaN without values.
    """
    n = len(values)
    if not n:
        return float("nan"), float("nan")
    per_item = np.asarray(values, np.float64).reshape(n, -1).mean(1)
    means = np.concatenate([per_item[drawn].mean(1) for drawn in _draws(n, resamples, seed)])
    return _percentiles(means, level)


def bootstrap_statistics(
    tables: Sequence[tuple[NDArray[np.int64], Statistic]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Interval of a statistic of contingency tables, averaged over the tables.

    Items are drawn anew, the same ones for all tables, while their cells (assigned group, true
    group) stay as they are. Drawing some items twice makes groups look purer than they are, so
    the percentiles are moved back by the mean excess of the samples over the statistic itself.

    Parameters
    ----------
    tables : sequence of (cells, statistic)
        ``cells (N,)`` int64 numbers the cell that each item lies in from 0; the statistic takes
        counts ``(B, m)`` float64 and returns ``(B,)``.

    Returns
    -------
    low, high : float
        NaN without items.
    """
    n = len(tables[0][0])
    if not n:
        return float("nan"), float("nan")

    def averaged(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        values = [statistic(_counts(cells, drawn)) for cells, statistic in tables]
        return np.asarray(np.mean(values, axis=0))

    found = np.concatenate([averaged(drawn) for drawn in _draws(n, resamples, seed)])
    excess = found.mean() - averaged(np.arange(n)[None])[0]
    return _percentiles(found - excess, level)


def _counts(cells: NDArray[np.int64], drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    m = int(cells.max()) + 1
    keys = cells[drawn] + m * np.arange(len(drawn))[:, None]
    counts = np.bincount(keys.ravel(), minlength=m * len(drawn))
    return counts.reshape(len(drawn), m).astype(np.float64)


def paired_difference(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Percentile interval of ``mean(second) - mean(first)`` over the same items.

    Parameters
    ----------
    first, second : ndarray (N,) float64
        Values of the same items, in the same order.
    """
    difference = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    return bootstrap(difference, resamples=resamples, seed=seed, level=level)


def binomial_upper(wrong: int, n: int, level: float = LEVEL) -> float:
    """Largest error rate that `wrong` errors in `n` random checks leave plausible.

    One-sided Clopper-Pearson bound: 0 errors in 59 checks give .0495 at 95 %.

    Returns
    -------
    float
        1 without checks.
    """
    from scipy.stats import beta

    if not 0 <= wrong <= n:
        raise ValueError(f"{wrong} errors in {n} checks")
    return 1.0 if wrong == n else float(beta.ppf(level, wrong + 1, n - wrong))


def binomial_interval(hits: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Two-sided Clopper-Pearson interval of a share; (0, 1) without trials."""
    from scipy.stats import beta

    if not 0 <= hits <= n:
        raise ValueError(f"{hits} hits in {n} trials")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def _draws(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Blocks ``(b, n)`` of drawn indices; the same for equal n and seed."""
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // n)
    for start in range(0, resamples, rows):
        yield rng.integers(0, n, (min(rows, resamples - start), n))


def _percentiles(found: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
