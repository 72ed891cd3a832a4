"""Values over the steps of a run: warm-up and cosine, linear ramp. Plain numpy, float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Schedule = NDArray[np.float64]


def cosine(base: float, final: float, steps: int, warmup: int = 0, start: float = 0.0) -> Schedule:
    """Linear from `start` to `base` over `warmup` steps, then half a cosine towards `final`.

    The last value is one step short of `final`, as in DINO (arXiv 2104.14294).

    Returns
    -------
    ndarray (steps,) float64
    """
    warmup = min(warmup, steps)
    ramp = np.linspace(start, base, warmup)
    rest = np.arange(steps - warmup)
    falling = final + 0.5 * (base - final) * (1 + np.cos(np.pi * rest / max(1, len(rest))))
    return np.concatenate([ramp, falling])


def ramp(start: float, end: float, count: int, warmup: int) -> Schedule:
    """Linear from `start` to `end` over `warmup` values, then constant; (count,) float64."""
    warmup = min(warmup, count)
    return np.concatenate([np.linspace(start, end, warmup), np.full(count - warmup, end)])
