"""What the tests do with a window: wait, press, drag, look into the store."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from fgvc_studio.gui.app import make_application
from fgvc_studio.gui.main_window import MainWindow
from fgvc_studio.services.studio import Studio

ROOT = Path(__file__).parents[2]
LONG = 240_000
SOON = 30_000


def run_job(steps: Generator[Any, None, Any]) -> Any:
    """Drive a service to its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def make_window(qtbot, size: tuple[int, int] = (1280, 800)) -> MainWindow:
    """The real window, shown; a crash report fails the test."""
    make_application()
    window = MainWindow(crashed=lambda trace, doing: pytest.fail(f"{doing}: {trace}"))
    qtbot.addWidget(window)
    window.resize(*size)
    window.show()
    window.activateWindow()
    qtbot.waitExposed(window)
    return window


def open_in(qtbot, window: MainWindow, project: Path, *, read_only: bool = False) -> Any:
    """Open `project` and wait until its photos are listed; returns the Browse page."""
    window.open_project(project, read_only=read_only)
    qtbot.waitUntil(lambda: window.session is not None, timeout=SOON)
    browse = window.workspaces["go.browse"]
    n = window.session.studio.catalogue.n
    qtbot.waitUntil(lambda: len(browse.views.ids) == n, timeout=SOON)
    return browse


def map_settled(qtbot, browse, points: int) -> None:
    """Wait until the map shows so many points and nothing moves."""
    surface = browse.map.surface
    qtbot.waitUntil(
        lambda: surface.points is not None and len(surface.points) == points, timeout=SOON
    )
    qtbot.waitUntil(lambda: not surface.animating and not surface._stale, timeout=SOON)


def places(surface: Any, items: Iterable[int]) -> np.ndarray:
    """Widget pixels (n, 2) of items on the map."""
    points = [surface.place_of(int(item)) for item in items]
    return np.array([(p.x(), p.y()) for p in points])


def outline(inside: np.ndarray, outside: np.ndarray, size: tuple[int, int]) -> list[QPoint]:
    """A line around all points of `inside` (n, 2) that leaves out most of `outside`."""
    hull = _hull(inside)
    middle = hull.mean(axis=0)
    away = hull - middle
    length = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    wide = hull + away / length * 7
    corners = np.clip(wide, 1, np.array(size) - 2)
    return [QPoint(round(x), round(y)) for x, y in corners]


def _hull(points: np.ndarray) -> np.ndarray:
    """Corners of the convex hull (Andrew's monotone chain)."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]

    def half(rows: np.ndarray) -> list[np.ndarray]:
        chain: list[np.ndarray] = []
        for p in rows:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        return chain[:-1]

    return np.array([*half(ordered), *half(ordered[::-1])])


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def drag(qtbot, widget: QWidget, path: list[QPoint]) -> None:
    """Press at the first point, move along, release at the last."""
    qtbot.mousePress(widget, Qt.MouseButton.LeftButton, pos=path[0])
    for a, b in pairwise(path):
        for share in (0.25, 0.5, 0.75, 1.0):
            qtbot.mouseMove(widget, (QPointF(a) + QPointF(b - a) * share).toPoint())
    qtbot.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=path[-1])


def answer_next_box(qtbot, button: str) -> list[str]:
    """Press the button with these words in the next message box; its text is put in the list."""
    said: list[str] = []
    watch = QTimer(QApplication.instance(), interval=20)

    def look() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            watch.stop()
            watch.deleteLater()
            said.append(box.text())
            found = next(b for b in box.buttons() if button in b.text().replace("&", ""))
            qtbot.mouseClick(found, Qt.MouseButton.LeftButton)

    watch.timeout.connect(look)
    watch.start()
    return said


def focused(qtbot, window: QWidget) -> QWidget:
    """The widget of `window` that keys go to; the platform may need a moment to say so."""
    if not window.isActiveWindow():
        window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None, timeout=SOON)
    return QApplication.focusWidget()


def categories_of(project: Path) -> dict[int, str]:
    """Item -> name of its category, as a second reader of the project sees it."""
    with Studio.open(project, who="reader", read_only=True) as studio:
        column = studio.catalogue.category
        return {
            int(i) + 1: studio.catalogue.name(int(column[i])) for i in np.flatnonzero(column > 0)
        }


def child_environment(**more: str) -> dict[str, str]:
    """The environment for a process that runs this checkout."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **more}
