"""The tree of categories with synonyms and vernacular names. Decisions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Category, CategoryName, NameKind
from fgvc_studio.store.database import Database, storable
from fgvc_studio.store.recording import Current


class Categories:
    """Categories of a project; writing happens inside ``operations.record()``."""

    def __init__(self, database: Database, current: Current) -> None:
        self._db = database
        self._current = current

    def all(self) -> list[Category]:
        """Every category with its further names, by id."""
        names: dict[int, list[CategoryName]] = {}
        for row in self._db.rows(
            "SELECT id, category_id, name, kind, language FROM category_names ORDER BY id"
        ):
            name = CategoryName(row[0], row[1], row[2], NameKind(row[3]), row[4])
            names.setdefault(name.category_id, []).append(name)
        return [
            Category(r[0], r[1], r[2], r[3], r[4], r[5], bool(r[6]), tuple(names.get(r[0], ())))
            for r in self._db.rows(
                "SELECT id, name, parent_id, rank, authorship, note, provisional "
                "FROM categories ORDER BY id"
            )
        ]

    def get(self, category_id: int) -> Category:
        """One category.

        Raises
        ------
        KeyError
            No such category.
        """
        for category in self.all():
            if category.id == category_id:
                return category
        raise KeyError(category_id)

    def find(self, name: str) -> Category | None:
        """The first category of a name or synonym, ignoring case."""
        wanted = name.casefold()
        everything = self.all()
        for category in everything:
            if category.name.casefold() == wanted:
                return category
        for category in everything:
            if any(n.name.casefold() == wanted for n in category.names):
                return category
        return None

    def _parent(self, category_id: int) -> int | None:
        found = self._db.value("SELECT parent_id FROM categories WHERE id=?", (category_id,))
        return int(found) if found is not None else None

    def _items(self, table: str, category_id: int) -> NDArray[np.int64]:
        rows = self._db.rows(f"SELECT item_id FROM {table} WHERE category_id=?", (category_id,))
        return np.array([r[0] for r in rows], np.int64)

    # ---- writing ---------------------------------------------------------------------------
    def add(
        self,
        name: str,
        parent_id: int | None = None,
        *,
        rank: str = "",
        authorship: str = "",
        note: str = "",
        provisional: bool = False,
    ) -> int:
        """Add a category; returns its id."""
        self._current.require()
        self._db.writer.execute(
            "INSERT INTO categories (parent_id, name, rank, authorship, note, provisional) "
            "VALUES (?,?,?,?,?,?)",
            (parent_id, storable(name), rank, storable(authorship), note, int(provisional)),
        )
        return int(self._db.writer.last_insert_rowid())

    def rename(self, category_id: int, name: str) -> None:
        """Give another name; a provisional category stays provisional."""
        self._current.require()
        self._db.writer.execute(
            "UPDATE categories SET name=? WHERE id=?", (storable(name), category_id)
        )

    def move(self, category_id: int, parent_id: int | None) -> None:
        """Hang under another parent.

        Raises
        ------
        UserError
            The parent lies below the category.
        """
        self._current.require()
        at = parent_id
        while at is not None:
            if at == category_id:
                raise UserError(
                    "A category cannot hang under itself or under one of its children.",
                    "Choose another parent.",
                )
            at = self._parent(at)
        self._db.writer.execute(
            "UPDATE categories SET parent_id=? WHERE id=?", (parent_id, category_id)
        )

    def merge(self, category_ids: Iterable[int], into: int) -> None:
        """Labels, children and further names follow; the old names become synonyms.

        Raises
        ------
        UserError
            `into` is, or lies below, one of the merged categories.
        """
        recording = self._current.require()
        writer = self._db.writer
        for old in category_ids:
            at: int | None = into
            while at is not None:
                if at == old:
                    raise UserError(
                        "A category cannot be merged into itself or into one of its own children.",
                        "Merge the child into the parent instead.",
                    )
                at = self._parent(at)
            recording.touch(self._items("labels", old))
            recording.labelled(None)
            recording.touch(self._items("rejections", old))
            name = writer.execute("SELECT name FROM categories WHERE id=?", (old,)).fetchone()
            writer.execute("UPDATE labels SET category_id=? WHERE category_id=?", (into, old))
            writer.execute("UPDATE categories SET parent_id=? WHERE parent_id=?", (into, old))
            writer.execute(
                "UPDATE category_names SET category_id=? WHERE category_id=?", (into, old)
            )
            writer.execute(
                "INSERT OR IGNORE INTO rejections SELECT item_id, ? FROM rejections "
                "WHERE category_id=?",
                (into, old),
            )
            writer.execute("DELETE FROM rejections WHERE category_id=?", (old,))
            for column in ("category_id", "parent_id"):
                writer.execute(f"UPDATE clusters SET {column}=? WHERE {column}=?", (into, old))
            writer.execute(  # a label outweighs a "not this" that came along
                "DELETE FROM rejections WHERE category_id=?1 AND item_id IN "
                "(SELECT item_id FROM labels WHERE category_id=?1)",
                (into,),
            )
            if name:
                self.add_name(into, str(name[0]), NameKind.SYNONYM)
            writer.execute("DELETE FROM categories WHERE id=?", (old,))

    def remove(self, category_id: int) -> None:
        """Remove a category.

        Raises
        ------
        UserError
            It has labels or children.
        """
        recording = self._current.require()
        writer = self._db.writer
        for sql, what in (
            ("SELECT count(*) FROM labels WHERE category_id=?", "labelled items"),
            ("SELECT count(*) FROM categories WHERE parent_id=?", "children"),
        ):
            found = writer.execute(sql, (category_id,)).fetchone()
            if found and found[0]:
                raise UserError(
                    f"The category has {found[0]:,} {what}.", "Merge it into another instead."
                )
        recording.touch(self._items("rejections", category_id))
        writer.execute("DELETE FROM category_names WHERE category_id=?", (category_id,))
        writer.execute("DELETE FROM rejections WHERE category_id=?", (category_id,))
        for column in ("category_id", "parent_id"):
            writer.execute(f"UPDATE clusters SET {column}=NULL WHERE {column}=?", (category_id,))
        writer.execute("DELETE FROM categories WHERE id=?", (category_id,))

    def remove_if_unused(self, category_id: int) -> bool:
        """Remove a category that has neither labels nor children nor a cluster; whether it went."""
        for table, column in (
            ("labels", "category_id"), ("categories", "parent_id"), ("clusters", "category_id"),
        ):  # fmt: skip
            if self._db.value(f"SELECT 1 FROM {table} WHERE {column}=? LIMIT 1", (category_id,)):
                return False
        self.remove(category_id)
        return True

    def add_name(self, category_id: int, name: str, kind: NameKind, language: str = "") -> int:
        """Add a synonym or vernacular name; returns its id (that of an equal one if there)."""
        self._current.require()
        writer, name = self._db.writer, storable(name)
        found = writer.execute(
            "SELECT id FROM category_names WHERE category_id=? AND name=? AND kind=?",
            (category_id, name, int(kind)),
        ).fetchone()
        if found:
            return int(found[0])
        writer.execute(
            "INSERT INTO category_names (category_id, name, kind, language) VALUES (?,?,?,?)",
            (category_id, name, int(kind), language),
        )
        return int(writer.last_insert_rowid())

    def remove_name(self, name_id: int) -> None:
        """Remove a synonym or vernacular name."""
        self._current.require()
        self._db.writer.execute("DELETE FROM category_names WHERE id=?", (name_id,))
