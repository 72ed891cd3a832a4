"""Files for others: labels with who, when and which model."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import LabelSource, Mark, Progress, Skipped, Split
from fgvc_studio.interchange.export_row import ExportRow

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

ExportFormat = Literal["csv", "imagefolder"]
FORMATS: tuple[ExportFormat, ...] = ("csv", "imagefolder")
PAGE = 5000


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written."""

    out: Path
    files: int
    rows: int
    skipped: tuple[Skipped, ...] = ()


class Exporting:
    """Writes the decisions of a project.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def run(
        self,
        out: Path,
        format: ExportFormat = "csv",
        *,
        items: NDArray[np.int64] | None = None,
        labelled_only: bool = False,
        mode: Literal["copy", "hardlink", "symlink"] = "copy",
        safe_for_spreadsheets: bool = False,
    ) -> Generator[Progress, None, ExportResult]:
        """Write `items` (default: all) to `out`.

        Raises
        ------
        UserError
            Unknown format, nothing to export, or `out` cannot be written.
        """
        if format not in FORMATS:
            raise UserError(f"There is no export format {format}.", f"Use {', '.join(FORMATS)}.")
        ids = self._studio.catalogue.item_ids if items is None else items
        if labelled_only or format == "imagefolder":
            ids = ids[self._studio.catalogue.category[ids - 1] > 0]
        if not len(ids):
            raise UserError("There is nothing to export.", "Label some items first.")
        if format == "csv":
            return (yield from self._csv(out, ids, safe_for_spreadsheets))
        return (yield from self._folder(out, ids, mode))

    def _csv(
        self, out: Path, ids: NDArray[np.int64], safe: bool
    ) -> Generator[Progress, None, ExportResult]:
        from fgvc_studio.interchange import table_writer

        started = time.monotonic()
        steps = table_writer.write_csv(
            out, self.rows(ids), metadata=self._studio.store.metadata.columns(), formula_safe=safe
        )
        rows = 0
        for rows in steps:
            rate = rows / max(time.monotonic() - started, 1e-9)
            yield Progress(rows, len(ids), "Writing the table", rate)
        return ExportResult(out, 1, rows)

    def _folder(
        self, out: Path, ids: NDArray[np.int64], mode: Literal["copy", "hardlink", "symlink"]
    ) -> Generator[Progress, None, ExportResult]:
        from fgvc_studio.interchange import folder_writer

        started = time.monotonic()
        steps = folder_writer.write(self.rows(ids), out, mode=mode, unlabelled="")
        while True:
            try:
                done = next(steps)
            except StopIteration as end:
                counts: folder_writer.FolderCounts = end.value
                break
            rate = done / max(time.monotonic() - started, 1e-9)
            yield Progress(done, len(ids), "Writing files", rate)
        return ExportResult(out, counts.files, counts.files, tuple(counts.skipped))

    def rows(self, ids: NDArray[np.int64]) -> Iterator[ExportRow]:
        """The export rows of items, in order."""
        store, catalogue = self._studio.store, self._studio.catalogue
        metadata = {name: store.metadata.column(name) for name in store.metadata.columns()}
        columns = catalogue.columns
        names = {
            c: tuple(catalogue.name(a) for a in reversed(catalogue.ancestors(c)))
            for c in catalogue.categories
        }
        for at in range(0, len(ids), PAGE):
            page = ids[at : at + PAGE]
            provenance = store.labels.many(page)
            for item, record, path in zip(
                store.images.items(page),
                store.images.of_items(page),
                store.images.paths_of_items(page),
                strict=True,
            ):
                row = item.id - 1
                label = provenance.get(item.id)
                marks = Mark(int(columns.marks[row]))
                category = int(columns.category[row])
                yield ExportRow(
                    item_id=item.id,
                    path=path,
                    image=record.path,
                    category=names.get(category, ()),
                    rank=catalogue.categories[category].rank if category in names else "",
                    source=LabelSource(label.source).name.lower() if label else "",
                    confidence=label.confidence if label else None,
                    who=label.who if label else "",
                    at=label.at if label else 0.0,
                    run=(label.run_id or "") if label else "",
                    marks=tuple(
                        m.name.lower()
                        for m in (Mark.REVIEWED, Mark.UNCERTAIN, Mark.FLAGGED)
                        if marks & m and m.name
                    ),
                    split=Split(int(columns.split[row])).name.lower() if columns.split[row] else "",
                    box=item.box,
                    sha256=record.sha256,
                    metadata={k: v[item.id] for k, v in metadata.items() if item.id in v},
                )
