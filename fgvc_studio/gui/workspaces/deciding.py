"""Decisions of a page, written one after the other outside the GUI thread."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import Operation
from fgvc_studio.gui import words
from fgvc_studio.gui.workspaces.base import Context

Act = Callable[[], OpChanges | None]
Say = Callable[[OpChanges], str]
_numbers = itertools.count(1)


class Deciding(QObject):
    """A queue of acts; each ends in a message with "Undo".

    `done` carries the `OpChanges` of every act that changed something; `refused` tells that one
    changed nothing.
    """

    done = Signal(object)
    refused = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._waiting: deque[tuple[Act, Say | None]] = deque()
        self._slot = f"deciding {next(_numbers)}"
        self._busy = False

    @property
    def busy(self) -> bool:
        """Whether an act is being written."""
        return self._busy

    def do(self, act: Act, say: Say | None = None) -> None:
        """Write a decision; `say` puts it in words (the operation's summary without it)."""
        self._waiting.append((act, say))
        self._next()

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        act, say = self._waiting.popleft()
        self._busy = True
        self._context.tasks.submit(
            self._slot,
            lambda _ticket: act(),
            lambda found: self._written(found, say),
            self._failed,
        )

    def _written(self, changes: OpChanges | None, say: Say | None) -> None:
        self._busy = False
        if changes is None:
            self._context.toasts.show_message(self.tr("Nothing changed: it was so already."))
            self.refused.emit()
        else:
            operation = changes.operation
            self._context.toasts.show_message(
                say(changes) if say else operation.summary,
                self.tr("Undo"),
                lambda: take_back(self._context, operation),
            )
            self.done.emit(changes)
        self._next()

    def _failed(self, error: UserError) -> None:
        self._busy = False
        self._context.show_fault(error)
        self.refused.emit()
        self._next()


def take_back(context: Context, operation: Operation) -> None:
    """Undo one act, whether or not it is still the last."""
    labelling = context.studio.labelling

    def undo(_ticket: object) -> None:
        last = context.studio.store.operations.can_undo()
        if last is not None and last.id == operation.id:
            labelling.undo()
        else:
            labelling.reverse(operation.id)

    context.tasks.submit(f"take back {operation.id}", undo, lambda _none: None, context.show_fault)


def labelled_text(owner: QObject, count: int, name: str) -> str:
    """``Labelled 38 items as Danaus plexippus``."""
    if count == 1:
        return owner.tr("Labelled 1 item as {name}").format(name=name)
    return owner.tr("Labelled {n} items as {name}").format(n=words.count(count), name=name)
