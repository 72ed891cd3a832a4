"""A project store in memory with the agreed interface, for tests of the services alone."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import Category, ImageRecord, Item, Operation


class MemoryStore:
    def __init__(self):
        self.images, self.categories = Images(), Categories(self)
        self.labels, self.metadata, self.thumbs = Labels(self), Metadata(), Thumbs()
        self.operations = Operations(self)
        self.recording = None

    def need_record(self):
        if self.recording is None:
            raise RuntimeError("outside record()")
        self.recording.count += 1


class Images:
    def __init__(self):
        self.roots, self.records, self.items_, self.skipped_ = [], [], [], []

    def add_root(self, path):
        if path not in self.roots:
            self.roots.append(path)
        return self.roots.index(path) + 1

    def known(self, root_id):
        return {
            r.path: (r.id, r.size_bytes, r.mtime_ns) for r in self.records if r.root_id == root_id
        }

    def hashes(self):
        return (
            np.array([r.id for r in self.records], np.int64),
            np.array([r.phash for r in self.records], np.int64),
        )

    def by_sha256(self, digests):
        return {r.sha256: r.id for r in reversed(self.records) if r.sha256 in set(digests)}

    def add(self, root_id, images):
        ids = []
        for new in images:
            fields = {k: getattr(new, k) for k in new.__slots__ if k != "boxes"}
            record = ImageRecord(id=len(self.records) + 1, root_id=root_id, **fields)
            assert record.duplicate_of is None or 0 < record.duplicate_of < record.id
            assert new.path not in self.known(root_id)
            self.records.append(record)
            ids += self.add_boxes(record.id, new.boxes or (None,)).tolist()
        return np.array(ids, np.int64)

    def add_boxes(self, image_id, boxes):
        first = len(self.items_) + 1
        self.items_ += [Item(first + i, image_id, box) for i, box in enumerate(boxes)]
        return np.arange(first, len(self.items_) + 1)

    def update_fingerprint(self, image_id, size_bytes, mtime_ns, sha256, phash, width, height):
        self.records[image_id - 1] = replace(
            self.records[image_id - 1],
            size_bytes=size_bytes,
            mtime_ns=mtime_ns,
            sha256=sha256,
            phash=phash,
            width=width,
            height=height,
        )

    def get(self, image_id):
        return self.records[image_id - 1]

    def items(self, item_ids):
        return [self.items_[int(i) - 1] for i in item_ids]

    def note_skipped(self, root_id, skipped):
        self.skipped_ = list(skipped)

    def skipped(self):
        return self.skipped_

    def count(self):
        return len(self.records)

    def columns(self, first=1):
        of = [self.records[item.image_id - 1] for item in self.items_]
        return SimpleNamespace(
            item_ids=np.arange(1, len(of) + 1),
            image_ids=np.array([r.id for r in of], np.int64),
            width=np.array([r.width for r in of], np.int32),
            height=np.array([r.height for r in of], np.int32),
            duplicate=np.array([r.duplicate for r in of], np.uint8),
            paths=[r.path for r in of],
        )


class Categories:
    def __init__(self, store):
        self.store, self.rows = store, []

    def all(self):
        return list(self.rows)

    def get(self, category_id):
        return self.rows[category_id - 1]

    def find(self, name):
        return next((c for c in self.rows if c.name.casefold() == name.casefold()), None)

    def add(self, name, parent_id=None, **kwargs):
        self.store.need_record()
        self.rows.append(Category(len(self.rows) + 1, name, parent_id, **kwargs))
        return len(self.rows)


class Labels:
    def __init__(self, store):
        self.store, self.by_item, self.split_of = store, {}, {}

    def set(self, item_ids, category_id, *, source, confidence=1.0):
        self.store.need_record()
        for item, category in zip(
            item_ids, np.broadcast_to(category_id, len(item_ids)), strict=True
        ):
            self.by_item[int(item)] = (int(category), source)

    def set_splits(self, item_ids, splits):
        self.store.need_record()
        self.split_of |= dict(zip(map(int, item_ids), map(int, splits), strict=True))

    def columns(self, item_ids=None):
        if item_ids is None:
            item_ids = np.arange(1, len(self.store.images.items_) + 1)
        ids = np.sort(item_ids)
        return SimpleNamespace(
            item_ids=ids,
            category=np.array([self.by_item.get(int(i), (0, 0))[0] for i in ids], np.int32),
            source=np.array([self.by_item.get(int(i), (0, 0))[1] for i in ids], np.uint8),
            split=np.array([self.split_of.get(int(i), 0) for i in ids], np.uint8),
        )


class Metadata:
    def __init__(self):
        self.values = {}

    def set(self, item_ids, column, values):
        self.values.setdefault(column, {}).update(zip(map(int, item_ids), values, strict=True))

    def of_item(self, item_id):
        return {c: v[item_id] for c, v in self.values.items() if item_id in v}


class Thumbs:
    def __init__(self):
        self.jpegs = {}

    def put_many(self, pairs):
        self.jpegs |= dict(pairs)

    def get(self, image_id):
        return self.jpegs.get(image_id)


class Operations:
    def __init__(self, store):
        self.store, self.log = store, []

    @contextmanager
    def record(self, verb, summary, *, who, run_id=None):
        recording = SimpleNamespace(changes=None, summary=summary, count=0)
        self.store.recording = recording
        try:
            yield recording
        finally:
            self.store.recording = None
        if recording.count:
            operation = Operation(
                len(self.log) + 1,
                0.0,
                who,
                "",
                "do",
                verb,
                recording.summary,
                1,
                run_id,
                None,
                False,
            )
            self.log.append(operation)
            recording.changes = OpChanges(operation, frozenset({"labels"}), np.empty(0, np.int64))

    def history(self):
        return list(reversed(self.log))
