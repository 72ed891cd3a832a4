"""Logits of all items with any prototypes switched off, in a tenth of a second."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.methods.st_protopnet.bundle import Bundle
from fgvc_studio.services.prototypes_cache import Activations

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
Off = frozenset[int]
_BYTES = 512 << 20
"""Scores that are kept prototype by prototype; more stay in their file, item by item."""
_BLOCK = 4096
_KEPT = 4


@dataclass(eq=False)
class Sums:
    """Logits of the items compared so far.

    The product is made with the prototypes that differ from a sum known already, or with all that
    are on, whichever are fewer. They lie one behind the other, so that choosing some costs little.

    Attributes
    ----------
    rows : ndarray (n,) int64
        Of the activations.
    whole : ndarray (n, C) float32
        Nothing switched off.
    scores : ndarray (2P, n) float32 or None
    """

    rows: Ids
    whole: Floats
    found: Activations
    scores: Floats | None
    made: OrderedDict[Off, Floats] = field(default_factory=OrderedDict)
    exact: set[Off] = field(default_factory=set)
    """Those that were not made of another one: errors of rounding must not add up."""

    @classmethod
    def of(cls, bundle: Bundle, found: Activations) -> Sums:
        """Read all scores once."""
        rows = found.rows
        n, m = len(rows), bundle.count
        whole = np.empty((n, len(bundle.category_ids)), np.float32)
        scores = np.empty((m, n), np.float32) if 4 * n * m <= _BYTES else None
        for at in range(0, n, _BLOCK):
            part = found.scores[rows[at : at + _BLOCK]]
            whole[at : at + _BLOCK] = bundle.logits(part)
            if scores is not None:
                scores[:, at : at + _BLOCK] = part.T
        return cls(rows, whole, found, scores)

    def without(self, bundle: Bundle, off: Off) -> Floats:
        """Logits (n, C) with prototypes switched off; not to be written to."""
        if not off:
            return self.whole
        kept = self.made.pop(off, None)
        if kept is None:
            kept = self._make(bundle, off)
        self.made[off] = kept
        while len(self.made) > _KEPT:
            self.exact.discard(self.made.popitem(last=False)[0])
        return kept

    def _make(self, bundle: Bundle, off: Off) -> Floats:
        bases = [(frozenset[int](), self.whole)]
        bases += [(some, made) for some, made in self.made.items() if some in self.exact]
        base, start = min(bases, key=lambda one: len(one[0] ^ off))
        changed = np.array(sorted(base ^ off), np.int64)
        on = np.setdiff1d(np.arange(bundle.count), sorted(off))
        if len(on) <= len(changed):
            self.exact.add(off)
            return self._product(bundle.weights[:, on], on)
        signs = np.where([j in off for j in changed.tolist()], -1, 1).astype(np.float32)
        return start + self._product(bundle.weights[:, changed] * signs, changed)

    def _product(self, weights: Floats, chosen: Ids) -> Floats:
        """Scores of some prototypes times their weights (C, m), (n, C)."""
        made = np.empty(self.whole.shape, np.float32)
        across = np.ascontiguousarray(weights.T)
        for at in range(0, len(self.rows), _BLOCK):
            part = slice(at, at + _BLOCK)
            if self.scores is not None:
                np.matmul(self.scores[chosen, part].T, across, out=made[part])
            else:
                some: Floats = self.found.scores[self.rows[part]][:, chosen]
                np.matmul(some, across, out=made[part])
        return made
