"""Which items and which of their views a step sees."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.loop import Rows, mixed_seed

Labels = NDArray[np.int64]


class CategorySampler:
    """As many items of each of some categories, by pytorch-metric-learning's sampler.

    A category with fewer items gives some of them several times.

    Parameters
    ----------
    labels : ndarray (n,) int64
        Of the rows 0 .. n-1.
    each : int
        Items per category.
    categories : int
        Categories per step; cut down to those there are, and until the batch can be shared.
    steps_per_epoch : int
        Steps between two diagnoses.
    world : int
        Processes that share a batch.

    Raises
    ------
    UserError
        Fewer than two categories, or a batch that the processes cannot share.
    """

    def __init__(
        self,
        labels: Labels,
        each: int,
        categories: int,
        seed: int,
        steps_per_epoch: int,
        world: int = 1,
    ) -> None:
        found = len(np.unique(labels))
        if found < 2:
            raise UserError(
                "A metric needs at least two categories with two items each.",
                "Name more items first.",
            )
        chosen = min(categories, found)
        while chosen > 1 and each * chosen % world:
            chosen -= 1
        if chosen < 2:
            raise UserError(
                f"Batches of {each} items per category cannot be shared by {world} processes.",
                "Use fewer processes, or another number of items per category.",
            )
        self.labels, self.each, self.seed = labels, each, seed
        self.batch, self.steps_per_epoch = each * chosen, steps_per_epoch

    def rows(self, step: int) -> Rows:
        """Items of a step over all processes, (batch,) int64; those of a category in a row."""
        from pytorch_metric_learning.samplers import MPerClassSampler
        from pytorch_metric_learning.utils import common_functions

        known = common_functions.NUMPY_RANDOM
        # The library draws from one generator of its own; the step's draw shall be its own.
        state = np.random.RandomState(mixed_seed(self.seed, "items", step) % 2**32)
        common_functions.NUMPY_RANDOM = state
        try:
            sampler = MPerClassSampler(
                self.labels, self.each, self.batch, length_before_new_iter=self.batch
            )
            return np.fromiter(sampler, np.int64, self.batch)
        finally:
            common_functions.NUMPY_RANDOM = known


def drawn_views(rows: Rows, views: int, draw: torch.Generator) -> Tensor:
    """A view of each item; an item that comes several times shows different ones, as far as it can.

    Parameters
    ----------
    rows : ndarray (B,) int64
    views : int
        Views that there are.

    Returns
    -------
    Tensor (B,) int64
    """
    names, place = np.unique(rows, return_inverse=True)
    order = torch.rand(len(names), views, generator=draw).argsort(1)
    times = repeats(rows)
    return order[torch.from_numpy(place), torch.from_numpy(times % views)]


def repeats(rows: Rows) -> NDArray[np.int64]:
    """How often each row came before in the batch, (B,)."""
    by_row = np.argsort(rows, kind="stable")
    starts = np.flatnonzero(np.diff(rows[by_row], prepend=-1))
    lengths = np.diff(np.append(starts, len(rows)))
    found = np.empty(len(rows), np.int64)
    found[by_row] = np.arange(len(rows)) - np.repeat(starts, lengths)
    return found


def learned_rows(labels: Labels) -> Rows:
    """Rows whose category (positive) has at least two of them, ascending."""
    names, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.flatnonzero((counts[place] > 1) & (names[place] > 0)).astype(np.int64)


def hidden_categories(labels: Labels, part: float, seed: int, least: int) -> Labels:
    """Categories to hide from training: a part of them, at least three; ascending.

    None when there are fewer than `least`, or the part is 0.
    """
    names = np.unique(labels)
    if len(names) < least or part <= 0:
        return np.zeros(0, np.int64)
    count = max(3, round(part * len(names)))
    rng = np.random.default_rng(mixed_seed(seed, "hidden"))
    return np.sort(rng.permutation(names)[:count]).astype(np.int64)
