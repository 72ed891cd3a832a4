"""What every reader speaks: source rows, previews with warnings, and the column mapping."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Protocol

from fgvc_studio.domain.records import Box, Progress, Skipped, Split

SAMPLE = 20
"""Rows that a preview shows."""
EXAMPLES = 5
"""Examples that a warning carries."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One image (or one box of it) as a source describes it.

    Attributes
    ----------
    path : Path
        Absolute.
    relative : str
        Relative to the root of the source, with ``/``.
    category : tuple of str
        Names from the root of the tree to the category; empty: unlabelled.
    """

    path: Path
    relative: str
    category: tuple[str, ...] = ()
    split: Split = Split.NONE
    boxes: tuple[Box, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Warning_:
    """Something about a source that the user should know before importing it."""

    text: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column of a table means what.

    In a field that names columns, ``None`` means "guess", an empty value "there is none".

    Attributes
    ----------
    label : tuple of str or None
        Columns of the category, root of the tree first.
    box : tuple of 4 str or None
        x, y, width, height in pixels; with ``corners``: left, top, right, bottom.
    separator : str or None
        Splits one label cell into a path in the tree, e.g. ``>``.
    """

    path: str | None = None
    label: tuple[str, ...] | None = None
    split: str | None = None
    date: str | None = None
    place: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    box: tuple[str, ...] | None = None
    corners: bool | None = None
    separator: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    has_header: bool | None = None

    def completed(self, guess: ColumnMapping) -> ColumnMapping:
        """Fill what is left open here from `guess`."""
        given = {
            f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None
        }
        return replace(guess, **given)

    def columns(self) -> list[str]:
        """Every column that has a role."""
        single = (self.path, self.split, self.date, self.place, self.latitude, self.longitude)
        return [c for c in (*single, *(self.label or ()), *(self.box or ())) if c]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import of a source would do.

    Attributes
    ----------
    rows : int
        Rows that name an existing image.
    labelled : int
        Rows with a category.
    folders : str
        For image folders, what folder names mean here: ``categories``, ``tags`` or ``none``.
    """

    format: str
    root: Path
    rows: int
    categories: int
    sample: list[SourceRow]
    warnings: list[Warning_]
    skipped: list[Skipped]
    columns: list[str] = field(default_factory=list)
    mapping: ColumnMapping | None = None
    labelled: int = 0
    folders: str = ""


PreviewSteps = Generator[Progress, None, Preview]


class Reader(Protocol):
    """One format of the field."""

    @property
    def format(self) -> str:
        """Short name for the command line."""
        ...

    @property
    def title(self) -> str:
        """Name for people."""
        ...

    def sniff(self, source: Path) -> float:
        """How surely `source` is of this format, 0..1; quick, never raises."""
        ...

    def preview_steps(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> PreviewSteps:
        """Look through `source` without writing; reports progress, returns the preview."""
        ...

    def preview(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> Preview:
        """`preview_steps` run to its end."""
        ...

    def rows(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> Iterator[SourceRow | Skipped]:
        """Every image of `source`, and what was left out with the reason."""
        ...

    def root(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> Path:
        """The folder to which the rows' `relative` belongs; absolute."""
        ...


def drain(steps: PreviewSteps) -> Preview:
    """Run a preview to its end without looking at the reports."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            preview: Preview = end.value
            return preview


def spread(count: int, wanted: int = SAMPLE) -> list[int]:
    """Return up to `wanted` indices spread evenly over ``range(count)``."""
    if count <= wanted:
        return list(range(count))
    return [i * count // wanted for i in range(wanted)]
