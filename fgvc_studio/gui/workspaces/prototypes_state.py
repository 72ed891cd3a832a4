"""What the workspace of prototypes knows: the model, its table, the filter, what is tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import ItemsAdded, OpChanges
from fgvc_studio.domain.prototypes import Effects, Prototype, PrototypeModel, Verdict
from fgvc_studio.gui.models.prototype_view import Book, PrototypeFilter, trial
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.workspaces.base import Context

_TABLE = "prototype table"
_CHECK = "prototype runs"
_EFFECTS = "prototype effects"
_OF_PROTOTYPES = frozenset({"verdicts", "bans"})
"""Tables of decisions about prototypes."""


@dataclass(frozen=True, eq=False)
class _Read:
    models: Sequence[PrototypeModel]
    run: str
    book: Book | None
    frames: NDArray[np.float64] | None


class PrototypeState(QObject):
    """One model and what is looked at of it; everything is read in the background.

    A number of a prototype in `selection` and in the gallery is its id + 1, since 0 is nothing.

    Attributes
    ----------
    book : Book or None
        The table; None without a model.
    frames : ndarray (n, 4) float64
        Left, top, width and height of each prototype's source item, pixels of its image.
    tried : set of int
        Prototypes that are, for a trial, the other way round than stored.
    effects : Effects or None
        What the trial changes against the stored bans; without a trial what the bans change.
    """

    loaded = Signal()
    """Models or table were read anew."""
    run_changed = Signal()
    """Another model is looked at; comes before `loaded`."""
    shown = Signal(bool)
    """Other prototypes pass or in another order; whether to start at the top."""
    patched = Signal()
    """Verdicts were noted in the table."""
    effects_changed = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.selection = Selection(self)
        self.models: Sequence[PrototypeModel] = ()
        self.run = ""
        self.book: Book | None = None
        self.frames: NDArray[np.float64] = np.empty((0, 4))
        self.ready = False
        self.filter = PrototypeFilter()
        self.order = "suspicion"
        self.ids: NDArray[np.int64] = np.empty(0, np.int64)
        self.tried: set[int] = set()
        self.effects: Effects | None = None
        context.bridge.decided.connect(self._decided)
        context.bridge.items_added.connect(self._items_added)

    # ---- the current prototype -------------------------------------------------------------
    @property
    def current(self) -> Prototype | None:
        """The prototype under the keyboard cursor."""
        number = self.selection.current
        if self.book is None or not 0 < number <= len(self.book):
            return None
        return self.book.rows[number - 1]

    @property
    def acting(self) -> list[int]:
        """Ids that a key acts on: the selection, or else the current one."""
        return [int(i) - 1 for i in self.selection.acting()] if self.book else []

    @property
    def model(self) -> PrototypeModel | None:
        """The model in use."""
        return next((m for m in self.models if m.run == self.run), None)

    # ---- reading ---------------------------------------------------------------------------
    def reload(self) -> None:
        """Read models and table."""
        service, catalogue = self._context.studio.prototypes, self._context.studio.catalogue
        images = self._context.studio.store.images

        def read(_ticket: Ticket) -> _Read:
            models, run = service.models(), service.current()
            if not run:
                return _Read(models, "", None, None)
            book = Book.of(run, service.table(run))
            items = np.array([r.source.item_id for r in book.rows], np.int64)
            columns, at = catalogue.columns, items - 1
            frames = np.zeros((len(items), 4))
            frames[:, 2], frames[:, 3] = columns.width[at], columns.height[at]
            boxed = np.flatnonzero(columns.has_box[at])
            for i, item in zip(boxed, images.items(items[boxed]), strict=True):
                if item.box is not None:
                    box = item.box
                    frames[i] = box.x, box.y, box.width, box.height
            return _Read(models, run, book, frames)

        self._context.tasks.submit(_TABLE, read, self._loaded, self._failed)

    def check(self) -> None:
        """Read anew if a run was made, kept or discarded elsewhere."""
        service = self._context.studio.prototypes

        def look(_ticket: Ticket) -> tuple[str, list[str]]:
            return service.current(), [m.run for m in service.models()]

        def compare(found: tuple[str, list[str]]) -> None:
            if found != (self.run, [m.run for m in self.models]):
                self.reload()

        if self.ready:
            self._context.tasks.submit(_CHECK, look, compare)

    def _loaded(self, found: _Read) -> None:
        other, before = found.run != self.run, self.model
        self.models, self.run, self.book = found.models, found.run, found.book
        self.ready = True
        if found.frames is not None:
            self.frames = found.frames
        if other:
            self.tried.clear()
            self.effects = None
            self.run_changed.emit()
        ranked = self.order == "suspicion" and not _measured(before) and _measured(self.model)
        if other or ranked:  # what was first before it was measured says nothing
            self.selection.clear()
            self.selection.set_current(0)
        self.loaded.emit()
        self._show(to_top=other or ranked)
        self.refresh_effects()

    def _failed(self, error: UserError) -> None:
        self.models, self.run, self.book, self.ready = (), "", None, True
        self.loaded.emit()
        self._context.show_fault(error)

    def close(self) -> None:
        """The project closes: there is nothing to look at any more."""
        self.models, self.run, self.book, self.ready = (), "", None, False

    def choose(self, run: str) -> None:
        """Use another model."""
        try:
            self._context.studio.prototypes.choose(run)
        except UserError as error:
            self._context.show_fault(error)
            return
        self.reload()

    # ---- what is shown ---------------------------------------------------------------------
    def set_filter(self, wanted: PrototypeFilter) -> None:
        """Show what passes."""
        if wanted != self.filter:
            self.filter = wanted
            self._show(to_top=True)

    def set_order(self, order: str) -> None:
        """Sort anew."""
        if order != self.order:
            self.order = order
            self._show(to_top=True)

    def _show(self, *, to_top: bool) -> None:
        if self.book is None:
            self.ids = np.empty(0, np.int64)
        else:
            self.ids = self.book.shown(self.filter, self.order)
        self.shown.emit(to_top)

    def show_prototype(self, number: int) -> None:
        """Make a prototype (by id) the current one, in sight if the filter has it."""
        self.selection.clear()
        self.selection.set_current(number + 1)

    def judged(self, ids: Sequence[int], verdict: Verdict | None, note: str) -> None:
        """A verdict was written: show it at once, the next key may build on it."""
        if self.book is not None:
            self.book.judged(ids, verdict, note)
            self.patched.emit()

    # ---- trying ----------------------------------------------------------------------------
    def turn(self, ids: Sequence[int]) -> None:
        """Try prototypes the other way round; those already tried go back."""
        self.tried ^= set(ids)
        self.refresh_effects()

    def put_back(self) -> None:
        """End the trial."""
        if self.tried:
            self.tried.clear()
            self.refresh_effects()

    def refresh_effects(self) -> None:
        """Work out what the trial, or else what the bans change."""
        self.effects = None
        if self.book is None or not (self.tried or self.book.bans):
            self._context.tasks.drop(_EFFECTS)
            self.effects_changed.emit()
            return
        run, bans = self.run, self.book.bans
        off = trial(bans, self.tried)
        against = bans if self.tried else []
        service = self._context.studio.prototypes
        self.effects_changed.emit()
        self._context.tasks.submit(
            _EFFECTS,
            lambda _t: service.effects(run, off, against=against),
            self._effects_known,
            lambda _error: None,  # not compared yet: the page says so
        )

    def _effects_known(self, effects: Effects) -> None:
        self.effects = effects
        self.effects_changed.emit()

    # ---- following others ------------------------------------------------------------------
    def _decided(self, changes: OpChanges) -> None:
        if changes.tables & _OF_PROTOTYPES or changes.tables & {"categories", "category_names"}:
            self.reload()
        elif self.book is not None and "labels" in changes.tables:
            self.refresh_effects()

    def _items_added(self, _event: ItemsAdded) -> None:
        if self.run:
            self.reload()


def _measured(model: PrototypeModel | None) -> bool:
    return model is not None and model.prepared and model.measured
