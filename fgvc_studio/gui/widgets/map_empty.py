"""What the map's place shows before there is a map."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget


class MapEmpty(QWidget):
    """'No map yet' and the one button that makes one."""

    compute_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title = QLabel(self.tr("No map yet"), self)
        title.setProperty("role", "title")
        self._photos = True
        self._text = text = QLabel(self)
        text.setProperty("role", "muted")
        text.setWordWrap(True)
        self.button = QPushButton(self.tr("Compute embeddings"), self)
        self.button.setProperty("role", "primary")
        self.button.clicked.connect(self.compute_clicked)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(220)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(10)
        column.addStretch(1)
        for label in (title, text):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            column.addWidget(label)
        column.addSpacing(6)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._bar, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self.set_busy("")

    def set_photos(self, there: bool) -> None:
        """Without photos the next step is to bring some."""
        self._photos = there
        self.set_busy("")

    @property
    def photos(self) -> bool:
        """Whether there is something to embed."""
        return self._photos

    def set_busy(self, what: str, share: float | None = None) -> None:
        """Say what is being done for the map (0..1, None: unknown); empty: nothing."""
        none = self.tr("No map yet") if self._photos else self.tr("No photos yet")
        self._title.setText(what or none)
        self._text.setText(
            self.tr("Embeddings place every photo on a map: look-alikes come to lie together.")
            if self._photos
            else self.tr("Add a folder of photos. They stay where they are and are not changed.")
        )
        self.button.setText(
            self.tr("Compute embeddings") if self._photos else self.tr("Add images...")
        )
        self.button.setVisible(not what)
        self._bar.setVisible(bool(what))
        self._bar.setRange(0, 0 if share is None else 100)
        if share is not None:
            self._bar.setValue(round(100 * share))
