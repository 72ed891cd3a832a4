"""Thumbnails of items: decoded by a small I/O lane, kept in a bounded cache of pixmaps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Condition

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QThread, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap

from fgvc_studio.gui.widgets.picture_decode import (
    STORED_SIDE,
    Picture,
    decode_bytes,
    decode_file,
)

GetMany = Callable[[list[int]], Mapping[int, bytes | None]]
Pictures = Callable[[list[int]], Sequence[Picture | None]]
PathOf = Callable[[int], Path]

_BATCH = 8
_INTERVAL_MS = 16
_GOOD_ENOUGH = 1.15


class _Queue:
    """What is wanted, by client: the newest client first, within it in the order given."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._wanted: OrderedDict[str, tuple[int, dict[int, None]]] = OrderedDict()
        self._taken: set[int] = set()
        self._stopped = False

    def want(self, client: str, ids: Sequence[int], size: int) -> None:
        with self._condition:
            self._wanted[client] = (size, dict.fromkeys(ids))
            self._wanted.move_to_end(client)
            if ids:
                self._condition.notify()

    def take(self) -> tuple[list[int], int] | None:
        """Wait for work: ids and size; None when the lane is to end."""
        with self._condition:
            while not self._stopped:
                for client in reversed(self._wanted):
                    size, ids = self._wanted[client]
                    batch = [i for i in ids if i not in self._taken][:_BATCH]
                    if batch:
                        for i in batch:
                            del ids[i]
                        self._taken.update(batch)
                        if ids:
                            self._condition.notify()
                        return batch, size
                self._condition.wait()
            return None

    def done(self, ids: Sequence[int]) -> None:
        with self._condition:
            self._taken.difference_update(ids)
            self._condition.notify()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._wanted.clear()
            self._condition.notify_all()

    @property
    def stopped(self) -> bool:
        return self._stopped


class _Worker(QThread):
    def __init__(self, owner: Thumbnails) -> None:
        super().__init__()
        self._owner = owner

    def run(self) -> None:
        self._owner._work()


@dataclass(slots=True)
class _Entry:
    size: int
    """The size that was asked for when it was made; smaller pictures are not made larger."""
    pixmap: QPixmap | None
    """None: the picture cannot be read."""
    cost: int


class Thumbnails(QObject):
    """Small pictures of items, made in the background.

    A view says what it shows with `want`, which replaces what it wanted before, so pictures that
    scrolled away are never decoded. `pixmap` only looks up. All public methods belong to the GUI
    thread; the callables given are called in the lane's threads.

    Parameters
    ----------
    get_many : callable
        Image ids -> stored JPEG thumbnails (longest side 256 px) of those that have one.
    pictures : callable, optional
        Item ids -> their pictures (None: unknown item). Default: the item is the whole image of
        the same id.
    path_of : callable, optional
        Image id -> file; used when there is no stored thumbnail or it is too small.
    """

    ready = Signal(object)
    """list of int: items whose picture arrived (or turned out unreadable)."""
    _arrived = Signal()

    def __init__(
        self,
        get_many: GetMany,
        *,
        pictures: Pictures | None = None,
        path_of: PathOf | None = None,
        budget_bytes: int = 128 << 20,
        threads: int = 2,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._get_many = get_many
        self._pictures: Pictures = pictures or (lambda ids: [Picture(i) for i in ids])
        self._path_of = path_of
        self._budget = budget_bytes
        self._used = 0
        self._cache: OrderedDict[int, _Entry] = OrderedDict()
        self._queue = _Queue()
        self._results: list[tuple[int, int, QImage | None, int]] = []
        self._generation = 0
        self._workers = [_Worker(self) for _ in range(max(1, threads))]
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._deliver)
        self._since = QElapsedTimer()
        self._arrived.connect(self._schedule, Qt.ConnectionType.QueuedConnection)

    # ---- the GUI thread

    def want(self, ids: Sequence[int], size: int, client: str = "grid") -> None:
        """Ask for the pictures of `ids` at `size` px, most wanted first; forget older wishes.

        `client` names the view, so that several can use one lane.
        """
        missing = [i for i in ids if not self._fits(i, size)]
        self._queue.want(client, missing, size)
        if missing and not self._queue.stopped and not self._workers[0].isRunning():
            for worker in self._workers:
                worker.start(QThread.Priority.LowPriority)

    def pixmap(self, item_id: int, size: int) -> QPixmap | None:
        """The best picture at hand; None when there is none yet or it cannot be read."""
        entry = self._cache.get(item_id)
        if entry is None:
            return None
        self._cache.move_to_end(item_id)
        return entry.pixmap

    def broken(self, item_id: int) -> bool:
        """Whether the picture of the item was tried and could not be read."""
        entry = self._cache.get(item_id)
        return entry is not None and entry.pixmap is None

    def forget(self, ids: Sequence[int] | None = None) -> None:
        """Drop cached pictures (all by default), e.g. after files moved or boxes changed."""
        self._generation += 1
        for item in list(self._cache) if ids is None else ids:
            self._drop(item)

    @property
    def used_bytes(self) -> int:
        """Memory held by the cached pixmaps."""
        return self._used

    def stop(self) -> None:
        """End the lane's threads; the cache stays readable."""
        self._queue.stop()
        for worker in self._workers:
            worker.wait()
        self._timer.stop()
        self._results = []

    def _fits(self, item_id: int, size: int) -> bool:
        entry = self._cache.get(item_id)
        return entry is not None and (
            entry.pixmap is None or (size <= entry.size * _GOOD_ENOUGH and entry.size <= 2 * size)
        )

    def _schedule(self) -> None:
        if not self._timer.isActive():
            elapsed = self._since.elapsed() if self._since.isValid() else _INTERVAL_MS
            self._timer.start(max(0, _INTERVAL_MS - elapsed))

    def _deliver(self) -> None:
        results, self._results = self._results, []
        self._since.start()
        arrived: dict[int, None] = {}
        for item, size, image, generation in results:
            if generation != self._generation:
                continue
            old = self._cache.get(item)
            if old is not None and old.pixmap is not None and size < old.size <= 2 * size:
                continue  # another view has asked for a sharper one meanwhile
            self._drop(item)
            pixmap = QPixmap.fromImage(image) if image is not None else None
            cost = image.sizeInBytes() if image is not None else 64
            self._cache[item] = _Entry(size, pixmap, cost)
            self._used += cost
            arrived[item] = None
        while self._used > self._budget and len(self._cache) > 1:
            self._drop(next(iter(self._cache)))
        if arrived:
            self.ready.emit(list(arrived))

    def _drop(self, item: int) -> None:
        entry = self._cache.pop(item, None)
        if entry is not None:
            self._used -= entry.cost

    # ---- the lane

    def _work(self) -> None:
        while (task := self._queue.take()) is not None:
            ids, size = task
            generation = self._generation
            try:
                self._make(ids, size, generation)
            finally:
                self._queue.done(ids)

    def _make(self, ids: list[int], size: int, generation: int) -> None:
        pictures = self._pictures(ids)
        stored = self._get_many(sorted({p.image_id for p in pictures if p is not None}))
        later: list[tuple[int, Picture, QImage | None]] = []
        for item, picture in zip(ids, pictures, strict=True):
            if picture is None:
                self._post(item, size, None, generation)
                continue
            data = stored.get(picture.image_id)
            image = decode_bytes(data, picture, size) if data else None
            small = picture.side_within(STORED_SIDE) * _GOOD_ENOUGH < size
            if self._path_of is not None and (image is None or small):
                later.append((item, picture, image))
                if image is not None:
                    self._post(item, STORED_SIDE // 2, image, generation)
            else:
                self._post(item, size, image, generation)
        for item, picture, image in later:
            if self._queue.stopped:
                return
            assert self._path_of is not None
            sharp = decode_file(self._path_of(picture.image_id), picture, size)
            self._post(item, size, sharp if sharp is not None else image, generation)

    def _post(self, item: int, size: int, image: QImage | None, generation: int) -> None:
        self._results.append((item, size, image, generation))
        self._arrived.emit()
