"""Connections and transactions: one writer, a reader per thread, WAL; faults in plain words."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError

BUSY_MS = 10_000


def storable(text: str) -> str:
    r"""`text` as SQLite can keep it: undecodable bytes of file names become ``\udcxx``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@contextmanager
def plain_faults(path: Path) -> Iterator[None]:
    """Turn what the disk does to a database into sentences.

    Raises
    ------
    UserError
        The file is damaged, the disk is full, or it cannot be read, written or opened.
    """
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise UserError(
            f"The database of {path.parent.name} is damaged ({error}).",
            f"Close the project and put the newest file of {path.parent / 'backups'} in its place "
            f"as {path.name}; delete {path.name}-wal and {path.name}-shm if they are there.",
        ) from error
    except apsw.FullError as error:
        raise UserError(
            "The disk is full; nothing was written.", "Free some space and try again."
        ) from error
    except (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError) as error:
        raise UserError(
            f"The database of {path.parent.name} cannot be read or written ({error}).",
            "Check the disk and the rights of the folder.",
        ) from error
    except apsw.BusyError as error:
        raise UserError(
            "Another process works on the database.", "Wait a moment and try again."
        ) from error


def connect_read_only(path: Path) -> apsw.Connection:
    """A reading connection; also in a folder that nobody may write to.

    Without a writer's log beside it the file cannot change, so there it is read as it is when
    SQLite may not make its helper files.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        connection.close()
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise
        connection = apsw.Connection(
            path.as_uri() + "?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
    connection.set_busy_timeout(BUSY_MS)
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


class Database:
    """A SQLite file. Writes are serialised by a lock; other threads read what is committed.

    Parameters
    ----------
    path : Path
    read_only : bool
        No writer; every write raises `UserError`.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.lock = threading.RLock()
        self._readers_lock = threading.Lock()
        self._local = threading.local()
        self._readers: list[tuple[threading.Thread, apsw.Connection]] = []
        self._writer: apsw.Connection | None = None
        self._owner: int | None = None
        if not read_only:
            with plain_faults(path):
                self._writer = apsw.Connection(str(path))
                self._writer.set_busy_timeout(BUSY_MS)
                self._writer.execute("PRAGMA journal_mode=WAL").fetchall()
                self._writer.execute("PRAGMA synchronous=FULL")
                # A large decision must not pay for moving 4 MB of older ones into the file.
                self._writer.execute("PRAGMA wal_autocheckpoint=16384")
                self._writer.execute("PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY")

    @property
    def writer(self) -> apsw.Connection:
        """The writing connection; hold `lock` or be inside `transaction`."""
        if self._writer is None:
            raise UserError(
                "The project is open for reading only.", "Close it elsewhere and open it again."
            )
        return self._writer

    def _connection(self) -> apsw.Connection:
        if self._owner == threading.get_ident():
            return self.writer
        found: apsw.Connection | None = getattr(self._local, "reader", None)
        if found is None:
            found = connect_read_only(self.path)
            self._local.reader = found
            with self._readers_lock:
                for thread, reader in self._readers:
                    if not thread.is_alive():
                        reader.close()
                self._readers = [r for r in self._readers if r[0].is_alive()]
                self._readers.append((threading.current_thread(), found))
        return found

    def rows(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, read in this thread (inside a transaction: by the writer)."""
        with plain_faults(self.path):
            return self._connection().execute(sql, values).fetchall()

    def numbers(self, sql: str, values: Sequence[Any] = (), *, width: int) -> NDArray[np.float64]:
        """A query of numbers as columns ``(width, K)``; None becomes nan.

        Rows are converted as they come, so that a million of them need no list of tuples. Whole
        numbers are exact up to 2**53.
        """
        with plain_faults(self.path):
            rows = chain.from_iterable(self._connection().execute(sql, values))
            return np.fromiter(rows, np.float64).reshape(-1, width).T

    def texts(self, sql: str, values: Sequence[Any] = ()) -> list[str]:
        """A query of one column of encoded file names, decoded."""
        found: list[str] = []
        with plain_faults(self.path):
            cursor = self._connection().execute(sql, values)
            while part := [row[0] for row in islice(cursor, 50_000)]:
                found += os.fsdecode(b"\0".join(part)).split("\0")
        return found

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """First column of the first row, None without rows."""
        with plain_faults(self.path):
            row = self._connection().execute(sql, values).fetchone()
        return row[0] if row else None

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside `transaction`."""
        return self._owner == threading.get_ident()

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """BEGIN IMMEDIATE ... COMMIT; rolled back on any exception.

        Raises
        ------
        RuntimeError
            When nested.
        """
        with self.lock, plain_faults(self.path):
            if self._owner is not None:
                raise RuntimeError("transactions do not nest")
            writer = self.writer
            writer.execute("BEGIN IMMEDIATE")
            self._owner = threading.get_ident()
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
            finally:
                self._owner = None

    def close(self) -> None:
        """Close every connection."""
        with self.lock:
            with self._readers_lock:
                for _, reader in self._readers:
                    reader.close()
                self._readers.clear()
            self._local = threading.local()
            if self._writer is not None:
                self._writer.close()
                self._writer = None
