"""Painting of one tile of the grid: picture, caption, marks, frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPen,
    QPixmap,
    QPolygonF,
)

from fgvc_studio.domain.records import LabelSource, Mark
from fgvc_studio.gui import theme
from fgvc_studio.gui.icons import pixmap as icon_pixmap

ColourOf = Callable[[int], QColor]


@dataclass(frozen=True, slots=True)
class GridBadges:
    """What the captions and marks of some items say, one entry per item.

    Attributes
    ----------
    captions : sequence of str
        Category name; empty for unlabelled items.
    colours : ndarray int
        Colour index of the category, -1 for none.
    source : ndarray uint8
        `LabelSource`, 0 for unlabelled.
    confidence : ndarray float32
    marks : ndarray uint8
        `Mark` bits.
    duplicate : ndarray uint8
        `Duplicate`; anything but 0 is marked.
    """

    captions: Sequence[str]
    colours: NDArray[np.int32]
    source: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    marks: NDArray[np.uint8]
    duplicate: NDArray[np.uint8]

    @classmethod
    def empty(cls, count: int) -> GridBadges:
        """Badges of items of which nothing is known."""
        return cls(
            [""] * count,
            np.full(count, -1, np.int32),
            np.zeros(count, np.uint8),
            np.zeros(count, np.float32),
            np.zeros(count, np.uint8),
            np.zeros(count, np.uint8),
        )


class TilePainter:
    """Paints tiles with one font and one theme; made anew when either changes."""

    def __init__(self, font: QFont, ratio: float, colour_of: ColourOf) -> None:
        t = theme.current()
        self._ratio = ratio
        self._colour_of = colour_of
        self._font = QFont(font)
        self._font.setPixelSize(theme.px(12))
        self._italic = QFont(self._font)
        self._italic.setItalic(True)
        self._metrics = QFontMetrics(self._font)
        self._italic_metrics = QFontMetrics(self._italic)
        self._elided: dict[tuple[str, bool, int], str] = {}
        self._badges: dict[tuple[str, str, int], QPixmap] = {}
        self._canvas = QColor(t.canvas)
        self._strip = QColor(t.raised)
        self._text = QColor(t.text)
        self._muted = QColor(t.muted)
        self._border = QColor(t.border)
        self._track = QColor(t.panel)
        self._human = QColor(t.human)
        self._model = QColor(t.model)
        self._chosen = QPen(QColor(t.selection), 3)
        self._focus = QPen(QColor(t.text), 2)
        for pen in (self._chosen, self._focus):
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        self._tokens = {"flag": t.danger, "check": t.good, "duplicate": t.muted}
        self._tick_ground, self._tick_line = t.selection, t.window
        self._unlabelled = QCoreApplication.translate("TilePainter", "unlabelled")
        self._cf = QCoreApplication.translate("TilePainter", "cf.")

    def picture(self, p: QPainter, square: QRect, pixmap: QPixmap | None, *, broken: bool) -> None:
        """Draw the picture letter-boxed in its square, or a quiet stand-in."""
        p.fillRect(square, self._canvas)
        if pixmap is None:
            if broken:
                side = min(32, square.width() // 2)
                mark = self._badge("warning", theme.current().muted, side)
                p.drawPixmap(square.center().x() - side // 2, square.center().y() - side // 2, mark)
            return
        size = pixmap.size()
        longest = max(size.width(), size.height())
        want = round(square.width() * self._ratio)
        if longest != want and (longest > want or longest >= want // 4):
            size = size.scaled(QSize(want, want), Qt.AspectRatioMode.KeepAspectRatio)
        w, h = max(1, round(size.width() / self._ratio)), max(1, round(size.height() / self._ratio))
        target = QRect(
            square.x() + (square.width() - w) // 2, square.y() + (square.height() - h) // 2, w, h
        )
        if size == pixmap.size():
            p.drawPixmap(target, pixmap)
        else:
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
            p.drawPixmap(target, pixmap)
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)

    def label(self, p: QPainter, rect: QRect, square: QRect, b: GridBadges, i: int) -> None:
        """Draw the caption strip and the marks over the picture."""
        source, marks = int(b.source[i]), int(b.marks[i])
        colour_index = int(b.colours[i])
        guess = source in (LabelSource.MODEL, LabelSource.CLUSTER)
        if rect.height() > square.height():
            strip = QRect(
                rect.x(), square.bottom() + 1, rect.width(), rect.bottom() - square.bottom()
            )
            p.fillRect(strip, self._strip)
            if colour_index >= 0:
                p.fillRect(strip.x(), strip.y(), 4, strip.height(), self._colour_of(colour_index))
            self._caption(p, strip, b.captions[i], source, marks, float(b.confidence[i]))
        elif colour_index >= 0:
            p.fillRect(
                square.x(), square.bottom() - 3, square.width(), 4, self._colour_of(colour_index)
            )
        if guess:
            width = round(square.width() * min(1.0, max(0.0, float(b.confidence[i]))))
            y = square.bottom() - 2 if rect.height() > square.height() else square.bottom() - 6
            p.fillRect(square.x(), y, square.width(), 3, self._track)
            p.fillRect(square.x(), y, width, 3, self._model)
        side = 18 if square.width() >= 80 else 14
        x = square.right() - side - 3
        if marks & Mark.REVIEWED:
            self._put(p, x, square.y() + 4, "check", side)
            x -= side + 3
        if marks & Mark.FLAGGED:
            self._put(p, x, square.y() + 4, "flag", side)
        if b.duplicate[i]:
            self._put(p, square.right() - side - 3, square.bottom() - side - 6, "duplicate", side)

    def frames(
        self, p: QPainter, rect: QRect, *, chosen: bool, ticked: bool, current: bool
    ) -> None:
        """Draw the selection frame, its tick and the frame of the current item."""
        if chosen:
            p.setPen(self._chosen)
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRect(rect.adjusted(0, 0, -1, -1))
        if ticked:
            side = 20 if rect.width() >= 80 else 14
            box = QRect(rect.x() + 4, rect.y() + 4, side, side)
            p.fillRect(box, QColor(self._tick_ground))
            mark = self._badge("check", self._tick_line, side - 4)
            p.drawPixmap(box.x() + 2, box.y() + 2, mark)
        if current:
            p.setPen(self._focus)
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRect(rect.adjusted(-3, -3, 2, 2))

    def _caption(
        self, p: QPainter, strip: QRect, text: str, source: int, marks: int, confidence: float
    ) -> None:
        guess = source in (LabelSource.MODEL, LabelSource.CLUSTER)
        left, right = strip.x() + 9, strip.right() - 5
        if source:
            self._source_mark(p, QRectF(left, strip.center().y() - 4.0, 9, 9), source)
            left += 15
        p.setFont(self._font)
        if guess and strip.width() >= 136:
            p.setPen(self._muted)
            share = f"{confidence:.2f}".lstrip("0") if confidence < 1 else "1"
            right -= self._metrics.horizontalAdvance(".00") + 4
            p.drawText(
                QRect(right + 4, strip.y(), strip.right() - right - 8, strip.height()),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                share,
            )
        if source and marks & Mark.UNCERTAIN:
            text = f"{self._cf} {text}"
        if guess:
            p.setFont(self._italic)
        p.setPen(self._text if source and not guess else self._muted)
        p.drawText(
            QRect(left, strip.y(), right - left, strip.height()),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            self._elide(text if source else self._unlabelled, guess, right - left),
        )

    def _elide(self, text: str, italic: bool, width: int) -> str:
        key = (text, italic, width)
        short = self._elided.get(key)
        if short is None:
            if len(self._elided) > 20_000:
                self._elided.clear()
            metrics = self._italic_metrics if italic else self._metrics
            short = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
            self._elided[key] = short
        return short

    def _source_mark(self, p: QPainter, box: QRectF, source: int) -> None:
        """Human: disc. Model: hollow diamond. Import: square. Cluster: hollow circle."""
        p.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if source == LabelSource.HUMAN:
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(self._human)
            p.drawEllipse(box)
        elif source == LabelSource.MODEL:
            p.setPen(QPen(self._model, 1.6))
            p.setBrush(Qt.BrushStyle.NoBrush)
            c, r = box.center(), box.width() / 2
            p.drawPolygon(
                QPolygonF(
                    [
                        QPointF(c.x(), c.y() - r),
                        QPointF(c.x() + r, c.y()),
                        QPointF(c.x(), c.y() + r),
                        QPointF(c.x() - r, c.y()),
                    ]
                )
            )
        elif source == LabelSource.IMPORT:
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(self._muted)
            p.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
        else:
            p.setPen(QPen(self._model, 1.6))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawEllipse(box.adjusted(0.5, 0.5, -0.5, -0.5))
        p.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _put(self, p: QPainter, x: int, y: int, name: str, side: int) -> None:
        p.drawPixmap(x, y, self._plate(name, side))

    def _plate(self, name: str, side: int) -> QPixmap:
        """An icon on a round plate, so that it stands out on any picture."""
        key = (name, "plate", side)
        plate = self._badges.get(key)
        if plate is None:
            plate = QPixmap(round(side * self._ratio), round(side * self._ratio))
            plate.setDevicePixelRatio(self._ratio)
            plate.fill(Qt.GlobalColor.transparent)
            p = QPainter(plate)
            p.setRenderHint(QPainter.RenderHint.Antialiasing)
            p.setPen(QPen(self._border, 1))
            p.setBrush(self._strip)
            p.drawEllipse(QRectF(0.5, 0.5, side - 1, side - 1))
            p.drawPixmap(3, 3, self._badge(name, self._tokens[name], side - 6))
            p.end()
            self._badges[key] = plate
        return plate

    def _badge(self, name: str, colour: str, side: int) -> QPixmap:
        key = (name, colour, side)
        if key not in self._badges:
            self._badges[key] = icon_pixmap(name, side, colour, self._ratio)
        return self._badges[key]


def paint_title(p: QPainter, font: QFont, rect: QRect, title: str) -> None:
    """Write the title of a section in bold, shortened to the room there is."""
    bold = QFont(font)
    bold.setBold(True)
    p.setFont(bold)
    p.setPen(QColor(theme.current().text))
    text = p.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, rect.width())
    p.drawText(rect, Qt.AlignmentFlag.AlignVCenter, text)


def paint_band(p: QPainter, rect: QRect, colour: QColor) -> None:
    """Draw the band that is pulled open to select."""
    p.setPen(QPen(colour, 1))
    veil = QColor(colour)
    veil.setAlpha(40)
    p.setBrush(veil)
    p.drawRect(rect)
