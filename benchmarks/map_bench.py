"""Times of the map at 10k, 100k and 1M points, against QPainter.drawPoints and matplotlib's lasso.

Run: ``QT_QPA_PLATFORM=offscreen python benchmarks/map_bench.py [points ...]``. All rows come from
one process; the ratio is baseline CPU time / ours. CPU time tells more on a machine with other
work.
"""

import os
import sys
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from matplotlib.path import Path as MatplotlibPath
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QApplication

from fgvc_studio.gui import theme
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets import map_raster as mr
from fgvc_studio.gui.widgets.map_canvas import MapCanvas
from fgvc_studio.gui.widgets.map_tools import Drag, Tool

CATEGORIES = 40


def times(step, repeats):
    wall, cpu = [], []
    for i in range(repeats):
        start, used = time.perf_counter(), time.thread_time()
        step(i)
        cpu.append((time.thread_time() - used) * 1e3)
        wall.append((time.perf_counter() - start) * 1e3)
    return np.median(wall), np.percentile(wall, 99), np.median(cpu)


def row(name, result, base=None):
    ratio = f"{base[2] / result[2]:8.1f} x" if base else ""
    figures = "median {:8.3f}   p99 {:8.3f}   CPU {:8.3f} ms".format(*result)
    print(f"  {name:36s} {figures} {ratio}", flush=True)


def bench(app, n):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CATEGORIES, 2)) * 4
    codes = rng.integers(0, CATEGORIES, n).astype(np.int32)
    xy = (centres[codes] + rng.normal(size=(n, 2)) * 0.6).astype(np.float32)
    canvas = MapCanvas(Selection())
    canvas.resize(1200 + 224, 840)
    canvas.show()
    canvas.set_map(xy, np.arange(1, n + 1))
    while canvas.points is None:
        app.processEvents()
    legend = [(c, f"category {c}", None, n // CATEGORIES) for c in range(CATEGORIES)]
    canvas.set_colours(codes, legend)
    surface = canvas.surface
    w, h = surface.width(), surface.height()
    target = QImage(w, h, QImage.Format.Format_RGB32)
    surface.render(target)
    print(f"{n:,} points, {w} x {h} pixels, kernels {'compiled' if mr.warm_up() else 'numpy'}")

    def paint():
        surface.refresh()
        surface.render(target)

    def pan(i):
        surface.state.pan(3 if i % 2 else -3, 1)
        paint()

    def zoom(i):
        surface.state.zoom_at(w / 2, h / 2, 1.25 if i % 20 < 10 else 0.8)
        paint()

    screen = np.stack(surface.state.view(1).to_screen(*xy_in_map(canvas)), -1)
    per_code = [
        QPolygonF([QPointF(*p) for p in screen[codes_at(canvas) == c]]) for c in range(CATEGORIES)
    ]

    def draw_points(i):
        painter = QPainter(target)
        painter.fillRect(target.rect(), QColor("white"))
        for c, polygon in enumerate(per_code):
            painter.setPen(QPen(QColor.fromHsv(c * 8, 200, 200), 2))
            painter.drawPoints(polygon)
        painter.end()

    base = times(draw_points, 12)
    row("baseline QPainter.drawPoints", base)
    row("pan frame", times(pan, 100), base)
    row("zoom frame", times(zoom, 100), base)
    surface.state.fit()
    paint()

    angles = np.linspace(0, 2 * np.pi, 100)
    radius = 200 + 60 * np.sin(5 * angles)
    corners = np.stack([w / 2 + radius * np.sin(angles), h / 2 + radius * np.cos(angles)], -1)
    drag = Drag(Tool.LASSO, QPointF(*corners[0]), QPointF(*corners[-1]))
    drag.points = [QPointF(*c) for c in corners]
    path = MatplotlibPath(corners)
    base = times(lambda i: path.contains_points(screen), 5)
    row("baseline matplotlib contains_points", base)
    row("lasso of 100 corners", times(lambda i: surface.inside(drag), 60), base)
    where = rng.uniform(0, 1, (2000, 2)) * (w, h)
    row("hover", times(lambda i: surface.pick(QPointF(*where[i])), 2000))

    def recolour(i):
        canvas.points.set_codes(codes if i % 2 else codes[::-1])
        paint()

    row("colour change, with frame", times(recolour, 20))
    ids = np.arange(1, n + 1)
    kept = ids[ids % 3 == 0]

    def choose(i):
        canvas.points.set_visible(kept if i % 2 else None)
        paint()

    row("filter change, with frame", times(choose, 20))
    surface.density = True
    row("density frame", times(pan, 40))
    surface.density = False
    row("names placed", times(lambda i: surface._place_names(), 20))
    canvas.stop()
    canvas.close()


def xy_in_map(canvas):
    return canvas.points.index.x, canvas.points.index.y


def codes_at(canvas):
    return canvas.points.codes - 1


def main():
    app = QApplication([])
    theme.apply(app, "light")
    print("raster warm-up", "compiled" if mr.warm_up(wait=True) else "numpy only")
    for n in [int(a) for a in sys.argv[1:]] or [10_000, 100_000, 1_000_000]:
        bench(app, n)


if __name__ == "__main__":
    main()
