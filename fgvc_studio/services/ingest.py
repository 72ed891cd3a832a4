"""Import images with what is known of them: preview first, then a job that resumes when killed."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.interchange.audit import counted
from fgvc_studio.interchange.base import ColumnMapping, Preview, PreviewSteps, Warning_, drain
from fgvc_studio.interchange.image_folder import Folders
from fgvc_studio.interchange.table import TableReader
from fgvc_studio.services.import_images import ImageImport
from fgvc_studio.services.import_labels import write_labels
from fgvc_studio.services.import_plan import Planner, Request

_TICK = 0.15


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did.

    Attributes
    ----------
    images, items : int
        Added.
    labelled, categories : int
        Items that got a label, categories made.
    unchanged, updated : int
        Images known before, with the same and with other content.
    duplicates, near_duplicates : int
        Added images that are copies of earlier ones.
    kept : int
        Items whose label was kept although the source says otherwise.
    """

    images: int
    items: int
    labelled: int
    categories: int
    skipped: list[Skipped]
    unchanged: int
    updated: int
    duplicates: int
    near_duplicates: int
    kept: int
    warnings: list[Warning_]


class Ingest:
    """Imports into one project.

    Parameters
    ----------
    studio : object with ``store``, ``bus`` and ``who``
    """

    def __init__(self, studio: Any) -> None:
        self._studio = studio

    def preview(
        self,
        source: Path,
        *,
        format: str = "auto",
        mapping: ColumnMapping | None = None,
        labels: Path | None = None,
        images: Path | None = None,
        folders: Folders = "auto",
    ) -> Preview:
        """`preview_steps` run to its end."""
        return drain(
            self.preview_steps(
                source,
                format=format,
                mapping=mapping,
                labels=labels,
                images=images,
                folders=folders,
            )
        )

    def preview_steps(
        self,
        source: Path,
        *,
        format: str = "auto",
        mapping: ColumnMapping | None = None,
        labels: Path | None = None,
        images: Path | None = None,
        folders: Folders = "auto",
    ) -> PreviewSteps:
        """Tell what `run` with the same arguments would do; opens no image, writes nothing."""
        request = Request(source, format, mapping, labels, images, folders)
        preview = yield from request.reader().preview_steps(source, request.own_mapping(), images)
        if labels is None:
            return preview
        table = yield from TableReader().preview_steps(labels, mapping, preview.root)
        return replace(
            preview,
            categories=table.categories or preview.categories,
            labelled=table.labelled or preview.labelled,
            sample=table.sample or preview.sample,
            warnings=table.warnings + preview.warnings,
            skipped=preview.skipped + table.skipped,
            columns=table.columns,
            mapping=table.mapping,
        )

    def run(
        self,
        source: Path,
        *,
        format: str = "auto",
        mapping: ColumnMapping | None = None,
        labels: Path | None = None,
        images: Path | None = None,
        folders: Folders = "auto",
        only_categories: Path | None = None,
        threads: int | None = None,
    ) -> Generator[Progress, None, ImportResult]:
        """Import `source`: new images, changed ones, and labels for items that have none.

        The same source again changes nothing. Stopped or killed, the images committed so far stay
        and the next run goes on from there; labels and splits are written as one operation at the
        end, so they can be undone with one step.

        Parameters
        ----------
        source : Path
            Folder of images or table.
        mapping : ColumnMapping or None
            Columns of the table, or of `labels` when that is given; what is open is guessed.
        labels : Path or None
            Table that names, labels and splits the images of `source`.
        images : Path or None
            Folder to which the paths of the table relate; None: guessed.
        folders : str
            What folder names mean: ``auto``, ``categories``, ``tags`` or ``none``.
        only_categories : Path or None
            Text file, one category per line; the labels of all others are not taken.
        threads : int or None
            Files examined at once; None: two to four by the cores.

        Raises
        ------
        UserError
            When the source as a whole cannot be read. Single files never stop the import.
        """
        request = Request(source, format, mapping, labels, images, folders, only_categories)
        planner = Planner(request)
        yield from _reading(planner, source.name)
        plan = planner.plan
        job = ImageImport(self._studio, plan, threads)
        yield from job.run()
        total = len(plan.images)
        yield Progress(total, total, "Writing labels")
        written = write_labels(self._studio, job.wants, request.name)
        warnings = list(plan.warnings)
        if written.kept:
            kept = counted(written.kept, "item keeps its", "items keep their")
            text = f"{kept} earlier label although {request.name} says otherwise."
            warnings.append(Warning_(text, written.kept))
        tallies = job.tallies
        return ImportResult(
            images=tallies.images,
            items=tallies.items,
            labelled=written.labelled,
            categories=written.categories,
            skipped=plan.skipped + job.skipped,
            unchanged=tallies.unchanged,
            updated=tallies.updated,
            duplicates=tallies.duplicates,
            near_duplicates=tallies.near_duplicates,
            kept=written.kept,
            warnings=warnings,
        )


def _reading(planner: Planner, name: str) -> Generator[Progress, None, None]:
    """Read the plan in a thread, so that a slow disk neither hides the progress nor the stop."""
    with ThreadPoolExecutor(1, thread_name_prefix="import-list") as pool:
        reading = pool.submit(planner.read)
        try:
            yield Progress(0, 0, f"Reading {name}")
            while not wait([reading], timeout=_TICK).done:
                found = counted(len(planner.plan.images), "image", "images")
                yield Progress(0, 0, f"Reading {name}: {found}")
        finally:
            planner.stop.set()
        reading.result()
