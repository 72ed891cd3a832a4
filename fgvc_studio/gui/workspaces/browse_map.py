"""Keeps the map of Browse true: loading, colours, and the jobs that make embeddings and maps."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from fgvc_studio.domain.embeddings import Map2D
from fgvc_studio.domain.events import MapChanged
from fgvc_studio.domain.records import LabelSource, Mark, Split
from fgvc_studio.gui import preferences, theme
from fgvc_studio.gui.job_thread import Job, JobState
from fgvc_studio.gui.widgets.category_swatch import colour_of
from fgvc_studio.gui.widgets.map_canvas import LegendRow, MapCanvas
from fgvc_studio.gui.workspaces.base import Context

_SLOT = "browse map"
_KEYS = ("embed", "map pca", "map umap")
DEFAULT_BACKBONE = "lite0"
_FACT_SLOT = "browse facts"
_FACT = "fact:"
_VALUES = 40
"""Values of a metadata column that get a colour."""


class BrowseMap(QObject):
    """Between the services and the `MapCanvas`."""

    space_changed = Signal()
    wants_no_focus = Signal()
    """The button in the map's place had the keyboard and is about to go."""

    def __init__(self, context: Context, canvas: MapCanvas, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._canvas = canvas
        self._map: Map2D | None = None
        self._colour_by = "category"
        self._facts: dict[int, str] = {}
        self.space = context.studio.embedding.default_space() or ""
        canvas.compute_requested.connect(self._next_step)
        canvas.empty.set_photos(context.studio.catalogue.n > 0)
        context.bridge.items_added.connect(self._items_added)
        canvas.colour_by_changed.connect(self.colour_by)
        canvas.bar.space_chosen.connect(self.choose_space)
        for signal in (context.jobs.added, context.jobs.changed, context.jobs.ended):
            signal.connect(self._show_job)
        context.bridge.map_changed.connect(self._map_changed)
        context.bridge.space_changed.connect(self._space_changed)
        context.bridge.decided.connect(lambda _changes: self.recolour())
        theme.signal().changed.connect(self.recolour)
        self._offer_spaces()

    def close(self) -> None:
        """Stop listening to what outlives the project."""
        theme.signal().changed.disconnect(self.recolour)
        jobs = self._context.jobs
        for signal in (jobs.added, jobs.changed, jobs.ended):
            signal.disconnect(self._show_job)
        self._canvas.stop()

    @property
    def key(self) -> str:
        """What the map is coloured by; see `colour_by`."""
        return self._colour_by

    # ---- jobs ------------------------------------------------------------------------------
    def embed(self) -> Job:
        """Embed what has no vector yet, then draw the map: PCA at once, then UMAP."""
        studio = self._context.studio
        here = next((s for s in studio.embedding.spaces() if s.name == self.space), None)
        if here is not None and here.complete:
            return self.draw()
        name = here.name if here else None
        backbone = here.backbone if here else DEFAULT_BACKBONE
        weights = studio.store.arrays.meta(here.name).get("weights") if here else ""
        self._context.tasks.submit(
            "warm up", lambda _ticket: studio.exploring.lane().warm_up(), lambda _none: None
        )
        return self._context.jobs.add(
            self.tr("Embed the images"),
            lambda: studio.embedding.run(
                backbone,
                weights=Path(str(weights)) if weights else None,
                space=name,
                threads=preferences.cores_for_jobs(),
            ),
            lambda _result: self.draw(),
            key="embed",
        )

    def _next_step(self) -> None:
        """The button in the place of the map."""
        if self._canvas.empty.photos:
            self.embed()
        else:
            self._context.actions.run("project.add")

    def _items_added(self, _event: object) -> None:
        if not self._canvas.empty.photos:
            self._canvas.empty.set_photos(True)

    def draw(self) -> Job:
        """Draw the map anew: the quick one first, then the good one."""
        exploring = self._context.studio.exploring
        jobs = self._context.jobs
        space = self.space or None
        jobs.add(
            self.tr("Draw the map (PCA)"),
            lambda: exploring.map(space, method="pca"),
            key=f"map pca {self.space}",
        )
        return jobs.add(
            self.tr("Draw the map (UMAP)"),
            lambda: exploring.map(space, method="umap"),
            key=f"map umap {self.space}",
        )

    def _show_job(self, job: Job) -> None:
        """Say in the place of the map how far it is."""
        if not job.key.startswith(_KEYS):
            return
        if self._canvas.empty.button.hasFocus():  # it goes; the keys are to act on photos
            self.wants_no_focus.emit()
        busy = job.state in (JobState.WAITING, JobState.RUNNING, JobState.PAUSED)
        self._canvas.empty.set_busy(job.title if busy else "", job.fraction)

    # ---- showing ---------------------------------------------------------------------------
    def reload(self, method: str | None = None) -> None:
        """Read the map in the background and show it."""
        exploring = self._context.studio.exploring
        self._context.tasks.submit(
            _SLOT,
            lambda _ticket: exploring.load_map(method=method),
            self._loaded,
            self._context.show_fault,
        )

    def colour_by(self, key: str) -> None:
        """Colour by ``category``, ``source``, ``review``, ``confidence``, ``group``, ``split``,
        or ``fact:<column>`` of the metadata.
        """
        self._colour_by = key
        if key.startswith(_FACT):
            metadata = self._context.studio.store.metadata
            self._context.tasks.submit(
                _FACT_SLOT,
                lambda _ticket: (key, metadata.column(key.removeprefix(_FACT))),
                self._facts_read,
                self._context.show_fault,
            )
        else:
            self.recolour()

    def _facts_read(self, answer: tuple[str, dict[int, str]]) -> None:
        key, self._facts = answer
        if key == self._colour_by:
            self.recolour()

    def recolour(self) -> None:
        """Colour the points by what is decided now."""
        if self._map is None:
            return
        ids = self._map.item_ids
        rows = ids[ids <= self._context.studio.catalogue.n] - 1
        if len(rows) != len(ids):
            return
        if self._colour_by == "confidence":
            columns = self._context.studio.catalogue.columns
            known = columns.category[rows] > 0
            self._canvas.set_continuous(
                np.where(known, columns.confidence[rows], np.nan), self.tr("Confidence")
            )
            return
        codes, legend, title = self._codes(rows)
        self._canvas.set_colours(codes, legend, title)

    def _codes(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], list[LegendRow], str]:
        catalogue = self._context.studio.catalogue
        columns = catalogue.columns
        if self._colour_by == "group" and self._map is not None and self._map.groups is not None:
            groups = self._map.groups
            names = [(int(g), self.tr("Group {n}").format(n=int(g) + 1)) for g in np.unique(groups)]
            return groups, _counted(groups, names), self.tr("Groups of look-alikes")
        if self._colour_by == "source":
            codes = columns.source[rows].astype(np.int32) - 1
            names = [
                (LabelSource.HUMAN - 1, self.tr("a person")),
                (LabelSource.MODEL - 1, self.tr("a model")),
                (LabelSource.IMPORT - 1, self.tr("the import")),
                (LabelSource.CLUSTER - 1, self.tr("a cluster")),
            ]
            return codes, _counted(codes, names), self.tr("Label given by")
        if self._colour_by == "review":
            marks = columns.marks[rows]
            codes = np.where(columns.reviewed[rows], 0, -1).astype(np.int32)
            codes[(marks & Mark.UNCERTAIN) != 0] = 1
            codes[(marks & Mark.FLAGGED) != 0] = 2
            names = [
                (0, self.tr("reviewed")),
                (1, self.tr("uncertain (cf.)")),
                (2, self.tr("second opinion")),
            ]
            return codes, _counted(codes, names), self.tr("Review")
        if self._colour_by == "split":
            codes = columns.split[rows].astype(np.int32) - 1
            names = [(int(s) - 1, s.name.lower()) for s in Split if s]
            return codes, _counted(codes, names), self.tr("Split")
        if self._colour_by.startswith(_FACT):
            return *self._fact_codes(rows), self._colour_by.removeprefix(_FACT)
        category = columns.category[rows]
        counts = np.bincount(category)[1:]
        order = np.argsort(-counts, kind="stable")
        order = order[: np.count_nonzero(counts)]
        legend: list[LegendRow] = [
            (code, catalogue.name(code + 1), colour_of(code), count)
            for code, count in zip(order.tolist(), counts[order].tolist(), strict=True)
        ]
        return category - np.int32(1), legend, self.tr("Category")

    def _fact_codes(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], list[LegendRow]]:
        """The most frequent values of a metadata column, the rest without colour."""
        values = [self._facts.get(int(row) + 1, "") for row in rows]
        common = [v for v, _ in Counter(v for v in values if v).most_common(_VALUES)]
        number = {value: i for i, value in enumerate(common)}
        codes = np.array([number.get(v, -1) for v in values], np.int32)
        return codes, _counted(codes, list(enumerate(common)))

    def _loaded(self, found: Map2D | None) -> None:
        self._map = found
        total = self._context.studio.catalogue.n
        if found is None:
            self._canvas.set_map(None)
            return
        self._canvas.set_map(found.xy, found.item_ids, total=total)
        options = [
            ("category", self.tr("Category")),
            ("source", self.tr("Label given by")),
            ("review", self.tr("Review")),
            ("confidence", self.tr("Confidence")),
            ("split", self.tr("Split")),
        ]
        if found.groups is not None:
            options.append(("group", self.tr("Group")))
        elif self._colour_by == "group":
            self._colour_by = "category"
        facts = self._context.studio.store.metadata.columns()
        options += [(_FACT + name, name) for name in facts]
        self._canvas.set_colour_options(options, self._colour_by)
        self.recolour()

    def _map_changed(self, event: MapChanged) -> None:
        if event.space == self.space:
            self.reload(event.method)

    # ---- the space -------------------------------------------------------------------------
    def choose_space(self, name: str) -> None:
        """Let map, search and suggestions use another space; Ctrl+Z takes it back."""
        choosing = self._context.studio.choosing
        self._context.tasks.submit(
            "choose space",
            lambda _ticket: choosing.accept(name),
            lambda _changes: None,
            self._context.show_fault,
        )

    def _offer_spaces(self) -> None:
        names = [s.name for s in self._context.studio.embedding.spaces() if s.done]
        self._canvas.bar.set_spaces(names, self.space)
        self._canvas.bar.space.setEnabled(not self._context.studio.store.read_only)

    def _space_changed(self, _event: object) -> None:
        before, self.space = self.space, self._context.studio.embedding.default_space() or ""
        self._offer_spaces()
        if before and self.space and self.space != before:
            self._follow()
        self.space_changed.emit()

    def _follow(self) -> None:
        """Show the map of another space; draw it where there is none yet."""
        here = next(s for s in self._context.studio.embedding.spaces() if s.name == self.space)
        if here.maps:
            self.reload()
        elif not self._context.studio.store.read_only:
            self.draw()


def _counted(codes: NDArray[np.int32], names: list[tuple[int, str]]) -> list[LegendRow]:
    """Legend rows with the palette's own colours, without those that no point has."""
    rows: list[LegendRow] = []
    for code, name in names:
        count = int(np.count_nonzero(codes == code))
        if count and code >= 0:
            rows.append((int(code), name, None, count))
    return rows
