"""The light lane: short background reads whose stale results are dropped."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from fgvc_studio.domain.errors import Cancelled, UserError

OnResult = Callable[[Any], None]
OnError = Callable[[UserError], None]


class Ticket:
    """One request; the work may ask `stale` now and then and give up."""

    __slots__ = ("_dropped", "on_error", "on_late", "on_result", "slot")

    def __init__(
        self,
        slot: str,
        on_result: OnResult,
        on_error: OnError | None,
        on_late: OnResult | None = None,
    ) -> None:
        self.slot = slot
        self.on_result = on_result
        self.on_error = on_error
        self.on_late = on_late
        self._dropped = threading.Event()

    @property
    def stale(self) -> bool:
        """Whether a newer request took this one's place."""
        return self._dropped.is_set()

    def drop(self) -> None:
        """The result is no longer wanted."""
        self._dropped.set()


class TaskPool(QObject):
    """Runs short functions on two threads; the newest request of a slot wins.

    A slot is a place on screen ("inspector suggestions", "wizard preview"). Asking again for the
    same slot drops the request before it, even when that one finishes later.
    """

    _finished = Signal(object, object, object, str)
    crashed = Signal(str)

    def __init__(self, parent: QObject | None = None, threads: int = 2) -> None:
        super().__init__(parent)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._open: dict[str, Ticket] = {}
        self._running: set[Future[None]] = set()
        self._closed = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(
        self,
        slot: str,
        work: Callable[[Ticket], Any],
        on_result: OnResult,
        on_error: OnError | None = None,
        on_late: OnResult | None = None,
    ) -> Ticket:
        """Run ``work(ticket)``; deliver in the GUI thread unless a newer request came.

        `on_late` gets a result that is no longer wanted and has to be let go of.
        """
        self.drop(slot)
        ticket = Ticket(slot, on_result, on_error, on_late)
        if not self._closed:
            self._open[slot] = ticket
            self._running = {f for f in self._running if not f.done()}
            self._running.add(self._executor.submit(self._run, ticket, work))
        return ticket

    def drop(self, slot: str) -> None:
        """Forget what was asked for `slot`."""
        ticket = self._open.pop(slot, None)
        if ticket:
            ticket.drop()

    def waiting(self, slot: str) -> bool:
        """Whether an answer for `slot` is still to come."""
        return slot in self._open

    def drop_all(self, timeout_s: float = 10.0) -> None:
        """Forget everything and wait for what runs: what it reads is about to be closed."""
        for slot in list(self._open):
            self.drop(slot)
        wait(self._running, timeout_s)

    def shut_down(self) -> None:
        """Drop everything and wait for the two threads."""
        self._closed = True
        for slot in list(self._open):
            self.drop(slot)
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _run(self, ticket: Ticket, work: Callable[[Ticket], Any]) -> None:
        if ticket.stale:
            return
        result: Any = None
        error: UserError | None = None
        crash = ""
        try:
            result = work(ticket)
        except Cancelled:
            ticket.drop()
        except UserError as fault:
            error = fault
        except Exception:  # noqa: BLE001  (shown as a crash report by the window)
            crash = traceback.format_exc()
        if not self._closed:
            self._finished.emit(ticket, result, error, crash)

    def _deliver(self, ticket: Ticket, result: Any, error: UserError | None, crash: str) -> None:
        if self._open.get(ticket.slot) is ticket:
            del self._open[ticket.slot]
        if ticket.stale or self._closed:
            if ticket.on_late and result is not None:
                ticket.on_late(result)
            return
        if crash:
            self.crashed.emit(crash)
        elif error is None:
            ticket.on_result(result)
        elif ticket.on_error:
            ticket.on_error(error)
