"""What the map's place shows before there is a map."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget


class MapEmpty(QWidget):
    """'No map yet' and the one button that makes one."""

    compute_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        title = QLabel(self.tr("No map yet"), self)
        title.setProperty("role", "title")
        text = QLabel(
            self.tr("Embeddings place every photo on a map: look-alikes come to lie together."),
            self,
        )
        text.setProperty("role", "muted")
        text.setWordWrap(True)
        self.button = QPushButton(self.tr("Compute embeddings"), self)
        self.button.setProperty("role", "primary")
        self.button.clicked.connect(self.compute_clicked)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(10)
        column.addStretch(1)
        for label in (title, text):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            column.addWidget(label)
        column.addSpacing(6)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
