"""Curves of a run: drawn in the background, read off with the pointer."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from fgvc_studio.gui import palette, theme
from fgvc_studio.gui.task_pool import TaskPool, Ticket
from fgvc_studio.gui.widgets.curve_figure import Frame, Panel, Picture, draw

Board = tuple[tuple[Panel, ...], tuple[int, ...], int]
"""Panels, upright lines, steps of the whole run."""
_numbers = itertools.count(1)


class CurveBoard(QWidget):
    """Shows the picture drawn last; a newer one replaces it when it is ready."""

    def __init__(self, tasks: TaskPool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._slot = f"curves {next(_numbers)}"
        self._make: Callable[[], Board] | None = None
        self._again = False
        self._at: QPointF | None = None
        self.picture: Picture | None = None
        self.empty = self.tr("The curves appear with the first steps.")
        self.setMinimumSize(240, 150)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Curves of the run"))
        theme.signal().changed.connect(self.redraw)

    def show_board(self, make: Callable[[], Board]) -> None:
        """Draw what `make` gives (called in the background); at most one picture is on its way."""
        self._make = make
        self.redraw()

    def clear(self) -> None:
        """Show nothing."""
        self._make, self.picture = None, None
        self._tasks.drop(self._slot)
        self.update()

    def redraw(self) -> None:
        """Draw again: new points, another size or other colours."""
        make = self._make
        if make is None or self.width() < 40 or not self.isVisible():
            return
        if self._tasks.waiting(self._slot):
            self._again = True
            return
        self._again = False
        size, ratio = (self.width(), self.height()), self.devicePixelRatioF()
        tokens = theme.current()

        def work(_ticket: Ticket) -> Picture | None:
            panels, parts, total = make()
            if not panels:
                return None
            colours = palette.categorical(8, dark=tokens.dark)
            return draw(panels, parts, total, size, ratio, tokens, colours)

        self._tasks.submit(self._slot, work, self._drawn)

    def _drawn(self, picture: Picture | None) -> None:
        self.picture = picture
        if picture is not None:
            told = [
                f"{curve.label} {_number(curve.y[-1])}"
                for panel in picture.panels
                for curve in panel.curves
                if len(curve.y)
            ]
            self.setAccessibleDescription(", ".join(told))
        self.update()
        if self._again:
            self.redraw()

    # ---- events ----------------------------------------------------------------------------
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw in the new size."""
        super().resizeEvent(event)
        self.redraw()

    def showEvent(self, event: QEvent) -> None:  # type: ignore[override]
        """Draw what came while hidden."""
        self.redraw()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read values off."""
        self._at = event.position()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Stop reading values off."""
        self._at = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture, and the values under the pointer."""
        t = theme.current()
        p = QPainter(self)
        p.fillRect(self.rect(), QColor(t.panel))
        if self.picture is None:
            p.setPen(QColor(t.muted))
            p.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.empty)
        else:
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            p.drawImage(QRectF(self.rect()), self.picture.image)
            if self._at is not None:
                self._values(p, self.picture, self._at)
        p.end()

    def _values(self, p: QPainter, picture: Picture, at: QPointF) -> None:
        for frame, panel in zip(picture.frames, picture.panels, strict=True):
            area = self._area(frame)
            if not area.contains(at):
                continue
            share = (at.x() - area.left()) / max(1.0, area.width())
            step = frame.x_low + share * (frame.x_high - frame.x_low)
            rows = [self.tr("step {n}").format(n=f"{step:,.0f}")]
            for curve in panel.curves:
                known = np.flatnonzero(~np.isnan(curve.y))
                if len(known):
                    nearest = known[np.abs(curve.x[known] - step).argmin()]
                    rows.append(f"{curve.label}  {_number(curve.y[nearest])}")
            self._plate(p, area, at, rows)
            return

    def _area(self, frame: Frame) -> QRectF:
        w, h = self.width(), self.height()
        return QRectF(frame.left * w, frame.top * h, frame.width * w, frame.height * h)

    def _plate(self, p: QPainter, area: QRectF, at: QPointF, rows: list[str]) -> None:
        t = theme.current()
        p.setPen(QPen(QColor(t.muted), 1))
        p.drawLine(QPointF(at.x(), area.top()), QPointF(at.x(), area.bottom()))
        metrics = p.fontMetrics()
        width = max(metrics.horizontalAdvance(row) for row in rows) + 16
        height = metrics.height() * len(rows) + 10
        left = at.x() + 10 if at.x() + 10 + width < self.width() else at.x() - 10 - width
        plate = QRectF(left, max(0.0, min(at.y(), self.height() - height)), width, height)
        p.fillRect(plate, QColor(t.raised))
        p.setPen(QColor(t.border))
        p.drawRect(plate)
        p.setPen(QColor(t.text))
        p.drawText(
            plate.adjusted(8, 5, -8, -5),
            int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop),
            "\n".join(rows),
        )


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 0.01 else f"{value:.3f}"
