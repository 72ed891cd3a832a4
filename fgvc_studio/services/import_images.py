"""Examine image files in threads and commit them in batches, so that a killed import resumes."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.events import ItemsAdded
from fgvc_studio.domain.records import Box, Duplicate, NewImage, Progress, Skipped
from fgvc_studio.services.import_plan import Plan, Want
from fgvc_studio.services.near_duplicates import NearDuplicates

if TYPE_CHECKING:
    from fgvc_studio.vision.decode import Examined

BATCH = 128
_BATCH_SECONDS = 1.0
_GROUP = 8
_TICK = 0.15
_METADATA_ITEMS = 2000
_UNKNOWN = (0, -1, -1)


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a look at one file gave: unchanged, examined, or the reason why not."""

    relative: str
    known: int
    examined: Examined | None = None
    facts: dict[str, str] | None = None
    reason: str = ""


@dataclass(slots=True)
class Tallies:
    """Counts of an import of images."""

    images: int = 0
    items: int = 0
    unchanged: int = 0
    updated: int = 0
    duplicates: int = 0
    near_duplicates: int = 0


class ImageImport:
    """One import of the images of a plan.

    Attributes
    ----------
    wants : list of (item id, Want)
        Filled as items are known, for the labels that are written at the end.
    """

    def __init__(self, studio: Any, plan: Plan, threads: int | None) -> None:
        self._studio, self._plan = studio, plan
        self._images = studio.store.images
        self._threads = threads or max(2, min(4, os.cpu_count() or 2))
        self.tallies = Tallies()
        self.skipped: list[Skipped] = []
        self.wants: list[tuple[int, Want]] = []
        self._root_id: int = self._images.add_root(plan.root)
        self._known: dict[str, tuple[int, int, int]] = self._images.known(self._root_id)
        columns = self._images.columns()
        self._items_of = _Groups(columns.image_ids, columns.item_ids)
        self._near = self._duplicate_index(columns)
        self._metadata: dict[str, dict[int, str]] = {}
        self._described = 0
        self._stop = Event()

    def _duplicate_index(self, columns: Any) -> NearDuplicates:
        ids, phashes = self._images.hashes()
        aspect = np.ones(int(ids.max(initial=0)) + 1)
        original = np.ones(len(aspect), bool)
        aspect[columns.image_ids] = columns.width / np.maximum(columns.height, 1)
        original[columns.image_ids] = columns.duplicate == Duplicate.NO
        keep = original[ids]
        return NearDuplicates(ids[keep], phashes[keep], aspect[ids[keep]])

    def run(self) -> Generator[Progress, None, None]:
        """Import; yields at least every 0.2 s, and may be closed at any report."""
        paths = list(self._plan.images)
        started = reported = committed = time.monotonic()
        done = 0
        batch: list[Looked] = []
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="import")
        groups = iter(range(0, len(paths), _GROUP))
        pending: deque[Future[list[Looked]]] = deque()
        try:
            while True:
                while (
                    len(pending) < 3 * self._threads and (first := next(groups, None)) is not None
                ):
                    pending.append(pool.submit(self._look_at, paths[first : first + _GROUP]))
                if not pending:
                    break
                wait([pending[0]], timeout=_TICK, return_when=FIRST_COMPLETED)
                if pending[0].done():
                    looked = pending.popleft().result()
                    batch += self._sorted_out(looked)
                    done += len(looked)
                now = time.monotonic()
                if len(batch) >= BATCH or (batch and now - committed > _BATCH_SECONDS):
                    self._commit(batch)
                    batch = []
                    committed = now = time.monotonic()
                if now - reported >= _TICK:
                    reported = now
                    rate = done / max(now - started, 1e-3)
                    yield Progress(done, len(paths), f"{done:,} of {len(paths):,} images", rate)
            self._commit(batch)
            self._flush_metadata()
            batch = []
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            self._images.note_skipped(self._root_id, self._plan.skipped + self.skipped)
        rate = done / max(time.monotonic() - started, 1e-3)
        yield Progress(done, len(paths), f"{done:,} of {len(paths):,} images", rate)

    def _look_at(self, paths: Sequence[str]) -> list[Looked]:
        """Examine some files; runs in a worker thread."""
        from fgvc_studio.services.exif import read_facts
        from fgvc_studio.vision.decode import DecodeError, examine

        results = []
        for relative in paths:
            if self._stop.is_set():
                break
            path = self._plan.root / relative
            known, size, mtime = self._known.get(relative, _UNKNOWN)
            try:
                status = path.stat()
                if known and (status.st_size, status.st_mtime_ns) == (size, mtime):
                    results.append(Looked(relative, known))
                    continue
                examined = examine(path)
                facts = read_facts(path, examined.format)
                results.append(Looked(relative, known, examined, facts))
            except DecodeError as error:
                results.append(Looked(relative, known, reason=str(error)))
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                results.append(Looked(relative, known, reason=f"cannot be read ({reason})"))
        return results

    def _sorted_out(self, looked: Sequence[Looked]) -> Iterator[Looked]:
        """Deal with all but new images, and yield those."""
        for look in looked:
            if look.reason:
                self.skipped.append(Skipped(look.relative, look.reason))
            elif not look.known:
                yield look
            else:
                if look.examined is None:
                    self.tallies.unchanged += 1
                else:
                    self._update(look.known, look.examined)
                self._match_items(look)

    def _update(self, image_id: int, new: Examined) -> None:
        store = self._studio.store
        same = store.images.get(image_id).sha256 == new.sha256
        store.images.update_fingerprint(
            image_id, new.size_bytes, new.mtime_ns, new.sha256, new.phash, new.width, new.height
        )
        if same:
            self.tallies.unchanged += 1
        else:
            self.tallies.updated += 1
            store.thumbs.put_many([(image_id, new.thumbnail)])

    def _match_items(self, look: Looked) -> None:
        """Give the wants of a known image to its items; boxes that are new become items."""
        wants = self._plan.images[look.relative]
        ids = self._items_of.members(look.known)
        if not any(want.box for want in wants):
            self._describe(zip(ids.tolist(), wants, strict=False), look.facts)
            return
        existing = {_key(item.box): item.id for item in self._images.items(ids) if item.box}
        missing = [want.box for want in wants if want.box and _key(want.box) not in existing]
        if missing:
            added = self._images.add_boxes(look.known, missing)
            existing |= {_key(box): int(i) for box, i in zip(missing, added, strict=True)}
            self.tallies.items += len(added)
            self._studio.bus.publish(ItemsAdded(int(added[0]), len(added)))
        self._describe(((existing[_key(w.box)], w) for w in wants if w.box), look.facts)

    def _commit(self, batch: Sequence[Looked]) -> None:
        if not batch:
            return
        store = self._studio.store
        examined = [look.examined for look in batch if look.examined is not None]
        ids = np.arange(len(examined), dtype=np.int64) + self._images.count() + 1
        kinds, originals = self._duplicates(ids, examined)
        new = [
            NewImage(
                path=look.relative,
                size_bytes=seen.size_bytes,
                mtime_ns=seen.mtime_ns,
                sha256=seen.sha256,
                width=seen.width,
                height=seen.height,
                phash=seen.phash,
                format=seen.format,
                note=seen.note,
                duplicate=kind,
                duplicate_of=original or None,
                boxes=tuple(w.box for w in self._plan.images[look.relative] if w.box),
            )
            for look, seen, kind, original in zip(batch, examined, kinds, originals, strict=True)
        ]
        # Thumbnails first: killed in between, the next import writes them again under these ids.
        store.thumbs.put_many(
            [(int(i), seen.thumbnail) for i, seen in zip(ids, examined, strict=True)]
        )
        items = self._images.add(self._root_id, new)
        position = 0
        for look in batch:
            wants = self._plan.images[look.relative]
            mine = items[position : position + len(wants)].tolist()
            position += len(wants)
            self._describe(zip(mine, wants, strict=True), look.facts)
        self.tallies.images += len(new)
        self.tallies.items += len(items)
        self._studio.bus.publish(ItemsAdded(int(items[0]), len(items)))

    def _duplicates(
        self, ids: NDArray[np.int64], examined: Sequence[Examined]
    ) -> tuple[list[Duplicate], list[int]]:
        kinds, originals = [Duplicate.NO] * len(ids), [0] * len(ids)
        first: dict[bytes, int] = self._images.by_sha256([seen.sha256 for seen in examined])
        fresh = []
        for i, seen in enumerate(examined):
            original = first.setdefault(seen.sha256, int(ids[i]))
            if original == ids[i]:
                fresh.append(i)
            else:
                kinds[i], originals[i] = Duplicate.EXACT, original
        near = self._near.add(
            ids[fresh],
            np.array([examined[i].phash for i in fresh], np.int64),
            np.array([examined[i].width / examined[i].height for i in fresh], np.float64),
        )
        for i, original in zip(fresh, near.tolist(), strict=True):
            if original:
                kinds[i], originals[i] = Duplicate.NEAR, original
        self.tallies.duplicates += kinds.count(Duplicate.EXACT)
        self.tallies.near_duplicates += kinds.count(Duplicate.NEAR)
        return kinds, originals

    def _describe(self, items: Iterator[tuple[int, Want]], facts: dict[str, str] | None) -> None:
        for item_id, want in items:
            self.wants.append((item_id, want))
            pairs = {**(facts or {}), **dict(zip(want.keys, want.values, strict=True))}
            for column, value in pairs.items():
                self._metadata.setdefault(column, {})[item_id] = value
            self._described += bool(pairs)
        if self._described >= _METADATA_ITEMS:
            self._flush_metadata()

    def _flush_metadata(self) -> None:
        for column, values in self._metadata.items():
            ids = np.fromiter(values, np.int64, len(values))
            self._studio.store.metadata.set(ids, column, list(values.values()))
        self._metadata.clear()
        self._described = 0


class _Groups:
    """Members by key, from two columns."""

    def __init__(self, keys: NDArray[np.int64], members: NDArray[np.int64]) -> None:
        order = np.argsort(keys, kind="stable")
        self._keys, self._members = keys[order], members[order]

    def members(self, key: int) -> NDArray[np.int64]:
        low, high = np.searchsorted(self._keys, [key, key + 1])
        return self._members[low:high]


def _key(box: Box | None) -> tuple[float, ...]:
    return tuple(round(v, 2) for v in (box.x, box.y, box.width, box.height)) if box else ()
