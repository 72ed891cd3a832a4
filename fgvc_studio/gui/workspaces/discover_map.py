"""The map of Discover: points by cluster, the current one in focus, gestures that choose it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from fgvc_studio.domain.clusters import Cluster
from fgvc_studio.domain.embeddings import Map2D
from fgvc_studio.domain.events import MapChanged
from fgvc_studio.gui import palette
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.category_swatch import colour_of
from fgvc_studio.gui.widgets.map_canvas import LegendRow, MapCanvas
from fgvc_studio.gui.workspaces.base import Context

Ids = NDArray[np.int64]
_FEW, _OUTER = 50, 5
"""Of more members than a few, the outer 5 % at each side need not be in view."""
_FILLED, _SMALLEST, _CLOSEST = 0.75, 0.02, 12
"""Part of the view that they fill, the least extent they count as, and the largest zoom."""
_LATER_MS = 16
"""Colours come a frame after the members, which are read at the same time."""
_SLOT, _CODES, _HIT = "discover map", "discover codes", "discover hit"


class DiscoverMap(QObject):
    """Between the review and its `MapCanvas`.

    `cluster_hit` carries the cluster that a click or most of a lasso met.
    """

    cluster_hit = Signal(int)

    def __init__(
        self,
        context: Context,
        canvas: MapCanvas,
        current: Callable[[], int],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._canvas = canvas
        self._current = current
        self._map: Map2D | None = None
        self._clusters: dict[int, Cluster] = {}
        self._of_point: Ids = np.empty(0, np.int64)
        self._by = "cluster"
        self._parts: tuple[Ids, Ids] | None = None
        self._before = (0.0, 0.0, 1.0)
        self._later = QTimer(self, singleShot=True, interval=_LATER_MS)
        self._later.timeout.connect(self.recolour)
        canvas.set_colour_options(
            [("cluster", self.tr("Cluster")), ("category", self.tr("Category"))], "cluster"
        )
        canvas.colour_by_changed.connect(self._colour_by)
        canvas.item_activated.connect(lambda item: self._hit(np.array([item], np.int64)))
        canvas.gestures.selected.connect(lambda: self._hit(context.selection.ids))
        canvas.map_shown.connect(self.focus)
        context.bridge.map_changed.connect(self._map_changed)

    # ---- reading ---------------------------------------------------------------------------
    def reload(self, method: str | None = None) -> None:
        """Read the map of the discovery's space in the background."""
        exploring, review = self._context.studio.exploring, self._context.studio.review
        self._canvas.empty.set_busy(self.tr("Reading the map..."))

        def read(_ticket: Ticket) -> Map2D | None:
            found = review.current()
            space = found.space if found and found.space else None
            return exploring.load_map(space, method=method)

        self._context.tasks.submit(_SLOT, read, self._loaded, self._context.show_fault)

    def set_clusters(self, clusters: Sequence[Cluster]) -> None:
        """Colour the points by these clusters."""
        self._clusters = {c.id: c for c in clusters}
        self._read_codes()

    def _map_changed(self, event: MapChanged) -> None:
        if self._map is not None or self._canvas.isVisible():
            self.reload(event.method)

    def _loaded(self, found: Map2D | None) -> None:
        self._map = found
        self._canvas.empty.set_busy("")
        if found is None:
            self._canvas.set_map(None)
            return
        self._canvas.set_map(found.xy, found.item_ids, total=self._context.studio.catalogue.n)
        self._read_codes()

    def _read_codes(self) -> None:
        """Which cluster each point is in: numpy over columns, but over all items."""
        if self._map is None:
            return
        review, ids = self._context.studio.review, self._map.item_ids
        self._context.tasks.submit(
            _CODES, lambda _ticket: (ids, review.clusters_of(ids)), self._coded
        )

    def _coded(self, answer: tuple[Ids, Ids]) -> None:
        ids, clusters = answer
        if self._map is not None and self._map.item_ids is ids:
            self._of_point = clusters
            self._later.start()

    # ---- colours ---------------------------------------------------------------------------
    def _colour_by(self, key: str) -> None:
        self._by = key
        self.recolour()

    def recolour(self) -> None:
        """Colour by what is known now."""
        found = self._map
        if found is None or len(self._of_point) != len(found.item_ids):
            return
        if self._parts is not None:
            self._show_parts(found, *self._parts)
        elif self._by == "category":
            self._show_categories(found)
        else:
            self._show_clusters()
        self.focus()

    def _show_clusters(self) -> None:
        counts = np.bincount(self._of_point)
        table = np.full(len(counts), -1, np.int32)
        rows: list[LegendRow] = []
        for cluster_id in np.flatnonzero(counts).tolist():
            cluster = self._clusters.get(cluster_id)
            if cluster is not None:
                table[cluster_id] = cluster_id
                colour = colour_of(cluster.number)
                rows.append((cluster_id, cluster.name, colour, int(counts[cluster_id])))
        rows.sort(key=lambda row: -row[3])
        self._canvas.set_colours(table[self._of_point], rows, self.tr("Cluster"))

    def _show_categories(self, found: Map2D) -> None:
        catalogue = self._context.studio.catalogue
        codes = catalogue.category[found.item_ids - 1].astype(np.int32) - 1
        counts = np.bincount(codes[codes >= 0])
        rows: list[LegendRow] = [
            (c, catalogue.name(c + 1), colour_of(c), int(counts[c]))
            for c in np.flatnonzero(counts).tolist()
        ]
        rows.sort(key=lambda row: -row[3])
        self._canvas.set_colours(codes, rows, self.tr("Category"))

    def show_parts(self, ids: Ids, parts: Ids) -> None:
        """Travel to the parts of a split and colour them, everything else grey."""
        if self._parts is None:
            self._before = self._canvas.surface.state.target()
            self.go_to(ids)
        self._parts = (ids, parts)
        self.recolour()

    def end_parts(self) -> None:
        """Clusters again, and the view as it was."""
        if self._parts is not None:
            self._parts = None
            self.recolour()
            self._canvas.surface.glide(*self._before)

    def _show_parts(self, found: Map2D, ids: Ids, parts: Ids) -> None:
        codes = np.full(len(found.item_ids), -1, np.int32)
        order = np.argsort(ids)
        at = np.minimum(np.searchsorted(ids, found.item_ids, sorter=order), len(ids) - 1)
        row = order[at]
        inside = ids[row] == found.item_ids
        codes[inside] = parts[row[inside]]
        rows: list[LegendRow] = [
            (
                int(part),
                self.tr("Part {n}").format(n=int(part) + 1),
                colour_of(int(part)),
                int(np.count_nonzero(parts == part)),
            )
            for part in np.unique(parts)
        ]
        self._canvas.set_colours(codes, rows, self.tr("Parts"))

    def focus(self) -> None:
        """The current cluster in colour; among few clusters the others too."""
        if self._map is None or self._canvas.points is None:
            return
        if self._parts is not None or self._by != "cluster":
            self._canvas.clear_focus()
            return
        current = self._current()
        if current and len(self._clusters) > palette.FOCUS_LIMIT:
            self._canvas.set_focus([current])
        else:
            self._canvas.clear_focus()

    def ring(self, ids: Ids) -> None:
        """Ring the members of the current cluster."""
        self._canvas.highlight(ids)
        self.focus()

    def go_to(self, ids: Ids) -> bool:
        """Travel to where these items lie; False when none is on the map."""
        points = self._canvas.points
        places = [p for p in (points.point_of(int(i)) for i in ids) if p] if points else []
        if not places:
            return False
        outer = _OUTER if len(places) > _FEW else 0
        low, high = np.percentile(np.array(places), [outer, 100 - outer], axis=0)
        state = self._canvas.surface.state
        across, down = np.maximum(high - low, _SMALLEST) * state.scale / state.zoom
        zoom = _FILLED * min(state.width / across, state.height / down)
        x, y = (low + high) / 2
        self._canvas.surface.glide(float(x), float(y), float(np.clip(zoom, 1, _CLOSEST)))
        return True

    # ---- gestures --------------------------------------------------------------------------
    def _hit(self, ids: Ids) -> None:
        """Which cluster a gesture meant: that of most of the items."""
        if not len(ids):
            return
        review = self._context.studio.review
        self._context.tasks.submit(
            _HIT, lambda _ticket: review.clusters_of(ids), self._met, self._context.show_fault
        )

    def _met(self, clusters: Ids) -> None:
        met, counts = np.unique(clusters[clusters > 0], return_counts=True)
        if not len(met):
            return
        best = int(met[counts.argmax()])
        if self._current() not in met.tolist():
            self.cluster_hit.emit(best)
