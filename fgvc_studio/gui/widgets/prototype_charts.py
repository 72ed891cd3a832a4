"""Small pictures of numbers: bars from 0 to 1, bars of both signs, two histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.category_swatch import swatch

ROW = 20
"""Height of a row."""
_SPARE = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A row: words, a value, the sentence that explains it.

    `colour` is the index of a category's colour, -1 for none; `token` a colour of the theme.
    """

    name: str
    value: float
    tip: str = ""
    colour: int = -1
    token: str = ""
    strong: bool = False


class BarRows(QWidget):
    """Rows of one height; the tool tip is that of the row under the mouse."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[Bar, ...] = ()
        self._name = name
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.signal().changed.connect(self.update)

    def set_rows(self, rows: Sequence[Bar]) -> None:
        """Show these."""
        self.rows = tuple(rows)
        said = ", ".join(f"{r.name} {number(r.value)}" for r in self.rows)
        self.setAccessibleDescription(said)
        self.updateGeometry()
        self.setFixedHeight(max(1, len(self.rows)) * ROW)
        self.update()

    def blank(self) -> None:
        """Show nothing in the same place until other rows come."""
        self.rows = ()
        self.setAccessibleDescription("")
        self.update()

    def sizeHint(self) -> QSize:
        """As high as the rows."""
        return QSize(200, max(1, len(self.rows)) * ROW)

    def row_at(self, y: float) -> Bar | None:
        """The row under a height."""
        i = int(y // ROW)
        return self.rows[i] if 0 <= i < len(self.rows) else None

    def event(self, event: QHelpEvent) -> bool:  # type: ignore[override]
        """Tool tip of a row."""
        if event.type() == QHelpEvent.Type.ToolTip:
            row = self.row_at(event.pos().y())
            if row is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), row.tip or row.name, self)
            return True
        return bool(super().event(event))

    def _name_of(self, p: QPainter, row: Bar, area: QRect) -> None:
        t = theme.current()
        if row.colour >= 0:
            mark = swatch(row.colour, 9, self.devicePixelRatioF())
            p.drawPixmap(area.x(), area.center().y() - 4, mark)
            area = area.adjusted(14, 0, 0, 0)
        font = p.font()
        font.setBold(row.strong)
        p.setFont(font)
        p.setPen(QColor(t.text if row.strong else t.muted))
        text = p.fontMetrics().elidedText(row.name, Qt.TextElideMode.ElideRight, area.width())
        p.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        font.setBold(False)
        p.setFont(font)


class ShareBars(BarRows):
    """Values from 0 to 1: name, bar, number; NaN has no bar and is said not to be known."""

    def __init__(self, name: str, parent: QWidget | None = None, *, names: float = 0.46) -> None:
        super().__init__(name, parent)
        self._names = names

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows."""
        t = theme.current()
        p = QPainter(self)
        names = round(self.width() * self._names)
        for i, row in enumerate(self.rows):
            top = i * ROW
            self._name_of(p, row, QRect(0, top, names - _SPARE, ROW))
            track = QRectF(names, top + ROW / 2 - 3, max(8, self.width() - names - 36), 7)
            p.fillRect(track, QColor(t.border))
            if not np.isnan(row.value):
                filled = QRectF(track)
                filled.setWidth(track.width() * min(1.0, max(0.0, row.value)))
                p.fillRect(filled, QColor(getattr(t, row.token or "warning")))
            p.setPen(QColor(t.text if row.strong else t.muted))
            place = QRect(self.width() - 34, top, 34, ROW)
            p.drawText(
                place,
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                number(row.value),
            )
        p.end()


class SignedBars(BarRows):
    """Values of both signs around a middle line: what speaks for, what against."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows."""
        t = theme.current()
        p = QPainter(self)
        names = round(self.width() * 0.44)
        left, right = names, self.width() - 58
        least = min([0.0, *(r.value for r in self.rows)])
        most = max([0.0, *(r.value for r in self.rows)])
        span = max(most - least, 1e-9)
        zero = left + (right - left) * (0 - least) / span
        for i, row in enumerate(self.rows):
            top = i * ROW
            self._name_of(p, row, QRect(0, top, names - _SPARE, ROW))
            end = left + (right - left) * (row.value - least) / span
            bar = QRectF(min(zero, end), top + ROW / 2 - 4, max(1.0, abs(end - zero)), 9)
            token = row.token or ("accent" if row.value >= 0 else "danger")
            p.fillRect(bar, QColor(getattr(t, token)))
            p.setPen(QColor(t.text))
            p.drawText(
                QRect(self.width() - 54, top, 52, ROW),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                signed(row.value),
            )
        p.setPen(QPen(QColor(t.muted), 1))
        p.drawLine(round(zero), 0, round(zero), len(self.rows) * ROW)
        p.end()


class TwoHistograms(QWidget):
    """How often which score occurs: own category filled, other categories as a line.

    Both are drawn as shares of their own items, since there are many more others.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edges: NDArray[np.float64] = np.empty(0)
        self._own: NDArray[np.float64] = np.empty(0)
        self._others: NDArray[np.float64] = np.empty(0)
        self._counts = (0, 0)
        self.setFixedHeight(104)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Scores on the own category against those on others"))
        theme.signal().changed.connect(self.update)

    def set_counts(
        self,
        edges: NDArray[np.floating],
        own: NDArray[np.integer],
        others: NDArray[np.integer],
    ) -> None:
        """Show ``len(edges) - 1`` classes of scores."""
        self._edges = np.asarray(edges, np.float64)
        self._counts = (int(np.sum(own)), int(np.sum(others)))
        self._own = np.asarray(own, np.float64) / max(1, self._counts[0])
        self._others = np.asarray(others, np.float64) / max(1, self._counts[1])
        self.update()

    def clear(self) -> None:
        """Show nothing until other counts come."""
        self._edges = self._own = self._others = np.empty(0)
        self._counts = (0, 0)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Say what the class under the mouse is."""
        if len(self._edges) < 2:
            return
        i = int(event.position().x() / max(1, self.width()) * len(self._own))
        if 0 <= i < len(self._own):
            QToolTip.showText(
                event.globalPosition().toPoint(),
                self.tr("score {low} to {high}: {own} of the own, {others} of the others").format(
                    low=f"{self._edges[i]:.2f}",
                    high=f"{self._edges[i + 1]:.2f}",
                    own=f"{100 * self._own[i]:.0f} %",
                    others=f"{100 * self._others[i]:.0f} %",
                ),
                self,
            )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both, the scale and what is what."""
        t = theme.current()
        p = QPainter(self)
        font = p.font()
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        area = QRectF(0, 18, self.width(), self.height() - 34)
        p.setPen(QColor(t.border))
        p.drawLine(area.bottomLeft(), area.bottomRight())
        count = len(self._own)
        if count:
            top = max(float(self._own.max()), float(self._others.max()), 1e-9)
            step = area.width() / count
            own = QColor(t.accent)
            own.setAlpha(150)
            for i, share in enumerate(self._own):
                height = area.height() * share / top
                box = QRectF(i * step, area.bottom() - height, max(1.0, step - 1), height)
                p.fillRect(box, own)
            p.setPen(QPen(QColor(t.danger), 2))
            for i, share in enumerate(self._others):
                y = area.bottom() - area.height() * share / top
                p.drawLine(
                    QRectF(i * step, y, step, 0).topLeft(), QRectF(i * step, y, step, 0).topRight()
                )
            p.setPen(QColor(t.muted))
            low = QRectF(0, area.bottom() + 2, 60, 14)
            p.drawText(low, Qt.AlignmentFlag.AlignLeft, f"{self._edges[0]:.1f}")
            high = QRectF(self.width() - 60, area.bottom() + 2, 60, 14)
            p.drawText(high, Qt.AlignmentFlag.AlignRight, f"{self._edges[-1]:.1f}")
            middle = QRectF(60, area.bottom() + 2, self.width() - 120, 14)
            p.drawText(middle, Qt.AlignmentFlag.AlignHCenter, self.tr("similarity"))
            self._legend(p)
        p.end()

    def _legend(self, p: QPainter) -> None:
        t = theme.current()
        own = self.tr("own category ({n})").format(n=f"{self._counts[0]:,}")
        others = self.tr("others ({n})").format(n=f"{self._counts[1]:,}")
        p.fillRect(QRectF(0, 4, 9, 9), QColor(t.accent))
        p.setPen(QColor(t.muted))
        p.drawText(QRectF(14, 0, self.width() / 2, 16), Qt.AlignmentFlag.AlignVCenter, own)
        start = 14 + p.fontMetrics().horizontalAdvance(own) + 14
        p.fillRect(QRectF(start, 7, 10, 3), QColor(t.danger))
        p.drawText(
            QRectF(start + 14, 0, self.width() - start, 16), Qt.AlignmentFlag.AlignVCenter, others
        )


def number(value: float) -> str:
    """``0.42``; a dash where nothing is known."""
    return "–" if np.isnan(value) else f"{value:.2f}"


def signed(value: float) -> str:
    """``+0.42`` or ``−0.42`` with a true minus."""
    return f"{value:+.2f}".replace("-", "−")
