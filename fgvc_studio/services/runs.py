"""The runs of a project as folders: what was asked, what came of it, keep or discard."""

from __future__ import annotations

import dataclasses
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import SpaceChanged
from fgvc_studio.domain.runs import RunCard, RunState, StepReport, TrainingRun
from fgvc_studio.services import live_map
from fgvc_studio.services.training_material import MATERIAL, Snapshot
from fgvc_studio.store.arrays import write_atomic

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

RUN, CARD, METRICS = "run.json", "card.json", "metrics.jsonl"
_LIGHT = (RUN, CARD, METRICS, MATERIAL, live_map.FILE)
"""What stays of a discarded run."""
_FLUSH_EVERY = 1.0


class Runs:
    """The folders under ``runs/``.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._root = studio.store.path / "runs"

    def all(self) -> list[TrainingRun]:
        """All runs that can be read, in order of start."""
        found = []
        for path in self._root.glob(f"*/{RUN}"):
            try:
                run = msgspec.json.decode(path.read_bytes(), type=TrainingRun)
            except (OSError, msgspec.DecodeError):
                continue
            if run.state is RunState.FINISHED and self._studio.choosing.kept(run.id):
                run = dataclasses.replace(run, state=RunState.KEPT)
            found.append(run)
        return sorted(found, key=lambda run: run.created)

    def get(self, run_id: str) -> TrainingRun:
        """A run by its id.

        Raises
        ------
        UserError
            There is none.
        """
        runs = self.all()
        for run in runs:
            if run.id == run_id:
                return run
        known = ", ".join(run.id for run in runs) or "none yet"
        raise UserError(f"There is no run {run_id}.", f"Runs of this project: {known}.")

    def unfinished(self, run_id: str, method: str) -> TrainingRun:
        """A run that can go on.

        Raises
        ------
        UserError
            There is none, it is finished, or of another method.
        """
        run = self.get(run_id)
        if run.method != method:
            raise UserError(f"{run_id} is a run of {run.method}.", f"Use train {run.method}.")
        if run.state is not RunState.RUNNING:
            raise UserError(f"The run {run_id} is {run.state}.", "Start a new run.")
        return run

    def folder(self, run_id: str) -> Path:
        """Where a run keeps its files."""
        return self._root / run_id

    def new_id(self, method: str) -> str:
        """The next free id of a method, e.g. ``cmd-2``."""
        taken = [
            int(match[1])
            for path in (self._root.iterdir() if self._root.is_dir() else ())
            if (match := re.fullmatch(rf"{re.escape(method)}-(\d+)", path.name))
        ]
        return f"{method}-{max(taken, default=0) + 1}"

    def save(self, run: TrainingRun) -> None:
        """Keep what is known of a run.

        Raises
        ------
        UserError
            The folder cannot be written.
        """
        folder = self.folder(run.id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / RUN, msgspec.json.format(msgspec.json.encode(run)))
        except OSError as error:
            raise UserError(
                f"The run {run.id} cannot be written: {error.strerror}.",
                "Check the rights of the project folder and the space on its disk.",
            ) from error

    def forget(self, run_id: str) -> None:
        """Delete a run that could not begin."""
        shutil.rmtree(self.folder(run_id), ignore_errors=True)
        shutil.rmtree(self.views(run_id), ignore_errors=True)

    def material(self, run_id: str) -> Snapshot:
        """What a run learns from, as it was at its start.

        Raises
        ------
        UserError
            It is missing or damaged.
        """
        return Snapshot.load(self.folder(run_id))

    def items(self, run_id: str) -> NDArray[np.int64]:
        """The items that a run learns from: see `material`."""
        return self.material(run_id).item_ids

    def save_card(self, card: RunCard) -> None:
        """Keep a card."""
        write_atomic(
            self.folder(card.run) / CARD, msgspec.json.format(msgspec.json.encode(card), indent=2)
        )

    def card(self, run_id: str) -> RunCard:
        """The card of a finished run.

        Raises
        ------
        UserError
            The run is not finished, or its card is damaged.
        """
        run = self.get(run_id)
        try:
            return msgspec.json.decode((self.folder(run_id) / CARD).read_bytes(), type=RunCard)
        except FileNotFoundError as error:
            raise UserError(
                f"The run {run_id} is not finished ({run.step:,} of {run.total:,} steps).",
                f"Go on with it: train {run.method} PROJECT --resume {run_id}.",
            ) from error
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(
                f"The card of the run {run_id} is damaged ({error}).", "Train again."
            ) from error

    def metrics(self, run_id: str) -> list[dict[str, Any]]:
        """What the run reported so far, one record per step kept."""
        path = self.folder(run_id) / METRICS
        lines = path.read_bytes().splitlines() if path.is_file() else []
        found = []
        for line in lines:
            try:
                found.append(msgspec.json.decode(line))
            except msgspec.DecodeError:
                continue  # the last line of a killed run
        return found

    # ---- decisions -------------------------------------------------------------------------
    def keep(self, run_id: str, *, use: bool = True) -> TrainingRun:
        """Keep a run; `use` takes its space for map and search. An operation: it can be undone.

        Raises
        ------
        UserError
            It is not finished, or was discarded.
        """
        run = self.get(run_id)
        if run.state is RunState.RUNNING:
            raise UserError(
                f"The run {run_id} is not finished and cannot be kept.",
                "Go on with it, or end it where it stands: runs PROJECT finish RUN.",
            )
        if run.state is RunState.DISCARDED:
            raise UserError(f"The run {run_id} was discarded.", "Train again.")
        choosing = self._studio.choosing
        if use or not run.space:
            choosing.keep_run(run_id, run.space)
        else:
            choosing.keep_both(run.space, run_id)
        return self.get(run_id)

    def discard(self, run_id: str) -> TrainingRun:
        """Delete a run's space, model and caches; its card stays."""
        run = self.get(run_id)
        for path in self.folder(run_id).iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name not in _LIGHT:
                path.unlink(missing_ok=True)
        shutil.rmtree(self.views(run_id), ignore_errors=True)
        store = self._studio.store
        if run.space and any(s.name == run.space for s in store.arrays.spaces()):
            store.arrays.drop_space(run.space)
            if self._studio.choosing.space() == run.space:
                self._studio.choosing.roll_back(run.space, run.base_space, run_id)
            self._studio.bus.publish(SpaceChanged(run.space))
        return self._in_state(run, RunState.DISCARDED)

    def views(self, run_id: str) -> Path:
        """Where a run keeps its views."""
        return self._studio.store.cache / "views" / run_id

    def _in_state(self, run: TrainingRun, state: RunState) -> TrainingRun:
        changed = dataclasses.replace(run, state=state)
        self.save(changed)
        return changed


class MetricsLog:
    """Appends step reports to ``metrics.jsonl``.

    Parameters
    ----------
    folder : Path
        Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / METRICS
        self._waiting: list[bytes] = []
        self._flushed = time.monotonic()
        self._first = True

    def add(self, report: StepReport) -> None:
        """Take a report; written at least every second that reports come."""
        if self._first:
            self._forget_from(report.step)
            self._first = False
        self._waiting.append(msgspec.json.encode(report))
        if time.monotonic() - self._flushed >= _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            with self._path.open("ab") as file:
                file.write(b"\n".join(self._waiting) + b"\n")
            self._waiting.clear()
        self._flushed = time.monotonic()

    def _forget_from(self, step: int) -> None:
        """Drop steps that a resumed run does again."""
        if not self._path.is_file():
            return
        kept = []
        for line in self._path.read_bytes().splitlines():
            try:
                if msgspec.json.decode(line)["step"] < step:
                    kept.append(line)
            except (msgspec.DecodeError, KeyError, TypeError):
                continue
        write_atomic(self._path, b"".join(line + b"\n" for line in kept))
