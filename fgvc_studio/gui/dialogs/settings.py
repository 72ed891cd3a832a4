"""Settings: who labels, how it looks, how much of the machine jobs may use."""

from __future__ import annotations

import os
from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import preferences, words


class SettingsDialog(QDialog):
    """Preferences of this person on this machine.

    `applied` comes after they were remembered; `keys_wanted` when the user asks for the keys.
    """

    applied = Signal()
    keys_wanted = Signal()

    def __init__(
        self,
        thumbnails: Callable[[], int] | None = None,
        clear_thumbnails: Callable[[], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self.setMinimumWidth(520)
        self._thumbnails = thumbnails
        self._clear_thumbnails = clear_thumbnails
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(16)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(12)
        self.name = QLineEdit(preferences.who())
        form.addRow(
            self.tr("Your name"), _noted(self.name, self.tr("Goes on every label that you give."))
        )
        self.theme = QComboBox()
        for value, text in (
            ("system", self.tr("As the system")),
            ("light", self.tr("Light")),
            ("dark", self.tr("Dark")),
        ):
            self.theme.addItem(text, value)
        self.theme.setCurrentIndex(self.theme.findData(preferences.theme()))
        form.addRow(self.tr("Colours"), self.theme)
        cores = os.cpu_count() or 2
        self.threads = QSpinBox()
        self.threads.setRange(0, cores)
        self.threads.setSpecialValueText(self.tr("All but one"))
        self.threads.setValue(preferences.threads())
        form.addRow(
            self.tr("Cores for jobs"),
            _noted(
                self.threads,
                self.tr("This computer has {n}. One left free keeps the window quick.").format(
                    n=cores
                ),
            ),
        )
        self.confirm = QCheckBox(self.tr("Ask before acts on more than 1 % of the project"))
        self.confirm.setChecked(not preferences.flag("confirm/bulk_off"))
        form.addRow(self.tr("Safety"), self.confirm)
        if thumbnails:
            form.addRow(self.tr("Thumbnails"), self._cache_row())
        keys = QPushButton(self.tr("Change keys..."))
        keys.clicked.connect(self.keys_wanted)
        form.addRow(self.tr("Keyboard"), keys)
        layout.addLayout(form)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    def _cache_row(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        self.cache = QLabel()
        self.clear = QPushButton(self.tr("Empty the cache"))
        self.clear.setToolTip(self.tr("They are made again when needed; photos are not touched."))
        self.clear.clicked.connect(self._empty_cache)
        row.addWidget(self.cache, 1)
        row.addWidget(self.clear)
        self._show_cache()
        return holder

    def _show_cache(self) -> None:
        if self._thumbnails:
            self.cache.setText(
                self.tr("{size} in this project").format(size=words.size(self._thumbnails()))
            )

    def _empty_cache(self) -> None:
        if self._clear_thumbnails:
            self._clear_thumbnails()
            self._show_cache()

    def _accept(self) -> None:
        preferences.set_person(
            self.name.text(), self.threads.value(), str(self.theme.currentData())
        )
        preferences.remember("confirm/bulk_off", not self.confirm.isChecked())
        self.accept()
        self.applied.emit()


def _noted(widget: QWidget, note: str) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(3)
    label = QLabel(note)
    label.setProperty("role", "muted")
    label.setBuddy(widget)
    column.addWidget(widget)
    column.addWidget(label)
    return holder
