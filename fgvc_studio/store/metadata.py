"""Facts about items from files: date, place, coordinates, any column. Not undoable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.store.database import Database, storable


class Metadata:
    """Columns of text values per item."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._cache: dict[str, dict[int, str]] = {}

    def columns(self) -> list[str]:
        """Names of the columns, oldest first."""
        return [r[0] for r in self._db.rows("SELECT name FROM metadata_columns ORDER BY id")]

    def set(self, item_ids: NDArray[np.int64], column: str, values: Sequence[str]) -> None:
        """Set one column of items; empty values remove the entry."""
        with self._db.transaction() as db:
            column = storable(column)
            db.execute("INSERT OR IGNORE INTO metadata_columns (name) VALUES (?)", (column,))
            found = db.execute("SELECT id FROM metadata_columns WHERE name=?", (column,))
            column_id = found.fetchone()[0]  # type: ignore[index]
            pairs = list(zip(np.asarray(item_ids).tolist(), values, strict=True))
            db.executemany(
                "INSERT INTO metadata VALUES (?,?,?) ON CONFLICT DO UPDATE SET "
                "value=excluded.value WHERE value<>excluded.value",
                [(column_id, i, storable(v)) for i, v in pairs if v],
            )
            db.executemany(
                "DELETE FROM metadata WHERE column_id=? AND item_id=?",
                [(column_id, i) for i, v in pairs if not v],
            )
        self._cache.pop(column, None)

    def column(self, name: str) -> dict[int, str]:
        """Item id -> value; items without one are missing. Kept until the column is written."""
        if name not in self._cache:
            self._cache[name] = dict(
                self._db.rows(
                    "SELECT m.item_id, m.value FROM metadata m JOIN metadata_columns c "
                    "ON c.id=m.column_id WHERE c.name=?",
                    (name,),
                )
            )
        return self._cache[name]

    def of_item(self, item_id: int) -> dict[str, str]:
        """Column -> value of one item."""
        return dict(
            self._db.rows(
                "SELECT c.name, m.value FROM metadata_columns c JOIN metadata m "
                "ON m.column_id=c.id AND m.item_id=? ORDER BY c.id",
                (item_id,),
            )
        )
