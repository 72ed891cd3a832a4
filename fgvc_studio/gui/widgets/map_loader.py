"""Sorts the points of large maps off the GUI thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QThread, Signal

from fgvc_studio.gui.widgets.map_points import MapPoints

INLINE = 20_000
"""Maps up to this size are sorted at once."""


class _Sorter(QThread):
    def __init__(self, request: int, xy: NDArray, item_ids: NDArray[np.int64]) -> None:
        super().__init__()
        self.request = request
        self._input = (xy, item_ids)
        self.points: MapPoints | None = None

    def run(self) -> None:
        self.points = MapPoints(*self._input)


class MapLoader(QObject):
    """Turns coordinates into a `MapPoints`; only the newest request is answered."""

    ready = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._newest = 0
        self._running: set[_Sorter] = set()
        running = self._running
        self.destroyed.connect(lambda: _wait(running))

    @property
    def busy(self) -> bool:
        """Whether a map is being sorted."""
        return bool(self._running)

    def load(self, xy: NDArray, item_ids: NDArray[np.int64]) -> None:
        """Emit `ready` with the points: at once for small maps, else later."""
        self._newest += 1
        if len(item_ids) <= INLINE:
            self.ready.emit(MapPoints(xy, item_ids))
            return
        thread = _Sorter(self._newest, np.array(xy), np.array(item_ids))
        self._running.add(thread)
        thread.finished.connect(self._finished)
        thread.start()

    def cancel(self) -> None:
        """Drop what is being sorted."""
        self._newest += 1

    def wait(self) -> None:
        """Block until no thread runs (for the end of the program)."""
        _wait(self._running)

    def _finished(self) -> None:
        for thread in [t for t in self._running if t.isFinished()]:
            self._running.discard(thread)
            if thread.request == self._newest and thread.points is not None:
                self.ready.emit(thread.points)
            thread.deleteLater()


def _wait(threads: set[_Sorter]) -> None:
    for thread in list(threads):
        thread.wait()
    threads.clear()
