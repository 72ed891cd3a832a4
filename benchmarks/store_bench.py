"""Times of the store and the catalogue at 100,000 and 1,000,000 items, as a markdown table.

Run: ``OMP_NUM_THREADS=1 python benchmarks/store_bench.py [items ...]``. Wall and processor time of
this process, the best of several runs: with other work on the machine the best is nearest to the
truth.
"""

import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import apsw
import numpy as np

from fgvc_studio.domain.records import LabelSource, NewImage
from fgvc_studio.services.bus import Bus
from fgvc_studio.services.catalogue import Catalogue
from fgvc_studio.services.labelling import Labelling
from fgvc_studio.store.project import ProjectStore

CATEGORIES = 200
KILLS = 5
WORK = """
import sys
import numpy as np
from pathlib import Path
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.store.project import ProjectStore
with ProjectStore.open(Path(sys.argv[1])) as store:
    dice = np.random.default_rng(int(sys.argv[2]))
    print("ready", flush=True)
    while True:
        ids = dice.integers(1, 100_000, dice.choice([1, 500]))
        with store.operations.record("label", "x", who="w") as recording:
            store.labels.set(ids, int(dice.integers(1, 200)), source=LabelSource.HUMAN)
        print(recording.changes.operation.id, flush=True)
"""


def timed(step, repeats=5, before=lambda: None):
    """Best wall and best processor milliseconds."""
    walls, used = [], []
    for _ in range(repeats):
        before()
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        used.append((time.process_time() - cpu) * 1e3)
        walls.append((time.perf_counter() - wall) * 1e3)
    return min(walls), min(used)


def build(path, count):
    store = ProjectStore.create(path)
    root = store.images.add_root(path.parent / "photos")
    for start in range(0, count, 50_000):
        store.images.add(
            root,
            [
                NewImage(
                    f"genus_{i % 40}/species_{i % CATEGORIES}/IMG_{i:07}.jpg", 250_000, 10**18 + i,
                    i.to_bytes(32, "big"), 1024, 768, i, "JPEG",
                )
                for i in range(start, min(start + 50_000, count))
            ],
        )  # fmt: skip
    with store.operations.record("categories", "made", who="b"):
        for c in range(CATEGORIES):
            store.categories.add(f"species {c}")
    with store.operations.record("import", "labels", who="b"):
        ids = np.arange(1, count + 1, 2)
        store.labels.set(ids, ids % CATEGORIES + 1, source=LabelSource.IMPORT)
    return store


def services(store):
    bus, catalogue = Bus(), Catalogue(store)
    bus.subscribe(catalogue.handle)
    studio = SimpleNamespace(store=store, bus=bus, catalogue=catalogue, who="b")
    return catalogue, Labelling(studio)


def kill(path):
    """Acknowledged operations missing after SIGKILL, and what the integrity check says."""
    acknowledged, lost = [], 0
    for number in range(KILLS):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORK, path, str(number)], stdout=subprocess.PIPE, text=True
        )
        worker.stdout.readline()
        time.sleep(random.Random(number).uniform(0.05, 0.4))
        worker.send_signal(signal.SIGKILL)
        said = worker.communicate()[0].splitlines(keepends=True)
        acknowledged += [int(x) for x in said if x.endswith("\n")]
    connection = apsw.Connection(str(path / "project.db"))
    known = {r[0] for r in connection.execute("SELECT id FROM operations")}
    lost = sum(i not in known for i in acknowledged)
    (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return len(acknowledged), lost, sound


def bench(count, folder):
    path = folder / f"p{count}"
    start = time.perf_counter()
    store = build(path, count)
    print(f"\n### {count:,} items (made in {time.perf_counter() - start:.0f} s)\n")
    print("| | wall ms | processor ms |\n|---|--:|--:|")

    def row(name, result):
        print(f"| {name} | {result[0]:,.1f} | {result[1]:,.1f} |", flush=True)

    catalogue, labelling = services(store)
    dice = np.random.default_rng(0)
    ids = np.sort(dice.choice(count, 20_000, replace=False) + 1)
    turn = iter(range(10**6))

    def label(items):
        labelling.label(items, next(turn) % CATEGORIES + 1)

    row("label 20,000 random items", timed(lambda: label(ids)))
    row("undo it", timed(labelling.undo, before=lambda: label(ids)))
    row("redo it", timed(labelling.redo, before=labelling.undo))
    row("label one item", timed(lambda: label(ids[:1]), 30))
    row("undo it", timed(labelling.undo, 20))
    repeats = 3 if count > 200_000 else 5
    row("Images.columns()", timed(store.images.columns, repeats))
    row("Labels.columns()", timed(store.labels.columns, repeats))
    row("Catalogue(store)", timed(lambda: Catalogue(store), repeats))

    def count_again():
        catalogue._counts = None
        catalogue.counts()

    row("Catalogue.counts()", timed(count_again, 10))
    store.close()

    def open_project():
        opened = ProjectStore.open(path)
        services(opened)
        opened.close()

    row("open the project with its catalogue", timed(open_project, repeats))
    size = (path / "project.db").stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    done, lost, sound = kill(path)
    print(f"\nDatabase {size:,.0f} MB; peak memory of this process {peak:,.0f} MB.")
    print(f"kill -9, {KILLS} times: {done:,} operations acknowledged, {lost} lost, check: {sound}.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for wanted in map(int, sys.argv[1:] or ["100000", "1000000"]):
            bench(wanted, Path(temporary))
