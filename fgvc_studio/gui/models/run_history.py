"""What a run reported so far: written by the thread that trains, read by the window."""

from __future__ import annotations

import math
import threading
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Progress
from fgvc_studio.services.live_map import Frame

_POINTS = 500
Line = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass
class _Series:
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, step: int, value: float) -> None:
        self.steps.append(step)
        self.values.append(value)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The curves at one moment.

    Attributes
    ----------
    losses, diagnostics : dict
        Name -> (steps, values); NaN breaks a line where a run begins another training.
    parts : tuple of int
        Steps at which a run began another training.
    version : int
        Grows with every report.
    """

    losses: dict[str, Line]
    diagnostics: dict[str, Line]
    parts: tuple[int, ...]
    total: int
    version: int


class RunHistory:
    """Reports of one run; all methods may be called from any thread.

    Attributes
    ----------
    run_id : str
        Empty until the run has told it.
    """

    def __init__(self, run_id: str = "") -> None:
        self.run_id = run_id
        self._lock = threading.Lock()
        self._losses: dict[str, _Series] = {}
        self._diagnostics: dict[str, _Series] = {}
        self._parts: list[int] = []
        self._epoch = -1
        self._step = 0
        self._total = 0
        self._version = 0
        self._alarms: dict[str, None] = {}
        self._frames: list[Frame] = []
        self.text = ""
        self.seconds_left = math.nan
        self.images_per_s = 0.0

    # ---- written ---------------------------------------------------------------------------
    def watched(self, steps: Generator[Progress, None, Any]) -> Generator[Progress, None, Any]:
        """The same generator, its reports noted on the way."""
        try:
            while True:
                try:
                    report = next(steps)
                except StopIteration as end:
                    return end.value
                self.take(report)
                yield report
        finally:
            steps.close()

    def take(self, report: Progress) -> None:
        """Note a report of a driver."""
        detail: Mapping[str, Any] = report.detail or {}
        with self._lock:
            self.run_id = str(detail.get("run") or self.run_id)
            self.text = report.text
            self.seconds_left = float(detail.get("seconds_left", math.nan))
            self.images_per_s = report.rate
            if "losses" in detail:
                self._total = report.total
                self._note(report.done, detail)
            frame = detail.get("frame")
            if isinstance(frame, Frame):
                self._frames = [f for f in self._frames if f.step < frame.step] + [frame]
                self._version += 1

    def load(self, records: Iterable[Mapping[str, Any]], frames: Iterable[Frame] = ()) -> None:
        """Begin with what a run left on disk; nothing when it reports already."""
        with self._lock:
            if self._version:
                return
            for record in records:
                self._total = int(record.get("total", 0))
                self._note(int(record.get("step", 0)), record)
            self._frames = list(frames)

    def _note(self, step: int, record: Mapping[str, Any]) -> None:
        if step <= self._step:
            self._forget_from(step)
        self._step = step
        self._version += 1
        epoch = int(record.get("epoch", 0))
        if epoch < self._epoch:
            self._parts.append(step)
            for series in (*self._losses.values(), *self._diagnostics.values()):
                series.add(step, math.nan)
        self._epoch = epoch
        for kind, values in (
            (self._losses, record.get("losses") or {}),
            (self._diagnostics, record.get("diagnostics") or {}),
        ):
            for name, value in values.items():
                if value is not None:
                    kind.setdefault(name, _Series()).add(step, float(value))
        for alarm in record.get("alarms") or ():
            self._alarms[str(alarm)] = None

    def _forget_from(self, step: int) -> None:
        """A resumed run does some steps again."""
        self._epoch = -1
        self._parts = [p for p in self._parts if p < step]
        for series in (*self._losses.values(), *self._diagnostics.values()):
            keep = sum(s < step for s in series.steps)
            del series.steps[keep:], series.values[keep:]

    # ---- read ------------------------------------------------------------------------------
    @property
    def version(self) -> int:
        """Grows with every report."""
        return self._version

    @property
    def alarms(self) -> list[str]:
        """What has gone wrong, in words."""
        with self._lock:
            return list(self._alarms)

    @property
    def frames(self) -> list[Frame]:
        """Pictures of the sample so far."""
        with self._lock:
            return list(self._frames)

    @property
    def progress(self) -> tuple[int, int]:
        """Steps done, and of how many."""
        with self._lock:
            return self._step, self._total

    def latest(self, name: str) -> float:
        """The newest value of a loss or diagnostic; NaN when there is none."""
        with self._lock:
            for kind in (self._diagnostics, self._losses):
                if name in kind and kind[name].values:
                    known = [v for v in kind[name].values if not math.isnan(v)]
                    return known[-1] if known else math.nan
        return math.nan

    def best(self, name: str) -> float:
        """The largest value of a diagnostic; NaN when there is none."""
        with self._lock:
            series = self._diagnostics.get(name)
            known = [v for v in series.values if not math.isnan(v)] if series else []
        return max(known, default=math.nan)

    def points(self) -> int:
        """Steps with losses."""
        with self._lock:
            return max((len(s.steps) for s in self._losses.values()), default=0)

    def snapshot(self) -> Snapshot:
        """The curves now, thinned to what a picture can show."""
        with self._lock:
            losses = {n: (list(s.steps), list(s.values)) for n, s in self._losses.items()}
            found = {n: (list(s.steps), list(s.values)) for n, s in self._diagnostics.items()}
            parts, total, version = tuple(self._parts), self._total, self._version
        return Snapshot(
            {n: _thinned(*s) for n, s in losses.items()},
            {n: (np.array(s[0], float), np.array(s[1], float)) for n, s in found.items()},
            parts,
            total,
            version,
        )


def _thinned(steps: list[int], values: list[float]) -> Line:
    """Means of neighbouring points, at most `_POINTS`; breaks stay."""
    x, y = np.array(steps, float), np.array(values, float)
    size = -(-len(x) // _POINTS)
    if size <= 1:
        return x, y
    cut = np.arange(0, len(x), size)
    counts = np.diff(np.append(cut, len(x)))
    return np.add.reduceat(x, cut) / counts, np.add.reduceat(y, cut) / counts
