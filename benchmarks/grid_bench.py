"""Frame times of the image grid with many items: wheel, page and jump.

Run offscreen or on a real display::

    QT_QPA_PLATFORM=offscreen python benchmarks/grid_bench.py [--items 100000] [--tile 160]

A frame is the scroll plus the whole painting it causes (``viewport().repaint()`` of what is
exposed), pictures included. Pictures are decoded by the lane between the frames, as in use; the
time in which the GUI thread takes them over (pixmaps and repainting) is listed as "arrivals".
Wall time counts what else the machine does; "cpu" is the GUI thread's own time.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication

from fgvc_studio.gui import theme
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.grid_paint import GridBadges
from fgvc_studio.gui.widgets.image_grid import ImageGrid
from fgvc_studio.gui.widgets.thumbnails import Thumbnails


def jpegs(count: int) -> list[bytes]:
    out = []
    for i in range(count):
        image = QImage(256, 192, QImage.Format.Format_RGB32)
        gradient = QLinearGradient(0, 0, 256, 192)
        gradient.setColorAt(0, QColor.fromHsv(i * 37 % 360, 120, 220))
        gradient.setColorAt(1, QColor.fromHsv(i * 91 % 360, 160, 90))
        p = QPainter(image)
        p.fillRect(0, 0, 256, 192, gradient)
        p.drawEllipse(QPointF(128, 96), 60, 40)
        p.end()
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        image.save(buffer, "JPEG", 85)
        out.append(bytes(data.data()))
    return out


def provider(ids):
    source = (ids % 4).astype(np.uint8)
    return GridBadges(
        [f"Category number {i % 200}" if i % 4 else "" for i in ids.tolist()],
        np.where(source > 0, ids % 200, -1).astype(np.int32),
        source,
        (ids % 100 / 100).astype(np.float32),
        (ids % 8).astype(np.uint8),
        (ids % 17 == 0).astype(np.uint8),
    )


class Watch:
    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), time.thread_time()

    def ms(self):
        return (time.perf_counter() - self.wall) * 1000, (time.thread_time() - self.cpu) * 1000


class TimedGrid(ImageGrid):
    def __init__(self, *args):
        super().__init__(*args)
        self.frames = []

    def paintEvent(self, event):
        watch = Watch()
        super().paintEvent(event)
        self.frames.append(watch.ms())


def settle(app, seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        app.processEvents()


def report(name, frames):
    wall, cpu = np.array(frames).T
    print(
        f"{name:<24} n={len(wall):<4} wall median {np.median(wall):6.2f}  "
        f"p99 {np.percentile(wall, 99):6.2f}  cpu median {np.median(cpu):6.2f}  "
        f"p99 {np.percentile(cpu, 99):6.2f} ms"
    )


def wheel(grid):
    event = QWheelEvent(
        QPointF(300, 300),
        grid.viewport().mapToGlobal(QPointF(300, 300)),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(grid.viewport(), event)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--tile", type=int, default=160)
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()
    sys.setswitchinterval(5e-4)  # as the program's entry point does
    app = QApplication([])
    theme.apply(app, "light")
    stored = jpegs(64)
    thumbs = Thumbnails(lambda ids: {i: stored[i % 64] for i in ids})
    grid = TimedGrid(Selection(), thumbs)
    grid.set_badges(provider)
    grid.resize(1250, 900)
    start = time.perf_counter()
    grid.set_items(np.arange(1, args.items + 1))
    grid.set_tile_size(args.tile)
    print(f"set_items({args.items:,}): {(time.perf_counter() - start) * 1000:.1f} ms")
    grid.show()
    print(f"{grid.layout_.columns} columns of {grid.tile_size} px")
    settle(app, 0.5)
    bar = grid.verticalScrollBar()
    rng = np.random.default_rng(0)
    acts = {
        "wheel": lambda: wheel(grid),
        "page": lambda: bar.setValue(bar.value() + bar.pageStep()),
        "jump": lambda: bar.setValue(int(rng.integers(0, bar.maximum()))),
    }
    for name, act in acts.items():
        moves, arrivals = [], []
        for _ in range(args.steps):
            grid.frames.clear()
            watch = Watch()
            act()
            QApplication.sendPostedEvents()
            app.processEvents()
            moves.append(watch.ms())
            grid.frames.clear()
            settle(app, 0.05)
            arrivals += grid.frames
        report(f"{name}: scroll + paint", moves)
        if arrivals:
            report(f"{name}: arrivals", arrivals)
    print(f"cache {thumbs.used_bytes / 2**20:.0f} MB")
    start = time.perf_counter()
    grid.select_all()
    app.processEvents()
    print(f"select all: {(time.perf_counter() - start) * 1000:.1f} ms")
    thumbs.stop()


if __name__ == "__main__":
    main()
