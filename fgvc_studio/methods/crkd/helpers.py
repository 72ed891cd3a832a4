"""Work that a run hands out, since it may be done in another process: counting, grouping."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counted = tuple[int, int, int]
Count = Callable[
    [NDArray[np.float32], NDArray[np.int64], str], "Counted | Generator[Any, None, Counted]"
]
"""(vectors (n, d) l2-normalised, labels (n,) with -1 in the pool, rule) -> estimated number of
novel classes, and its range; or a generator that returns them and may be left at any yield."""
Group = Callable[[NDArray[np.float32], int, str, int], NDArray[np.int64]]
"""(vectors (n, d) l2-normalised, groups, rule, seed) -> group of each, (n,)."""


def counted(vectors: NDArray[np.float32], labels: NDArray[np.int64], rule: str) -> Counted:
    """The number of novel classes, and its range, by a rule of `analysis.class_count`."""
    from fgvc_studio.analysis import class_count

    found = class_count.RULES[rule](vectors, labels)
    return found.count, found.low, found.high


def silent(
    job: Counted | Generator[Any, None, Counted],
) -> Generator[None, None, Counted]:
    """What a `Count` gives, without what it says on the way."""
    if isinstance(job, tuple):
        return job
    try:
        while True:
            next(job)
            yield
    except StopIteration as end:
        found: Counted = end.value
        return found
    finally:
        job.close()
