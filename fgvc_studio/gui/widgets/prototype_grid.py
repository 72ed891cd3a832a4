"""The gallery: prototypes in the virtual grid, with where each looks drawn over its photo."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.image_grid import ImageGrid
from fgvc_studio.gui.widgets.prototype_paint import PrototypePainter
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

_SETTLED_MS = 120


class PrototypeGrid(ImageGrid):
    """Thousands of prototypes; a number in it is the prototype's id + 1, since 0 means none.

    `settled` tells that the same tiles are on show for a moment, so that slow details of them are
    worth making.
    """

    tile_painter = PrototypePainter
    settled = Signal()

    def __init__(
        self, selection: Selection, thumbnails: Thumbnails, parent: QWidget | None = None
    ) -> None:
        super().__init__(selection, thumbnails, parent, client="prototypes")
        self.setAccessibleName(self.tr("Prototypes"))
        self._rest = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._rest.timeout.connect(self.settled)

    def _ask(self) -> None:
        super()._ask()
        self._rest.start()
