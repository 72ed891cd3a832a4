"""A form made from a configuration dataclass: the common settings shown, the rest on request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from fgvc_studio.domain.errors import UserError
from fgvc_studio.gui import words
from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.widgets.setting_editors import (
    Number,
    SettingEditor,
    YesNo,
    editor_of,
    fault_of,
    range_words,
)
from fgvc_studio.methods.config import FormField, changed, form

PROMINENT = "colour_matters"
"""The setting that stands first, in a frame of its own, where a method has it."""


class _Row(QWidget):
    """Name and help at the left, the editor and the way back at the right."""

    def __init__(self, field: FormField, editor: SettingEditor, title: str) -> None:
        super().__init__()
        self.editor = editor
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 4, 0, 4)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(0, 1)
        symbol = words.symbol(field.parameter.symbol)
        self.title = QLabel(title)
        self.title.setBuddy(editor.findChild(QWidget))
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        told = " ".join(filter(None, [field.parameter.help, _bracketed(range_words(field))]))
        self.help = QLabel(told)
        self.help.setProperty("role", "muted")
        self.help.setWordWrap(True)
        self.fault = QLabel()
        self.fault.setProperty("role", "danger")
        self.fault.setWordWrap(True)
        self.fault.hide()
        self.back = QToolButton()
        self.back.setIcon(icon("undo"))
        self.back.setToolTip(self.tr("Back to the value of the preset"))
        self.back.setAccessibleName(self.tr("Back to the preset: {name}").format(name=title))
        keeps = self.back.sizePolicy()
        keeps.setRetainSizeWhenHidden(True)
        self.back.setSizePolicy(keeps)
        self.back.hide()
        if symbol:
            self.title.setToolTip(self.tr("{symbol} in the paper").format(symbol=symbol))
        grid.addWidget(self.title, 0, 0)
        grid.addWidget(self.help, 1, 0)
        grid.addWidget(editor, 0, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.back, 0, 2, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.fault, 2, 0, 1, 3)

    def set_fault(self, fault: str) -> None:
        """Say what is wrong with the value; empty: nothing."""
        self.fault.setText(fault)
        self.fault.setVisible(bool(fault))


class SettingsForm(QWidget):
    """Edits a configuration; values that the user did not touch follow the preset.

    Parameters
    ----------
    choices : mapping
        What stands for a choice; the choice itself otherwise.

    `edited` carries the name of the setting that the user changed.
    """

    edited = Signal(str)

    def __init__(
        self,
        choices: Mapping[str, str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._choices = choices
        self._config: Any = None
        self._touched: set[str] = set()
        self._rows: dict[str, _Row] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self.more = QToolButton(self)  # without a parent it would flash up as a window
        self.more.setCheckable(True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.toggled.connect(self._show_more)
        self._rest = QWidget(self)

    # ---- what is edited --------------------------------------------------------------------
    def set_method(self, config: type) -> None:
        """Show the settings of another configuration class; forgets what was touched."""
        while self._column.count():
            widget = self._column.takeAt(0).widget()
            if widget not in (self.more, None):
                widget.hide()
                widget.deleteLater()
        self._rows, self._touched, self._config = {}, set(), None
        fields = form(config)
        basic = [f for f in fields if f.parameter.basic]
        first = next((f for f in basic if f.name == PROMINENT), None)
        if first is not None:
            self._column.addWidget(self._prominent(first))
        for field in basic:
            if field is not first:
                self._column.addWidget(self._row(field))
        self._rest = QWidget(self)
        rest = QVBoxLayout(self._rest)
        rest.setContentsMargins(0, 0, 0, 0)
        rest.setSpacing(0)
        others = [f for f in fields if not f.parameter.basic]
        for field in others:
            rest.addWidget(self._row(field))
        self.more.setVisible(bool(others))
        self.more.setChecked(False)
        self._column.addWidget(self.more)
        self._column.addWidget(self._rest)
        self._show_more(on=False)

    def set_base(self, config: Any) -> None:
        """Take the values of a preset; what the user touched stays."""
        self._config = config
        for name, row in self._rows.items():
            if name not in self._touched:
                row.editor.set_value(getattr(config, name))
        self._check()

    def value(self, name: str) -> Any:
        """The value of one setting as it stands; None when the form has none of that name."""
        row = self._rows.get(name)
        return row.editor.value() if row else None

    def set_value(self, name: str, value: Any) -> None:
        """Change a setting as if the user had done it."""
        row = self._rows.get(name)
        if row:
            row.editor.set_value(value)
            self._edited(name)

    def settings(self) -> Mapping[str, object]:
        """What the user changed, by name."""
        return {name: self._rows[name].editor.value() for name in sorted(self._touched)}

    @property
    def fault(self) -> str:
        """What is wrong with the first bad value; empty when all is well."""
        return next((row.editor.fault for row in self._rows.values() if row.editor.fault), "")

    def forget(self) -> None:
        """All settings follow the preset again."""
        self._touched.clear()
        if self._config is not None:
            self.set_base(self._config)

    # ---- parts -----------------------------------------------------------------------------
    def _row(self, field: FormField) -> _Row:
        editor = editor_of(field, self._choices)
        row = _Row(field, editor, self.tr(field.title))
        self._rows[field.name] = row
        editor.edited.connect(lambda name=field.name: self._edited(name))
        row.back.clicked.connect(lambda _=False, name=field.name: self._reset(name))
        return row

    def _prominent(self, field: FormField) -> QFrame:
        frame = QFrame()
        frame.setObjectName("card")
        column = QVBoxLayout(frame)
        column.setContentsMargins(12, 6, 12, 6)
        row = self._row(field)
        row.title.setProperty("role", "heading")
        column.addWidget(row)
        editor = row.editor
        if isinstance(editor, YesNo):
            editor.box.setText(self.tr("yes, keep hues"))
        return frame

    def _show_more(self, on: bool) -> None:
        self._rest.setVisible(on)
        count = sum(not row.editor.field.parameter.basic for row in self._rows.values())
        text = self.tr("Fewer settings") if on else self.tr("More settings ({n})").format(n=count)
        self.more.setText(text)
        self.more.setIcon(icon("minus" if on else "plus"))

    # ---- changes ---------------------------------------------------------------------------
    def _edited(self, name: str) -> None:
        self._touched.add(name)
        self._check()
        self.edited.emit(name)

    def _reset(self, name: str) -> None:
        self._touched.discard(name)
        if self._config is not None:
            self._rows[name].editor.set_value(getattr(self._config, name))
        self._check()
        self.edited.emit(name)

    def _check(self) -> None:
        for name, row in self._rows.items():
            fault = ""
            touched = name in self._touched
            if touched and self._config is not None and isinstance(row.editor, Number):
                try:
                    changed(self._config, {name: row.editor.value()})
                except UserError as error:
                    fault = fault_of(error)
            row.editor.fault = fault
            row.set_fault(fault)
            row.back.setVisible(touched)


def _bracketed(text: str) -> str:
    return f"({text})" if text else ""
