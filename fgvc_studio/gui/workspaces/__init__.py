"""The pages of the main window, one module each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from fgvc_studio.gui.workspaces.base import Context, Workspace

_FIRST_AFTER_MS, _NEXT_AFTER_MS = 1500, 250
_REST_S = 0.6
"""Without mouse and keys for so long, nobody notices that a page is made."""
_INPUT = frozenset(
    {
        QEvent.Type.KeyPress,
        QEvent.Type.MouseMove,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonRelease,
        QEvent.Type.Wheel,
    }
)


def load() -> None:
    """Import the pages ahead of use; any thread."""
    from fgvc_studio.gui.widgets import curve_figure
    from fgvc_studio.gui.workspaces import browse, discover, history, prototypes, train  # noqa: F401

    curve_figure.warm_up()


def makers(context: Context, host: QWidget) -> dict[str, Callable[[], Workspace]]:
    """What makes each workspace of an open project, by its command, in the order of the rail.

    `host` will hold them: a page that is made within it need not be asked again for its style.
    """
    from fgvc_studio.gui.workspaces.browse import BrowseWorkspace
    from fgvc_studio.gui.workspaces.discover import DiscoverWorkspace
    from fgvc_studio.gui.workspaces.history import HistoryWorkspace
    from fgvc_studio.gui.workspaces.prototypes import PrototypesWorkspace
    from fgvc_studio.gui.workspaces.train import TrainWorkspace

    kinds: tuple[type[Workspace], ...] = (
        BrowseWorkspace,
        DiscoverWorkspace,
        PrototypesWorkspace,
        TrainWorkspace,
        HistoryWorkspace,
    )
    return {kind.command: lambda kind=kind: kind(context, host) for kind in kinds}  # type: ignore[misc]


class Hands(QObject):
    """When mouse or keys were last used; looks at all events while it watches."""

    _last = -_REST_S

    def watch(self) -> None:
        """Begin to look."""
        QApplication.instance().installEventFilter(self)

    def rest(self) -> None:
        """Look no more."""
        QApplication.instance().removeEventFilter(self)

    @property
    def busy(self) -> bool:
        """Whether somebody is at work, or has a popup open or a button down."""
        held = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        popup = QApplication.activePopupWidget() is not None
        return held or popup or time.monotonic() - self._last < _REST_S

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note the time of input."""
        if event.type() in _INPUT:
            self._last = time.monotonic()
        return False


class Workspaces(Mapping[str, "Workspace"]):
    """The workspaces of an open project, each made when it is first asked for.

    A page takes a tenth of a second and more to make, so a project would open slowly if all stood
    at once. Those that nobody has asked for by then are made one by one after the first has been
    shown, so that their commands work from anywhere, while mouse and keys rest.
    """

    def __init__(
        self,
        makers: Mapping[str, Callable[[], Workspace]],
        place: Callable[[Workspace], object],
        window: QWidget,
    ) -> None:
        self._makers = dict(makers)
        self._place = place
        self._made: dict[str, Workspace] = {}
        self._hands = Hands(window)
        self._later = QTimer(window)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._make_next)

    def __getitem__(self, command: str) -> Workspace:
        if command not in self._made:
            page = self._makers[command]()
            self._made[command] = page
            self._place(page)
        return self._made[command]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def made(self) -> list[Workspace]:
        """Those that stand, in the order of the rail."""
        return [self._made[c] for c in self._makers if c in self._made]

    def make_rest(self) -> None:
        """Make the others when the window has come to rest."""
        self._hands.watch()
        self._later.start(_FIRST_AFTER_MS)

    def clear(self) -> None:
        """Forget all of them; the project closes."""
        self._later.stop()
        self._hands.rest()
        self._makers.clear()
        self._made.clear()

    def _make_next(self) -> None:
        missing = next((c for c in self._makers if c not in self._made), None)
        if missing is None:
            self._hands.rest()
            return
        if not self._hands.busy:
            self[missing]
        self._later.start(_NEXT_AFTER_MS)
