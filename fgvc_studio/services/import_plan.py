"""Read a source to its end: which images it names, and what it says of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Box, Skipped, Split
from fgvc_studio.interchange.audit import Tally, clean_name, counted
from fgvc_studio.interchange.base import ColumnMapping, Reader, SourceRow, Warning_
from fgvc_studio.interchange.image_folder import Folders, ImageFolderReader
from fgvc_studio.interchange.registry import reader, sniff
from fgvc_studio.interchange.table import TableReader
from fgvc_studio.interchange.text_table import sniff_encoding


@dataclass(frozen=True, slots=True)
class Want:
    """What the source says of one item.

    Attributes
    ----------
    keys, values : tuple of str
        Metadata; the keys are shared between items.
    """

    category: tuple[str, ...]
    split: Split
    box: Box | None
    keys: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked to import (see `Ingest.run`)."""

    source: Path
    format: str = "auto"
    mapping: ColumnMapping | None = None
    labels: Path | None = None
    images: Path | None = None
    folders: Folders = "auto"
    only_categories: Path | None = None

    @property
    def name(self) -> str:
        """The file or folder that the labels come from."""
        return (self.labels or self.source).name or str(self.source)

    def reader(self) -> Reader:
        """Return the reader of the source; UserError when there is none."""
        found = sniff(self.source) if self.format == "auto" else reader(self.format)
        if isinstance(found, ImageFolderReader):
            silent = self.labels is not None and self.folders == "auto"
            return ImageFolderReader("none" if silent else self.folders)
        return found

    def own_mapping(self) -> ColumnMapping | None:
        """Return the mapping of the source itself: with a labels file it belongs to that."""
        return None if self.labels else self.mapping


@dataclass(slots=True)
class Plan:
    """The images of a source in order, each with its items.

    Attributes
    ----------
    images : dict
        Relative path -> wants, one per item.
    """

    root: Path
    images: dict[str, list[Want]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[Warning_] = field(default_factory=list)


class Planner:
    """Collects a plan; another thread may watch it grow and stop it."""

    def __init__(self, request: Request) -> None:
        self.stop = Event()
        self.plan = Plan(request.source)
        self._request = request
        self._facts: dict[str, list[SourceRow]] = {}
        self._homeless, self._again = Tally(), Tally()
        self._only = _names_in(request.only_categories) if request.only_categories else None
        self._unused = set(self._only or ())
        self._keys: dict[tuple[str, ...], tuple[str, ...]] = {}

    def read(self) -> None:
        """Read everything, or up to the moment when `stop` is set; runs in a thread."""
        request = self._request
        found = request.reader()
        mapping = request.own_mapping()
        self.plan.root = found.root(request.source, mapping, request.images)
        if self._request.labels is not None:
            self._read_labels(self._request.labels)
        for row in found.rows(request.source, mapping, request.images):
            if self.stop.is_set():
                return
            if isinstance(row, Skipped):
                self.plan.skipped.append(row)
                continue
            for fact in self._facts.pop(row.relative, None) or (row,):
                self._add(self._filled(fact, row))
        self._conclude()

    @staticmethod
    def _filled(fact: SourceRow, row: SourceRow) -> SourceRow:
        if fact is row:
            return row
        return replace(
            fact,
            category=fact.category or row.category,
            split=fact.split or row.split,
            metadata={**row.metadata, **fact.metadata},
        )

    def _read_labels(self, labels: Path) -> None:
        for row in TableReader().rows(labels, self._request.mapping, self.plan.root):
            if self.stop.is_set():
                return
            if isinstance(row, Skipped):
                self._homeless.add(row.path)
            else:
                self._facts.setdefault(row.relative, []).append(row)

    def _add(self, row: SourceRow) -> None:
        category = row.category
        if self._only is not None and category:
            listed = {category[-1].casefold(), " > ".join(category).casefold()} & self._only.keys()
            self._unused -= listed
            category = category if listed else ()
        names = tuple(row.metadata)
        keys = self._keys.setdefault(names, names)
        values = tuple(row.metadata.values())
        wants = self.plan.images.setdefault(row.relative, [])
        for box in row.boxes or (None,):
            if any(want.box == box or want.box is None or box is None for want in wants):
                self._again.add(row.relative)
            else:
                wants.append(Want(category, row.split, box, keys, values))

    def _conclude(self) -> None:
        name = self._request.name
        warnings = self.plan.warnings
        for relative in self._facts:
            self._homeless.add(relative)
        if self._homeless.count:
            rows = counted(self._homeless.count, "row", "rows")
            verb = "names" if self._homeless.count == 1 else "name"
            warnings += self._homeless.warning(f"{rows} of {name} {verb} no image of this source.")
        warnings += self._again.warning("Rows that name an item again; the first row counts.")
        if self._only is not None and self._unused:
            unused = [self._only[key] for key in sorted(self._unused)]
            text = "Categories of the list that no row has."
            warnings.append(Warning_(text, len(unused), tuple(unused[:5])))


def _names_in(path: Path) -> dict[str, str]:
    """Read a list of category names, one per line: folded -> as written."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"The list of categories {path} cannot be read ({error.strerror}).",
            "Choose a text file with one category per line.",
        ) from error
    lines = data.decode(sniff_encoding(data), errors="replace").removeprefix("\ufeff").splitlines()
    names = [clean_name(line) for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise UserError(
            f"The list of categories {path.name} is empty.",
            "Write one category per line.",
        )
    return {name.casefold(): name for name in names}
