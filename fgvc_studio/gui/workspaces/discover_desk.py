"""What Discover shows: the discovery in use, its clusters, and everything about the current one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from fgvc_studio.domain.clusters import Cluster, Discovery, Members, NearestCard
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.services import known_queue

Ids = NDArray[np.int64]
MOST = 60
_LIST, _ONE, _ALL, _MERGES = (
    "discover clusters", "discover members", "discover arranged", "discover merges",
)  # fmt: skip
_TABLES = frozenset(
    {"discoveries", "clusters", "cluster_members", "labels", "categories",
     "category_names", "rejections"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """The clusters of a discovery as read at one moment.

    Attributes
    ----------
    waiting : dict
        Category id -> items that probably belong to it and wait for a decision.
    """

    discovery: Discovery | None
    discoveries: tuple[Discovery, ...]
    clusters: tuple[Cluster, ...]
    waiting: dict[int, Ids]


@dataclass(frozen=True, slots=True)
class Details:
    """The current cluster in full."""

    cluster: int
    members: Members
    card: NearestCard | None


class DiscoverDesk(QObject):
    """Reads in the background; an answer about another cluster is dropped.

    `listed` carries a `Listing`, `detailed` the `Details` of the current cluster.
    """

    listed = Signal(object)
    detailed = Signal(object)
    arranged = Signal(object)
    """All members of the current cluster, like beside like."""
    merges_found = Signal(object)
    """list of (cluster, cluster, score)."""

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.current = 0
        self.details: Details | None = None
        self.listing = Listing(None, (), (), {})
        self.shown: Callable[[], bool] = lambda: True
        """Whether anybody looks; if not, reading waits for `catch_up`."""
        self._stale = False
        self._gated: tuple[int, tuple[Ids, Ids]] | None = None
        context.bridge.decided.connect(self._decided)

    @property
    def members(self) -> Ids:
        """Members of the current cluster, most typical first; empty until they were read."""
        return self.details.members.ordered if self.details else np.empty(0, np.int64)

    def cluster(self, cluster_id: int | None = None) -> Cluster | None:
        """A cluster of the list (the current one by default)."""
        wanted = self.current if cluster_id is None else cluster_id
        return next((c for c in self.listing.clusters if c.id == wanted), None)

    def name(self, cluster_id: int) -> str:
        """Name of a cluster."""
        found = self.cluster(cluster_id)
        return found.name if found else ""

    def reload(self) -> None:
        """Read the list anew."""
        review = self._context.studio.review

        def read(_ticket: Ticket) -> Listing:
            found = review.current()
            return Listing(
                found,
                tuple(review.discoveries()),
                tuple(review.clusters()) if found else (),
                self._waiting(found.id) if found else {},
            )

        self._context.tasks.submit(_LIST, read, self._listed, self._context.show_fault)

    def _waiting(self, discovery: int) -> dict[int, Ids]:
        studio = self._context.studio
        if self._gated is None or self._gated[0] != discovery:
            self._gated = discovery, known_queue.gated(studio, discovery)
        return known_queue.waiting(studio, *self._gated[1])

    def choose(self, discovery: int) -> None:
        """Look at another discovery."""
        review = self._context.studio.review
        self._context.tasks.submit(
            "discover choose",
            lambda _ticket: review.choose(discovery),
            lambda _none: self.reload(),
            self._context.show_fault,
        )

    def look_at(self, cluster_id: int) -> None:
        """Make a cluster the current one and read it; 0: none."""
        if cluster_id != self.current:
            self.current, self.details = cluster_id, None
        if not cluster_id:
            self._context.tasks.drop(_ONE)
            self.detailed.emit(None)
            return
        review = self._context.studio.review

        def read(ticket: Ticket) -> Details | None:
            if ticket.stale:
                return None
            try:
                return Details(
                    cluster_id, review.members(cluster_id, MOST), review.nearest_card(cluster_id)
                )
            except UserError:
                if self._there(cluster_id):
                    raise
                return None

        self._context.tasks.submit(_ONE, read, self._read, self._context.show_fault)

    def arrange(self) -> None:
        """Ask for all members with like beside like."""
        review, cluster_id = self._context.studio.review, self.current

        def read(_ticket: Ticket) -> tuple[int, Ids]:
            try:
                return cluster_id, review.arranged(cluster_id)
            except UserError:
                if self._there(cluster_id):
                    raise
                return 0, np.empty(0, np.int64)

        if cluster_id:
            self._context.tasks.submit(_ALL, read, self._arranged, self._context.show_fault)

    def _there(self, cluster_id: int) -> bool:
        """Whether a cluster still is one; split or merged meanwhile, a new list is on its way."""
        return any(c.id == cluster_id for c in self._context.studio.review.clusters())

    def _arranged(self, answer: tuple[int, Ids]) -> None:
        if answer[0] == self.current:
            self.arranged.emit(answer[1])

    def find_merges(self) -> None:
        """Ask which clusters may be one."""
        review = self._context.studio.review
        self._context.tasks.submit(
            _MERGES,
            lambda _ticket: list(review.merge_suggestions()),
            self.merges_found.emit,
            self._context.show_fault,
        )

    def _listed(self, listing: Listing) -> None:
        self.listing = listing
        self.listed.emit(listing)

    def _read(self, details: Details | None) -> None:
        if details is not None and details.cluster == self.current:
            self.details = details
            self.detailed.emit(details)

    def _decided(self, changes: OpChanges) -> None:
        if not changes.tables & _TABLES:
            return
        if not self.shown():
            self._stale = True
            return
        self.reload()
        if self.current:
            self.look_at(self.current)

    def catch_up(self) -> None:
        """Read what was decided while nobody looked."""
        if self._stale:
            self._stale = False
            self.reload()
            if self.current:
                self.look_at(self.current)
