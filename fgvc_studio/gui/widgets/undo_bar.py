"""Undo and redo, always in sight, with the name of what they would take back or do again."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QMenuBar, QToolButton, QWidget

from fgvc_studio.gui.widgets.top_bar import TopBar

_NAME_WIDTH = 340
_HEIGHT = 26


class UndoBar(QWidget):
    """Two buttons that follow the commands Undo and Redo."""

    def __init__(self, undo: QAction, redo: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = (undo, redo)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 10, 0)
        row.setSpacing(2)
        row.addStretch(1)
        self.undo, self.redo = QToolButton(self), QToolButton(self)
        for button, action in zip((self.undo, self.redo), self._actions, strict=True):
            button.setObjectName("step")
            button.setIcon(action.icon())
            button.setIconSize(QSize(16, 16))
            button.setFixedHeight(_HEIGHT)
            button.setMinimumWidth(_HEIGHT)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(action.trigger)
            action.changed.connect(self._follow)
            row.addWidget(button)
        self.undo.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.show_steps("", "")

    def sizeHint(self) -> QSize:
        """Always the same, whatever the name: the buttons keep to the right end."""
        return QSize(_NAME_WIDTH + 110, _HEIGHT + 2)

    def stand_in(self, menu: QMenuBar, top: TopBar) -> None:
        """Take the right end of the menu's line; the top bar where the system draws the menu."""
        if menu.isNativeMenuBar():
            top.take(self)
        else:
            menu.setCornerWidget(self, Qt.Corner.TopRightCorner)
        self.hide()

    def show_steps(self, undo: str, redo: str) -> None:
        """Name both steps; empty where there is none."""
        whole = self.tr("Undo: {what}").format(what=undo) if undo else self.tr("Nothing to undo")
        self.undo.setText(
            self.undo.fontMetrics().elidedText(
                f" {whole}", Qt.TextElideMode.ElideRight, _NAME_WIDTH
            )
        )
        again = self.tr("Redo: {what}").format(what=redo) if redo else self.tr("Nothing to redo")
        for button, words, action in zip(
            (self.undo, self.redo), (whole, again), self._actions, strict=True
        ):
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            button.setToolTip(f"{words} ({keys})" if keys else words)
            button.setAccessibleName(words)
        self._follow()
        self.setVisible(self.parentWidget() is not None)

    def _follow(self) -> None:
        self.undo.setEnabled(self._actions[0].isEnabled())
        self.redo.setEnabled(self._actions[1].isEnabled())
