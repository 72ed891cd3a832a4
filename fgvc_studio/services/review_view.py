"""A discovery as columns in memory, so that a list of clusters costs no query."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.clusters import GONE, Cluster, Discovery, Members, Nearest
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.services.review_found import space_of
from fgvc_studio.services.review_warnings import Warner
from fgvc_studio.store.clusters import ClusterRow

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]
NEAREST = 5
APART = 0.15
WHOLE = 0.8
TWO_KINDS = "Looks like two kinds: try a split."
_FEW = 4
"""A boundary member is among the quarter with the least margin."""
_PER_ITEM = ("confidence", "margin", "agreement", "quality")


class DiscoveryView:
    """One discovery, kept up to date with the operations on it.

    Parameters
    ----------
    studio : Studio
    discovery : Discovery
        As the store gives it, without its curve.
    """

    def __init__(self, studio: Studio, discovery: Discovery) -> None:
        self._studio = studio
        self.facts = studio.store.clusters.facts(discovery.id)
        curve = tuple((int(k), float(score)) for k, score in self.facts["curve"])
        self.discovery = replace(discovery, curve=curve)
        self.rows: dict[int, ClusterRow] = {}
        self._warner = Warner(studio)
        self._built: list[Cluster] | None = None
        self._nearest: dict[int, tuple[Nearest, ...]] = {}
        self._read_rows()
        self._read_members()

    # ---- state -----------------------------------------------------------------------------
    def _read_rows(self) -> None:
        self.rows = {r.id: r for r in self._studio.store.clusters.rows(self.discovery.id)}
        self.ids = np.array(sorted(self.rows), np.int64)
        self._built = None

    def _read_members(self) -> None:
        items, clusters = self._studio.store.clusters.members(self.discovery.id)
        self.items = np.union1d(self.facts["item_ids"], items)
        self.cluster = np.zeros(len(self.items), np.int64)
        self.cluster[np.searchsorted(self.items, items)] = clusters
        at = np.searchsorted(self.items, self.facts["item_ids"])
        self.values: dict[str, Floats] = {}
        for name in _PER_ITEM:
            column = np.full(len(self.items), np.nan, np.float32)
            column[at] = self.facts[name]
            self.values[name] = column
        self.origin = np.full(len(self.items), -1, np.int64)
        self.runner_up = np.full(len(self.items), -1, np.int64)
        self.origin[at], self.runner_up[at] = self.facts["cluster"], self.facts["runner_up"]
        self._built = None

    def handle(self, event: OpChanges) -> None:
        """Take in what an operation changed."""
        if "clusters" in event.tables:
            self._read_rows()
        if "cluster_members" in event.tables:
            items, clusters = self._studio.store.clusters.members(self.discovery.id, event.items)
            if np.isin(items, self.items, assume_unique=True).all():
                touched = np.searchsorted(self.items, event.items)
                inside = touched < len(self.items)
                inside[inside] = self.items[touched[inside]] == event.items[inside]
                self.cluster[touched[inside]] = 0
                self.cluster[np.searchsorted(self.items, items)] = clusters
            else:
                self._read_members()
        self._built = None

    def members_of(self, cluster: int) -> Ids:
        """Item ids of a cluster, ascending."""
        found: Ids = self.items[self.cluster == cluster]
        return found

    def clusters_of(self, item_ids: Ids) -> Ids:
        """Cluster of each item, 0 for none."""
        if not len(self.items):
            return np.zeros(len(item_ids), np.int64)
        at = np.minimum(np.searchsorted(self.items, item_ids), len(self.items) - 1)
        found: Ids = np.where(self.items[at] == item_ids, self.cluster[at], 0)
        return found

    # ---- clusters --------------------------------------------------------------------------
    def clusters(self) -> list[Cluster]:
        """Clusters that stand for themselves, by number."""
        if self._built is None:
            self._built = self._build()
        return self._built

    def _build(self) -> list[Cluster]:
        if not len(self.ids):
            return []
        index = np.searchsorted(self.ids, self.cluster)
        index = np.where(self.cluster > 0, index, len(self.ids))
        sizes = np.bincount(index, minlength=len(self.ids) + 1)[:-1]
        means = {name: _averages(values, index, len(self.ids)) for name, values in
                 self.values.items()}  # fmt: skip
        warnings = self._warner.all(self, index, sizes, means)
        for i in self._two_kinds(sizes):
            warnings[i] += (TWO_KINDS,)
        purities = self._purities(means["quality"])
        found = []
        for i, cluster in enumerate(self.ids.tolist()):
            row = self.rows[cluster]
            if row.state in GONE:
                continue
            checked = None if row.shown is None else (row.right or 0, row.shown)
            found.append(
                Cluster(
                    id=cluster, discovery=self.discovery.id, number=row.number, name=row.name,
                    state=row.state, size=int(sizes[i]),
                    confidence=float(means["confidence"][i]), margin=float(means["margin"][i]),
                    agreement=float(means["agreement"][i]),
                    stability=self._of_row("stability", row.row),
                    purity=purities[i], checked=checked,
                    nearest=self.nearest(row.row), warnings=warnings[i],
                    category_id=row.category_id, parent_id=row.parent_id,
                )
            )  # fmt: skip
        return sorted(found, key=lambda c: (c.number, c.id))

    def _two_kinds(self, sizes: Ids) -> list[int]:
        """Clusters, still nearly as they were proposed, whose halves hardly touch."""
        apart = self.facts["halves"] < APART
        proposed = np.bincount(self.facts["cluster"], minlength=len(apart))
        rows = [self.rows[c].row for c in self.ids.tolist()]
        return [
            i
            for i, row in enumerate(rows)
            if apart[row] and WHOLE * proposed[row] <= sizes[i] <= proposed[row]
        ]

    def _of_row(self, name: str, row: int) -> float:
        values = self.facts[name]
        return float(values[row]) if 0 <= row < len(values) else float("nan")

    def _purities(self, quality: NDArray[np.float64]) -> list[tuple[float, float, float] | None]:
        """(low, estimate, high) for the mean quality of each cluster; None where unknown."""
        if "purity" not in self.facts:
            return [None] * len(quality)
        grid, *lines = self.facts["purity"]
        rows = np.stack([np.interp(quality, grid, line) for line in lines], 1).tolist()
        return [
            None if np.isnan(q) else (low, middle, high)
            for q, (low, middle, high) in zip(quality.tolist(), rows, strict=True)
        ]

    def proposed_purity(self) -> tuple[float, float, float] | None:
        """(low, estimate, high) over all items as they were proposed; None where unknown."""
        cluster, quality = self.facts["cluster"], self.facts["quality"]
        means = _averages(quality, cluster, int(cluster.max(initial=0)) + 1)
        sizes = np.bincount(cluster, minlength=len(means))
        known = [(p, n) for p, n in zip(self._purities(means), sizes, strict=True) if p and n]
        if not known:
            return None
        weights = np.array([n for _, n in known], np.float64)
        low, middle, high = weights @ np.array([p for p, _ in known]) / weights.sum()
        return float(low), float(middle), float(high)

    def nearest(self, row: int) -> tuple[Nearest, ...]:
        """The known categories that a row of the discovery resembles, best first."""
        if row not in self._nearest:
            self._nearest[row] = self._resembled(row)
        return self._nearest[row]

    def _resembled(self, row: int) -> tuple[Nearest, ...]:
        relation = self.facts["relation"]
        if not 0 <= row < len(relation) or not relation.size:
            return ()
        shares, cosines = relation[row], self.facts["relation_cosine"][row]
        best = np.argsort(-shares, kind="stable")[:NEAREST]
        best = best[np.isfinite(shares[best])]
        known = self.facts["known"]
        return tuple(Nearest(int(known[c]), float(shares[c]), float(cosines[c])) for c in best)

    def fits(self, row: int) -> float:
        """How much nearer than the outer tenth of its own items a cluster lies to its nearest
        category; NaN unknown.
        """
        return self._of_row("fits", row)

    # ---- members ---------------------------------------------------------------------------
    def vectors(self, item_ids: Ids) -> Floats | None:
        """Vectors of items in the space of the discovery; None where any has none."""
        space = space_of(self._studio, self.discovery.space)
        if space is None:
            return None
        rows = space.rows_of(item_ids)
        return None if (rows < 0).any() else np.asarray(space.vectors[rows], np.float32)

    def members(self, cluster: int, limit: int) -> Members:
        """Members of a cluster in the orders to look at them."""
        at = np.flatnonzero(self.cluster == cluster)
        items = self.items[at]
        if not len(at):
            return Members(items, items, items, items, items)
        sure = np.nan_to_num(self.values["confidence"][at], nan=0.0)
        vectors = self.vectors(items)
        if vectors is None:
            order = np.argsort(-sure, kind="stable")
            close, central = sure, order[:limit]
        else:
            mean = vectors.mean(0)
            close = vectors @ (mean / max(float(np.linalg.norm(mean)), 1e-12))
            order = np.argsort(-close, kind="stable")
            central = _spread(vectors, close, sure, limit)
        doubt = 1 - np.nan_to_num(self.values["agreement"][at], nan=1.0)
        extreme = np.argsort(close - float(close.std()) * doubt, kind="stable")[:limit]
        boundary, partner = self._boundary(cluster, at, limit)
        return Members(items[central], items[extreme], self.items[boundary], partner, items[order])

    def _boundary(self, cluster: int, at: Ids, limit: int) -> tuple[Ids, Ids]:
        """Positions of the members with least lead over another cluster, and that cluster."""
        partner = self._present(self.runner_up[at])
        able = (partner > 0) & (partner != cluster) & ~np.isnan(self.values["margin"][at])
        at, partner = at[able], partner[able]
        order = np.argsort(self.values["margin"][at], kind="stable")
        order = order[: min(limit, max(1, len(order) // _FEW))]
        return at[order], partner[order]

    def _present(self, rows: Ids) -> Ids:
        """Cluster in which most items of a row of the discovery are now; 0 for none."""
        found = {-1: 0}
        for row in np.unique(rows).tolist():
            if row >= 0:
                now = self.cluster[(self.origin == row) & (self.cluster > 0)]
                ids, counts = np.unique(now, return_counts=True)
                found[row] = int(ids[counts.argmax()]) if len(ids) else 0
        return np.array([found[r] for r in rows.tolist()], np.int64)


def _averages(values: Floats, index: Ids, count: int) -> NDArray[np.float64]:
    """Mean of the values of each cluster, those that are NaN left out; NaN without any."""
    good = ~np.isnan(values)
    sums = np.bincount(index[good], values[good], count + 1)[:-1]
    counts = np.bincount(index[good], minlength=count + 1)[:-1]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _spread(vectors: Floats, close: Floats, sure: Floats, limit: int) -> Ids:
    """The medoid, then always the one farthest from those taken, in the sure half."""
    half = np.argsort(-sure, kind="stable")[: max(1, (len(sure) + 1) // 2)]
    taken = [int(half[close[half].argmax()])]
    nearest = vectors[half] @ vectors[taken[0]]
    for _ in range(min(limit, len(half)) - 1):
        at = int(nearest.argmin())
        taken.append(int(half[at]))
        nearest = np.maximum(nearest, vectors[half] @ vectors[taken[-1]])
        nearest[np.isin(half, taken)] = np.inf
    return np.array(taken, np.int64)
