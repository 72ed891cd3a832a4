"""Where an ordered list stops to match, in few looks: jump ahead, then bisect.

The rule is that of MorphoCluster (Schroeder et al., Sensors 2020, 20:3060; arXiv 2005.01595): pages
that match let the next look jump 1, 2, 4, 8, ... pages ahead; between the last page that matched
and the first that did not, the next look falls at one quarter, because a wrong page costs more
than a missed one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]
_NEIGHBOURS = 3
_BLOCK = 4_096


class Bisection:
    """Finds the last page that matches.

    Parameters
    ----------
    pages : int
        Pages of the list.

    Attributes
    ----------
    good, bad : int
        Last page known to match (-1 none), first known not to (`pages`: none).
    page : int
        The page to look at next.
    """

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.good, self.bad = -1, pages
        self._step = 1
        self.page = 0

    @property
    def settled(self) -> bool:
        """Whether the boundary is found."""
        return self.bad - self.good <= 1

    def answer(self, matches: bool) -> None:
        """Say whether all of the present page matches."""
        if self.settled:
            return
        if matches:
            self.good = self.page
        else:
            self.bad = self.page
        if self.settled:
            return
        if self.bad == self.pages:
            self.page = min(self.good + self._step, self.pages - 1)
            self._step *= 2
        else:
            self.page = min(self.bad - 1, self.good + 1 + (self.bad - self.good) // 4)


def ranked(seeds: Floats, candidates: Floats, against: Floats | None = None) -> Floats:
    """How well candidates ``(M,)`` match a set of seeds; the higher the better.

    The mean of the cosines to the three nearest seeds and to their mean, less half the cosine to
    the nearest of `against` (centres of the other categories), so that look-alikes of another
    category come late.

    Parameters
    ----------
    seeds : ndarray (S, D) float32
    candidates : ndarray (M, D) float32
    against : ndarray (C, D) float32, optional
    """
    mean = seeds.mean(0)
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    out = np.empty(len(candidates), np.float32)
    k = min(_NEIGHBOURS, len(seeds))
    for start in range(0, len(candidates), _BLOCK):
        block = candidates[start : start + _BLOCK]
        near = np.partition(block @ seeds.T, len(seeds) - k, axis=1)[:, len(seeds) - k :].mean(1)
        score = (near + block @ mean) / 2
        if against is not None and len(against):
            score = score - 0.5 * (block @ against.T).max(1)
        out[start : start + _BLOCK] = score
    return out
