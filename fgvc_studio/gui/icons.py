"""Icons: our SVG line drawings, tinted with the theme's colours."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from fgvc_studio.gui import theme

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "resources" / "icons", _PACKAGE.parent / "resources" / "icons")


def folder() -> Path:
    """Where the drawings are: inside the installed package, or beside it in the source tree."""
    return next((f for f in _FOLDERS if f.is_dir()), _FOLDERS[-1])


def names() -> list[str]:
    """All icon names."""
    return sorted(f.stem for f in folder().glob("*.svg"))


@cache
def _drawing(name: str) -> bytes:
    return (folder() / f"{name}.svg").read_bytes()


@cache
def _renderer(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_drawing(name).replace(b"currentColor", colour.encode())))


def pixmap(name: str, side: int, colour: str | None = None, ratio: float = 1.0) -> QPixmap:
    """Draw an icon.

    Parameters
    ----------
    side : int
        Width and height in device-independent pixels.
    colour : str, optional
        Hex colour; default: the theme's text colour.

    Raises
    ------
    FileNotFoundError
        When there is no icon of that name.
    """
    picture = QPixmap(round(side * ratio), round(side * ratio))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    area = QRectF(0, 0, picture.width(), picture.height())
    _renderer(name, colour or theme.current().text).render(painter, area)
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture


class _Engine(QIconEngine):
    """Draws in the colours of the theme at the time of painting, so that a theme change needs
    no new icons.
    """

    def __init__(self, name: str, token: str) -> None:
        super().__init__()
        self._name = name
        self._token = token

    def _colour(self, mode: QIcon.Mode, state: QIcon.State) -> str:
        t = theme.current()
        if mode == QIcon.Mode.Disabled:
            return t.unlabelled
        if mode == QIcon.Mode.Selected:
            return t.on_accent
        if state == QIcon.State.On and self._token == "text":
            return t.accent
        return str(getattr(t, self._token))

    def paint(self, painter, rect, mode, state) -> None:  # noqa: ANN001
        _renderer(self._name, self._colour(mode, state)).render(painter, QRectF(rect))

    def pixmap(self, size, mode, state) -> QPixmap:  # noqa: ANN001
        picture = QPixmap(size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint(painter, picture.rect(), mode, state)
        painter.end()
        return picture

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._token)


def icon(name: str, token: str = "text") -> QIcon:
    """The icon `name` in the theme's colour `token` (a field of `Theme`)."""
    _drawing(name)
    return QIcon(_Engine(name, token))


def refresh_on_theme(owner: QObject) -> None:
    """Repaint `owner` (a widget) when the theme changes."""
    theme.signal().changed.connect(owner.update)
