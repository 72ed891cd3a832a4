"""Discover on 100,000 items in 500 clusters: how long the window's thread is held at most.

Run: ``QT_QPA_PLATFORM=offscreen python benchmarks/discover_bench.py [--items N | --project P]``

Every act is followed by passes of the event loop until nothing is read or written any more. A
frame is one pass, in time of the window's own thread (so other work on the machine does not
count); a pass may hold several events, so no event took longer. Passes in which nothing happened
are left out. The clusters are the true groups of the generated project, halved until
there are 500.
"""

# ruff: noqa: E402  (the environment is set before the libraries are loaded)

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import common

common.private_home()
common.like_the_program()

import numpy as np
from make_large import SPACE
from PySide6.QtCore import QTimer

from fgvc_studio.analysis import cluster_quality
from fgvc_studio.domain.clusters import Found
from fgvc_studio.gui import preferences
from fgvc_studio.gui.app import make_application
from fgvc_studio.gui.main_window import MainWindow
from fgvc_studio.services.studio import Studio

CLUSTERS = 500
LIMIT_S = 900
IDLE_MS = 0.2
"""A pass below this did nothing."""
LEISURELY = {"browse suggestions"}
"""Work of other workspaces that takes its time in the background; its threads are not timed."""
QUIET = 12
"""Passes without work after which an act is over."""
FRAME_MS = 16


def propose(project: Path) -> None:
    """A discovery of 500 clusters over everything without a label.

    What a job measures on it for minutes (closeness, purity) is left out.
    """
    cluster_quality.quality = lambda data, *_: np.ones(len(data), np.float32)
    cluster_quality.calibrate = lambda *_: iter(())
    with Studio.open(project, who="bench") as studio:
        found = studio.exploring.load_map(SPACE)
        assert found is not None
        assert found.groups is not None
        free = studio.catalogue.category[found.item_ids - 1] == 0
        items, group = found.item_ids[free], found.groups[free].astype(np.int64)
        cluster = group * 3 + np.arange(len(items)) % 3
        cluster = np.where(cluster < CLUSTERS, cluster, group)
        draw = np.random.default_rng(0)
        sure = draw.random(len(items)).astype(np.float32)
        studio.review.propose(
            Found(
                "kmeans", "500 clusters", SPACE, items, cluster,
                confidence=sure, margin=sure * 0.5, agreement=sure,
                runner_up=(cluster + 1) % CLUSTERS,
            )
        )  # fmt: skip


class Bench:
    """The window, and the longest pass of each act."""

    def __init__(self, project: Path) -> None:
        self.app = make_application()
        self.frames: list[float] = []
        self.pulse = QTimer(interval=20)
        self.pulse.start()
        preferences.remember("confirm/bulk_off", True)
        self.window = MainWindow(crashed=lambda trace, _doing: sys.exit(trace))
        self.window.resize(1440, 900)
        self.window.show()
        self.window.open_project(project)
        self.until(lambda: self.window.session is not None)
        self.settle()

    @property
    def page(self):
        """The workspace, once it was shown."""
        return self.window.workspaces["go.discover"]

    def table_shown(self) -> list[float]:
        """Go to Discover; passes until the clusters stand in the table."""
        before = time.thread_time()
        self.window.go("go.discover")
        own = 1e3 * (time.thread_time() - before)
        return [own, *self.until(lambda: len(self.page.table.model.clusters) > 0)]

    def until(self, done: Callable[[], bool]) -> list[float]:
        """Passes of the event loop until `done`, each in ms of this thread's time.

        Raises
        ------
        TimeoutError
            Not done after a quarter of an hour.
        """
        frames, end = [], time.perf_counter() + LIMIT_S
        while not done():
            before = time.thread_time()
            self.app.processEvents()
            frames.append(1e3 * (time.thread_time() - before))
            time.sleep(0.001)
            if time.perf_counter() > end:
                raise TimeoutError(f"still at work: {list(self.window.tasks._open)}")
        return [f for f in frames if f >= IDLE_MS]

    def settle(self) -> list[float]:
        """Passes until nothing is under way for a while."""
        quiet = 0

        def rests() -> bool:
            nonlocal quiet
            quiet = 0 if set(self.window.tasks._open) - LEISURELY else quiet + 1
            return quiet > QUIET

        return self.until(rests)

    def act(self, what: str, do: Callable[[], object], repeats: int = 1) -> None:
        """Print the frames and the processor time of all threads until all was there."""
        frames, used = [], []
        for _ in range(repeats):
            process, before = time.process_time(), time.thread_time()
            do()
            frames.append(1e3 * (time.thread_time() - before))
            frames += self.settle()
            used.append(1e3 * (time.process_time() - process))
        self.frames += frames
        note = "" if max(frames) < FRAME_MS else f"  <-- over {FRAME_MS} ms"
        print(
            f"{what:36} frames: median {np.median(frames):5.1f}, longest {max(frames):6.1f} ms; "
            f"all threads {np.median(used):7.1f} ms{note}",
            flush=True,
        )


def main() -> None:
    source = common.project_of(common.arguments(__doc__ or "").parse_args())
    project = source.with_name("discover-bench.fgvc")
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(source, project, ignore=shutil.ignore_patterns("photos"))
    propose(project)
    bench = Bench(project)
    window = bench.window
    run = window.actions_.run
    begun, wall = time.process_time(), time.perf_counter()
    bench.frames += bench.table_shown()
    print(
        f"first table: {1e3 * (time.process_time() - begun):.0f} ms of all threads, "
        f"{1e3 * (time.perf_counter() - wall):.0f} ms of the clock"
    )
    page = bench.page
    bench.act("the rest of opening", lambda: None)
    clusters = page.desk.listing.clusters
    print(f"{len(clusters)} clusters, {sum(c.size for c in clusters):,} items")
    bench.act("next cluster", lambda: run("cluster.next"), 20)
    bench.act("sort by confidence", lambda: page.table._sort("confidence", True), 3)
    bench.act("find in the table", lambda: page.table.find.setText("Genus 0"), 1)
    bench.act("clear the find field", page.table.find.clear)
    bench.act("all members", page.header.everything.toggle, 2)
    bench.act("tick 50 members", lambda: window.selection.set(page.grid.ids[:50]))
    bench.act("strike out 50", lambda: run("cluster.strike"))
    bench.act("accept under the proposed name", lambda: run("cluster.accept_as_is"), 5)
    bench.act("undo", lambda: run("edit.undo"), 5)
    bench.act("split preview", lambda: run("cluster.split"))
    bench.act("split", lambda: run("cluster.split"))
    bench.act("merge preview", lambda: run("cluster.merge"))
    bench.act("merge", lambda: run("cluster.merge"))
    bench.act("spot check", lambda: run("cluster.check"))
    bench.act("record the check", lambda: run("cluster.check"))
    bench.act("grow: rank and first page", lambda: run("cluster.grow"))
    bench.act("grow: all match", lambda: run("grow.match"), 5)
    bench.act("grow: audit", page.growing.audit)
    bench.act("grow: leave", lambda: run("grow.leave"))
    bench.act("theme", lambda: run("view.theme"), 2)
    bench.act("back to Browse", lambda: window.go("go.browse"))
    frames = np.array(bench.frames)
    print(
        f"{len(frames)} frames: median {np.median(frames):.1f} ms, 99 % below "
        f"{np.percentile(frames, 99):.1f} ms, longest {frames.max():.1f} ms"
    )
    window.close()
    shutil.rmtree(project, ignore_errors=True)


if __name__ == "__main__":
    main()
