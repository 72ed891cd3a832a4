"""Find the files that a table names, although the table was written elsewhere."""

# Plain strings: paths come by the hundred thousand, and some are not decodable.
# ruff: noqa: PTH116, PTH117, PTH122
from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from fgvc_studio.domain.records import Skipped
from fgvc_studio.interchange.walk import os_reason, reason_special, scan


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


class Locator:
    """Looks up cells of a path column in one folder.

    Parameters
    ----------
    encoding : str
        That of the table, if it is an 8-bit one: names on disk may be in the same.

    Attributes
    ----------
    root : Path
        Absolute.
    inexact : dict of str to str
        Cells that were found under another path, e.g. by their file name alone.
    """

    def __init__(self, root: Path, encoding: str = "") -> None:
        self._encoding = encoding if encoding in ("cp1252", "latin-1") else ""
        self.root = root
        self.inexact: dict[str, str] = {}
        self._prefix = str(root).rstrip(os.sep) + os.sep
        self._exact: set[str] = set()
        self._by_name: dict[str, list[str]] | None = None
        self._listed = root not in (Path(root.anchor), Path.home())

    def index(self) -> Iterator[int]:
        """List the folder; yields the number of files found so far, every now and then.

        The home folder and whole disks are not listed: their files are looked up one by one.
        """
        if not self._listed:
            return
        for entry in scan(self.root):
            if not isinstance(entry, Skipped):
                self._exact.add(entry)
                if len(self._exact) % 2048 == 0:
                    yield len(self._exact)

    def unmentioned(self, mentioned: set[str]) -> list[str]:
        """Return the files of the folder that are not in `mentioned`."""
        return sorted(self._exact - mentioned)

    def find(self, cell: str) -> str | Skipped:
        """Return the path of the file that `cell` names, relative to the root, or why not."""
        text = cell.strip()
        if text.startswith("file://"):
            text = unquote(text[7:])
        if "://" in text:
            return Skipped(cell, "a web address; download the image and name the file")
        reason = ""
        for variant in self._variants(cell, text):
            relative = self._relative(variant)
            if relative is None:
                reason = reason or "lies outside the folder of the images"
                continue
            if relative in self._exact:
                return relative
            found = self._on_disk(relative)
            if found == "":
                return relative
            reason = reason or (found or "")
        return self._by_other_name(cell, text, reason)

    def _variants(self, cell: str, text: str) -> Iterator[str]:
        yield text
        if cell != text:
            yield cell
        if "\\" in text:
            yield text.replace("\\", "/")
        if text.startswith("'"):
            yield text[1:]
        if "%" in text:
            yield unquote(text)
        if self._encoding and not text.isascii():
            yield os.fsdecode(text.encode(self._encoding, errors="replace"))

    def _relative(self, path: str) -> str | None:
        if path.startswith(self._prefix):
            path = path[len(self._prefix) :]
        elif os.path.isabs(path):
            return None
        if os.sep != "/":
            path = path.replace(os.sep, "/")
        if "//" in path or "./" in path:
            path = os.path.normpath(path).replace(os.sep, "/")
        return None if path == ".." or path.startswith("../") else path

    def _on_disk(self, relative: str) -> str | None:
        """Return "" for a regular file in the root, None for nothing, else the reason."""
        full = self._prefix + relative
        try:
            reason = reason_special(os.stat(full).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError:
            return "not a possible file name"
        except OSError as error:
            return os_reason(error)
        if not reason and not os.path.realpath(full).startswith(
            os.path.realpath(self.root).rstrip(os.sep) + os.sep
        ):
            return "a link out of the folder; links are not followed"
        return reason

    def _names(self) -> dict[str, list[str]]:
        if self._by_name is None:
            by_name: defaultdict[str, list[str]] = defaultdict(list)
            for path in self._exact:
                name = _folded(path.rpartition("/")[2])
                by_name[name].append(path)
                stem = os.path.splitext(name)[0]
                if stem != name:
                    by_name[stem].append(path)
            self._by_name = dict(by_name)
        return self._by_name

    def _by_other_name(self, cell: str, text: str, reason: str) -> str | Skipped:
        wanted = _folded(text.replace("\\", "/")).strip("/")
        name = wanted.rpartition("/")[2]
        candidates = self._names().get(name) or self._names().get(name.removeprefix("'"), [])
        best, most = list(candidates), 0
        if len(candidates) > 1 and "/" in wanted:
            depth = {path: _common_tail(_folded(path), wanted) for path in candidates}
            most = max(depth.values())
            best = [path for path in candidates if depth[path] == most]
        if len(best) == 1:
            self.inexact[cell] = best[0]
            return best[0]
        if best:
            return Skipped(cell, f"fits several files ({', '.join(sorted(best)[:2])} ...)")
        return Skipped(cell, reason or "no such file in the folder of the images")


def _common_tail(path: str, wanted: str) -> int:
    count = 0
    for a, b in zip(reversed(path.split("/")), reversed(wanted.split("/")), strict=False):
        if os.path.splitext(a)[0] != os.path.splitext(b)[0]:
            break
        count += 1
    return count
