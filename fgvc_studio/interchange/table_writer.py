"""Write items with their labels and provenance as CSV, TSV or Parquet, whole or not at all."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from fgvc_studio.domain.errors import UserError
from fgvc_studio.interchange.export_row import ExportRow
from fgvc_studio.interchange.values import number

COLUMNS = (
    "item_id", "image", "category", "category_path", "rank", "source", "confidence", "who", "when",
    "run", "marks", "split", "box_x", "box_y", "box_width", "box_height", "sha256",
)  # fmt: skip
_TICK = 500
_BLOCK = 20_000


def cells_of(row: ExportRow) -> list[str]:
    """Return the cells of one item in the order of `COLUMNS`."""
    box = row.box
    when = datetime.fromtimestamp(row.at, UTC).isoformat(timespec="seconds") if row.at else ""
    return [
        str(row.item_id),
        row.image,
        row.category[-1] if row.category else "",
        " > ".join(row.category),
        row.rank,
        row.source,
        "" if row.confidence is None else f"{row.confidence:.6g}",
        row.who,
        when.replace("+00:00", "Z"),
        row.run,
        " ".join(row.marks),
        row.split,
        *([f"{v:g}" for v in (box.x, box.y, box.width, box.height)] if box else [""] * 4),
        row.sha256.hex(),
    ]


def _safe(cell: str) -> str:
    if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and number(cell) is None:
        return "'" + cell
    return cell


def _header(metadata: Sequence[str]) -> list[str]:
    """Name the columns; a metadata column never takes the name of one of ours."""
    names = list(COLUMNS)
    for name in metadata:
        free = name
        while free in names:
            free += " (metadata)"
        names.append(free)
    return names


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}.", "Choose another place."
        ) from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}.", "Choose another place or free space."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_csv(
    path: Path,
    rows: Iterable[ExportRow],
    *,
    metadata: Sequence[str] = (),
    delimiter: str | None = None,
    formula_safe: bool = False,
) -> Generator[int, None, int]:
    """Write a table in UTF-8, replacing `path` only when all rows are written.

    Parameters
    ----------
    metadata : sequence of str
        Metadata columns to write after the fixed ones.
    delimiter : str or None
        None: a tab for ``.tsv`` and ``.tab``, else a comma.
    formula_safe : bool
        Put ``'`` before cells that a spreadsheet would run as a formula (``= + - @``); numbers
        stay numbers.

    Yields
    ------
    int
        Rows written so far.

    Returns
    -------
    int
        Rows written.
    """
    if delimiter is None:
        delimiter = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
    done = 0
    with (
        _replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        header = _header(metadata)
        writer.writerow(map(_safe, header) if formula_safe else header)
        for row in rows:
            cells = cells_of(row) + [row.metadata.get(name, "") for name in metadata]
            writer.writerow(map(_safe, cells) if formula_safe else cells)
            done += 1
            if done % _TICK == 0:
                yield done
    yield done
    return done


def write_parquet(
    path: Path, rows: Iterable[ExportRow], *, metadata: Sequence[str] = ()
) -> Generator[int, None, int]:
    """Write the same table as Parquet (text columns, ``item_id`` and numbers typed).

    UserError without pyarrow.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError(
            "Parquet files need the package pyarrow.",
            "Install it (pip install pyarrow), or export as CSV.",
        ) from error
    header = _header(metadata)
    numeric = {"confidence", "box_x", "box_y", "box_width", "box_height"}
    types = {"item_id": pa.int64(), **dict.fromkeys(numeric, pa.float64())}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in header])
    done = 0
    block: list[list[str]] = []

    def columns() -> list[object]:
        made: list[object] = []
        for name, cells in zip(header, zip(*block, strict=True), strict=True):
            values: list[object] = [_typed(cell, types.get(name), pa) for cell in cells]
            made.append(pa.array(values, types.get(name, pa.string())))
        return made

    with _replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for row in rows:
            block.append(cells_of(row) + [row.metadata.get(name, "") for name in metadata])
            done += 1
            if len(block) == _BLOCK:
                writer.write_table(pa.Table.from_arrays(columns(), schema=schema))
                block.clear()
                yield done
        if block:
            writer.write_table(pa.Table.from_arrays(columns(), schema=schema))
    yield done
    return done


def _typed(cell: str, kind: object, pa: object) -> object:
    if kind is None:
        return cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if not cell:
        return None
    return float(cell) if "." in cell or "e" in cell else int(cell)
