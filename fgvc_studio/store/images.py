"""Images, items and the roots below which the files lie. Facts, not decisions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Box, Duplicate, ImageRecord, Item, NewImage, Skipped
from fgvc_studio.store.columns import ItemColumns
from fgvc_studio.store.database import Database, storable

_IMAGE = (
    "i.id, i.root_id, i.path, i.size_bytes, i.mtime_ns, i.sha256, i.width, i.height, i.phash, "
    "i.format, i.note, i.duplicate, i.duplicate_of"
)


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that holds images; `relative` when it lies inside the project folder."""

    id: int
    path: Path
    relative: bool


def carray(ids: NDArray[np.int64] | Sequence[int]) -> Any:
    """Ids as a table-valued parameter; none become -1, which is nobody's id."""
    return apsw.carray(np.ascontiguousarray(ids if len(ids) else [-1], np.int64))


def _record(row: tuple[Any, ...]) -> ImageRecord:
    before, after = row[:2], row[3:11]
    return ImageRecord(*before, os.fsdecode(row[2]), *after, Duplicate(row[11]), row[12])  # type: ignore[call-arg]


class Images:
    """The images and items of a project.

    Parameters
    ----------
    database : Database
    folder : Path
        The project folder.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._db = database
        self._folder = folder

    # ---- roots -----------------------------------------------------------------------------
    def roots(self) -> list[Root]:
        """All roots with their absolute paths."""
        return [
            Root(i, self._folder / os.fsdecode(path), bool(relative))
            for i, path, relative in self._db.rows(
                "SELECT id, path, relative FROM roots ORDER BY id"
            )
        ]

    def add_root(self, path: Path) -> int:
        """The root for a folder, made when new."""
        text, relative = self._root_text(path)
        with self._db.transaction() as db:
            found = db.execute(
                "SELECT id FROM roots WHERE path=? AND relative=?", (text, relative)
            ).fetchone()
            if found:
                return int(found[0])
            db.execute("INSERT INTO roots (path, relative) VALUES (?, ?)", (text, relative))
            return int(db.last_insert_rowid())

    def move_root(self, root_id: int, path: Path) -> None:
        """The same files lie in another folder now."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE roots SET path=?, relative=? WHERE id=?",
                (*self._root_text(path), root_id),
            )

    def _root_text(self, path: Path) -> tuple[str | bytes, int]:
        absolute = Path(os.path.abspath(path))  # noqa: PTH100  (keeps links, drops "..")
        inside = absolute.is_relative_to(self._folder)
        text = absolute.relative_to(self._folder).as_posix() if inside else os.fspath(absolute)
        return (text if storable(text) == text else os.fsencode(text)), int(inside)

    # ---- reading ---------------------------------------------------------------------------
    def count(self) -> int:
        """Number of images."""
        return int(self._db.value("SELECT count(*) FROM images"))

    def known(self, root_id: int) -> dict[str, tuple[int, int, int]]:
        """Relative path -> (image id, size in bytes, mtime in ns) of a root's images."""
        return {
            os.fsdecode(path): (i, size, mtime)
            for path, i, size, mtime in self._db.rows(
                "SELECT path, id, size_bytes, mtime_ns FROM images WHERE root_id=?", (root_id,)
            )
        }

    def hashes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and difference hashes of all images, ``(N,)`` each."""
        rows = self._db.rows("SELECT id, phash FROM images ORDER BY id")
        both = np.array(rows, np.int64).reshape(-1, 2)
        return both[:, 0].copy(), both[:, 1].copy()

    def by_sha256(self, digests: Sequence[bytes]) -> dict[bytes, int]:
        """First image with each content."""
        found: dict[bytes, int] = {}
        for at in range(0, len(digests), 500):
            part = list(digests[at : at + 500])
            marks = ",".join("?" * len(part))
            rows = self._db.rows(
                f"SELECT sha256, min(id) FROM images WHERE sha256 IN ({marks}) GROUP BY sha256",
                part,
            )
            found.update({bytes(digest): image for digest, image in rows})
        return found

    def get(self, image_id: int) -> ImageRecord:
        """One image.

        Raises
        ------
        KeyError
            No such image.
        """
        rows = self._db.rows(f"SELECT {_IMAGE} FROM images i WHERE i.id=?", (image_id,))
        if not rows:
            raise KeyError(image_id)
        return _record(rows[0])

    def of_items(self, item_ids: Iterable[int]) -> list[ImageRecord]:
        """The image of each item, in the order given."""
        ids = np.asarray(list(item_ids), np.int64)
        rows = self._db.rows(
            f"SELECT t.id, {_IMAGE} FROM items t JOIN images i ON i.id=t.image_id "
            "WHERE t.id IN (SELECT value FROM carray(?))",
            (carray(ids),),
        )
        found = {row[0]: _record(row[1:]) for row in rows}
        return [found[i] for i in ids.tolist()]

    def items(self, item_ids: Iterable[int]) -> list[Item]:
        """Items in the order given."""
        ids = np.asarray(list(item_ids), np.int64)
        rows = self._db.rows(
            "SELECT id, image_id, x, y, width, height FROM items "
            "WHERE id IN (SELECT value FROM carray(?))",
            (carray(ids),),
        )
        found = {r[0]: Item(r[0], r[1], Box(*r[2:]) if r[2] is not None else None) for r in rows}
        return [found[i] for i in ids.tolist()]

    def path_of(self, image_id: int) -> Path:
        """Where the file of an image is."""
        record = self.get(image_id)
        return {r.id: r.path for r in self.roots()}[record.root_id] / record.path

    def paths_of_items(self, item_ids: Iterable[int]) -> list[Path]:
        """Where the file of each item is, in the order given."""
        ids = np.asarray(list(item_ids), np.int64)
        roots = {r.id: r.path for r in self.roots()}
        rows = self._db.rows(
            "SELECT t.id, i.root_id, i.path FROM items t JOIN images i ON i.id=t.image_id "
            "WHERE t.id IN (SELECT value FROM carray(?))",
            (carray(ids),),
        )
        found = {item: roots[root] / os.fsdecode(path) for item, root, path in rows}
        return [found[i] for i in ids.tolist()]

    def files(self) -> dict[Path, list[str]]:
        """Root -> paths of its images below it."""
        sql = "SELECT path FROM images WHERE root_id=? ORDER BY path"
        return {root.path: self._db.texts(sql, (root.id,)) for root in self.roots()}

    def items_of_paths(self, paths: Sequence[str]) -> dict[str, int]:
        """First item of each path, relative to its root or absolute; unknown ones left out."""
        found: dict[str, int] = {}
        roots = self.roots()
        wanted: dict[bytes, list[tuple[str, int | None]]] = {}
        for text in paths:
            wanted.setdefault(os.fsencode(text), []).append((text, None))
            if Path(text).is_absolute():
                for root in roots:
                    if Path(text).is_relative_to(root.path):
                        inside = Path(text).relative_to(root.path).as_posix()
                        wanted.setdefault(os.fsencode(inside), []).append((text, root.id))
        keys = list(wanted)
        for at in range(0, len(keys), 500):
            part = keys[at : at + 500]
            marks = ",".join("?" * len(part))
            rows = self._db.rows(
                "SELECT i.path, i.root_id, min(t.id) FROM images i JOIN items t ON "
                f"t.image_id=i.id WHERE i.path IN ({marks}) GROUP BY i.id ORDER BY i.id DESC",
                part,
            )
            for path, root_id, item in rows:
                for text, only_root in wanted[bytes(path)]:
                    if only_root is None or only_root == root_id:
                        found[text] = item
        return found

    def skipped(self) -> list[Skipped]:
        """Files that imports left out."""
        return [
            Skipped(os.fsdecode(path), reason)
            for path, reason in self._db.rows("SELECT path, reason FROM skipped")
        ]

    def columns(self, first: int = 1) -> ItemColumns:
        """Columns of the items from `first` on."""
        image, width, height, duplicate, mtime = self._db.numbers(
            "SELECT t.image_id, i.width, i.height, i.duplicate, i.mtime_ns "
            "FROM items t JOIN images i ON i.id=t.image_id WHERE t.id>=? ORDER BY t.id",
            (first,),
            width=5,
        )
        boxed, box_width, box_height = self._db.numbers(
            "SELECT id, width, height FROM items WHERE id>=? AND x IS NOT NULL",
            (first,),
            width=3,
        )
        copy, original = self._db.numbers(
            "SELECT t.id, (SELECT min(o.id) FROM items o WHERE o.image_id=i.duplicate_of) AS other "
            "FROM images i JOIN items t ON t.image_id=i.id "
            "WHERE i.duplicate_of IS NOT NULL AND t.id>=? AND other IS NOT NULL",
            (first,),
            width=2,
        )
        has_box = np.zeros(len(image), bool)
        duplicate_of = np.zeros(len(image), np.int64)
        at = boxed.astype(np.int64) - first
        has_box[at], width[at], height[at] = True, box_width, box_height
        duplicate_of[copy.astype(np.int64) - first] = original
        return ItemColumns(
            item_ids=np.arange(first, first + len(image), dtype=np.int64),
            image_ids=image.astype(np.int64),
            width=width.astype(np.int32),
            height=height.astype(np.int32),
            duplicate=duplicate.astype(np.uint8),
            duplicate_of=duplicate_of,
            has_box=has_box,
            paths=self._db.texts(
                "SELECT i.path FROM items t JOIN images i ON i.id=t.image_id "
                "WHERE t.id>=? ORDER BY t.id",
                (first,),
            ),
            mtime=mtime / 1e9,
        )

    # ---- writing ---------------------------------------------------------------------------
    def add(self, root_id: int, images: Sequence[NewImage]) -> NDArray[np.int64]:
        """Add images; returns the ids of their items in order (one per image, or per box)."""
        made: list[int] = []
        with self._db.transaction() as db:
            image = int(db.execute("SELECT coalesce(max(id), 0) FROM images").fetchone()[0])  # type: ignore[index]
            item = int(db.execute("SELECT coalesce(max(id), 0) FROM items").fetchone()[0])  # type: ignore[index]
            image_rows, item_rows = [], []
            for new in images:
                image += 1
                image_rows.append(
                    (
                        image, root_id, os.fsencode(new.path), new.size_bytes, new.mtime_ns,
                        new.sha256, new.width, new.height, new.phash, new.format, new.note,
                        int(new.duplicate), new.duplicate_of,
                    )
                )  # fmt: skip
                for box in new.boxes or (None,):
                    item += 1
                    made.append(item)
                    place = (box.x, box.y, box.width, box.height) if box else (None,) * 4
                    item_rows.append((item, image, *place))
            db.executemany(f"INSERT INTO images VALUES ({','.join('?' * 13)})", image_rows)
            db.executemany("INSERT INTO items VALUES (?,?,?,?,?,?)", item_rows)
            db.executemany(
                "DELETE FROM skipped WHERE root_id=? AND path=?",
                [(root_id, os.fsencode(new.path)) for new in images],
            )
        return np.array(made, np.int64)

    def add_boxes(self, image_id: int, boxes: Sequence[Box]) -> NDArray[np.int64]:
        """Add further items to an image; returns their ids."""
        with self._db.transaction() as db:
            first = int(db.execute("SELECT coalesce(max(id), 0) FROM items").fetchone()[0]) + 1  # type: ignore[index]
            db.executemany(
                "INSERT INTO items VALUES (?,?,?,?,?,?)",
                [(first + k, image_id, b.x, b.y, b.width, b.height) for k, b in enumerate(boxes)],
            )
        return np.arange(first, first + len(boxes), dtype=np.int64)

    def update_fingerprint(
        self,
        image_id: int,
        size_bytes: int,
        mtime_ns: int,
        sha256: bytes,
        phash: int,
        width: int,
        height: int,
    ) -> None:
        """The file of an image has changed."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE images SET size_bytes=?, mtime_ns=?, sha256=?, phash=?, width=?, height=? "
                "WHERE id=?",
                (size_bytes, mtime_ns, sha256, phash, width, height, image_id),
            )

    def note_duplicates(self, marks: Sequence[tuple[int, Duplicate, int]]) -> None:
        """Say which images repeat an earlier one: (image id, how, earlier image id)."""
        with self._db.transaction() as db:
            db.executemany(
                "UPDATE images SET duplicate=?2, duplicate_of=?3 WHERE id=?1",
                [(image, int(how), earlier) for image, how, earlier in marks],
            )

    def note_skipped(self, root_id: int, skipped: Sequence[Skipped]) -> None:
        """Remember what an import left out."""
        with self._db.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO skipped VALUES (?,?,?)",
                [(root_id, os.fsencode(s.path), storable(s.reason)) for s in skipped],
            )
