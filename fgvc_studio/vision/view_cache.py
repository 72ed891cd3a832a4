"""Outputs of a frozen backbone part for all views of all items, kept on disk as float16.

One file per kind of view, row-major (N, V, ...), and one file with a record per row: the item's
fingerprint and a checksum per kind. A row counts when its fingerprint is the item's and the
checksums are those of the bytes; so a kill, a changed image and a damaged disk each cost the rows
that they touched, and filling goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError

KEEP_FREE = 2 << 30
"""Bytes that a cache must leave free on its disk."""

_DONE = 1 << 32
_UNREADABLE = 1 << 33
_LARGEST = float(np.finfo(np.float16).max)

Rows = NDArray[np.int64]
Produce = Callable[[Rows], Iterator[tuple[int, "Mapping[str, NDArray] | str"]]]
"""Rows -> (row, {kind: (V, ...)}), or (row, reason) for a file that cannot be read."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of view: its name, views per item, shape of one stored output."""

    name: str
    views: int
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one item."""
        return 2 * self.views * int(np.prod(self.shape))


def cache_key(parts: Mapping[str, object]) -> str:
    """SHA-256 (hex) of what the stored outputs depend on, the pictures excepted."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class ViewCache:
    """Stored outputs of N items.

    Parameters
    ----------
    folder : Path
        Made when missing; one per key (`cache_key`).
    kinds : sequence of Kind
    fingerprints : sequence of bytes
        32 bytes per item, in the order of the rows.
    produce : callable
        See `Produce`; called for missing and damaged rows.

    Raises
    ------
    UserError
        The folder cannot be made.
    """

    def __init__(
        self, folder: Path, kinds: Sequence[Kind], fingerprints: Sequence[bytes], produce: Produce
    ) -> None:
        self.folder = folder
        self.kinds = {kind.name: kind for kind in kinds}
        self._produce = produce
        self._prints = np.frombuffer(b"".join(fingerprints), np.uint8).reshape(-1, 32)
        self._n = len(self._prints)
        self._record = np.dtype([("print", np.uint8, 32), ("sums", np.uint64, len(kinds))])
        self._data: dict[str, NDArray[np.float16]] = {}
        self._state: NDArray | None = None
        self._checked = np.zeros(self._n, bool)

    @property
    def total_bytes(self) -> int:
        """Size on disk when full."""
        return self._n * (self._record.itemsize + sum(k.row_bytes for k in self.kinds.values()))

    @property
    def needed_bytes(self) -> int:
        """Bytes that filling will still take."""
        present = self._files()
        return max(0, self.total_bytes - sum(_on_disk(path) for path in present))

    def check_disk(self) -> None:
        """Refuse to fill a disk.

        Raises
        ------
        UserError
            Less than 2 GB would stay free.
        """
        place = self.folder
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free
        if self.needed_bytes and free - self.needed_bytes < KEEP_FREE:
            raise UserError(
                f"The views need {self.needed_bytes / 1e9:.1f} GB and the disk has "
                f"{free / 1e9:.1f} GB free; 2 GB must stay free.",
                "Make room on the disk, take fewer views, or train the head only.",
            )

    def open(self) -> None:
        """Map the files, growing them to the present number of rows (sparse until filled)."""
        self.check_disk()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for kind in self.kinds.values():
                self._data[kind.name] = self._map(
                    f"{kind.name}.f16", np.dtype(np.float16), (kind.views, *kind.shape)
                )
            self._state = self._map("rows.bin", self._record, ())
        except OSError as error:
            raise UserError(
                f"The cache {self.folder} cannot be written: {error.strerror}.",
                "Check the rights of the project folder and the space on its disk.",
            ) from error
        stale = (self._state["print"] != self._prints).any(axis=1)
        self._state["sums"][stale] = 0
        self._state["print"][stale] = self._prints[stale]

    def missing(self) -> Rows:
        """Rows that are not filled, ascending."""
        return np.flatnonzero((self._rows()["sums"] == 0).any(axis=1)).astype(np.int64)

    def unreadable(self) -> Rows:
        """Rows whose file could not be read when they were filled."""
        return np.flatnonzero((self._rows()["sums"] == _UNREADABLE).any(axis=1)).astype(np.int64)

    def fill(self, rows: Rows | None = None) -> Iterator[tuple[int, str]]:
        """Fill missing rows (or those given), yielding (row, reason or empty) after each."""
        todo = self.missing() if rows is None else rows
        if not len(todo):
            return
        for row, made in self._produce(todo):
            if isinstance(made, str):
                self._rows()["sums"][row] = _UNREADABLE
                yield row, made
                continue
            sums = []
            for kind in self.kinds.values():
                values = np.clip(made[kind.name], -_LARGEST, _LARGEST).astype(np.float16)
                self._data[kind.name][row] = values
                sums.append(_checksum(values))
            self._rows()["sums"][row] = sums
            self._checked[row] = True
            yield row, ""

    def flush(self) -> None:
        """Write to disk what is mapped."""
        for array in [*self._data.values(), self._state]:
            if isinstance(array, np.memmap):
                array.flush()

    def read(self, kind: str, rows: Rows, views: NDArray[np.int64]) -> NDArray[np.float16]:
        """Stored outputs.

        Parameters
        ----------
        rows : ndarray (B,) int64
        views : ndarray (B, n) int64
            Which views of each row.

        Returns
        -------
        ndarray (n, B, ...) float16
            View-major. A row that has become damaged is made anew first.
        """
        for row in rows[~self._checked[rows]]:
            self._check(int(row))
        return self._data[kind][rows[None, :], views.T]

    def close(self) -> None:
        """Release the files."""
        self.flush()
        self._data.clear()
        self._state = None

    def _check(self, row: int) -> None:
        sums = self._rows()["sums"][row]
        found = [_checksum(self._data[name][row]) for name in self.kinds]
        if not np.array_equal(sums, np.array(found, np.uint64)):
            self._rows()["sums"][row] = 0
            for _, reason in self.fill(np.array([row])):
                if reason:
                    raise UserError(
                        f"A picture can no longer be read: {reason}.", "Start the run again."
                    )
        self._checked[row] = True

    def _rows(self) -> NDArray:
        if self._state is None:
            raise RuntimeError("the cache is not open")
        return self._state

    def _files(self) -> list[Path]:
        return [self.folder / "rows.bin", *(self.folder / f"{name}.f16" for name in self.kinds)]

    def _map(self, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> NDArray:
        path = self.folder / name
        size = self._n * dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        with path.open("ab") as file:
            file.truncate(max(size, file.tell()))
        return np.memmap(path, dtype, "r+", shape=(self._n, *shape))


def _checksum(values: NDArray[np.float16]) -> int:
    return _DONE | zlib.crc32(np.ascontiguousarray(values).view(np.uint8).reshape(-1))


def _on_disk(path: Path) -> int:
    """Bytes that a (sparse) file occupies."""
    try:
        info = path.stat()
    except OSError:
        return 0
    return min(info.st_size, getattr(info, "st_blocks", info.st_size // 512 + 1) * 512)
