"""Removable chips, one for each part of the filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QWidget

from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.widgets import filter_words as words
from fgvc_studio.services.browsing import Filter

Chip = tuple[str, Filter]
"""What it says, and the filter that is left when it is removed."""
_LONGEST = 32
_WIDEST, _NARROWEST = 460, 130


def chips_of(shown: Filter, category_name: Callable[[int], str]) -> list[Chip]:
    """One chip for each condition of the filter but the typed text, which has its own line."""
    chips: list[Chip] = []
    if shown.only is not None:
        text = words.chosen_items(shown.only_name, len(shown.only))
        chips.append((text, replace(shown, only=None, only_name="")))
    if shown.state != "all":
        chips.append((words.states()[shown.state], replace(shown, state="all")))
    for c in sorted(shown.categories):
        left = replace(shown, categories=shown.categories - {c})
        chips.append((category_name(c), left))
    for source in sorted(shown.sources):
        left = replace(shown, sources=shown.sources - {source})
        chips.append((words.sources()[source], left))
    for split in sorted(shown.splits):
        left = replace(shown, splits=shown.splits - {split})
        chips.append((words.splits()[split], left))
    if shown.duplicates != "all":
        chips.append((words.duplicates()[shown.duplicates], replace(shown, duplicates="all")))
    for pair in shown.metadata:
        rest = tuple(p for p in shown.metadata if p != pair)
        chips.append((f"{pair[0]} = {pair[1]}", replace(shown, metadata=rest)))
    return chips


class ChipRow(QScrollArea):
    """The chips and "Clear all"; hidden when there are none, scrolls sideways when many.

    They stand in the line of the search, so that nothing below moves when one comes or goes.
    """

    removed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.chips: list[QPushButton] = []
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self._body = QWidget()
        self._row = QHBoxLayout(self._body)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)
        self._row.addStretch(1)
        self.setWidget(self._body)
        self.setFixedHeight(28)

    def set_chips(self, chips: Sequence[Chip]) -> None:
        """Show these."""
        for old in self.chips:
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        entries = [*chips, (words.clear_all(), Filter())] if len(chips) > 1 else list(chips)
        self.chips = [self._chip(text, left) for text, left in entries]
        for place, chip in enumerate(self.chips):
            self._row.insertWidget(place, chip)
        for chip in self.chips:
            chip.ensurePolished()  # before the first showing their size is that of plain buttons
        width = sum(c.sizeHint().width() + self._row.spacing() for c in self.chips)
        self.setMaximumWidth(min(width, _WIDEST))
        self.setMinimumWidth(min(width, _NARROWEST))
        self.setVisible(bool(chips))

    def _chip(self, text: str, left: Filter) -> QPushButton:
        chip = QPushButton(icon("close", "muted"), _short(text).replace("&", "&&"))
        chip.setProperty("role", "chip")
        chip.setIconSize(QSize(10, 10))
        chip.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        chip.setToolTip(text)
        chip.setAccessibleName(words.remove(text))
        chip.clicked.connect(lambda: self.removed.emit(left))
        return chip


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
