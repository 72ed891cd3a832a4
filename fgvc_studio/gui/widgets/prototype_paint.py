"""Painting of one tile of the gallery: source photo, contour, branch, verdict, suspicion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPixmap, QPolygonF

from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.grid_paint import ColourOf, TilePainter

Outline = NDArray[np.floating]
"""Corners (m, 2) of a line in shares of the picture, 0 .. 1."""

VERDICT_ICONS = ("", "check", "background", "duplicate", "wrong-part", "uncertain")
_METER = 34
_OUTLINE_BYTES = 24 << 20
"""Contours that are kept as they were drawn."""


@dataclass(frozen=True, slots=True)
class PrototypeBadges:
    """What the tiles of some prototypes say, one entry each.

    Attributes
    ----------
    captions : sequence of str
        Category name.
    colours : ndarray int
        Colour index of the category.
    support : ndarray bool
        Of the support branch, else trivial.
    suspicion : ndarray float32
        0 .. 1; NaN: not known.
    verdict : ndarray uint8
        Index into `VERDICT_ICONS`, 0 without a verdict.
    off : ndarray bool
        Forbidden.
    tried : ndarray bool
        Tried the other way round at present.
    outlines : sequence of ndarray or None
        Where it looks (`Outline`).
    aspect : ndarray float
        Width of the picture / its height.
    """

    captions: Sequence[str]
    colours: NDArray[np.int32]
    support: NDArray[np.bool_]
    suspicion: NDArray[np.float32]
    verdict: NDArray[np.uint8]
    off: NDArray[np.bool_]
    tried: NDArray[np.bool_]
    outlines: Sequence[Outline | None]
    aspect: NDArray[np.float64]


class PrototypePainter(TilePainter):
    """Paints tiles of the gallery in the manner of the image grid."""

    def __init__(self, font: QFont, ratio: float, colour_of: ColourOf) -> None:
        super().__init__(font, ratio, colour_of)
        t = theme.current()
        self._tokens |= {
            "check": t.good,
            "background": t.danger,
            "duplicate": t.warning,
            "wrong-part": t.danger,
            "uncertain": t.muted,
            "forbid": t.danger,
        }
        self._small = QFont(self._font)
        self._small.setPixelSize(theme.px(11))
        self._small_metrics = QFontMetrics(self._small)
        self._pills: dict[tuple[str, int], QPixmap] = {}
        self._drawn: dict[tuple[int, float, float], tuple[Outline, QPointF, QPixmap]] = {}
        self._drawn_bytes = 0
        self._words = {
            True: QCoreApplication.translate("PrototypePainter", "support"),
            False: QCoreApplication.translate("PrototypePainter", "trivial"),
        }
        self._off_word = QCoreApplication.translate("PrototypePainter", "off")
        self._tried_off = QCoreApplication.translate("PrototypePainter", "tried without")
        self._tried_on = QCoreApplication.translate("PrototypePainter", "tried with")
        self._branch = {True: QColor(t.accent), False: QColor(t.muted)}
        self._on_branch = {True: QColor(t.on_accent), False: QColor(t.window)}
        self._line = (QPen(QColor(t.canvas), 4), QPen(QColor(t.selection), 2))
        for pen in self._line:
            pen.setJoinStyle(Qt.PenJoinStyle.BevelJoin)  # round ones take twice the time
        self._veil = QColor(t.canvas)
        self._veil.setAlpha(170)
        self._suspect = QColor(t.warning)
        self._danger = QColor(t.danger)

    def label(  # type: ignore[override]
        self, p: QPainter, rect: QRect, square: QRect, b: PrototypeBadges, i: int
    ) -> None:
        """Draw the contour and the marks over the picture, and the caption strip."""
        hidden = bool(b.off[i]) != bool(b.tried[i])
        if hidden:
            p.fillRect(square, self._veil)
        outline = b.outlines[i]
        if outline is not None:
            self._outline(p, inside(square, float(b.aspect[i])), outline)
        support = bool(b.support[i])
        word = self._words[support] if square.width() >= 104 else self._words[support][:1].upper()
        at = QPointF(square.x() + 4, square.bottom() - 19)
        self._pill(p, at, word, self._branch[support], self._on_branch[support])
        side = 24 if square.width() >= 80 else 18
        icon = VERDICT_ICONS[int(b.verdict[i])]
        if icon:
            self._put(p, square.right() - side - 3, square.y() + 4, icon, side)
        if b.tried[i] or b.off[i]:
            state = self._off_word
            if b.tried[i]:
                state = self._tried_on if b.off[i] else self._tried_off
            width = self._small_metrics.horizontalAdvance(state) + 12
            corner = QPointF(max(square.x() + 4, square.right() - width - 3), square.bottom() - 19)
            if square.width() < 150:
                corner.setY(square.bottom() - 38)
            self._pill(p, corner, state, self._danger, self._veil_text())
        if rect.height() > square.height():
            top = square.bottom() + 1
            self._strip_of(p, QRect(rect.x(), top, rect.width(), rect.bottom() - top + 1), b, i)

    def _strip_of(self, p: QPainter, strip: QRect, b: PrototypeBadges, i: int) -> None:
        p.fillRect(strip, self._strip)
        p.fillRect(strip.x(), strip.y(), 4, strip.height(), self._colour_of(int(b.colours[i])))
        right = strip.right() - 5
        score = float(b.suspicion[i])
        if not np.isnan(score) and strip.width() >= 100:
            right -= _METER
            track = QRectF(right, strip.center().y() - 2, _METER, 5)
            p.fillRect(track, self._border)
            track.setWidth(_METER * min(1.0, max(0.0, score)))
            p.fillRect(track, self._suspect)
            right -= 6
        p.setFont(self._font)
        p.setPen(self._text)
        left = strip.x() + 9
        p.drawText(
            QRect(left, strip.y(), right - left, strip.height()),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            self._elide(b.captions[i], False, right - left),
        )

    def _outline(self, p: QPainter, area: QRectF, outline: Outline) -> None:
        """Draw a contour; it is kept as drawn, since a tile is painted bit by bit in scrolling."""
        key = (id(outline), area.width(), area.height())
        kept = self._drawn.pop(key, None)
        if kept is None:
            kept = outline, *self._drawn_outline(area, outline)
            self._drawn_bytes += _bytes_of(kept[2])
            while self._drawn_bytes > _OUTLINE_BYTES and self._drawn:
                self._drawn_bytes -= _bytes_of(self._drawn.pop(next(iter(self._drawn)))[2])
        self._drawn[key] = kept  # the newest last; it keeps the array, so that its id stays
        p.drawPixmap(area.topLeft() + kept[1], kept[2])

    def _drawn_outline(self, area: QRectF, outline: Outline) -> tuple[QPointF, QPixmap]:
        """Where in a picture's area a contour begins, and the contour."""
        # the same part of a pixel as where it will lie
        shift = area.topLeft() - QPointF(area.topLeft().toPoint())
        places = outline * (area.width(), area.height()) + (shift.x(), shift.y())
        corners = QPolygonF([QPointF(x, y) for x, y in places.tolist()])
        box = corners.boundingRect().adjusted(-3, -3, 3, 3).toAlignedRect()
        pixmap = QPixmap(box.size() * self._ratio)
        pixmap.setDevicePixelRatio(self._ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        p = QPainter(pixmap)
        p.translate(-QPointF(box.topLeft()))
        p.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        p.setBrush(Qt.BrushStyle.NoBrush)
        for pen in self._line:
            p.setPen(pen)
            p.drawPolygon(corners)
        p.end()
        return QPointF(box.topLeft()) - shift, pixmap

    def _pill(self, p: QPainter, at: QPointF, text: str, ground: QColor, ink: QColor) -> None:
        key = (text, ground.rgba())
        pill = self._pills.get(key)
        if pill is None:
            pill = self._pills[key] = self._drawn_pill(text, ground, ink)
        p.drawPixmap(at, pill)

    def _drawn_pill(self, text: str, ground: QColor, ink: QColor) -> QPixmap:
        width = self._small_metrics.horizontalAdvance(text) + 12
        area = QRectF(0, 0, width, 16)
        pill = QPixmap(round(width * self._ratio), round(16 * self._ratio))
        pill.setDevicePixelRatio(self._ratio)
        pill.fill(Qt.GlobalColor.transparent)
        p = QPainter(pill)
        p.setFont(self._small)
        p.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(ground)
        p.drawRoundedRect(area, 8, 8)
        p.setPen(ink)
        p.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
        p.end()
        return pill

    @staticmethod
    def _veil_text() -> QColor:
        return QColor(theme.current().window)


def _bytes_of(pixmap: QPixmap) -> int:
    return 4 * pixmap.width() * pixmap.height()


def inside(square: QRect, aspect: float) -> QRectF:
    """Where a picture of this aspect stands when it is letter-boxed in a square."""
    side = float(square.width())
    width, height = (side, side / aspect) if aspect >= 1 else (side * aspect, side)
    return QRectF(square.x() + (side - width) / 2, square.y() + (side - height) / 2, width, height)
