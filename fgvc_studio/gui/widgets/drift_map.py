"""Two maps of the same items, side by side or one over the other, with arrows for what moved."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from fgvc_studio.gui import palette, theme
from fgvc_studio.gui.task_pool import TaskPool, Ticket
from fgvc_studio.gui.widgets.drift_points import Points, colours_of, image_from, splat

_numbers = itertools.count(1)
_MARGIN = 14
_REACH = 10.0
_SHORTEST = 6.0
_SETTLE_MS = 40
_HEAD = 4.5
_GREATEST_ZOOM = 40.0
_FADE = 0.55


class DriftMap(QWidget):
    """The picture; the wheel zooms, dragging moves it, a click chooses the nearest item.

    Parameters
    ----------
    tasks : TaskPool
        The points are painted in its threads.
    """

    chosen = Signal("qlonglong")

    def __init__(self, tasks: TaskPool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._slot = tasks, f"drift map {next(_numbers)}"
        self._points: Points | None = None
        self._pictures: list[QImage] = []
        self._painted = (QPointF(), 1.0)
        self._focus: frozenset[int] = frozenset()
        self._highlighted: NDArray[np.int64] = np.empty(0, np.int64)
        self._chosen = 0
        self.overlaid, self.arrows = True, True
        self._zoom, self._middle = 1.0, QPointF(0.5, 0.5)
        self._grabbed: QPointF | None = None
        self._moved = False
        self._later = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._later.timeout.connect(self._render)
        self.setMinimumSize(QSize(260, 200))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Maps before and after"))
        self.setToolTip(
            self.tr("Click an item for its neighbours; wheel or +/- zooms, drag moves, 0 shows all")
        )
        theme.signal().changed.connect(self._render)

    def stop(self) -> None:
        """Let go of what outlives the widget."""
        theme.signal().changed.disconnect(self._render)
        self._tasks.drop(self._slot)
        self._later.stop()

    # ---- what is shown ---------------------------------------------------------------------
    def set_points(self, points: Points | None) -> None:
        """Show these."""
        self._points, self._pictures = points, []
        self._render()

    def set_overlaid(self, on: bool) -> None:
        """One map over the other, or the two side by side."""
        self.overlaid = on
        self._pictures = []
        self._render()

    def set_arrows(self, on: bool) -> None:
        """Draw the arrows."""
        self.arrows = on
        self.update()

    def set_focus(self, codes: frozenset[int]) -> None:
        """Colour these categories only; empty: all."""
        if codes != self._focus:
            self._focus = codes
            self._render()

    def choose(self, item_id: int) -> None:
        """Ring an item and show its way."""
        self._chosen = item_id
        self.update()

    def highlight(self, item_ids: NDArray[np.int64]) -> None:
        """Ring some more items."""
        self._highlighted = np.asarray(item_ids, np.int64)
        self.update()

    @property
    def ready(self) -> bool:
        """Whether the points are on the screen."""
        return bool(self._pictures)

    # ---- where things are ------------------------------------------------------------------
    def _areas(self) -> list[QRectF]:
        whole = QRectF(self.rect())
        if self.overlaid:
            return [whole]
        half = whole.width() / 2
        return [
            QRectF(0, 0, half - 1, whole.height()),
            QRectF(half + 1, 0, half - 1, whole.height()),
        ]

    def _placed(
        self, xy: NDArray[np.float32], area: QRectF, middle: QPointF, zoom: float
    ) -> NDArray[np.float64]:
        side = (min(area.width(), area.height()) - 2 * _MARGIN) * zoom
        x = area.center().x() + (xy[..., 0] - middle.x()) * side
        y = area.center().y() - (xy[..., 1] - middle.y()) * side
        return np.stack([x, y], -1)

    def _ends(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixels before and after of rows."""
        points = self._points
        assert points is not None
        areas = self._areas()
        return (
            self._placed(points.old[rows], areas[0], self._middle, self._zoom),
            self._placed(points.new[rows], areas[-1], self._middle, self._zoom),
        )

    def item_at(self, at: QPointF) -> int:
        """The item nearest to a pixel; 0 when there is none near."""
        points = self._points
        if points is None or not len(points.item_ids):
            return 0
        areas = self._areas()
        left = len(areas) == 2 and areas[0].contains(at)
        xy, area = (points.old, areas[0]) if left else (points.new, areas[-1])
        away = self._placed(xy, area, self._middle, self._zoom) - (at.x(), at.y())
        distance = np.einsum("nd,nd->n", away, away)
        best = int(np.nanargmin(distance))
        return int(points.item_ids[best]) if distance[best] <= _REACH**2 else 0

    def _rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        if self._points is None or not len(self._points.item_ids):
            return np.empty(0, np.int64)
        known = self._points.item_ids
        rows = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return rows[known[rows] == ids]

    # ---- painting --------------------------------------------------------------------------
    def _render(self) -> None:
        """Have the points painted in the background."""
        points = self._points
        if points is None or self.width() < 2:
            self.update()
            return
        ratio, tokens = self.devicePixelRatioF(), theme.current()
        focus, overlaid = self._focus, self.overlaid
        middle, zoom, areas = self._middle, self._zoom, self._areas()
        layers = [(points.old, areas[0], self.overlaid), (points.new, areas[-1], False)]
        canvas = palette.rgb_of(tokens.canvas)
        size = 2 if len(points.item_ids) > 20_000 else 4

        def work(ticket: Ticket) -> list[QImage]:
            made: list[QImage] = []
            table, codes = colours_of(points.codes, focus, tokens), points.codes + 1
            bright = np.isin(points.codes, list(focus)) if focus else points.codes >= 0
            order = np.argsort(bright, kind="stable")
            pixels: NDArray[np.uint8] | None = None
            for xy, area, faint in layers:
                if ticket.stale:
                    return made
                shown = palette.mixed(table, canvas, _FADE + 0.2) if faint else table
                if pixels is None or not overlaid:
                    height, width = (
                        max(1, round(v * ratio)) for v in (area.height(), area.width())
                    )
                    pixels = np.empty((height, width, 3), np.uint8)
                    pixels[:] = canvas
                local = QRectF(0, 0, area.width(), area.height())
                places = self._placed(xy, local, middle, zoom) * ratio
                splat(pixels, places[order], shown[codes[order]], round(size * ratio))
                if not faint:
                    made.append(image_from(pixels, ratio))
            return made

        def show(made: list[QImage]) -> None:
            self._pictures, self._painted = made, (middle, zoom)
            self.update()

        self._tasks.submit(self._slot, work, show)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Points, arrows, rings and titles."""
        t = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.canvas))
        areas = self._areas()
        if len(self._pictures) == len(areas):
            for picture, area in zip(self._pictures, areas, strict=True):
                self._draw_picture(painter, picture, area)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._points is not None:
            if self.arrows and self.overlaid:
                self._draw_arrows(painter, self._points.arrows, t.text, 0.55)
            self._draw_rings(painter, t)
        if not self.overlaid:
            painter.setPen(QPen(QColor(t.border), 2))
            painter.drawLine(QPointF(self.width() / 2, 0), QPointF(self.width() / 2, self.height()))
            painter.setPen(QColor(t.muted))
            for area, text in zip(areas, (self.tr("before"), self.tr("after")), strict=True):
                painter.drawText(area.adjusted(10, 8, -10, -8), Qt.AlignmentFlag.AlignTop, text)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def _draw_picture(self, painter: QPainter, picture: QImage, area: QRectF) -> None:
        """The points as painted last, moved and scaled to the present view until new ones come."""
        middle, zoom = self._painted
        painter.save()
        painter.setClipRect(area)
        side = (min(area.width(), area.height()) - 2 * _MARGIN) * self._zoom
        factor = self._zoom / zoom
        shift = QPointF(middle.x() - self._middle.x(), self._middle.y() - middle.y()) * side
        painter.translate(area.center() + shift)
        painter.scale(factor, factor)
        painter.drawImage(QPointF(-area.width() / 2, -area.height() / 2), picture)
        painter.restore()

    def _draw_arrows(
        self, painter: QPainter, rows: NDArray[np.int64], colour: str, opacity: float
    ) -> None:
        if not len(rows):
            return
        before, after = self._ends(rows)
        painter.save()
        painter.setOpacity(opacity)
        painter.setPen(QPen(QColor(colour), 1.2))
        painter.setBrush(QColor(colour))
        for start, end in zip(before, after, strict=True):
            way = end - start
            length = float(np.hypot(*way))
            if not np.isfinite(length) or length < _SHORTEST:
                continue
            along = way / length
            across = np.array([-along[1], along[0]])
            base = end - along * 2 * _HEAD
            painter.drawLine(QPointF(*start), QPointF(*base))
            corners = (end, base + across * _HEAD, base - across * _HEAD)
            painter.drawPolygon(QPolygonF([QPointF(*c) for c in corners]))
        painter.restore()

    def _draw_rings(self, painter: QPainter, t: theme.Theme) -> None:
        rows = self._rows(self._highlighted)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        areas = self._areas()
        if len(rows):
            painter.setPen(QPen(QColor(t.accent), 1.5))
            for places, area in zip(self._ends(rows), (areas[0], areas[-1]), strict=True):
                if self.overlaid and places is not None and area is areas[0]:
                    continue
                for place in places:
                    painter.drawEllipse(QPointF(*place), 5, 5)
        own = self._rows(np.array([self._chosen], np.int64))
        if not len(own):
            return
        if self.overlaid:
            self._draw_arrows(painter, own, t.selection, 1.0)
        before, after = self._ends(own)
        for place, style in ((before[0], Qt.PenStyle.DotLine), (after[0], Qt.PenStyle.SolidLine)):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.canvas), 5))
            painter.drawEllipse(QPointF(*place), 8, 8)
            painter.setPen(QPen(QColor(t.selection), 2.5, style))
            painter.drawEllipse(QPointF(*place), 8, 8)

    # ---- mouse and keys --------------------------------------------------------------------
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Paint the points anew for the new size."""
        super().resizeEvent(event)
        self._pictures = []
        self._later.start()

    def zoom_by(self, factor: float) -> None:
        """Nearer or farther; new points follow."""
        self._zoom = min(max(self._zoom * factor, 0.5), _GREATEST_ZOOM)
        self._later.start()
        self.update()

    def fit(self) -> None:
        """Show everything."""
        self._zoom, self._middle = 1.0, QPointF(0.5, 0.5)
        self._render()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom."""
        self.zoom_by(1.0015 ** event.angleDelta().y())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to drag, or to click."""
        self._grabbed, self._moved = event.position(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the view."""
        if self._grabbed is None:
            return
        way = event.position() - self._grabbed
        if not self._moved and way.manhattanLength() < 4:
            return
        self._moved, self._grabbed = True, event.position()
        area = self._areas()[0]
        side = (min(area.width(), area.height()) - 2 * _MARGIN) * self._zoom
        self._middle -= QPointF(way.x(), -way.y()) / side
        self._later.start()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Choose the item under the mouse."""
        if self._grabbed is not None and not self._moved:
            item = self.item_at(event.position())
            if item:
                self.chosen.emit(item)
        self._grabbed = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom by + and -, everything by 0."""
        text = event.text()
        if text in ("+", "-"):
            self.zoom_by(1.25 if text == "+" else 0.8)
        elif text == "0":
            self.fit()
        else:
            super().keyPressEvent(event)
