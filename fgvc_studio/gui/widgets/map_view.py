"""Which part of the map is shown: centre, scale, zoom at a point, animation; no widgets."""

from __future__ import annotations

from dataclasses import dataclass

from fgvc_studio.gui.widgets.map_raster import View

_FIT = 0.92
MAX_ZOOM = 4000.0


@dataclass(slots=True)
class ViewState:
    """A view on the square -0.5..0.5 in a widget of `width` x `height` pixels.

    Attributes
    ----------
    x, y : float
        Map coordinates of the widget's centre.
    zoom : float
        1 shows the whole map.
    span : tuple of float
        Width and height of the points in map units.
    """

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0
    width: int = 1
    height: int = 1
    span: tuple[float, float] = (1.0, 1.0)

    @property
    def scale(self) -> float:
        """Pixels per map unit."""
        across = max(self.width, 16) / max(self.span[0], 0.05)
        down = max(self.height, 16) / max(self.span[1], 0.05)
        return self.zoom * _FIT * min(across, down)

    @property
    def fitted(self) -> bool:
        """Whether the whole map is shown."""
        return self.zoom == 1.0 and self.x == 0.0 and self.y == 0.0

    def to_map(self, px: float, py: float) -> tuple[float, float]:
        """Map coordinates of a widget pixel."""
        s = self.scale
        return self.x + (px - self.width / 2) / s, self.y - (py - self.height / 2) / s

    def to_screen(self, x: float, y: float) -> tuple[float, float]:
        """Widget pixel of map coordinates."""
        s = self.scale
        return self.width / 2 + (x - self.x) * s, self.height / 2 - (y - self.y) * s

    def zoom_at(self, px: float, py: float, factor: float) -> None:
        """Zoom such that the point under the pixel stays there."""
        x, y = self.to_map(px, py)
        self.zoom = min(max(self.zoom * factor, 0.2), MAX_ZOOM)
        nx, ny = self.to_map(px, py)
        self._move(x - nx, y - ny)

    def pan(self, dx: float, dy: float) -> None:
        """Move the map by so many pixels."""
        self._move(-dx / self.scale, dy / self.scale)

    def _move(self, dx: float, dy: float) -> None:
        self.x = min(max(self.x + dx, -0.75), 0.75)
        self.y = min(max(self.y + dy, -0.75), 0.75)

    def fit(self) -> None:
        """Show the whole map."""
        self.x, self.y, self.zoom = 0.0, 0.0, 1.0

    def target(self) -> tuple[float, float, float]:
        """Centre and zoom, to come back to."""
        return self.x, self.y, self.zoom

    def set_between(
        self, a: tuple[float, float, float], b: tuple[float, float, float], t: float
    ) -> None:
        """Stand at part `t` (0..1) of the way from `a` to `b`; the zoom changes evenly."""
        if t >= 1:
            self.x, self.y, self.zoom = b
            return
        self.zoom = a[2] * (b[2] / a[2]) ** t
        self.x, self.y = a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t

    def view(self, ratio: float) -> View:
        """The affine map to device pixels at a device pixel ratio."""
        s = self.scale * ratio
        return View(
            s, self.width * ratio / 2 - self.x * s, -s, self.height * ratio / 2 + self.y * s
        )
