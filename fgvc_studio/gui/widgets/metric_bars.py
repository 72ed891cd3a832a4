"""Numbers of two spaces beside each other: value, interval as a whisker, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from fgvc_studio.gui import theme

_ROW = 52
_LABEL = 230
_GAP = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its 95 % interval, fractions 0..1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of what was there before and of what was made.

    Attributes
    ----------
    difference : Bar or None
        Paired difference, where it was measured.
    """

    name: str
    before: Bar | None
    after: Bar
    difference: Bar | None = None

    def sentence(self) -> str:
        """All numbers in words."""
        told = f"{self.name}: {_percent(self.after)}"
        if self.before:
            told += f", before {_percent(self.before)}"
        return told


class MetricBars(QWidget):
    """Two bars per metric on one scale of 0 to 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[MetricRow] = []
        self.names = (self.tr("frozen"), self.tr("trained"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Metrics"))
        theme.signal().changed.connect(self.update)

    def set_rows(self, rows: Sequence[MetricRow]) -> None:
        """Show these."""
        self._rows = list(rows)
        self.setFixedHeight(_ROW * len(self._rows))
        self.setAccessibleDescription("; ".join(row.sentence() for row in self._rows))
        self.update()

    def sizeHint(self) -> QSize:
        """Wide enough for names, bars and numbers."""
        return QSize(_LABEL + self._numbers() + 200, _ROW * len(self._rows))

    def _numbers(self) -> int:
        """Room for the longest numbers, in the font there is."""
        longest = Bar(1.0, 1.0, 1.0)
        metrics = self.fontMetrics()
        return 2 * _GAP + max(
            metrics.horizontalAdvance(f"{_percent(longest)}  {name}") for name in self.names
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows."""
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        for i, row in enumerate(self._rows):
            self._draw(p, row, i * _ROW)
        p.end()

    def _draw(self, p: QPainter, row: MetricRow, top: int) -> None:
        t = theme.current()
        label = min(_LABEL, self.width() // 3)
        room = self._numbers()
        width = max(60, self.width() - label - room)
        p.setPen(QColor(t.text))
        place = QRectF(0, top + 4, label - 12, _ROW - 10)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
        p.drawText(place, int(flags), row.name)
        for k, (bar, colour) in enumerate(((row.before, t.unlabelled), (row.after, t.accent))):
            if bar is None:
                continue
            y = top + 10 + 18 * k
            p.fillRect(QRectF(label, y, width, 10), QColor(t.border))
            p.fillRect(QRectF(label, y, width * _inside(bar.value), 10), QColor(colour))
            a, b = label + width * _inside(bar.low), label + width * _inside(bar.high)
            p.setPen(QPen(QColor(t.text), 1.4))
            middle = y + 5
            p.drawLine(QPointF(a, middle), QPointF(b, middle))
            for x in (a, b):
                p.drawLine(QPointF(x, middle - 3), QPointF(x, middle + 3))
            p.setPen(QColor(t.muted if k == 0 else t.text))
            numbers = QRectF(label + width + _GAP, y - 4, room - _GAP, 18)
            p.drawText(
                numbers, int(Qt.AlignmentFlag.AlignVCenter), f"{_percent(bar)}  {self.names[k]}"
            )
        p.setPen(QColor(t.border))
        p.drawLine(QPointF(0, top + _ROW - 1), QPointF(self.width(), top + _ROW - 1))


def _inside(value: float) -> float:
    return min(1.0, max(0.0, value))


def _percent(bar: Bar) -> str:
    return f"{100 * bar.value:.1f} % ({100 * bar.low:.0f}–{100 * bar.high:.0f})"
