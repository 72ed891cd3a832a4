"""The composition root: opens a project and builds the services over it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from fgvc_studio.services import settings
from fgvc_studio.services.bus import Bus
from fgvc_studio.services.catalogue import Catalogue
from fgvc_studio.services.choosing import Choosing
from fgvc_studio.services.embedding import Embedding
from fgvc_studio.services.evaluating import Evaluating
from fgvc_studio.services.exploring import Exploring
from fgvc_studio.services.exporting import Exporting
from fgvc_studio.services.guiding import Guiding
from fgvc_studio.services.ingest import Ingest
from fgvc_studio.services.labelling import Labelling
from fgvc_studio.services.opinions import Opinions
from fgvc_studio.services.prototypes import Prototypes
from fgvc_studio.services.review import Review
from fgvc_studio.services.suggesting import Suggesting
from fgvc_studio.services.training import Training
from fgvc_studio.store.project import ProjectStore


class Studio:
    """An open project with its services.

    Parameters
    ----------
    store : ProjectStore
    who : str
        Name put on decisions.
    """

    def __init__(self, store: ProjectStore, who: str) -> None:
        self.store = store
        self.who = who
        self.bus = Bus()
        self.catalogue = Catalogue(store)
        self.bus.subscribe(self.catalogue.handle)
        self.choosing = Choosing(self)
        self.labelling = Labelling(self)
        self.ingest = Ingest(self)
        self.embedding = Embedding(self)
        self.exploring = Exploring(self)
        self.suggesting = Suggesting(self)
        self.evaluating = Evaluating(self)
        self.exporting = Exporting(self)
        self.training = Training(self)
        self.guiding = Guiding(self)
        self.review = Review(self)
        self.prototypes = Prototypes(self)
        self.opinions = Opinions(self)

    @classmethod
    def create(cls, path: Path, *, name: str | None = None, who: str | None = None) -> Studio:
        """Make an empty project at `path` and open it.

        Raises
        ------
        UserError
            Something is there already.
        """
        store = ProjectStore.create(path, name=name, caches=settings.cache_folder())
        studio = cls(store, who or settings.default_who())
        settings.remember_project(studio.store.path)
        return studio

    @classmethod
    def open(cls, path: Path, *, who: str | None = None, read_only: bool = False) -> Studio:
        """Open a project.

        Raises
        ------
        UserError
            No project there, locked by another process, or of a newer format.
        """
        store = ProjectStore.open(path, read_only=read_only, caches=settings.cache_folder())
        studio = cls(store, who or settings.default_who())
        if not read_only:
            settings.remember_project(studio.store.path)
        return studio

    def close(self) -> None:
        """Release the project."""
        self.exploring.close()
        self.store.close()

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
