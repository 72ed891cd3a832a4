"""Verdicts on a prototype: a button and a key each, and a note."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from fgvc_studio.domain.prototypes import Prototype, Verdict
from fgvc_studio.gui import prototype_words, theme
from fgvc_studio.gui.icons import icon

COMMANDS = {
    Verdict.KEEP: "proto.keep",
    Verdict.BACKGROUND: "proto.background",
    Verdict.DUPLICATE: "proto.duplicate",
    Verdict.WRONG_PART: "proto.wrong_part",
    Verdict.UNSURE: "proto.unsure",
}
_ICONS = {
    Verdict.KEEP: ("check", "good"),
    Verdict.BACKGROUND: ("background", "danger"),
    Verdict.DUPLICATE: ("duplicate", "warning"),
    Verdict.WRONG_PART: ("wrong-part", "danger"),
    Verdict.UNSURE: ("uncertain", "muted"),
}


class KeyButton(QPushButton):
    """A button that shows its key at the right."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key
        self.setIconSize(QSize(16, 16))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setProperty("role", "keyed")

    def set_key(self, key: str) -> None:
        """Show another key."""
        self.key = key
        self.setToolTip(f"{self.text()} ({key})" if key else self.text())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the key."""
        hint = super().sizeHint()
        return hint + QSize(self.fontMetrics().horizontalAdvance(self.key) + 14, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The button, and its key."""
        super().paintEvent(event)
        if not self.key:
            return
        t = theme.current()
        p = QPainter(self)
        font = self.font()
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        p.setPen(QColor(t.on_accent if self.isChecked() else t.muted))
        area = QRect(0, 0, self.width() - 9, self.height())
        p.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self.key)
        p.end()


class VerdictPanel(QWidget):
    """Five verdicts, the note beside them.

    `judged` carries a `Verdict` or None (taken away); `noted` the id of the prototype that a note
    was typed for, and its text.
    """

    judged = Signal(object)
    noted = Signal(int, str)

    def __init__(self, key_text: Callable[[str], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key_text = key_text
        self._shown: Prototype | None = None
        self.buttons: dict[Verdict, KeyButton] = {}
        grid = QGridLayout()
        grid.setSpacing(4)
        for i, verdict in enumerate(Verdict):
            button = KeyButton(prototype_words.verdict(verdict))
            button.setCheckable(True)
            button.setIcon(icon(*_ICONS[verdict]))
            button.clicked.connect(lambda on, v=verdict: self.judged.emit(v if on else None))
            self.buttons[verdict] = button
            grid.addWidget(button, i // 2, i % 2)
        self.note = QLineEdit()
        self.note.setPlaceholderText(self.tr("Note on this prototype"))
        self.note.setAccessibleName(self.tr("Note on this prototype"))
        self.note.setMaxLength(500)
        self.note.editingFinished.connect(self._note_done)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(grid)
        column.addWidget(self.note)
        self.show_keys()

    def show_keys(self) -> None:
        """Read the keys anew (the user bound others)."""
        for verdict, button in self.buttons.items():
            button.set_key(self._key_text(COMMANDS[verdict]))

    def show_prototype(self, prototype: Prototype | None, *, writable: bool) -> None:
        """Show the verdict of another prototype; a note in the making goes to its own one."""
        old = self._shown
        other = (
            old is None or prototype is None or (old.run, old.id) != (prototype.run, prototype.id)
        )
        if other:
            self._note_done()
        self._shown = prototype
        given = prototype.verdict if prototype else None
        for verdict, button in self.buttons.items():
            button.setChecked(verdict is given)
            name, token = _ICONS[verdict]
            button.setIcon(icon(name, "on_accent" if verdict is given else token))
            button.setEnabled(prototype is not None and writable)
        if other or not self.note.hasFocus():
            self.note.setText(prototype.note if prototype else "")
        self.note.setEnabled(prototype is not None and writable)

    def write_note(self) -> None:
        """Put the cursor in the note."""
        self.note.setFocus()
        self.note.selectAll()

    def _note_done(self) -> None:
        text = self.note.text().strip()
        shown = self._shown
        if shown is not None and text != shown.note:
            self._shown = replace(shown, note=text)
            self.noted.emit(shown.id, text)
