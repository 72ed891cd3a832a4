"""From the start of the process to a usable window, and the command line's first answers.

Run: ``python benchmarks/startup_bench.py [--items N | --project P] [--runs 7]``. Every figure is
a fresh process: the clock starts before it is made. The window counts as usable when it has been
painted and its event loop is at rest; torch is not loaded by then (checked). The first run, whose
files may come from the disk, is left out. The baseline of each is a process that imports nothing
("python -c pass").
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import common
import numpy as np
from common import Row

ROOT = Path(__file__).resolve().parents[1]

WINDOW = """
import sys, time
from fgvc_studio.__main__ import prepare_process
prepare_process()
from PySide6.QtCore import QEvent, QObject, QTimer
from fgvc_studio.gui import app as gui
from fgvc_studio.gui.main_window import MainWindow

application = gui.make_application()
window = MainWindow()
PROJECT = sys.argv[1:]

class Seen(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, done)
        return False

def done():
    if PROJECT and not (window.session and len(window.workspaces["go.browse"].views.ids)):
        return
    heavy = sorted({"torch", "umap", "sklearn", "faiss", "openvino"} & set(sys.modules))
    print(time.time(), time.process_time(), ",".join(heavy) or "-", flush=True)
    import os
    os._exit(0)

seen = Seen()
window.show()
if PROJECT:
    from pathlib import Path
    def watch():
        if window.session and len(window.workspaces["go.browse"].views.ids):
            window.workspaces["go.browse"].grid.viewport().installEventFilter(seen)
            window.workspaces["go.browse"].grid.viewport().update()
        else:
            QTimer.singleShot(1, watch)
    QTimer.singleShot(0, lambda: window.open_project(Path(PROJECT[0])))
    QTimer.singleShot(1, watch)
else:
    window.start.installEventFilter(seen)
application.exec()
"""


def run(*command: str) -> tuple[float, float, str]:
    """Seconds from the start to the moment the process names (or ends), CPU, what was loaded."""
    used = os.times()
    start = time.time()
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    end = time.time()
    now = os.times()
    if done.returncode:
        raise SystemExit(done.stderr)
    words = done.stdout.split()
    if command[:2] == ("-c", WINDOW):
        return float(words[0]) - start, float(words[1]), words[2]
    cpu = now.children_user - used.children_user + now.children_system - used.children_system
    return end - start, cpu, ""


def figure(runs: int, what: str, target: str, *command: str) -> list[Row]:
    """Best and median of `runs` after one for warming up."""
    run(*command)
    found = [run(*command) for _ in range(runs)]
    wall, cpu = np.array([f[:2] for f in found]).T * 1e3
    loaded = found[-1][2]
    note = f"best {wall.min():.0f} of {runs}" + (f"; heavy libraries: {loaded}" if loaded else "")
    return [Row(what, target, float(np.median(wall)), cpu=float(np.median(cpu)), note=note)]


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    project = str(common.project_of(args))
    common.private_home()
    os.environ["PYTHONPATH"] = str(ROOT)
    if "DISPLAY" not in os.environ:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    runs = args.runs
    bare = figure(runs, "python -c pass", "", "-c", "pass")[0]
    rows = [
        *figure(runs, "process start to usable window", "< 1,500 ms", "-c", WINDOW),
        *figure(runs, "process start to project in window", "", "-c", WINDOW, project),
        *figure(runs, "import of the command line", "< 300 ms", "-c", "import fgvc_studio.cli.app"),
        *figure(runs, "fgvc-studio --version", "", "-m", "fgvc_studio", "--version"),
        *figure(runs, "fgvc-studio info PROJECT", "", "-m", "fgvc_studio", "info", project),
    ]
    for row in rows:
        row.baseline, row.against = bare.measured, "python -c pass"
    common.show(rows, args)


if __name__ == "__main__":
    main()
