"""What a preview says of a table, in words."""

from __future__ import annotations

from collections import Counter

from fgvc_studio.domain.records import Skipped
from fgvc_studio.interchange.audit import (
    Tally,
    category_warnings,
    clean_category,
    split_warnings,
    warning,
)
from fgvc_studio.interchange.base import EXAMPLES, SourceRow, Warning_
from fgvc_studio.interchange.table_rows import RowMaker


class TableAudit:
    """Looks at every row once.

    Attributes
    ----------
    rows, labelled : int
        Rows with an existing image, and those of them with a category.
    """

    def __init__(self, maker: RowMaker) -> None:
        self._maker = maker
        self.rows = self.labelled = 0
        self._raw: Counter[tuple[str, ...]] = Counter()
        self._splits: Counter[str] = Counter()
        self._seen: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._mentioned: set[str] = set()
        self._reasons: dict[str, Tally] = {}
        self._twice, self._conflicts, self._unlabelled = Tally(), Tally(), Tally()

    def add(self, line: int, cells: list[str], made: SourceRow | Skipped) -> None:
        """Look at one row and what was made of it."""
        if isinstance(made, Skipped):
            reason = made.reason.partition(" (")[0]
            self._reasons.setdefault(reason, Tally()).add(f"row {line}: {made.path}")
            return
        self.rows += 1
        self._mentioned.add(made.relative)
        if made.category:
            self.labelled += 1
            self._raw[self._maker.category(cells)[0]] += 1
        elif self._maker.label_at:
            self._unlabelled.add(f"row {line}: {made.relative}")
        if self._maker.split_at is not None:
            self._splits[cells[self._maker.split_at]] += 1
        key = (made.relative, *made.boxes)
        first = self._seen.get(key)
        if first is None:
            self._seen[key] = made.category
        else:
            same = _folded(first) == _folded(made.category)
            (self._twice if same else self._conflicts).add(f"row {line}: {made.relative}")

    @property
    def categories(self) -> int:
        """Distinct categories."""
        return len({_folded(clean_category(path)) for path in self._raw})

    def warnings(self) -> list[Warning_]:
        """Everything worth saying, the gravest first."""
        maker = self._maker
        found: list[Warning_] = []
        if not self.rows:
            found += [warning("No row of the table names an existing image.", [], 0)]
        for reason, tally in self._reasons.items():
            found += tally.warning(f"Rows left out: {reason}.")
        found += self._conflicts.warning(
            "Rows that name an image again with another category; the first row counts."
        )
        found += self._twice.warning("Rows that name an image again; the first row counts.")
        found += self._unlabelled.warning("Rows without a category; their images stay unlabelled.")
        found += category_warnings(self._raw)
        found += split_warnings(self._splits)
        found += maker.bad_boxes.warning("Boxes that cannot be read; the whole image is the item.")
        found += maker.unclear_dates.warning("Dates that are unclear; they are kept as written.")
        found += maker.bad_coordinates.warning("Coordinates that cannot be read; kept as written.")
        inexact = maker.locator.inexact
        if inexact:
            examples = [f"{cell} -> {path}" for cell, path in list(inexact.items())[:EXAMPLES]]
            text = "Files found by name under another path than the table gives."
            found.append(warning(text, examples, len(inexact)))
        unmentioned = maker.locator.unmentioned(self._mentioned)
        if unmentioned:
            text = "Images in the folder that the table does not mention."
            found.append(warning(text, unmentioned))
        if maker.table.ragged:
            text = "Rows with more or fewer cells than the table has columns."
            found.append(warning(text, [], maker.table.ragged))
        found += [warning(note, [], 1) for note in maker.table.notes]
        return found


def _folded(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.casefold() for name in path)
