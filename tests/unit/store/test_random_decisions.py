"""Random sequences of decisions: undo, redo, reverse, reopening and replay against a model."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from store_kit import Shop, decisions, new_images

from fgvc_studio.domain.errors import ConflictError, UserError
from fgvc_studio.domain.records import LabelSource, Mark, NameKind
from fgvc_studio.store.project import ProjectStore

N = 8
items = st.lists(st.integers(1, N), min_size=1, max_size=N, unique=True).map(
    lambda i: np.array(i, np.int64)
)
pick = st.integers(0, 50)
marks = st.integers(0, 7).map(Mark)


class Decisions(RuleBasedStateMachine):
    """The model is two stacks of whole states: what undo and redo must bring back."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.store = ProjectStore.create(self.folder / "p")
        self.store._db.writer.execute("PRAGMA synchronous=OFF")
        root = self.store.images.add_root(self.folder / "photos")
        self.store.images.add(root, new_images(N))
        self.done, self.undone = [], []
        self.now = decisions(self.store)

    def teardown(self):
        while self.done:
            self.undo()
        assert self.store.operations.undo(who="m") is None
        assert not any(decisions(self.store).values())
        while self.undone:
            self.redo()
        assert self.store.operations.redo(who="m") is None
        report = self.store.replay(self.folder / "replayed")
        assert report.equal, report.differences
        self.store.close()
        shutil.rmtree(self.folder)

    def attempt(self, write):
        """Do it; a refusal must leave no trace, a success is one step."""
        try:
            changes = Shop(self.store).do(write)
        except UserError:
            changes = None
        self.step(changes)

    def step(self, changes):
        if changes is not None:
            self.done.append(self.now)
            self.undone.clear()
            self.now = decisions(self.store)

    def some(self, number):
        known = [c.id for c in self.store.categories.all()]
        return known[number % len(known)] if known else None

    @rule(name=st.text(max_size=6), under=st.none() | pick)
    def add_category(self, name, under):
        parent = None if under is None else self.some(under)
        self.attempt(lambda s: s.categories.add(name, parent))

    @precondition(lambda self: self.now["categories"])
    @rule(ids=items, number=pick, source=st.sampled_from(LabelSource))
    def label(self, ids, number, source):
        self.attempt(lambda s: s.labels.set(ids, self.some(number), source=source))

    @precondition(lambda self: self.now["categories"])
    @rule(ids=items, numbers=st.lists(pick, min_size=N, max_size=N))
    def label_each(self, ids, numbers):
        chosen = np.array([self.some(k) for k in numbers[: len(ids)]], np.int64)
        self.attempt(lambda s: s.labels.set(ids, chosen, source=LabelSource.IMPORT))

    @precondition(lambda self: self.now["categories"])
    @rule(ids=items, number=pick)
    def reject(self, ids, number):
        self.attempt(lambda s: s.labels.reject(ids, self.some(number)))

    @rule(ids=items)
    def clear(self, ids):
        self.attempt(lambda s: s.labels.clear(ids))

    @rule(ids=items, on=marks, off=marks)
    def mark(self, ids, on, off):
        self.attempt(lambda s: s.labels.set_marks(ids, on, off))

    @rule(ids=items, split=st.integers(0, 3))
    def split(self, ids, split):
        self.attempt(lambda s: s.labels.set_splits(ids, np.full(len(ids), split, np.uint8)))

    @precondition(lambda self: self.now["categories"])
    @rule(number=pick, name=st.text(max_size=4), kind=st.sampled_from(NameKind))
    def name(self, number, name, kind):
        self.attempt(lambda s: s.categories.add_name(self.some(number), name, kind))

    @precondition(lambda self: self.now["categories"])
    @rule(number=pick, under=st.none() | pick)
    def move(self, number, under):
        parent = None if under is None else self.some(under)
        self.attempt(lambda s: s.categories.move(self.some(number), parent))

    @precondition(lambda self: self.now["categories"])
    @rule(number=pick, name=st.text(max_size=4))
    def rename(self, number, name):
        self.attempt(lambda s: s.categories.rename(self.some(number), name))

    @precondition(lambda self: self.now["categories"])
    @rule(numbers=st.lists(pick, min_size=1, max_size=3), into=pick)
    def merge(self, numbers, into):
        old = list(dict.fromkeys(self.some(k) for k in numbers))
        self.attempt(lambda s: s.categories.merge(old, self.some(into)))

    @precondition(lambda self: self.now["categories"])
    @rule(number=pick)
    def remove(self, number):
        self.attempt(lambda s: s.categories.remove(self.some(number)))

    @precondition(lambda self: self.done)
    @rule()
    def undo(self):
        assert self.store.operations.undo(who="m") is not None
        self.undone.append(self.now)
        self.now = self.done.pop()
        assert decisions(self.store) == self.now

    @precondition(lambda self: self.undone)
    @rule()
    def redo(self):
        assert self.store.operations.redo(who="m") is not None
        self.done.append(self.now)
        self.now = self.undone.pop()
        assert decisions(self.store) == self.now

    @precondition(lambda self: self.done)
    @rule(number=pick)
    def reverse(self, number):
        standing = [o for o in self.store.operations.history() if o.kind == "do" and not o.undone]
        try:
            changes = self.store.operations.reverse(standing[number % len(standing)].id, who="m")
        except ConflictError:
            changes = None
        self.step(changes)

    @rule()
    def reopen(self):
        path = self.store.path
        self.store.close()
        self.store = ProjectStore.open(path)
        self.store._db.writer.execute("PRAGMA synchronous=OFF")

    @invariant()
    def the_state_is_the_model_and_sound(self):
        if not hasattr(self, "now"):
            return
        assert decisions(self.store) == self.now
        known = {row[0] for row in self.now["categories"]}
        assert all(row[1] in known for row in self.now["labels"] + self.now["rejections"])
        assert all(row[1] is None or row[1] in known for row in self.now["categories"])
        assert all(row[1] in known for row in self.now["category_names"])


TestDecisions = Decisions.TestCase
TestDecisions.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
