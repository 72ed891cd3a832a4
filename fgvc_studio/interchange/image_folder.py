"""Folders of images: a category per folder where the layout shows it."""

# Plain strings: paths come by the hundred thousand, and some are not decodable.
# ruff: noqa: PTH100
from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress, Skipped, Split
from fgvc_studio.interchange.audit import category_warnings, clean_category, counted, warning
from fgvc_studio.interchange.base import (
    ColumnMapping,
    Preview,
    PreviewSteps,
    SourceRow,
    Warning_,
    drain,
    spread,
)
from fgvc_studio.interchange.folder_writer import FolderCounts, write
from fgvc_studio.interchange.walk import scan

__all__ = ["FolderCounts", "Folders", "ImageFolderReader", "Layout", "layout_of", "write"]

Folders = Literal["auto", "categories", "tags", "none"]

_DATE_OR_CAMERA = re.compile(
    r"^((19|20)\d\d([-_. ]?\d\d){0,2}([-_. ].*)?|\d\d[-_.]\d\d[-_.](19|20)\d\d|\d{3}[A-Z0-9_]{5}"
    r"|DCIM|DCF|img|images?|photos?|pictures?|fotos?|data)$",
    re.IGNORECASE,
)
_TICK = 0.1


@dataclass(frozen=True, slots=True)
class Layout:
    """How the folders of an image folder are read.

    Attributes
    ----------
    folders : str
        ``categories``, ``tags`` or ``none``.
    skip : int
        Leading folders common to all images, which say nothing.
    splits : bool
        Whether the first folder after these is a split (train, val, test).
    """

    folders: Folders
    skip: int = 0
    splits: bool = False

    def rows(self, root: Path, paths: Iterable[str]) -> Iterator[SourceRow]:
        """Describe the images at `paths`, relative to `root`."""
        last, described = None, self._describe("")
        for relative in paths:
            folder = relative.rpartition("/")[0]
            if folder != last:
                last, described = folder, self._describe(folder)
            category, split, metadata = described
            yield SourceRow(root / relative, relative, category, split, (), dict(metadata))

    def _describe(self, folder: str) -> tuple[tuple[str, ...], Split, dict[str, str]]:
        parts = folder.split("/")[self.skip :] if folder else []
        split = Split.NONE
        if self.splits and parts:
            split, parts = Split.parse(parts[0]), parts[1:]
        category = clean_category(parts) if self.folders == "categories" else ()
        tags = {"folder": "/".join(parts)} if self.folders == "tags" and parts else {}
        return category, split, tags


def layout_of(paths: Sequence[str], folders: Folders = "auto") -> Layout:
    """Decide what the folders of the images at `paths` mean."""
    holding = {path.rpartition("/")[0] for path in paths}
    split_up = [folder.split("/") for folder in holding if folder]
    common = _common(split_up) if "" not in holding else []
    skip = next((i for i, part in enumerate(common) if Split.parse(part)), len(common))
    if len(holding) == 1 and folders == "categories":
        skip -= 1
    rest = [folder[skip:] for folder in split_up]
    tops = {parts[0] for parts in rest if parts}
    splits = bool(tops) and all(Split.parse(top) is not Split.NONE for top in tops)
    if folders != "auto":
        return Layout(folders, max(skip, 0), splits)
    names = [parts[-1] for parts in (r[1:] if splits else r for r in rest) if parts]
    telling = [name for name in names if not _DATE_OR_CAMERA.match(name)]
    shown = len(holding) >= 2 and len(telling) >= 2 and 2 * len(telling) > len(names)
    if splits and len(set(telling)) == 1:
        shown = True
    return Layout("categories" if shown else "none", skip, splits)


@dataclass(frozen=True)
class ImageFolderReader:
    """Reads a folder of images, however deep."""

    folders: Folders = "auto"
    format: str = "image_folder"
    title: str = "Folder of images"

    def sniff(self, source: Path) -> float:
        """0.5 for any folder: every other format that knows the folder goes first."""
        return 0.5 if source.is_dir() else 0.0

    def root(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> Path:
        """Return the folder itself."""
        return Path(os.path.abspath(source))

    def rows(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> Iterator[SourceRow | Skipped]:
        """Every candidate file; the whole folder is listed before the first row."""
        root = _folder(source)
        found: list[str] = []
        for entry in scan(root):
            if isinstance(entry, Skipped):
                yield entry
            else:
                found.append(entry)
        layout = layout_of(found, self.folders)
        yield from layout.rows(root, found)

    def preview_steps(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> PreviewSteps:
        """List the folder; opens no image."""
        root = _folder(source)
        found: list[str] = []
        skipped: list[Skipped] = []
        due = time.monotonic() + _TICK
        for entry in scan(root):
            if isinstance(entry, Skipped):
                skipped.append(entry)
            else:
                found.append(entry)
            if time.monotonic() >= due:
                yield Progress(len(found), 0, f"{len(found):,} files found")
                due = time.monotonic() + _TICK
        layout = layout_of(found, self.folders)
        raw: Counter[tuple[str, ...]] = Counter()
        by_folder = Counter(path.rpartition("/")[0] for path in found)
        first = replace(layout, folders="categories")
        for folder, count in by_folder.items():
            raw[_raw_category(first, folder)] += count
        yield Progress(len(found), len(found), f"{len(found):,} files found")
        labelled = 0
        if layout.folders == "categories":
            labelled = sum(count for path, count in raw.items() if path)
        names = {tuple(n.casefold() for n in clean_category(path)) for path in raw if path}
        return Preview(
            format=self.format,
            root=root,
            rows=len(found),
            categories=len(names) if layout.folders == "categories" else 0,
            sample=list(layout.rows(root, [found[i] for i in spread(len(found))])),
            warnings=_warnings(layout, self.folders, raw, found),
            skipped=skipped,
            labelled=labelled,
            folders=layout.folders,
        )

    def preview(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> Preview:
        """`preview_steps` run to its end."""
        return drain(self.preview_steps(source, mapping, images))


def _common(folders: list[list[str]]) -> list[str]:
    """Return the leading parts that all `folders` share."""
    if not folders:
        return []
    low, high = min(folders), max(folders)
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), None)
    return low[:same] if same is not None else low


def _raw_category(layout: Layout, folder: str) -> tuple[str, ...]:
    parts = folder.split("/")[layout.skip :] if folder else []
    return tuple(parts[1:] if layout.splits else parts)


def _folder(source: Path) -> Path:
    if not source.is_dir():
        raise UserError(f"{source} is not a folder.", "Choose the folder that holds the images.")
    return Path(os.path.abspath(source))


def _warnings(
    layout: Layout, asked: Folders, raw: Counter[tuple[str, ...]], found: list[str]
) -> list[Warning_]:
    if not found:
        return [warning("No file in this folder can be an image.", [], 0)]
    warnings = []
    holding = sum(1 for path in raw if path)
    if layout.folders == "categories":
        warnings += category_warnings({path: n for path, n in raw.items() if path})
        if raw[()]:
            beside = [p for p in found if p.count("/") == layout.skip + layout.splits]
            text = counted(raw[()], "image lies", "images lie")
            warnings.append(warning(f"{text} beside the category folders.", beside, raw[()]))
    elif asked == "auto" and holding >= 2:
        names = [" > ".join(path) for path in raw if path]
        warnings.append(
            warning("Folder names look like dates or cameras; they are not taken as labels.", names)
        )
    if layout.splits:
        tops = sorted({path.split("/")[layout.skip] for path in found})
        warnings.append(warning("The first folders are taken as splits.", tops))
    return warnings
