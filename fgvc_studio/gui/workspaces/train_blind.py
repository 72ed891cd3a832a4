"""The blind test of a run: questions from the services, the score into the card."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fgvc_studio.domain.runs import RunCard, TrainingRun
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.blind_test import BlindTest
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.services import contrast
from fgvc_studio.services.contrast import Trial

_SLOT = "train blind test"


class BlindPage(QWidget):
    """Runs blind tests; `stored` tells that a score was put into a card."""

    stored = Signal()

    def __init__(self, context: Context, test: BlindTest, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._run: TrainingRun | None = None
        self.test = test
        test.start_wanted.connect(self.begin)
        test.finished.connect(self._finished)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(test)

    def show_run(self, run: TrainingRun, card: RunCard) -> None:
        """Offer the test of a run; one that is under way goes on."""
        if self._run is not None and self._run.id == run.id and self.test.trials:
            return
        self._run = run
        self.test.reset(str(card.blind_test.get("sentence", "")))
        self.test.start.setEnabled(not self._context.studio.store.read_only)

    def begin(self) -> None:
        """Draw questions and ask them; each test draws anew."""
        run, studio = self._run, self._context.studio
        if run is None:
            return
        seed = int(time.time())

        def read(_ticket: Ticket) -> tuple[str, tuple[Trial, ...]]:
            return run.id, contrast.blind_trials(studio, run.base_space, run.space, seed=seed)

        self._context.tasks.submit(_SLOT, read, self._begun, self._context.show_fault)

    def _begun(self, answer: tuple[str, tuple[Trial, ...]]) -> None:
        run_id, trials = answer
        if self._run is not None and run_id == self._run.id:
            self.test.begin(trials)

    def _finished(self, trials: Sequence[Trial], answers: Sequence[int]) -> None:
        run, studio = self._run, self._context.studio
        if run is None:
            return

        def keep(_ticket: Ticket) -> tuple[str, str]:
            score = contrast.blind_score(trials, answers, studio.who)
            contrast.keep_score(studio, run.id, score)
            return run.id, score.sentence

        self._context.tasks.submit(_SLOT, keep, self._kept, self._context.show_fault)

    def _kept(self, answer: tuple[str, str]) -> None:
        run_id, sentence = answer
        if self._run is not None and run_id == self._run.id:
            self.test.reset(sentence)
        self.stored.emit()

    def stop(self) -> None:
        """The project closes."""
        self.test.stop()
