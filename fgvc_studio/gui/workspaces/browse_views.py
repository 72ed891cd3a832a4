"""What Browse shows: one filter, one order, and the way back to earlier views."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.services import browsing
from fgvc_studio.services.browsing import Filter, Order

_SLOT = "browse filter"
_KEPT = 100


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A filter, an order, and the item that was current there."""

    filter: Filter
    order: Order
    current: int = 0


class BrowseViews(QObject):
    """The shown items; every change of filter or order can be gone back over.

    `shown` carries the ids in order and whether to start at the top; `filter_changed` tells the
    filter bar.
    """

    shown = Signal(object, bool)
    filter_changed = Signal()
    moved = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._view = View(Filter(), Order())
        self._back: list[View] = []
        self._forward: list[View] = []
        self._to_top = True
        self.ids: NDArray[np.int64] = np.empty(0, np.int64)

    @property
    def filter(self) -> Filter:
        """What is shown."""
        return self._view.filter

    @property
    def order(self) -> Order:
        """How it is sorted."""
        return self._view.order

    @property
    def can_go_back(self) -> bool:
        """Whether there is an earlier view."""
        return bool(self._back)

    @property
    def can_go_forward(self) -> bool:
        """Whether a view was gone back from."""
        return bool(self._forward)

    def set_filter(self, new: Filter, order: Order | None = None) -> None:
        """Show what passes `new`; the view before can be gone back to."""
        old = self._view
        if order is None:
            order = old.order if old.order.key != "given" or new.only is not None else Order()
        if new == old.filter and new.only is old.filter.only and order == old.order:
            return
        self._back.append(replace(old, current=self._context.selection.current))
        del self._back[:-_KEPT]
        self._forward.clear()
        self._go(View(new, order))

    def set_order(self, order: Order) -> None:
        """Sort anew."""
        self.set_filter(self.filter, order)

    def show_only(self, ids: NDArray[np.int64], name: str, *, ordered: bool = False) -> None:
        """Show these items alone; `ordered` keeps their order (results of a search)."""
        order = Order("given", ids=ids) if ordered else Order()
        self.set_filter(Filter(only=np.asarray(ids, np.int64), only_name=name), order)

    def gather(self) -> None:
        """Show only what is selected, to look it through before naming it."""
        selection = self._context.selection
        if len(selection):
            self.show_only(selection.ids, self.tr("selection"))
            selection.set_current(int(selection.ids[0]))

    def first_selected(self) -> int:
        """The first selected item in the order of the view, 0 for none."""
        hits = np.flatnonzero(self._context.selection.contains(self.ids))
        return int(self.ids[hits[0]]) if len(hits) else 0

    def clear(self) -> None:
        """Show everything."""
        self.set_filter(Filter(), Order())

    def back(self) -> None:
        """The view before."""
        self._travel(self._back, self._forward)

    def forward(self) -> None:
        """The view that was gone back from."""
        self._travel(self._forward, self._back)

    def refresh(self) -> None:
        """Ask again what passes (decisions or new items may have changed it)."""
        self._ask()

    def next_unreviewed(self, step: int) -> int:
        """The nearest unreviewed item after (+1) or before (-1) the current one; 0 for none."""
        ids = self.ids
        if not len(ids):
            return 0
        reviewed = self._context.studio.catalogue.columns.reviewed
        todo = np.flatnonzero(~reviewed[ids - 1])
        here = np.flatnonzero(ids == self._context.selection.current)
        at = int(here[0]) if len(here) else (-1 if step > 0 else len(ids))
        left = todo[todo > at] if step > 0 else todo[todo < at]
        if not len(left):
            return 0
        return int(ids[left[0] if step > 0 else left[-1]])

    def _travel(self, source: list[View], target: list[View]) -> None:
        if not source:
            return
        target.append(replace(self._view, current=self._context.selection.current))
        self._go(source.pop())

    def _go(self, view: View) -> None:
        self._view = view
        self._to_top = True
        if view.current:
            self._context.selection.set_current(view.current)
        self.filter_changed.emit()
        self.moved.emit()
        self._ask()

    def _ask(self) -> None:
        view = self._view
        catalogue, store = self._context.studio.catalogue, self._context.studio.store

        def find(_ticket: Ticket) -> tuple[View, NDArray[np.int64]]:
            return view, browsing.apply(catalogue, store, view.filter, view.order)

        self._context.tasks.submit(_SLOT, find, self._found, self._context.show_fault)

    def _found(self, answer: tuple[View, NDArray[np.int64]]) -> None:
        view, ids = answer
        if view is not self._view:
            return
        self.ids = ids
        to_top, self._to_top = self._to_top, False
        self.shown.emit(ids, to_top and not view.current)
        self._context.status_changed()
