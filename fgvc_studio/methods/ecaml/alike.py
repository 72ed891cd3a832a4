"""What items without a name teach: near ones count as alike. Ours, no part of a published method.

An item and those of its nearest that have it among their own nearest ("mutual neighbours") are
taken for one category. The start is fitted so that they lie together (`start`), and every step
draws some such groups beside the named categories (`learner`).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgvc_studio.analysis import neighbours
from fgvc_studio.methods.loop import Rows, mixed_seed
from fgvc_studio.methods.mutual import Pairs

MOST = 20_000
"""Items without a name that are used at most."""
GROUP = 4
"""Items of a drawn group: one and its neighbours."""
UNSURE = 50
"""An item's nearest so many may be of its category: they are never pushed away."""

Floats = NDArray[np.float32]


def unnamed(everything: Floats, learned: Rows, seed: int) -> Floats:
    """Vectors of the items that names do not teach (hidden ones are such), at most `MOST`.

    Parameters
    ----------
    everything : ndarray (N, d0) float32
    learned : ndarray int64
        Rows that are learned from by name; -1: none.
    """
    free = np.setdiff1d(np.arange(len(everything)), learned)
    if len(free) > MOST:
        draw = np.random.default_rng(mixed_seed(seed, "unnamed"))
        free = np.sort(draw.choice(free, MOST, replace=False))
    vectors = np.asarray(everything[free], np.float32)
    return vectors[np.isfinite(vectors).all(1)]


class Alike:
    """Groups of items without a name for the steps of a training.

    Parameters
    ----------
    vectors : Tensor (m, d0) float32
        The backbone's vectors of these items.
    pairs : ndarray (P, 2) int64
        Mutual neighbours among them.
    space : Tensor (n + m, D) float32
        Embeddings at the start of the n items learned from and of these, l2-normalised.
    """

    def __init__(self, vectors: Tensor, pairs: Pairs, space: Tensor) -> None:
        self.vectors, self._space = vectors, space
        ends = np.concatenate([pairs, pairs[:, ::-1]])
        order = np.argsort(ends[:, 0], kind="stable")
        self._mates = torch.from_numpy(ends[order, 1])
        self._counts = torch.from_numpy(np.bincount(ends[:, 0], minlength=len(vectors)))
        numbers = space.numpy()
        near = min(UNSURE, len(numbers) - 1)
        _, scores = neighbours.search(numbers, numbers, near, np.arange(len(numbers)))
        self._reach = torch.from_numpy(scores[:, -1].copy())

    def groups(self, count: int, draw: torch.Generator) -> Tensor:
        """Rows of `vectors` drawn for a step, (count, GROUP) int64: an item and its neighbours.

        Those with fewer neighbours show some of them several times.
        """
        counts = self._counts
        first = counts.cumsum(0) - counts
        usable = counts.nonzero()[:, 0]
        chosen = usable[torch.randint(len(usable), (count,), generator=draw)]
        if len(usable) >= count:
            chosen = usable[torch.randperm(len(usable), generator=draw)[:count]]
        sizes = counts[chosen][:, None]
        turn = (torch.rand(count, 1, generator=draw) * sizes).long()
        places = first[chosen][:, None] + (turn + torch.arange(GROUP - 1)) % sizes
        return torch.cat([chosen[:, None], self._mates[places]], 1)

    def foreign(self, rows: Rows, groups: Tensor) -> Tensor:
        """Which items of a batch are surely of another category than each item of the groups.

        Parameters
        ----------
        rows : ndarray (B,) int64
            Of the items learned from.
        groups : Tensor (G, GROUP) int64
            See `groups`.

        Returns
        -------
        Tensor (G * GROUP, B + G * GROUP) bool
            False within a group and between items near each other at the start.
        """
        flat = groups.flatten()
        places = torch.cat([torch.from_numpy(rows), len(self._space) - len(self.vectors) + flat])
        reach, points = self._reach[places], self._space[places]
        alike = points[len(rows) :] @ points.T
        far = (alike < reach[len(rows) :, None]) & (alike < reach)
        group = torch.arange(len(groups)).repeat_interleave(groups.shape[1])
        far[:, len(rows) :] &= group[:, None] != group
        return far
