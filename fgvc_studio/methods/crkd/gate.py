"""The gate before discovery: which unlabelled items probably belong to a known class. Ours.

Items of a new class have each other among the unlabelled ones and nothing so near among the
labelled; an item of a known class has labelled ones as near. So an item passes as known when its
nearest labelled items are near, and nearer than its nearest unlabelled ones by some lead, in a
space in which known classes hold together (`whitening`). How near and how large a lead is found by
hiding known classes, a few at a time. The first condition is there for items that are alone of
their class in the pool, since these lead without reason.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray

from fgvc_studio.analysis import neighbours
from fgvc_studio.methods import whitening
from fgvc_studio.methods.loop import mixed_seed

Labels = NDArray[np.int64]
Floats = NDArray[np.float32]
LEAST_CLASSES = 3
"""One class to hide, two to learn."""
SPENT = 0.5
"""Part of the allowed error that hidden classes may use up. Where many classes look alike in
pairs, the partner of a hidden class may be hidden or unlabelled too, that of a new class is known
more often; hidden classes then let fewer items pass than new ones do."""
ALONE = 4
"""So many times the error is what the nearness alone lets pass of hidden classes."""
_NEAR = 5
_COMPONENTS, _DIMS = 256, 128
_MOST = 20_000
_EVEN = 0.5


def rounds(classes: int, part: float, seed: int) -> list[Labels]:
    """Which classes (0 .. C-1) to hide together, each once; none where there are too few."""
    if classes < LEAST_CLASSES:
        return []
    count = classes if classes == LEAST_CLASSES else min(classes, max(2, round(1 / part)))
    draw = np.random.default_rng(mixed_seed(seed, "hidden"))
    return [np.sort(g) for g in np.array_split(draw.permutation(classes).astype(np.int64), count)]


def thresholds(near: Floats, lead: Floats, error: float) -> tuple[float, float]:
    """The nearness and the lead that at most a part of the hidden classes' items (n,) exceed.

    Parameters
    ----------
    error : float
        That part; `SPENT` of it is used.
    """
    least_near = float(np.quantile(near, max(0.0, 1 - ALONE * error), method="higher"))
    left = np.sort(lead[near > least_near])[::-1]
    most = int(SPENT * error * len(near))
    return least_near, float(left[most]) if len(left) > most else -np.inf


def known(
    vectors: Floats, labels: Labels, *, error: float, part: float, seed: int = 0
) -> Generator[None, None, NDArray[np.bool_]]:
    """Whether each item probably belongs to a known class; rests after each round.

    Parameters
    ----------
    vectors : ndarray (n, d) float32
        l2-normalised.
    labels : ndarray (n,) int64
        Classes, -1 where an item has no label; `LEAST_CLASSES` of them at least.
    error : float
        Part of a new class's items that may pass as known.
    part : float
        Part of the known classes to hide at a time.

    Returns
    -------
    ndarray (n,) bool
        False for labelled items.
    """
    _, given = np.unique(labels[labels >= 0], return_inverse=True)
    numbers = np.full(len(labels), -1, np.int64)
    numbers[labels >= 0] = given
    leads = Leads(vectors, numbers)
    hidden = []
    for group in rounds(int(numbers.max()) + 1, part, seed):
        hidden.append(leads.of(np.isin(numbers, group), group))
        yield
    least_near, least_lead = thresholds(*np.concatenate(hidden, 1), error)
    near, lead = leads.of(labels < 0)
    found = np.zeros(len(labels), bool)
    found[labels < 0] = (near > least_near) & (lead > least_lead)
    return found


class Leads:
    """How near items lie to labelled ones, and how much nearer than to unlabelled ones.

    Parameters
    ----------
    vectors : ndarray (n, d) float32
    labels : ndarray (n,) int64
        0 .. C-1, -1 without.
    """

    def __init__(self, vectors: Floats, labels: Labels) -> None:
        self._labels = labels
        self._data = _components(torch.from_numpy(vectors))
        named = np.flatnonzero(labels >= 0)
        classes, sizes = np.unique(labels[named], return_counts=True)
        self._near = max(1, min(_NEAR, int(np.median(sizes))))
        self._sizes = dict(zip(classes.tolist(), sizes.tolist(), strict=True))
        self._scatter = {
            c: _scatter(self._data[torch.from_numpy(named[labels[named] == c])])
            for c in self._sizes
        }

    def of(self, rows: NDArray[np.bool_], hidden: Labels | tuple[()] = ()) -> Floats:
        """Nearness and lead (2, q) of some items, with some classes taken for unlabelled."""
        seen = self._labels.copy()
        seen[np.isin(seen, hidden)] = -1
        left = [c for c in self._sizes if c not in set(hidden)]
        within = torch.stack([self._scatter[c] for c in left]).sum(0)
        within = within / sum(self._sizes[c] for c in left)
        mean, weight = whitening.of_scatter(within, self._data, _DIMS, _EVEN)
        space = torch.nn.functional.normalize((self._data - mean) @ weight.T, dim=1).numpy()
        queries = np.flatnonzero(rows)
        draw = np.random.default_rng(0)
        means = []
        for gallery in (np.flatnonzero(seen >= 0), np.flatnonzero(seen < 0)):
            gallery = np.sort(draw.permutation(gallery)[:_MOST])
            means.append(_nearness(space, queries, gallery, self._near))
        return np.stack([means[0], means[0] - means[1]]).astype(np.float32)


def _components(vectors: torch.Tensor) -> torch.Tensor:
    """Leading principal components of the vectors, (n, 256 at most)."""
    draw = np.random.default_rng(0)
    some = vectors[torch.from_numpy(np.sort(draw.permutation(len(vectors))[:_MOST]))]
    mean = some.mean(0)
    directions = torch.linalg.eigh((some - mean).T @ (some - mean)).eigenvectors
    return (vectors - mean) @ directions.flip(1)[:, :_COMPONENTS]


def _scatter(vectors: torch.Tensor) -> torch.Tensor:
    around = (vectors - vectors.mean(0)).double()
    return around.T @ around


def _nearness(space: Floats, queries: Labels, gallery: Labels, count: int) -> Floats:
    """Mean cosine (q,) with the nearest of a gallery, the item itself left out; -1 for none."""
    if not len(gallery):
        return np.full(len(queries), -1, np.float32)
    place = np.minimum(np.searchsorted(gallery, queries), len(gallery) - 1)
    itself = np.where(gallery[place] == queries, place, -1)
    rows, scores = neighbours.search(
        space[gallery], space[queries], min(count, len(gallery)), itself
    )
    return np.where(rows >= 0, scores, np.float32(-1)).mean(1)
