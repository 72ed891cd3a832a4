"""Spaces and maps as numpy files; derived, not undoable, never half-written."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.embeddings import EmbeddingSpace, Map2D, SpaceInfo
from fgvc_studio.domain.errors import UserError
from fgvc_studio.store.npy_log import NpyLog

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}")
COMMIT_EVERY = 2.0


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file by temporary file, fsync and rename."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class SpaceWriter:
    """Appends vectors to a space; what was committed survives a kill.

    Parameters
    ----------
    folder : Path
    dim : int
    """

    def __init__(self, folder: Path, dim: int) -> None:
        self._vectors = NpyLog(folder / "vectors.npy", np.dtype(np.float32), dim)
        self._norms = NpyLog(folder / "norms.npy", np.dtype(np.float32), None)
        self._ids = NpyLog(folder / "item_ids.npy", np.dtype(np.int64), None)
        self._logs = (self._vectors, self._norms, self._ids)  # ids last: they make rows count
        rows = min(log.rows for log in self._logs)
        for log in self._logs:
            log.truncate(rows)
        self._folder = folder
        self._committed = time.monotonic()

    def missing(self, item_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of `item_ids` without a vector."""
        return np.setdiff1d(item_ids, self._ids.read())

    def append(self, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add rows, which are normalised here; committed at least every two seconds."""
        norms = np.linalg.norm(vectors, axis=1).astype(np.float32)
        unit = vectors / np.maximum(norms, 1e-12)[:, None]
        self._vectors.append(np.ascontiguousarray(unit, np.float32))
        self._norms.append(norms)
        self._ids.append(np.ascontiguousarray(item_ids, np.int64))
        if time.monotonic() - self._committed >= COMMIT_EVERY:
            self.commit()

    def commit(self) -> None:
        """Make appended rows durable: vectors first, the ids that make them count last."""
        for log in self._logs:
            log.commit()
        self._committed = time.monotonic()

    def close(self) -> None:
        """Commit, and put the rows in order of item id."""
        self.commit()
        ids = self._ids.read()
        for log in self._logs:
            log.close()
        if len(ids) > 1 and (np.diff(ids) <= 0).any():
            _sort_files(self._folder, ids)


def _sort_files(folder: Path, ids: NDArray[np.int64]) -> None:
    """Rewrite a space in order of item id; ids are removed first, so a kill costs no truth."""
    _, order = np.unique(ids, return_index=True)
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    temporary = folder / "vectors.sorted.npy"
    out = np.lib.format.open_memmap(
        temporary, "w+", np.dtype(np.float32), (len(order), vectors.shape[1])
    )
    for at in range(0, len(order), 8192):
        out[at : at + 8192] = vectors[order[at : at + 8192]]
    out.flush()
    del out, vectors
    np.save(folder / "norms.sorted.npy", np.load(folder / "norms.npy")[order])
    np.save(folder / "ids.sorted.npy", ids[order])
    (folder / "ids.sorted.npy").replace(folder / "sorted_ids.npy")
    finish_sort(folder)


def finish_sort(folder: Path) -> None:
    """Move sorted files into place; also called on opening, when a kill came in between."""
    marker = folder / "sorted_ids.npy"
    if marker.exists():
        for name in ("vectors", "norms"):
            if (folder / f"{name}.sorted.npy").exists():
                (folder / f"{name}.sorted.npy").replace(folder / f"{name}.npy")
        marker.replace(folder / "item_ids.npy")


class Arrays:
    """The spaces of a project.

    Parameters
    ----------
    folder : Path
        ``arrays/`` of the project.
    count : callable
        Number of items of the project.
    """

    def __init__(self, folder: Path, count: Callable[[], int]) -> None:
        self._folder = folder
        self._count = count

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UserError(
                f"{name!r} cannot be the name of a space.",
                "Use letters, digits, space, dot, dash and underscore.",
            )
        return self._folder / name

    def meta(self, name: str) -> dict[str, Any]:
        """What is stored beside a space.

        Raises
        ------
        UserError
            No such space, or its description is damaged.
        """
        try:
            found: dict[str, Any] = msgspec.json.decode(
                (self._path(name) / "meta.json").read_bytes()
            )
        except FileNotFoundError as error:
            raise UserError(f"There is no space {name}.", "Compute embeddings first.") from error
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(
                f"The space {name} is damaged: {error}", "Delete its folder and embed again."
            ) from error
        return found

    def spaces(self) -> list[SpaceInfo]:
        """All spaces that can be read."""
        found = []
        for folder in sorted(self._folder.iterdir()) if self._folder.is_dir() else []:
            if (folder / "meta.json").is_file():
                try:
                    found.append(self._info(folder.name))
                except UserError:
                    continue
        return found

    def _info(self, name: str) -> SpaceInfo:
        meta, folder = self.meta(name), self._path(name)
        return SpaceInfo(
            name=name,
            backbone=str(meta["backbone"]),
            dim=int(meta["dim"]),
            key=str(meta["key"]),
            runtime=str(meta["runtime"]),
            done=NpyLog.rows_of(folder / "item_ids.npy"),
            total=self._count(),
            created=float(meta["created"]),
            maps=tuple(sorted(p.stem[4:] for p in folder.glob("map-*.npz"))),
        )

    def create_space(
        self, name: str, backbone: str, dim: int, key: str, runtime: str, meta: dict[str, Any]
    ) -> SpaceWriter:
        """Make a space, or go on with one of the same key.

        Raises
        ------
        UserError
            A space of that name was made with other weights.
        """
        folder = self._path(name)
        if (folder / "meta.json").is_file():
            old = self.meta(name)
            if old["key"] != key:
                raise UserError(
                    f"The space {name} was made with other weights ({old['backbone']}).",
                    "Choose another name for the new space.",
                )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            facts = {
                **meta, "backbone": backbone, "dim": dim, "key": key, "runtime": runtime,
                "created": time.time(),
            }  # fmt: skip
            write_atomic(folder / "meta.json", msgspec.json.encode(facts))
        finish_sort(folder)
        return SpaceWriter(folder, dim)

    def open_space(self, name: str) -> EmbeddingSpace:
        """A space for reading; vectors are a memmap.

        Raises
        ------
        UserError
            No such space, or no vectors yet.
        """
        info, folder = self._info(name), self._path(name)
        if not info.done:
            raise UserError(f"The space {name} holds no vectors yet.", "Compute embeddings first.")
        ids = np.load(folder / "item_ids.npy")
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")[: len(ids)]
        norms = np.load(folder / "norms.npy")[: len(ids)]
        if len(ids) > 1 and (np.diff(ids) <= 0).any():  # a writer was killed, or is still at work
            ids, order = np.unique(ids, return_index=True)
            vectors, norms = vectors[order], norms[order]
        return EmbeddingSpace(info, vectors, ids, norms)

    def drop_space(self, name: str) -> None:
        """Delete a space with its maps."""
        shutil.rmtree(self._path(name), ignore_errors=True)

    # ---- maps ------------------------------------------------------------------------------
    def save_map(self, made: Map2D) -> None:
        """Keep a map beside its space."""
        path = self._path(made.space) / f"map-{made.method}.npz"
        temporary = path.with_name(path.stem + ".tmp.npz")
        groups = {} if made.groups is None else {"groups": made.groups}
        np.savez(temporary, xy=made.xy, item_ids=made.item_ids, **groups)  # type: ignore[arg-type]
        temporary.replace(path)

    def load_map(self, space: str, method: str) -> Map2D | None:
        """A kept map; None when there is none or it is damaged."""
        path = self._path(space) / f"map-{method}.npz"
        try:
            with np.load(path) as data:
                groups = data["groups"] if "groups" in data else None
                return Map2D(space, method, data["xy"], data["item_ids"], groups)
        except (OSError, ValueError, KeyError):
            return None
