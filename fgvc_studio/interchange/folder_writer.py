"""Write items as a folder per category, with names that every operating system accepts."""

# Plain strings: paths come by the hundred thousand, and some are not decodable.
# ruff: noqa: PTH100, PTH122, PTH208
from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Skipped
from fgvc_studio.interchange.export_row import ExportRow
from fgvc_studio.interchange.walk import os_reason

Mode = Literal["copy", "hardlink", "symlink"]

_FORBIDDEN = re.compile('[<>:"/\\\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in range(10)
}
_LONGEST = 120
"""Bytes of one name in UTF-8, so that nested folders stay below the limits of Windows."""


@dataclass(slots=True)
class FolderCounts:
    """What was written: files, category folders, files that got another name, and the rest."""

    files: int = 0
    folders: int = 0
    renamed: int = 0
    copied_instead: int = 0
    skipped: list[Skipped] = field(default_factory=list)


def safe_name(name: str, longest: int = _LONGEST) -> str:
    """Return `name` as a file name for Windows, macOS and Linux alike; never empty."""
    safe = _FORBIDDEN.sub("_", name).strip(" ")
    stem, dot, suffix = safe.rpartition(".")
    if not (dot and stem and len(suffix) <= 8):
        stem, suffix = safe, ""
    tail = f".{suffix}" if suffix else ""
    room = longest - len(tail.encode())
    stem = stem.encode()[:room].decode(errors="ignore")
    if stem.split(".")[0].lower().rstrip() in _DEVICES:
        stem += "_"
    return (stem + tail).rstrip(". ") or "_"


class _Names:
    """Hands out names that are free in a folder, whatever the capitals."""

    def __init__(self) -> None:
        self._taken: dict[Path, set[str]] = {}

    def free(self, folder: Path, wanted: str) -> str:
        taken = self._taken.get(folder)
        if taken is None:
            existing = os.listdir(folder) if folder.is_dir() else []
            taken = self._taken[folder] = {name.casefold() for name in existing}
        stem, suffix = os.path.splitext(wanted)
        name, number = wanted, 2
        while name.casefold() in taken:
            name, number = f"{stem} ({number}){suffix}", number + 1
        taken.add(name.casefold())
        return name


class _Tree:
    """Maps category paths to folders: distinct categories never share one."""

    def __init__(self, out: Path) -> None:
        self._folders: dict[tuple[str, ...], Path] = {(): out}
        self._used: set[str] = {str(out).casefold()}

    def folder(self, path: tuple[str, ...]) -> Path:
        known = self._folders.get(path)
        if known is not None:
            return known
        parent = self.folder(path[:-1])
        wanted = safe_name(path[-1])
        folder, number = parent / wanted, 2
        while str(folder).casefold() in self._used:
            folder, number = parent / f"{wanted} ({number})", number + 1
        self._used.add(str(folder).casefold())
        self._folders[path] = folder
        return folder


def _place(source: Path, target: Path, mode: Mode, counts: FolderCounts) -> None:
    if mode == "symlink":
        target.symlink_to(source)
        return
    if mode == "hardlink":
        try:
            os.link(source, target)
            return
        except OSError:
            if not source.exists():
                raise
            counts.copied_instead += 1
    shutil.copy2(source, target)


def write(
    rows: Iterable[ExportRow],
    out: Path,
    *,
    mode: Mode = "copy",
    unlabelled: str = "unlabelled",
    splits: bool = False,
) -> Generator[int, None, FolderCounts]:
    """Write each row's image into the folder of its category.

    Nothing is overwritten: a name that is taken gets a number. A hard link that the disk refuses
    becomes a copy.

    Parameters
    ----------
    unlabelled : str
        Folder for items without a label; "" leaves them out.
    splits : bool
        Whether the first folder is the split.

    Yields
    ------
    int
        Rows done so far, after each row.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder {out} cannot be made: {error.strerror}.", "Choose another place."
        ) from error
    counts, names, tree = FolderCounts(), _Names(), _Tree(Path(os.path.abspath(out)))
    made: set[Path] = set()
    for done, row in enumerate(rows, 1):
        category = row.category or ((unlabelled,) if unlabelled else ())
        if not category:
            counts.skipped.append(Skipped(row.image, "has no label"))
            yield done
            continue
        if splits:
            category = (row.split or "no split", *category)
        folder = tree.folder(category)
        original = row.path.name
        wanted = safe_name(original)
        try:
            if not row.path.is_file():
                raise FileNotFoundError(2, "the image file is missing")
            folder.mkdir(parents=True, exist_ok=True)
            name = names.free(folder, wanted)
            _place(row.path, folder / name, mode, counts)
        except OSError as error:
            counts.skipped.append(Skipped(row.image, os_reason(error)))
        else:
            made.add(folder)
            counts.files += 1
            counts.renamed += name != original
        yield done
    counts.folders = len(made)
    return counts
