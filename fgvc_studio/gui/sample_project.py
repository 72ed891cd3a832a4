"""The sample project: drawn once in the background, then opened like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication

if TYPE_CHECKING:
    from fgvc_studio.gui.main_window import MainWindow


def open_in(window: MainWindow) -> None:
    """Open the sample project in `window`; make it first where it is not there yet."""
    from fgvc_studio.services import demo

    folder = demo.default_folder()
    if (folder / demo.PROJECT / "project.toml").is_file():
        _open(window, folder / demo.PROJECT)
        return

    def made(path: Any) -> None:
        _open(window, path)

    window.jobs.add(
        QCoreApplication.translate("sample", "Draw the sample project"),
        lambda: demo.make_project(folder),
        made,
        key="sample",
    )


def _open(window: MainWindow, path: Any) -> None:
    """Open it, and show a newcomer around."""
    window.open_project(path, then=window.commands.helping.tour.offer)
