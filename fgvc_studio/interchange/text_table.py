"""Read delimited text whose encoding, delimiter and header nobody wrote down."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fgvc_studio.domain.errors import UserError
from fgvc_studio.interchange.values import number
from fgvc_studio.interchange.walk import IMAGE_SUFFIXES, os_reason

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DELIMITERS = "\t;|,"
_HEAD = 60
_CELL_LIMIT = 16 * 2**20
_LINES_LIMIT = 2000
_MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_HIGH = [bytes([byte]) for byte in range(0x80, 0x100)]
_TYPE_CELLS = {"[t]", "[f]", ""}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text table is written."""

    encoding: str
    delimiter: str
    has_header: bool


def sniff_encoding(data: bytes) -> str:
    """Name the encoding of `data`: by its mark, its zero bytes, validity as UTF-8, else Western."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    head = data[:4096]
    if head.count(0) * 4 > len(head):
        return "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    valid = len(_MULTIBYTE.findall(data))
    rest = _MULTIBYTE.sub(b"", data)
    stray = sum(map(rest.count, _HIGH))
    if valid > 4 * stray:
        return "utf-8"
    try:
        data.decode("cp1252")
        return "cp1252"
    except UnicodeDecodeError:
        return "latin-1"


def _records(text: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(min(_CELL_LIMIT, sys.maxsize))
    reader = csv.reader(text, delimiter=delimiter)
    before = 0
    try:
        for cells in reader:
            if reader.line_num - before > _LINES_LIMIT:
                raise csv.Error("quote")
            before = reader.line_num
            yield cells
    except csv.Error as error:
        raise UserError(
            f"A quotation mark opened near line {before + 1} is never closed.",
            "Close it, or save the table again from a spreadsheet program.",
        ) from error


def sniff_delimiter(text: str) -> str:
    """Choose the delimiter that gives the most equal and then the widest rows."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            rows = list(itertools.islice(_records(iter(io.StringIO(text)), delimiter), _HEAD))
        except UserError:
            continue
        widths = Counter(len(cells) for cells in rows if any(cells))
        if not widths:
            continue
        width, count = widths.most_common(1)[0]
        score = (round(count / widths.total(), 2), width)
        if width >= 2 and score > best_score:
            best, best_score = delimiter, score
    return best


def looks_like_image(cell: str) -> bool:
    """Whether a cell ends like the name of an image file."""
    if "://" in cell:
        cell = cell.partition("?")[0]
    dot = cell.rfind(".")
    return dot > 0 and cell[dot:].strip().lower() in IMAGE_SUFFIXES


def sniff_header(rows: list[list[str]], known_words: frozenset[str]) -> bool:
    """Whether the first row names columns: no file, number, or value that returns below it."""
    if not rows:
        return True
    first = [cell.strip() for cell in rows[0]]
    if any(looks_like_image(cell) or number(cell) is not None for cell in first):
        return False
    if any(plain(cell) in known_words for cell in first):
        return True
    below = rows[1:]
    return not any(
        cell and cell in {row[i].strip() for row in below if i < len(row)}
        for i, cell in enumerate(first)
    )


def plain(name: str) -> str:
    """Reduce a column name to lower-case letters and digits, to compare it."""
    return "".join(c for c in name.casefold() if c.isalnum())


def unique_names(header: list[str], width: int) -> list[str]:
    """Name the columns: empty ones by number, repeated ones with ``(2)``."""
    names: list[str] = []
    seen: set[str] = set()
    for i in range(width):
        base = header[i].strip() if i < len(header) else ""
        base = base or f"column {i + 1}"
        name, count = base, 2
        while name in seen:
            name, count = f"{base} ({count})", count + 1
        seen.add(name)
        names.append(name)
    return names


class TextTable:
    """A delimited text file.

    Attributes
    ----------
    columns : list of str
        Unique names.
    notes : list of str
        What was guessed and may be wrong, in words.
    """

    def __init__(
        self,
        path: Path,
        *,
        known_words: frozenset[str] = frozenset(),
        encoding: str | None = None,
        delimiter: str | None = None,
        has_header: bool | None = None,
    ) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(
                f"The table {path} {os_reason(error)}.", "Choose another file."
            ) from error
        if not data.strip(b"\x00 \r\n\t\xef\xbb\xbf\xff\xfe"):
            raise UserError(
                f"The table {path.name} is empty.", "Choose a table with one row per image."
            )
        self.path = path
        self.notes: list[str] = []
        encoding = encoding or sniff_encoding(data)
        try:
            codecs.lookup(encoding)
            text = data.decode(
                encoding, errors="surrogateescape" if "utf-8" in encoding else "strict"
            )
        except (LookupError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path.name} cannot be read as {encoding}.", "Choose another encoding."
            ) from error
        text = text.removeprefix("\ufeff")
        del data
        if encoding in ("cp1252", "latin-1"):
            self.notes.append(f"The table is not in UTF-8; it was read as {encoding}.")
        if any("\udc80" <= c <= "\udcff" for c in text[:1_000_000]):
            self.notes.append("Some characters are not UTF-8; they are kept as they are.")
        head = "".join(itertools.islice(io.StringIO(text, newline=""), 20 * _HEAD))
        delimiter = delimiter or sniff_delimiter(head)
        rows = list(
            itertools.islice(_records(iter(io.StringIO(head, newline="")), delimiter), _HEAD)
        )
        rows = [cells for cells in rows if any(cell.strip() for cell in cells)]
        if has_header is None:
            has_header = sniff_header(rows, known_words)
            if not has_header:
                self.notes.append("The table has no header; the columns are numbered.")
        self.dialect = Dialect(encoding, delimiter, has_header)
        self._text = text
        width = len(rows[0]) if has_header else max(len(cells) for cells in rows)
        self.columns = unique_names(rows[0] if has_header else [], width)
        self.header = [cell.strip() for cell in rows[0]] if has_header else []
        if len(set(self.header)) < len(self.header):
            twice = [n for n, count in Counter(self.header).items() if count > 1]
            self.notes.append(f"Column names that occur twice: {', '.join(map(repr, twice))}.")
        self.ragged = 0
        self._head = rows[1:] if has_header else rows

    def sample(self) -> list[list[str]]:
        """Return the first rows, padded to the number of columns."""
        return [self._fit(cells) for cells in self._head if not _is_type_row(cells)]

    def _fit(self, cells: list[str]) -> list[str]:
        width = len(self.columns)
        return cells[:width] + [""] * (width - len(cells))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the row's number as a spreadsheet shows it, and its cells; blank rows are left out.

        `ragged` counts the rows with more or fewer cells than columns.
        """
        self.ragged = 0
        width = len(self.columns)
        records = enumerate(
            _records(iter(io.StringIO(self._text, newline="")), self.dialect.delimiter), 1
        )
        if self.dialect.has_header:
            next((cells for _, cells in records if any(map(str.strip, cells))), None)
        for line, cells in records:
            if not any(map(str.strip, cells)) or (line <= 3 and _is_type_row(cells)):
                continue
            if len(cells) != width:
                self.ragged += 1
                cells = self._fit(cells)
            yield line, cells


def _is_type_row(cells: list[str]) -> bool:
    """Whether this is EcoTaxa's second line, which gives the type of each column."""
    return all(cell.strip().lower() in _TYPE_CELLS for cell in cells) and len(cells) > 1
