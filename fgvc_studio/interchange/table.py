"""Tables with one row per image (or box): CSV, TSV and other delimited text, and Parquet."""

# Plain strings: paths come by the hundred thousand, and some are not decodable.
# ruff: noqa: PTH100, PTH112, PTH117, PTH120
from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.interchange.base import (
    ColumnMapping,
    Preview,
    PreviewSteps,
    SourceRow,
    drain,
    spread,
)
from fgvc_studio.interchange.locate import Locator
from fgvc_studio.interchange.mapping import KNOWN_WORDS, guess_mapping
from fgvc_studio.interchange.parquet_table import ParquetTable
from fgvc_studio.interchange.table_audit import TableAudit
from fgvc_studio.interchange.table_rows import RowMaker
from fgvc_studio.interchange.table_writer import write_csv, write_parquet
from fgvc_studio.interchange.text_table import TextTable

__all__ = ["TableReader", "complete_mapping", "open_table", "write_csv", "write_parquet"]

Table = TextTable | ParquetTable

_TEXT = {".csv", ".tsv", ".tab", ".txt"}
_PARQUET = {".parquet", ".pq"}
_TICK = 0.1
_KEPT = 2000
_IMAGE_FOLDERS = ("", "images", "image", "img", "imgs", "photos", "pictures")


def open_table(source: Path, mapping: ColumnMapping | None = None) -> Table:
    """Open a table with what `mapping` says of encoding, delimiter and header."""
    if source.suffix.lower() in _PARQUET:
        return ParquetTable(source)
    given = mapping or ColumnMapping()
    return TextTable(
        source,
        known_words=KNOWN_WORDS,
        encoding=given.encoding,
        delimiter=given.delimiter,
        has_header=given.has_header,
    )


def complete_mapping(table: Table, mapping: ColumnMapping | None = None) -> ColumnMapping:
    """Fill the open fields of `mapping` by guessing; UserError for a column that does not exist."""
    dialect = table.dialect
    guess = guess_mapping(table.columns, table.sample(), named=dialect.has_header)
    guess = replace(
        guess,
        delimiter=dialect.delimiter,
        encoding=dialect.encoding,
        has_header=dialect.has_header,
    )
    full = (mapping or ColumnMapping()).completed(guess)
    unknown = [column for column in full.columns() if column not in table.columns]
    if unknown:
        names = ", ".join(table.columns[:30])
        raise UserError(
            f"{table.path.name} has no column {unknown[0]!r}.", f"Its columns are: {names}."
        )
    if not full.path:
        raise UserError(
            f"No column of {table.path.name} names the images.",
            "Say which column holds the paths or file names.",
        )
    if mapping is not None and mapping.label is not None and mapping.separator is None:
        full = replace(full, separator=_separator(table, full))
    return full


def _separator(table: Table, mapping: ColumnMapping) -> str:
    if len(mapping.label or ()) != 1 or not mapping.label:
        return ""
    at = table.columns.index(mapping.label[0])
    cells = [row[at] for row in table.sample() if row[at].strip()]
    return ">" if cells and sum(">" in cell for cell in cells) > 0.2 * len(cells) else ""


@dataclass(frozen=True)
class TableReader:
    """Reads a table whose rows name image files."""

    format: str = "table"
    title: str = "Table (CSV, TSV, Parquet)"

    def sniff(self, source: Path) -> float:
        """0.8 for a table with a column of images, 0.2 for another table, 0 for anything else."""
        suffix = source.suffix.lower()
        if suffix not in _TEXT | _PARQUET or not source.is_file():
            return 0.0
        try:
            complete_mapping(open_table(source))
        except UserError:
            return 0.2 if suffix != ".txt" else 0.0
        return 0.8 if suffix != ".txt" else 0.5

    def root(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> Path:
        """`images`; else the folder of absolute paths; else where the first files are found."""
        if images is not None:
            return Path(os.path.abspath(images))
        table = open_table(source, mapping)
        return _guess_root(source, table, complete_mapping(table, mapping))

    def rows(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> Iterator[SourceRow | Skipped]:
        """Every row of the table whose file exists; a row without its file is skipped by name."""
        table = open_table(source, mapping)
        full = complete_mapping(table, mapping)
        maker = RowMaker(
            table, full, Locator(_root(source, table, full, images), table.dialect.encoding)
        )
        for _ in maker.locator.index():
            pass
        for line, cells in table.rows():
            yield maker.make(line, cells)

    def preview_steps(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> PreviewSteps:
        """Read the whole table and list the folder; opens no image."""
        table = open_table(source, mapping)
        full = complete_mapping(table, mapping)
        maker = RowMaker(
            table, full, Locator(_root(source, table, full, images), table.dialect.encoding)
        )
        due = time.monotonic() + _TICK
        for count in maker.locator.index():
            if time.monotonic() >= due:
                yield Progress(0, 0, f"{count:,} files found")
                due = time.monotonic() + _TICK
        audit = TableAudit(maker)
        kept: list[SourceRow] = []
        stride = 1
        skipped: list[Skipped] = []
        for line, cells in table.rows():
            made = maker.make(line, cells)
            audit.add(line, cells, made)
            if isinstance(made, Skipped):
                skipped.append(made)
            elif (audit.rows - 1) % stride == 0:
                kept.append(made)
                if len(kept) >= _KEPT:
                    kept, stride = kept[::2], stride * 2
            if time.monotonic() >= due:
                yield Progress(line, 0, f"{line:,} rows read")
                due = time.monotonic() + _TICK
        return Preview(
            format=self.format,
            root=maker.locator.root,
            rows=audit.rows,
            categories=audit.categories,
            sample=[kept[i] for i in spread(len(kept))],
            warnings=audit.warnings(),
            skipped=skipped,
            columns=list(table.columns),
            mapping=full,
            labelled=audit.labelled,
        )

    def preview(
        self, source: Path, mapping: ColumnMapping | None = None, images: Path | None = None
    ) -> Preview:
        """`preview_steps` run to its end."""
        return drain(self.preview_steps(source, mapping, images))


def _root(source: Path, table: Table, mapping: ColumnMapping, images: Path | None) -> Path:
    if images is None:
        return _guess_root(source, table, mapping)
    if not images.is_dir():
        raise UserError(f"{images} is not a folder.", "Choose the folder that holds the images.")
    return Path(os.path.abspath(images))


def _guess_root(source: Path, table: Table, mapping: ColumnMapping) -> Path:
    parent = Path(os.path.abspath(source)).parent
    at = table.columns.index(mapping.path or "")
    cells = [row[at].strip() for row in table.sample() if row[at].strip()]
    absolute = [cell for cell in cells if os.path.isabs(cell)]
    if 2 * len(absolute) > len(cells):
        folders = {os.path.dirname(row[at].strip()) for _, row in table.rows()}
        folders = {folder for folder in folders if os.path.isabs(folder) and os.path.isdir(folder)}
        if folders:
            return Path(os.path.commonpath(folders))
        return parent
    places = [base / name for base in (parent, parent.parent) for name in _IMAGE_FOLDERS]
    hits = [sum(_is_file(place / cell.replace("\\", "/")) for cell in cells) for place in places]
    return places[hits.index(max(hits))]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
