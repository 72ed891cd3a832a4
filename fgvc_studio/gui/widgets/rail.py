"""The left rail: one button, icon over word, for each workspace."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QFrame, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from fgvc_studio.gui import theme

_WIDTH = 86


class Rail(QFrame):
    """Buttons of the workspaces; the one shown is checked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setAccessibleName(self.tr("Workspaces"))
        self._fit()
        theme.signal().changed.connect(self._fit)
        self._group = QActionGroup(self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(6, 8, 6, 8)
        self._layout.setSpacing(4)
        self._layout.addStretch(1)

    def add(self, action: QAction) -> QToolButton:
        """One more workspace."""
        action.setCheckable(True)
        self._group.addAction(action)
        button = self._button(action)
        self._layout.insertWidget(self._layout.count() - 1, button)
        return button

    def add_below(self, action: QAction) -> QToolButton:
        """A button at the lower end that is no workspace (Settings)."""
        button = self._button(action)
        self._layout.addWidget(button)
        return button

    def _fit(self) -> None:
        """As wide as the words need at the size of text in use."""
        self.setFixedWidth(theme.px(_WIDTH))

    def _button(self, action: QAction) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(action)
        word = action.text().removesuffix("...")
        button.setText(word)
        button.setAccessibleName(word)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setIconSize(QSize(22, 22))
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setMinimumHeight(56)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button
