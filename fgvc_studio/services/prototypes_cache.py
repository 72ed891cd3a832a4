"""What every item does to every prototype, kept beside the run: scores, places, add-on maps."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.store.arrays import write_atomic

FOLDER, META = "activations", "meta.json"
TODO, DONE, UNREADABLE = 0, 1, 2
_FILES: dict[str, np.dtype[Any]] = {
    "state": np.dtype("u1"),
    "scores": np.dtype("<f4"),
    "cells": np.dtype("<u2"),
    "maps": np.dtype("<f2"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """What the files hold; another model or shape makes them worthless.

    Attributes
    ----------
    model : str
        SHA-256 of the weights.
    prototypes, dim : int
        2P, D.
    small, grid : (int, int)
        Rows and columns of the kept maps, and of those that cells are counted in.
    """

    model: str
    prototypes: int
    dim: int
    small: tuple[int, int]
    grid: tuple[int, int]

    def width(self, name: str) -> tuple[int, ...]:
        """Shape of an item's entry in a file."""
        if name == "state":
            return ()
        return (2, self.dim, *self.small) if name == "maps" else (self.prototypes,)

    @property
    def item_bytes(self) -> int:
        """Bytes on disk per item."""
        return sum(
            kind.itemsize * int(np.prod(self.width(name), dtype=np.int64))
            for name, kind in _FILES.items()
        )


class Activations:
    """The files of a run, row ``i`` for item ``i + 1``.

    Attributes
    ----------
    state : ndarray (N,) uint8
        `TODO`, `DONE` or `UNREADABLE`.
    scores : ndarray (N, 2P) float32
    cells : ndarray (N, 2P) uint16
        Place of the maximum, row by row in `Layout.grid`.
    maps : ndarray (N, 2, D, h, w) float16
    """

    state: NDArray[np.uint8]
    scores: NDArray[np.float32]
    cells: NDArray[np.uint16]
    maps: NDArray[np.float16]

    def __init__(self, folder: Path, layout: Layout, *, writable: bool = False) -> None:
        self.folder, self.layout = folder, layout
        rows = (folder / "state.bin").stat().st_size
        for name, kind in _FILES.items():
            path = folder / f"{name}.bin"
            shape = (rows, *layout.width(name))
            if rows:
                found: Any = np.memmap(path, kind, "r+" if writable else "r", shape=shape)
            else:
                found = np.zeros(shape, kind)
            setattr(self, name, found)

    def __len__(self) -> int:
        return len(self.state)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows that hold something."""
        return np.flatnonzero(self.state == DONE).astype(np.int64)

    def places(self, rows: NDArray[np.int64], prototype: int) -> NDArray[np.int64]:
        """Row and column (n, 2) of a prototype's maximum on some items."""
        at = self.cells[rows, prototype].astype(np.int64)
        return np.stack(np.divmod(at, self.layout.grid[1]), 1)

    def put(self, rows: NDArray[np.int64], **values: NDArray[Any]) -> None:
        """Write entries; they count as done afterwards."""
        for name, value in values.items():
            getattr(self, name)[rows] = value
        self.state[rows] = DONE

    def flush(self) -> None:
        """Bring everything to disk, the state last."""
        for name in ("scores", "cells", "maps", "state"):
            array = getattr(self, name)
            if isinstance(array, np.memmap):
                array.flush()


def read(run_folder: Path, model: str) -> Activations | None:
    """The files of a model, for reading; None when there are none of this model."""
    layout = _layout(run_folder / FOLDER)
    if layout is None or layout.model != model:
        return None
    try:
        return Activations(run_folder / FOLDER, layout)
    except (OSError, ValueError):
        return None


def make(run_folder: Path, layout: Layout, rows: int) -> Activations:
    """The files of a model, for writing, long enough for so many items.

    Raises
    ------
    UserError
        The disk is full or cannot be written.
    """
    folder = run_folder / FOLDER
    try:
        if _layout(folder) != layout:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "state.bin"
        missing = rows - (kept.stat().st_size if kept.is_file() else 0)
        needed, free = missing * layout.item_bytes, shutil.disk_usage(folder).free
        if needed > 0.95 * free:
            raise UserError(
                f"Comparing the images with the prototypes needs {needed / 1e9:.1f} GB, "
                f"{free / 1e9:.1f} GB are free.",
                "Make room on the disk of the project.",
            )
        for name in reversed(_FILES):  # the state last: a longer one vouches for the others
            path = folder / f"{name}.bin"
            size = rows * _FILES[name].itemsize * int(np.prod(layout.width(name), dtype=np.int64))
            with path.open("ab") as file:
                if file.tell() < size:
                    file.truncate(size)
        write_atomic(folder / META, json.dumps(asdict(layout)).encode())
        return Activations(folder, layout, writable=True)
    except OSError as error:
        raise UserError(
            f"The activations of {run_folder.name} cannot be written: {error.strerror}.",
            "Check the rights of the project folder and the space on its disk.",
        ) from error


def _layout(folder: Path) -> Layout | None:
    try:
        facts = json.loads((folder / META).read_text("utf-8"))
        return Layout(
            str(facts["model"]), int(facts["prototypes"]), int(facts["dim"]),
            (int(facts["small"][0]), int(facts["small"][1])),
            (int(facts["grid"][0]), int(facts["grid"][1])),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
