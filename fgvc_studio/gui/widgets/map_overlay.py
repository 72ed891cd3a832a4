"""What is painted over the points: names, lasso, rings and the count."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPixmap, QPolygonF

from fgvc_studio.gui.theme import Theme

_HALO = 2
_AROUND = range(-_HALO, _HALO + 1)
_HALO_STEPS = [(i, j) for i in _AROUND for j in _AROUND if i * i + j * j <= 5]
_MAX_TEXT = 28
_STEPS_ASIDE = (0, -0.8, 0.8, -1.4, 1.4, -2, 2, -3, 3)
_NEAR_STEPS = 5
_DOT = 3
_NOWHERE: NDArray[np.floating] = np.empty((0, 2))


class NameCache:
    """Names rendered once with their halo; painting one is then a blit."""

    def __init__(self) -> None:
        self._pixmaps: dict[tuple[str, str, float], QPixmap] = {}
        self._key: tuple[str, str, float] | None = None

    def pixmap(self, text: str, ink: str, halo: str, font: QFont, ratio: float) -> QPixmap:
        """`text` in `ink` with a halo, for a device pixel ratio."""
        if len(text) > _MAX_TEXT:
            text = text[: _MAX_TEXT - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
        setting = (halo, font.toString(), ratio)
        if setting != self._key or len(self._pixmaps) > 2000:
            self._pixmaps.clear()
            self._key = setting
        found = self._pixmaps.get((text, ink, ratio))
        if found is None:
            found = _render(text, ink, halo, font, ratio)
            self._pixmaps[text, ink, ratio] = found
        return found


def _render(text: str, ink: str, halo: str, font: QFont, ratio: float) -> QPixmap:
    metrics = QFontMetricsF(font)
    w = metrics.horizontalAdvance(text) + 2 * _HALO + 2
    h = metrics.height() + 2 * _HALO
    pixmap = QPixmap(int(w * ratio) + 1, int(h * ratio) + 1)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setFont(font)
    base = QPointF(_HALO + 1, _HALO + metrics.ascent())
    shade = QColor(halo)
    shade.setAlpha(170)
    painter.setPen(shade)
    for dx, dy in _HALO_STEPS:
        painter.drawText(base + QPointF(dx, dy), text)
    painter.setPen(QColor(ink))
    painter.drawText(base, text)
    painter.end()
    return pixmap


def draw_names(
    painter: QPainter,
    names: Sequence[tuple[str, str, float, float]],
    cache: NameCache,
    theme: Theme,
    font: QFont,
    area: QRectF,
    ratio: float,
    limit: int = 60,
    ringed: NDArray[np.floating] = _NOWHERE,
    others: NDArray[np.floating] = _NOWHERE,
) -> list[QRectF]:
    """Paint (name, colour, x, y), most important first, leaving out what would overlap.

    Parameters
    ----------
    ringed, others : ndarray (n, 2), optional
        Points of the screen: a name steps aside from them, and stands on no ringed one.

    Returns
    -------
    list of QRectF
        Where names were painted.
    """
    taken: list[QRectF] = []
    for text, ink, x, y in names:
        if len(taken) >= limit:
            break
        if not text or not area.contains(x, y):
            continue
        pixmap = cache.pixmap(text, ink, theme.canvas, font, ratio)
        size = pixmap.deviceIndependentSize()
        box = QRectF(x - size.width() / 2, y - size.height() / 2, size.width(), size.height())
        box.moveLeft(min(max(box.left(), area.left() + 2), area.right() - box.width() - 2))
        box.moveTop(min(max(box.top(), area.top() + 2), area.bottom() - box.height() - 2))
        free = _free_place(box, area, taken, ringed, others)
        if free is None:
            continue
        box = free
        taken.append(box.adjusted(-4, -1, 4, 1))
        painter.drawPixmap(box.topLeft(), pixmap)
    return taken


def _free_place(
    box: QRectF,
    area: QRectF,
    taken: Sequence[QRectF],
    ringed: NDArray[np.floating],
    others: NDArray[np.floating],
) -> QRectF | None:
    """The box or its nearest place above or below that covers no point, at least no ringed one."""
    places = [box.translated(0, steps * box.height()) for steps in _STEPS_ASIDE]
    places = [
        p
        for p in places
        if p.top() >= area.top()
        and p.bottom() <= area.bottom()
        and not any(p.intersects(other) for other in taken)
        and not _holds(p, ringed)
    ]
    empty = (p for p in places[:_NEAR_STEPS] if not _holds(p, others))
    return next(empty, places[0] if places else None)


def _holds(box: QRectF, points: NDArray[np.floating]) -> bool:
    """Whether any of the points lies in the box, or nearly."""
    box = box.adjusted(-_DOT, -_DOT, _DOT, _DOT)
    across = (points[:, 0] > box.left()) & (points[:, 0] < box.right())
    return bool((across & (points[:, 1] > box.top()) & (points[:, 1] < box.bottom())).any())


def draw_area(painter: QPainter, polygon: QPolygonF, theme: Theme, *, removing: bool) -> None:
    """The closed lasso or box under way."""
    colour = QColor(theme.danger if removing else theme.selection)
    fill = QColor(colour)
    fill.setAlpha(34)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(fill)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawPolygon(polygon, Qt.FillRule.OddEvenFill)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 1.75, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawPolyline(polygon)
    if len(polygon) > 2:
        painter.setPen(QPen(colour, 1.25, Qt.PenStyle.DashLine))
        painter.drawLine(polygon[len(polygon) - 1], polygon[0])


def draw_badge(painter: QPainter, text: str, at: QPointF, area: QRectF, theme: Theme) -> QRectF:
    """A short text on a raised plate near `at`, kept inside `area`; returns its place."""
    metrics = QFontMetricsF(painter.font())
    width = metrics.horizontalAdvance(text) + 16
    box = QRectF(at.x() + 14, at.y() + 14, width, metrics.height() + 8)
    box.moveLeft(max(area.left() + 4, min(box.left(), area.right() - box.width() - 4)))
    box.moveTop(max(area.top() + 4, min(box.top(), area.bottom() - box.height() - 4)))
    plate(painter, box, theme)
    painter.setPen(QColor(theme.text))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    return box


def plate(painter: QPainter, box: QRectF, theme: Theme) -> None:
    """A raised plate with a border."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(theme.border), 1))
    fill = QColor(theme.raised)
    fill.setAlpha(238)
    painter.setBrush(fill)
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)


def draw_ring(
    painter: QPainter, at: QPointF, radius: float, colour: str, halo: str, opacity: float = 1.0
) -> None:
    """A ring with a halo around a point."""
    painter.save()
    painter.setOpacity(opacity)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for ink, width in ((halo, 4.5), (colour, 2.25)):
        painter.setPen(QPen(QColor(ink), width))
        painter.drawEllipse(at, radius, radius)
    painter.restore()


ThumbnailOf = Callable[[int], QPixmap | None]
NameOf = Callable[[int], str]
