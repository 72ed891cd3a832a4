"""The confusion dial of ECAML: how strongly to confuse named categories, and what that brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QCheckBox,
    QDial,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import theme

AUTOMATIC = -1.0
MOST = 10.0
_STEPS = 100
_START, _SPAN = 225.0, 270.0


def strength_of(place: int) -> float:
    """Dial place 0..100 -> lambda 0..10, fine at the lower end."""
    raw = MOST * (place / _STEPS) ** 3
    return float(f"{raw:.2g}")


def place_of(strength: float) -> int:
    """The place that is nearest to a lambda."""
    return round(_STEPS * (min(MOST, max(0.0, strength)) / MOST) ** (1 / 3))


class _Dial(QDial):
    """A dial drawn in the colours of the theme."""

    def __init__(self) -> None:
        super().__init__()
        self.setRange(0, _STEPS)
        self.setPageStep(10)
        self.setFixedSize(112, 104)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Arc, needle, number."""
        t = theme.current()
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = min(self.width(), self.height() + 8) - 16
        ring = QRectF((self.width() - side) / 2, 8, side, side)
        share = self.value() / _STEPS
        on = self.isEnabled()
        for colour, part in ((t.border, 1.0), (t.accent if on else t.unlabelled, share)):
            pen = QPen(QColor(colour), 7)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            p.setPen(pen)
            p.drawArc(ring, round(_START * 16), round(-_SPAN * part * 16))
        p.setPen(QColor(t.text if on else t.muted))
        font = self.font()
        font.setPixelSize(theme.px(20))
        font.setBold(True)
        p.setFont(font)
        text = f"{strength_of(self.value()):g}" if on else self.tr("auto")
        p.drawText(ring, Qt.AlignmentFlag.AlignCenter, text)
        font.setPixelSize(theme.px(11))
        font.setBold(False)
        p.setFont(font)
        p.setPen(QColor(t.muted))
        p.drawText(ring.adjusted(0, 40, 0, 0), Qt.AlignmentFlag.AlignCenter, "λ")
        if self.hasFocus():
            p.setPen(QPen(QColor(t.accent), 1, Qt.PenStyle.DotLine))
            p.drawRect(self.rect().adjusted(1, 1, -2, -2))
        p.end()


@dataclass(frozen=True, slots=True)
class Tried:
    """A run's lambda and its mAP@R on hidden categories with the 95 % interval."""

    run_id: str
    strength: float
    value: float
    low: float
    high: float


class _Readout(QWidget):
    """What earlier runs brought by lambda, the frozen space as a line."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[Tried] = []
        self.frozen: float | None = None
        self.strength = AUTOMATIC
        self.setMinimumSize(170, 104)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(112)
        theme.signal().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(260, 112)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.current()
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        area = QRectF(40, 10, self.width() - 52, self.height() - 40)
        p.setPen(QColor(t.border))
        p.drawLine(area.bottomLeft(), area.bottomRight())
        p.drawLine(area.topLeft(), area.bottomLeft())
        p.setPen(QColor(t.muted))
        ends = [v for r in self.tried for v in (r.low, r.high)]
        ends += [self.frozen] if self.frozen is not None else []
        low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
        margin = 0.08 * max(high - low, 0.05)
        low, high = max(0.0, low - margin), min(1.0, high + margin)
        for value, y in ((high, area.top()), (low, area.bottom())):
            p.drawText(QRectF(0, y - 8, 35, 16), int(Qt.AlignmentFlag.AlignRight), f"{value:.2f}")
        for strength in (0, 0.1, 1, 10):
            x = self._x(area, strength)
            p.drawText(QRectF(x - 20, area.bottom() + 3, 40, 14),
                       int(Qt.AlignmentFlag.AlignHCenter), f"{strength:g}")  # fmt: skip
        under = QRectF(area.left(), area.bottom() + 15, area.width(), 14)
        p.drawText(under, int(Qt.AlignmentFlag.AlignHCenter), self.tr("λ of a run"))

        def y_of(value: float) -> float:
            return area.bottom() - (value - low) / max(high - low, 1e-9) * area.height()

        if self.frozen is not None:
            p.setPen(QPen(QColor(t.muted), 1, Qt.PenStyle.DashLine))
            y = y_of(self.frozen)
            p.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            p.drawText(QPointF(area.left() + 4, y - 3), self.tr("frozen"))
        for run in self.tried:
            x = self._x(area, run.strength)
            p.setPen(QPen(QColor(t.text), 1.2))
            p.drawLine(QPointF(x, y_of(run.low)), QPointF(x, y_of(run.high)))
            p.setBrush(QColor(t.accent))
            p.setPen(Qt.PenStyle.NoPen)
            p.drawEllipse(QPointF(x, y_of(run.value)), 4, 4)
        if self.strength >= 0:
            x = self._x(area, self.strength)
            p.setPen(QPen(QColor(t.selection), 1.5))
            p.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        if not self.tried:
            p.setPen(QColor(t.muted))
            p.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                       self.tr("mAP@R on hidden categories\nappears here, run by run"))  # fmt: skip
        p.end()

    @staticmethod
    def _x(area: QRectF, strength: float) -> float:
        return area.left() + 8 + (area.width() - 16) * place_of(strength) / _STEPS


class ConfusionDial(QWidget):
    """Chooses lambda; beside the dial stands what earlier runs brought on hidden categories."""

    changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.dial = _Dial()
        self.dial.setAccessibleName(self.tr("Confusion dial (lambda)"))
        self.automatic = QCheckBox(self.tr("choose for me"))
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setProperty("role", "muted")
        self.readout = _Readout()
        left = QVBoxLayout()
        left.addWidget(self.dial, 0, Qt.AlignmentFlag.AlignHCenter)
        left.addWidget(self.automatic, 0, Qt.AlignmentFlag.AlignHCenter)
        right = QVBoxLayout()
        right.addWidget(self.readout)
        right.addWidget(self.told)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        row.addLayout(left)
        row.addLayout(right, 1)
        self.dial.valueChanged.connect(self._turned)
        self.automatic.toggled.connect(self._automatic_toggled)
        self.set_value(AUTOMATIC)

    def value(self) -> float:
        """Lambda, -1 for automatic."""
        return AUTOMATIC if self.automatic.isChecked() else strength_of(self.dial.value())

    def set_value(self, strength: float) -> None:
        """Turn the dial without telling."""
        for widget in (self.dial, self.automatic):
            widget.blockSignals(True)
        self.automatic.setChecked(strength < 0)
        self.dial.setValue(place_of(strength if strength >= 0 else 0.5))
        for widget in (self.dial, self.automatic):
            widget.blockSignals(False)
        self._show()

    def set_tried(self, tried: Sequence[Tried], frozen: float | None) -> None:
        """Show what earlier runs brought."""
        self.readout.tried, self.readout.frozen = list(tried), frozen
        told = [f"λ {r.strength:g}: {r.value:.3f}" for r in tried]
        self.readout.setAccessibleDescription(", ".join(told))
        self.readout.update()

    def _turned(self, _place: int) -> None:
        self._show()
        self.changed.emit(self.value())

    def _automatic_toggled(self, _on: bool) -> None:
        self._show()
        self.changed.emit(self.value())

    def _show(self) -> None:
        value = self.value()
        self.dial.setEnabled(value >= 0)
        self.readout.strength = value
        self.readout.update()
        if value < 0:
            text = self.tr("The strength follows what is trained (0.1 to 2).")
        elif value == 0:
            text = self.tr("Plain metric learning: named categories are pulled apart, no more.")
        elif value <= 0.5:
            text = self.tr("Gentle: named categories are kept from drifting too far apart.")
        elif value <= 3:
            text = self.tr("Strong: what tells only the named categories apart is unlearned.")
        else:
            text = self.tr("Very strong: may harm; watch the hidden categories.")
        self.told.setText(text)
