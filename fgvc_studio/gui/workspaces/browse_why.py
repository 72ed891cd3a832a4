"""Browse: what the prototypes of the classifier in use say of the current photo."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.prototypes import Contribution, Explanation, Prototype
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures
from fgvc_studio.gui.widgets.why_part import MOST, WhyPart
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.browse_inspector import BrowseInspector, pictures_of

_SLOT = "browse why"
_REST_MS = 300
"""So long a photo is looked at before the classifier is asked: stepping through stays quick."""


@dataclass(frozen=True, slots=True)
class _Answer:
    found: Explanation
    reasons: tuple[tuple[Contribution, Prototype], ...]


class BrowseWhy(QObject):
    """Fills the part of the inspector; nothing is read while photos are stepped through."""

    def __init__(self, context: Context, inspector: BrowseInspector, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        store = context.studio.store
        self._pictures = PatchPictures(
            store.thumbs.get_many,
            lambda ids: pictures_of(context, ids),
            store.images.path_of,
            budget_bytes=16 << 20,
            parent=self,
        )
        self.part = WhyPart(self._pictures)
        self.part.explain_requested.connect(lambda: context.actions.run("view.explain"))
        inspector.pane.extras.addWidget(self.part)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._ask)
        context.selection.current_changed.connect(self._moved)
        context.bridge.decided.connect(self._decided)

    def stop(self) -> None:
        """End the lane."""
        self._rest.stop()
        self._pictures.stop()

    def _moved(self, _item: int) -> None:
        self.part.clear()
        self._context.tasks.drop(_SLOT)
        self._rest.start()

    def _decided(self, changes: OpChanges) -> None:
        if changes.tables & {"bans", "labels", "categories", "category_names"}:
            self._rest.start()

    def _ask(self) -> None:
        item, service = self._context.selection.current, self._context.studio.prototypes
        if not item or not self.part.parentWidget().isVisible():
            return

        def work(ticket: Ticket) -> _Answer | None:
            run = service.current()
            if not run or ticket.stale or not service.prepared(run):
                return None
            found = service.explain(run, item)
            best = sorted(found.contributions[found.first], key=lambda c: -abs(c.product))[:MOST]
            rows = service.table(run)
            return _Answer(found, tuple((c, rows[c.prototype]) for c in best))

        self._context.tasks.submit(_SLOT, work, self._answered, self._no_answer)

    def _no_answer(self, _error: UserError) -> None:
        """A photo that cannot be read has no reasons; the inspector says so in its picture."""
        self.part.clear()

    def _answered(self, answer: _Answer | None) -> None:
        if answer is None or answer.found.item_id != self._context.selection.current:
            self.part.clear()
            return
        found = answer.found
        name = self._context.studio.catalogue.name(found.first)
        says = self.tr("Looks like {name}, {share}").format(
            name=name, share=f"{100 * found.probability:.0f} %"
        )
        if found.unknown:
            says = self.tr("Looks like nothing it knows; nearest is {name}").format(name=name)
        self.part.show_reasons(says, answer.reasons, self._context.actions.key_text("view.explain"))
