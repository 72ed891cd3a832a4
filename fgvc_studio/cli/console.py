"""What every verb shares: options before and after the verb, progress, results, exit codes."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TextIO, TypeVar

import numpy as np

from fgvc_studio.domain.errors import Cancelled
from fgvc_studio.domain.records import Progress

T = TypeVar("T")
LINE_EVERY = 5.0
EVENT_EVERY = 0.5


@dataclass
class Console:
    """Output of one call; `json` prints one object per line, `quiet` only results."""

    json: bool = False
    quiet: bool = False
    who: str | None = None
    _cancel: bool = field(default=False, repr=False)

    def emit(self, result: Mapping[str, Any], text: str = "") -> None:
        """Print the result: as the last JSON object, or `text` for people."""
        if self.json:
            self._line({"ok": True, "result": plain(result)})
        elif text:
            self.say(text)

    def fail(self, error: str, remedy: str, **more: Any) -> None:
        """Print why it did not work."""
        if self.json:
            self._line({"ok": False, "error": error, "remedy": remedy, **more})
        else:
            self.warn(f"{error}\n{remedy}" if remedy else error)

    def say(self, text: str) -> None:
        """Print a line for people; nothing under ``--json``."""
        if not self.json:
            _write(sys.stdout, text.rstrip("\n"))

    def note(self, text: str) -> None:
        """Print a remark for people on the error stream."""
        if not (self.json or self.quiet):
            self.warn(text)

    def warn(self, text: str) -> None:
        """Print a line for people on the error stream, however quiet the call is."""
        _write(sys.stderr, text.rstrip("\n"))

    def drive(self, job: Generator[Progress, None, T], title: str) -> T:
        """Run a job to its end with progress; Ctrl+C stops it at the next safe point.

        Raises
        ------
        Cancelled
            After Ctrl+C; what the job has committed stays.
        """
        with self._interrupts(), self._bar(title) as show:
            while True:
                try:
                    report = next(job)
                except StopIteration as end:
                    result: T = end.value
                    return result
                show(report)
                if self._cancel and report.safe_point:
                    job.close()
                    raise Cancelled

    @contextmanager
    def _interrupts(self) -> Iterator[None]:
        self._cancel = False

        def on_interrupt(_number: int, _frame: FrameType | None) -> None:
            if self._cancel:
                raise KeyboardInterrupt
            self._cancel = True
            self.note("Stopping... (Ctrl+C again to leave at once)")

        try:
            before = signal.signal(signal.SIGINT, on_interrupt)
        except ValueError:  # not the main thread: the caller owns the signals
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def _bar(self, title: str) -> Iterator[Any]:
        if self.json:
            yield self._json_events(title)
        elif self.quiet:
            yield lambda report: None
        elif sys.stderr.isatty():
            from rich.console import Console as RichConsole
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as RichProgress

            bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=RichConsole(stderr=True),
            )
            with bar:
                task = bar.add_task(title, total=None, rate="")

                def show(report: Progress) -> None:
                    bar.update(
                        task,
                        description=report.text or title,
                        completed=report.done,
                        total=report.total or None,
                        rate=f"{report.rate:,.0f}/s" if report.rate else "",
                    )

                yield show
        else:
            yield self._plain_lines(title)

    def _json_events(self, title: str) -> Any:
        last = [0.0]

        def show(report: Progress) -> None:
            now = time.monotonic()
            if now - last[0] >= EVENT_EVERY or report.done == report.total:
                last[0] = now
                self._line(
                    {
                        "event": "progress",
                        "job": title,
                        "text": report.text,
                        "done": report.done,
                        "total": report.total,
                        "rate": round(report.rate, 2),
                        **({"detail": plain(report.detail)} if report.detail else {}),
                    }
                )

        return show

    def _plain_lines(self, title: str) -> Any:
        last = [time.monotonic()]

        def show(report: Progress) -> None:
            now = time.monotonic()
            if now - last[0] >= LINE_EVERY:
                last[0] = now
                of = f" of {report.total:,}" if report.total else ""
                rate = f", {report.rate:,.0f}/s" if report.rate else ""
                self.note(f"{report.text or title}: {report.done:,}{of}{rate}")

        return show

    def _line(self, data: Mapping[str, Any]) -> None:
        _write(sys.stdout, json.dumps(data, default=str))


def _write(stream: TextIO, line: str) -> None:
    """Write a line in what the stream can write; where nobody reads any more, go on without."""
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        nobody_reads(stream)


def nobody_reads(stream: TextIO) -> None:
    """Let what is still written to a closed pipe vanish, so that the work goes on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def printable(text: str) -> str:
    """`text` without lone surrogates (undecodable bytes of file names)."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain(value: Any) -> Any:
    """`value` as JSON knows it."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Path):
        return printable(os.fspath(value))
    if isinstance(value, str):
        return printable(value)
    return value


def table(rows: Sequence[tuple[str, ...]], header: tuple[str, ...] = ()) -> str:
    """Rows as aligned columns."""
    everything = [*([header] if header else []), *rows]
    if not everything:
        return ""
    widths = [max(len(r[i]) for r in everything) for i in range(len(everything[0]))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip()
        for r in everything
    )
