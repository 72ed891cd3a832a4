"""Carries what was committed to the disk itself, behind the back of who committed it."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class Flusher:
    """Calls fsync for one file in a thread of its own, soon after each `request`.

    A commit has reached the system when it returns, so it survives the death of the program; the
    flush, some milliseconds later, guards against the loss of power. Waiting for a disk is no
    matter for the thread that draws the window.

    Parameters
    ----------
    path : Path
        Opened at the first request and until `close`; it must not be replaced meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wake = threading.Condition()
        self._asked = self._closing = False
        self._thread: threading.Thread | None = None
        self.failed = False
        """Whether the system refused a flush; from then on the caller must wait for the disk."""

    def request(self) -> None:
        """Flush soon; returns at once."""
        with self._wake:
            if self._closing or self.failed:
                return
            self._asked = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self) -> None:
        """Flush what was asked for and let go of the file."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        try:
            file = os.open(self._path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        except OSError:
            self.failed = True
            return
        try:
            while self._next():
                os.fsync(file)
        except OSError:
            self.failed = True
        finally:
            os.close(file)

    def _next(self) -> bool:
        """Wait for a request; False at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self._asked or self._closing)
            asked, self._asked = self._asked, False
            return asked
