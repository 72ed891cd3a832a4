"""The real window while a real training runs: how late a 16 ms timer is, and naming 1,000 items.

Run: ``QT_QPA_PLATFORM=offscreen python benchmarks/train_gui_bench.py [--seconds 60]``

A project of sample moths is made once and kept in the temporary folder. The quick preset of CMD is
started in the Train page with the threads that Settings recommends (all cores but one); once its
first steps are done, a precise timer of 16 ms notes how late each tick is: half of the time with
the curves and the live map in front, half of it in Browse, where 1,000 items are named every few
seconds. The same timer before the training is the baseline.
"""

# ruff: noqa: E402  (the environment is set before the libraries are loaded)

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

if sys.platform.startswith("linux") and "DISPLAY" not in os.environ:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import common
from common import Row

common.private_home()
common.like_the_program()

import numpy as np
import window_bench
from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer
from window_bench import until

from fgvc_studio.gui import preferences
from fgvc_studio.gui.app import WarmUp, make_application
from fgvc_studio.gui.main_window import MainWindow
from fgvc_studio.gui.widgets import curves
from fgvc_studio.gui.workspaces.train_control import Request

PERIOD_MS = 16
TARGET_MS = 33.0
NAMED = 1000
NAMING_MS = 50.0
EVERY_S = 4.0
PATIENCE_S = 1800


class Clock(QObject):
    """A 16 ms timer that notes in ms how late it is each time."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []
        self._timer = QTimer(self, timerType=Qt.TimerType.PreciseTimer, interval=PERIOD_MS)
        self._timer.timeout.connect(self._tick)
        self._last = time.perf_counter()

    def start(self) -> None:
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(max(0.0, (now - self._last) * 1e3 - PERIOD_MS))
        self._last = now


def project(items: int) -> Path:
    """Sample moths with a frozen space, made once."""
    from fgvc_studio.services import demo
    from fgvc_studio.services.studio import Studio

    folder = Path(tempfile.gettempdir()) / f"fgvc-bench-train-{items}"
    path = drive(demo.make_project(folder, items))
    with Studio.open(path) as studio:
        if not studio.embedding.spaces():
            drive(studio.embedding.run())
            drive(studio.exploring.map(method="pca"))
    return path


def drive(steps):
    """A service to its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def rest(seconds: float) -> None:
    """Let the event loop run as in use."""
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def painted(kept: list[float]) -> None:
    """Note how long each painting of the curves takes in the GUI thread."""
    whole = curves.CurveBoard.paintEvent

    def timed(self, event) -> None:
        begun = time.perf_counter()
        whole(self, event)
        kept.append((time.perf_counter() - begun) * 1e3)

    curves.CurveBoard.paintEvent = timed


def name_items(browse, category: int, n: int) -> float:
    """Name 1,000 items as a key press does; milliseconds of the GUI thread."""
    ids = np.sort(np.random.default_rng().permutation(n)[:NAMED]) + 1
    begun = time.perf_counter()
    browse.control.label(category, ids.astype(np.int64))
    return (time.perf_counter() - begun) * 1e3


def measure(path: Path, seconds: float) -> list[Row]:
    window_bench.LIMIT_S = PATIENCE_S
    app = make_application()
    pulse = QTimer(interval=50)  # so that waiting goes on without events
    pulse.start()
    preferences.remember("confirm/bulk_off", True)
    window = MainWindow(crashed=lambda trace, _doing: sys.exit(trace))
    window.resize(1440, 900)
    window.show()
    warm_up = WarmUp()
    warm_up.start()
    until(app, warm_up.isFinished, "the libraries")
    window.open_project(path)
    until(app, lambda: window.session is not None, "the project")
    browse, train = window.workspaces["go.browse"], window.workspaces["go.train"]
    until(app, lambda: bool(len(browse.views.ids)), "the photos")
    for run in window.session.studio.training.runs.all():
        window.session.studio.training.runs.discard(run.id)
    paints: list[float] = []
    painted(paints)
    window.go("go.train")
    rest(2.0)
    pulse.stop()
    idle = Clock()
    idle.start()
    rest(seconds / 4)
    idle.stop()
    settings = {"epochs": 1000}
    train.start(Request("cmd", "quick", "head", ("train", "val"), "", 0, settings))
    pulse.start()
    until(app, lambda: window.jobs.running is not None, "the job")
    control = train.control
    until(app, lambda: any(control.job_of(run.id) for run in control.runs), "the run")
    run_id = next(run.id for run in control.runs if control.job_of(run.id))
    history = control.history(run_id)
    until(app, lambda: history.points() > 4, "the first steps")
    pulse.stop()
    n = window.session.studio.catalogue.n
    category = next(iter(browse.context.studio.catalogue.categories))
    first = history.points()
    begun = time.monotonic()
    clocks = Clock(), Clock()
    clocks[0].start()
    rest(seconds / 2)
    clocks[0].stop()
    window.go("go.browse")
    rest(1.0)
    clocks[1].start()
    naming = []
    end = time.monotonic() + seconds / 2
    while time.monotonic() < end:
        rest(EVERY_S)
        naming.append(name_items(browse, category, n))
    clocks[1].stop()
    pulse.start()
    rate = (history.points() - first) / (time.monotonic() - begun)
    control.stop_and_discard(run_id)
    until(app, lambda: not window.jobs.busy, "the end of the job")
    rest(1.0)
    window.close()
    cores = preferences.cores_for_jobs()
    note = f"{cores} of {os.cpu_count()} cores train, {rate:.1f} steps/s"
    return [
        _late("timer late in training, curves shown, p99", clocks[0].late, idle.late, note),
        _late("timer late in training, naming, p99", clocks[1].late, idle.late, note),
        Row(f"naming {min(NAMED, n):,} items in training, worst", f"< {NAMING_MS:.0f} ms",
            max(naming), note=f"median {np.median(naming):.1f}, {len(naming)} times"),
        Row("painting the curves in the window, worst", "< 16 ms", max(paints, default=0.0),
            note=f"{len(paints)} times"),
    ]  # fmt: skip


def _late(what: str, late: list[float], idle: list[float], note: str) -> Row:
    p50, p99 = np.percentile(late, (50, 99))
    base = float(np.percentile(idle, 99))
    told = f"p50 {p50:.1f}, max {max(late):.1f}, {len(late):,} ticks; {note}"
    return Row(
        what, f"<= {TARGET_MS:.0f} ms", float(p99), baseline=base, against="before", note=told
    )


def main() -> None:
    parser = common.arguments(__doc__, project=False)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--items", type=int, default=1200)
    args = parser.parse_args()
    common.show(measure(project(args.items), args.seconds), args)


if __name__ == "__main__":
    main()
