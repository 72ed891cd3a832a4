"""The formats that can be read, and which of them a source is."""

from __future__ import annotations

from pathlib import Path

from fgvc_studio.domain.errors import UserError
from fgvc_studio.interchange.base import Reader
from fgvc_studio.interchange.image_folder import ImageFolderReader
from fgvc_studio.interchange.table import TableReader


def readers() -> list[Reader]:
    """Every reader, the more specific formats first."""
    return [TableReader(), ImageFolderReader()]


def reader(format: str) -> Reader:
    """Return the reader called `format`; UserError for an unknown name."""
    for candidate in readers():
        if candidate.format == format:
            return candidate
    known = ", ".join(sorted(r.format for r in readers()))
    raise UserError(f"There is no import format called {format!r}.", f"Known formats: {known}.")


def sniff(source: Path) -> Reader:
    """Return the reader that is surest of `source`; UserError when none can read it."""
    if not source.exists():
        raise UserError(f"{source} does not exist.", "Check the spelling, or choose it again.")
    best = max(readers(), key=lambda candidate: candidate.sniff(source))
    if best.sniff(source) <= 0:
        raise UserError(
            f"{source.name} is neither a folder of images nor a table that can be read.",
            "Choose a folder, or a CSV, TSV or Parquet file with one row per image.",
        )
    return best
