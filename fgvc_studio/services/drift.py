"""What a new space changed against an old one: what it bought and what it broke."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.services.drift_report import (
    LISTED,
    TAUGHT,
    CategoryChange,
    Disagreement,
    DriftReport,
    PairChange,
    Strips,
    Trouble,
)

if TYPE_CHECKING:
    from fgvc_studio.domain.embeddings import EmbeddingSpace
    from fgvc_studio.services.studio import Studio

NEAR, FAR = 10, 20
"""Lengths of the lists of neighbours that are compared."""
MOST_COMPARED = 10_000
"""Items whose neighbours are compared; all find theirs among all items."""
MOST_LABELLED, MOST_QUERIES = 50_000, 10_000
"""Labelled items that can be found, and those that look for their like."""
_TESTED = 30
_LEAST = 3
_BLOCK = 1024
_MAPS = ("umap", "pca")

Ids = NDArray[np.int64]
Doubles = NDArray[np.float64]


def strips(studio: Studio, item_id: int, old: str, new: str, k: int = NEAR) -> Strips:
    """The k nearest items of an item in both spaces.

    Raises
    ------
    UserError
        It has no vector in one of them.
    """
    found = []
    for name in (old, new):
        ids = studio.exploring.similar_to_item(item_id, k, space=name).item_ids[0]
        found.append(ids[ids > 0])
    return Strips(item_id, *found)


def report(studio: Studio, old: str, new: str) -> Generator[Progress, None, DriftReport]:
    """Compare two spaces of the project, of whatever origin.

    Raises
    ------
    UserError
        The same space twice, a missing one, or fewer than three items in both.
    """
    if old == new:
        raise UserError("A space cannot be compared with itself.", "Choose two spaces.")
    return (yield from _Comparison(studio, old, new).run())


class _Comparison:
    """A report in the making."""

    def __init__(self, studio: Studio, old: str, new: str) -> None:
        self._studio = studio
        self._spaces = [studio.exploring.space(name) for name in (old, new)]
        self._names = (old, new)
        first, second = self._spaces
        self._ids = np.intersect1d(first.item_ids, second.item_ids)
        if len(self._ids) < _LEAST:
            raise UserError(
                f"{old} and {new} have {len(self._ids)} items in common.",
                "Embed the images in both spaces first.",
            )
        self._notes: list[str] = []

    def run(self) -> Generator[Progress, None, DriftReport]:
        steps = 6
        yield Progress(0, steps, "Comparing neighbours")
        compared, near, far = yield from self._neighbours()
        yield Progress(1, steps, "Laying the maps on each other")
        method, old_xy, new_xy = self._maps(compared, far)
        from fgvc_studio.analysis import drift

        yield Progress(2, steps, "Comparing categories")
        self._note_teaching()
        labelled, queries, labels = self._labelled()
        categories, disagreements = yield from self._categories(labelled, queries, labels)
        yield Progress(4, steps, "Comparing pairs of categories")
        pairs, trouble = self._pairs(labelled, labels)
        yield Progress(6, steps, "Compared")
        return DriftReport(
            *self._names,
            method,
            self._ids,
            np.asarray(old_xy, np.float32),
            np.asarray(new_xy, np.float32),
            drift.moved(old_xy, new_xy),
            compared,
            near,
            far,
            categories,
            pairs,
            trouble,
            disagreements,
            tuple(self._notes),
        )

    def _note_teaching(self) -> None:
        """Labels that taught a space speak for it louder than others would."""
        for name in self._names:
            if self._studio.store.arrays.meta(name).get("method") in TAUGHT:
                self._notes.append(
                    f"{name} was taught by labels: their items sit better in it than others will."
                )

    def _vectors(self, space: EmbeddingSpace, ids: Ids) -> NDArray[np.float32]:
        """Vectors of items; the file itself where these are all that it holds."""
        if len(ids) == len(space.item_ids):
            return space.vectors
        return np.asarray(space.vectors[space.rows_of(ids)], np.float32)

    # ---- neighbours and maps ---------------------------------------------------------------
    def _neighbours(
        self,
    ) -> Generator[Progress, None, tuple[Ids, NDArray[np.float32], NDArray[np.float32]]]:
        from fgvc_studio.analysis import drift, neighbours

        n = len(self._ids)
        rows = np.arange(n)
        if n > MOST_COMPARED:
            rows = np.sort(np.random.default_rng(0).choice(n, MOST_COMPARED, replace=False))
            self._notes.append(
                f"Neighbours were compared for {MOST_COMPARED:,} of {n:,} items, drawn at random."
            )
        found = []
        for turn, space in enumerate(self._spaces):
            vectors, parts = self._vectors(space, self._ids), []
            for start in range(0, len(rows), _BLOCK):
                part = rows[start : start + _BLOCK]
                queries = np.asarray(vectors[part], np.float32)
                parts.append(neighbours.search(vectors, queries, FAR, part)[0])
                yield Progress(
                    turn * len(rows) + start + len(part), 2 * len(rows), "Comparing neighbours"
                )
            found.append(np.concatenate(parts))
        near = drift.jaccard(found[0][:, :NEAR], found[1][:, :NEAR])
        return self._ids[rows], near, drift.jaccard(*found)

    def _maps(self, compared: Ids, kept: NDArray[np.float32]) -> tuple[str, Doubles, Doubles]:
        """Method and both maps; the half of the items with the steadier company is stable."""
        from fgvc_studio.analysis import drift

        stable = np.zeros(len(self._ids), bool)
        rows = np.searchsorted(self._ids, compared)
        stable[rows[kept >= np.median(kept)]] = True
        for method in _MAPS:
            maps = [self._map(space, method) for space in self._spaces]
            if maps[0] is not None and maps[1] is not None:
                return method, maps[0], drift.aligned(maps[1], maps[0], stable)
        raise AssertionError("a space always has its principal components")

    def _map(self, space: EmbeddingSpace, method: str) -> Doubles | None:
        from fgvc_studio.analysis import projection

        found = self._studio.exploring.load_map(space.info.name, method)
        if found is not None:
            rows = np.searchsorted(found.item_ids, self._ids)
            rows = np.minimum(rows, len(found.item_ids) - 1)
            if np.array_equal(found.item_ids[rows], self._ids):
                return np.asarray(found.xy[rows], np.float64)
        if method != "pca":
            return None
        return np.asarray(projection.pca(self._vectors(space, self._ids), 2), np.float64)

    # ---- categories ------------------------------------------------------------------------
    def _labelled(self) -> tuple[Ids, Ids, Ids]:
        """Labelled items that can be found, rows of those that ask, and their categories."""
        from fgvc_studio.analysis import drift

        known = self._ids[self._ids <= self._studio.catalogue.n]
        labels = self._studio.catalogue.category[known - 1].astype(np.int64)
        ids, labels = known[labels > 0], labels[labels > 0]
        draw = np.random.default_rng(0)
        if len(ids) > MOST_LABELLED:
            rows = np.sort(draw.choice(len(ids), MOST_LABELLED, replace=False))
            self._notes.append(
                f"Categories were compared on {MOST_LABELLED:,} of {len(ids):,} labelled items."
            )
            ids, labels = ids[rows], labels[rows]
        queries = np.arange(len(ids))
        if len(ids) > MOST_QUERIES:
            queries = np.sort(drift.sample_of_categories(labels, MOST_QUERIES))
            self._notes.append(f"{len(queries):,} of them, of every category, looked for company.")
        return ids, queries, labels

    def _categories(
        self, ids: Ids, queries: Ids, labels: Ids
    ) -> Generator[Progress, None, tuple[tuple[CategoryChange, ...], tuple[Disagreement, ...]]]:
        from fgvc_studio.analysis import drift

        if len(np.unique(labels)) < 2:
            self._notes.append("Categories cannot be compared: fewer than two are in use.")
            return (), ()
        found = []
        for turn, space in enumerate(self._spaces):
            found.append(drift.company(self._vectors(space, ids), labels, queries))
            yield Progress(3 + turn, 6, "Comparing categories")
        names, numbers = drift.changes_of_categories(found[0].own, found[1].own, labels[queries])
        changes = [
            CategoryChange(int(name), before, after, low, high, int(items))
            for name, (before, after, low, high, items) in zip(names, numbers.tolist(), strict=True)
        ]
        new = found[1]
        against = (new.voted >= 0) & (new.voted != labels[queries])
        rows = np.flatnonzero(against)
        rows = rows[np.argsort(new.own_share[rows] - new.share[rows], kind="stable")][:LISTED]
        return tuple(sorted(changes, key=lambda c: c.difference)), tuple(
            Disagreement(
                int(ids[queries[row]]),
                int(labels[queries[row]]),
                int(new.voted[row]),
                float(new.share[row]),
                float(new.own_share[row]),
            )
            for row in rows
        )

    def _pairs(self, ids: Ids, labels: Ids) -> tuple[tuple[PairChange, ...], tuple[Trouble, ...]]:
        from fgvc_studio.analysis import drift

        rows = drift.sample_of_categories(labels)
        if len(np.unique(labels[rows])) < 2:
            return (), ()
        if len(rows) < len(ids):
            self._notes.append(
                f"Distances between categories: {len(rows):,} labelled items, up to 50 of each."
            )
        coefficients, vectors = [], np.empty((0, 0), np.float32)
        for space in self._spaces:
            vectors = np.asarray(space.vectors[space.rows_of(ids[rows])], np.float32)
            names, found = drift.inhomogeneity(vectors, labels[rows])
            coefficients.append(found)
        one, two = np.triu_indices(len(names), 1)
        before, after = (c[one, two] for c in coefficients)
        order = np.argsort(after - before, kind="stable")
        shown = order if len(order) <= 2 * LISTED else np.r_[order[:LISTED], order[-LISTED:]]
        changes = tuple(
            PairChange(int(names[one[i]]), int(names[two[i]]), float(before[i]), float(after[i]))
            for i in shown
        )
        trouble = []
        for place, i in enumerate(np.argsort(after, kind="stable")[:LISTED]):
            sides = [vectors[labels[rows] == names[side[i]]] for side in (one, two)]
            chance = drift.same_population(*sides) if place < _TESTED else float("nan")
            trouble.append(Trouble(int(names[one[i]]), int(names[two[i]]), float(after[i]), chance))
        return changes, tuple(trouble)
