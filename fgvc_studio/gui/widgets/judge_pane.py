"""A page on which items are judged: what to compare with, a question, the items, the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.member_grid import SectionGrid
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

Ids = NDArray[np.int64]
TILE, EXAMPLE = 112, 68
SIDE = 250
EXAMPLES = 40
"""Pictures to compare with."""


class JudgePane(QFrame):
    """The parts that such pages share; `left` asks to go back.

    Parameters
    ----------
    client : str
        Under which the grids ask for pictures.
    """

    left = Signal()

    def __init__(
        self, selection: Selection, thumbnails: Thumbnails, *, client: str, back: str
    ) -> None:
        super().__init__()
        self.title = QLabel()
        self.title.setProperty("role", "title")
        self.grid = SectionGrid(selection, thumbnails, client=client, tile=TILE)
        self.examples = SectionGrid(
            selection, thumbnails, client=f"{client} examples", tile=EXAMPLE
        )
        self.back = self._button(back, self.left)

    def show_examples(self, ids: Ids) -> None:
        """Pictures to compare with."""
        self.examples.show_parts([("", ids)], to_top=True)

    def _button(
        self, text: str, act: SignalInstance | Callable[[], object], *, primary: bool = False
    ) -> QPushButton:
        button = QPushButton(text)
        if primary:
            button.setProperty("role", "primary")
        button.clicked.connect(act)
        return button

    def _arrange(
        self,
        side: Sequence[tuple[QWidget, int]],
        head: Sequence[QWidget],
        answers: Sequence[QWidget],
    ) -> None:
        """Lay out: (widget, stretch) at the left, those over the grid, and those under it."""
        panel = QFrame()
        panel.setObjectName("panel")
        panel.setFixedWidth(SIDE)
        left = QVBoxLayout(panel)
        left.setContentsMargins(12, 8, 12, 10)
        left.setSpacing(6)
        for widget, stretch in side:
            left.addWidget(widget, stretch)
        top = QVBoxLayout()
        top.setContentsMargins(14, 10, 14, 8)
        top.setSpacing(6)
        for widget in (self.title, *head):
            top.addWidget(widget)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 8, 14, 10)
        foot.setSpacing(8)
        foot.addWidget(self.back)
        foot.addStretch(1)
        for widget in answers:
            foot.addWidget(widget)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addLayout(top)
        right.addWidget(self.grid, 1)
        right.addLayout(foot)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(panel)
        row.addLayout(right, 1)
