"""The neighbours of one item in the frozen and in the trained space, and where the model looked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.runs import TrainingRun
from fgvc_studio.gui import theme
from fgvc_studio.gui.dialogs.viewer import PictureSource
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.heat import heat_image
from fgvc_studio.gui.widgets.image_view import ImageView
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.item_strip import ItemStrip, Tile
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.services import attending, contrast
from fgvc_studio.services.attending import Attention
from fgvc_studio.services.contrast import Strip

_SLOT, _CHANGED, _HEAT = "train neighbours", "train most changed", "train attention"
_SHOWN = 7


class TrainNeighbours(QWidget):
    """One photo at the left; its nearest in both spaces at the right, changes marked."""

    def __init__(
        self,
        context: Context,
        thumbnails: Thumbnails,
        source: PictureSource,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._context, self._source = context, source
        self._run: TrainingRun | None = None
        self._item = 0
        self._changed: NDArray[np.int64] = np.empty(0, np.int64)
        self._next = 0
        self.image = ImageView()
        self.image.setMinimumSize(240, 220)
        self.caption = QLabel()
        self.caption.setProperty("role", "heading")
        self.caption.setTextFormat(Qt.TextFormat.PlainText)
        self.caption.setWordWrap(True)
        self.attention = QPushButton(self.tr("Show where the model looked"))
        self.attention.setCheckable(True)
        self.attention.toggled.connect(self._show_heat)
        self.heads = [Heading(""), Heading("")]
        self.strips = [ItemStrip(thumbnails, 112), ItemStrip(thumbnails, 112)]
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setProperty("role", "muted")
        self.another = QPushButton(self.tr("Another with other neighbours"))
        self.another.clicked.connect(self.show_next)
        self.selected = QPushButton(self.tr("The current item of Browse"))
        self.selected.clicked.connect(self._take_current)
        for strip in self.strips:
            strip.clicked.connect(self.show_item)
        self._build()
        context.selection.current_changed.connect(self._refresh_buttons)

    def _build(self) -> None:
        left = QVBoxLayout()
        left.addWidget(self.image, 1)
        left.addWidget(self.caption)
        left.addWidget(self.attention, 0, Qt.AlignmentFlag.AlignLeft)
        right = QVBoxLayout()
        for head, strip in zip(self.heads, self.strips, strict=True):
            right.addWidget(head)
            right.addWidget(strip)
        right.addWidget(self.told)
        buttons = QHBoxLayout()
        buttons.addWidget(self.another)
        buttons.addWidget(self.selected)
        buttons.addStretch(1)
        right.addSpacing(8)
        right.addLayout(buttons)
        right.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 12, 20, 12)
        row.setSpacing(18)
        row.addLayout(left, 2)
        row.addLayout(right, 5)

    # ---- what is shown ---------------------------------------------------------------------
    def show_run(self, run: TrainingRun) -> None:
        """Compare the space of a run with that it started from."""
        same = self._run is not None and self._run.id == run.id
        self._run = run
        self.heads[0].setText(self.tr("Frozen space {name}").format(name=run.base_space))
        self.heads[1].setText(self.tr("Trained space {name}").format(name=run.space))
        self.attention.setVisible(attending.possible(self._context.studio, run.space))
        self._refresh_buttons()
        if not same:
            self._item, self._changed, self._next = 0, np.empty(0, np.int64), 0
            if self.isVisible():
                self._ask_changed()

    def showEvent(self, event: QShowEvent) -> None:
        """Look for something to show when the view is first seen."""
        super().showEvent(event)
        if not len(self._changed) and not self._item:
            self._ask_changed()

    def _ask_changed(self) -> None:
        run, studio = self._run, self._context.studio
        if run is None:
            return
        self.told.setText(self.tr("Looking for items whose neighbours changed..."))

        def read(_ticket: Ticket) -> tuple[str, NDArray[np.int64]]:
            found = contrast.most_changed(studio, run.base_space, run.space, k=_SHOWN)
            return run.id, found

        self._context.tasks.submit(_CHANGED, read, self._changed_found, self._failed)

    def _changed_found(self, answer: tuple[str, NDArray[np.int64]]) -> None:
        run_id, items = answer
        if self._run is None or run_id != self._run.id:
            return
        self._changed, self._next = items, 0
        if not self._item:
            self.show_next()

    def show_next(self) -> None:
        """The next item of those whose neighbours changed most."""
        if len(self._changed):
            self.show_item(int(self._changed[self._next % len(self._changed)]))
            self._next += 1

    def _take_current(self) -> None:
        if self._context.selection.current:
            self.show_item(self._context.selection.current)

    def show_item(self, item: int) -> None:
        """Show an item with its neighbours in both spaces."""
        run, studio = self._run, self._context.studio
        if run is None:
            return
        self._item = item
        self._source.show(self.image, item)
        self.caption.setText(self._source.caption_of(item))

        def read(_ticket: Ticket) -> tuple[int, tuple[Strip, Strip]]:
            return item, contrast.strips(studio, item, run.base_space, run.space, _SHOWN)

        self._context.tasks.submit(_SLOT, read, self._show, self._failed)
        if self.attention.isChecked():
            self._show_heat(on=True)

    def _show(self, answer: tuple[int, tuple[Strip, Strip]]) -> None:
        item, pair = answer
        if item != self._item:
            return
        marks = ((self.tr("gone"), "muted"), (self.tr("new"), "selection"))
        for strip, found, (word, token) in zip(self.strips, pair, marks, strict=True):
            strip.set_tiles(
                [
                    Tile(int(i), self._short(int(i)), "" if kept else word, token)
                    for i, kept in zip(found.item_ids, found.shared, strict=True)
                ]
            )
        shared = int(pair[0].shared.sum())
        self.told.setText(self._counted(item, pair, shared))

    def _counted(self, item: int, pair: tuple[Strip, Strip], shared: int) -> str:
        total = len(pair[0].item_ids)
        text = self.tr("{n} of {total} neighbours are the same in both spaces.").format(
            n=shared, total=total
        )
        category = self._context.studio.catalogue.category
        own = int(category[item - 1])
        if own:
            right = [int((category[s.item_ids - 1] == own).sum()) for s in pair]
            text += " " + self.tr(
                "Of its own category: {before} in the frozen space, {after} in the trained one."
            ).format(before=right[0], after=right[1])
        return text

    def _short(self, item: int) -> str:
        catalogue = self._context.studio.catalogue
        return catalogue.name(int(catalogue.category[item - 1])) or self.tr("unlabelled")

    # ---- where it looked -------------------------------------------------------------------
    def _show_heat(self, on: bool) -> None:
        run, item, studio = self._run, self._item, self._context.studio
        if not on or run is None or not item:
            self.image.set_heat(None)
            return
        self._context.tasks.submit(
            _HEAT,
            lambda _ticket: attending.of_item(studio, run.space, item),
            self._heat_came,
            self._failed,
        )

    def _heat_came(self, found: Attention) -> None:
        if found.item_id == self._item and self.attention.isChecked():
            self.image.set_heat(heat_image(found.values, dark=theme.current().dark), found.box)
            if found.even:
                self.told.setText(self.tr("The model looked at all of this photo alike."))

    def _failed(self, error: UserError) -> None:
        self.told.setText(str(error))

    def _refresh_buttons(self, _item: int = 0) -> None:
        self.selected.setEnabled(bool(self._context.selection.current))

    def stop(self) -> None:
        """The project closes."""
        self.image.stop()
