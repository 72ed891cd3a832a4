"""What a real SIGKILL leaves behind: every acknowledged decision and no half one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import apsw
from store_kit import Shop, new_images

from fgvc_studio.store.project import ProjectStore

ROUNDS = 15
ITEMS = 3000
WORK = """
import random, sys
from pathlib import Path
import numpy as np
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.store.project import ProjectStore

dice = random.Random(int(sys.argv[2]))
with ProjectStore.open(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    while True:
        size = dice.choice((1, 1, 500))
        first = dice.randrange(1, 3001 - size)
        ids = np.arange(first, first + size)
        category = dice.choice((1, 2))
        with store.operations.record("label", "x", who="w") as recording:
            store.labels.set(ids, category, source=LabelSource.HUMAN)
        print("done", recording.changes.operation.id, first, size, category, flush=True)
        if dice.random() < 0.2:
            print("undone", store.operations.undo(who="w").operation.id, flush=True)
"""


def expected(store, upto):
    """Labels by following the log up to an operation, newest standing decision wins."""
    label = {}
    rows = store._db.rows(
        "SELECT id, kind, target FROM operations WHERE id<=? ORDER BY id", (upto,)
    )
    undone = {target for _, kind, target in rows if kind == "undo"}
    for number, kind, _ in rows:
        if kind == "do" and number not in undone:
            for item in store.operations.items_of(number).tolist():
                label[item] = number
    return label


def test_killed_while_labelling(tmp_path):
    path = tmp_path / "p"
    with ProjectStore.create(path) as store:
        store.images.add(store.images.add_root(tmp_path / "photos"), new_images(ITEMS))
        Shop(store).category("a")
        Shop(store).category("b")
    dice = random.Random(5)
    acknowledged = {}
    for round_ in range(ROUNDS):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORK, path, str(round_)], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout.readline() == "ready\n"
        time.sleep(dice.uniform(0.0, 0.12))
        worker.send_signal(signal.SIGKILL)
        said, _ = worker.communicate()
        for line in said.splitlines(keepends=True):
            if line.endswith("\n"):
                what, number, *facts = line.split()
                acknowledged[int(number)] = (what, *map(int, facts))
    check(path, acknowledged)


def check(path, acknowledged):
    connection = apsw.Connection(str(path / "project.db"))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with ProjectStore.open(path) as store:
        log = {o.id: o for o in store.operations.history(limit=10**6)}
        batches = 0
        for number, (what, *facts) in acknowledged.items():
            assert log[number].kind == {"done": "do", "undone": "undo"}[what]
            if facts:
                first, size, _ = facts
                touched = store.operations.items_of(number)
                assert touched.tolist() == list(range(first, first + size))
                batches += size == 500
        category_of = {n: f[2] for n, (w, *f) in acknowledged.items() if w == "done"}
        assert len(acknowledged) > ROUNDS and batches, "the workers did too little to tell"
        standing = expected(store, max(log))
        columns = store.labels.columns()
        assert columns.item_ids.tolist() == sorted(standing)
        for item, category in zip(
            columns.item_ids.tolist(), columns.category.tolist(), strict=True
        ):
            assert category == category_of.get(standing[item], category)
        report = store.replay(path.parent / "replayed")
        assert report.equal, report.differences
