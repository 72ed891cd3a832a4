"""The pages of the main window, one module each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from fgvc_studio.gui.workspaces.base import Context, Workspace

_FIRST_AFTER_MS, _NEXT_AFTER_MS = 1500, 250


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


class Workspaces(Mapping[str, "Workspace"]):
    """The workspaces of an open project, each made when it is first asked for.

    A page takes a tenth of a second and more to make, so a project would open slowly if all stood
    at once. Those that nobody has asked for by then are made one by one after the first has been
    shown, so that their commands work from anywhere.
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
        self._later.start(_FIRST_AFTER_MS)

    def clear(self) -> None:
        """Forget all of them; the project closes."""
        self._later.stop()
        self._makers.clear()
        self._made.clear()

    def _make_next(self) -> None:
        missing = next((c for c in self._makers if c not in self._made), None)
        if missing and QApplication.activePopupWidget():  # somebody is typing or choosing
            self._later.start(_FIRST_AFTER_MS)
        elif missing:
            self[missing]
            self._later.start(_NEXT_AFTER_MS)
