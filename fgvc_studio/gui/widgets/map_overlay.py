"""What is painted over the points: names, lasso, rings and the count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

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
Room = tuple[float, float, float, float]
"""Left, top, right and bottom."""
_NOWHERE: NDArray[np.floating] = np.empty((0, 2))


class NameCache:
    """Names rendered once with their halo; painting one is then a blit."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], tuple[QPixmap, float, float]] = {}
        self._key: tuple[str, str, float] | None = None
        self._halo, self._font, self._ratio = "", QFont(), 1.0

    def set_look(self, halo: str, font: QFont, ratio: float) -> None:
        """Colour of the halo, font and device pixel ratio of what is asked for from now on."""
        key = (halo, font.toString(), ratio)
        if key != self._key or len(self._names) > 2000:
            self._names.clear()
            self._key = key
            self._halo, self._font, self._ratio = halo, QFont(font), ratio

    def name(self, text: str, ink: str) -> tuple[QPixmap, float, float]:
        """`text` in `ink` with a halo, its width and its height."""
        found = self._names.get((text, ink))
        if found is None:
            shown = text
            if len(text) > _MAX_TEXT:
                shown = text[: _MAX_TEXT - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
            pixmap = _render(shown, ink, self._halo, self._font, self._ratio)
            size = pixmap.deviceIndependentSize()
            found = self._names[text, ink] = (pixmap, size.width(), size.height())
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
    names: Iterable[tuple[str, str, float, float]],
    cache: NameCache,
    area: QRectF,
    limit: int = 60,
    ringed: NDArray[np.floating] = _NOWHERE,
    others: NDArray[np.floating] = _NOWHERE,
) -> list[Room]:
    """Paint (name, colour, x, y), most important first, leaving out what would overlap.

    Plain numbers instead of rectangles of Qt: this runs for some hundred names in each frame.

    Parameters
    ----------
    ringed, others : ndarray (n, 2), optional
        Points of the screen: a name steps aside from them, and stands on no ringed one.

    Returns
    -------
    list of tuple
        Left, top, right and bottom of the room that each painted name took.
    """
    x0, y0, x1, y1 = area.left(), area.top(), area.right(), area.bottom()
    taken: list[Room] = []
    for text, ink, x, y in names:
        if len(taken) >= limit:
            break
        if not text or not (x0 <= x <= x1 and y0 <= y <= y1):
            continue
        pixmap, width, height = cache.name(text, ink)
        left = min(max(x - width / 2, x0 + 2), x1 - width - 2)
        top = min(max(y - height / 2, y0 + 2), y1 - height - 2)
        box = (left, top, left + width, top + height)
        free = _free_place(box, (y0, y1), taken, ringed, others)
        if free is not None:
            left, top, right, bottom = free
            taken.append((left - 4, top - 1, right + 4, bottom + 1))
            painter.drawPixmap(QPointF(left, top), pixmap)
    return taken


def _free_place(
    box: Room,
    rows: tuple[float, float],
    taken: Sequence[Room],
    ringed: NDArray[np.floating],
    others: NDArray[np.floating],
) -> Room | None:
    """The box or its nearest place above or below that covers no point, at least no ringed one."""
    if not len(ringed) and not len(others):
        return None if _meets(box, taken) else box
    left, top, right, bottom = box
    height, second = bottom - top, None
    for number, steps in enumerate(_STEPS_ASIDE):
        y = top + steps * height
        place = (left, y, right, y + height)
        if y < rows[0] or y + height > rows[1] or _meets(place, taken) or _holds(place, ringed):
            continue
        if number < _NEAR_STEPS and not _holds(place, others):
            return place
        second = second or place
    return second


def _meets(box: Room, taken: Sequence[Room]) -> bool:
    left, top, right, bottom = box
    return any(left < c and a < right and top < d and b < bottom for a, b, c, d in taken)


def _holds(box: Room, points: NDArray[np.floating]) -> bool:
    """Whether any of the points lies in the box, or nearly."""
    left, top, right, bottom = box
    across = (points[:, 0] > left - _DOT) & (points[:, 0] < right + _DOT)
    down = (points[:, 1] > top - _DOT) & (points[:, 1] < bottom + _DOT)
    return bool((across & down).any())


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
