"""Spaces and maps as numpy files; derived, not undoable, never half-written."""

from __future__ import annotations

import io
import os
import re
import shutil
import time
import zipfile
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
VECTORS, NORMS, IDS = "vectors.npy", "norms.npy", "item_ids.npy"
SORTED, SORTED_IDS = "sorted-", "sorted_ids.npy"
_FACTS: dict[str, Any] = {
    "backbone": str,
    "dim": int,
    "key": str,
    "runtime": str,
    "created": (int, float),
}


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
        self._vectors = NpyLog(folder / VECTORS, np.dtype(np.float32), dim)
        self._norms = NpyLog(folder / NORMS, np.dtype(np.float32), None)
        self._ids = NpyLog(folder / IDS, np.dtype(np.int64), None)
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
    """Rewrite a space in order of item id.

    The sorted arrays are written beside the old ones; from the moment the sorted ids have their
    name, the sorted arrays are what counts (see `_current`), wherever a kill comes.
    """
    _, order = np.unique(ids, return_index=True)
    for name in (VECTORS, NORMS):
        rows = np.load(folder / name, mmap_mode="r")
        shape = (len(order), *rows.shape[1:])
        out = np.lib.format.open_memmap(folder / (SORTED + name), "w+", rows.dtype, shape)
        for at in range(0, len(order), 8192):
            out[at : at + 8192] = rows[order[at : at + 8192]]
        out.flush()
        del out, rows
        with (folder / (SORTED + name)).open("rb") as file:
            os.fsync(file.fileno())
    buffer = io.BytesIO()
    np.save(buffer, ids[order])
    write_atomic(folder / SORTED_IDS, buffer.getvalue())
    finish_sort(folder)


def finish_sort(folder: Path) -> None:
    """Move sorted files into place; also called on opening, when a kill came in between."""
    if (folder / SORTED_IDS).exists():
        for name in (VECTORS, NORMS):
            if (folder / (SORTED + name)).exists():
                (folder / (SORTED + name)).replace(folder / name)
        (folder / SORTED_IDS).replace(folder / IDS)
    for name in (VECTORS, NORMS):
        (folder / (SORTED + name)).unlink(missing_ok=True)


def _current(folder: Path) -> tuple[Path, Path, Path]:
    """The files of vectors, lengths and ids that belong together now."""
    if not (folder / SORTED_IDS).exists():
        return folder / VECTORS, folder / NORMS, folder / IDS
    newest = (folder / (SORTED + name) for name in (VECTORS, NORMS))
    vectors, norms = (p if p.exists() else p.with_name(p.name[len(SORTED) :]) for p in newest)
    return vectors, norms, folder / SORTED_IDS


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
            if not all(isinstance(found[k], kind) for k, kind in _FACTS.items()):
                raise TypeError("its description has the wrong types")
        except FileNotFoundError as error:
            raise UserError(f"There is no space {name}.", "Compute embeddings first.") from error
        except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
            raise UserError(
                f"The space {name} is damaged ({error}).", "Delete its folder and embed again."
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
            done=min(map(NpyLog.rows_of, _current(folder))),
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
        for _ in range(3):  # a writer may be moving its sorted files into place right now
            info, files = self._info(name), _current(self._path(name))
            if not info.done:
                raise UserError(
                    f"The space {name} holds no vectors yet.", "Compute embeddings first."
                )
            try:
                vectors, norms, ids = (NpyLog.mapped(f, info.done) for f in files)
                break
            except (OSError, ValueError):
                continue
        else:
            raise UserError(f"The space {name} cannot be read.", "Try again, or embed again.")
        ids, norms = np.array(ids), np.array(norms)
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
            with path.open("rb") as file, np.load(file) as data:
                groups = data.get("groups")
                return Map2D(space, method, data["xy"], data["item_ids"], groups)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
