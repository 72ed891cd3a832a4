"""Items under their likely category: what a search set aside, or all that has no label yet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from fgvc_studio.domain.errors import UserError
from fgvc_studio.gui.dialogs.messages import confirm_bulk
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.judge_pane import EXAMPLES
from fgvc_studio.gui.widgets.known_queue import KnownQueue
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.deciding import Deciding, labelled_text
from fgvc_studio.gui.workspaces.discover_desk import DiscoverDesk, Listing
from fgvc_studio.services import placing

Ids = NDArray[np.int64]
_SLOT = "discover place"
MAJORITY = 0.5
"""Share of the vote from which an item is shown before the others."""


class QueueDesk(QObject):
    """Feeds a `KnownQueue` and carries out what is decided there.

    `opened` asks for the page to be shown, `left` for the one before.
    """

    opened = Signal()
    left = Signal()

    def __init__(
        self,
        context: Context,
        desk: DiscoverDesk,
        queue: KnownQueue,
        deciding: Deciding,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._context, self._desk, self._queue, self._deciding = context, desk, queue, deciding
        self._placing = False
        desk.listed.connect(self._listed)
        queue.accepted.connect(self.confirm)
        queue.rejected.connect(self.deny)
        queue.left.connect(self.leave)
        queue.category_changed.connect(self._show_examples)

    def show_known(self) -> None:
        """What a search set aside."""
        self._placing = False
        self._queue.show_purpose(left=False)
        self._queue.set_queue(self._desk.listing.waiting)
        self.opened.emit()

    def place(self) -> None:
        """All that has no label yet."""
        self._placing = True
        self._queue.show_purpose(left=True)
        self._queue.set_queue({})
        self._vote()
        self.opened.emit()

    def confirm(self, category_id: int, items: Ids) -> None:
        """Items are of the category that was supposed."""
        name = self._context.studio.catalogue.name(category_id)
        question = self.tr("Label {n} as {name}?").replace("{name}", name)
        total = self._context.studio.catalogue.n
        if confirm_bulk(self._queue, question, len(items), total, self.tr("Label")):
            labelling = self._context.studio.labelling
            self._deciding.do(
                lambda: labelling.label(items, category_id),
                lambda c: labelled_text(self, len(c.items), name),
            )

    def deny(self, category_id: int, items: Ids) -> None:
        """Items are not."""
        labelling = self._context.studio.labelling
        self._deciding.do(lambda: labelling.reject(items, category_id))

    def leave(self) -> None:
        """Back to the page before."""
        self._placing = False
        self.left.emit()

    def _show_examples(self, category_id: int) -> None:
        """Named photos of the category, to compare with."""
        named = self._context.studio.catalogue.category == category_id
        found = np.flatnonzero(named)[:EXAMPLES] if category_id else np.empty(0, np.int64)
        self._queue.show_examples(found.astype(np.int64) + 1)

    def _listed(self, listing: Listing) -> None:
        if self._placing:
            self._vote()
        else:
            self._queue.set_queue(listing.waiting)

    def _vote(self) -> None:
        """Where the items that are left likely belong, by what is named now.

        Those without a majority wait until there is nothing surer.
        """
        studio, found = self._context.studio, self._desk.listing.discovery
        space = found.space if found and found.space else None

        def read(_ticket: Ticket) -> dict[int, Ids]:
            try:
                page = placing.likely(studio, space=space)
            except UserError:  # nothing is left, or nothing named yet
                return {}
            sure = page.confidence >= MAJORITY
            if not sure.any():
                sure[:] = True
            items, categories = page.item_ids[sure], page.category_ids[sure]
            return {int(c): items[categories == c] for c in np.unique(categories)}

        self._context.tasks.submit(_SLOT, read, self._voted, self._context.show_fault)

    def _voted(self, queue: dict[int, Ids]) -> None:
        if self._placing:
            self._queue.set_queue(queue)
