"""The real main window on a project of 100,000 items: opening, frames, bulk naming, lasso, memory.

Run: ``QT_QPA_PLATFORM=offscreen python benchmarks/window_bench.py [--items N | --project P]``, or
under a display (``xvfb-run -s "-screen 0 1440x900x24" python benchmarks/window_bench.py``).

A frame runs from handing an input event to the window until the widget it belongs to was painted
and flushed, on the GUI thread; pictures are decoded by the lane in between, as in use. Wall time
counts whatever else the machine does, "cpu" is the GUI thread's own time.
"""

# ruff: noqa: E402  (the environment is set before the libraries are loaded)

from __future__ import annotations

import os
import sys

if sys.platform.startswith("linux") and "DISPLAY" not in os.environ:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import gc
import resource
import time
from collections.abc import Callable
from pathlib import Path

import common
from common import Row, Watch

common.private_home()
common.like_the_program()

import numpy as np
from PySide6.QtCore import QEvent, QEventLoop, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from fgvc_studio.gui import preferences
from fgvc_studio.gui.app import WarmUp, make_application
from fgvc_studio.gui.main_window import MainWindow

LIMIT_S = 60
BULK = 20_000


class Painted(QObject):
    """Counts the paint events of some widgets."""

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self.count = dict.fromkeys(widgets, 0)
        for widget in widgets:
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.count[watched] = self.count.get(watched, 0) + 1
        return False


def until(app: QApplication, done: Callable[[], bool], what: str = "a picture") -> None:
    """Run the event loop until `done`."""
    end = time.perf_counter() + LIMIT_S
    while not done():
        app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        if time.perf_counter() > end:
            raise TimeoutError(f"waited in vain for {what}")


def settle(app: QApplication, seconds: float) -> None:
    """Run the event loop for a while, at rest where there is nothing to do."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        app.processEvents()
        time.sleep(0.001)


def wheel(widget: QWidget, at: QPointF, delta: int) -> None:
    """One notch of the wheel."""
    event = QWheelEvent(
        at,
        QPointF(widget.mapToGlobal(at.toPoint())),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def mouse(widget: QWidget, kind: QEvent.Type, at: QPointF, button: Qt.MouseButton) -> None:
    """One mouse event with `button` held."""
    held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else button
    this = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else button
    place = QPointF(widget.mapToGlobal(at.toPoint()))
    QApplication.sendEvent(
        widget, QMouseEvent(kind, at, place, this, held, Qt.KeyboardModifier.NoModifier)
    )


class Bench:
    """The window and its parts, and the rows measured so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []
        self.app = make_application()
        self.pulse = QTimer(interval=200)  # so that waiting for ever ends
        self.pulse.start()
        preferences.remember("confirm/bulk_off", True)
        self.window = MainWindow(crashed=lambda trace, _doing: sys.exit(trace))
        self.window.resize(1440, 900)
        self.window.show()
        warm_up = WarmUp()  # as the program does once the window stands; loads torch as well
        warm_up.start()
        self.window.activateWindow()
        until(self.app, warm_up.isFinished, "the libraries")
        settle(self.app, 0.5)

    def open(self) -> None:
        """From the click on a recent project to the first painted grid and map."""
        watch = Watch()
        self.window.open_project(self.path)
        until(self.app, lambda: self.window.session is not None)
        self.browse = browse = self.window.workspaces["go.browse"]
        self.grid, self.surface = browse.grid.viewport(), browse.map.surface
        self.painted = Painted(self.grid, self.surface)
        until(self.app, lambda: len(browse.views.ids) and self.painted.count[self.grid])
        first = watch.ms()
        until(self.app, lambda: self.surface.points is not None)
        seen = self.painted.count[self.surface]
        until(self.app, lambda: self.painted.count[self.surface] > seen)
        both = watch.ms()
        n = len(browse.views.ids)
        self.add(f"open {n:,} items: click to first grid", "< 1,000 ms", *first)
        self.add("open: click to grid and map", "", *both)
        until(self.app, lambda: len(self.window.workspaces.made()) == len(self.window.workspaces))
        settle(self.app, 1.0)

    def add(self, what: str, target: str, wall: float, cpu: float, note: str = "") -> None:
        """Note one figure."""
        self.rows.append(Row(what, target, wall, cpu=cpu, note=note))

    def frames(self, what: str, widget: QWidget, act: Callable[[int], None], steps: int) -> None:
        """Median and 99th percentile of `steps` acts, each until `widget` is painted."""
        found = []
        for i in range(steps):
            seen = self.painted.count[widget]
            watch = Watch()
            act(i)
            QApplication.sendPostedEvents()
            until(self.app, lambda seen=seen: self.painted.count[widget] > seen)
            found.append(watch.ms())
            settle(self.app, 0.02)
        wall, cpu = np.array(found).T
        self.add(f"{what}: median of {steps}", "< 16 ms", np.median(wall), np.median(cpu))
        self.add(f"{what}: p99", "< 33 ms", np.percentile(wall, 99), np.percentile(cpu, 99))

    def scroll(self, steps: int) -> None:
        """The grid by wheel, page and jump."""
        grid, bar = self.browse.grid, self.browse.grid.verticalScrollBar()
        rng = np.random.default_rng(0)
        jumps = rng.permutation(np.linspace(0, bar.maximum(), steps).astype(int))
        at = QPointF(200, 200)
        self.frames("grid wheel", self.grid, lambda _: wheel(self.grid, at, -120), steps)
        page = bar.pageStep()
        self.frames("grid page", self.grid, lambda _: bar.setValue(bar.value() + page), steps)
        self.frames("grid jump", self.grid, lambda i: bar.setValue(int(jumps[i])), steps)
        grid.verticalScrollBar().setValue(0)

    def move_map(self, steps: int) -> None:
        """The map by dragging with the middle button and by wheel."""
        surface, middle = self.surface, Qt.MouseButton.MiddleButton
        centre = QPointF(surface.width() / 2, surface.height() / 2)
        mouse(surface, QEvent.Type.MouseButtonPress, centre, middle)
        mouse(surface, QEvent.Type.MouseMove, centre + QPointF(20, 0), middle)

        def pan(i: int) -> None:
            shift = QPointF(20 + 60 * np.sin(i / 9) + i % 2, 40 * np.cos(i / 7))
            mouse(surface, QEvent.Type.MouseMove, centre + shift, middle)

        self.frames("map pan", surface, pan, steps)
        mouse(surface, QEvent.Type.MouseButtonRelease, centre, middle)
        self.frames(
            "map zoom",
            surface,
            lambda i: wheel(surface, centre, 120 if i % 20 < 10 else -120),
            steps,
        )
        surface.state.fit()
        surface.moved()
        settle(self.app, 0.3)

    def lasso(self, repeats: int) -> None:
        """Which of all points lie in a drawn outline, as at every move of the mouse."""
        from fgvc_studio.gui.widgets.map_tools import Drag, Tool

        surface = self.surface
        w, h = surface.width(), surface.height()
        angles = np.linspace(0, 2 * np.pi, 100)
        radius = min(w, h) * (0.33 + 0.1 * np.sin(5 * angles))
        corners = [
            QPointF(w / 2 + r * np.sin(a), h / 2 + r * np.cos(a))
            for r, a in zip(radius, angles, strict=True)
        ]
        drag = Drag(Tool.LASSO, corners[0], corners[-1])
        drag.points = corners
        times = []
        for _ in range(repeats):
            watch = Watch()
            hit = surface.inside(drag)
            times.append(watch.ms())
        wall, cpu = np.median(times, 0)
        n = len(surface.points)
        self.add(f"lasso over {n:,} points", "< 5 ms", wall, cpu, f"{len(hit):,} inside")

    def name_many(self, repeats: int) -> None:
        """Name 20,000 items, then undo, until grid, map, tree and status show it."""
        browse, window = self.browse, self.window
        rng = np.random.default_rng(1)
        n = len(browse.views.ids)
        decided: list[dict] = []  # paints so far, when the last of the views had been told
        window.session.bridge.decided.connect(
            lambda _changes: decided.append(dict(self.painted.count))
        )
        named, undone = [], []
        for i in range(repeats):
            ids = np.sort(rng.choice(n, min(BULK, n), replace=False) + 1)
            window.selection.set(ids)
            settle(self.app, 0.5)
            act = lambda i=i: browse.control.label(5 + i % 7)  # noqa: E731
            named.append(self._shown(decided, act))
            settle(self.app, 0.5)
            undone.append(self._shown(decided, lambda: window.actions_.run("edit.undo")))
            settle(self.app, 0.5)
        window.selection.clear()
        for what, times in (("name", named), ("undo naming", undone)):
            wall, cpu = np.median(times, 0)
            self.add(
                f"{what} {min(BULK, n):,} items, all views shown",
                "< 100 ms",
                wall,
                cpu,
                f"best {np.min(times, 0)[0]:.0f} of {repeats}",
            )

    def _shown(self, decided: list[dict], act: Callable[[], object]) -> tuple[float, float]:
        tasks = self.window.tasks
        decided.clear()
        watch = Watch()
        act()
        until(self.app, lambda: bool(decided), "a decision")
        until(
            self.app,
            lambda: (
                not tasks.waiting("browse filter")
                and all(self.painted.count[w] > decided[-1][w] for w in (self.grid, self.surface))
            ),
            "views after a decision",
        )
        return watch.ms()

    def identify(self, letters: str, repeats: int) -> None:
        """Keys in the identify box, each until its list is painted."""
        browse = self.browse
        browse.grid.setFocus()
        self.window.selection.set_current(1)
        settle(self.app, 0.3)
        box = browse.identify_box
        painted = Painted(box.list.viewport(), box)
        opened, times = [], []
        for _ in range(repeats):
            seen = painted.count[box]
            watch = Watch()
            self.window.actions_.run("label.identify")
            until(self.app, lambda seen=seen: painted.count[box] > seen)
            opened.append(watch.ms())
            for letter in letters:
                seen = sum(painted.count.values())
                watch = Watch()
                QTest.keyClick(box.line, letter)
                until(self.app, lambda seen=seen: sum(painted.count.values()) > seen)
                times.append(watch.ms())
            QTest.keyClick(box.line, Qt.Key.Key_Escape)
            settle(self.app, 0.05)
        self.add("identify: command to box", "< 100 ms", *np.median(opened, 0))
        self.add("identify: letter to list, median", "< 50 ms", *np.median(times, 0))
        self.add("identify: letter to list, p99", "", *np.percentile(times, 99, axis=0))

    def similar(self) -> None:
        """S: from the key to the painted neighbours, so that memory counts the search as well."""
        self.window.selection.set_current(77)
        settle(self.app, 1.0)
        times = []
        for item in (77, 991, 77, 1203):
            self.window.selection.set_current(item)
            settle(self.app, 0.7)
            before, seen = self.browse.views.ids, self.painted.count[self.grid]
            watch = Watch()
            self.window.actions_.run("view.similar")
            until(
                self.app,
                lambda before=before, seen=seen: (
                    self.browse.views.ids is not before and self.painted.count[self.grid] > seen
                ),
            )
            times.append(watch.ms())
            self.browse.views.clear()
            settle(self.app, 0.5)
        self.add("similar: key to painted grid", "", *np.median(times[1:], 0))

    def memory(self) -> None:
        """Peak and present size of the process; mapped vectors count where they were read."""
        gc.collect()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found = _memory()
        note = ", ".join(f"{k} {v:.0f}" for k, v in found.items())
        self.rows.append(Row("memory, peak", "< 2,048 MB", peak, "MB", note=note))

    def close(self) -> None:
        """Close as a user does."""
        watch = Watch()
        self.window.close()
        self.add("close", "", *watch.ms())


def _memory() -> dict[str, float]:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    wanted = ("VmHWM", "VmRSS", "RssAnon", "RssFile")
    pairs = (line.split(":") for line in lines)
    return {k: int(v.split()[0]) / 1024 for k, v in pairs if k in wanted}


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()
    bench = Bench(common.project_of(args))
    bench.open()
    bench.scroll(args.steps)
    bench.move_map(args.steps)
    bench.lasso(50)
    bench.identify("species", 5)
    bench.name_many(5)
    bench.similar()
    bench.memory()
    bench.close()
    print(f"platform {bench.app.platformName()}")
    common.show(bench.rows, args)


if __name__ == "__main__":
    main()
