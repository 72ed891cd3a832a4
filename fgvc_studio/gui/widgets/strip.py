"""A few thumbnails in rows, read in the background."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from fgvc_studio.gui.task_pool import TaskPool, Ticket
from fgvc_studio.gui.widgets.picture_decode import image_of

_numbers = itertools.count(1)


class ThumbnailStrip(QListWidget):
    """Pictures only, to recognise a set by.

    Parameters
    ----------
    read : callable
        ``read(image_ids) -> {image_id: JPEG bytes}``, called outside the GUI thread.
    """

    def __init__(
        self,
        read: Callable[[Sequence[int]], dict[int, bytes]],
        tasks: TaskPool,
        side: int = 72,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._read = read
        self._tasks = tasks
        self._side = side
        self._slot = f"strip {next(_numbers)}"
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setMovement(QListWidget.Movement.Static)
        self.setIconSize(QSize(side, side))
        self.setGridSize(QSize(side + 6, side + 6))
        self.setSpacing(0)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setAccessibleName(self.tr("Pictures"))

    def show_images(self, image_ids: list[int]) -> None:
        """Show these, in this order; an empty list clears."""
        self.clear()
        if not image_ids:
            self._tasks.drop(self._slot)
            return

        def load(ticket: Ticket) -> list[QImage]:
            found = self._read(image_ids)
            pictures = []
            for image_id in image_ids:
                if ticket.stale:
                    break
                if image_id in found:
                    picture = image_of(found[image_id])
                    pictures.append(
                        picture.scaled(
                            QSize(self._side, self._side),
                            Qt.AspectRatioMode.KeepAspectRatio,
                            Qt.TransformationMode.SmoothTransformation,
                        )
                    )
            return pictures

        self._tasks.submit(self._slot, load, self._loaded)

    def _loaded(self, pictures: list[QImage]) -> None:
        for picture in pictures:
            item = QListWidgetItem(QIcon(QPixmap.fromImage(picture)), "")
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.addItem(item)
