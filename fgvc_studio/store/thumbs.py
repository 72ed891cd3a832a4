"""Thumbnails in a file of their own; derived, may be deleted at any time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from fgvc_studio.store.images import carray


class Thumbs:
    """JPEG thumbnails by image id; safe to use from any thread.

    Parameters
    ----------
    path : Path
        ``cache/thumbs.db``; made when missing, thrown away when damaged.
    read_only : bool
        Keeps new thumbnails in memory only.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db = _connect(":memory:") if read_only and not path.exists() else self._open()

    def _open(self) -> apsw.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return _connect(str(self._path))
        except (apsw.NotADBError, apsw.CorruptError):
            return self._fresh()
        except (OSError, apsw.CantOpenError, apsw.ReadOnlyError):
            return _connect(":memory:")

    def _fresh(self) -> apsw.Connection:
        for suffix in ("", "-wal", "-shm"):
            Path(str(self._path) + suffix).unlink(missing_ok=True)
        return _connect(str(self._path))

    @contextmanager
    def _mended(self) -> Iterator[apsw.Connection]:
        """The connection under the lock; a file found damaged is begun anew, thumbnails lost."""
        with self._lock:
            try:
                yield self._db
            except (apsw.NotADBError, apsw.CorruptError):
                self._db.close()
                self._db = self._fresh()

    def put_many(self, pictures: Sequence[tuple[int, bytes]]) -> None:
        """Store thumbnails."""
        with self._mended() as db, db:
            db.executemany("INSERT OR REPLACE INTO thumbs VALUES (?,?)", pictures)

    def get(self, image_id: int) -> bytes | None:
        """One thumbnail."""
        return self.get_many([image_id])[image_id]

    def get_many(self, image_ids: Iterable[int]) -> dict[int, bytes | None]:
        """Thumbnails of images, None where there is none."""
        ids = [int(i) for i in image_ids]
        found: dict[int, bytes | None] = dict.fromkeys(ids)
        with self._mended() as db:
            sql = (
                "SELECT image_id, jpeg FROM thumbs WHERE image_id IN (SELECT value FROM carray(?))"
            )
            rows: list[tuple[Any, ...]] = db.execute(sql, (carray(ids),)).fetchall()
            for image_id, jpeg in rows:
                found[image_id] = jpeg
        return found

    def missing(self, image_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of `image_ids` without a thumbnail."""
        rows: list[tuple[Any, ...]] = []
        with self._mended() as db:
            rows = db.execute("SELECT image_id FROM thumbs").fetchall()
        return np.setdiff1d(image_ids, np.array([r[0] for r in rows], np.int64))

    def size_bytes(self) -> int:
        """Bytes on disk."""
        return self._path.stat().st_size if self._path.exists() else 0

    def clear(self) -> None:
        """Throw all thumbnails away."""
        with self._mended() as db:
            db.execute("DELETE FROM thumbs")
            db.execute("VACUUM")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _connect(name: str) -> apsw.Connection:
    db = apsw.Connection(name)
    db.set_busy_timeout(5000)
    if name != ":memory:":
        db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF")
    db.execute(
        "CREATE TABLE IF NOT EXISTS thumbs (image_id INTEGER PRIMARY KEY, jpeg BLOB NOT NULL)"
    )
    return db
