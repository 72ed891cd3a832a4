"""Dialogs of the prototype workspace: another patch, the plate, models beside each other."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import Effects, Patch, Prototype, Suggested
from fgvc_studio.gui.dialogs.model_compare import ModelCompare
from fgvc_studio.gui.dialogs.prototype_patch import PatchDialog
from fgvc_studio.gui.dialogs.prototype_plate import PlateDialog
from fgvc_studio.gui.dialogs.prototype_suggest import SuggestDialog
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.browse_categories import colour_index
from fgvc_studio.gui.workspaces.prototypes_acts import PrototypeActs
from fgvc_studio.gui.workspaces.prototypes_state import PrototypeState
from fgvc_studio.services.prototypes_models import between

if TYPE_CHECKING:
    from fgvc_studio.gui.workspaces.prototypes import PrototypesWorkspace

_PATCHES, _PLATE, _MODELS = "prototype patches", "prototype plate", "prototype models"


class PrototypeDialogs(QObject):
    """Opens them and reads what they show."""

    def __init__(
        self,
        context: Context,
        state: PrototypeState,
        acts: PrototypeActs,
        pictures: PatchPictures,
        host: PrototypesWorkspace,
    ) -> None:
        super().__init__(host)
        self._context, self._state, self._acts = context, state, acts
        self._pictures, self._host = pictures, host
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.open: QDialog | None = None

    def stop(self) -> None:
        """The project closes."""
        if self.open is not None:
            self.open.reject()
        if self._folder is not None:
            self._folder.cleanup()

    def _show(self, dialog: QDialog) -> None:
        self.open = dialog
        dialog.finished.connect(lambda _r: self._closed(dialog))
        dialog.open()

    def _closed(self, dialog: QDialog) -> None:
        if self.open is dialog:
            self.open = None
        dialog.deleteLater()

    # ---- another patch ---------------------------------------------------------------------
    def reselect(self) -> None:
        """Offer the next best patches of the current prototype."""
        prototype = self._state.current
        if prototype is None:
            return
        service = self._context.studio.prototypes

        def read(_ticket: Ticket) -> tuple[Prototype, Sequence[Patch]]:
            return prototype, service.alternatives(prototype.run, prototype.id)

        self._context.tasks.submit(_PATCHES, read, self._patches_read, self._context.show_fault)

    def _patches_read(self, answer: tuple[Prototype, Sequence[Patch]]) -> None:
        prototype, patches = answer
        name = self._host.name_of(prototype.category_id)
        dialog = PatchDialog(prototype, name, patches, self._pictures, self._host)
        dialog.chosen.connect(lambda choice: self._acts.reselect(prototype.id, choice))
        self._show(dialog)

    # ---- the plate -------------------------------------------------------------------------
    def plate(self) -> None:
        """Show the identification plate of the category that is looked at."""
        book = self._state.book
        if book is None:
            return
        current = self._state.current
        category = self._state.filter.category or (current.category_id if current else 0)
        names = sorted(
            ((c, self._host.name_of(c)) for c in book.categories), key=lambda p: p[1].lower()
        )
        folder = self._context.studio.store.path.parent
        dialog = PlateDialog(names, category, folder, self._host)
        dialog.preview_wanted.connect(self._draw_plate)
        dialog.save_wanted.connect(self._save_plate)
        self._show(dialog)
        dialog.refresh()

    def _draw_plate(self, category: int) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="fgvc-plate-")
        target = Path(self._folder.name) / f"{self._state.run}-{category}.png"
        run, service = self._state.run, self._context.studio.prototypes

        def draw(_ticket: Ticket) -> tuple[int, Path]:
            service.plate(run, category, target)
            return category, target

        self._context.tasks.submit(_PLATE, draw, self._plate_drawn, self._plate_failed)

    def _plate_drawn(self, answer: tuple[int, Path]) -> None:
        if isinstance(self.open, PlateDialog):
            self.open.show_preview(*answer)

    def _plate_failed(self, error: UserError) -> None:
        if isinstance(self.open, PlateDialog):
            self.open.show_note(f"{error.what} {error.remedy}")

    def _save_plate(self, category: int, path: Path) -> None:
        run, service = self._state.run, self._context.studio.prototypes

        def done(_result: object) -> None:
            text = self.tr("The plate is saved: {path}").format(path=path)
            if isinstance(self.open, PlateDialog):
                self.open.show_note(text)
            self._context.toasts.show_message(text)

        self._context.tasks.submit(
            "save plate",
            lambda _t: service.plate(run, category, path),
            done,
            self._context.show_fault,
        )

    # ---- proposed names --------------------------------------------------------------------
    def suggested(self, run: str, found: Sequence[Suggested]) -> None:
        """Ask how sure is sure enough."""
        if not found:
            self._context.toasts.show_message(self.tr("No photo without a label is left."))
            return
        dialog = SuggestDialog(found, self._host.name_of, colour_index, self._host)
        dialog.accepted_from.connect(lambda least: self._acts.accept(run, found, least))
        dialog.browse_requested.connect(
            lambda ids: self._context.show_items(ids, self.tr("nothing it knows"))
        )
        self._show(dialog)

    # ---- models ----------------------------------------------------------------------------
    def model_made(self, old: str, new: str) -> None:
        """A job made a model of another one: use it, and offer to compare."""
        self._state.choose(new)
        self._context.toasts.show_message(
            self.tr("{new} was made of {old}, which stays as it is.").format(new=new, old=old),
            self.tr("Compare"),
            lambda: self.compare((old, new)),
        )

    def compare(self, pair: tuple[str, str] | None = None) -> None:
        """Show two models beside each other: by default the present one and what it came from."""
        models = list(self._state.models)
        if len(models) < 2:
            return
        service = self._context.studio.prototypes
        shown = pair or self._default_pair()

        def read(_ticket: Ticket) -> Mapping[str, Mapping[str, float]]:
            return {m.run: service.opened(m.run).bundle.evaluation.get("final", {}) for m in models}

        def show(figures: Mapping[str, Mapping[str, float]]) -> None:
            dialog = ModelCompare(
                models, figures, shown, self._host.items, self._host.name_of,
                self._context.studio.catalogue.short_name, colour_index, self._host,
            )  # fmt: skip
            dialog.pair_changed.connect(self._read_change)
            dialog.use_requested.connect(self._state.choose)
            dialog.browse_requested.connect(
                lambda ids: self._context.show_items(ids, self.tr("what changes"))
            )
            self._show(dialog)
            dialog.refresh()

        self._context.tasks.submit(_MODELS, read, show, self._context.show_fault)

    def _default_pair(self) -> tuple[str, str]:
        runs = [m.run for m in self._state.models]
        model = self._state.model
        new = model.run if model else runs[-1]
        old = model.parent if model and model.parent in runs else ""
        if not old:
            at = runs.index(new)
            old = runs[at - 1] if at else runs[1]
        return old, new

    def _read_change(self, old: str, new: str) -> None:
        service, store = self._context.studio.prototypes, self._context.studio.store

        def read(_ticket: Ticket) -> tuple[tuple[str, str], Effects]:
            return (old, new), between(service.opened(old), service.opened(new), store.verdicts)

        def failed(error: UserError) -> None:
            if isinstance(self.open, ModelCompare):
                self.open.show_effects((old, new), None, f"{error.what} {error.remedy}")

        self._context.tasks.submit(_MODELS, read, self._change_read, failed)

    def _change_read(self, answer: tuple[tuple[str, str], Effects]) -> None:
        if isinstance(self.open, ModelCompare):
            self.open.show_effects(*answer)
