"""Grow and audit: pages of candidates, two keys, then a random sample and its bound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QListWidget,
    QSizePolicy,
    QWidget,
)

from fgvc_studio.gui import theme
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.judge_pane import JudgePane
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

Ids = NDArray[np.int64]
AUDITS = (10, 30, 59, 100)


class PageLine(QWidget):
    """The ordered candidates as a line: pages that match, the first bad one, the page shown."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._pages = 0
        self._good, self._bad, self._here = -1, -1, -1

    def sizeHint(self) -> QSize:
        """A thin line."""
        return QSize(200, 18)

    def show_state(self, pages: int, good: int, bad: int, here: int) -> None:
        """Pages are numbered from 0; -1: none yet.

        Parameters
        ----------
        good, bad : int
            Last page known to match, first page known not to.
        """
        self._pages, self._good, self._bad, self._here = pages, good, bad, here
        self.setAccessibleName(
            self.tr("Page {here} of {n}; {good} pages match").format(
                here=here + 1, n=pages, good=good + 1
            )
        )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Green up to the last good page, a gap that is open, then grey."""
        t = theme.current()
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = QRectF(2, self.height() / 2 - 3, self.width() - 4, 6)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(QColor(t.border))
        p.drawRoundedRect(line, 3, 3)
        if not self._pages:
            p.end()
            return
        step = line.width() / self._pages
        if self._good >= 0:
            p.setBrush(QColor(t.good))
            p.drawRoundedRect(QRectF(line.left(), line.top(), step * (self._good + 1), 6), 3, 3)
        if 0 <= self._bad < self._pages:
            p.setBrush(QColor(t.danger))
            p.drawRect(QRectF(line.left() + step * self._bad, line.top(), max(3.0, step), 6))
        if 0 <= self._here < self._pages:
            x = line.left() + step * (self._here + 0.5)
            p.setBrush(QColor(t.selection))
            p.drawEllipse(QRectF(x - 6, self.height() / 2 - 6, 12, 12))
        p.end()


class GrowPane(JudgePane):
    """The view; `GrowDesk` decides what it shows."""

    all_match = Signal()
    some_do_not = Signal()
    strike = Signal()
    audit = Signal()
    size_changed = Signal(int)
    again = Signal()
    commit = Signal()
    shrink = Signal()
    guard_changed = Signal(bool)

    def __init__(self, selection: Selection, thumbnails: Thumbnails) -> None:
        super().__init__(
            selection, thumbnails, client="grow", back=self.tr("Leave without writing")
        )
        self.question = QLabel(wordWrap=True)
        self.question.setProperty("role", "heading")
        self.line = PageLine()
        self.grid.setAccessibleName(self.tr("Candidates"))
        self.examples.setAccessibleName(self.tr("What is grown"))
        self.log = QListWidget()
        self.log.setAccessibleName(self.tr("Decisions so far"))
        self.log.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.facts = QLabel(wordWrap=True)
        self.facts.setProperty("role", "muted")
        self.bound = QLabel(wordWrap=True)
        self.bound.setProperty("role", "heading")
        self.sizes = QComboBox()
        self.sizes.setAccessibleName(self.tr("Size of the random sample"))
        for n in AUDITS:
            self.sizes.addItem(self.tr("sample of {n}").format(n=n), n)
        self.sizes.setCurrentIndex(1)
        self.guard = QCheckBox(
            self.tr("Leave out what may be another known category (at most 5 % of each)")
        )
        self.guard.toggled.connect(self.guard_changed)
        self.yes = self._button(self.tr("All match  (F)"), self.all_match, primary=True)
        self.no = self._button(self.tr("Some do not  (J)"), self.some_do_not)
        self.out = self._button(self.tr("Strike out the ticked  (X)"), self.strike)
        self.stop = self._button(self.tr("Stop growing, audit"), self.audit)
        self.redraw = self._button(self.tr("Draw again"), self.again)
        self.write = self._button("", self.commit, primary=True)
        self.less = self._button(self.tr("Shrink"), self.shrink)
        self._growing = (self.yes, self.no, self.out, self.stop)
        self._auditing = (self.guard, self.sizes, self.redraw, self.less, self.write)
        self._build()
        self.sizes.activated.connect(lambda _i: self.size_changed.emit(self.sizes.currentData()))
        self.show_waiting("")

    @property
    def audit_size(self) -> int:
        """The chosen size of the sample."""
        return int(self.sizes.currentData())

    def show_waiting(self, name: str) -> None:
        """Say that the candidates are being ranked."""
        self.title.setText(self.tr("Grow {name}").format(name=name) if name else "")
        self.question.setText(self.tr("Ranking the candidates by likeness..."))
        self.bound.setText("")
        self.facts.setText("")
        self.log.clear()
        self.grid.set_empty_text("")
        self.grid.show_parts([])
        self._stage(self._growing, enabled=False)

    def show_page(self, ids: Ids, question: str) -> None:
        """Show a page of candidates."""
        self.question.setText(question)
        self.bound.setText("")
        self.grid.show_parts([("", ids)], to_top=True)
        self._stage(self._growing, enabled=True)

    def show_sample(self, ids: Ids, question: str) -> None:
        """Show the random sample of the audit."""
        self.question.setText(question)
        self.grid.show_parts([("", ids)], to_top=True)
        self._stage(self._auditing, enabled=True)

    def show_nothing(self, text: str) -> None:
        """Nothing to look at: say why."""
        self.question.setText(text)
        self.grid.set_empty_text(text)
        self.grid.show_parts([])
        self._stage(self._growing, enabled=False)

    def show_bound(self, text: str, count: int, button: str, *, shrinkable: bool) -> None:
        """Print the bound and what the button would do."""
        self.bound.setText(text)
        self.write.setText(button)
        self.write.setEnabled(count > 0)
        self.less.setEnabled(shrinkable)

    def show_log(self, lines: Sequence[str], facts: str) -> None:
        """The decisions so far, newest first."""
        self.log.clear()
        self.log.addItems(list(lines)[::-1])
        self.facts.setText(facts)

    # ---- building --------------------------------------------------------------------------
    def _stage(self, live: tuple[QWidget, ...], *, enabled: bool) -> None:
        for widget in (*self._growing, *self._auditing):
            widget.setVisible(widget in live)
            widget.setEnabled(enabled)
        self.line.setVisible(live is self._growing)
        self.bound.setVisible(live is self._auditing)

    def _build(self) -> None:
        self._arrange(
            side=[
                (Heading(self.tr("Compare with")), 0),
                (self.examples, 3),
                (Heading(self.tr("Decisions")), 0),
                (self.log, 2),
                (self.facts, 0),
            ],
            head=[self.question, self.line, self.bound, self.guard],
            answers=[
                self.sizes, self.redraw, self.stop, self.out, self.less, self.no, self.yes,
                self.write,
            ],
        )  # fmt: skip
