"""Clusters of unnamed items: proposing them, looking at them, deciding on them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgvc_studio.domain.clusters import (
    GONE,
    Cluster,
    ClusterState,
    CountCurve,
    Discovery,
    Found,
    Members,
    Nearest,
    NearestCard,
)
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import Event, OpChanges
from fgvc_studio.domain.records import Progress
from fgvc_studio.services import review_found, review_groups, review_names
from fgvc_studio.services.review_acts import ReviewActs
from fgvc_studio.services.review_view import DiscoveryView

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
LIKENESS = 0.15
"""Clusters that run into each other less are not worth a question."""
ARRANGED = 500
_CURRENT = "discovery"
_TABLES = frozenset({"discoveries", "clusters", "cluster_members"})
_KEPT_VIEWS = 3
_EXEMPLARS = 2_000


class Review(ReviewActs):
    """Discoveries and their clusters; the acts are those of `ReviewActs`.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._views: dict[int, DiscoveryView] = {}
        self._lock = RLock()
        studio.bus.subscribe(self._handle)

    def _handle(self, event: Event) -> None:
        if not isinstance(event, OpChanges) or not event.tables & _TABLES:
            return
        with self._lock:
            if "discoveries" in event.tables:
                self._views.clear()
            for view in self._views.values():
                view.handle(event)

    # ---- discoveries -----------------------------------------------------------------------
    def propose(self, found: Found) -> Discovery:
        """Keep a discovery as one operation; clusters that go on keep number and name.

        Raises
        ------
        UserError
            No items, or arrays that do not fit each other.
        """
        job = self.proposing(found)
        while True:
            try:
                next(job)
            except StopIteration as end:
                made: Discovery = end.value
                return made

    def proposing(self, found: Found) -> Generator[Progress, None, Discovery]:
        """As `propose`, with reports while what the source left open is measured."""
        if found.run:
            found = review_found.unnamed_of(self._studio, found)
        facts = yield from review_found.completed(self._studio, found)
        before = self.current()
        numbers, names = self._continued(found, before, facts)
        store = self._studio.store
        count = found.count
        used = np.unique(found.cluster)
        title = found.title or f"{found.source}, {count} clusters"
        about: dict[str, str | int] = {
            "source": found.source, "title": title, "space": found.space, "run": found.run,
            "items": len(found.item_ids), "clusters": len(used), "low": found.low,
            "estimate": found.estimate or len(used), "high": found.high or len(used),
        }  # fmt: skip
        summary = f"Discover {len(used)} clusters ({title})"
        with store.operations.record(
            "discover", summary, who=self._studio.who, run_id=found.run or None
        ) as recording:
            made = store.clusters.add_discovery(about, facts)
            ids = np.zeros(count, np.int64)
            for k in used.tolist():
                name, parent = names[k]
                ids[k] = store.clusters.add(made, int(numbers[k]), k, name, parent)
            store.clusters.put(made, found.item_ids, ids[found.cluster])
        store.set_setting(_CURRENT, "")
        if recording.changes is not None:
            self._studio.bus.publish(recording.changes)
        return self.view(made).discovery

    def _continued(
        self, found: Found, before: Discovery | None, facts: review_found.Facts
    ) -> tuple[Ids, list[tuple[str, int | None]]]:
        """Number, name and proposed parent of each new cluster."""
        from fgvc_studio.analysis.matching import kept_ids

        old = np.full(len(found.item_ids), -1, np.int64)
        kept: dict[int, str] = {}
        last = 0
        if before is not None:
            view = self.view(before.id)
            of_item = view.clusters_of(found.item_ids)
            standing = {c: r for c, r in view.rows.items() if r.state not in GONE}
            old = np.array(
                [standing[c].number if c in standing else -1 for c in of_item.tolist()], np.int64
            )
            kept = {r.number: r.name for r in standing.values()
                    if r.state in (ClusterState.PROPOSED, ClusterState.UNDECIDED)}  # fmt: skip
            last = max((r.number for r in view.rows.values()), default=0)
        numbers = kept_ids(old, found.cluster, last + 1)
        numbers = np.concatenate(
            [numbers, numbers.max(initial=last) + 1 + np.arange(found.count - len(numbers))]
        )
        naming = review_names.Numbering(self._names())
        catalogue = self._studio.catalogue
        names: list[tuple[str, int | None]] = []
        for k in range(found.count):
            nearest = _nearest(facts, k)
            parent = review_names.parent_of(catalogue, nearest)
            name = kept.get(int(numbers[k]))
            stem = review_names.stem(catalogue, nearest, parent)
            if name is None or (review_names.placeless(name) and stem != review_names.NO_PARENT):
                name = naming.next(stem)
            names.append((name, parent))
        return numbers, names

    def discoveries(self) -> list[Discovery]:
        """Every discovery, oldest first."""
        return self._studio.store.clusters.discoveries()

    def current(self) -> Discovery | None:
        """The discovery under review: the chosen one, else the newest."""
        everything = {d.id: d for d in self.discoveries()}
        chosen = self._studio.store.get_setting(_CURRENT, "")
        if chosen.isdigit() and int(chosen) in everything:
            return self.view(int(chosen)).discovery
        return self.view(max(everything)).discovery if everything else None

    def choose(self, discovery_id: int) -> Discovery:
        """Review another discovery."""
        view = self.view(discovery_id)
        self._studio.store.set_setting(_CURRENT, str(discovery_id))
        return view.discovery

    def view(self, discovery_id: int) -> DiscoveryView:
        """The columns of a discovery."""
        with self._lock:
            view = self._views.get(discovery_id)
            if view is None:
                for found in self.discoveries():
                    if found.id == discovery_id:
                        view = DiscoveryView(self._studio, found)
                        while len(self._views) >= _KEPT_VIEWS:
                            del self._views[next(iter(self._views))]
                        self._views[discovery_id] = view
                        return view
                raise UserError(
                    f"There is no discovery {discovery_id}.",
                    "Choose one of the list, or group items anew.",
                )
            return view

    def free_items(self, discovery_id: int) -> Ids:
        """Items of a discovery that have no label yet, ascending."""
        items = np.sort(self.view(discovery_id).facts["item_ids"])
        return np.asarray(items[self._studio.catalogue.category[items - 1] == 0], np.int64)

    def _view_of(self, cluster: int) -> DiscoveryView:
        with self._lock:
            for view in self._views.values():
                if cluster in view.rows:
                    return view
        discovery = self._studio.store.clusters.discovery_of(int(cluster))
        if discovery is None:
            raise UserError(f"There is no cluster {cluster}.", "Choose one of the list.")
        return self.view(discovery)

    # ---- grouping --------------------------------------------------------------------------
    def group(
        self,
        method: str,
        *,
        space: str | None = None,
        count: int = 0,
        items: ArrayLike | None = None,
        seed: int = 0,
        size: int = 0,
    ) -> Generator[Progress, None, Discovery]:
        """Group items without a label and propose the groups.

        Parameters
        ----------
        method : str
            ``kmeans``, ``umap-kmeans``, ``hdbscan`` or, with five named categories,
            ``guided`` or ``guided-hdbscan``.
        count : int
            Number of groups; 0 estimates it. HDBSCAN finds its own.
        items : array of int, optional
            These instead of all unlabelled items of the space.
        size : int
            Least items of a dense region (HDBSCAN); 0: a quarter of the median category.

        Raises
        ------
        UserError
            Unknown method, or too few items.
        """
        found = yield from review_groups.grouped(
            self._studio, method, space=space, count=count, items=items, seed=seed, size=size
        )
        return (yield from self.proposing(found))

    def estimate(
        self, *, space: str | None = None, items: ArrayLike | None = None, seed: int = 0
    ) -> Generator[Progress, None, CountCurve]:
        """How many categories the unlabelled items hold, with its range and stability."""
        return review_groups.estimated(self._studio, space=space, items=items, seed=seed)

    # ---- looking ---------------------------------------------------------------------------
    def clusters(self, discovery: int | Discovery | None = None) -> list[Cluster]:
        """Clusters of a discovery (default: the one under review) that stand for themselves."""
        with self._lock:
            view = self._chosen(discovery)
            return list(view.clusters()) if view else []

    def _chosen(self, discovery: int | Discovery | None) -> DiscoveryView | None:
        if discovery is None:
            discovery = self.current()
        if discovery is None:
            return None
        return self.view(discovery.id if isinstance(discovery, Discovery) else discovery)

    def cluster(self, cluster: int) -> Cluster:
        """One cluster.

        Raises
        ------
        UserError
            No such cluster, or it was merged or split.
        """
        with self._lock:
            view = self._view_of(cluster)
            for found in view.clusters():
                if found.id == cluster:
                    return found
        row = view.rows[cluster]
        raise UserError(f"{row.name} was {row.state}.", "Choose another cluster.")

    def members(self, cluster: int, limit: int = 60) -> Members:
        """Members of a cluster; the first three orders hold `limit` items at most."""
        with self._lock:
            return self._view_of(cluster).members(cluster, limit)

    def arranged(self, cluster: int) -> Ids:
        """All members with like beside like, so that strays of one kind can be ticked as a run.

        Of more than 500 members the least alike 500 stand so, first; the others follow.
        """
        from fgvc_studio.analysis import cluster_quality

        ordered = self.members(cluster, 1).ordered[::-1]
        space = review_found.space_of(self._studio, self._view_of(cluster).discovery.space)
        head = ordered[:ARRANGED]
        if space is None or (space.rows_of(head) < 0).any():
            return ordered
        guided = self._studio.guiding.of(space)
        order = cluster_quality.side_by_side(guided.vectors[guided.rows_of(head)])
        return np.concatenate([head[order], ordered[ARRANGED:]])

    def clusters_of(self, item_ids: ArrayLike, discovery: int | None = None) -> Ids:
        """Cluster of each item in the discovery under review, 0 for none."""
        items = np.asarray(item_ids, np.int64).ravel()
        with self._lock:
            view = self._chosen(discovery)
            return view.clusters_of(items) if view else np.zeros(len(items), np.int64)

    def nearest_card(self, cluster: int) -> NearestCard:
        """What a cluster resembles: known categories, a parent, a name, and all that in words."""
        found = self.cluster(cluster)
        view = self._view_of(cluster)
        catalogue = self._studio.catalogue
        nearest = tuple(n for n in found.nearest if n.category_id in catalogue.categories)
        parent = found.parent_id
        if parent is None:
            parent = review_names.parent_of(catalogue, nearest)
        fits = view.fits(view.rows[cluster].row)
        best = nearest[0] if nearest else None
        tight = bool(best and best.share >= review_names.TIGHT and not fits < 0)
        name = found.name
        if best and not tight and best.share >= review_names.AKIN:
            name = review_names.qualified(catalogue.name(best.category_id), "aff.")
        return NearestCard(
            nearest=nearest,
            exemplars=self._exemplars(view, nearest),
            parent_id=parent,
            provisional_name=name,
            tight=tight,
            sentence=review_names.sentence(catalogue, nearest, tight),
        )

    def _exemplars(self, view: DiscoveryView, nearest: Sequence[Nearest]) -> dict[int, int]:
        """The most typical labelled item of each category."""
        category = self._studio.catalogue.category
        found: dict[int, int] = {}
        for near in nearest:
            items = np.flatnonzero(category == near.category_id)[:_EXEMPLARS] + 1
            if len(items):
                vectors = view.vectors(items)
                best = 0 if vectors is None else int((vectors @ vectors.mean(0)).argmax())
                found[near.category_id] = int(items[best])
        return found

    def split_preview(self, cluster: int, parts: int = 2, seed: int = 0) -> Ids:
        """A part for each member of ``members().ordered``, 0 the largest."""
        from fgvc_studio.analysis import cluster_quality

        ordered = self.members(cluster, 1).ordered
        vectors = self._view_of(cluster).vectors(ordered)
        if vectors is None or len(ordered) < parts or parts < 2:
            raise UserError(
                f"{len(ordered):,} items cannot be split into {parts} parts.",
                "Choose a larger cluster, and embed its items first.",
            )
        return cluster_quality.parts(vectors, parts, seed)[0]

    def merge_suggestions(self, discovery: int | None = None) -> list[tuple[int, int, float]]:
        """Pairs of clusters that may be one: (id, id, 0 .. 1), best first."""
        from fgvc_studio.analysis import cluster_quality as cq

        view = self._chosen(discovery)
        if view is None:
            return []
        standing = sorted(
            c.id for c in view.clusters() if c.size and c.state != ClusterState.REJECTED
        )
        if len(standing) < 2:
            return []
        at = np.flatnonzero(np.isin(view.cluster, standing))
        at = at[cq.some_of_each(np.searchsorted(standing, view.cluster[at]), len(standing))]
        vectors = view.vectors(view.items[at])
        if vectors is None:
            return []
        index = np.searchsorted(standing, view.cluster[at]).astype(np.int64)
        scores = cq.likeness(cq.compact(vectors), index, len(standing))
        scores *= self._alike(view, standing)
        pairs = [
            (standing[a], standing[b], float(scores[a, b]))
            for a, b in zip(*np.nonzero(np.triu(scores >= LIKENESS, 1)), strict=True)
        ]
        return sorted(pairs, key=lambda p: -p[2])

    def _alike(self, view: DiscoveryView, clusters: list[int]) -> NDArray[np.float64]:
        """How alike the relations of clusters to known categories are: (k, k), .5 .. 1."""
        relation = view.facts["relation"]
        if not relation.size:
            return np.ones((len(clusters), len(clusters)))
        rows = np.nan_to_num(relation[[view.rows[c].row for c in clusters]].astype(np.float64))
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return 0.5 + 0.5 * np.clip(rows @ rows.T, 0, 1)

    def sample(self, cluster: int, n: int = 10, seed: int = 0) -> Ids:
        """Members drawn at random, never by confidence, for a spot check."""
        items = self._view_of(cluster).members_of(cluster)
        drawn = np.random.default_rng(seed).permutation(len(items))[:n]
        return items[drawn]


def _nearest(facts: review_found.Facts, row: int) -> list[Nearest]:
    relation = facts["relation"]
    if not relation.size or row >= len(relation):
        return []
    shares = np.nan_to_num(relation[row])
    best = np.argsort(-shares, kind="stable")[:5]
    cosines = facts["relation_cosine"][row]
    return [Nearest(int(facts["known"][c]), float(shares[c]), float(cosines[c])) for c in best]
