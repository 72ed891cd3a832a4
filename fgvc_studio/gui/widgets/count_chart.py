"""How many categories are there: the score over K with its stability, and the expert's cut."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from fgvc_studio.domain.clusters import CountCurve
from fgvc_studio.gui import theme

_LEFT, _RIGHT, _TOP, _BOTTOM = 24, 18, 46, 38
_SEEDS = 22
"""Height of the strip of estimates from other parts of the items."""


class CountChart(QWidget):
    """Two lines over the number of clusters, the range, and a cut that can be dragged.

    Left and right move the cut by one, Page up and down by five.
    """

    cut_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(250)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self._curve: CountCurve | None = None
        self._cut = 0
        theme.signal().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(560, 230)

    @property
    def cut(self) -> int:
        """The chosen number."""
        return self._cut

    def set_curve(self, curve: CountCurve | None) -> None:
        """Draw an estimate; the cut goes to its best guess."""
        self._curve = curve
        self._cut = curve.estimate if curve else 0
        self._describe()
        self.update()

    def set_cut(self, count: int) -> None:
        """Move the cut."""
        if self._curve is None:
            return
        low, high = self._span()
        count = min(max(int(count), low), high)
        if count != self._cut:
            self._cut = count
            self._describe()
            self.update()
            self.cut_changed.emit(count)

    def _describe(self) -> None:
        curve = self._curve
        if curve is None:
            self.setAccessibleName(self.tr("Number of categories: not estimated yet"))
            return
        self.setAccessibleName(
            self.tr("Number of categories: {cut}; estimate {k}, range {low} to {high}").format(
                cut=self._cut, k=curve.estimate, low=curve.low, high=curve.high
            )
        )

    # ---- geometry --------------------------------------------------------------------------
    def _span(self) -> tuple[int, int]:
        curve = self._curve
        assert curve is not None
        known = [p[0] for p in curve.points] + [curve.low, curve.high, *curve.seeds]
        return max(1, min(known)), max(max(known), min(known) + 1)

    def _plot(self) -> QRectF:
        return QRectF(
            _LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM - _SEEDS
        )

    def _x(self, count: float) -> float:
        low, high = self._span()
        plot = self._plot()
        return plot.left() + plot.width() * (count - low) / (high - low)

    # ---- input -----------------------------------------------------------------------------
    def _cut_at(self, x: float) -> None:
        if self._curve is None:
            return
        low, high = self._span()
        plot = self._plot()
        self.set_cut(round(low + (high - low) * (x - plot.left()) / max(1.0, plot.width())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The cut goes to the mouse."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._cut_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The cut follows a drag."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._cut_at(event.position().x())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the cut."""
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_PageDown: -5,
            Qt.Key.Key_PageUp: 5,
        }
        if event.key() in steps and self._curve is not None:
            self.set_cut(self._cut + steps[Qt.Key(event.key())])
        else:
            event.ignore()

    # ---- painting --------------------------------------------------------------------------
    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw everything."""
        t = theme.current()
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.fillRect(self.rect(), QColor(t.panel))
        curve = self._curve
        if curve is None:
            p.setPen(QColor(t.muted))
            text = self.tr("The estimate appears here: press “How many?”")
            p.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text)
            p.end()
            return
        font = self.font()
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        plot = self._plot()
        band = QColor(t.accent)
        band.setAlpha(36)
        left, right = self._x(curve.low), self._x(curve.high)
        p.fillRect(QRectF(left - 2, plot.top(), right - left + 4, plot.height() + _SEEDS), band)
        self._axes(p, plot)
        counts = [k for k, _, _ in curve.points]
        self._line(p, plot, counts, [s for _, s, _ in curve.points], t.text, dashed=False)
        self._line(p, plot, counts, [v for _, _, v in curve.points], t.model, dashed=True)
        self._seeds(p, plot)
        self._legend(p)
        x = self._x(self._cut)
        p.setPen(QPen(QColor(t.selection), 2))
        p.drawLine(QPointF(x, plot.top() - 4), QPointF(x, plot.bottom() + _SEEDS))
        self._flag(p, x, plot)
        if self.hasFocus():
            p.setPen(QPen(QColor(t.accent), 2))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRect(self.rect().adjusted(1, 1, -1, -1))
        p.end()

    def _flag(self, p: QPainter, x: float, plot: QRectF) -> None:
        t = theme.current()
        text = str(self._cut)
        width = p.fontMetrics().horizontalAdvance(text) + 12
        flag = QRectF(min(max(x - width / 2, 0), self.width() - width), plot.top() - 22, width, 18)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(QColor(t.selection))
        p.drawRoundedRect(flag, 4, 4)
        p.setPen(QColor(t.window))
        p.drawText(flag, Qt.AlignmentFlag.AlignCenter, text)

    def _axes(self, p: QPainter, plot: QRectF) -> None:
        t = theme.current()
        low, high = self._span()
        p.setPen(QColor(t.border))
        p.drawLine(plot.bottomLeft(), plot.bottomRight())
        step = _nice((high - low) / max(2, plot.width() / 60))
        p.setPen(QColor(t.muted))
        base = plot.bottom() + _SEEDS
        for k in range(-(-low // step) * step, high + 1, step):
            x = self._x(k)
            p.drawText(QRectF(x - 24, base + 3, 48, 14), Qt.AlignmentFlag.AlignCenter, str(k))
        p.drawText(
            QRectF(plot.left(), base + 18, plot.width(), 16),
            Qt.AlignmentFlag.AlignCenter,
            self.tr("number of clusters"),
        )

    def _line(
        self,
        p: QPainter,
        plot: QRectF,
        counts: list[int],
        values: list[float],
        colour: str,
        *,
        dashed: bool,
    ) -> None:
        """One line, each scaled to its own range: only the shape counts."""
        known = [(k, v) for k, v in zip(counts, values, strict=True) if v == v]
        if not known:
            return
        bottom, top = min(v for _, v in known), max(v for _, v in known)
        path = QPainterPath()
        for i, (k, v) in enumerate(known):
            y = plot.bottom() - plot.height() * (0.06 + 0.88 * (v - bottom) / ((top - bottom) or 1))
            point = QPointF(self._x(k), y)
            path.lineTo(point) if i else path.moveTo(point)
        pen = QPen(QColor(colour), 2)
        if dashed:
            pen.setStyle(Qt.PenStyle.DashLine)
        p.setPen(pen)
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawPath(path)

    def _seeds(self, p: QPainter, plot: QRectF) -> None:
        """One dot per repetition on a part of the items."""
        t = theme.current()
        assert self._curve is not None
        tone = QColor(t.human)
        tone.setAlpha(150)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(tone)
        stacked: dict[int, int] = {}
        for k in self._curve.seeds:
            level = stacked.get(k, 0)
            stacked[k] = level + 1
            y = plot.bottom() + _SEEDS - 4 - min(level, 5) * 3
            p.drawEllipse(QPointF(self._x(k), y), 2.6, 2.6)

    def _legend(self, p: QPainter) -> None:
        t = theme.current()
        x = _LEFT + 2.0
        for text, colour, style in (
            (self.tr("separation"), t.text, Qt.PenStyle.SolidLine),
            (self.tr("stability"), t.model, Qt.PenStyle.DashLine),
            (self.tr("repeated on parts"), t.human, None),
        ):
            if style is None:
                p.setPen(Qt.PenStyle.NoPen)
                p.setBrush(QColor(colour))
                p.drawEllipse(QPointF(x + 6, 9), 2.6, 2.6)
                x += 16
            else:
                p.setPen(QPen(QColor(colour), 2, style))
                p.drawLine(QPointF(x, 9), QPointF(x + 20, 9))
                x += 26
            p.setPen(QColor(t.muted))
            width = p.fontMetrics().horizontalAdvance(text)
            p.drawText(QPointF(x, 13), text)
            x += width + 16


def _nice(wanted: float) -> int:
    """The next step of 1, 2, 5, 10, 20, ..."""
    step = 1
    for factor in (2, 2.5, 2) * 6:
        if step >= wanted:
            return step
        step = round(step * factor)
    return step
