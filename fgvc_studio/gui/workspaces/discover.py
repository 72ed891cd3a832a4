"""Discover: groups nobody has named, reviewed one after the other, grown and audited."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QPoint, Qt
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from fgvc_studio.domain.clusters import ClusterState
from fgvc_studio.gui import preferences
from fgvc_studio.gui.dialogs.viewer import MOST, Viewer
from fgvc_studio.gui.widgets.cluster_header import ClusterHeader
from fgvc_studio.gui.widgets.cluster_side import ClusterSide
from fgvc_studio.gui.widgets.cluster_table import ClusterTable
from fgvc_studio.gui.widgets.discover_bar import DiscoverBar
from fgvc_studio.gui.widgets.discover_start import DiscoverStart
from fgvc_studio.gui.widgets.grow_pane import GrowPane
from fgvc_studio.gui.widgets.known_queue import KnownQueue
from fgvc_studio.gui.widgets.map_canvas import MapCanvas
from fgvc_studio.gui.widgets.member_grid import MemberGrid
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces.base import Context, Workspace
from fgvc_studio.gui.workspaces.browse_badges import badges
from fgvc_studio.gui.workspaces.browse_categories import splitter
from fgvc_studio.gui.workspaces.browse_inspector import caption_of, picture_source, pictures_of
from fgvc_studio.gui.workspaces.discover_commands import cluster_menu, connect_commands
from fgvc_studio.gui.workspaces.discover_compare import DiscoverCompare
from fgvc_studio.gui.workspaces.discover_control import DiscoverControl
from fgvc_studio.gui.workspaces.discover_desk import Details, DiscoverDesk, Listing
from fgvc_studio.gui.workspaces.discover_grow import GrowDesk
from fgvc_studio.gui.workspaces.discover_jobs import DiscoverJobs, offered
from fgvc_studio.gui.workspaces.discover_map import DiscoverMap
from fgvc_studio.gui.workspaces.discover_modes import ReviewModes
from fgvc_studio.gui.workspaces.discover_queue import QueueDesk

_SPLITTERS = ("left", "centre")
_SCOPES = {"start": (), "review": ("clusters",), "known": ("known",), "grow": ("grow",)}


class DiscoverWorkspace(Workspace):
    """Start page, review, the queue of probably known items, and the grow pane."""

    command = "go.discover"

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        studio = context.studio
        self.thumbnails = Thumbnails(
            studio.store.thumbs.get_many,
            pictures=lambda ids: pictures_of(context, list(ids)),
            path_of=studio.store.images.path_of,
            parent=self,
        )
        name, selection = studio.catalogue.name, context.selection
        self.desk = DiscoverDesk(context, self)
        self.desk.shown = self.isVisible
        self.bar = DiscoverBar()
        self.start = DiscoverStart(offered(self.tr))
        self.table = ClusterTable(name)
        self.header = ClusterHeader(context.actions, studio.catalogue.path_name)
        self.grid = MemberGrid(selection, self.thumbnails, self.desk.name)
        self.side = ClusterSide(context.actions, name, self.thumbnails)
        self.map = MapCanvas(
            selection,
            lambda item: self.thumbnails.pixmap(item, 128),
            lambda item: caption_of(context, item),
        )
        self.maps = DiscoverMap(context, self.map, lambda: self.desk.current, self)
        self.control = DiscoverControl(context, self.desk, self.table.chosen, self.grid)
        self.modes = ReviewModes(context, self.desk, self.control, self.grid, self.maps, self.grid)
        self.queue = KnownQueue(selection, self.thumbnails, name)
        self.queues = QueueDesk(context, self.desk, self.queue, self.control.deciding, self)
        self.pane = GrowPane(selection, self.thumbnails)
        self.growing = GrowDesk(context, self.pane, self.control.deciding, self)
        self.jobs = DiscoverJobs(context, self.start, self)
        self.comparing = DiscoverCompare(context, self.desk, self.jobs, self)
        self._page = "start"
        self._chosen_page = False
        self._loaded = False
        self._settled: frozenset[int] = frozenset()
        self._follow: list[int] = []
        self._states: dict[int, ClusterState] = {}
        self._discovery = 0
        self._viewer: Viewer | None = None
        self._build()
        self._connect()
        connect_commands(self, context)

    # ---- workspace -------------------------------------------------------------------------
    @property
    def scopes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Keys by the page shown."""
        return _SCOPES[self._page]

    def top_widget(self) -> QWidget | None:
        """The bar with the discoveries."""
        return self.bar

    def activated(self) -> None:
        """Read when first shown; the keyboard goes to the clusters."""
        if not self._loaded:
            self._loaded = True
            self.desk.reload()
            self.maps.reload()
        self.desk.catch_up()
        self.jobs.refresh()
        self._focus()

    def close_project(self) -> None:
        """Remember the borders and end the threads."""
        for name in _SPLITTERS:
            preferences.store().setValue(f"discover/panes/{name}", getattr(self, name).saveState())
        if self._viewer:
            self._viewer.close()
        for box in (self.control.naming_box, self.control.identify_box, self.growing.identify_box):
            box.hide()
        self.jobs.close()
        self.comparing.close()
        self.map.stop()
        self.thumbnails.stop()

    def grow(
        self, *, category: int = 0, cluster: int = 0, items: NDArray[Any] | None = None
    ) -> None:
        """Grow a category, a cluster, or any items."""
        self.modes.leave()
        self.go("grow")
        found = self.desk.listing.discovery
        space = found.space if found and cluster else ""
        name = self.desk.name(cluster)
        self.growing.start(category=category, cluster=cluster, items=items, name=name, space=space)

    # ---- pages -----------------------------------------------------------------------------
    def go(self, page: str) -> None:
        """Show one of the pages ``start``, ``review``, ``known``, ``grow``."""
        self._page = page
        self.pages.setCurrentWidget(
            {"start": self.start, "review": self.review, "known": self.queue, "grow": self.pane}[
                page
            ]
        )
        self.bar.find.setVisible(page != "start")
        self.jobs.refresh()
        if self.isVisible():
            self.context.actions.set_scopes(*self.scopes)
        self._focus()

    def _focus(self) -> None:
        places = {
            "start": self.start.go if self.start.go.isEnabled() else self.start,
            "review": self.grid,
            "known": self.queue.grid,
            "grow": self.pane.grid,
        }
        places[self._page].setFocus()

    def back(self) -> None:
        """From a page that was opened: to the clusters, or to the start without any."""
        self._chosen_page = False
        self.go("review" if self.desk.listing.discovery else "start")

    def find_groups(self) -> None:
        """The start page, by the user's wish."""
        self._chosen_page = True
        self.go("start")

    # ---- following the service -------------------------------------------------------------
    def _listed(self, listing: Listing) -> None:
        found = listing.discovery
        waiting = sum(len(ids) for ids in listing.waiting.values())
        fresh = found.id if found else 0
        other = fresh != self._discovery
        self._discovery = fresh
        self.bar.set_discoveries(listing.discoveries, fresh)
        self.start.set_review(exists=found is not None)
        before, self._states = self._states, {c.id: c.state for c in listing.clusters}
        if other:
            before = {}
            self.modes.leave()
        gone = self.desk.current not in self._states
        self.table.set_clusters(listing.clusters)
        self._count(waiting)
        self.maps.set_clusters(listing.clusters)
        self._move_on(before, gone=gone)
        self._show_cluster()
        if other:
            self.maps.reload()
            if found:
                self.desk.find_merges()
        if self._page == "start" and not self._chosen_page and found:
            self.go("review")
        elif self._page == "review" and not found:
            self.go("start")
        self.context.actions.refresh()

    def _move_on(self, before: dict[int, ClusterState], *, gone: bool) -> None:
        """Go to the next cluster after a decision, to the parts of a split, or back with undo."""
        proposed = ClusterState.PROPOSED
        new = [c for c in self._states if before and c not in before]
        reopened = [c for c, s in self._states.items()
                    if s == proposed and before.get(c, proposed) != proposed]  # fmt: skip
        if self._settled and all(self._states.get(c) != proposed for c in self._settled):
            here = self.table.current
            stays = here not in self._settled and self._states.get(here) == proposed
            done = proposed not in self._states.values()
            if not stays and not self.table.go_open(1) and done:
                self.context.toasts.show_message(
                    self.tr("All clusters are looked at. “Find groups...” looks for more.")
                )
            self._settled = frozenset()
        elif gone and new:
            self.table.go(new[0])
        elif gone and any(c in self._states for c in self._follow):
            self.table.go(next(c for c in self._follow if c in self._states))
        elif reopened:
            self.table.go(reopened[0])

    def _count(self, waiting: int) -> None:
        open_ = sum(1 for s in self._states.values() if s == ClusterState.PROPOSED)
        self.bar.set_counts(len(self._states) - open_, len(self._states), waiting)

    def _current_changed(self, cluster_id: int) -> None:
        if cluster_id != self.modes.cluster:  # a list that comes late names the same one again
            self.modes.leave()
        self.desk.look_at(cluster_id)
        self._show_cluster()
        self.context.actions.refresh()

    def _show_cluster(self) -> None:
        cluster = self.desk.cluster()
        self.grid.set_empty_text(
            self.tr("Reading the members...")
            if cluster
            else self.tr("Choose a cluster at the left.")
        )
        self.header.show_cluster(cluster)
        self.side.show_cluster(cluster)
        self._show_twins()

    def _show_everything(self, on: bool) -> None:
        self.grid.show_everything(on)
        if on:
            self.desk.arrange()

    def _show_ticked(self) -> None:
        members = self.desk.members
        self.header.show_ticked(int(self.context.selection.contains(members).sum()))

    def _show_twins(self) -> None:
        twins = self.modes.twins(self.desk.current)
        self.side.show_twins([(c.id, c.name, score) for c, score in twins])

    def _detailed(self, details: Details | None) -> None:
        if details is None:
            self.grid.set_members(None)
            self.side.show_card(None, 0)
            self.maps.ring(np.empty(0, np.int64))
            return
        members = details.members
        same = np.array_equal(np.sort(members.ordered), np.sort(self.grid.members))
        if not self.modes.mode:
            selection = self.context.selection
            if not same and len(selection) and not selection.contains(members.ordered).any():
                selection.clear()
            self.grid.set_members(members, to_top=not np.isin(
                self.grid.members[:1], members.ordered).any())  # fmt: skip
            self.maps.ring(members.ordered)
            if self.grid.everything:
                self.desk.arrange()
        self._show_ticked()
        medoid = int(members.central[0]) if len(members.central) else 0
        self.side.show_card(details.card, medoid)

    def _decided(self, _changes: object) -> None:
        self.grid.refresh()
        self.jobs.refresh_pools()

    # ---- commands --------------------------------------------------------------------------
    def show_in_browse(self) -> None:
        """The members as the filter of Browse."""
        if len(self.desk.members):
            self.context.show_items(self.desk.members, self.desk.name(self.desk.current))

    def compare(self) -> None:
        """Ticked members side by side, or the most with the least typical one."""
        chosen = self.control.acting()
        if len(chosen) < 2 and len(self.desk.members) > 1:
            chosen = self.desk.members[[0, -1]]
        self._look(chosen[:MOST])

    def _look(self, items: NDArray[np.int64]) -> None:
        if not len(items):
            return
        order = self.grid.ids if self._page == "review" else items
        source = picture_source(self.context, self.thumbnails)
        self._viewer = Viewer(items, source, self.context.selection, order, [], self.window())
        self._viewer.finished.connect(lambda: setattr(self, "_viewer", None))
        self._viewer.open()

    def _open_photo(self, item: int) -> None:
        self._look(np.array([item], np.int64))

    def _menu(self, place: QPoint, _cluster: int) -> None:
        cluster_menu(self, self.context.actions).popup(place)

    def step(self, step: int) -> None:
        """To the next (+1) or previous (-1) cluster to review."""
        if not self.table.go_open(step):
            self.context.toasts.show_message(self.tr("No other cluster waits for review."))

    def escape(self) -> None:
        """Leave a mode, else clear the selection."""
        if self.modes.mode:
            self.modes.leave()
        else:
            self.context.selection.clear()

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        self.pages = QStackedWidget(self)
        self.centre = splitter(Qt.Orientation.Horizontal, [], parent=self.pages)
        self.left = splitter(
            Qt.Orientation.Vertical, [430, 330], self.table, self.map, parent=self.centre
        )
        middle = QWidget(self.centre)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        for bar in self.modes.bars:
            column.addWidget(bar)
        column.addWidget(self.grid, 1)
        self.grid.set_badges(lambda ids: badges(self.context.studio.catalogue, ids))
        self.centre.addWidget(self.side)
        self.centre.setSizes([430, 630, 300])
        self.centre.setStretchFactor(1, 1)
        self.side.setMinimumWidth(272)
        self.left.setMinimumWidth(320)
        self.map.setMinimumSize(220, 160)
        self.table.setMinimumHeight(160)
        self.map.bar.legend.setChecked(False)
        self.review = self.centre
        for page in (self.start, self.review, self.queue, self.pane):
            self.pages.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.pages)
        for name in _SPLITTERS:
            saved = preferences.store().value(f"discover/panes/{name}")
            if isinstance(saved, QByteArray):
                getattr(self, name).restoreState(saved)

    def _connect(self) -> None:
        desk, table, bridge = self.desk, self.table, self.context.bridge
        desk.listed.connect(self._listed)
        desk.detailed.connect(self._detailed)
        desk.merges_found.connect(lambda _pairs: self._show_twins())
        bridge.decided.connect(self._decided)
        bridge.items_added.connect(lambda _e: self.jobs.refresh_pools())
        self.context.selection.changed.connect(self._show_ticked)
        table.current_changed.connect(self._current_changed)
        table.rename_requested.connect(lambda _c: self.control.rename())
        table.context_requested.connect(self._menu)
        self.header.everything_toggled.connect(self._show_everything)
        desk.arranged.connect(self.grid.set_arranged)
        self.side.card.known_requested.connect(self.control.send_current_to)
        self.side.card.opened.connect(self._open_photo)
        self.side.merge_requested.connect(lambda c: self.modes.merge([], c))
        self.control.settled.connect(lambda ids: setattr(self, "_settled", ids))
        self.control.merging.connect(lambda ids: setattr(self, "_follow", ids))
        self.control.deciding.refused.connect(lambda: setattr(self, "_settled", frozenset()))
        self.maps.cluster_hit.connect(table.go)
        self.map.compute_requested.connect(lambda: self.context.actions.run("space.embed"))
        self.thumbnails.ready.connect(lambda ids: [self.map.thumbnail_ready(i) for i in ids])
        for grid in (self.grid, self.queue.grid, self.queue.examples, self.pane.grid,
                     self.pane.examples):  # fmt: skip
            grid.activated.connect(self._open_photo)
        self.growing.ended.connect(self.back)
        self.growing.changed.connect(self.context.actions.refresh)
        self.jobs.found.connect(self._found)
        self.start.left.connect(self.back)
        self.bar.find_wanted.connect(self.find_groups)
        self.bar.discovery_chosen.connect(desk.choose)
        self.bar.known_wanted.connect(self.queues.show_known)
        self.bar.place_wanted.connect(self.queues.place)
        self.queues.opened.connect(lambda: self.go("known"))
        self.queues.left.connect(self.back)
        self.bar.beside_wanted.connect(self.comparing.group)
        self.bar.compare_wanted.connect(self.comparing.show)

    def _found(self) -> None:
        self._chosen_page = False
        self.desk.reload()
