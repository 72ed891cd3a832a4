"""Frame times of the gallery of prototypes: wheel, page and jump, contours and all.

Run offscreen or on a real display::

    QT_QPA_PLATFORM=offscreen python benchmarks/proto_gallery_bench.py [--prototypes 4000]

A frame is the scroll plus the whole painting it causes; 60 frames a second leave 16.7 ms. Every
tile has its contour (36 corners), branch, verdict, ban and suspicion. "arrivals" are the paintings
in which pictures that the lane decoded come in. What the first painting of a window costs (fonts,
icons) is a row of its own. Beside it: the same with the plain image grid.
"""

# ruff: noqa: E402  (the environment is set before the libraries are loaded)

from __future__ import annotations

import os
import sys
import time
from types import SimpleNamespace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from common import Row, Watch, arguments, like_the_program, private_home, show

private_home()
like_the_program()

import numpy as np
from grid_bench import jpegs, provider, wheel
from PySide6.QtWidgets import QApplication

from fgvc_studio.domain.prototypes import PARTS, Patch, Prototype, Verdict
from fgvc_studio.domain.records import Box
from fgvc_studio.gui import theme
from fgvc_studio.gui.models.prototype_view import ORDERS, Book, PrototypeFilter
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.image_grid import ImageGrid
from fgvc_studio.gui.widgets.prototype_grid import PrototypeGrid
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces.prototypes_look import TileFeeder

FRAME_MS = 1000 / 60


def book(count: int) -> Book:
    """A table of `count` prototypes, 10 of a category."""
    rng = np.random.default_rng(0)
    verdicts = [None, *Verdict]
    rows = [
        Prototype(
            i, "bench", "support" if i >= count // 2 else "trivial", i % (count // 10) + 1,
            Patch(i % 900 + 1, Box(*rng.uniform(20, 120, 2), 60, 60), 2, 3, 1.0),
            float(rng.random()), dict.fromkeys(PARTS, 0.4), float(rng.random()),
            float(rng.random()), i - 1 if i % 9 == 0 and i else None, 1.0, int(rng.integers(90)),
            i % 13 == 0, "pin", verdicts[int(rng.integers(6))],
        )
        for i in range(count)
    ]  # fmt: skip
    return Book.of("bench", rows)


def feeder(made: Book) -> TileFeeder:
    columns = SimpleNamespace(width=np.full(900, 256), height=np.full(900, 192))
    catalogue = SimpleNamespace(short_name=lambda c: f"Category number {c}", columns=columns)
    frames = np.tile(np.array([0.0, 0.0, 256.0, 192.0]), (len(made), 1))
    state = SimpleNamespace(run="bench", book=made, frames=frames, tried={3, 14, 15})
    tiles = TileFeeder(SimpleNamespace(studio=SimpleNamespace(catalogue=catalogue)), state)
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1) * 30 + (128, 96)
    for i in range(len(made)):
        tiles._outlines["bench", i] = circle + np.sin(turn * (i % 7))[:, None] * 4
    return tiles


def frames_of(grid: ImageGrid, app: QApplication, steps: int) -> dict[str, np.ndarray]:
    """Wall and CPU milliseconds (n, 2) by way of moving; "arrivals" of pictures apart."""
    painted: list[tuple[float, float]] = []
    paint = type(grid).paintEvent

    class Timed(type(grid)):
        def paintEvent(self, event):
            watch = Watch()
            paint(self, event)
            painted.append(watch.ms())

    grid.__class__ = Timed
    bar, rng = grid.verticalScrollBar(), np.random.default_rng(0)
    acts = {
        "wheel": lambda: wheel(grid),
        "page": lambda: bar.setValue((bar.value() + bar.pageStep()) % max(1, bar.maximum())),
        "jump": lambda: bar.setValue(int(rng.integers(0, bar.maximum()))),
    }
    found: dict[str, list[tuple[float, float]]] = {"arrivals": []}
    for name, act in acts.items():
        found[name] = []
        for _ in range(steps):
            watch = Watch()
            act()
            QApplication.sendPostedEvents()
            app.processEvents()
            found[name].append(watch.ms())
            painted.clear()
            end = time.perf_counter() + 0.05
            while time.perf_counter() < end:
                app.processEvents()
            found["arrivals"] += painted
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    parser = arguments(__doc__, project=False)
    parser.add_argument("--prototypes", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=150)
    args = parser.parse_args()
    sys.setswitchinterval(5e-4)
    app = QApplication([])
    theme.apply(app, "light")
    stored = jpegs(64)
    watch = Watch()
    made = book(args.prototypes)
    rows = [Row("columns of the table", "<= 100", watch.ms()[0])]
    for order in ORDERS:
        watch = Watch()
        made.shown(PrototypeFilter(branch="support"), order)
        rows.append(Row(f"filter and sort by {order}", "<= 16.7", watch.ms()[0]))
    results = {}
    for kind, badges in (("plain", provider), ("gallery", feeder(made).badges)):
        lane = Thumbnails(lambda ids: {i: stored[i % 64] for i in ids})
        grid = (PrototypeGrid if kind == "gallery" else ImageGrid)(Selection(), lane)
        grid.set_badges(badges)
        grid.resize(760, 740)
        grid.set_items(np.arange(1, args.prototypes + 1))
        grid.set_tile_size(144)
        watch = Watch()
        grid.show()
        app.processEvents()
        if kind == "gallery":
            wall, cpu = watch.ms()
            rows.append(Row("gallery shown for the first time", "", wall, cpu=cpu))
        results[kind] = frames_of(grid, app, args.steps)
        grid.hide()
        lane.stop()
    for name, values in results["gallery"].items():
        wall, cpu = np.percentile(values, 99, axis=0)
        plain = np.percentile(results["plain"][name], 99, axis=0)[0]
        late = 100 * float((values[:, 0] > FRAME_MS).mean())
        wall_half, cpu_half = np.median(values, axis=0)
        note = f"median {wall_half:.1f}, cpu {cpu_half:.1f}; {late:.1f} % over 16.7 ms"
        rows.append(
            Row(f"gallery of {args.prototypes:,}: {name}, p99", "<= 16.7", wall, cpu=cpu,
                baseline=plain, against="image grid", note=note)
        )  # fmt: skip
    show(rows, args)


if __name__ == "__main__":
    main()
