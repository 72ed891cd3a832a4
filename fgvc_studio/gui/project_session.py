"""An open project in the window: services, event bridge, and the facts of the status line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from platformdirs import user_cache_path
from PySide6.QtCore import QObject, QRect, Qt
from PySide6.QtGui import QImage, QPainter

from fgvc_studio.domain.events import OpChanges
from fgvc_studio.gui import preferences
from fgvc_studio.gui.bus_bridge import BusBridge
from fgvc_studio.gui.widgets.picture_decode import image_of
from fgvc_studio.gui.widgets.status_line import Status

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

_PICTURE = 4
_TILE = 96


class ProjectSession(QObject):
    """Ends with `close`; afterwards nothing of the project is held open."""

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.studio = studio
        self.bridge = BusBridge(studio.bus, self)
        self.saved = 0.0
        self.can_undo = self.can_redo = False
        self.undo_summary = self.redo_summary = ""
        self._ask_log()
        self.bridge.decided.connect(self._decided)

    @property
    def path(self) -> Path:
        """The project folder."""
        return self.studio.store.path

    @property
    def name(self) -> str:
        """The project's name."""
        return self.studio.store.name

    def status(self, space: str, shown: int | None) -> Status:
        """What the status line shows now."""
        catalogue = self.studio.catalogue
        return Status(
            catalogue.n,
            catalogue.labelled,
            self.studio.labelling.session_rate(),
            self.saved,
            space,
            shown,
            self.studio.store.read_only,
        )

    def remember(self) -> None:
        """Put the project first in the list of recent ones, with its numbers and picture."""
        catalogue = self.studio.catalogue
        preferences.add_recent(
            preferences.RecentProject(
                str(self.path),
                self.name,
                catalogue.n,
                catalogue.labelled,
                picture=self._picture(),
            )
        )

    def close(self) -> None:
        """Let the project go."""
        self.remember()
        self.bridge.close()
        self.studio.close()

    def _decided(self, changes: OpChanges) -> None:
        self.saved = changes.operation.at
        self._ask_log()

    def _ask_log(self) -> None:
        log = self.studio.store.operations
        writable = not self.studio.store.read_only
        undo, redo = (log.can_undo(), log.can_redo()) if writable else (None, None)
        self.can_undo, self.undo_summary = undo is not None, undo.summary if undo else ""
        self.can_redo, self.redo_summary = redo is not None, redo.summary if redo else ""

    def _picture(self) -> str:
        """A strip of the first thumbnails as a small file in the user's cache."""
        catalogue = self.studio.catalogue
        if catalogue.n == 0:
            return ""
        spread = np.linspace(0, catalogue.n - 1, min(_PICTURE, catalogue.n)).astype(int)
        wanted = list(dict.fromkeys(int(i) for i in catalogue.columns.image_ids[spread]))
        found = self.studio.store.thumbs.get_many(wanted)
        tiles = [image_of(data) for i in wanted if (data := found.get(i))]
        tiles = [t for t in tiles if not t.isNull()]
        if not tiles:
            return ""
        folder = user_cache_path("fgvc-studio") / "recent"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:  # a home that cannot be written to has no pictures on the first screen
            return ""
        target = folder / f"{self.studio.store.id}.jpg"
        side_by_side(tiles).save(str(target), "JPEG", 85)
        return str(target)


def side_by_side(tiles: list[QImage]) -> QImage:
    """Up to four pictures as squares in two rows."""
    columns = 2 if len(tiles) > 1 else 1
    rows = 2 if len(tiles) > 2 else 1
    strip = QImage(columns * _TILE, rows * _TILE, QImage.Format.Format_RGB32)
    strip.fill(Qt.GlobalColor.white)
    painter = QPainter(strip)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    for k, tile in enumerate(tiles[: columns * rows]):
        side = min(tile.width(), tile.height())
        cut = QRect((tile.width() - side) // 2, (tile.height() - side) // 2, side, side)
        place = QRect((k % columns) * _TILE, (k // columns) * _TILE, _TILE, _TILE)
        painter.drawImage(place, tile, cut)
    painter.end()
    return strip
