"""The colour of a category as Qt paints it."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap

from fgvc_studio.gui import theme
from fgvc_studio.gui.palette import category_colour


@lru_cache(maxsize=1024)
def _colour(index: int, dark: bool) -> QColor:
    return QColor(category_colour(index, dark=dark))


def colour_of(index: int) -> QColor:
    """Colour number `index` in the theme in use; a negative index is the unlabelled grey."""
    t = theme.current()
    return _colour(index, t.dark) if index >= 0 else QColor(t.unlabelled)


@lru_cache(maxsize=1024)
def _swatch(index: int, side: int, dark: bool, ratio: float) -> QPixmap:
    picture = QPixmap(QSize(round(side * ratio), round(side * ratio)))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    p = QPainter(picture)
    p.setRenderHint(QPainter.RenderHint.Antialiasing)
    p.setPen(Qt.PenStyle.NoPen)
    p.setBrush(colour_of(index))
    p.drawRoundedRect(0, 0, side, side, 2.5, 2.5)
    p.end()
    return picture


def swatch(index: int, side: int = 10, ratio: float = 1.0) -> QPixmap:
    """A small square in the category's colour."""
    return _swatch(index, side, theme.current().dark, ratio)
