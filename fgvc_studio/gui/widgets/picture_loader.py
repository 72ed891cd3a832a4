"""Loading one full picture off the GUI thread; only the newest request is answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Condition

from PySide6.QtCore import QObject, Qt, QThread, Signal
from PySide6.QtGui import QImage, QImageReader

from fgvc_studio.gui.widgets.picture_decode import file_reader, image_of

Loader = Callable[[], bytes | None]
"""Gives the picture re-encoded in a format Qt reads, for files that Qt cannot read itself."""

_ALLOCATION_MB = 2048


class _Thread(QThread):
    def __init__(self, owner: PictureLoader) -> None:
        super().__init__()
        self._owner = owner

    def run(self) -> None:
        self._owner._work()


class PictureLoader(QObject):
    """Loads pictures one after the other; a request made meanwhile replaces the waiting one."""

    loaded = Signal("qlonglong", object)
    """Item id and QImage (None: unreadable)."""
    _done = Signal("qlonglong", object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._condition = Condition()
        self._next: tuple[int, Path | None, Loader | None] | None = None
        self._stopped = False
        self._thread = _Thread(self)
        self._done.connect(self.loaded, Qt.ConnectionType.QueuedConnection)

    def load(self, item_id: int, path: Path | None, loader: Loader | None = None) -> None:
        """Load the file upright; `loader` is asked when Qt cannot read it."""
        with self._condition:
            if self._stopped:
                return
            self._next = (item_id, path, loader)
            self._condition.notify()
        if not self._thread.isRunning():
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self._thread.wait()

    def _work(self) -> None:
        while True:
            with self._condition:
                while self._next is None and not self._stopped:
                    self._condition.wait()
                if self._stopped:
                    return
                assert self._next is not None
                item_id, path, loader = self._next
                self._next = None
            self._done.emit(item_id, _read(path, loader))


def _read(path: Path | None, loader: Loader | None) -> QImage | None:
    QImageReader.setAllocationLimit(_ALLOCATION_MB)
    reader = file_reader(path) if path is not None else None
    if reader is not None:
        image = reader.read()
        if not image.isNull():
            return image
    data = loader() if loader is not None else None
    image = image_of(data) if data else QImage()
    return None if image.isNull() else image
