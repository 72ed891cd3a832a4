"""Which categories an item may have, at a stated error: split conformal prediction by category.

Items that were not learned from tell how low the score of a category's own items can be. An item
"may have" a category unless it scores lower than all but a share `error` of them; then its true
category is left out with a probability of `error` at most, for each category by itself (Vovk,
Gammerman, Shafer, *Algorithmic Learning in a Random World*, 2005, section 4.5; Mondrian form).
The claim needs items drawn like those that calibrate, and says nothing of unknown categories.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
_NEIGHBOURS = 3
_BLOCK = 2_048


def scores(gallery: Floats, labels: Ids, count: int, queries: Floats) -> Floats:
    """Mean cosine of queries to the three nearest gallery items of each category, (Q, count).

    Parameters
    ----------
    gallery : ndarray (M, D) float32
        l2-normalised.
    labels : ndarray (M,) int64
        0 .. count - 1; a category without an item scores -1.
    """
    found = np.full((len(queries), count), -1, np.float32)
    for c in range(count):
        own = gallery[labels == c]
        k = min(_NEIGHBOURS, len(own))
        for start in range(0, len(queries) if k else 0, _BLOCK):
            part = queries[start : start + _BLOCK] @ own.T
            best = np.partition(part, len(own) - k, axis=1)[:, len(own) - k :]
            found[start : start + _BLOCK, c] = best.mean(1)
    return found


def allowed(calibration: Floats, labels: Ids, queries: Floats, error: float) -> NDArray[np.bool_]:
    """Which categories each query may have, (Q, C).

    A category with too few items to calibrate (19 for 5 %) takes the scores of all categories.

    Parameters
    ----------
    calibration, queries : ndarray (m, C) and (Q, C) float32
        From `scores`, of items that are not in the gallery.
    labels : ndarray (m,) int64
        True categories of the calibration items.
    """
    if not 0 < error < 1:
        raise ValueError(f"an error rate of {error}")
    everything = calibration[np.arange(len(labels)), labels]
    found = np.ones(queries.shape, bool)
    for c in range(queries.shape[1]):
        own = everything[labels == c]
        if (len(own) + 1) * error < 1:
            own = everything
        below = np.searchsorted(np.sort(own), queries[:, c], side="right")
        found[:, c] = (below + 1) / (len(own) + 1) > error
    return found
