"""Which column of a table means what."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QWidget

from fgvc_studio.interchange.base import ColumnMapping

_SINGLE = ("path", "split", "date", "place", "latitude", "longitude")
_PER_ROW = 4


class ColumnChoice(QWidget):
    """A box of columns for each role, filled with the guess; `changed` when the user chose."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._guess: ColumnMapping | None = None
        self._touched = False
        words = {
            "path": self.tr("Image file"),
            "label1": self.tr("Category"),
            "label2": self.tr("below it"),
            "split": self.tr("Split"),
            "date": self.tr("Date"),
            "place": self.tr("Place"),
            "latitude": self.tr("Latitude"),
            "longitude": self.tr("Longitude"),
        }
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        self.boxes: dict[str, QComboBox] = {}
        for i, (role, word) in enumerate(words.items()):
            box = QComboBox()
            box.setAccessibleName(word)
            box.currentIndexChanged.connect(lambda _i: self._chosen())
            self.boxes[role] = box
            label = QLabel(word)
            label.setBuddy(box)
            grid.addWidget(label, 2 * (i // _PER_ROW), i % _PER_ROW)
            grid.addWidget(box, 2 * (i // _PER_ROW) + 1, i % _PER_ROW)

    def show_columns(self, columns: list[str], mapping: ColumnMapping | None) -> None:
        """Offer `columns`, with `mapping` chosen; hidden where the source is no table."""
        self.setVisible(bool(columns) and mapping is not None)
        if not columns or mapping is None:
            self._guess = None
            return
        self._guess = mapping
        label = mapping.label or ()
        chosen = {role: getattr(mapping, role) or "" for role in _SINGLE}
        chosen["label1"] = label[0] if label else ""
        chosen["label2"] = label[1] if len(label) > 1 else ""
        for role, box in self.boxes.items():
            box.blockSignals(True)
            box.clear()
            box.addItem(self.tr("(none)"), "")
            for column in columns:
                box.addItem(column, column)
            box.setCurrentIndex(max(0, box.findData(chosen[role])))
            box.blockSignals(False)

    def mapping(self) -> ColumnMapping | None:
        """What the user chose; None while the guess stands."""
        if self._guess is None or not self._touched:
            return None
        chosen = {role: str(self.boxes[role].currentData() or "") for role in _SINGLE}
        label = [str(self.boxes[r].currentData() or "") for r in ("label1", "label2")]
        deeper = (self._guess.label or ())[2:]
        names = tuple(n for n in label if n)
        return replace(self._guess, **chosen, label=names + (deeper if len(names) == 2 else ()))

    def forget(self) -> None:
        """Another source: its own guess counts again."""
        self._guess = None
        self._touched = False

    def _chosen(self) -> None:
        self._touched = True
        self.changed.emit()
