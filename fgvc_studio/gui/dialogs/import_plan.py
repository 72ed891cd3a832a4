"""What the import wizard hands over: decided by the user, nothing written yet."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication

from fgvc_studio.domain.records import Progress
from fgvc_studio.gui import words
from fgvc_studio.interchange import registry
from fgvc_studio.interchange.base import ColumnMapping, Preview, Reader
from fgvc_studio.interchange.image_folder import Folders, ImageFolderReader

if TYPE_CHECKING:
    from fgvc_studio.gui.task_pool import Ticket
    from fgvc_studio.services.studio import Studio

_CONTEXT = "import"


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """One import.

    Attributes
    ----------
    project : Path or None
        Folder of the project to make; None: into the open one.
    folders : str
        For image folders, what folder names mean.
    """

    source: Path
    format: str
    mapping: ColumnMapping | None = None
    folders: Folders = "auto"
    project: Path | None = None
    name: str = ""

    def run(self, studio: Studio) -> Generator[Progress, None, Any]:
        """The job that imports; returns the service's result."""
        return studio.ingest.run(
            self.source, format=self.format, mapping=self.mapping, folders=self.folders
        )


def create(plan: ImportPlan, who: str) -> Studio:
    """Make the empty project of `plan`; UserError when something is in the way."""
    from fgvc_studio.services.studio import Studio

    assert plan.project is not None
    plan.project.parent.mkdir(parents=True, exist_ok=True)
    return Studio.create(plan.project, name=plan.name or None, who=who)


def look(
    source: Path, format: str, mapping: ColumnMapping | None, folders: Folders, ticket: Ticket
) -> Preview | None:
    """Look through `source` until done or no longer wanted; writes nothing."""
    reader = _reader(source, format, folders)
    steps = reader.preview_steps(source, mapping)
    while not ticket.stale:
        try:
            next(steps)
        except StopIteration as end:
            found: Preview = end.value
            return found
    steps.close()
    return None


def project_folder(parent: Path, name: str) -> Path:
    """The folder of a new project called `name`; free of characters that disks refuse."""
    clean = re.sub(r'[<>:"/\\|?*\x00-\x1f]', " ", name).strip().rstrip(".") or "Project"
    return parent / f"{clean}.fgvc"


def sentence(result: Any) -> str:
    """What an import did, in one line."""

    def tr(text: str) -> str:
        return QCoreApplication.translate(_CONTEXT, text)

    parts = [tr("Imported {n} images").format(n=words.count(result.images))]
    if result.labelled:
        parts.append(tr("{n} labelled").format(n=words.count(result.labelled)))
    if result.skipped:
        parts.append(tr("{n} files left out").format(n=words.count(len(result.skipped))))
    return ", ".join(parts)


def _reader(source: Path, format: str, folders: Folders) -> Reader:
    reader = registry.sniff(source) if format == "auto" else registry.reader(format)
    if isinstance(reader, ImageFolderReader):
        return ImageFolderReader(folders)
    return reader
