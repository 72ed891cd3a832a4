"""What the keys of Discover decide: each act one operation with a message and Undo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QInputDialog, QWidget

from fgvc_studio.domain.clusters import Cluster
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import Mark
from fgvc_studio.gui.dialogs.messages import confirm_bulk
from fgvc_studio.gui.widgets.identify_box import IdentifyBox
from fgvc_studio.gui.widgets.naming_box import NamingBox
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.browse_categories import colour_index
from fgvc_studio.gui.workspaces.deciding import Act, Deciding, labelled_text
from fgvc_studio.gui.workspaces.discover_desk import DiscoverDesk

Ids = NDArray[np.int64]


class DiscoverControl(QObject):
    """Acts on the chosen clusters, or on the ticked members, as they are when the key goes down.

    `settled` carries the ids of clusters that were just decided on: the next one may come.

    Parameters
    ----------
    chosen : callable
        Ids of the chosen clusters.
    over : QWidget
        The boxes open over it.
    """

    settled = Signal(object)
    merging = Signal(object)
    """Ids of clusters that become one of them."""

    def __init__(
        self,
        context: Context,
        desk: DiscoverDesk,
        chosen: Callable[[], list[int]],
        over: QWidget,
    ) -> None:
        super().__init__(over)
        self._context = context
        self._desk = desk
        self._chosen = chosen
        self._over = over
        self._naming: list[int] = []
        self.deciding = Deciding(context, self)
        labelling, catalogue = context.studio.labelling, context.studio.catalogue
        self.naming_box = NamingBox(labelling.search_categories, catalogue.path_name, over)
        self.identify_box = IdentifyBox(
            labelling.search_categories, catalogue.path_name, colour_index, over
        )
        self.naming_box.accepted.connect(self._accept)
        self.naming_box.known_chosen.connect(self.send_to)
        self.identify_box.chosen.connect(self.send_to)
        self.identify_box.create_requested.connect(
            lambda name: self._accept(name, -1, "species", "")
        )

    # ---- clusters --------------------------------------------------------------------------
    def accept(self) -> None:
        """Ask for a name for the chosen clusters; several take one name."""
        clusters = self._clusters()
        if not clusters:
            return
        self._naming = [c.id for c in clusters]
        first = clusters[0]
        card = self._desk.details.card if self._desk.details else None
        mine = card is not None and self._desk.current == first.id
        akin = ""
        if first.nearest:
            akin = self._context.studio.catalogue.name(first.nearest[0].category_id)
        self.naming_box.open(
            sum(c.size for c in clusters),
            card.provisional_name if card and mine else first.name,
            (card.parent_id if card and mine else first.parent_id) or 0,
            akin=akin,
            over=self._over,
        )

    def accept_as_is(self) -> None:
        """Accept each of the chosen clusters under its own proposed name."""
        clusters = self._clusters()
        if not clusters:
            return
        ids = [c.id for c in clusters]
        name = clusters[0].name
        if len(clusters) > 1:
            name = self.tr("{n} new categories").format(n=len(clusters))
        self._accepted(clusters, lambda: self._context.studio.review.accept(ids), name)

    def _accept(self, name: str, parent: int, rank: str, qualifier: str) -> None:
        clusters = self._clusters(self._naming)
        ids = [c.id for c in clusters]
        under = None if parent < 0 else parent
        first, space, rest = name.partition(" ")
        shown = f"{first} {qualifier} {rest}" if qualifier and space else name
        self._accepted(
            clusters,
            lambda: self._context.studio.review.accept(
                ids, name=name, parent_id=under, rank=rank, qualifier=qualifier
            ),
            shown,
            asked=True,  # the box said how many
        )

    def _accepted(
        self, clusters: list[Cluster], act: Act, name: str, *, asked: bool = False
    ) -> None:
        count = sum(c.size for c in clusters)
        question = self.tr("Label {n} as {name}?").replace("{name}", name)
        if clusters and (asked or self._agreed(question, count, self.tr("Label"))):
            self._settle(
                [c.id for c in clusters], act, lambda c: labelled_text(self, len(c.items), name)
            )

    def identify(self) -> None:
        """Ask which known category the chosen clusters are."""
        clusters = self._clusters()
        if clusters:
            self._naming = [c.id for c in clusters]
            recent = self._nearest_matches(clusters[0])
            self.identify_box.open(sum(c.size for c in clusters), over=self._over, recent=recent)

    def nearest(self) -> None:
        """Send the current cluster to the known category that it is most like."""
        cluster = self._desk.cluster()
        if cluster is None or not cluster.nearest:
            self._context.toasts.show_message(
                self.tr("Nothing known is near. Name a few categories first.")
            )
            return
        self._naming = [cluster.id]
        self.send_to(cluster.nearest[0].category_id)

    def send_current_to(self, category_id: int) -> None:
        """Send the current cluster to a category."""
        self._naming = [self._desk.current]
        self.send_to(category_id)

    def send_to(self, category_id: int) -> None:
        """Send the clusters that a box was opened for to a category."""
        clusters = self._clusters(self._naming)
        ids, name = [c.id for c in clusters], self._context.studio.catalogue.name(category_id)
        self._accepted(
            clusters, lambda: self._context.studio.review.send_to(ids, category_id), name
        )

    def reject(self) -> None:
        """The chosen clusters are no categories."""
        ids = [c.id for c in self._clusters()]
        if ids:
            self._settle(ids, lambda: self._context.studio.review.reject(ids))

    def undecided(self) -> None:
        """Put the chosen clusters off."""
        ids = [c.id for c in self._clusters()]
        if ids:
            self._settle(ids, lambda: self._context.studio.review.undecided(ids))

    def rename(self) -> None:
        """Ask for another name of the current cluster."""
        cluster = self._desk.cluster()
        if cluster is None:
            return
        name, agreed = QInputDialog.getText(
            self._over, self.tr("Rename the cluster"), self.tr("Name"), text=cluster.name
        )
        if agreed and name.strip() and name.strip() != cluster.name:
            self.deciding.do(lambda: self._context.studio.review.rename(cluster.id, name))

    def merge(self, ids: list[int]) -> None:
        """Join clusters."""
        self.merging.emit(ids)
        self.deciding.do(lambda: self._context.studio.review.merge(ids))

    def split(self, cluster: int, groups: Ids) -> None:
        """Replace a cluster by its parts."""
        self.deciding.do(lambda: self._context.studio.review.split(cluster, groups))

    def split_off(self, cluster: int, items: Ids) -> None:
        """Make some members a cluster of their own."""
        self.deciding.do(lambda: self._context.studio.review.split_off(cluster, items))

    def record_check(self, cluster: int, right: int, shown: int) -> None:
        """Keep the result of a spot check."""
        self.deciding.do(lambda: self._context.studio.review.record_check(cluster, right, shown))

    # ---- members ---------------------------------------------------------------------------
    def acting(self) -> Ids:
        """Ticked members of the current cluster, else the one under the cursor."""
        members = self._desk.members
        ticked = members[self._context.selection.contains(members)]
        if len(ticked):
            return ticked
        current = self._context.selection.current
        return members[members == current]

    def strike(self) -> None:
        """Put the ticked members back into the pool."""
        items, cluster = self.acting(), self._desk.current
        if not len(items):
            self._context.toasts.show_message(
                self.tr("Tick the members that do not belong (Space, or Ctrl+click).")
            )
            return
        self.deciding.do(lambda: self._context.studio.review.strike(cluster, items))

    def flag(self) -> None:
        """Flag the ticked members for a second opinion."""
        items = self.acting()
        if len(items):
            labelling = self._context.studio.labelling
            self.deciding.do(lambda: labelling.toggle_mark(items, Mark.FLAGGED))

    # ---- helpers ---------------------------------------------------------------------------
    def _clusters(self, ids: list[int] | None = None) -> list[Cluster]:
        found = [self._desk.cluster(c) for c in (self._chosen() if ids is None else ids)]
        return [c for c in found if c is not None]

    def _settle(
        self, ids: list[int], act: Act, say: Callable[[OpChanges], str] | None = None
    ) -> None:
        self.settled.emit(frozenset(ids))
        self.deciding.do(act, say)

    def _nearest_matches(self, cluster: Cluster) -> list[object]:
        """The nearest categories, offered before anything is typed."""
        from fgvc_studio.services.naming import Match

        catalogue = self._context.studio.catalogue
        return [
            Match(n.category_id, catalogue.name(n.category_id), "", None, 100 * n.share)
            for n in cluster.nearest
        ]

    def _agreed(self, question: str, count: int, button: str) -> bool:
        total = self._context.studio.catalogue.n
        return confirm_bulk(self._over, question, count, total, button)
