"""What the workspace of prototypes shows before there is a classifier."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

_WIDTH = 520
LEAST_PHOTOS = 3
LEAST_CATEGORIES = 2


class PrototypeEmpty(QWidget):
    """Says what a classifier needs, and offers to train one."""

    train_clicked = Signal()
    browse_clicked = Signal()
    """Names are missing: the user wants to give some."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel()
        self.title.setProperty("role", "title")
        self.text = QLabel(wordWrap=True)
        self.needs = QLabel(wordWrap=True)
        for label in (self.text, self.needs):
            label.setProperty("role", "muted")
        self.button = QPushButton(self.tr("Train a classifier"))
        self.button.setProperty("role", "primary")
        self.button.clicked.connect(self.train_clicked)
        self.browse = QPushButton(self.tr("Name photos in Browse"))
        self.browse.setProperty("role", "primary")
        self.browse.clicked.connect(self.browse_clicked)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(260)
        middle = QWidget()  # a label that is aligned by the layout itself gets one line only
        middle.setFixedWidth(_WIDTH)
        words = QVBoxLayout(middle)
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(10)
        for label in (self.title, self.text, self.needs):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            words.addWidget(label)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(10)
        column.addStretch(1)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(middle)
        across.addStretch(1)
        column.addLayout(across)
        column.addSpacing(6)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.browse, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self.show_needs(0, 0, writable=True)

    def show_needs(self, ready: int, named: int, *, writable: bool) -> None:
        """Say what is there: categories with enough photos, of all that have any."""
        enough = ready >= LEAST_CATEGORIES
        self.title.setText(self.tr("No classifier yet"))
        self.text.setText(
            self.tr(
                "A classifier with prototypes says “this photo is that species because this patch "
                "looks like that patch”. Here you see the patches, judge them, switch one off and "
                "see at once which photos change."
            )
        )
        words = self.tr(
            "It needs at least {categories} named categories with {photos} photos or more: "
            "{ready} of {named} have that many."
        ).format(categories=LEAST_CATEGORIES, photos=LEAST_PHOTOS, ready=ready, named=named)
        if not named:
            words = self.tr(
                "It needs at least {categories} named categories with {photos} photos or more. "
                "No photo is named yet: name some in Browse first."
            ).format(categories=LEAST_CATEGORIES, photos=LEAST_PHOTOS)
        if not writable:
            words = self.tr("The project is open read-only, so nothing can be trained.")
        self.needs.setText(words)
        self.button.setVisible(enough or not writable)
        self.button.setEnabled(enough and writable)
        self.browse.setVisible(not enough and writable)
        self.bar.hide()

    def show_work(self, title: str, text: str, share: float | None) -> None:
        """A job is at work for this page (0..1, None: unknown)."""
        self.title.setText(title)
        self.text.setText(
            self.tr("You can go on working elsewhere; this page fills when it is ready.")
        )
        self.needs.setText(text)
        self.button.hide()
        self.browse.hide()
        self.bar.show()
        self.bar.setRange(0, 0 if share is None else 1000)
        if share is not None:
            self.bar.setValue(round(1000 * share))
