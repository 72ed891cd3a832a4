"""Read a Parquet file as a table of text; needs the optional pyarrow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from fgvc_studio.domain.errors import UserError
from fgvc_studio.interchange.text_table import Dialect, unique_names

_BLOCK = 4096
_HEAD = 60


class ParquetTable:
    """A Parquet file with the interface of `TextTable`."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise UserError(
                "Parquet files need the package pyarrow.",
                "Install it (pip install pyarrow), or save the table as CSV.",
            ) from error
        try:
            self._file = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"{path.name} is not a readable Parquet file.", "Save it again."
            ) from error
        self.path = path
        self.header = list(self._file.schema_arrow.names)
        self.columns = unique_names(self.header, len(self.header))
        self.notes: list[str] = []
        self.ragged = 0
        self.dialect = Dialect("parquet", "", True)

    def sample(self) -> list[list[str]]:
        """Return the first rows."""
        return [cells for _, cells in itertools.islice(self.rows(), _HEAD)]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the row's number, counted from 1, and its cells as text."""
        line = 0
        for batch in self._file.iter_batches(batch_size=_BLOCK):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                line += 1
                yield line, [_text(value) for value in values]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="surrogateescape")
    if isinstance(value, list):
        return " > ".join(map(_text, value))
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)
