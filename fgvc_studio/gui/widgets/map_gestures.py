"""Mouse, wheel and keys of the map surface."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QWheelEvent

from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.map_bar import MapBar
from fgvc_studio.gui.widgets.map_hover import HoverCard
from fgvc_studio.gui.widgets.map_surface import MapSurface
from fgvc_studio.gui.widgets.map_tools import Combine, Drag, Tool, combine_of

_KEYS = {
    Qt.Key.Key_Q: Tool.SELECT,
    Qt.Key.Key_B: Tool.BOX,
    Qt.Key.Key_O: Tool.LASSO,
    Qt.Key.Key_P: Tool.PAN,
}
_ARROWS = {
    Qt.Key.Key_Left: (1, 0),
    Qt.Key.Key_Right: (-1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
_CURSORS = {
    Tool.SELECT: Qt.CursorShape.ArrowCursor,
    Tool.BOX: Qt.CursorShape.CrossCursor,
    Tool.LASSO: Qt.CursorShape.CrossCursor,
    Tool.PAN: Qt.CursorShape.OpenHandCursor,
}


class Gestures(QObject):
    """Turns input on a surface into views and selections."""

    clicked = Signal("qlonglong")
    cleared = Signal()
    escaped = Signal()
    """Esc was pressed and there was nothing to leave here."""
    selected = Signal()
    """Items were selected by a box or a lasso."""

    def __init__(
        self, surface: MapSurface, bar: MapBar, selection: Selection, card: HoverCard
    ) -> None:
        super().__init__(surface)
        self._surface = surface
        self._bar = bar
        self._selection = selection
        self._card = card
        self._space = False
        self.tool = Tool.SELECT
        self._count_soon = QTimer(self, interval=0, singleShot=True)
        self._count_soon.timeout.connect(self._count)
        bar.tool_chosen.connect(self.set_tool)
        bar.fit_clicked.connect(self.fit)
        surface.installEventFilter(self)
        self.set_tool(Tool.SELECT)

    def set_tool(self, tool: Tool) -> None:
        """Change what the left button does."""
        self.tool = tool
        self._bar.set_tool(tool)
        self._surface.setCursor(_CURSORS[tool])

    def fit(self) -> None:
        """Travel to the whole map."""
        self._surface.glide(0.0, 0.0, 1.0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the surface's input events."""
        kind = event.type()
        if isinstance(event, QMouseEvent):
            if kind == QEvent.Type.MouseButtonPress:
                return self._press(event)
            if kind == QEvent.Type.MouseMove:
                return self._move(event)
            if kind == QEvent.Type.MouseButtonRelease:
                return self._release(event)
            if kind == QEvent.Type.MouseButtonDblClick:
                return self._double_click(event)
        elif isinstance(event, QWheelEvent):
            return self._wheel(event)
        elif isinstance(event, QKeyEvent):
            if kind == QEvent.Type.KeyPress:
                return self._key(event)
            if kind == QEvent.Type.KeyRelease and event.key() == Qt.Key.Key_Space:
                if not event.isAutoRepeat():
                    self._hold_space(False)
                return True
        elif kind == QEvent.Type.Leave or isinstance(event, QFocusEvent):
            if kind == QEvent.Type.FocusOut:
                self._hold_space(False)
            self._hover(0, QPointF())
            self._surface.update()
        return False

    # ----------------------------------------------------------------- mouse
    def _press(self, event: QMouseEvent) -> bool:
        surface = self._surface
        if surface.points is None or surface.drag is not None:
            return False
        kind = self.tool
        if event.button() == Qt.MouseButton.MiddleButton or self._space:
            kind = Tool.PAN
        elif event.button() != Qt.MouseButton.LeftButton:
            return False
        at = event.position()
        modifiers = event.modifiers()
        if kind is Tool.SELECT and modifiers & Qt.KeyboardModifier.ShiftModifier:
            kind = Tool.BOX
        surface.drag, surface.note = Drag(kind, at, at, combine_of(modifiers)), ""
        self._hover(0, at)
        return True

    def _move(self, event: QMouseEvent) -> bool:
        surface, at = self._surface, event.position()
        drag = surface.drag
        if drag is None:
            self._hover(surface.pick(at), at)
            return False
        before = drag.last
        drag.extend(at)
        if not drag.moved:
            return True
        if drag.area:
            drag.combine = combine_of(event.modifiers())
            self._count_soon.start()  # once for all moves that wait
        else:
            surface.setCursor(Qt.CursorShape.ClosedHandCursor)
            surface.state.pan(at.x() - before.x(), at.y() - before.y())
            surface.moved()
        return True

    def _count(self) -> None:
        surface = self._surface
        if (drag := surface.drag) is not None:
            drag.count = len(surface.inside(drag))
            surface.note = self._count_text(drag)
            surface.update()

    def _count_text(self, drag: Drag) -> str:
        points = self._surface.points
        verb = {
            Combine.REPLACE: self.tr("{0} items"),
            Combine.ADD: self.tr("+ {0} items"),
            Combine.REMOVE: self.tr("\N{MINUS SIGN} {0} items"),
        }[drag.combine]
        text = verb.format(f"{drag.count:,}")
        if points is not None and (points.filtered or points.isolated):
            text += self.tr(" (filter: only items shown)")
        return text

    def _release(self, event: QMouseEvent) -> bool:
        surface = self._surface
        drag, surface.drag = surface.drag, None
        if drag is None:
            return False
        surface.setCursor(_CURSORS[Tool.PAN if self._space else self.tool])
        surface.update()
        drag.extend(event.position())
        if drag.moved and drag.area and surface.points is not None:
            drag.combine = combine_of(event.modifiers())
            self._take(surface.points.ids_at(surface.inside(drag)), drag.combine)
        elif not drag.moved and event.button() == Qt.MouseButton.LeftButton:
            self._click(event)
        return True

    def _take(self, ids: np.ndarray, combine: Combine) -> None:
        if combine is Combine.ADD:
            self._selection.add(ids)
        elif combine is Combine.REMOVE:
            self._selection.remove(ids)
        else:
            self._selection.set(ids)
        self.selected.emit()

    def _click(self, event: QMouseEvent) -> None:
        item = self._surface.pick(event.position())
        modifiers = event.modifiers()
        extend = modifiers & (
            Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier
        )
        if item and extend:
            self._selection.toggle([item])
            self._selection.set_current(item)
        elif item:
            self.clicked.emit(item)  # who shows it elsewhere may clear the selection
            self._selection.set([item])
            self._selection.set_current(item)
        elif not extend:
            self._selection.clear()

    def _double_click(self, event: QMouseEvent) -> bool:
        if event.button() == Qt.MouseButton.LeftButton and not self._surface.pick(event.position()):
            self.fit()
        return True

    def _wheel(self, event: QWheelEvent) -> bool:
        surface = self._surface
        if surface.points is None:
            return False
        delta = event.angleDelta()
        steps = (delta.y() or delta.x()) / 120
        surface.state.zoom_at(event.position().x(), event.position().y(), 1.25**steps)
        surface.moved()
        return True

    def _hover(self, item_id: int, at: QPointF) -> None:
        if item_id != self._surface.hovered_id:
            self._surface.hovered_id = item_id
            self._surface.update()
        self._card.point_at(item_id, at.toPoint())

    # ------------------------------------------------------------------ keys
    def _key(self, event: QKeyEvent) -> bool:
        surface, key = self._surface, Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            return self._escape()
        if surface.points is None:
            return False
        strong = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        if event.modifiers() & strong:
            return False
        if key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._hold_space(True)
        elif key in _KEYS:
            self.set_tool(_KEYS[key])
        elif key in _ARROWS:
            dx, dy = _ARROWS[key]
            surface.state.pan(dx * surface.width() / 10, dy * surface.height() / 10)
            surface.moved()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            factor = 1 / 1.4 if key == Qt.Key.Key_Minus else 1.4
            surface.state.zoom_at(surface.width() / 2, surface.height() / 2, factor)
            surface.moved()
        elif key in (Qt.Key.Key_0, Qt.Key.Key_Home):
            self.fit()
        elif key == Qt.Key.Key_D:
            self._bar.density.toggle()
        else:
            return False
        return True

    def _escape(self) -> bool:
        surface, points = self._surface, self._surface.points
        if surface.drag is not None:
            surface.drag = None
            surface.setCursor(_CURSORS[self.tool])
            surface.update()
        elif len(self._selection):
            self._selection.clear()
        elif points is not None and (points.focus or points.isolated):
            self.cleared.emit()
        elif self.tool is not Tool.SELECT:
            self.set_tool(Tool.SELECT)
        else:
            self.escaped.emit()
        return True

    def _hold_space(self, on: bool) -> None:
        self._space = on
        if self._surface.drag is None:
            self._surface.setCursor(_CURSORS[Tool.PAN if on else self.tool])
