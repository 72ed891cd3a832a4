"""The embedding map: every item a point, one selection with the grid, colours by any column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from fgvc_studio.gui import palette, theme
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets import map_raster as mr
from fgvc_studio.gui.widgets.map_bar import MapBar
from fgvc_studio.gui.widgets.map_empty import MapEmpty
from fgvc_studio.gui.widgets.map_gestures import Gestures
from fgvc_studio.gui.widgets.map_hover import HoverCard
from fgvc_studio.gui.widgets.map_legend import Entry, MapLegend
from fgvc_studio.gui.widgets.map_loader import MapLoader
from fgvc_studio.gui.widgets.map_overlay import NameOf, ThumbnailOf
from fgvc_studio.gui.widgets.map_points import MapPoints
from fgvc_studio.gui.widgets.map_surface import MapSurface
from fgvc_studio.gui.widgets.map_tools import Tool

_LOCATE_ZOOM = 6.0
LegendRow = tuple[int, str, QColor | None, int]


class MapCanvas(QWidget):
    """The map with its bar and legend.

    Parameters
    ----------
    selection : Selection
        Shared with the other views.
    thumbnail : callable or None
        ``thumbnail(item_id) -> QPixmap | None``, from a cache, at once; for the hover card. Call
        `thumbnail_ready` when one that was missing has come.
    name : callable or None
        ``name(item_id) -> str``, the hover card's text.
    """

    colour_by_changed = Signal(str)
    compute_requested = Signal()
    item_activated = Signal("qlonglong")
    """A point was clicked with the select tool."""
    focus_changed = Signal(object)
    """frozenset of the codes in focus; empty: all."""
    isolated_changed = Signal(object)
    """frozenset of the codes shown alone; empty: all."""
    map_shown = Signal()
    """The points given last are on the screen (large maps are sorted in a thread first)."""

    def __init__(
        self,
        selection: Selection,
        thumbnail: ThumbnailOf | None = None,
        name: NameOf | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        mr.warm_up()
        self.setAccessibleName(self.tr("Map of the items"))
        self.selection = selection
        self.bar = MapBar(self)
        self.surface = MapSurface(self)
        self.surface.setAccessibleName(self.tr("Map"))
        self.legend = MapLegend(self)
        self.empty = MapEmpty(self)
        self.empty.compute_clicked.connect(self.compute_requested)
        self.card = HoverCard(self.surface, thumbnail, name)
        self.gestures = Gestures(self.surface, self.bar, selection, self.card)
        self._loader = MapLoader(self)
        self._loader.ready.connect(self._show)
        self._codes: NDArray[np.int32] | None = None
        self._rows: list[LegendRow] = []
        self._visible: NDArray[np.int64] | None = None
        self._continuous = False
        self._title = ""
        self._total = 0
        self._layout()
        self._connect()

    def _layout(self) -> None:
        body = QWidget(self)
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.surface, 1)
        row.addWidget(self.legend)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(body)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self._stack, 1)
        self.bar.set_usable(False)
        self.legend.hide()

    def _connect(self) -> None:
        self.bar.colour_by_chosen.connect(self.colour_by_changed)
        self.bar.density_toggled.connect(self._set_density)
        self.bar.names_toggled.connect(self._set_names)
        self.bar.legend_toggled.connect(self._refresh_legend_visible)
        self.legend.toggled.connect(self.toggle_focus)
        self.legend.isolated.connect(self.isolate)
        self.selection.changed.connect(self._selection_changed)
        self.gestures.clicked.connect(self.item_activated)
        self.gestures.cleared.connect(self.clear_focus)
        theme.signal().changed.connect(self._recolour)

    # ------------------------------------------------------------- the points
    @property
    def points(self) -> MapPoints | None:
        """The map on the screen."""
        return self.surface.points

    def set_map(self, xy: ArrayLike | None, item_ids: ArrayLike = (), *, total: int = 0) -> None:
        """Show a map.

        Parameters
        ----------
        xy : array (N, 2) or None
            None shows the empty state. Rows that are not finite are left off and counted.
        item_ids : array (N,) int64
            Unique. When they are those of the map shown, the points travel to their new places
            and colours, filter and view stay.
        total : int
            Items of the project, to say how many are not on the map; 0: not said.
        """
        self._total = total
        if xy is None or not len(np.atleast_1d(item_ids)):
            self._loader.cancel()
            self._codes, self._rows, self._visible = None, [], None
            self.surface.set_points(None)
            self.bar.set_usable(False)
            self._stack.setCurrentIndex(0)
            self._refresh_info()
            return
        coordinates = np.asarray(xy, np.float32).reshape(-1, 2)
        ids = np.asarray(item_ids, np.int64)
        if len(coordinates) != len(ids):
            raise ValueError(f"{len(coordinates)} points for {len(ids)} items")
        self._codes = None
        self._loader.load(coordinates, ids)
        self._refresh_info()

    def _show(self, points: MapPoints) -> None:
        old = self.points
        same = old is not None and points.take_state(old)
        if not same:
            self.surface.state.fit()
        if self._codes is not None and len(self._codes) == len(points.item_ids):
            points.set_codes(self._codes)
        if self._visible is not None:
            points.set_visible(self._visible)
        points.set_selected(self.selection.ids)
        self._stack.setCurrentIndex(1)
        self.bar.set_usable(True)
        self.surface.set_points(points, animate=same)
        self._recolour()
        self._refresh_info()
        self.map_shown.emit()

    def set_visible(self, ids: ArrayLike | None) -> None:
        """Obey a filter: other items turn faint and cannot be hit; None shows all."""
        self._visible = None if ids is None else np.asarray(ids, np.int64)
        if self.points is not None:
            self.points.set_visible(self._visible)
            self.surface.refresh()
            self._refresh_info()

    def stop(self) -> None:
        """Wait for threads; call at the end of the program."""
        self._loader.cancel()
        self._loader.wait()

    # ------------------------------------------------------------- the colours
    def set_colour_options(self, options: Sequence[tuple[str, str]], key: str = "") -> None:
        """Offer (key, title) pairs in 'Colour by'; choosing one emits `colour_by_changed`."""
        self.bar.set_colour_options(options, key)

    def set_colours(self, codes: ArrayLike, legend: Sequence[LegendRow], title: str = "") -> None:
        """Colour by categories.

        Parameters
        ----------
        codes : array (N,) int32
            Per row of the map given last; negative means none, drawn grey.
        legend : sequence of (code, name, colour, count)
            In the order shown; a colour of None is taken from the palette and follows the theme.
        """
        self._codes = np.asarray(codes, np.int32)
        self._rows = list(legend)
        self._continuous = False
        same = title == self._title
        self._title = title
        self._apply_codes(keep_focus=same)
        self._refresh_legend_visible()

    def set_continuous(self, values: ArrayLike, title: str = "", form: str = "{:.2f}") -> None:
        """Colour by a number per row of the map; NaN means none."""
        v = np.asarray(values, np.float64)
        good = v[np.isfinite(v)]
        low, high = (float(good.min()), float(good.max())) if len(good) else (0.0, 0.0)
        level = (v - low) / ((high - low) or 1.0) * 255
        self._codes = np.where(np.isfinite(v), np.nan_to_num(level), -1).astype(np.int32)
        self._rows = []
        self._continuous = True
        self._title = title
        self._apply_codes()
        self.legend.show_scale(title, form.format(low), form.format(high))
        self._refresh_legend_visible()

    @property
    def code_count(self) -> int:
        """How many codes have a colour of their own."""
        return len(self._rows)

    def _apply_codes(self, *, keep_focus: bool = False) -> None:
        points = self.points
        if points is not None and self._codes is not None and not self._loader.busy:
            if not keep_focus:
                points.set_focus(())
            points.set_codes(self._codes)
        self._recolour()

    def _recolour(self) -> None:
        tokens = theme.current()
        if self._continuous:
            table = palette.sequential(tokens.dark)
            self._set_table(np.arange(256), table)
            self.surface.names = {}
            return
        own = palette.categorical(max(len(self._rows), 1), dark=tokens.dark)
        entries = [
            Entry(int(code), name, colour or QColor(*own[i].tolist()), int(count))
            for i, (code, name, colour, count) in enumerate(self._rows)
        ]
        codes = np.array([e.code for e in entries], np.int64)
        bits = np.array([e.colour.rgb() for e in entries], np.uint32)
        self._set_table(codes, np.stack([bits >> s & 255 for s in (16, 8, 0)], -1))
        self.surface.names = {e.code: e.name for e in entries if e.code >= 0}
        self.legend.show_entries(self._title, entries)
        self._refresh_focus()

    def _set_table(self, codes: NDArray, colours: NDArray[np.integer]) -> None:
        top = int(codes.max(initial=0))
        if self.points is not None:
            top = max(top, int(self.points.codes.max(initial=0)) - 1)
        table = np.empty((top + 2, 3), np.uint8)
        table[:] = palette.rgb_of(theme.current().unlabelled)
        known = codes >= 0
        table[codes[known] + 1] = colours.astype(np.uint8)[known]
        self.surface.set_colours(table)

    def toggle_focus(self, code: int) -> None:
        """Put a code into focus or take it out; while any is, all others are grey."""
        if self.points is not None:
            self._set_focus(self.points.focus ^ {code}, frozenset())

    def isolate(self, code: int) -> None:
        """Show one code alone, or all again when it is alone already."""
        if self.points is not None:
            alone = frozenset() if self.points.isolated == {code} else frozenset({code})
            self._set_focus(alone, alone)

    def clear_focus(self) -> None:
        """Colour and show all codes."""
        if self.points is not None and (self.points.focus or self.points.isolated):
            self._set_focus(frozenset(), frozenset())

    def set_focus(self, codes: Sequence[int]) -> None:
        """Colour only these codes (chosen categories and their confusable neighbours)."""
        if self.points is not None:
            self._set_focus(frozenset(codes), frozenset())

    def _set_focus(self, focus: frozenset[int], isolated: frozenset[int]) -> None:
        assert self.points is not None
        was = self.points.isolated
        self.points.set_focus(focus, isolated)
        self.surface.refresh()
        self._refresh_focus()
        self._refresh_info()
        self.focus_changed.emit(focus)
        if isolated != was:
            self.isolated_changed.emit(isolated)

    def _refresh_focus(self) -> None:
        self.legend.model.focus = self.points.focus if self.points is not None else frozenset()
        self.legend.model.changed()

    # ------------------------------------------------------------- the view
    def set_tool(self, tool: Tool) -> None:
        """Change the tool."""
        self.gestures.set_tool(tool)

    def fit(self) -> None:
        """Show the whole map."""
        self.gestures.fit()

    def locate(self, item_id: int) -> bool:
        """Centre on an item and ring it.

        Returns
        -------
        bool
            False when the item is not on the map.
        """
        point = self.points.point_of(item_id) if self.points is not None else None
        if point is None:
            return False
        self.surface.glide(*point, max(self.surface.state.zoom, _LOCATE_ZOOM))
        self.surface.pulse(item_id)
        return True

    def highlight(self, ids: ArrayLike) -> None:
        """Ring further items (neighbours, a cluster); an empty list ends it."""
        if self.points is not None:
            self.points.set_highlighted(np.asarray(ids, np.int64))
            self.surface.refresh()

    def thumbnail_ready(self, item_id: int) -> None:
        """A thumbnail that was missing has come."""
        self.card.thumbnail_ready(item_id)

    def _selection_changed(self) -> None:
        if self.points is not None:
            self.points.set_selected(self.selection.ids)
            self.surface.refresh()

    def _set_density(self, on: bool) -> None:
        self.surface.density = on
        self.surface.refresh()

    def _set_names(self, on: bool) -> None:
        self.surface.show_names = on
        self.surface.refresh()

    def _refresh_legend_visible(self) -> None:
        wanted = bool(self._rows) or self._continuous
        self.legend.setVisible(wanted and self.bar.legend.isChecked())

    def _refresh_info(self) -> None:
        points = self.points
        if self._loader.busy:
            self.bar.info.setText(self.tr("Preparing the map..."))
            return
        if points is None:
            self.bar.info.setText("")
            return
        parts = [self.tr("{0} points").format(f"{len(points):,}")]
        if points.filtered or points.isolated:
            shown = int(np.count_nonzero(points.layer != mr.HIDDEN))
            parts = [self.tr("{0} of {1} points").format(f"{shown:,}", f"{len(points):,}")]
        missing = max(self._total - len(points), points.missing)
        if missing > 0:
            parts.append(self.tr("{0} not on the map").format(f"{missing:,}"))
        self.bar.info.setText(" \N{MIDDLE DOT} ".join(parts))


__all__ = ["LegendRow", "MapCanvas", "Tool"]
