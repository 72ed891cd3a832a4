"""The surface on which the map is painted: raster, view, overlays; gestures call back."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QElapsedTimer, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from fgvc_studio.gui import palette, theme
from fgvc_studio.gui.widgets import map_overlay as overlay
from fgvc_studio.gui.widgets import map_raster as mr
from fgvc_studio.gui.widgets.map_points import MapPoints
from fgvc_studio.gui.widgets.map_tools import Combine, Drag, polygon_mask
from fgvc_studio.gui.widgets.map_view import ViewState

TRANSITION_MS = 420
LOCATE_MS = 280
PULSE_MS = 1600
_NAME_SHARE = 0.004
_FEW = 2_000
"""Points that names step aside from, ringed ones or all."""


class MapSurface(QWidget):
    """Paints a `MapPoints`; knows nothing of gestures or of where data comes from."""

    view_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(160, 120)
        self.points: MapPoints | None = None
        self.state = ViewState()
        self.names: Mapping[int, str] = {}
        self.density = False
        self.show_names = True
        self.drag: Drag | None = None
        self.hovered_id = 0
        self.note = ""
        self._colours: NDArray[np.uint8] = np.zeros((1, 3), np.uint8)
        self._unset = True
        self._raster = mr.Raster(1, 1)
        self._image = QImage()
        self._ratio = 1.0
        self._stale = True
        self._ids_stale = True
        self._anchors: list[tuple[int, float, float]] = []
        self._cache = overlay.NameCache()
        self._from: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._clock = QElapsedTimer()
        self._goal: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
        self._goal_clock = QElapsedTimer()
        self._pulse_id = 0
        self._pulse_clock = QElapsedTimer()
        self._tick = QTimer(self, interval=16)
        self._tick.timeout.connect(self._advance)
        self._settle = QTimer(self, interval=90, singleShot=True)
        self._settle.timeout.connect(self._place_names)
        theme.signal().changed.connect(self.refresh)

    # ------------------------------------------------------------------ data
    def set_points(self, points: MapPoints | None, *, animate: bool = False) -> None:
        """Show another map; with `animate` the points travel there from the one shown."""
        old = self.points
        self.points = points
        self.state.span = points.index.span if points is not None else (1.0, 1.0)
        self._from = None
        if animate and old is not None and points is not None and len(points):
            self._from = points.coordinates_in(old)
            self._clock.start()
            self._tick.start()
        self._anchors = []
        self.hovered_id = 0
        self.refresh()

    def set_colours(self, colours: NDArray[np.uint8]) -> None:
        """(K, 3) bytes: row 0 for points without a code, row c + 1 for code c."""
        self._colours = colours
        self.refresh()

    def refresh(self) -> None:
        """Draw all of it again soon."""
        self._stale = True
        self._settle.start()
        self.update()

    # ------------------------------------------------------------------ view
    def moved(self) -> None:
        """The view state was changed."""
        self._goal = None
        self.refresh()
        self.view_changed.emit()

    def glide(self, x: float, y: float, zoom: float) -> None:
        """Travel to a view."""
        self._goal = (self.state.target(), (x, y, zoom))
        self._goal_clock.start()
        self._tick.start()

    def pulse(self, item_id: int) -> None:
        """Ring an item for a moment."""
        self._pulse_id = item_id
        self._pulse_clock.start()
        self._tick.start()
        self.update()

    @property
    def animating(self) -> bool:
        """Whether something still moves by itself."""
        return self._tick.isActive()

    def _advance(self) -> None:
        if self._goal is not None:
            t = self._goal_clock.elapsed() / LOCATE_MS
            self.state.set_between(*self._goal, _eased(t))
            if t >= 1:
                self._goal = None
            self.refresh()
            self.view_changed.emit()
        if self._from is not None:
            if self._clock.elapsed() >= TRANSITION_MS:
                self._from = None
            self.refresh()
        if self._pulse_id:
            if self._pulse_clock.elapsed() >= PULSE_MS:
                self._pulse_id = 0
            self.update()
        if self._goal is None and self._from is None and not self._pulse_id:
            self._tick.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the centre and draw anew."""
        self.state.width, self.state.height = self.width(), self.height()
        self.refresh()

    # --------------------------------------------------------------- looking
    def pick(self, at: QPointF) -> int:
        """Item drawn under a widget pixel, 0 for none; takes microseconds."""
        if self.points is None or not len(self.points) or self._from is not None:
            return 0
        if self._ids_stale:
            self._splat_only()
        r = self._ratio
        p = self._raster.pick(int(at.x() * r), int(at.y() * r), max(3, int(5 * r)))
        return int(self.points.ids_at(np.array([p]))[0]) if p >= 0 else 0

    def inside(self, drag: Drag) -> NDArray[np.int32]:
        """Positions of the points in the filter that a drag encloses."""
        if self.points is None or self._raster.image.size <= 1:
            return np.empty(0, np.int32)
        mask = polygon_mask(drag.polygon(), self.width(), self.height(), self._ratio)
        p = self.points
        view, ranges = self._window()
        return self._raster.gather(p.index.x, p.index.y, p.layer, view, ranges, mask)

    def place_of(self, item_id: int) -> QPointF | None:
        """Widget pixel of an item, None when it is not on the map."""
        point = self.points.point_of(item_id) if self.points is not None else None
        return QPointF(*self.state.to_screen(*point)) if point else None

    def _window(self) -> tuple[mr.View, tuple[NDArray[np.int32], NDArray[np.int32]]]:
        assert self.points is not None
        view = self.state.view(self._ratio)
        h, w = self._raster.image.shape
        if self._from is not None:
            return view, (np.zeros(1, np.int32), np.array([len(self.points)], np.int32))
        return view, self.points.index.ranges(view, w, h)

    # -------------------------------------------------------------- painting
    def _draw(self) -> None:
        ratio = self.devicePixelRatioF()
        w, h = round(self.width() * ratio), round(self.height() * ratio)
        if self._raster.image.shape != (h, w) or ratio != self._ratio:
            self._raster = mr.Raster(w, h)
            self._ratio = ratio
        self._stale = False
        p = self.points
        if p is None:
            return
        view, ranges = self._window()
        x, y = self._coordinates(p)
        if self.density and self._from is None:
            self._draw_density(p, view, ranges, w, h)
            self._ids_stale = True
            return
        drawn = int((ranges[1] - ranges[0]).sum())
        diameter = mr.diameter_for(drawn, p.index.crowding(*ranges), view.ax, ratio)
        style = self._style(diameter)
        codes = np.minimum(p.codes, len(self._colours) - 1) if self._short(p) else p.codes
        self._raster.draw(x, y, p.layer, codes, view, ranges, style, p.top, p.top_layer)
        self._ids_stale = False
        self._image = QImage(self._raster.image.data, w, h, w * 4, QImage.Format.Format_RGB32)
        self._image.setDevicePixelRatio(ratio)

    def _short(self, p: MapPoints) -> bool:
        return int(p.codes.max(initial=0)) >= len(self._colours)

    def _coordinates(self, p: MapPoints) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self._from is None:
            return p.index.x, p.index.y
        t = np.float32(_eased(self._clock.elapsed() / TRANSITION_MS))
        fx, fy = self._from
        return fx + (p.index.x - fx) * t, fy + (p.index.y - fy) * t

    def _splat_only(self) -> None:
        if self.points is None:
            return
        p = self.points
        view, ranges = self._window()
        self._raster.splat(p.index.x, p.index.y, p.layer, view, ranges, 3.0 * self._ratio)
        self._ids_stale = False

    def _style(self, diameter: float) -> mr.Style:
        tokens = theme.current()
        canvas = palette.rgb_of(tokens.canvas)
        grey = palette.rgb_of(tokens.unlabelled)
        lut = np.empty((5, len(self._colours), 3), np.uint8)
        lut[mr.HIDDEN] = palette.mixed(grey, canvas, 0.82)
        lut[mr.MUTED] = palette.mixed(grey, canvas, 0.45)
        lut[mr.NORMAL] = self._colours
        lut[mr.HIGHLIGHTED] = self._colours
        lut[mr.SELECTED] = palette.rgb_of(tokens.selection)
        disc = mr.is_disc(diameter)
        rings = np.zeros(5, np.uint32)
        if disc:
            lut[mr.SELECTED] = self._colours
            rings[mr.SELECTED] = palette.argb(palette.rgb_of(tokens.selection))
            rings[mr.HIGHLIGHTED] = palette.argb(palette.rgb_of(tokens.text))
        return mr.Style(
            palette.argb(lut),
            rings,
            int(palette.argb(canvas)),
            diameter,
            grow=(3.0 if disc else 1.0) * self._ratio,
        )

    def _draw_density(self, p: MapPoints, view: mr.View, ranges: tuple, w: int, h: int) -> None:
        room = view.ax / np.sqrt(max(p.index.crowding(*ranges), 1.0)) / self._ratio
        bin_px = float(np.clip(room * 1.6, 3, 10)) * self._ratio
        bins = self._raster.count(p.index.x, p.index.y, p.layer, view, ranges, bin_px)
        level = mr.smooth_density(bins)
        tokens = theme.current()
        canvas = palette.rgb_of(tokens.canvas)
        table = palette.sequential(tokens.dark)
        table = table if tokens.dark else table[::-1]
        fade = np.clip(np.arange(256) / 70, 0, 1)[:, None]
        lut = palette.argb((table * fade + canvas * (1 - fade)).astype(np.uint8))
        small = np.ascontiguousarray(lut[level])
        rows, columns = small.shape
        source = QImage(small.data, columns, rows, columns * 4, QImage.Format.Format_RGB32)
        self._image = QImage(w, h, QImage.Format.Format_RGB32)
        painter = QPainter(self._image)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(0, 0, columns * bin_px, rows * bin_px), source)
        painter.end()
        self._image.setDevicePixelRatio(self._ratio)

    def _place_names(self) -> None:
        """Find anew where names stand; called when the view has come to rest."""
        p = self.points
        if p is None or not self.show_names or not self.names or self._raster.image.size <= 1:
            self._anchors = []
            return
        view = self.state.view(self._ratio)
        h, w = self._raster.image.shape
        codes, xy, counts = p.anchors(p.index.ranges(view, w, h, 0))
        enough = max(2.0, _NAME_SHARE * counts.sum() / max(1.0, self.state.zoom))
        self._anchors = [
            (int(c), float(a[0]), float(a[1]))
            for c, a, k in zip(codes, xy, counts, strict=True)
            if k >= enough
        ]
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is stale, then what lies over the points."""
        if self._stale:
            self._draw()
        tokens = theme.current()
        area = QRectF(self.rect())
        painter = QPainter(self)
        if self.points is None or self._image.isNull():
            painter.fillRect(area, QColor(tokens.canvas))
        else:
            painter.drawImage(0, 0, self._image)
        if self._from is None and self.show_names:
            self._paint_names(painter, area)
        if self.hovered_id:
            at = self.place_of(self.hovered_id)
            if at is not None:
                overlay.draw_ring(painter, at, 7, tokens.text, tokens.canvas)
        self._paint_pulse(painter)
        if self.drag is not None and self.drag.area and self.drag.moved:
            removing = self.drag.combine is Combine.REMOVE
            overlay.draw_area(painter, self.drag.polygon(), tokens, removing=removing)
            overlay.draw_badge(painter, self.note, self.drag.last, area, tokens)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def _paint_names(self, painter: QPainter, area: QRectF) -> None:
        tokens = theme.current()
        font = self.font()
        font.setPixelSize(theme.px(12))
        font.setBold(True)
        self._cache.set_look(tokens.canvas, font, self._ratio)
        x0, y0, scale = self.state.x, self.state.y, self.state.scale
        across, down = self.state.width / 2, self.state.height / 2
        names = (
            (self.names.get(c, ""), tokens.text, across + (x - x0) * scale, down - (y - y0) * scale)
            for c, x, y in self._anchors
        )
        p = self.points
        few = p is not None and len(p.index.x) <= _FEW
        overlay.draw_names(
            painter,
            names,
            self._cache,
            area,
            ringed=self._on_screen(p.top if p is not None and len(p.top) <= _FEW else ()),
            others=self._on_screen(slice(None) if few else ()),
        )

    def _on_screen(self, positions: NDArray[np.int32] | slice | tuple[()]) -> NDArray[np.float64]:
        """Where points are on the screen, (n, 2)."""
        p = self.points
        if p is None or isinstance(positions, tuple):
            return np.empty((0, 2))
        s, x, y = self.state.scale, p.index.x[positions], p.index.y[positions]
        return np.stack(
            [self.width() / 2 + (x - self.state.x) * s, self.height() / 2 - (y - self.state.y) * s],
            1,
        )

    def _paint_pulse(self, painter: QPainter) -> None:
        at = self.place_of(self._pulse_id) if self._pulse_id else None
        if at is None:
            return
        t = self._pulse_clock.elapsed() / PULSE_MS
        tokens = theme.current()
        wave = (t * 3) % 1
        overlay.draw_ring(painter, at, 8 + 26 * wave, tokens.selection, tokens.canvas, 1 - wave)
        overlay.draw_ring(painter, at, 8, tokens.selection, tokens.canvas)


def _eased(t: float) -> float:
    t = min(max(t, 0.0), 1.0)
    return 0.5 - 0.5 * math.cos(math.pi * t)
