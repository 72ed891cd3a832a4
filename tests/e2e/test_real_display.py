"""Mouse and keys of a person, on a real X display, in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest
from material import EACH, PHOTOS, SPECIES
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget
from real_display import Program, Screen, wait_for
from window_driver import categories_of, make_window, map_settled, open_in, outline, places

pytestmark = pytest.mark.display
TITLE = "^Night catch .* FGVC Studio$"


class Twin:
    """A window of the same size offscreen: tells where on the screen things are."""

    def __init__(self, qtbot, project, size: tuple[int, int], at: tuple[int, int]) -> None:
        self._at = np.array(at)
        self.window = make_window(qtbot, size)
        self.browse = open_in(qtbot, self.window, project, read_only=True)
        map_settled(qtbot, self.browse, PHOTOS)
        grid = self.browse.grid
        shown = grid.visible_ids()
        qtbot.waitUntil(
            lambda: all(self.browse.thumbnails.pixmap(int(i), 128) is not None for i in shown),
            timeout=60_000,
        )

    def on_screen(self, widget: QWidget, points: np.ndarray) -> np.ndarray:
        """Screen pixels of points (n, 2) in a widget."""
        corner = widget.mapTo(self.window, QPoint(0, 0))
        return np.asarray(points) + self._at + (corner.x(), corner.y())

    def tile(self, item: int) -> np.ndarray:
        """Screen pixel in the middle of an item in the grid."""
        grid = self.browse.grid
        middle = grid.tile_rect(item).center()
        return self.on_screen(grid.viewport(), np.array([[middle.x(), middle.y()]]))[0]

    def looks(self, widget: QWidget) -> tuple[slice, slice, np.ndarray]:
        """Rows and columns of the screen that a widget takes, and its picture (blue first)."""
        x, y = self.on_screen(widget, np.zeros((1, 2), int))[0]
        grabbed = self.window.grab(QRect(widget.mapTo(self.window, QPoint(0, 0)), widget.size()))
        image = grabbed.toImage().convertToFormat(QImage.Format.Format_RGB32)
        pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)
        w, h = widget.width(), widget.height()
        return slice(y, y + h), slice(x, x + w), pixels[:h, :w, :3].astype(int)


def wait_until_alike(screen: Screen, twin: Twin, widget: QWidget, what: str) -> None:
    """Wait until a part of the screen shows what the same widget of the twin shows."""
    rows, columns, expected = twin.looks(widget)

    def alike() -> bool:
        seen = screen.picture()[rows, columns].astype(int)
        return float((np.abs(seen - expected).max(axis=2) > 24).mean()) < 0.05

    wait_for(what, alike)


def test_a_person_names_photos_with_mouse_and_keys(qtbot, project, tmp_path):
    def labels_are(expected: dict[int, str], what: str) -> None:
        wait_for(what, lambda: categories_of(project) == expected)

    def geometry(screen: Screen, window: int) -> dict[str, int]:
        lines = screen.do("getwindowgeometry", "--shell", window).splitlines()
        return {k: int(v) for k, v in (line.split("=") for line in lines)}

    (tmp_path / "screen").mkdir()
    with (
        Screen(tmp_path / "screen") as screen,
        Program(screen, project, tmp_path / "home") as program,
    ):
        main = screen.window(TITLE)
        place = geometry(screen, main)
        assert place["WIDTH"] == screen.size[0]
        assert screen.size[1] - 40 <= place["HEIGHT"] <= screen.size[1]  # room for a title bar
        size = (place["WIDTH"], place["HEIGHT"])
        twin = Twin(qtbot, project, size, (place["X"], place["Y"]))
        surface, grid = twin.browse.map.surface, twin.browse.grid
        wait_until_alike(screen, twin, grid.viewport(), "the photos in the grid")
        wait_until_alike(screen, twin, surface, "the map")

        screen.click(*twin.tile(1))
        screen.click(*twin.tile(4), "shift")
        screen.keys("i")
        screen.type("Dotted lamp moth")
        screen.keys("Return")
        four = dict.fromkeys(range(1, 5), "Dotted lamp moth")
        labels_are(four, "four labels after I, a new name and Enter")
        screen.keys("ctrl+z")
        labels_are({}, "no label after Ctrl+Z")
        screen.keys("ctrl+shift+z")
        labels_are(four, "four labels after Ctrl+Shift+Z")

        rings = np.arange(2, PHOTOS, len(SPECIES)) + 1
        others = np.setdiff1d(np.arange(1, PHOTOS + 1), rings)
        line = outline(
            places(surface, rings), places(surface, others), (surface.width(), surface.height())
        )
        path = np.array([(p.x(), p.y()) for p in line])
        free = np.array([[3, 3]])
        screen.click(*twin.on_screen(surface, free)[0])
        screen.keys("o")
        with program.held_up():
            screen.drag(twin.on_screen(surface, path))
        screen.keys("1")
        screen.window("Many items at once")
        screen.keys("Return")
        screen.gone("Many items at once")
        named = {**four, **dict.fromkeys(map(int, rings), "Dotted lamp moth")}
        assert len(rings) == EACH
        labels_are(named, "the lassoed group named by key 1")

        screen.do("windowfocus", "--sync", main)
        screen.click(*twin.tile(5))
        screen.keys("1")
        named[5] = "Dotted lamp moth"
        labels_are(named, "the item clicked named by key 1")
        twin.window.close()
        screen.keys("ctrl+q")
        assert program.wait() == 0
        assert "Traceback" not in program.said(), program.said()
    assert categories_of(project) == named
    assert list((tmp_path / "home").iterdir()) == []
