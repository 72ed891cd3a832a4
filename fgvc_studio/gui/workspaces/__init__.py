"""The pages of the main window, one module each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fgvc_studio.gui.workspaces.base import Context, Workspace


def load() -> None:
    """Import the pages ahead of use; any thread."""
    from fgvc_studio.gui.widgets import curve_figure
    from fgvc_studio.gui.workspaces import browse, discover, history, prototypes, train  # noqa: F401  # noqa: F401

    curve_figure.warm_up()


def make_all(context: Context) -> list[Workspace]:
    """The workspaces of an open project in the order of the rail."""
    from fgvc_studio.gui.workspaces.browse import BrowseWorkspace
    from fgvc_studio.gui.workspaces.discover import DiscoverWorkspace
    from fgvc_studio.gui.workspaces.history import HistoryWorkspace
    from fgvc_studio.gui.workspaces.prototypes import PrototypesWorkspace
    from fgvc_studio.gui.workspaces.train import TrainWorkspace

    return [
        BrowseWorkspace(context),
        DiscoverWorkspace(context),
        PrototypesWorkspace(context),
        TrainWorkspace(context),
        HistoryWorkspace(context),
    ]
