"""Keys, mouse, rubber band and dragging of the image grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QCursor,
    QDrag,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication

from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets import mime

if TYPE_CHECKING:
    from fgvc_studio.gui.widgets.image_grid import ImageGrid

_SHIFT = Qt.KeyboardModifier.ShiftModifier
_CTRL = Qt.KeyboardModifier.ControlModifier
_ZOOM = 16
_AUTOSCROLL_MS = 16
_DEFAULT_TILE = 160


class GridInput:
    """What the user does with an `ImageGrid` (a part of that class).

    Dragging a selected item takes the selection along; dragging from anywhere else draws a rubber
    band.
    """

    def init_input(self) -> None:
        """Prepare; called once by the grid."""
        grid = cast("ImageGrid", self)
        self.band = QRect()
        """The rubber band in content pixels; null when there is none."""
        self._pressed: QPoint | None = None
        self._pressed_index = -1
        self._late_click = False
        self._hover = 0
        self._wheel = 0
        self._autoscroll = QTimer(grid, interval=_AUTOSCROLL_MS)
        self._autoscroll.timeout.connect(self._scroll_with_band)

    # ---- commands

    def select_all(self) -> None:
        """Select every item shown."""
        self.selector.all()

    def select_none(self) -> None:
        """Deselect everything."""
        self.selector.none()

    def invert_selection(self) -> None:
        """Select what is shown and not selected."""
        self.selector.invert()

    def zoom_in(self) -> None:
        """Larger tiles."""
        self.set_tile_size(self._zoomed(1))

    def zoom_out(self) -> None:
        """Smaller tiles."""
        self.set_tile_size(self._zoomed(-1))

    def _zoomed(self, steps: int) -> int:
        step = _ZOOM if self.tile_size < 256 else 2 * _ZOOM
        return (self.tile_size // step + steps) * step

    def go_to(self, index: int, *, extend: bool = False) -> None:
        """Move the current item to this place and show it; with `extend` select up to there."""
        if not len(self.ids):
            return
        index = min(max(index, 0), len(self.ids) - 1)
        if extend:
            self.selector.extend(index, add=True)
        else:
            self.selector.move(index)
        self.scroll_to(int(self.ids[index]))

    # ---- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, tick, select, zoom; other keys go to the window."""
        key, mods = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        shift, ctrl = bool(mods & _SHIFT), bool(mods & _CTRL)
        if mods & ~(_SHIFT | _CTRL):
            event.ignore()
            return
        target = self._target(key)
        if target is not None:
            self.go_to(target, extend=shift)
        elif key == Qt.Key.Key_Space and not shift:
            if not event.isAutoRepeat():
                self.selector.tick()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not (shift or ctrl):
            if self.selector.index_of(self.selection.current) >= 0:
                self.activated.emit(self.selection.current)
        elif ctrl and key == Qt.Key.Key_A:
            self.select_none() if shift else self.select_all()
        elif ctrl and key == Qt.Key.Key_I:
            self.invert_selection()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_in()
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self.zoom_out()
        elif ctrl and key == Qt.Key.Key_0:
            self.set_tile_size(_DEFAULT_TILE)
        elif key == Qt.Key.Key_Escape and len(self.selection):
            self.select_none()
        else:
            event.ignore()

    def _target(self, key: int) -> int | None:
        """The place that a movement key leads to."""
        layout = self.layout_
        place = self.selector.index_of(self.selection.current)
        page = max(1, self.viewport().height() // layout.row_height)
        moves = {
            Qt.Key.Key_Left: place - 1,
            Qt.Key.Key_Right: place + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: len(self.ids) - 1,
        }
        rows = {
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page,
        }
        if key in moves:
            return moves[key]
        if key in rows:
            return layout.step(place, rows[key]) if place >= 0 else 0
        return None

    # ---- mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Click, Ctrl+click, Shift+click; a plain press on a selected item may become a drag."""
        if event.button() == Qt.MouseButton.RightButton:
            return
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        point, mods = event.position().toPoint(), event.modifiers()
        index = self.index_at(point)
        self._pressed = point + QPoint(0, self.offset())
        self._pressed_index = index
        self._late_click = False
        if index < 0:
            return
        if mods & _SHIFT:
            self.selector.extend(index, add=bool(mods & _CTRL))
        elif mods & _CTRL:
            self.selector.toggle(index)
        elif int(self.ids[index]) in self.selection:
            self._late_click = True
        else:
            self.selector.click(index)
            self._pressed_index = -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Hover, or go on with a drag or a rubber band."""
        point = event.position().toPoint()
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            self._set_hover(self.item_at(point))
            return
        here = point + QPoint(0, self.offset())
        far = (here - self._pressed).manhattanLength() >= QApplication.startDragDistance()
        if not self.band.isNull():
            self._move_band(point)
        elif (
            far
            and self._pressed_index >= 0
            and (int(self.ids[self._pressed_index]) in self.selection)
        ):
            self._pressed, self._late_click = None, False
            self._drag()
        elif far:
            self.selector.start_band(add=bool(event.modifiers() & (_CTRL | _SHIFT)))
            self._move_band(point)
            self._autoscroll.start()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a rubber band, or the click that was put off because a drag was possible."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if not self.band.isNull():
            self._end_band()
        elif self._late_click and self._pressed_index >= 0:
            self.selector.click(self._pressed_index)
        elif (
            self._pressed is not None
            and self.index_at(event.position().toPoint()) < 0
            and not (event.modifiers() & (_CTRL | _SHIFT))
        ):
            self.select_none()
        self._pressed, self._late_click = None, False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the item."""
        item = self.item_at(event.position().toPoint())
        if (
            item
            and event.button() == Qt.MouseButton.LeftButton
            and not (event.modifiers() & (_CTRL | _SHIFT))
        ):
            self._pressed = None
            self.activated.emit(item)
        else:
            self.mousePressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Notice the mouse leaving."""
        if event.type() == QEvent.Type.Leave:
            self._set_hover(0)
        return bool(super().viewportEvent(event))  # type: ignore[misc]

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll; with Ctrl zoom at the cursor."""
        if event.modifiers() & _CTRL:
            self._wheel += event.angleDelta().y()
            steps, self._wheel = int(self._wheel / 120), int(np.fmod(self._wheel, 120))
            if steps:
                self.set_tile_size(self._zoomed(steps), event.position().toPoint())
            event.accept()
        else:
            super().wheelEvent(event)  # type: ignore[misc]

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for a menu about the item; an item outside the selection becomes the selection."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            item = self.selection.current
            place = self.viewport().mapToGlobal(self.tile_rect(item).center())
        else:
            item, place = self.item_at(event.pos()), event.globalPos()
            if item and item not in self.selection:
                self.selector.click(self.selector.index_of(item))
            elif item:
                self.selection.set_current(item)
        self.context_requested.emit(place, item)

    def _set_hover(self, item: int) -> None:
        if item != self._hover:
            self._hover = item
            self.hovered.emit(item)

    # ---- rubber band

    def _move_band(self, point: QPoint) -> None:
        assert self._pressed is not None
        here = point + QPoint(0, self.offset())
        band = QRect(self._pressed, here).normalized()
        self.band = band if not band.isNull() else QRect(band.topLeft(), band.topLeft())
        self.selector.band(self.layout_.within(self.band))
        self.viewport().update()

    def _end_band(self) -> None:
        self._autoscroll.stop()
        place = self.layout_.within(self.band)
        self.band = QRect()
        if len(place):
            self.selection.set_current(int(self.ids[place[0]]))
        self.viewport().update()

    def _scroll_with_band(self) -> None:
        point = self.viewport().mapFromGlobal(QCursor.pos())
        height = self.viewport().height()
        speed = min(0, point.y()) + max(0, point.y() - height)
        if speed:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + max(-60, min(60, speed)))
            self._move_band(point)

    # ---- dragging out

    def _drag(self) -> None:
        ids = self.selection.ids
        drag = QDrag(self)
        drag.setMimeData(mime.of_items(ids))
        drag.setPixmap(self._drag_picture(len(ids)))
        drag.exec(Qt.DropAction.CopyAction)

    def _drag_picture(self, count: int) -> QPixmap:
        t = theme.current()
        text = (
            self.tr("{count} items").format(count=f"{count:,}") if count > 1 else self.tr("1 item")
        )
        font = QFont(self.font())
        font.setBold(True)
        picture = QPixmap(110, 28)
        picture.fill(QColor(t.accent))
        p = QPainter(picture)
        p.setFont(font)
        p.setPen(QColor(t.on_accent))
        p.drawText(picture.rect(), Qt.AlignmentFlag.AlignCenter, text)
        p.end()
        return picture
