"""One writer per project, and who it is. A dead process never leaves a lock behind."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import IO

from fgvc_studio.domain.errors import ProjectLockedError


def _grab(file: IO[str]) -> bool:
    """Take the operating system's lock on an open file; it goes with the process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(1 << 30)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class WriterLock:
    """Held from making to `release`.

    Parameters
    ----------
    path : Path
        The lock file in the project folder; says host, process and since when.

    Raises
    ------
    ProjectLockedError
        Another process holds it; names host, process and since when.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+", encoding="utf-8")
        if not _grab(self._file):
            self._file.seek(0)
            holder = _read(self._file.read())
            self._file.close()
            raise ProjectLockedError(
                f"The project is open in another process ({holder}).",
                "Close it there, or look at it read-only.",
            )
        self._file.seek(0)
        self._file.truncate()
        facts = {"host": platform.node(), "pid": os.getpid(), "since": time.time()}
        json.dump(facts, self._file)
        self._file.flush()

    def release(self) -> None:
        """Let another process write."""
        with contextlib.suppress(OSError, ValueError):
            self._file.seek(0)
            self._file.truncate()
        self._file.close()


def _read(text: str) -> str:
    try:
        facts = json.loads(text)
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(facts["since"])))
        return f"process {facts['pid']} on {facts['host']} since {since}"
    except (ValueError, KeyError, TypeError):
        return "it does not say which"
