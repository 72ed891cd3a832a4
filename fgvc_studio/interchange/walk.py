"""Walk a folder and sort its files into candidates and those left out, with the reason in words."""

# Plain strings: paths come by the hundred thousand, and some are not decodable.
# ruff: noqa: PTH110, PTH122
from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fgvc_studio.domain.records import Skipped

_SYSTEM = {"thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", "icon\r", ".directory"}
_KINDS = {
    "a text or data file": "txt csv tsv tab json jsonl xml md rst html htm css js log ini cfg yaml "
    "yml toml bib geojson kml gpx parquet arrow feather mat h5 hdf5 npy npz pkl rds sas7bdat xmp",
    "a document": "pdf doc docx odt rtf xls xlsx xlsm ods ppt pptx odp",
    "an archive": "zip tar gz tgz bz2 xz 7z rar zst",
    "a video": "mp4 m4v avi mov mkv webm wmv mpg mpeg mts 3gp flv",
    "a sound": "wav mp3 flac ogg m4a aac wma",
    "a program or script": "py pyc ipynb r sh bat exe dll so jar c cpp h",
    "a model or database": "pt pth ckpt onnx safetensors db sqlite sqlite3 db-wal db-shm mdb",
    "a vector drawing": "svg svgz ai cdr dwg dxf",
}
_NOT_IMAGES = {f".{ext}": kind for kind, exts in _KINDS.items() for ext in exts.split()}
_PROSE = ("license", "licence", "readme", "changelog", "copying", "makefile", "citation")
_RAW = "cr2 cr3 crw nef nrw arw srf sr2 orf rw2 raf pef dng erf kdc mrw x3f 3fr"
_RAW_SUFFIXES = {f".{ext}" for ext in _RAW.split()}
_IMAGES = (
    "jpg jpeg jpe jfif png tif tiff webp bmp dib gif jp2 j2k jpx avif heif heic ppm pgm pbm pnm "
    "tga ico psd mpo"
)
IMAGE_SUFFIXES = frozenset(f".{ext}" for ext in _IMAGES.split())


def reason_not_image(name: str) -> str:
    """Why the file called `name` is left out, "" when it is a candidate."""
    lower = name.lower()
    if lower in _SYSTEM:
        return "written by the operating system, not a picture"
    if name.startswith("._"):
        return "a macOS companion file, not a picture"
    if name.startswith("."):
        return "hidden file"
    if lower.startswith(_PROSE) and "." not in name:
        return "a text or data file, not a picture"
    suffix = os.path.splitext(lower)[1]
    if suffix in _RAW_SUFFIXES:
        return "camera raw; export it as JPEG or TIFF first"
    kind = _NOT_IMAGES.get(suffix)
    return f"{kind}, not a picture" if kind else ""


def reason_special(mode: int) -> str:
    """Why a directory entry of this type is never opened, "" for regular files."""
    if stat.S_ISREG(mode):
        return ""
    kinds = (
        (stat.S_ISDIR, "a folder, not a file"),
        (stat.S_ISFIFO, "a named pipe, not a file"),
        (stat.S_ISSOCK, "a socket, not a file"),
        (stat.S_ISBLK, "a device, not a file"),
        (stat.S_ISCHR, "a device, not a file"),
    )
    return next((text for test, text in kinds if test(mode)), "not a regular file")


def os_reason(error: OSError) -> str:
    """Put an operating system error into words."""
    return f"cannot be read ({(error.strerror or 'unknown error').lower()})"


def _link_reason(entry: os.DirEntry[str], root: str) -> str:
    target = os.path.realpath(entry.path)
    if not os.path.exists(target):
        return "a link whose target does not exist"
    if target == root or target.startswith(root.rstrip(os.sep) + os.sep):
        return "a link to something in this folder, which is read at its own place"
    return "a link out of the folder; links are not followed"


def _folder_reason(entry: os.DirEntry[str]) -> str:
    if entry.name.startswith("."):
        return "hidden folder"
    if entry.name == "__MACOSX":
        return "macOS companion folder"
    if entry.name.endswith(".fgvc"):
        return "a project of this program"
    return ""


def scan(root: Path) -> Iterator[str | Skipped]:
    """Yield the relative path of every candidate file under `root`, or why an entry is left out.

    Files before subfolders, both in order of name; nothing is opened and no link followed.
    """
    top = os.path.realpath(root)
    pending = [(str(root), "")]
    while pending:
        folder, prefix = pending.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Skipped(prefix.rstrip("/") or ".", f"folder {os_reason(error)}")
            continue
        subfolders = []
        for entry in entries:
            relative = prefix + entry.name
            try:
                if entry.is_symlink():
                    yield Skipped(relative, _link_reason(entry, top))
                elif entry.is_dir(follow_symlinks=False):
                    reason = _folder_reason(entry)
                    if reason:
                        yield Skipped(relative, reason)
                    else:
                        subfolders.append((entry.path, relative + "/"))
                elif entry.is_file(follow_symlinks=False):
                    reason = reason_not_image(entry.name)
                    yield Skipped(relative, reason) if reason else relative
                else:
                    mode = entry.stat(follow_symlinks=False).st_mode
                    yield Skipped(relative, reason_special(mode))
            except OSError as error:
                yield Skipped(relative, os_reason(error))
        pending.extend(reversed(subfolders))
