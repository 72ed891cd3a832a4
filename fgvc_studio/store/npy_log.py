"""A ``.npy`` file that grows by whole rows and survives a kill.

Rows are appended behind the committed ones, synced, and only then does the header say that they
exist; whatever lies beyond the header's count is overwritten by the next append.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class NpyLog:
    """Rows of a fixed type in a ``.npy`` file.

    Parameters
    ----------
    path : Path
        Made when missing.
    dtype : numpy.dtype
    width : int or None
        Values per row; None for a one-dimensional array.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], width: int | None) -> None:
        self._path, self._dtype, self._width = path, dtype, width
        self._row_bytes = dtype.itemsize * (width or 1)
        self._header = len(self._make_header(0))
        fresh = not path.exists() or path.stat().st_size < self._header
        self._file = path.open("w+b" if fresh else "r+b")
        if fresh:
            self._file.write(self._make_header(0))
        self.rows = 0 if fresh else self.rows_of(path)
        self._end = self.rows

    def _make_header(self, rows: int) -> bytes:
        shape = (rows,) if self._width is None else (rows, self._width)
        out = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            out,
            {
                "descr": np.lib.format.dtype_to_descr(self._dtype),
                "fortran_order": False,
                "shape": shape,
            },
        )
        return out.getvalue()

    @staticmethod
    def rows_of(path: Path) -> int:
        """Committed rows of a file that are whole; 0 when missing or damaged."""
        return _layout(path)[0]

    @staticmethod
    def mapped(path: Path, rows: int) -> NDArray[Any]:
        """The first `rows` rows of a file as a memmap (at least one row, see `rows_of`)."""
        _, start, shape, dtype = _layout(path)
        return np.memmap(path, dtype, "r", offset=start, shape=(rows, *shape[1:]))

    def read(self) -> NDArray[Any]:
        """The committed rows and those appended since."""
        self._file.seek(self._header)
        data = self._file.read(self._end * self._row_bytes)
        found = np.frombuffer(data, self._dtype)
        return found if self._width is None else found.reshape(-1, self._width)

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows behind the last; not counted before `commit`."""
        self._file.seek(self._header + self._end * self._row_bytes)
        self._file.write(rows.tobytes())
        self._end += len(rows)

    def truncate(self, rows: int) -> None:
        """Forget rows beyond `rows`, also those that the header counts."""
        if rows < self._end:
            self._end = rows
            self.commit()
        self._file.truncate(self._header + self._end * self._row_bytes)

    def commit(self) -> None:
        """Sync the rows, then the header that counts them."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.seek(0)
        self._file.write(self._make_header(self._end))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows = self._end

    def close(self) -> None:
        """Close; uncommitted rows are lost."""
        self._file.close()


def _layout(path: Path) -> tuple[int, int, tuple[int, ...], np.dtype[Any]]:
    """Whole committed rows, offset of the first, shape in the header, type of a value."""
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            length = int.from_bytes(file.read(2), "little")
            shape, dtype = _header(file.read(length).decode("latin-1"))
            start = file.tell()
            row_bytes = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
            there = (os.fstat(file.fileno()).st_size - start) // row_bytes
            return min(int(shape[0]), there), start, shape, dtype
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        return 0, 0, (0,), np.dtype(np.float32)


def _header(text: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of a value, read without Python's parser.

    numpy evaluates the header as a Python literal, and on Python 3.11 that fails now and then when
    two threads do so at the same time ("AST constructor recursion depth mismatch").
    """
    kind = re.search(r"'descr': *'([^']+)'", text)
    sizes = re.search(r"'shape': *\(([\d, ]*)\)", text)
    if kind is None or sizes is None or "'fortran_order': False" not in text:
        raise ValueError("no header of a plain array")
    return tuple(int(n) for n in sizes[1].replace(",", " ").split()), np.dtype(kind[1])
