"""The top bar of Discover: which discovery, other ways to group, what is probably known."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QPushButton, QWidget

from fgvc_studio.domain.clusters import Discovery
from fgvc_studio.gui import words


class DiscoverBar(QWidget):
    """Shown while Discover is in front."""

    discovery_chosen = Signal(int)
    find_wanted = Signal()
    beside_wanted = Signal(str)
    """Group the same items by this plain method."""
    compare_wanted = Signal()
    known_wanted = Signal()
    place_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.discoveries = QComboBox()
        self.discoveries.setAccessibleName(self.tr("Discovery shown"))
        self.discoveries.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.discoveries.setMinimumContentsLength(16)  # and as much more as there is room for
        self.find = QPushButton(self.tr("Find groups..."))
        self.beside = QPushButton(self.tr("Compare with"))
        self.menu = QMenu(self)
        for key, title in (
            ("umap-kmeans", self.tr("UMAP + k-means, as many groups")),
            ("kmeans", self.tr("k-means, as many groups")),
        ):
            self.menu.addAction(title).triggered.connect(
                lambda _=False, k=key: self.beside_wanted.emit(k)
            )
        self.menu.addSeparator()
        self.menu.addAction(self.tr("All discoveries beside each other...")).triggered.connect(
            self.compare_wanted
        )
        self.beside.setMenu(self.menu)
        self.known = QPushButton()
        self.left = QPushButton(self.tr("Place what is left"))
        self.progress = QLabel()
        self.progress.setProperty("role", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.discoveries)
        row.addWidget(self.beside)
        row.addWidget(self.find)
        row.addWidget(self.known)
        row.addWidget(self.left)
        row.addStretch(1)
        row.addWidget(self.progress)
        self.discoveries.activated.connect(
            lambda _i: self.discovery_chosen.emit(int(self.discoveries.currentData()))
        )
        self.find.clicked.connect(self.find_wanted)
        self.known.clicked.connect(self.known_wanted)
        self.left.clicked.connect(self.place_wanted)
        self.set_discoveries([], 0)
        self.set_counts(0, 0, 0)

    def set_discoveries(self, found: Sequence[Discovery], current: int) -> None:
        """Offer these, the newest first."""
        self.discoveries.blockSignals(True)
        self.discoveries.clear()
        for discovery in reversed(found):
            text = f"{discovery.title}, {words.when(discovery.created)}"
            self.discoveries.addItem(text, discovery.id)
            if discovery.id == current:
                self.discoveries.setToolTip(text)
        self.discoveries.setCurrentIndex(self.discoveries.findData(current))
        self.discoveries.blockSignals(False)
        for widget in (self.discoveries, self.beside, self.left):
            widget.setVisible(bool(found))

    def set_counts(self, looked_at: int, total: int, known: int) -> None:
        """How far the review is, and how many items are probably known."""
        self.progress.setText(
            self.tr("{n} of {total} looked at").format(n=looked_at, total=total) if total else ""
        )
        self.known.setText(self.tr("Probably known: {n}").format(n=words.count(known)))
        self.known.setVisible(known > 0)
