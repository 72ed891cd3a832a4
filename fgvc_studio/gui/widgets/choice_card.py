"""A radio button with a title and a sentence, framed; the whole frame can be clicked."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QGridLayout, QLabel, QRadioButton, QWidget


class ChoiceCard(QFrame):
    """One choice."""

    def __init__(self, title: str, told: str) -> None:
        super().__init__()
        self.setObjectName("choice")
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 8, 12, 10)
        grid.setVerticalSpacing(2)
        grid.setRowStretch(2, 1)
        self.button = QRadioButton(title)
        self.button.setProperty("role", "heading")
        self.button.setAccessibleDescription(told)
        self.button.toggled.connect(self._mark)
        label = QLabel(told)
        label.setWordWrap(True)
        label.setProperty("role", "muted")
        label.setAlignment(Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.button, 0, 0)
        grid.addWidget(label, 1, 0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose."""
        if event.button() == Qt.MouseButton.LeftButton and self.button.isEnabled():
            self.button.setChecked(True)
            self.button.setFocus()

    def _mark(self, on: bool) -> None:
        self.setProperty("chosen", on)
        self.style().unpolish(self)
        self.style().polish(self)


class Choices(QWidget):
    """Cards of which one is chosen; `changed` carries its key."""

    changed = Signal(str)

    def __init__(self, columns: int = 2, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns = columns
        self._group = QButtonGroup(self)
        self._keys: list[str] = []
        self.cards: dict[str, ChoiceCard] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)
        for column in range(columns):
            self._grid.setColumnStretch(column, 1)
        self._group.idToggled.connect(self._toggled)

    def add(self, key: str, title: str, told: str) -> ChoiceCard:
        """One more choice."""
        card = ChoiceCard(title, told)
        place = len(self._keys)
        self._keys.append(key)
        self.cards[key] = card
        self._group.addButton(card.button, place)
        self._grid.addWidget(card, place // self._columns, place % self._columns)
        return card

    def choose(self, key: str) -> None:
        """Choose one."""
        self.cards[key].button.setChecked(True)

    def chosen(self) -> str:
        """The chosen key, empty for none."""
        place = self._group.checkedId()
        return self._keys[place] if place >= 0 else ""

    def _toggled(self, place: int, on: bool) -> None:
        if on:
            self.changed.emit(self._keys[place])
