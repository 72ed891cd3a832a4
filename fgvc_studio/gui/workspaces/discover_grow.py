"""Grow and audit: drives a `GrowSession` and its `Audit` in the pane."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.gui import words
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.grow_pane import GrowPane
from fgvc_studio.gui.widgets.identify_box import IdentifyBox
from fgvc_studio.gui.widgets.judge_pane import EXAMPLES
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.browse_categories import colour_index
from fgvc_studio.gui.workspaces.deciding import Deciding
from fgvc_studio.services import growing
from fgvc_studio.services.growing import Audit, GrowSession

Ids = NDArray[np.int64]
_SLOT = "discover grow"
PAGES, SMALLEST_PAGE = 30, 12
"""A small project has small pages, else the first one is never all of one kind."""
GUARD = 0.05
"""Share of each other known category that may be swept up."""
_seeds = itertools.count(1)


class GrowDesk(QObject):
    """One growing at a time; nothing is written before the commit.

    `ended` tells that the pane can be left; `changed` that a stage began.
    """

    ended = Signal()
    changed = Signal()

    def __init__(
        self, context: Context, pane: GrowPane, deciding: Deciding, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._context, self._pane, self._deciding = context, pane, deciding
        self._session: GrowSession | None = None
        self._audit: Audit | None = None
        self._log: list[str] = []
        self._good = self._bad = -1
        self._category = 0
        self._cluster = 0
        self._title = ""
        self._shown: Ids = np.empty(0, np.int64)
        labelling, catalogue = context.studio.labelling, context.studio.catalogue
        self.identify_box = IdentifyBox(
            labelling.search_categories, catalogue.path_name, colour_index, pane
        )
        self.identify_box.chosen.connect(self._write)
        self.identify_box.create_requested.connect(self._write_new)
        for signal, act in (
            (pane.all_match, self.all_match),
            (pane.some_do_not, self.some_do_not),
            (pane.strike, self.strike),
            (pane.audit, self.audit),
            (pane.again, self._draw),
            (pane.commit, self.commit),
            (pane.shrink, self.shrink),
            (pane.left, self.leave),
        ):
            signal.connect(act)
        pane.guard_changed.connect(self._set_guard)
        pane.size_changed.connect(lambda _n: self._draw())
        context.selection.changed.connect(self._judge)

    @property
    def session(self) -> GrowSession | None:
        """The growing under way."""
        return self._session

    @property
    def growing(self) -> bool:
        """Whether a page waits for an answer."""
        return self._session is not None and self._audit is None

    # ---- the start -------------------------------------------------------------------------
    def start(
        self,
        *,
        category: int = 0,
        cluster: int = 0,
        items: Ids | None = None,
        name: str = "",
        space: str = "",
    ) -> None:
        """Rank the candidates in the background and show the first page.

        Parameters
        ----------
        name : str
            Of the cluster.
        """
        studio = self._context.studio
        self._session, self._audit = None, None
        self._log, self._good, self._bad = [], -1, -1
        self._category, self._cluster = category, cluster
        self._context.selection.clear()
        self._title = name or self._name(items)
        self._pane.show_waiting(self._title)
        self._pane.guard.setChecked(False)
        self.changed.emit()

        free = int(np.count_nonzero(studio.catalogue.category == 0))
        page = int(np.clip(free // PAGES, SMALLEST_PAGE, growing.PAGE))

        def read(_ticket: Ticket) -> tuple[GrowSession, Ids]:
            if category:
                made = growing.start(studio, category=category, space=space or None, page=page)
                own = np.flatnonzero(studio.catalogue.category == category)[:EXAMPLES] + 1
            elif cluster:
                made = growing.start(studio, cluster=cluster, space=space or None, page=page)
                own = studio.review.members(cluster, EXAMPLES).shown(EXAMPLES)
            else:
                assert items is not None
                made = growing.start(studio, items=items, space=space or None, page=page)
                own = items[:EXAMPLES]
            return made, own.astype(np.int64)

        self._context.tasks.submit(_SLOT, read, self._started, self._failed)

    def _name(self, items: Ids | None) -> str:
        if self._category:
            return self._context.studio.catalogue.name(self._category)
        n = len(items) if items is not None else 0
        return self.tr("the selection ({n})").format(n=words.count(n))

    def _started(self, answer: tuple[GrowSession, Ids]) -> None:
        self._session, own = answer
        if self._session.category:
            self._category = self._session.category
        self._pane.show_examples(own)
        self._page()
        self.changed.emit()

    def _failed(self, error: UserError) -> None:
        self.leave()
        self._context.show_fault(error)

    # ---- growing ---------------------------------------------------------------------------
    def _page(self) -> None:
        session = self._session
        if session is None:
            return
        self._facts()
        if session.settled:
            self._settled()
            return
        page = session.page()
        self._shown = page.item_ids
        self._pane.line.show_state(session.pages, self._good, self._bad, page.number)
        self._pane.show_page(
            page.item_ids,
            self.tr(
                "Page {n} of {all}, ordered by likeness and shuffled within the page. "
                "Do all of these belong?"
            ).format(n=words.count(page.number + 1), all=words.count(session.pages)),
        )

    def _settled(self) -> None:
        session = self._session
        assert session is not None
        if len(session.proposed):
            self.audit()
            return
        self._pane.show_nothing(
            self.tr(
                "Not even the most alike page matches. Leave, and tick or strike out single "
                "photos instead, or start again: on the first page strike out what does not "
                "belong (X) and press F."
            )
        )

    def all_match(self) -> None:
        """Everything on the page belongs: jump ahead."""
        self._answer(matches=True)

    def some_do_not(self) -> None:
        """Not everything does: bisect."""
        self._answer(matches=False)

    def _answer(self, *, matches: bool) -> None:
        session = self._session
        if session is None or self._audit is not None or session.settled:
            return
        number = session.page().number
        if matches:
            self._good = max(self._good, number)
            session.all_match()
            text = self.tr("Page {n}: all match")
        else:
            self._bad = number if self._bad < 0 else min(self._bad, number)
            session.some_do_not()
            text = self.tr("Page {n}: some do not")
        self._log.append(text.format(n=number + 1))
        self._context.selection.clear()
        self._page()

    def strike(self) -> None:
        """Leave the ticked candidates out."""
        ticked = self._shown[self._context.selection.contains(self._shown)]
        current = self._context.selection.current
        if not len(ticked):
            ticked = self._shown[self._shown == current]
        if self._session is None or not len(ticked):
            return
        if self._audit is not None:  # ticked in the sample means wrong
            self._context.selection.add(ticked)
            return
        self._context.selection.clear()
        self._session.strike(ticked)
        self._log.append(self.tr("{n} struck out").format(n=len(ticked)))
        self._page()

    def _facts(self) -> None:
        session = self._session
        if session is not None:
            self._pane.show_log(
                self._log,
                self.tr("{d} decisions settle {n} of {all} candidates").format(
                    d=session.decisions,
                    n=words.count(len(session.proposed)),
                    all=words.count(len(session.ordered)),
                ),
            )

    # ---- the audit -------------------------------------------------------------------------
    def audit(self) -> None:
        """Draw the random sample of what is proposed."""
        if self._session is None:
            return
        if not len(self._session.proposed):
            self._context.toasts.show_message(
                self.tr("Nothing matches yet: answer at least one page with F.")
            )
            return
        self._audit = self._session.audit(self._pane.audit_size, next(_seeds))
        self._show_sample()
        self.changed.emit()

    def _set_guard(self, on: bool) -> None:
        """Propose only what can be no other known category; found in the background."""
        session = self._session
        if session is None or self._audit is None:
            return
        size, seed = self._pane.audit_size, next(_seeds)
        self._context.tasks.submit(
            _SLOT,
            lambda _ticket: (session, session.audit(size, seed, guard=GUARD if on else 0.0)),
            self._guarded,
            self._unguarded,
        )

    def _guarded(self, answer: tuple[GrowSession, Audit]) -> None:
        session, audit = answer
        if session is self._session and self._audit is not None:
            self._audit = audit
            self._show_sample()

    def _unguarded(self, error: UserError) -> None:
        self._context.show_fault(error)
        self._pane.guard.setChecked(False)

    def _draw(self) -> None:
        if self._audit is not None and self._session is not None:
            shrunk = len(self._audit.items) < len(self._session.proposed)
            if shrunk:
                self._audit = Audit(
                    self._context.studio, self._audit.items, self._pane.audit_size, next(_seeds),
                    category=self._session.category, cluster=self._session.cluster,
                )  # fmt: skip
            else:
                self._audit = self._session.audit(self._pane.audit_size, next(_seeds))
            self._show_sample()

    def shrink(self) -> None:
        """Keep the better half and draw anew."""
        if self._audit is not None and len(self._audit.items) > 1:
            self._audit.shrink()
            self._show_sample()

    def _show_sample(self) -> None:
        assert self._audit is not None
        self._context.selection.clear()
        self._shown = self._audit.sample
        self._pane.show_sample(
            self._shown,
            self.tr(
                "{k} of the {n} proposed photos, drawn at random. Tick those that do not belong; "
                "they are left out."
            ).format(k=len(self._shown), n=words.count(len(self._audit.items))),
        )
        self._pane.guard.setEnabled(self._category > 0)
        self._judge()

    def _judge(self) -> None:
        audit = self._audit
        if audit is None:
            return
        wrong = self._shown[self._context.selection.contains(self._shown)]
        audit.wrong(wrong)
        count = len(audit.items) - len(wrong)
        n = words.count(count)
        if self._category:
            name = self._context.studio.catalogue.name(self._category)
            button = self.tr("Label {n} as {name}").format(n=n, name=name)
        elif self._cluster:
            button = self.tr("Add {n} to {name}").format(n=n, name=self._title)
        else:
            button = self.tr("Label {n} as...").format(n=n)
        needed = audit.needed()
        text = audit.sentence()
        if len(self._shown) < min(needed, len(audit.items)):
            text += ". " + self.tr("{n} clean ones are needed for 5 %.").format(n=needed)
        self._pane.show_bound(text, count, button, shrinkable=len(audit.items) > 1)

    # ---- the end ---------------------------------------------------------------------------
    def commit(self) -> None:
        """Write what is proposed, as one operation."""
        audit = self._audit
        if audit is None:
            return
        if self._category or self._cluster:
            self._write(0)
        else:
            recent = self._context.studio.labelling.search_categories("", 8)
            self.identify_box.open(len(audit.items), over=self._pane.grid, recent=recent)

    def _write(self, category_id: int) -> None:
        audit = self._audit
        if audit is None:
            return
        target = category_id or self._category
        name = self._context.studio.catalogue.name(target) if target else ""

        def say(changes: OpChanges) -> str:
            n = words.count(len(changes.items))
            if not name:
                return changes.operation.summary
            return self.tr("Labelled {n} items as {name}; {bound}").format(
                n=n, name=name, bound=audit.sentence()
            )

        self._deciding.do(lambda: audit.commit(category_id or None), say)
        self.leave()

    def _write_new(self, name: str) -> None:
        audit, labelling = self._audit, self._context.studio.labelling
        if audit is not None:
            self._deciding.do(lambda: audit.commit(labelling.add_category(name)))
            self.leave()

    def leave(self) -> None:
        """Forget the growing."""
        self._context.tasks.drop(_SLOT)
        self._session, self._audit = None, None
        self._context.selection.clear()
        self.changed.emit()
        self.ended.emit()
