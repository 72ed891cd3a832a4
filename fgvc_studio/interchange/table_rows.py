"""Turn the cells of a table into source rows."""

from __future__ import annotations

import math

from fgvc_studio.domain.records import Box, Skipped, Split
from fgvc_studio.interchange.audit import Tally, clean_category
from fgvc_studio.interchange.base import ColumnMapping, SourceRow
from fgvc_studio.interchange.locate import Locator
from fgvc_studio.interchange.parquet_table import ParquetTable
from fgvc_studio.interchange.text_table import TextTable
from fgvc_studio.interchange.values import coordinate, day_first, iso_date, number

_EMPTY = {"", "na", "n/a", "nan", "null", "none", "-"}
AS_WRITTEN = " as written"
"""Suffix of the metadata column that keeps a value that could not be read."""


class RowMaker:
    """Applies a complete mapping to the rows of one table.

    Attributes
    ----------
    unclear_dates, bad_coordinates, bad_boxes : Tally
        Values that could not be read.
    """

    def __init__(
        self, table: TextTable | ParquetTable, mapping: ColumnMapping, locator: Locator
    ) -> None:
        self.table, self.mapping, self.locator = table, mapping, locator
        self.unclear_dates, self.bad_coordinates, self.bad_boxes = Tally(), Tally(), Tally()
        at = {name: i for i, name in enumerate(table.columns)}
        self.path_at = at[mapping.path or ""]
        self.label_at = [at[name] for name in mapping.label or ()]
        self.split_at = at.get(mapping.split or "")
        self._box_at = [at[name] for name in mapping.box or ()]
        self._date_at = at.get(mapping.date or "")
        self._coordinates = [
            (at[column], name, limit)
            for column, name, limit in (
                (mapping.latitude, "latitude", 90.0),
                (mapping.longitude, "longitude", 180.0),
            )
            if column
        ]
        roles = {self.path_at, self.split_at, self._date_at, *self.label_at, *self._box_at}
        roles |= {i for i, _, _ in self._coordinates}
        self._facts = [(i, name) for i, name in enumerate(table.columns) if i not in roles]
        if mapping.place:
            place = at[mapping.place]
            self._facts = [(i, "place" if i == place else name) for i, name in self._facts]
        self._days_first = self._order_of_dates()
        self._values: dict[str, str] = {}
        self._categories: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def _order_of_dates(self) -> bool | None:
        if self._date_at is None:
            return None
        orders = {day_first(cells[self._date_at]) for _, cells in self.table.rows()} - {None}
        return orders.pop() if len(orders) == 1 else None

    def category(self, cells: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the category as written, without the empty ones, and cleaned."""
        written = tuple(cells[i] for i in self.label_at)
        known = self._categories.get(written)
        if known is None:
            raw = self._raw_category(written)
            known = self._categories[written] = (raw, clean_category(raw))
        return known

    def _raw_category(self, written: tuple[str, ...]) -> tuple[str, ...]:
        names = list(written)
        separator = self.mapping.separator
        if separator:
            names = [part.strip() for name in names for part in name.split(separator)]
        return tuple(name for name in names if name.strip().lower() not in _EMPTY)

    def make(self, line: int, cells: list[str]) -> SourceRow | Skipped:
        """Return the row, or why it is left out."""
        cell = cells[self.path_at]
        if not cell.strip():
            return Skipped(f"row {line}", "names no image")
        found = self.locator.find(cell)
        if isinstance(found, Skipped):
            return found
        return SourceRow(
            path=self.locator.root / found,
            relative=found,
            category=self.category(cells)[1],
            split=Split.parse(cells[self.split_at]) if self.split_at is not None else Split.NONE,
            boxes=self._boxes(cells, found),
            metadata=self._metadata(cells, found),
        )

    def _boxes(self, cells: list[str], path: str) -> tuple[Box, ...]:
        if not self._box_at:
            return ()
        texts = [cells[i] for i in self._box_at]
        if not any(text.strip() for text in texts):
            return ()
        values = [number(text) for text in texts]
        a, b, c, d = (math.nan if value is None else value for value in values)
        if self.mapping.corners:
            c, d = c - a, d - b
        if not all(map(math.isfinite, (a, b, c, d))) or c <= 0 or d <= 0:
            self.bad_boxes.add(f"{path}: {', '.join(texts)}")
            return ()
        return (Box(a, b, c, d),)

    def _metadata(self, cells: list[str], path: str) -> dict[str, str]:
        facts: dict[str, str] = {}
        for i, name in self._facts:
            if text := cells[i].strip():
                facts[name] = self._values.setdefault(text, text) if len(text) < 40 else text
        if len(self._values) > 100_000:
            self._values.clear()
        if self._date_at is not None and (text := cells[self._date_at].strip()):
            when = iso_date(text, self._days_first)
            if when is None:
                self.unclear_dates.add(f"{path}: {text}")
            facts["date" if when else "date" + AS_WRITTEN] = when or text
        for i, name, limit in self._coordinates:
            if text := cells[i].strip():
                value = coordinate(text, limit)
                if value is None:
                    self.bad_coordinates.add(f"{path}: {text}")
                facts[name if value else name + AS_WRITTEN] = value or text
        return facts
