"""Pictures of the real window on a project, for the report of the sample run and the guide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QPoint, QRect, QTimer
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QApplication

from fgvc_studio.gui import theme
from fgvc_studio.gui.main_window import MainWindow

SETTLE_MS = 1500
PATIENCE = 40
"""How many times it looks whether the project is open and its pictures are there."""

Act = Callable[[], Any]


class Screenshots(QObject):
    """Walks through the window and saves a picture after each stop.

    Parameters
    ----------
    window : MainWindow
    project, out : Path
        The project to open, and the folder for the pictures.
    """

    def __init__(self, window: MainWindow, project: Path, out: Path) -> None:
        super().__init__(window)
        self._window, self._project, self._out = window, project, out
        self._stops: list[tuple[str, Act]] = [
            ("browse", self._browse),
            ("lasso", self._select_group),
            ("similar", lambda: self._do("view.similar")),
            ("identify", lambda: self._do("label.identify")),
            ("compare", self._compare),
            ("history", self._history),
            ("keys", lambda: self._do("app.keys")),
            ("browse-dark", self._dark),
        ]
        self._patience = PATIENCE
        self.failed = False

    def start(self) -> None:
        """Begin; the application quits after the last picture."""
        self._out.mkdir(parents=True, exist_ok=True)
        self._window.resize(1440, 900)
        self._window.open_project(self._project)
        QTimer.singleShot(SETTLE_MS, self._wait_for_project)

    def _wait_for_project(self) -> None:
        if self._window.session is not None:
            self._next()
        elif self._patience:
            self._patience -= 1
            QTimer.singleShot(SETTLE_MS // 2, self._wait_for_project)
        else:
            self._finish(failed=True)

    def _next(self) -> None:
        if not self._stops:
            self._finish(failed=False)
            return
        name, act = self._stops.pop(0)
        QTimer.singleShot(SETTLE_MS, lambda: self._picture(name))
        act()

    def _picture(self, name: str) -> None:
        popup = QApplication.activeModalWidget() or QApplication.activePopupWidget()
        shown = self._window.grab()
        if popup is not None and popup is not self._window:
            painter = QPainter(shown)
            place = QRect(QPoint(0, 0), popup.size())
            place.moveCenter(self._window.rect().center())
            painter.drawPixmap(place, popup.grab())
            painter.end()
            popup.close()
        self.failed |= not shown.save(str(self._out / f"{name}.png"))
        QTimer.singleShot(0, self._next)

    def _finish(self, *, failed: bool) -> None:
        self.failed |= failed
        self._window.close()
        QApplication.exit(1 if self.failed else 0)

    # ---- stops -----------------------------------------------------------------------------
    def _do(self, command: str) -> None:
        self._window.actions_[command].trigger()

    def _browse(self) -> None:
        self._window.go("go.browse")
        self._window.selection.set_current(1)

    def _select_group(self) -> None:
        """Select the unlabelled look-alikes around one point of the map."""
        session = self._window.session
        if session is None:
            return
        studio = session.studio
        made = studio.exploring.load_map()
        if made is None:
            return
        category = studio.catalogue.category[made.item_ids - 1]
        open_rows = np.flatnonzero(category == 0)
        start = made.xy[open_rows[0] if len(open_rows) else 0]
        near = np.argsort(((made.xy - start) ** 2).sum(1))[:24]
        self._window.selection.set(made.item_ids[near])
        self._window.selection.set_current(int(made.item_ids[near[0]]))

    def _compare(self) -> None:
        self._window.selection.set(self._window.selection.ids[:4])
        self._do("view.compare")

    def _history(self) -> None:
        self._window.go("go.history")

    def _dark(self) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            theme.apply(application, "dark")
        self._window.go("go.browse")
        self._do("view.escape")
        self._do("view.escape")
