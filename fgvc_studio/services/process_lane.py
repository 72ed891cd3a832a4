"""One warm helper process for work that holds the interpreter lock (UMAP, HDBSCAN)."""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
import time
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from fgvc_studio.domain.records import Progress

POLL = 0.1
LARGE = 1 << 20
"""Arrays of more bytes travel as files, not through the pipe."""


class _OnDisk:
    """Stands for an array that lies in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path


def _serve(pipe: Connection) -> None:
    """The helper: run what comes, until the other end is gone."""
    from fgvc_studio.analysis import threads

    threads.prepare()
    while True:
        try:
            function, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            result = function(*(_load(a) for a in arguments))
            answer: tuple[bool, Any] = (True, result)
        except Exception as error:  # noqa: BLE001  (raised again in the process that asked)
            answer = (False, error)
        try:
            pipe.send(answer)
        except (BrokenPipeError, OSError):
            return
        except (TypeError, AttributeError, pickle.PicklingError):
            pipe.send((False, RuntimeError(str(answer[1]))))


def _load(argument: Any) -> Any:
    return np.load(argument.path, mmap_mode="r") if isinstance(argument, _OnDisk) else argument


class ProcessLane:
    """Runs one importable function at a time in a helper process started on first use.

    A job that is stopped ends the helper; the next job starts a new one. The helper ends with
    this process.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._warming = False

    def warm_up(self) -> None:
        """Let the helper load and compile what maps need, while nothing waits for it."""
        from fgvc_studio.analysis import projection

        with self._lock:
            if self._process is None:
                self.start()
                assert self._pipe is not None
                self._pipe.send((projection.warm_up, []))
                self._warming = True

    def start(self) -> None:
        """Start the helper if it is not running."""
        if self._process is not None and self._process.is_alive():
            return
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs,), name="fgvc-studio helper", daemon=True
        )
        self._process.start()
        theirs.close()

    def run(
        self, function: Callable[..., Any], *arguments: Any, title: str = "Working"
    ) -> Generator[Progress, None, Any]:
        """Call ``function(*arguments)`` in the helper; yields while it works or is busy.

        Raises
        ------
        Exception
            What the function raised.
        RuntimeError
            The helper died (killed, out of memory).
        """
        while not self._lock.acquire(timeout=POLL):
            yield Progress(0, 0, f"{title}: waits for other work to end")
        try:
            good, result = yield from self._run(function, arguments, title)
        finally:
            self._lock.release()
        if not good:
            raise result
        return result

    def _run(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], title: str
    ) -> Generator[Progress, None, tuple[bool, Any]]:
        with tempfile.TemporaryDirectory(prefix="fgvc-lane-") as folder:
            self.start()
            assert self._pipe is not None and self._process is not None
            finished = False
            try:
                if self._warming:
                    yield from self._answer(title)
                    self._warming = False
                parked = [_park(a, Path(folder), i) for i, a in enumerate(arguments)]
                self._pipe.send((function, parked))
                answer = yield from self._answer(title)
                finished = True
            finally:
                if not finished:
                    self._stop()
        return answer

    def _answer(self, title: str) -> Generator[Progress, None, tuple[bool, Any]]:
        """Wait for what the helper sends."""
        assert self._pipe is not None and self._process is not None
        started = time.monotonic()
        try:
            while not self._pipe.poll(POLL):
                if not self._process.is_alive():
                    raise EOFError
                yield Progress(0, 0, f"{title} ({time.monotonic() - started:.0f} s)")
            answer: tuple[bool, Any] = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError("The helper process ended before its work was done.") from error
        return answer

    def close(self) -> None:
        """Let the helper end by itself; kill it if it does not."""
        self._stop(patience=2.0)

    def _stop(self, patience: float = 0.0) -> None:
        self._warming = False
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            if patience:
                self._process.join(patience)
            self._process.kill()
            self._process.join(5)
            self._process = None


def _park(argument: Any, folder: Path, number: int) -> Any:
    if not isinstance(argument, np.ndarray) or argument.nbytes < LARGE:
        return np.asarray(argument) if isinstance(argument, np.ndarray) else argument
    base = argument.filename if isinstance(argument, np.memmap) else None
    if base is not None and _whole_file(argument):
        return _OnDisk(Path(base))
    path = folder / f"{number}.npy"
    np.save(path, argument)
    return _OnDisk(path)


def _whole_file(argument: Any) -> bool:
    try:
        return bool(np.load(str(argument.filename), mmap_mode="r").shape == argument.shape)
    except (OSError, ValueError):
        return False
