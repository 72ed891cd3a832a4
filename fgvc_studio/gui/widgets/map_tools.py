"""Mouse gestures of the map: what a drag does, and the area it encloses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage, QPainter, QPolygonF

CLICK_SLOP = 4.0


class Tool(Enum):
    """What dragging with the left button does."""

    SELECT = "select"
    BOX = "box"
    LASSO = "lasso"
    PAN = "pan"


class Combine(Enum):
    """What a gesture does to the selection there is."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"


def combine_of(modifiers: Qt.KeyboardModifier) -> Combine:
    """Shift adds, Ctrl or Alt removes."""
    if modifiers & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
        return Combine.REMOVE
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        return Combine.ADD
    return Combine.REPLACE


@dataclass(slots=True)
class Drag:
    """A drag under way; points are widget pixels.

    Attributes
    ----------
    kind : Tool
        BOX, LASSO or PAN; a SELECT press becomes a click, or PAN once it moves.
    count : int
        Points inside so far.
    """

    kind: Tool
    start: QPointF
    last: QPointF
    combine: Combine = Combine.REPLACE
    moved: bool = False
    points: list[QPointF] = field(default_factory=list)
    count: int = 0

    @property
    def area(self) -> bool:
        """Whether the drag encloses an area."""
        return self.kind in (Tool.BOX, Tool.LASSO)

    def extend(self, to: QPointF) -> None:
        """The mouse moved."""
        step = to - self.start
        self.moved = self.moved or abs(step.x()) + abs(step.y()) >= CLICK_SLOP
        if self.kind is Tool.LASSO:
            gap = to - (self.points[-1] if self.points else self.start)
            if abs(gap.x()) + abs(gap.y()) >= 1.5:
                self.points.append(to)
        self.last = to

    def polygon(self) -> QPolygonF:
        """The enclosed area; a lasso is closed by the straight line to its start."""
        if self.kind is Tool.BOX:
            a, b = self.start, self.last
            return QPolygonF([a, QPointF(b.x(), a.y()), b, QPointF(a.x(), b.y())])
        return QPolygonF([self.start, *self.points])


def polygon_mask(polygon: QPolygonF, width: int, height: int, ratio: float) -> NDArray[np.uint8]:
    """Fill a polygon (odd-even, closed) into device pixels.

    Returns
    -------
    ndarray (height * ratio, >= width * ratio) uint8
        Not 0 inside; a pixel is inside when its centre is.
    """
    w, h = round(width * ratio), round(height * ratio)
    image = QImage((max(w, 1) + 3) // 4 * 4, max(h, 1), QImage.Format.Format_Grayscale8)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(Qt.GlobalColor.white)
    painter.scale(ratio, ratio)
    painter.drawPolygon(polygon, Qt.FillRule.OddEvenFill)
    painter.end()
    mask = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    mask = mask.copy()
    mask[:, w:] = 0
    return mask
