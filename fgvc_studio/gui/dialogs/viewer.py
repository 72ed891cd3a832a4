"""Photos in full: one with next and previous, or up to four side by side with one zoom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QKeyEvent, QPixmap
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from fgvc_studio.domain.records import Box
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.image_view import ImageView, Overlay
from fgvc_studio.gui.widgets.picture_loader import Loader

MOST = 4


class PictureSource:
    """What a view needs to show an item; every call is quick.

    Parameters
    ----------
    path_of, box_of, size_of, caption_of, loader_of, thumbnail_of : callable
        Item id -> what the name says; `loader_of` gives a callable for the background.
    """

    def __init__(
        self,
        path_of: Callable[[int], Path],
        box_of: Callable[[int], Box | None],
        size_of: Callable[[int], QSize],
        caption_of: Callable[[int], str],
        loader_of: Callable[[int], Loader],
        thumbnail_of: Callable[[int], QPixmap | None],
    ) -> None:
        self.path_of = path_of
        self.box_of = box_of
        self.size_of = size_of
        self.caption_of = caption_of
        self.loader_of = loader_of
        self.thumbnail_of = thumbnail_of

    def show(self, view: ImageView, item: int) -> None:
        """Put `item` into `view`."""
        box = self.box_of(item)
        view.set_item(
            item,
            self.path_of(item),
            thumbnail=None if box else self.thumbnail_of(item),
            size=self.size_of(item),
            loader=self.loader_of(item),
        )
        view.set_overlays([Overlay(box)] if box else [])


class Viewer(QDialog):
    """One item with next and previous in the order of the grid, or 2-4 items side by side.

    Space and the arrow keys step through `order` in the single view. Label keys work here too:
    they act on the current item, which follows what is shown.
    """

    def __init__(
        self,
        items: NDArray[np.int64],
        source: PictureSource,
        selection: Selection,
        order: NDArray[np.int64],
        actions: list[QAction],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._source = source
        self._selection = selection
        self._order = order
        self._syncing = False
        self.items = [int(i) for i in items[:MOST]]
        self.views: list[ImageView] = []
        self._captions: list[QLabel] = []
        single = len(self.items) == 1
        self.setWindowTitle(self.tr("Photo") if single else self.tr("Compare side by side"))
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.resize(parent.size() * 0.92 if parent else QSize(1200, 800))
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 8, 8, 8)
        grid.setSpacing(8)
        columns = 2 if len(self.items) in (2, 4) else len(self.items)
        for k, item in enumerate(self.items):
            grid.addWidget(self._pane(item), k // columns, k % columns)
        hint = QLabel(
            self.tr("Space next, arrows step, Z zooms, label keys name this item, Esc closes")
            if single
            else self.tr("The wheel zooms all of them, Z switches between fitting and full size")
        )
        hint.setProperty("role", "muted")
        grid.addWidget(hint, grid.rowCount(), 0, 1, columns)
        if single:
            self.addActions(actions)
        self.finished.connect(lambda _r: self._end())

    def refresh(self) -> None:
        """Captions anew (labels changed)."""
        for item, caption in zip(self.items, self._captions, strict=True):
            caption.setText(self._source.caption_of(item))

    def step(self, by: int) -> None:
        """Show the next or previous item of the order."""
        here = np.flatnonzero(self._order == self.items[0])
        if not len(here):
            return
        index = int(here[0]) + by
        if 0 <= index < len(self._order):
            self.items[0] = int(self._order[index])
            self._selection.clear()
            self._selection.set_current(self.items[0])
            self._source.show(self.views[0], self.items[0])
            self.refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step through the order."""
        step = {
            Qt.Key.Key_Space: 1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Up: -1,
        }.get(Qt.Key(event.key()))
        if step and len(self.items) == 1:
            self.step(step)
        else:
            super().keyPressEvent(event)

    def _pane(self, item: int) -> QWidget:
        pane = QWidget()
        column = QVBoxLayout(pane)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        view = ImageView()
        view.setMinimumSize(200, 160)
        caption = QLabel(self._source.caption_of(item))
        caption.setProperty("role", "heading")
        caption.setTextFormat(Qt.TextFormat.PlainText)
        column.addWidget(view, 1)
        column.addWidget(caption)
        self.views.append(view)
        self._captions.append(caption)
        view.zoom_changed.connect(lambda scale, v=view: self._zoomed(v, scale))
        self._source.show(view, item)
        return pane

    def _zoomed(self, origin: ImageView, scale: float) -> None:
        if self._syncing or len(self.views) < 2 or not self.isVisible():
            return
        self._syncing = True
        try:
            for view in self.views:
                if view is not origin and view.scale > 0:
                    view.zoom_by(scale / view.scale)
        finally:
            self._syncing = False

    def _end(self) -> None:
        for view in self.views:
            view.stop()
        self.deleteLater()
