"""Editors for one hyper-parameter each: number, word, yes or no."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QLineEdit, QWidget

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.config import AUTOMATIC, FormField

_WIDTH = 132


class Choices(QComboBox):
    """A combo box that the wheel passes over, so that scrolling a form changes nothing."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave it to the form."""
        event.ignore()


class SettingEditor(QWidget):
    """Shows and changes the value of a field; `edited` tells that the user did."""

    edited = Signal()

    def __init__(self, field: FormField, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = field
        self.fault = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self._row = row

    def value(self) -> Any:
        """The value as it stands."""
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Show a value without telling."""
        raise NotImplementedError


class YesNo(SettingEditor):
    """A check box."""

    def __init__(self, field: FormField, parent: QWidget | None = None) -> None:
        super().__init__(field, parent)
        self.box = QCheckBox()
        self.box.setAccessibleName(field.title)
        self.box.toggled.connect(lambda _on: self.edited.emit())
        self._row.addWidget(self.box)
        self._row.addStretch(1)

    def value(self) -> bool:
        """Whether it is ticked."""
        return self.box.isChecked()

    def set_value(self, value: Any) -> None:
        """Tick or untick."""
        self.box.blockSignals(True)
        self.box.setChecked(bool(value))
        self.box.blockSignals(False)


class Word(SettingEditor):
    """One of some words; `words` says what stands for them."""

    def __init__(
        self, field: FormField, words: Mapping[str, str], parent: QWidget | None = None
    ) -> None:
        super().__init__(field, parent)
        self.box = Choices()
        self.box.setAccessibleName(field.title)
        self.box.setMinimumWidth(_WIDTH)
        for choice in field.parameter.choices:
            self.box.addItem(words.get(f"{field.name}.{choice}", words.get(choice, choice)), choice)
        self.box.currentIndexChanged.connect(lambda _i: self.edited.emit())
        self._row.addWidget(self.box)
        self._row.addStretch(1)

    def value(self) -> str:
        """The chosen word."""
        return str(self.box.currentData())

    def set_value(self, value: Any) -> None:
        """Choose a word."""
        self.box.blockSignals(True)
        self.box.setCurrentIndex(max(0, self.box.findData(str(value))))
        self.box.blockSignals(False)


class Number(SettingEditor):
    """A number or free text, checked while it is typed; empty may mean automatic."""

    def __init__(self, field: FormField, parent: QWidget | None = None) -> None:
        super().__init__(field, parent)
        self.automatic = field.kind == "float" and field.parameter.low == AUTOMATIC
        self.line = QLineEdit()
        self.line.setFixedWidth(_WIDTH)
        self.line.setAccessibleName(field.title)
        if self.automatic:
            self.line.setPlaceholderText(self.tr("automatic"))
        self.line.textEdited.connect(lambda _text: self.edited.emit())
        self._row.addWidget(self.line)
        unit = QLabel(field.unit, self)
        unit.setProperty("role", "muted")
        unit.setVisible(bool(field.unit))
        self._row.addWidget(unit)
        self._row.addStretch(1)

    def value(self) -> Any:
        """The number, or the text as it stands when it is none."""
        text = self.line.text().strip()
        if not text and self.automatic:
            return AUTOMATIC
        return text

    def set_value(self, value: Any) -> None:
        """Show a number."""
        if self.automatic and value == AUTOMATIC:
            self.line.clear()
        else:
            self.line.setText(f"{value:g}" if isinstance(value, float) else str(value))


def editor_of(field: FormField, words: Mapping[str, str]) -> SettingEditor:
    """The editor that suits a field; `words` says what stands for its choices."""
    if field.kind == "bool":
        return YesNo(field)
    if field.parameter.choices:
        return Word(field, words)
    return Number(field)


def range_words(field: FormField) -> str:
    """The range that a number may have; empty when there is none to tell."""
    about = field.parameter
    if field.kind not in ("int", "float"):
        return ""
    low = 0.0 if about.low == AUTOMATIC else about.low
    if math.isinf(about.high):
        return "" if math.isinf(low) else f"≥ {low:g}"
    whole = field.kind == "int" or about.high >= 1000
    return f"{low:g} – {about.high:,.0f}" if whole else f"{low:g} – {about.high:g}"


def fault_of(error: UserError) -> str:
    """A short fault to stand under an editor."""
    return error.remedy or error.what
