"""Brings bus events, published by any thread, into the GUI thread."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from fgvc_studio.domain.events import Event, ItemsAdded, MapChanged, OpChanges, SpaceChanged
from fgvc_studio.services.bus import Bus


class BusBridge(QObject):
    """Re-emits bus events as Qt signals in the thread it lives in.

    Events that pile up before the GUI thread comes round are merged: `decided` then carries the
    newest operation with the items and tables of all, `items_added` one range.
    """

    decided = Signal(object)
    items_added = Signal(object)
    space_changed = Signal(object)
    map_changed = Signal(object)
    _pending = Signal()

    def __init__(self, bus: Bus, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._pending.connect(self._flush, Qt.ConnectionType.QueuedConnection)
        self._unsubscribe: Callable[[], None] = bus.subscribe(self._receive)

    def close(self) -> None:
        """Stop listening."""
        self._unsubscribe()
        with self._lock:
            self._events.clear()

    def _receive(self, event: Event) -> None:
        with self._lock:
            first = not self._events
            self._events.append(event)
        if first:
            self._pending.emit()

    def _flush(self) -> None:
        with self._lock:
            events, self._events = self._events, []
        for event in merged(events):
            if isinstance(event, OpChanges):
                self.decided.emit(event)
            elif isinstance(event, ItemsAdded):
                self.items_added.emit(event)
            elif isinstance(event, SpaceChanged):
                self.space_changed.emit(event)
            elif isinstance(event, MapChanged):
                self.map_changed.emit(event)


def merged(events: list[Event]) -> list[Event]:
    """The same facts in fewer events; new items come before decisions about them."""
    added = [e for e in events if isinstance(e, ItemsAdded)]
    decided = [e for e in events if isinstance(e, OpChanges)]
    rest = dict.fromkeys(e for e in events if isinstance(e, SpaceChanged | MapChanged))
    result: list[Event] = []
    if added:
        first = min(e.first for e in added)
        end = max(e.first + e.count for e in added)
        result.append(ItemsAdded(first, end - first))
    if len(decided) == 1:
        result.append(decided[0])
    elif decided:
        result.append(
            dataclasses.replace(
                decided[-1],
                tables=frozenset().union(*(e.tables for e in decided)),
                items=np.unique(np.concatenate([e.items for e in decided])),
                labels=None,
            )
        )
    return result + list(rest)
