"""What the keys of Browse decide: labels, marks, undo of single acts, and searches."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from fgvc_studio.domain.embeddings import Neighbours
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import Box, Mark, Operation
from fgvc_studio.gui import words
from fgvc_studio.gui.dialogs.messages import confirm_bulk
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.browse_views import BrowseViews
from fgvc_studio.services.suggested import Advice

_SIMILAR = 200
_REGION = 60
_AT_ONCE = 1000
_SUGGEST_SLOT = "browse suggestions"
_SEARCH_SLOT = "browse similar"
_numbers = itertools.count(1)

Near = list[tuple[int, float]]
_NO_ADVICE = Advice((), stranger=False, calibrated=False)


class BrowseController(QObject):
    """Acts on the selection, or else on the current item, as it is when the key goes down.

    `suggested` carries an item and its `suggesting.Advice`; `near` an item and
    its nearest labelled neighbours ``[(item_id, similarity)]``.
    """

    suggested = Signal("qlonglong", object)
    near = Signal("qlonglong", object)
    regions_found = Signal(object)

    def __init__(self, context: Context, views: BrowseViews, host: QWidget) -> None:
        super().__init__(host)
        self._context = context
        self._views = views
        self._host = host
        self._shown_for = 0
        self._advice = _NO_ADVICE
        context.selection.current_changed.connect(self._current_changed)

    # ---- labels ----------------------------------------------------------------------------
    def label(self, category_id: int, ids: NDArray[np.int64] | None = None) -> None:
        """Name items (default: those that keys act on)."""
        items = self._items(ids)
        if not len(items):
            return
        name = self._context.studio.catalogue.name(category_id)
        question = self.tr("Label {n} as {name}?").replace("{name}", name)
        now = self._context.studio.catalogue.category[items - 1]
        renamed = int(np.count_nonzero((now > 0) & (now != category_id)))
        if renamed:
            question += "\n" + self.tr("{k} of them have another name now; it is replaced.").format(
                k=words.count(renamed)
            )
        if self._agreed(question, len(items), self.tr("Label")):
            self._decide(
                len(items), lambda: self._context.studio.labelling.label(items, category_id)
            )

    def label_new(self, name: str, parent_id: int | None) -> None:
        """Make a category and give it to the items."""
        items = self._items(None)
        try:
            made = self._context.studio.labelling.add_category(name, parent_id)
        except UserError as error:
            self._context.show_fault(error)
            return
        self.label(made, items)

    def accept(self) -> None:
        """Give the suggestion that is on the screen for the current item."""
        current = self._context.selection.current
        if self._shown_for != current or not self._advice.suggestions:
            self._context.toasts.show_message(
                self.tr("No suggestion is shown for this item. Label a few look-alikes first.")
            )
            return
        if self._advice.stranger:
            self._context.toasts.show_message(
                self.tr("This looks like nothing that has a name yet. Press I to name it.")
            )
            return
        self.label(self._advice.suggestions[0].category_id)

    def favourite(self, slot: int) -> None:
        """Give the category of one of the nine keys."""
        category = self._context.studio.labelling.favourites()[slot]
        if category is None:
            self._context.toasts.show_message(
                self.tr("Key {n} is free. Used categories take the free keys.").format(n=slot + 1)
            )
            return
        self.label(category)

    def repeat(self) -> None:
        """Give the last label again."""
        last = self._context.studio.labelling.last_category
        if last is None:
            self._context.toasts.show_message(self.tr("No label was given in this session yet."))
            return
        self.label(last)

    def remove_label(self) -> None:
        """Take the label off."""
        items = self._labelled(self._items(None))
        if len(items) and self._agreed(
            self.tr("Take the label off {n}?"), len(items), self.tr("Take off")
        ):
            self._decide(len(items), lambda: self._context.studio.labelling.unlabel(items))

    def not_this(self) -> None:
        """The label, or else the suggestion shown, is wrong for these items."""
        items = self._items(None)
        if not len(items):
            return
        named = self._labelled(items)
        category: int | None = None
        if not len(named) and self._shown_for in items and self._advice.suggestions:
            category = self._advice.suggestions[0].category_id
        if self._agreed(self.tr("Strike out {n}?"), len(items), self.tr("Strike out")):
            self._decide(len(items), lambda: self._context.studio.labelling.reject(items, category))

    def mark(self, mark: Mark) -> None:
        """Set a mark, or clear it where all have it."""
        items = self._items(None)
        if len(items) and self._agreed(self.tr("Mark {n}?"), len(items), self.tr("Mark")):
            self._decide(
                len(items), lambda: self._context.studio.labelling.toggle_mark(items, mark)
            )

    def take_back(self, operation: Operation) -> None:
        """Undo one act, whether or not it is still the last."""
        labelling = self._context.studio.labelling
        last = self._context.studio.store.operations.can_undo()
        try:
            if last is not None and last.id == operation.id:
                labelling.undo()
            else:
                labelling.reverse(operation.id)
        except UserError as error:
            self._context.show_fault(error)

    # ---- searches --------------------------------------------------------------------------
    def similar(self) -> None:
        """Show the items nearest to the current one, nearest first."""
        item = self._context.selection.current
        exploring = self._context.studio.exploring
        if item:
            self._search(
                lambda: exploring.similar_to_item(item, _SIMILAR),
                self.tr("similar to #{id}").format(id=item),
                first=item,
            )

    def similar_to_file(self, path: Path) -> None:
        """Show the items nearest to a photo outside the project."""
        exploring = self._context.studio.exploring
        self._search(
            lambda: exploring.similar_to_file(path, _SIMILAR),
            self.tr("similar to {name}").format(name=path.name),
        )

    def similar_to_region(self, item: int, box: Box) -> None:
        """Show the items that contain something like the marked part."""
        exploring = self._context.studio.exploring

        def find() -> Neighbours:
            found, boxes = exploring.similar_to_region(item, box, _REGION)
            self.regions_found.emit(boxes)
            return found

        self._search(find, self.tr("similar to a part of #{id}").format(id=item), first=item)

    def look_at(self, item: int) -> None:
        """Ask for suggestions and neighbours of an item; late answers are dropped."""
        self._shown_for, self._advice = 0, _NO_ADVICE
        if not item:
            self._context.tasks.drop(_SUGGEST_SLOT)
            return
        exploring, suggesting = self._context.studio.exploring, self._context.studio.suggesting
        if self._context.studio.embedding.default_space() is None:
            self.suggested.emit(item, _NO_ADVICE)
            self.near.emit(item, [])
            return

        def find(ticket: Ticket) -> tuple[int, Advice, Near]:
            if ticket.stale:
                return item, _NO_ADVICE, []
            try:
                return item, suggesting.of_item(item), exploring.nearest_labelled(item)
            except UserError:  # an item that came after the last embedding has none
                return item, _NO_ADVICE, []

        self._context.tasks.submit(_SUGGEST_SLOT, find, self._found_suggestions)

    def _found_suggestions(self, answer: tuple[int, Advice, Near]) -> None:
        item, advice, neighbours = answer
        if item == self._context.selection.current:
            self._shown_for, self._advice = item, advice
            self.suggested.emit(item, advice)
            self.near.emit(item, neighbours)

    def _current_changed(self, item: int) -> None:
        self.look_at(item)

    def _search(self, find: Callable[[], Neighbours], name: str, first: int = 0) -> None:
        def done(found: Neighbours) -> None:
            ids = found.item_ids[0]
            ids = ids[ids > 0]
            if first:
                ids = np.concatenate([[first], ids[ids != first]])
            self._views.show_only(ids, name, ordered=True)

        self._context.tasks.submit(
            _SEARCH_SLOT, lambda _ticket: find(), done, self._context.show_fault
        )

    # ---- helpers ---------------------------------------------------------------------------
    def _items(self, ids: NDArray[np.int64] | None) -> NDArray[np.int64]:
        return self._context.selection.acting() if ids is None else ids

    def _labelled(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        return items[self._context.studio.catalogue.category[items - 1] > 0]

    def _agreed(self, question: str, count: int, button: str) -> bool:
        return confirm_bulk(self._host, question, count, self._context.studio.catalogue.n, button)

    def _decide(self, count: int, act: Callable[[], OpChanges | None]) -> None:
        """Write a decision; large ones outside the GUI thread."""
        if count > _AT_ONCE:
            self._context.tasks.submit(
                f"decision {next(_numbers)}",
                lambda _ticket: act(),
                self._decided,
                self._context.show_fault,
            )
            return
        try:
            changes = act()
        except UserError as error:
            self._context.show_fault(error)
            return
        self._decided(changes)

    def _decided(self, changes: OpChanges | None) -> None:
        if changes is None:
            self._context.toasts.show_message(self.tr("Nothing changed: it was so already."))
        elif len(changes.items) > 1:
            operation = changes.operation
            self._context.toasts.show_message(
                operation.summary, self.tr("Undo"), lambda: self.take_back(operation)
            )
