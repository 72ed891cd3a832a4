"""Feeds the pages beside the gallery: the explained photo, two categories, the queue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.prototypes import Confusion, Contribution, Explanation, Opinion
from fgvc_studio.gui import theme
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.evidence_view import EvidenceView
from fgvc_studio.gui.widgets.heat_view import heat_image
from fgvc_studio.gui.widgets.opinion_list import OpinionList
from fgvc_studio.gui.widgets.pair_view import PairView
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.prototypes_look import put_item
from fgvc_studio.gui.workspaces.prototypes_state import PrototypeState
from fgvc_studio.services.prototypes_models import mixed_up

_EXPLAIN, _LOOK, _PAIR, _QUEUE = (
    "prototype explain", "prototype explain look", "prototype pair", "prototype queue",
)  # fmt: skip
_MIXED = "prototype mixed up"
_LIMIT = 300
_PAIRS = 30


@dataclass(frozen=True, eq=False)
class _Seen:
    """Where a prototype looks, in the photo and in its source."""

    contribution: Contribution
    heats: tuple[QImage, QImage]
    contours: tuple[np.ndarray, np.ndarray]


class PrototypePages(QObject):
    """Reads in the background; answers about another photo, pair or queue are dropped."""

    explained = Signal("qlonglong")

    def __init__(
        self,
        context: Context,
        state: PrototypeState,
        thumbnails: Thumbnails,
        evidence: EvidenceView,
        pairs: PairView,
        opinions: OpinionList,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context, self._state, self._thumbnails = context, state, thumbnails
        self._evidence, self._pairs, self._opinions = evidence, pairs, opinions
        self._item = 0
        self._queue_stale = True
        self._queue_of = ""
        state.loaded.connect(self._model_changed)
        evidence.contribution_chosen.connect(self._look)
        pairs.pair_changed.connect(self._read_pair)
        opinions.queue_changed.connect(lambda _q: self.read_queue())
        opinions.looked_at.connect(
            lambda item: put_item(opinions.picture, context, thumbnails, item)
        )
        context.bridge.decided.connect(self._decided)

    # ---- one photo -------------------------------------------------------------------------
    def explain(self, item: int) -> None:
        """Say why a photo is classified as it is."""
        run, service = self._state.run, self._context.studio.prototypes
        if not run or not item:
            return
        self._item = item

        def work(_ticket: Ticket) -> tuple[str, Explanation]:
            return run, service.explain(run, item)

        self._context.tasks.submit(_EXPLAIN, work, self._explained, self._context.show_fault)

    def _explained(self, answer: tuple[str, Explanation]) -> None:
        run, found = answer
        book = self._state.book
        if run != self._state.run or found.item_id != self._item or book is None:
            return
        label = int(self._context.studio.catalogue.category[found.item_id - 1])
        self._evidence.show_explanation(found, book.rows, label)
        put_item(self._evidence.picture, self._context, self._thumbnails, found.item_id)
        self._evidence.choose_first()
        self.explained.emit(found.item_id)

    def _look(self, contribution: Contribution) -> None:
        book, run = self._state.book, self._state.run
        if book is None:
            return
        source = book.rows[contribution.prototype].source
        put_item(self._evidence.source, self._context, self._thumbnails, source.item_id)
        self._evidence.source.show_evidence(patch=source.box)
        service, dark = self._context.studio.prototypes, theme.current().dark
        here = contribution.patch.item_id

        def work(ticket: Ticket) -> _Seen | None:
            looks = []
            for item in (here, source.item_id):
                if ticket.stale:
                    return None
                looks.append(service.localise(run, contribution.prototype, item))
            return _Seen(
                contribution,
                (heat_image(looks[0].heat, dark=dark), heat_image(looks[1].heat, dark=dark)),
                (looks[0].contour, looks[1].contour),
            )

        self._context.tasks.submit(_LOOK, work, self._looked, lambda _e: None)

    def _looked(self, seen: _Seen | None) -> None:
        if seen is None or self._evidence.chosen is not seen.contribution:
            return
        views = (self._evidence.picture, self._evidence.source)
        for view, heat, contour in zip(views, seen.heats, seen.contours, strict=True):
            view.show_evidence(heat=heat, contour=contour)

    # ---- two categories --------------------------------------------------------------------
    def read_pair(self) -> None:
        """Read the chosen pair anew."""
        a, b = self._pairs.pair
        if a and b and a != b:
            self._read_pair(a, b)

    def read_mixed(self) -> None:
        """Read which pairs are mixed up."""
        run, service = self._state.run, self._context.studio.prototypes
        verdicts = self._context.studio.store.verdicts
        if run:
            self._context.tasks.submit(
                _MIXED,
                lambda _t: mixed_up(service.opened(run), verdicts)[:_PAIRS],
                self._pairs.set_mixed,
                self._pair_failed,
            )

    def _read_pair(self, a: int, b: int) -> None:
        run, service = self._state.run, self._context.studio.prototypes
        if not run:
            return

        def work(_ticket: Ticket) -> tuple[str, Confusion]:
            return run, service.confusion(run, a, b)

        self._context.tasks.submit(_PAIR, work, self._pair_read, self._pair_failed)

    def _pair_read(self, answer: tuple[str, Confusion]) -> None:
        run, found = answer
        if run == self._state.run and self._state.book and self._pairs.pair == (found.a, found.b):
            self._pairs.show_confusion(found, self._state.book.rows)

    def _pair_failed(self, error: UserError) -> None:
        self._pairs.numbers.setText(f"{error.what} {error.remedy}")

    # ---- the queue -------------------------------------------------------------------------
    def read_queue(self, *, only_stale: bool = False) -> None:
        """Rank the photos anew."""
        if only_stale and not self._queue_stale:
            return
        self._queue_stale = False
        queue, service = self._opinions.queue, self._context.studio.opinions
        asked = {
            "second_opinion": service.second_opinion,
            "uncertain": service.uncertain,
            "unreviewed": service.unreviewed,
        }[queue]

        def work(_ticket: Ticket) -> tuple[str, list[Opinion]]:
            return queue, asked(_LIMIT)

        self._context.tasks.submit(_QUEUE, work, self._queue_read, self._queue_failed)

    def _queue_read(self, answer: tuple[str, list[Opinion]]) -> None:
        queue, found = answer
        if queue == self._opinions.queue:
            self._opinions.show_opinions(found)

    def _queue_failed(self, error: UserError) -> None:
        self._opinions.show_opinions((), f"{error.what} {error.remedy}")

    # ---- following others ------------------------------------------------------------------
    def _model_changed(self) -> None:
        book = self._state.book
        if book is None:
            self._evidence.clear()
            self._item = 0
            return
        self._pairs.set_categories(book.categories)
        if self._pairs.isVisible():
            self.read_mixed()
            self.read_pair()
        if self._item and self._evidence.isVisible():
            self.explain(self._item)
        if self._state.run != self._queue_of:
            self._queue_stale, self._queue_of = True, self._state.run

    def _decided(self, changes: OpChanges) -> None:
        if changes.tables & {"labels", "marks", "rejections", "bans"}:
            self._queue_stale = True
            if self._opinions.isVisible():
                self.read_queue()
