"""A space in which the named categories lie apart: for ranking, arranging and placing items.

It is fitted anew on the labels of the moment, so that every category named makes the next
question easier. It takes a second for thousands of items and is kept while the labels stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.embeddings import EmbeddingSpace
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import Event, ItemsAdded, OpChanges, SpaceChanged

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
LEAST_HALVED = 4
LEAST = 3
"""Named categories below which the plain space is used."""
MOST_FITTED = 20_000
DIMS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Guided:
    """Items in a guided space.

    Attributes
    ----------
    item_ids : ndarray (N,) int64
        Ascending.
    vectors : ndarray (N, E) float32
        l2-normalised.
    guided : bool
        False: too few categories are named, these are the vectors of the space.
    """

    item_ids: Ids
    vectors: Floats
    guided: bool

    def rows_of(self, item_ids: Ids) -> Ids:
        """Row of each item; all must be there."""
        return np.searchsorted(self.item_ids, item_ids)


class Guiding:
    """Makes and keeps guided spaces.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._components: dict[str, Floats] = {}
        self._made: dict[str, Guided] = {}
        self._lock = RLock()
        studio.bus.subscribe(self._handle)

    def _handle(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, OpChanges) and event.tables & {"labels", "categories"}:
                self._made.clear()
            elif isinstance(event, ItemsAdded | SpaceChanged):
                self._made.clear()
                self._components.clear()

    def of(self, opened: EmbeddingSpace) -> Guided:
        """The guided space over the items of a space."""
        name = opened.info.name
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(opened)
            return self._made[name]

    def _make(self, opened: EmbeddingSpace) -> Guided:
        from fgvc_studio.analysis import probes

        ids = np.asarray(opened.item_ids[opened.item_ids <= self._studio.catalogue.n], np.int64)
        labels = self._studio.catalogue.category[ids - 1].astype(np.int64)
        names, counts = np.unique(labels, return_counts=True)
        names = names[(names > 0) & (counts > 1)]  # one item has no spread to learn from
        rows = np.flatnonzero(np.isin(labels, names))
        if len(names) < LEAST:
            return Guided(ids, np.asarray(opened.vectors[: len(ids)], np.float32), False)
        if len(rows) > MOST_FITTED:
            rows = np.sort(np.random.default_rng(0).choice(rows, MOST_FITTED, replace=False))
        made = probes.lda_space(self._reduced(opened, len(ids)), rows, labels[rows], DIMS)
        return Guided(ids, np.ascontiguousarray(made, np.float32), True)

    def _reduced(self, opened: EmbeddingSpace, count: int) -> Floats:
        """Principal components of the first `count` rows, kept."""
        from fgvc_studio.analysis import probes

        name = opened.info.name
        if name not in self._components or len(self._components[name]) != count:
            self._components[name] = probes.pca_space(opened.vectors[:count])
        return self._components[name]

    def may_have(self, opened: EmbeddingSpace, items: Ids, error: float) -> tuple[Ids, Bools]:
        """Which categories items may have, wrong for a share `error` of a category's at most.

        Half of the named items of each category teach, the other half calibrate.

        Returns
        -------
        categories : ndarray (C,) int64
        allowed : ndarray (n, C) bool

        Raises
        ------
        UserError
            Fewer than three categories with four named items.
        """
        from fgvc_studio.analysis import conformal, probes

        ids = opened.item_ids[opened.item_ids <= self._studio.catalogue.n]
        labels = self._studio.catalogue.category[ids - 1].astype(np.int64)
        names, counts = np.unique(labels, return_counts=True)
        names = names[(names > 0) & (counts >= LEAST_HALVED)]
        if len(names) < LEAST:
            raise UserError(
                f"A guarantee needs {LEAST} categories with {LEAST_HALVED} named items.",
                "Name more items, or audit a sample instead.",
            )
        rows = np.flatnonzero(np.isin(labels, names))
        rows = np.random.default_rng(0).permutation(rows)
        rows = rows[np.argsort(labels[rows], kind="stable")]
        teach, check = np.sort(rows[::2]), np.sort(rows[1::2])
        with self._lock:
            reduced = self._reduced(opened, len(ids))
        made = probes.lda_space(reduced, teach, labels[teach], DIMS)
        index = np.searchsorted(names, labels)
        at = np.searchsorted(ids, items)
        scored = [
            conformal.scores(made[teach], index[teach], len(names), made[r]) for r in (check, at)
        ]
        return names, conformal.allowed(scored[0], index[check], scored[1], error)
