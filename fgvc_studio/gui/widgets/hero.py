"""The drawing of the first screen: a map of look-alikes with one group ringed."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from fgvc_studio.gui import theme


class Hero(QWidget):
    """Six clouds of points and a lasso, in the theme's colours."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumHeight(120)
        self.setAccessibleName(self.tr("Drawing: groups of look-alike photos on a map"))
        rng = np.random.default_rng(7)
        centres = np.array(
            [(0.12, 0.55), (0.30, 0.30), (0.46, 0.68), (0.63, 0.34), (0.78, 0.66), (0.92, 0.34)]
        )
        self._clouds = [
            centre + rng.normal(0, (0.028, 0.085), (90 if i != 3 else 130, 2))
            for i, centre in enumerate(centres)
        ]
        self._stray = rng.uniform((0, 0.08), (1, 0.92), (110, 2))
        theme.signal().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the clouds and the lasso."""
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tones = (t.accent, t.model, t.warning, t.selection, t.good, t.danger)
        self._dots(painter, self._stray, t.unlabelled, 2.0, 110)
        for cloud, tone in zip(self._clouds, tones, strict=True):
            self._dots(painter, cloud, tone, 2.6, 215)
        w, h = self.width(), self.height()
        path = QPainterPath()
        ring = np.linspace(0, 2 * np.pi, 40)
        wobble = 1 + 0.07 * np.sin(3 * ring + 1)
        points = np.c_[
            0.63 + 0.085 * wobble * np.cos(ring), 0.34 + 0.29 * wobble * np.sin(ring)
        ] * (w, h)
        path.moveTo(QPointF(*points[0]))
        for x, y in points[1:]:
            path.lineTo(QPointF(x, y))
        painter.setPen(QPen(QColor(t.text), 1.6, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.end()

    def _dots(
        self, painter: QPainter, points: np.ndarray, colour: str, radius: float, alpha: int
    ) -> None:
        tone = QColor(colour)
        tone.setAlpha(alpha)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tone)
        for x, y in points * (self.width(), self.height()):
            painter.drawEllipse(QPointF(x, y), radius, radius)
