"""The line below the gallery while something is tried or switched off: what it does, what next."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QWidget,
)

from fgvc_studio.domain.prototypes import Effects
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui.widgets.verdict_panel import KeyButton


class EffectsBar(QFrame):
    """Says what is tried; keeps it with a reason or puts it back."""

    keep_requested = Signal(str)
    """The reason."""
    put_back_requested = Signal()
    look_requested = Signal()
    left = Signal()
    """What had the keyboard here has gone."""

    def __init__(self, key_text: Callable[[str], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key_text = key_text
        self.setObjectName("effects")
        self.setAccessibleName(self.tr("What is tried"))
        self.text = QLabel(wordWrap=True)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.look = KeyButton(self.tr("See what changes"))
        self.look.clicked.connect(self.look_requested)
        self.reason = QLineEdit()
        self.reason.setPlaceholderText(self.tr("Why? It is kept with the decision"))
        self.reason.setAccessibleName(self.tr("Reason"))
        self.reason.setMinimumWidth(150)
        self.reason.setMaximumWidth(260)
        self.reason.returnPressed.connect(self._keep)
        self.keep = KeyButton(self.tr("Keep it off"))
        self.keep.setProperty("role", "primary")
        self.keep.clicked.connect(self._keep)
        self.put_back = KeyButton(self.tr("Put back"))
        self.put_back.clicked.connect(self.put_back_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 7, 12, 7)
        row.setSpacing(8)
        row.addWidget(self.text, 1)
        for widget in (self.look, self.reason, self.keep, self.put_back):
            row.addWidget(widget)
        for button in (self.look, self.keep, self.put_back):
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.show_keys()
        self.hide()

    def show_keys(self) -> None:
        """Read the keys anew."""
        self.look.set_key(self._key_text("proto.page2"))
        self.put_back.set_key(self._key_text("proto.put_back"))
        self.keep.setToolTip(self._key_text("proto.forbid"))

    def show_state(
        self, *, off: int, tried_off: int, tried_on: int, effects: Effects | None, writable: bool
    ) -> None:
        """Say what is off, what is tried and what comes of it; nothing of both: hide."""
        trying = tried_off + tried_on
        had_keyboard = self._has_keyboard()
        self.setVisible(bool(off or trying))
        parts = []
        if tried_off:
            parts.append(self._without(tried_off))
        if tried_on:
            parts.append(self._with(tried_on))
        if off and not trying:
            parts.append(self._off(off))
        words = ", ".join(parts)
        self.text.setText(f"{words}: {say.effects_words(effects)}" if effects else f"{words} ...")
        self.text.setToolTip(say.judged_on_tip(effects.on) if effects else "")
        for widget in (self.reason, self.keep):
            widget.setVisible(bool(trying) and writable)
        self.reason.setVisible(bool(tried_off) and writable)
        self.keep.setText(self._keep_words(tried_off, tried_on))
        self.put_back.setVisible(bool(trying))
        if not trying:
            self.reason.clear()
        if had_keyboard and not self._has_keyboard():
            self.left.emit()

    def _has_keyboard(self) -> bool:
        widget = QApplication.focusWidget()
        return widget is not None and self.isAncestorOf(widget)

    def _without(self, n: int) -> str:
        if n == 1:
            return self.tr("Trying without 1 prototype")
        return self.tr("Trying without {n} prototypes").format(n=f"{n:,}")

    def _with(self, n: int) -> str:
        if n == 1:
            return self.tr("Trying with 1 prototype again")
        return self.tr("Trying with {n} prototypes again").format(n=f"{n:,}")

    def _off(self, n: int) -> str:
        if n == 1:
            return self.tr("1 prototype is switched off")
        return self.tr("{n} prototypes are switched off").format(n=f"{n:,}")

    def _keep_words(self, tried_off: int, tried_on: int) -> str:
        if tried_off and tried_on:
            return self.tr("Keep this")
        return self.tr("Switch on again") if tried_on else self.tr("Keep it off")

    def ask(self, suggestion: str) -> None:
        """Put the cursor in the reason, with a first guess."""
        if not self.reason.isVisible():
            self._keep()
            return
        if not self.reason.text().strip():
            self.reason.setText(suggestion)
        self.reason.setFocus()
        self.reason.selectAll()

    def _keep(self) -> None:
        self.keep_requested.emit(self.reason.text().strip())
