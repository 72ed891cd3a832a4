"""The blind test: which of two strips of neighbours fits the photo better, not knowing whose."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from fgvc_studio.gui.widgets.image_view import ImageView
from fgvc_studio.gui.widgets.item_strip import ItemStrip, Tile
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.services.contrast import Trial

_SIDE = 118
FIRST, SECOND, NEITHER = 1, 2, 0


class BlindTest(QWidget):
    """Asks trial by trial; keys 1 and 2 choose a strip, 0 neither, Backspace goes back."""

    start_wanted = Signal()
    finished = Signal(object, object)
    """Trials and answers."""

    def __init__(
        self,
        thumbnails: Thumbnails,
        show: Callable[[ImageView, int], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._show_item = show
        self.trials: tuple[Trial, ...] = ()
        self.answers: list[int] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._intro())
        self._pages.addWidget(self._trial(thumbnails))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._pages)

    # ---- building --------------------------------------------------------------------------
    def _intro(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        self.told = QLabel(
            self.tr(
                "You see a photo and two rows of look-alikes: one from the frozen space, one from "
                "the trained space, in random order. Choose the row that fits better, 20 times. "
                "The score is kept in the card of the run; it counts when there are no labels to "
                "measure with."
            )
        )
        self.told.setWordWrap(True)
        self.told.setMaximumWidth(620)
        self.score = QLabel()
        self.score.setWordWrap(True)
        self.score.setProperty("role", "heading")
        self.score.setMaximumWidth(620)
        self.start = QPushButton(self.tr("Start the blind test"))
        self.start.setProperty("role", "primary")
        self.start.clicked.connect(self.start_wanted)
        column.addWidget(self.told)
        column.addWidget(self.score)
        column.addWidget(self.start, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        return page

    def _trial(self, thumbnails: Thumbnails) -> QWidget:
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(20, 12, 20, 12)
        row.setSpacing(18)
        left = QVBoxLayout()
        self.count = QLabel()
        self.count.setProperty("role", "heading")
        self.image = ImageView()
        self.image.setMinimumSize(240, 220)
        self.caption = QLabel(self.tr("Which row looks more like this one?"))
        self.caption.setWordWrap(True)
        left.addWidget(self.count)
        left.addWidget(self.image, 1)
        left.addWidget(self.caption)
        right = QVBoxLayout()
        self.strips: list[ItemStrip] = []
        self.buttons: list[QPushButton] = []
        for place, text in ((FIRST, self.tr("This row (1)")), (SECOND, self.tr("This row (2)"))):
            strip = ItemStrip(thumbnails, _SIDE)
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, n=place: self.answer(n))
            self.strips.append(strip)
            self.buttons.append(button)
            right.addWidget(strip)
            right.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
            right.addSpacing(14)
        foot = QHBoxLayout()
        equal = QPushButton(self.tr("Neither is better (0)"))
        equal.clicked.connect(lambda: self.answer(NEITHER))
        self.back = QPushButton(self.tr("One back"))
        self.back.clicked.connect(self.take_back)
        give_up = QPushButton(self.tr("Give up"))
        give_up.clicked.connect(self.reset)
        self.buttons.append(equal)
        for button in (equal, self.back, give_up):
            foot.addWidget(button)
        foot.addStretch(1)
        right.addLayout(foot)
        right.addStretch(1)
        row.addLayout(left, 2)
        row.addLayout(right, 3)
        return page

    # ---- the test --------------------------------------------------------------------------
    def begin(self, trials: Sequence[Trial]) -> None:
        """Ask these."""
        self.trials, self.answers = tuple(trials), []
        self._pages.setCurrentIndex(1)
        self._ask()
        self.setFocus()

    def reset(self, score: str = "") -> None:
        """Back to the first page, with the sentence of an earlier score."""
        self.trials, self.answers = (), []
        self.image.set_item(0, None)
        self.score.setText(score if isinstance(score, str) else "")
        self.score.setVisible(bool(self.score.text()))
        again = self.tr("Do the blind test again")
        self.start.setText(again if self.score.text() else self.tr("Start the blind test"))
        self._pages.setCurrentIndex(0)

    def answer(self, choice: int) -> None:
        """Prefer the first strip, the second, or neither."""
        if len(self.answers) >= len(self.trials):
            return
        self.answers.append(choice)
        if len(self.answers) == len(self.trials):
            self.finished.emit(self.trials, list(self.answers))
        else:
            self._ask()

    def take_back(self) -> None:
        """Ask the trial before again."""
        if self.answers:
            self.answers.pop()
            self._ask()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """1, 2, 0 and Backspace."""
        keys = {
            Qt.Key.Key_1: FIRST,
            Qt.Key.Key_2: SECOND,
            Qt.Key.Key_0: NEITHER,
        }
        if not self.trials or event.isAutoRepeat():
            super().keyPressEvent(event)
        elif event.key() in keys:
            self.answer(keys[Qt.Key(event.key())])
        elif event.key() == Qt.Key.Key_Backspace:
            self.take_back()
        else:
            super().keyPressEvent(event)

    def stop(self) -> None:
        """End the thread of the picture."""
        self.image.stop()

    def _ask(self) -> None:
        place = len(self.answers)
        trial = self.trials[place]
        self.count.setText(self.tr("{n} of {total}").format(n=place + 1, total=len(self.trials)))
        self._show_item(self.image, trial.item_id)
        for strip, ids in zip(self.strips, (trial.first, trial.second), strict=True):
            strip.set_tiles([Tile(int(i)) for i in ids])
        self.back.setEnabled(place > 0)
