"""A button that runs a command of the window and shows whether it can be used."""

from __future__ import annotations

from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QPushButton


class CommandButton(QPushButton):
    """Short words for a command; its key stands in the tool tip.

    Parameters
    ----------
    text : str
        Shown instead of the command's own words.
    """

    def __init__(
        self, action: QAction, text: str, *, icon: QIcon | None = None, primary: bool = False
    ) -> None:
        super().__init__(text)
        self._action = action
        if primary:
            self.setProperty("role", "primary")
        if icon is not None:
            self.setIcon(icon)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        key = self._action.shortcut().toString()
        words = self._action.text().removesuffix("...")
        self.setToolTip(f"{words} ({key})" if key else words)
        self.setAccessibleName(self.toolTip())
        self.setEnabled(self._action.isEnabled())
