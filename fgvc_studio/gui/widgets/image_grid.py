"""The virtual grid of thumbnails: only what is exposed is painted, whatever the number of items."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from fgvc_studio.gui import theme
from fgvc_studio.gui.selection import Selection, among
from fgvc_studio.gui.widgets import grid_layout
from fgvc_studio.gui.widgets.category_swatch import colour_of
from fgvc_studio.gui.widgets.grid_input import GridInput
from fgvc_studio.gui.widgets.grid_layout import LARGEST, MARGIN, SMALLEST, GridLayout, Section
from fgvc_studio.gui.widgets.grid_paint import GridBadges, TilePainter, paint_band, paint_title
from fgvc_studio.gui.widgets.grid_selector import GridSelector
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

BadgeProvider = Callable[[NDArray[np.int64]], GridBadges]

_DEFAULT_TILE = 160
_FRAME = 5
"""Pixels around a tile that its frames may touch."""


class ImageGrid(GridInput, QAbstractScrollArea):
    """Thumbnails of any number of items with the shared selection.

    Keys and mouse are in `GridInput`; positions in `GridLayout`; painting of a tile in
    `TilePainter`. `client` names the grid to the thumbnail lane; two grids need two names.
    """

    tile_painter = TilePainter
    """Class that paints a tile; another kind of grid has its own."""

    activated = Signal("qlonglong")
    """Double click or Enter on an item."""
    hovered = Signal("qlonglong")
    """The item under the mouse, 0 for none."""
    context_requested = Signal(QPoint, "qlonglong")
    """Context menu wanted: global position, item (0 for none)."""
    tile_size_changed = Signal(int)

    def __init__(
        self,
        selection: Selection,
        thumbnails: Thumbnails,
        parent: QWidget | None = None,
        *,
        client: str = "grid",
        caption_from: int = grid_layout.CAPTION_FROM,
    ) -> None:
        super().__init__(parent)
        self.selection = selection
        self.selector = GridSelector(selection)
        self._thumbnails = thumbnails
        self._client = client
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._sections: tuple[Section, ...] = ()
        self._tile = _DEFAULT_TILE
        self._caption_from = caption_from
        self._layout = GridLayout(0, self._tile, 400)
        self._provider: BadgeProvider = lambda ids: GridBadges.empty(len(ids))
        self._painter: TilePainter | None = None
        self._chosen_before = selection.ids
        self._shown_current = 0
        self._empty_text = self.tr("Nothing to show here")
        self._down = True
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Images"))
        self.viewport().setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._ask_timer = QTimer(self, singleShot=True, interval=0)
        self._ask_timer.timeout.connect(self._ask)
        self.init_input()
        thumbnails.ready.connect(self._thumbnails_ready)
        selection.changed.connect(self._selection_changed)
        selection.current_changed.connect(self._current_changed)
        theme.signal().changed.connect(self._restyle)

    # ---- what is shown

    @property
    def ids(self) -> NDArray[np.int64]:
        """Item ids in the order shown."""
        return self._ids

    @property
    def layout_(self) -> GridLayout:
        """Where the tiles are at present."""
        return self._layout

    @property
    def tile_size(self) -> int:
        """Side of a tile's picture in pixels."""
        return self._tile

    def set_items(
        self,
        ids: NDArray[np.int64],
        sections: Sequence[Section] = (),
        *,
        to_top: bool = False,
    ) -> None:
        """Show these items in this order.

        The current item stays where it is on the screen when it is still there; otherwise the
        position is kept, and the item that took the current one's place becomes current. With
        `to_top` the view starts at the top (a new filter or order). A grid that is not seen leaves
        the current item alone: it belongs to the page in front.
        """
        current = self.selection.current
        old_index = self.selector.index_of(current)
        offset = self._layout.rect(old_index).top() - self.offset() if old_index >= 0 else None
        self._ids = np.ascontiguousarray(ids, np.int64)
        bounds = [*[s.start for s in sections[1:]], len(self._ids)]
        self._sections = (
            tuple(s for s, end in zip(sections, bounds, strict=True) if end > s.start)
            if sections
            else ()
        )
        self.selector.set_ids(self._ids)
        self._relayout()
        index = self.selector.index_of(current)
        bar = self.verticalScrollBar()
        if to_top:
            bar.setValue(0)
            if index < 0:
                self._take_current(0)
        elif index >= 0 and offset is not None and -self._layout.tile < offset < self._height():
            bar.setValue(self._layout.rect(index).top() - offset)
        elif index < 0:
            self._take_current(max(old_index, 0))
        self.refresh()

    def _take_current(self, place: int) -> None:
        if self.isVisible():
            last = len(self._ids) - 1
            self.selection.set_current(int(self._ids[min(place, last)]) if last >= 0 else 0)

    def set_badges(self, provider: BadgeProvider) -> None:
        """Ask `provider` for the captions and marks of visible items at every painting."""
        self._provider = provider
        self.refresh()

    def set_empty_text(self, text: str) -> None:
        """Say this when there are no items."""
        self._empty_text = text
        self.viewport().update()

    def refresh(self) -> None:
        """Paint everything anew, e.g. after labels changed."""
        self.viewport().update()
        self._ask_timer.start()

    def refresh_items(self, ids: NDArray[np.int64]) -> None:
        """Paint those of `ids` that are visible."""
        for i in self._visible_among(ids):
            self._update_tile(i)

    def set_tile_size(self, size: int, anchor: QPoint | None = None) -> None:
        """Change the size of the tiles; the item under `anchor` (viewport) stays in place.

        Without an anchor the current item keeps its place if it is visible.
        """
        size = min(LARGEST, max(SMALLEST, size))
        if size == self._tile:
            return
        index, y = self._zoom_anchor(anchor)
        before = self._layout.rect(index) if index >= 0 else QRect()
        share = (y + self.offset() - before.top()) / max(1, before.height())
        self._tile = size
        self._relayout()
        if index >= 0:
            after = self._layout.rect(index)
            self.verticalScrollBar().setValue(round(after.top() + share * after.height() - y))
        self.refresh()
        self.tile_size_changed.emit(size)

    def _zoom_anchor(self, anchor: QPoint | None) -> tuple[int, int]:
        if anchor is None:
            i = self.selector.index_of(self.selection.current)
            if i >= 0:
                y = self._layout.rect(i).center().y() - self.offset()
                if 0 <= y < self._height():
                    return i, y
            anchor = QPoint(self.viewport().width() // 2, 0)
        return self._layout.nearest(anchor + QPoint(0, self.offset())), anchor.y()

    # ---- where things are

    def offset(self) -> int:
        """Content pixel at the top of the viewport."""
        return self.verticalScrollBar().value()

    def index_at(self, point: QPoint) -> int:
        """The tile under a viewport position, -1 for none."""
        return self._layout.index_at(point + QPoint(0, self.offset()))

    def item_at(self, point: QPoint) -> int:
        """The item under a viewport position, 0 for none."""
        i = self.index_at(point)
        return int(self._ids[i]) if i >= 0 else 0

    def tile_rect(self, item_id: int) -> QRect:
        """Where the item is in the viewport; empty when it is not in the list."""
        i = self.selector.index_of(item_id)
        return self._layout.rect(i).translated(0, -self.offset()) if i >= 0 else QRect()

    def visible_ids(self) -> NDArray[np.int64]:
        """Items at present in the viewport, in order."""
        first, last = self._layout.visible(self.offset(), self.offset() + self._height())
        return self._ids[first:last]

    def scroll_to(self, item_id: int, *, centre: bool = False) -> None:
        """Make the item visible by the smallest movement, or bring it to the middle."""
        i = self.selector.index_of(item_id)
        if i < 0:
            return
        rect = self._layout.rect(i)
        bar, height = self.verticalScrollBar(), self._height()
        if centre or rect.height() > height:
            bar.setValue(rect.center().y() - height // 2)
        elif rect.top() - MARGIN - self._layout.header < bar.value():
            bar.setValue(rect.top() - MARGIN - self._layout.header)
        elif rect.bottom() + MARGIN > bar.value() + height:
            bar.setValue(rect.bottom() + MARGIN - height)

    def sizeHint(self) -> QSize:
        """Four columns and three rows."""
        return QSize(4 * (_DEFAULT_TILE + 12), 3 * (_DEFAULT_TILE + 36))

    def _height(self) -> int:
        return self.viewport().height()

    def _relayout(self) -> None:
        width, parts = self.viewport().width(), self._sections
        self._layout = GridLayout(len(self._ids), self._tile, width, parts, self._caption_from)
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, self._layout.height - self._height()))
        bar.setEnabled(bar.maximum() > 0)
        bar.setPageStep(self._height())
        bar.setSingleStep(max(20, self._layout.row_height // 4))

    def _visible_among(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        first, last = self._layout.visible(self.offset(), self.offset() + self._height())
        return first + np.flatnonzero(np.isin(self._ids[first:last], ids))

    def _update_tile(self, index: int) -> None:
        rect = self._layout.rect(int(index)).translated(0, -self.offset())
        self.viewport().update(rect.adjusted(-_FRAME, -_FRAME, _FRAME, _FRAME))

    # ---- following others

    def _ask(self) -> None:
        """Want the visible pictures first, then the page ahead, then the page behind."""
        top, height = self.offset(), self._height()
        first, last = self._layout.visible(top, top + height)
        after = self._layout.visible(top + height, top + 2 * height)
        before = self._layout.visible(max(0, top - height), top)
        pages = [range(first, last), range(max(last, after[0]), after[1])]
        pages.insert(1 if not self._down else 2, range(before[0], min(first, before[1])))
        order = np.fromiter((i for page in pages for i in page), np.int64)
        size = round(self._layout.tile * self.devicePixelRatioF())
        self._thumbnails.want(self._ids[order].tolist(), size, self._client)

    def _thumbnails_ready(self, ids: list[int]) -> None:
        self.refresh_items(np.array(ids, np.int64))

    def _selection_changed(self) -> None:
        """Draw what is in sight and was or is selected (other items may be in sight by now)."""
        visible, before = self.visible_ids(), self._chosen_before
        self._chosen_before = self.selection.ids
        changed = visible[among(visible, before) != self.selection.contains(visible)]
        self.refresh_items(np.union1d(changed, np.array([self.selection.current], np.int64)))

    def _current_changed(self, item_id: int) -> None:
        self.refresh_items(np.array([self._shown_current, item_id], np.int64))
        self._shown_current = item_id
        self._announce()

    def _announce(self) -> None:
        """Tell assistive technology what the current item is."""
        index = self.selector.index_of(self.selection.current)
        if index < 0:
            text = ""
        else:
            item = self._ids[index : index + 1]
            caption = self._provider(item).captions[0] or self.tr("unlabelled")
            text = self.tr("{caption}, image {place} of {count}").format(
                caption=caption, place=index + 1, count=len(self._ids)
            )
            if int(item[0]) in self.selection:
                text += ", " + self.tr("selected")
        self.setAccessibleDescription(text)
        if QAccessible.isActive():
            event = QAccessibleEvent(self, QAccessible.Event.DescriptionChanged)
            QAccessible.updateAccessibility(event)

    def _restyle(self) -> None:
        self._painter = None
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        """Measure the font anew."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.PaletteChange):
            self._painter = None

    def showEvent(self, event: QShowEvent) -> None:
        """Come to the front: the current item is one of those shown, if there are any."""
        super().showEvent(event)
        if len(self._ids) and self.selector.index_of(self.selection.current) < 0:
            self._take_current(0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out anew; the first visible item stays at the top."""
        first = self._layout.nearest(QPoint(MARGIN, self.offset() + self._layout.tile // 2))
        inside = self.offset() - self._layout.rect(first).top() if first >= 0 else 0
        old = self._layout.columns
        self._relayout()
        if first >= 0 and old != self._layout.columns:
            self.verticalScrollBar().setValue(self._layout.rect(first).top() + inside)
        self._ask_timer.start()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Move what is painted and expose the rest."""
        self._down = dy <= 0
        if self.band.isNull() and abs(dy) < self._height():
            self.viewport().scroll(0, dy)
        else:
            self.viewport().update()
        self._ask_timer.start()

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the exposed tiles."""
        ratio = self.devicePixelRatioF()
        if self._painter is None:
            self._painter = self.tile_painter(self.font(), ratio, colour_of)
        t, tiles, area, top = theme.current(), self._painter, event.rect(), self.offset()
        p = QPainter(self.viewport())
        p.fillRect(area, QColor(t.window))
        if not len(self._ids):
            p.setPen(QColor(t.muted))
            room = self.viewport().rect().adjusted(16, 16, -16, -16)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            p.drawText(room, flags, self._empty_text)
        first, last = self._layout.visible(
            top + area.top() - _FRAME, top + area.bottom() + 1 + _FRAME
        )
        for number, rect in self._layout.headers(top + area.top(), top + area.bottom() + 1):
            paint_title(p, self.font(), rect.translated(0, -top), self._sections[number].title)
        ids = self._ids[first:last]
        badges = self._provider(ids) if len(ids) else GridBadges.empty(0)
        chosen = self.selection.contains(ids)
        follows, current = self.selector.follows, self.selection.current
        region = event.region()
        size = round(self._layout.tile * ratio)
        for i, item in enumerate(ids.tolist()):
            rect = self._layout.rect(first + i).translated(0, -top)
            if not region.intersects(rect.adjusted(-_FRAME, -_FRAME, _FRAME, _FRAME)):
                continue
            square = QRect(rect.x(), rect.y(), self._layout.tile, self._layout.tile)
            pixmap = self._thumbnails.pixmap(item, size)
            tiles.picture(
                p, square, pixmap, broken=pixmap is None and self._thumbnails.broken(item)
            )
            tiles.label(p, rect, square, badges, i)
            picked = bool(chosen[i])
            if picked or item == current:
                tiles.frames(
                    p, rect, chosen=picked, ticked=picked and not follows, current=item == current
                )
        if not self.band.isNull():
            colour = self.palette().color(QPalette.ColorRole.Highlight)
            paint_band(p, self.band.translated(0, -top), colour)
        p.end()
