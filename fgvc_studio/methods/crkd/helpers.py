"""Work that a run hands out, since it may be done in another process: counting, grouping."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Counted = tuple[int, int, int]
Count = Callable[
    [NDArray[np.float32], NDArray[np.int64], str], "Counted | Generator[Any, None, Counted]"
]
"""(vectors (n, d) l2-normalised, labels (n,) with -1 in the pool, rule) -> estimated number of
novel classes, and its range; or a generator that returns them and may be left at any yield."""
Grouped = NDArray[np.int64]
Group = Callable[[NDArray[np.float32], int, str, int], "Grouped | Generator[Any, None, Grouped]"]
"""(vectors (n, d) l2-normalised, groups, rule, seed) -> group of each, (n,); or a generator that
returns them and may be left at any yield."""


def counted(vectors: NDArray[np.float32], labels: NDArray[np.int64], rule: str) -> Counted:
    """The number of novel classes, and its range, by a rule of `analysis.class_count`."""
    from fgvc_studio.analysis import class_count

    found = class_count.RULES[rule](vectors, labels)
    return found.count, found.low, found.high


def silent(job: T | Generator[Any, None, T]) -> Generator[None, None, T]:
    """What a `Count` or a `Group` gives, without what it says on the way."""
    if not isinstance(job, Generator):
        return job
    try:
        while True:
            next(job)
            yield
    except StopIteration as end:
        found: T = end.value
        return found
    finally:
        job.close()
