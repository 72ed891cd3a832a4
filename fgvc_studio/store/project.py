"""The project folder: opening, locking, upgrading, backing up."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
import tomllib
import uuid
from pathlib import Path
from types import TracebackType
from typing import TypedDict

import apsw

from fgvc_studio.domain.errors import ProjectTooNewError, UserError
from fgvc_studio.store import schema
from fgvc_studio.store.arrays import Arrays, write_atomic
from fgvc_studio.store.categories import Categories
from fgvc_studio.store.choices import Choices
from fgvc_studio.store.clusters import Clusters
from fgvc_studio.store.database import Database, connect_read_only, plain_faults, storable
from fgvc_studio.store.images import Images
from fgvc_studio.store.labels import Labels
from fgvc_studio.store.lock import WriterLock
from fgvc_studio.store.metadata import Metadata
from fgvc_studio.store.operations import Operations
from fgvc_studio.store.recording import Current
from fgvc_studio.store.replay import ReplayReport, replay
from fgvc_studio.store.thumbs import Thumbs
from fgvc_studio.store.verdicts import Verdicts

DESCRIPTION, DATABASE, LOCK = "project.toml", "project.db", "lock"
KEPT_BACKUPS = 5


class ProjectStore:
    """An open project folder. Made by `create` or `open`.

    Attributes
    ----------
    path : Path
        The folder, absolute.
    id, name : str
    cache : Path
        Folder for what can be made again; inside the project, or elsewhere when so asked.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool,
        lock: WriterLock | None,
        caches: Path | None = None,
    ) -> None:
        facts = _describe(path)
        self.path, self.read_only, self._lock = path, read_only, lock
        self.id, self.name = facts["id"], facts["name"]
        self._db = Database(path / DATABASE, read_only=read_only)
        current = Current()
        self.images = Images(self._db, path)
        self.categories = Categories(self._db, current)
        self.labels = Labels(self._db, current)
        self.clusters = Clusters(self._db, current)
        self.verdicts = Verdicts(self._db, current)
        self.choices = Choices(self._db, current)
        self.metadata = Metadata(self._db)
        self.operations = Operations(self._db, current)
        self.arrays = Arrays(path / "arrays", self._items)
        self.cache = self._cache_in(caches)
        self.thumbs = Thumbs(self.cache / "thumbs.db", read_only=read_only)

    def _cache_in(self, caches: Path | None) -> Path:
        """The project's own folder in `caches`, else inside the project (a disk may be gone).

        Copies of a project share its id but not its later items, so the place counts as well.
        """
        inside = self.path / "cache"
        if caches is None:
            return inside
        folder = caches / hashlib.sha256(f"{self.id} {self.path}".encode()).hexdigest()[:24]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return inside
        return folder

    def _items(self) -> int:
        return int(self._db.value("SELECT count(*) FROM items"))

    @classmethod
    def create(
        cls, path: Path, *, name: str | None = None, caches: Path | None = None
    ) -> ProjectStore:
        """Make an empty project.

        Raises
        ------
        UserError
            The folder exists and is not empty, or cannot be made.
        """
        path = _usable(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UserError(f"{path} is there already.", "Choose a new folder for the project.")
        try:
            path.mkdir(parents=True, exist_ok=True)
            connection = apsw.Connection(str(path / DATABASE))
            schema.upgrade(connection)
            connection.close()
            title = name or path.name.removesuffix(".fgvc")
            write_atomic(
                path / DESCRIPTION,
                (
                    f"format = {schema.FORMAT}\nid = {json.dumps(uuid.uuid4().hex)}\n"
                    f"name = {json.dumps(storable(title), ensure_ascii=False)}\n"
                    f'created = "{time.strftime("%Y-%m-%dT%H:%M:%S%z")}"\n'
                ).encode(),
            )
        except (OSError, apsw.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UserError(
                f"{path} cannot be made: {reason}.", "Choose a folder you may write to."
            ) from error
        return cls.open(path, caches=caches)

    @classmethod
    def open(
        cls, path: Path, *, read_only: bool = False, caches: Path | None = None
    ) -> ProjectStore:
        """Open a project; an older format is upgraded after a backup.

        `caches` is a folder for the caches of projects; None keeps them inside each project.

        Raises
        ------
        ProjectLockedError
            Another process writes to it.
        ProjectTooNewError
            A newer version of the program made it.
        UserError
            It is no project, or its database is damaged.
        """
        path = _usable(path)
        _check_format(path.name, _describe(path)["format"])
        if not (path / DATABASE).is_file():
            raise UserError(
                f"{path.name} has no {DATABASE}; its decisions are missing.",
                f"Put the newest file of {path / 'backups'} in its place as {DATABASE}.",
            )
        if read_only:
            _check_readable(path)
            return cls(path, read_only=True, lock=None, caches=caches)
        try:
            lock = WriterLock(path / LOCK)
        except OSError as error:
            raise UserError(
                f"{path} cannot be written: {error.strerror}.", "Check the rights of the folder."
            ) from error
        try:
            with plain_faults(path / DATABASE):
                _upgrade(path)
                return cls(path, read_only=False, lock=lock, caches=caches)
        except BaseException:
            lock.release()
            raise

    # ---- settings of the project -----------------------------------------------------------
    def get_setting(self, key: str, default: str = "") -> str:
        """A setting of the project; not undoable."""
        found = self._db.value("SELECT value FROM settings WHERE key=?", (key,))
        return default if found is None else str(found)

    def set_setting(self, key: str, value: str) -> None:
        """Change a setting of the project."""
        with self._db.transaction() as db:
            db.execute("INSERT OR REPLACE INTO settings VALUES (?,?)", (key, value))

    # ---- copies ----------------------------------------------------------------------------
    def snapshot(self, out: Path) -> None:
        """A consistent copy of the database."""
        _copy_database(self.path / DATABASE, out)

    def backup(self) -> Path:
        """Put a copy of the database into ``backups/``; the newest five are kept."""
        return _backup(self.path)

    def replay(self, out: Path) -> ReplayReport:
        """Rebuild the decisions from the log in a new project and compare.

        Raises
        ------
        UserError
            `out` exists.
        """
        out = Path(out).absolute()
        if out.exists():
            raise UserError(f"{out} is there already.", "Choose a new folder.")
        out.mkdir(parents=True)
        shutil.copy2(self.path / DESCRIPTION, out / DESCRIPTION)
        self.snapshot(out / DATABASE)
        target = Database(out / DATABASE)
        try:
            self._make_roots_absolute(target)
            return replay(self._db, self.operations, target)
        finally:
            target.close()

    def _make_roots_absolute(self, target: Database) -> None:
        with target.transaction() as db:
            for root in self.images.roots():
                db.execute(
                    "UPDATE roots SET path=?, relative=0 WHERE id=?", (str(root.path), root.id)
                )

    def close(self) -> None:
        """Release the folder."""
        self._db.close()
        self.thumbs.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> ProjectStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _usable(path: Path) -> Path:
    path = Path(path).absolute()
    if storable(str(path)) != str(path):
        raise UserError(
            f"{storable(str(path))} has a name that is no UTF-8; SQLite cannot open files in it.",
            "Rename the folder, or choose another place for the project.",
        )
    return path


class _Facts(TypedDict):
    format: int
    id: str
    name: str


def _describe(path: Path) -> _Facts:
    try:
        facts = tomllib.loads((path / DESCRIPTION).read_text("utf-8"))
        return {
            "format": int(facts["format"]), "id": str(facts["id"]), "name": str(facts["name"])
        }  # fmt: skip
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            f"{path} is no project.", "Choose a folder that holds project.toml, or make a new one."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The description of {path.name} cannot be read ({error}).",
            f"Mend {path / DESCRIPTION}: it needs format, id and name.",
        ) from error


def _check_format(what: str, found: int) -> None:
    if found > schema.FORMAT:
        raise ProjectTooNewError(
            f"{what} has format {found}; this version of FGVC Studio reads up to {schema.FORMAT}.",
            "Open it with a newer version of FGVC Studio.",
        )


def _check_readable(path: Path) -> None:
    """Whether the database is sound enough and of this format; nothing is upgraded.

    Raises
    ------
    ProjectTooNewError, UserError
    """
    with plain_faults(path / DATABASE):
        connection = connect_read_only(path / DATABASE)
        try:
            found = schema.version(connection)
        finally:
            connection.close()
    _check_format(f"The database of {path.name}", found)
    if found < schema.FORMAT:
        raise UserError(
            f"{path.name} is of an older format.",
            "Open it once for writing; it is brought up to date after a backup.",
        )


def _upgrade(path: Path) -> None:
    connection = apsw.Connection(str(path / DATABASE))
    try:
        found = schema.version(connection)
        _check_format(f"The database of {path.name}", found)
        if 0 < found < schema.FORMAT:
            _backup(path)
        schema.upgrade(connection)
    finally:
        connection.close()
    if _describe(path)["format"] != schema.FORMAT:
        text = (path / DESCRIPTION).read_text("utf-8")
        lines = [
            f"format = {schema.FORMAT}" if re.match(r"format\s*=", line) else line
            for line in text.splitlines()
        ]
        write_atomic(path / DESCRIPTION, ("\n".join(lines) + "\n").encode())


def _backup(path: Path) -> Path:
    folder = path / "backups"
    folder.mkdir(exist_ok=True)
    out = folder / time.strftime("project-%Y%m%d-%H%M%S.db")
    _copy_database(path / DATABASE, out)
    for old in sorted(folder.glob("project-*.db"))[:-KEPT_BACKUPS]:
        old.unlink(missing_ok=True)
    return out


def _copy_database(source: Path, out: Path) -> None:
    """Copy a consistent state; a kill leaves no half copy under the wanted name."""
    unfinished = out.with_name(out.name + ".tmp")
    unfinished.unlink(missing_ok=True)
    with plain_faults(source):
        origin = connect_read_only(source)
        copy = apsw.Connection(str(unfinished))
        try:
            with copy.backup("main", origin, "main") as steps:
                steps.step(-1)
        finally:
            copy.close()
            origin.close()
    unfinished.replace(out)
