"""Settings: who labels, how it looks, how much of the machine jobs may use, where caches lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain import orcid
from fgvc_studio.gui import preferences, words

SIZES = (90, 100, 115, 130, 150)
"""Sizes of text on offer, in per cent."""


_LABELS = 110


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
        place: str = "",
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self.setMinimumWidth(580)
        self._thumbnails = thumbnails
        self._clear_thumbnails = clear_thumbnails
        self._place = place
        self._known = preferences.machine()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 16)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(24, 20, 24, 8)
        layout.setSpacing(8)
        for heading, form in (
            (self.tr("You"), self._person()),
            (self.tr("Looks"), self._looks()),
            (self.tr("This computer"), self._machine()),
            (self.tr("Cache"), self._cache()),
            (self.tr("Habits"), self._habits()),
        ):
            title = QLabel(heading)
            title.setProperty("role", "heading")
            layout.addWidget(title)
            layout.addLayout(form)
            for i in range(form.rowCount()):  # the fields of all parts stand below each other
                form.itemAt(i, QFormLayout.ItemRole.LabelRole).widget().setMinimumWidth(_LABELS)
            layout.addSpacing(8)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        outer.addWidget(area, 1)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok.setProperty("role", "primary")
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        row = QHBoxLayout()
        row.setContentsMargins(24, 0, 24, 0)
        row.addWidget(buttons)
        outer.addLayout(row)
        self._check_orcid()
        self.resize(620, min(760, body.sizeHint().height() + 80))

    def _person(self) -> QFormLayout:
        form = _form()
        self.name = QLineEdit(self._known.who)
        self.name.setPlaceholderText(preferences.login())
        form.addRow(
            self.tr("Your name"),
            _noted(self.name, QLabel(self.tr("Goes on every label that you give."))),
        )
        self.orcid = QLineEdit(self._known.orcid)
        self.orcid.setPlaceholderText("0000-0000-0000-0000")
        self.orcid_note = QLabel()
        self.orcid.textChanged.connect(self._check_orcid)
        form.addRow(self.tr("ORCID"), _noted(self.orcid, self.orcid_note))
        return form

    def _looks(self) -> QFormLayout:
        form = _form()
        self.theme = QComboBox()
        for value, text in (
            ("system", self.tr("As the system")),
            ("light", self.tr("Light")),
            ("dark", self.tr("Dark")),
        ):
            self.theme.addItem(text, value)
        self.theme.setCurrentIndex(self.theme.findData(preferences.theme()))
        form.addRow(self.tr("Colours"), self.theme)
        self.text_size = QComboBox()
        for value in sorted({*SIZES, self._known.text_size}):
            self.text_size.addItem(self.tr("{n} %").format(n=value), value)
        self.text_size.setCurrentIndex(self.text_size.findData(self._known.text_size))
        form.addRow(self.tr("Size of text"), self.text_size)
        return form

    def _machine(self) -> QFormLayout:
        form = _form()
        cores = os.cpu_count() or 2
        self.threads = QSpinBox()
        self.threads.setRange(0, cores)
        self.threads.setSpecialValueText(self.tr("All but one"))
        self.threads.setValue(preferences.threads())
        note = QLabel(
            self.tr("This computer has {n}. One left free keeps the window quick.").format(n=cores)
        )
        form.addRow(self.tr("Cores for jobs"), _noted(self.threads, note))
        self.device = QComboBox()
        self.device.addItem(self.tr("Graphics processor where there is one"), "auto")
        self.device.addItem(self.tr("Processor only"), "cpu")
        self.device.setCurrentIndex(max(0, self.device.findData(self._known.device)))
        note = QLabel(self.tr("Where trainings run; holds from the next start of the program."))
        form.addRow(self.tr("Device"), _noted(self.device, note))
        return form

    def _cache(self) -> QFormLayout:
        form = _form()
        self.place = QLineEdit(self._known.cache)
        self.place.setPlaceholderText(self.tr("Inside each project"))
        choose = QPushButton(self.tr("Choose..."))
        choose.clicked.connect(self._choose_place)
        row = _row(self.place, choose)
        note = QLabel(
            self.tr(
                "Thumbnails and the views that trainings make; all of it can be made again. "
                "Holds for projects opened from now on."
            )
        )
        form.addRow(self.tr("Place"), _noted(row, note, self.place))
        if self._thumbnails:
            self.cache = QLabel()
            self.cache.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.cache.setWordWrap(True)
            self.clear = QPushButton(self.tr("Empty"))
            self.clear.setAccessibleName(self.tr("Empty the cache of thumbnails"))
            self.clear.setToolTip(
                self.tr("They are made again when needed; photos are not touched.")
            )
            self.clear.clicked.connect(self._empty_cache)
            form.addRow(self.tr("Thumbnails"), _row(self.cache, self.clear))
            self._show_cache()
        return form

    def _habits(self) -> QFormLayout:
        form = _form()
        self.confirm = QCheckBox(self.tr("Ask before acts on more than 1 % of the project"))
        self.confirm.setChecked(not preferences.flag("confirm/bulk_off"))
        form.addRow(self.tr("Safety"), self.confirm)
        keys = QPushButton(self.tr("Change keys..."))
        keys.clicked.connect(self.keys_wanted)
        form.addRow(self.tr("Keyboard"), _row(keys, None))
        saved = QLabel(self.tr("Every decision is saved the moment it is made; there is no Save."))
        saved.setProperty("role", "muted")
        form.addRow(self.tr("Saving"), saved)
        return form

    def _check_orcid(self) -> None:
        fault = ""
        try:
            found = orcid.normal(self.orcid.text())
        except ValueError as error:
            found, fault = "", str(error)
        if fault:
            self.orcid_note.setText(self._fault(self.orcid.text()))
        elif found:
            self.orcid_note.setText(self.tr("Its check digit fits. It stands behind your name."))
        else:
            self.orcid_note.setText(
                self.tr("Optional; identifies you in exports when names are alike.")
            )
        self.orcid_note.setProperty("role", "danger" if fault else "good" if found else "muted")
        self.orcid_note.style().unpolish(self.orcid_note)
        self.orcid_note.style().polish(self.orcid_note)
        self.ok.setEnabled(not fault)

    def _fault(self, text: str) -> str:
        digits = sum(c.isdigit() or c in "xX" for c in text.rpartition("/")[2])
        if digits != 16:
            return self.tr("An ORCID has sixteen digits, such as 0000-0002-1825-0097.")
        return self.tr("The last digit does not fit the others: one of them is mistyped.")

    def _choose_place(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, self.tr("Place for caches"), self.place.text() or str(Path.home())
        )
        if chosen:
            self.place.setText(chosen)

    def _show_cache(self) -> None:
        if self._thumbnails:
            size = self.tr("{size} in this project").format(size=words.size(self._thumbnails()))
            self.cache.setText(f"{size}\n{self._place}" if self._place else size)

    def _empty_cache(self) -> None:
        if self._clear_thumbnails:
            self._clear_thumbnails()
            self._show_cache()

    def _accept(self) -> None:
        known = self._known
        known.who = self.name.text().strip()
        known.orcid = orcid.normal(self.orcid.text())
        known.theme = str(self.theme.currentData())
        known.text_size = int(self.text_size.currentData())
        known.threads = self.threads.value()
        known.device = str(self.device.currentData())
        known.cache = self.place.text().strip()
        preferences.set_machine(known)
        preferences.remember("confirm/bulk_off", not self.confirm.isChecked())
        self.accept()
        self.applied.emit()


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(16)
    form.setVerticalSpacing(10)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setContentsMargins(0, 2, 0, 0)
    return form


def _row(first: QWidget, second: QWidget | None) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    row.addWidget(first, 1 if second else 0)
    if second:
        row.addWidget(second, 0, Qt.AlignmentFlag.AlignTop)
    else:
        row.addStretch(1)
    return holder


def _noted(widget: QWidget, note: QLabel, field: QWidget | None = None) -> QWidget:
    """A field with a line of explanation below it."""
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(3)
    note.setProperty("role", "muted")
    note.setWordWrap(True)
    note.setBuddy(field or widget)
    column.addWidget(widget)
    column.addWidget(note)
    return holder
