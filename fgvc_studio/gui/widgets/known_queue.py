"""Items that were left out of the search because they probably belong to a known category."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem

from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.category_swatch import swatch
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.judge_pane import JudgePane
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

Ids = NDArray[np.int64]
_CATEGORY = Qt.ItemDataRole.UserRole
_NONE: Ids = np.empty(0, np.int64)


class KnownQueue(JudgePane):
    """Categories at the left, the items that probably belong to the chosen one at the right.

    `category_changed` asks for examples of a category. `accepted` and `rejected` carry the
    category and the items: those ticked, or all shown when none is.
    """

    accepted = Signal(int, object)
    rejected = Signal(int, object)
    category_changed = Signal(int)

    def __init__(
        self,
        selection: Selection,
        thumbnails: Thumbnails,
        category_name: Callable[[int], str],
    ) -> None:
        super().__init__(
            selection, thumbnails, client="known", back=self.tr("Back to the clusters")
        )
        self._selection = selection
        self._category_name = category_name
        self._queue: dict[int, Ids] = {}
        self.text = QLabel(wordWrap=True)
        self.text.setProperty("role", "muted")
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Probably known, by category"))
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.like = Heading("")
        self.examples.setAccessibleName(self.tr("Named photos of the category"))
        self.grid.set_empty_text(self.tr("Nothing left here."))
        self.yes = self._button("", self.accept, primary=True)
        self.no = self._button("", self.reject)
        self._build()
        self.show_purpose(left=False)
        self.list.currentRowChanged.connect(lambda _row: self._show_category())
        selection.changed.connect(self._say)
        self._say()

    def show_purpose(self, *, left: bool) -> None:
        """Say what is listed: what a search set aside, or whatever has no label yet."""
        if left:
            self.title.setText(self.tr("Place what is left"))
            self.text.setText(
                self.tr(
                    "Photos without a label, under the category that most of their named "
                    "neighbours have, the surest first. Tick some to decide on them alone; each "
                    "decision sharpens the next vote."
                )
            )
        else:
            self.title.setText(self.tr("Probably known"))
            self.text.setText(
                self.tr(
                    "These were left out of the search for new groups, because they look like a "
                    "category that is there. Tick some to decide on them alone."
                )
            )

    @property
    def category(self) -> int:
        """The chosen category, 0 for none."""
        item = self.list.currentItem()
        return int(item.data(_CATEGORY)) if item else 0

    def set_queue(self, queue: Mapping[int, Ids]) -> None:
        """Show what waits, most items first; the chosen category stays chosen."""
        before, row = self.category, self.list.currentRow()
        self._queue = dict(sorted(queue.items(), key=lambda pair: -len(pair[1])))
        self.list.blockSignals(True)
        self.list.clear()
        for category_id, ids in self._queue.items():
            text = f"{self._category_name(category_id)}   {len(ids):,}"
            item = QListWidgetItem(QIcon(swatch(category_id - 1, 12)), text, self.list)
            item.setData(_CATEGORY, category_id)
        at = list(self._queue).index(before) if before in self._queue else min(
            max(row, 0), len(self._queue) - 1
        )  # fmt: skip
        self.list.setCurrentRow(at)
        self.list.blockSignals(False)
        self._show_category()

    def acting(self) -> Ids:
        """Ticked items of those shown, all when none is."""
        shown = self._queue.get(self.category, _NONE)
        ticked = shown[self._selection.contains(shown)]
        return ticked if len(ticked) else shown

    def accept(self) -> None:
        """They are of that category."""
        if self.category and len(self.acting()):
            self.accepted.emit(self.category, self.acting())

    def reject(self) -> None:
        """They are not."""
        if self.category and len(self.acting()):
            self.rejected.emit(self.category, self.acting())

    def _show_category(self) -> None:
        category = self.category
        self.grid.show_parts([("", self._queue.get(category, _NONE))], to_top=True)
        self.like.setText(self._category_name(category) if category else "")
        self.category_changed.emit(category)
        self._say()

    def _say(self) -> None:
        shown = self._queue.get(self.category, _NONE)
        n, name = len(self.acting()), self._category_name(self.category) if self.category else ""
        every = n == len(shown)
        self.yes.setEnabled(n > 0)
        self.no.setEnabled(n > 0)
        if not n:
            self.yes.setText(self.tr("Yes"))
            self.no.setText(self.tr("No"))
            return
        count = f"{n:,}"
        self.yes.setText(
            self.tr("Label all {n} as {name}  (A)").format(n=count, name=name)
            if every
            else self.tr("Label {n} as {name}  (A)").format(n=count, name=name)
        )
        self.no.setText(self.tr("Not {name}: back to the pool  (X)").format(name=name))

    def _build(self) -> None:
        self._arrange(
            side=[(self.list, 3), (self.like, 0), (self.examples, 2)],
            head=[self.text],
            answers=[self.no, self.yes],
        )
