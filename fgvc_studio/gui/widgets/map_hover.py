"""The card beside the mouse: thumbnail and name of the point under it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.map_overlay import NameOf, ThumbnailOf

_SIDE = 160


class HoverCard(QFrame):
    """Shown a moment after the mouse rests on a point; never asks for anything slow."""

    def __init__(self, parent: QWidget, thumbnail: ThumbnailOf | None, name: NameOf | None) -> None:
        super().__init__(parent)
        self.setObjectName("hoverCard")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.thumbnail = thumbnail
        self.name = name
        self.item_id = 0
        self._at = QPoint()
        self._picture = QLabel(self)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._text.setMaximumWidth(_SIDE)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(4)
        column.addWidget(self._picture)
        column.addWidget(self._text)
        self._wait = QTimer(self, interval=70, singleShot=True)
        self._wait.timeout.connect(self._open)
        theme.signal().changed.connect(self._restyle)
        self._restyle()
        self.hide()

    def _restyle(self) -> None:
        t = theme.current()
        self.setStyleSheet(
            f"QFrame#hoverCard {{ background: {t.raised}; border: 1px solid {t.border};"
            f" border-radius: 6px; }}"
        )

    def point_at(self, item_id: int, at: QPoint) -> None:
        """The mouse is on an item (0: on none) at a place of the parent."""
        self._at = at
        if item_id == self.item_id:
            return
        self.item_id = item_id
        if not item_id:
            self._wait.stop()
            self.hide()
        elif self.isVisible():
            self._open()
        else:
            self._wait.start()

    def thumbnail_ready(self, item_id: int) -> None:
        """A thumbnail that was missing has come."""
        if item_id == self.item_id and self.isVisible():
            self._open()

    def _open(self) -> None:
        if not self.item_id or (self.thumbnail is None and self.name is None):
            return
        pixmap = self.thumbnail(self.item_id) if self.thumbnail is not None else None
        self._picture.setVisible(pixmap is not None and not pixmap.isNull())
        if pixmap is not None and not pixmap.isNull():
            self._picture.setPixmap(_fitted(pixmap, self.devicePixelRatioF()))
        text = self.name(self.item_id) if self.name is not None else ""
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self.adjustSize()
        self._place()
        self.show()
        self.raise_()

    def _place(self) -> None:
        area = self.parentWidget().rect()
        x, y = self._at.x() + 18, self._at.y() + 18
        if x + self.width() > area.right():
            x = self._at.x() - 18 - self.width()
        if y + self.height() > area.bottom():
            y = self._at.y() - 18 - self.height()
        self.move(max(0, x), max(0, y))


def _fitted(pixmap: QPixmap, ratio: float) -> QPixmap:
    side = round(_SIDE * ratio)
    out = pixmap.scaled(
        side,
        side,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    out.setDevicePixelRatio(ratio)
    return out
