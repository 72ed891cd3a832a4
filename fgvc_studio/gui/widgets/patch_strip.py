"""Close-ups of patches in rows, each with a caption; a click chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from fgvc_studio.domain.records import Box
from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures

_CAPTION = 17


@dataclass(frozen=True, slots=True)
class PatchCell:
    """A patch to show: which, words below it, a token of the theme for its frame.

    `data` is handed out when it is chosen.
    """

    item_id: int
    box: Box | None
    caption: str
    tip: str = ""
    token: str = ""
    data: object = None


class PatchButton(QPushButton):
    """One close-up."""

    def __init__(self, pictures: PatchPictures, side: int) -> None:
        super().__init__()
        self._pictures = pictures
        self._side = side
        self.cell: PatchCell | None = None
        self.key = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedSize(side, side + _CAPTION)
        self.setCheckable(False)

    def show_cell(self, cell: PatchCell) -> None:
        """Show another patch."""
        self.cell = cell
        self.key = self._pictures.key(cell.item_id, cell.box)
        self.setToolTip(cell.tip or cell.caption)
        self.setAccessibleName(cell.tip or cell.caption)
        self.update()

    def sizeHint(self) -> QSize:
        """Picture and caption."""
        return QSize(self._side, self._side + _CAPTION)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint picture, frame, caption."""
        t = theme.current()
        p = QPainter(self)
        square = QRect(0, 0, self._side, self._side)
        p.fillRect(square, QColor(t.canvas))
        if self.cell is None:
            return
        side = round(self._side * self.devicePixelRatioF())
        picture = self._pictures.thumbnails.pixmap(self.key, side)
        if picture is not None:
            size = picture.size().scaled(square.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(square.center())
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            p.drawPixmap(target, picture)
        if self.cell.token:
            p.setPen(QPen(QColor(getattr(t, self.cell.token)), 3))
            p.drawRect(square.adjusted(1, 1, -2, -2))
        if self.hasFocus() or self.underMouse():
            p.setPen(QPen(QColor(t.accent), 2))
            p.drawRect(square.adjusted(1, 1, -1, -1))
        font = self.font()
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        p.setPen(QColor(t.text if self.underMouse() else t.muted))
        strip = QRect(0, self._side + 2, self._side, _CAPTION - 2)
        text = p.fontMetrics().elidedText(
            self.cell.caption, Qt.TextElideMode.ElideRight, strip.width()
        )
        p.drawText(strip, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        p.end()


class PatchStrip(QWidget):
    """Patches in rows of `columns`; buttons are kept and shown anew."""

    chosen = Signal(object)
    """The `PatchCell`."""

    def __init__(
        self,
        pictures: PatchPictures,
        client: str,
        *,
        side: int = 68,
        columns: int = 7,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self._client = client
        self._side = side
        self._columns = columns
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.buttons: list[PatchButton] = []
        self._shown = 0
        pictures.thumbnails.ready.connect(self._ready)

    @property
    def cells(self) -> list[PatchCell]:
        """What is shown."""
        return [b.cell for b in self.buttons[: self._shown] if b.cell is not None]

    def set_cells(self, cells: Sequence[PatchCell]) -> None:
        """Show these."""
        while len(self.buttons) < len(cells):
            button = PatchButton(self._pictures, self._side)
            button.clicked.connect(lambda _=False, b=button: self._choose(b))
            at = len(self.buttons)
            self._grid.addWidget(button, at // self._columns, at % self._columns)
            self.buttons.append(button)
        self._shown = len(cells)
        for i, button in enumerate(self.buttons):
            button.setVisible(i < len(cells))
            if i < len(cells):
                button.show_cell(cells[i])
        side = round(self._side * self.devicePixelRatioF())
        wanted = [b.key for b in self.buttons[: self._shown]]
        self._pictures.thumbnails.want(wanted, side, self._client)

    def _choose(self, button: PatchButton) -> None:
        if button.cell is not None:
            self.chosen.emit(button.cell)

    def blank(self) -> None:
        """Show nothing in the places until others come: what is shown belongs to another one."""
        for button in self.buttons[: self._shown]:
            button.cell, button.key = None, 0
            button.update()

    def _ready(self, keys: list[int]) -> None:
        arrived = set(keys)
        for button in self.buttons[: self._shown]:
            if button.key in arrived:
                button.update()
