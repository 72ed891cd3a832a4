"""Choices about the project as a whole, such as the space in use. Decisions."""

from __future__ import annotations

from fgvc_studio.store.database import Database
from fgvc_studio.store.recording import Current


class Choices:
    """Words by key; writing happens inside ``operations.record()``."""

    def __init__(self, database: Database, current: Current) -> None:
        self._db = database
        self._current = current

    def get(self, key: str, default: str = "") -> str:
        """A choice, or `default` where none was made."""
        found = self._db.value("SELECT value FROM choices WHERE key=?", (key,))
        return default if found is None else str(found)

    def all(self, prefix: str = "") -> dict[str, str]:
        """Choices whose key begins with `prefix`, by key."""
        rows = self._db.rows("SELECT key, value FROM choices ORDER BY key")
        return {key: value for key, value in rows if key.startswith(prefix)}

    def set(self, key: str, value: str) -> None:
        """Choose; an empty value takes the choice back."""
        self._current.require()
        if value:
            self._db.writer.execute(
                "INSERT INTO choices VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value=?2 "
                "WHERE value<>?2",
                (key, value),
            )
        else:
            self._db.writer.execute("DELETE FROM choices WHERE key=?", (key,))
