"""Small projects for the tests of the store."""

from __future__ import annotations

import hashlib

import numpy as np

from fgvc_studio.domain.records import LabelSource, NewImage
from fgvc_studio.store.schema import DECISIONS


def new_images(count, first=0, **facts):
    return [
        NewImage(
            path=f"a/{i:06}.jpg",
            size_bytes=100 + i,
            mtime_ns=1_700_000_000_000_000_000 + i,
            sha256=hashlib.sha256(str(i).encode()).digest(),
            width=40 + i % 7,
            height=30 + i % 5,
            phash=i - 3,
            format="JPEG",
            **facts,
        )
        for i in range(first, first + count)
    ]


class Shop:
    """A store with the shortest possible ways to decide something."""

    def __init__(self, store):
        self.store = store

    def do(self, write, verb="test", who="ana"):
        with self.store.operations.record(verb, "a test", who=who) as recording:
            self.result = write(self.store)
        return recording.changes

    def category(self, name, parent=None, **facts):
        self.do(lambda s: s.categories.add(name, parent, **facts))
        return self.result

    def label(self, ids, category, source=LabelSource.HUMAN, **facts):
        return self.do(
            lambda s: s.labels.set(np.asarray(ids, np.int64), category, source=source, **facts)
        )


def decisions(store):
    """Every decision table as sorted rows."""
    return {t: store._db.rows(f"SELECT * FROM {t} ORDER BY 1, 2") for t in DECISIONS}
