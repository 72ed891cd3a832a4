"""What every workspace of the main window is, and what the window lends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QMenu, QWidget

from fgvc_studio.domain.errors import UserError
from fgvc_studio.gui.action_set import ActionSet
from fgvc_studio.gui.bus_bridge import BusBridge
from fgvc_studio.gui.job_thread import JobQueue
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.task_pool import TaskPool
from fgvc_studio.gui.widgets.toasts import ToastStack

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio


@dataclass(frozen=True, slots=True)
class Context:
    """What the window lends to a workspace while a project is open.

    Attributes
    ----------
    studio : Studio
        The services of the open project.
    show_fault : callable
        Shows a `UserError` as a sentence and a remedy.
    show_items : callable
        ``show_items(ids, name)`` goes to Browse with these items as the filter.
    status_changed : callable
        Asks the window to draw its status line anew.
    grow : callable
        ``grow(category=..., cluster=..., items=...)`` goes to Discover and grows one of these.
    browsed : callable
        Ids that pass the filter of Browse.
    """

    studio: Studio
    bridge: BusBridge
    actions: ActionSet
    jobs: JobQueue
    tasks: TaskPool
    toasts: ToastStack
    selection: Selection
    show_fault: Callable[[UserError], Any]
    show_items: Callable[[NDArray[Any], str], None]
    status_changed: Callable[[], None]
    grow: Callable[..., None] = lambda **_: None
    browsed: Callable[[], NDArray[Any] | None] = lambda: None


class Workspace(QWidget):
    """A page of the main window; made when it is first needed, deleted when it closes."""

    command = ""
    """Id of the command that goes here."""
    scopes: tuple[str, ...] = ()
    """Scopes of keys that are live while this page is shown."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context

    def top_widget(self) -> QWidget | None:
        """What stands in the top bar while this page is shown."""
        return None

    def space_name(self) -> str:
        """The embedding space in use, for the status line."""
        return ""

    def space_menu(self) -> QMenu | None:
        """The spaces to choose from, where there is a choice."""
        return None

    def shown_count(self) -> int | None:
        """How many items pass the filter, for the status line; None where that means nothing."""
        return None

    def shown_ids(self) -> NDArray[Any] | None:
        """Ids of the items that pass the filter."""
        return None

    def activated(self) -> None:
        """The page was brought to the front."""

    def close_project(self) -> None:
        """The project closes: let go of everything that is bound to it."""

    def offer_files(self, paths: list[str]) -> bool:
        """Files were dropped on the window; True when this page can use them."""
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave keys that nobody took to the window."""
        event.ignore()
