"""What stands over the member grid for a while: the preview of a split, a merge, a spot check."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from fgvc_studio.domain.clusters import OPEN, Cluster
from fgvc_studio.gui.models.cluster_model import share
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.member_grid import ROWS, MemberGrid, Part, counted
from fgvc_studio.gui.widgets.review_bars import CheckBar, MergeBar, SplitBar
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.discover_control import DiscoverControl
from fgvc_studio.gui.workspaces.discover_desk import DiscoverDesk
from fgvc_studio.gui.workspaces.discover_map import DiscoverMap

Ids = NDArray[np.int64]
_SLOT = "discover mode"
_seeds = itertools.count(1)
_COMPARED = 60


class ReviewModes(QObject):
    """At most one mode at a time; another cluster ends it. `changed` tells that one began or ended.

    A mode's own key carries it out (M merges, Shift+M splits, C records), Esc leaves it.
    """

    changed = Signal()

    def __init__(
        self,
        context: Context,
        desk: DiscoverDesk,
        control: DiscoverControl,
        grid: MemberGrid,
        map_: DiscoverMap,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._context, self._desk, self._control = context, desk, control
        self._grid, self._map = grid, map_
        self.mode = ""
        self.cluster = 0
        self._ordered: Ids = np.empty(0, np.int64)
        self._parts: Ids = np.empty(0, np.int64)
        self._sample: Ids = np.empty(0, np.int64)
        self._pairs: list[tuple[int, int, float]] = []
        self._wanted = 0
        self.split_bar, self.merge_bar, self.check_bar = SplitBar(), MergeBar(), CheckBar()
        self.bars = (self.split_bar, self.merge_bar, self.check_bar)
        for bar in self.bars:
            bar.hide()
        self._connect()

    @property
    def pairs(self) -> list[tuple[int, int, float]]:
        """Clusters that may be one, best first."""
        return self._pairs

    def leave(self) -> None:
        """Members as they are again."""
        if not self.mode:
            return
        self._context.tasks.drop(_SLOT)
        self.mode, self.cluster = "", 0
        for bar in self.bars:
            bar.hide()
        self._map.end_parts()
        self._grid.show_fixed(None)
        self._map.ring(self._desk.members)
        self.changed.emit()

    def _enter(self, mode: str, bar: QWidget) -> None:
        if self.mode:
            self.leave()
        self.mode, self.cluster = mode, self._desk.current
        bar.show()
        self.changed.emit()

    # ---- split -----------------------------------------------------------------------------
    def split(self) -> None:
        """Begin the preview of a split; in the preview: carry it out."""
        if self.mode == "split":
            if len(self._parts):
                cluster, parts = self.cluster, self._parts
                self.leave()
                self._control.split(cluster, parts)
            return
        cluster = self._desk.cluster()
        if cluster is None or cluster.size < 2:
            self._say(self.tr("A cluster of one item cannot be split."))
            return
        self._enter("split", self.split_bar)
        self._preview(0)

    def _preview(self, seed: int) -> None:
        self._parts = np.empty(0, np.int64)
        self.split_bar.set_ready(self.split_bar.parts.value(), ready=False)
        review, cluster = self._context.studio.review, self.cluster
        parts = self.split_bar.parts.value()

        def read(_ticket: Ticket) -> tuple[int, Ids, Ids]:
            ordered = review.members(cluster, 1).ordered
            return cluster, ordered, review.split_preview(cluster, parts, seed)

        self._context.tasks.submit(_SLOT, read, self._previewed, self._refused)

    def _refused(self, error: Exception) -> None:
        self.leave()
        self._context.show_fault(error)  # type: ignore[arg-type]

    def _previewed(self, answer: tuple[int, Ids, Ids]) -> None:
        cluster, self._ordered, self._parts = answer
        if self.mode == "split" and cluster == self.cluster:
            self._show_split()

    def _show_split(self) -> None:
        found = np.unique(self._parts)
        self.split_bar.set_ready(len(found), ready=len(found) > 1)
        shown: list[Part] = []
        for i, part in enumerate(found.tolist()):
            ids = self._ordered[self._parts == part]
            shown.append((counted(self._grid, self.tr("Part {n}").format(n=i + 1), len(ids)), ids))
        self._grid.show_fixed(shown)
        self._map.show_parts(self._ordered, self._parts)

    def _move_selected(self) -> None:
        chosen = self._context.selection.contains(self._ordered)
        count = int(self._parts.max(initial=0)) + 1
        self._parts = np.where(chosen, (self._parts + 1) % max(2, count), self._parts)
        self._context.selection.clear()
        self._show_split()

    def _split_off(self) -> None:
        items = self._ordered[self._context.selection.contains(self._ordered)]
        cluster = self.cluster
        if len(items):
            self.leave()
            self._control.split_off(cluster, items)

    # ---- merge -----------------------------------------------------------------------------
    def merge(self, chosen: list[int], partner: int = 0) -> None:
        """Merge the chosen clusters, or compare the current one with likely twins first."""
        if self.mode == "merge" and not partner:
            if self.merge_bar.partner:
                ids = [self.cluster, self.merge_bar.partner]
                self.leave()
                self._control.merge(ids)
            return
        if len(chosen) > 1 and not partner:
            self._control.merge(chosen)
            return
        if self._desk.cluster() is None:
            return
        self._wanted = partner
        self._enter("merge", self.merge_bar)
        self._offer()
        self._desk.find_merges()

    def set_pairs(self, pairs: list[tuple[int, int, float]]) -> None:
        """Clusters that may be one were found."""
        self._pairs = pairs
        if self.mode == "merge":
            self._offer()

    def twins(self, cluster_id: int) -> list[tuple[Cluster, float]]:
        """Clusters that may be the same as one, best first."""
        found = []
        for a, b, score in self._pairs:
            if cluster_id in (a, b):
                other = self._desk.cluster(b if a == cluster_id else a)
                if other is not None:
                    found.append((other, score))
        return found

    def _offer(self) -> None:
        near = self.twins(self.cluster)
        likely = {c.id for c, _ in near}
        beside = np.empty(0, np.int64)
        if self._desk.details and self._desk.details.cluster == self.cluster:
            beside = self._desk.details.members.boundary_with
        rows = [
            (c.id, self.tr("{name} ({n})  {s}").format(
                name=c.name, n=f"{c.size:,}", s=share(score)))
            for c, score in near
        ]  # fmt: skip
        rows += [
            (c.id, self.tr("{name} ({n})").format(name=c.name, n=f"{c.size:,}"))
            for c in sorted(self._desk.listing.clusters, key=lambda c: -int((beside == c.id).sum()))
            if c.id != self.cluster and c.id not in likely and (c.state in OPEN or c.category_id)
        ]
        rows.sort(key=lambda row: row[0] != self._wanted)
        self.merge_bar.set_partners(rows)

    def _partner_changed(self, partner: int) -> None:
        if self.mode != "merge":
            return
        review, cluster = self._context.studio.review, self.cluster

        def read(_ticket: Ticket) -> tuple[int, Ids, Ids]:
            first = review.members(cluster).shown(_COMPARED)
            other = review.members(partner).shown(_COMPARED) if partner else first[:0]
            return partner, first, other

        self._context.tasks.submit(_SLOT, read, self._compared, self._refused)

    def _compared(self, answer: tuple[int, Ids, Ids]) -> None:
        partner, mine, other = answer
        if self.mode != "merge" or partner != self.merge_bar.partner:
            return
        room = ROWS * max(1, self._grid.columns)
        parts = [(self._desk.name(self.cluster), mine[:room])]
        if partner:
            parts.append((self._desk.name(partner), other[:room]))
        self._grid.show_fixed(parts)
        self._map.ring(np.concatenate([self._desk.members, other]))

    # ---- spot check ------------------------------------------------------------------------
    def check(self) -> None:
        """Draw a random sample; with one drawn: record it."""
        if self.mode == "check":
            if len(self._sample):
                cluster, shown = self.cluster, len(self._sample)
                right = shown - self._wrong()
                self.leave()
                self._control.record_check(cluster, right, shown)
            return
        if self._desk.cluster() is None:
            return
        self._context.selection.clear()
        self._enter("check", self.check_bar)
        self._draw()

    def _draw(self) -> None:
        self._sample = np.empty(0, np.int64)
        self.check_bar.show_state(0, 0)
        review, cluster = self._context.studio.review, self.cluster
        n, seed = int(self.check_bar.size.currentData()), next(_seeds)
        self._context.tasks.submit(
            _SLOT,
            lambda _ticket: (cluster, review.sample(cluster, n, seed)),
            self._drawn,
            self._refused,
        )

    def _drawn(self, answer: tuple[int, Ids]) -> None:
        cluster, sample = answer
        if self.mode == "check" and cluster == self.cluster:
            self._sample = sample
            title = counted(self._grid, self.tr("Drawn at random"), len(sample))
            self._grid.show_fixed([(title, sample)])
            self._judge()

    def _wrong(self) -> int:
        return int(self._context.selection.contains(self._sample).sum())

    def _judge(self) -> None:
        if self.mode == "check":
            self.check_bar.show_state(self._wrong(), len(self._sample))

    # ---- building --------------------------------------------------------------------------
    def _say(self, text: str) -> None:
        self._context.toasts.show_message(text)

    def _selection_changed(self) -> None:
        if self.mode == "split":
            chosen = self._context.selection.contains(self._ordered)
            self.split_bar.set_selected(int(chosen.sum()))
        self._judge()

    def _connect(self) -> None:
        split, merge, check = self.split_bar, self.merge_bar, self.check_bar
        split.parts_changed.connect(lambda _n: self._preview(0))
        split.again.connect(lambda: self._preview(next(_seeds)))
        split.move_selected.connect(self._move_selected)
        split.split_off.connect(self._split_off)
        split.split.connect(self.split)
        merge.partner_changed.connect(self._partner_changed)
        merge.partners.activated.connect(lambda _i: setattr(self, "_wanted", merge.partner))
        merge.merge.connect(lambda: self.merge([]))
        check.size_changed.connect(lambda _n: self._draw())
        check.again.connect(self._draw)
        check.recorded.connect(self.check)
        for bar in (split, merge, check):
            bar.cancelled.connect(self.leave)
        self._context.selection.changed.connect(self._selection_changed)
        self._desk.merges_found.connect(self.set_pairs)
