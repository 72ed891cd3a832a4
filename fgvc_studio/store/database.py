"""Connections and transactions: one writer, a reader per thread, WAL."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from fgvc_studio.domain.errors import UserError

BUSY_MS = 10_000


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
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._writer: apsw.Connection | None = None
        self._owner: int | None = None
        if not read_only:
            self._writer = apsw.Connection(str(path))
            self._writer.set_busy_timeout(BUSY_MS)
            self._writer.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
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
            found = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
            found.set_busy_timeout(BUSY_MS)
            found.execute("PRAGMA temp_store=MEMORY")
            self._local.reader = found
            with self.lock:
                self._readers.append(found)
        return found

    def rows(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, read in this thread (inside a transaction: by the writer)."""
        return self._connection().execute(sql, values).fetchall()

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """First column of the first row, None without rows."""
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
        with self.lock:
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
            for reader in self._readers:
                reader.close()
            self._readers.clear()
            self._local = threading.local()
            if self._writer is not None:
                self._writer.close()
                self._writer = None
