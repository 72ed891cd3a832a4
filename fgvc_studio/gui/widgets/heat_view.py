"""A picture with what a prototype sees in it: heat map, contour, box of the patch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from fgvc_studio.domain.records import Box
from fgvc_studio.gui import palette, theme
from fgvc_studio.gui.widgets.image_view import ImageView

_STRONGEST = 190
_FAINT = 0.15
_SIDE = 384
"""Longest side of the coloured heat map; it is smooth, so more would show nothing new."""


def heat_image(heat: NDArray[np.floating], *, dark: bool) -> QImage:
    """A heat map (h, w) of 0 .. 1 in colours, clear where it is cold; any thread."""
    step = max(1, -(-max(heat.shape) // _SIDE))
    values = np.clip(np.nan_to_num(np.asarray(heat, np.float32)[::step, ::step]), 0.0, 1.0)
    rgb = palette.sequential(dark)[np.rint(values * 255).astype(np.uint8)]
    strength = np.clip((values - _FAINT) / (1 - _FAINT), 0, 1) ** 0.7 * _STRONGEST
    rgba = np.ascontiguousarray(np.dstack([rgb, strength.astype(np.uint8)]))
    height, width = values.shape
    return QImage(rgba.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


class HeatView(ImageView):
    """An `ImageView` with a heat map, a contour and a box over the picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._over: QImage | None = None
        self._contour: NDArray[np.float64] | None = None
        self._patch: Box | None = None
        self._token = "selection"
        self._note = ""

    @property
    def has_heat(self) -> bool:
        """Whether a heat map is shown."""
        return self._over is not None

    def show_evidence(
        self,
        *,
        heat: QImage | None = None,
        contour: NDArray[np.float64] | None = None,
        patch: Box | None = None,
        note: str = "",
    ) -> None:
        """Draw these over the picture; what is not given goes away.

        Parameters
        ----------
        heat : QImage
            Made by `heat_image`; laid over the whole picture.
        contour : ndarray (m, 2)
            Pixels of the upright image.
        patch : Box
            Pixels of the upright image.
        note : str
            A line at the lower edge.
        """
        self._over, self._contour, self._patch, self._note = heat, contour, patch, note
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom by + and -; letters belong to the workspace."""
        if event.key() in (Qt.Key.Key_R, Qt.Key.Key_Z):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture, then what was seen in it."""
        super().paintEvent(event)
        if not self.item_id or self._full.isEmpty():
            return
        t = theme.current()
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._over is not None:
            p.drawImage(self._area(Box(0, 0, self._full.width(), self._full.height())), self._over)
        p.setBrush(Qt.BrushStyle.NoBrush)
        strokes = ((QColor(t.canvas), 4.0), (QColor(getattr(t, self._token)), 2.0))
        if self._patch is not None:
            for colour, width in strokes:
                p.setPen(QPen(colour, width - 0.5, Qt.PenStyle.DashLine))
                p.drawRect(self._area(self._patch))
        if self._contour is not None and len(self._contour):
            line = QPolygonF([self.to_widget(QPointF(x, y)) for x, y in self._contour.tolist()])
            for colour, width in strokes:
                p.setPen(QPen(colour, width))
                p.drawPolygon(line)
        if self._note:
            self._caption(p)
        p.end()

    def _caption(self, p: QPainter) -> None:
        t = theme.current()
        text = p.fontMetrics().elidedText(
            self._note, Qt.TextElideMode.ElideRight, self.width() - 28
        )
        plate = QRectF(6, self.height() - 28, p.fontMetrics().horizontalAdvance(text) + 16, 22)
        ground = QColor(t.panel)
        ground.setAlpha(225)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(ground)
        p.drawRoundedRect(plate, 5, 5)
        p.setPen(QColor(t.text))
        p.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)

    def _area(self, box: Box) -> QRectF:
        return QRectF(
            self.to_widget(QPointF(box.x, box.y)),
            self.to_widget(QPointF(box.x + box.width, box.y + box.height)),
        )
