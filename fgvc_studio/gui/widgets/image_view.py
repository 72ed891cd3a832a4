"""A picture to look at closely: zoom, pan, boxes, and a tool to drag a region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from fgvc_studio.domain.records import Box
from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.picture_loader import Loader, PictureLoader

_MOST = 16.0
_SMALLEST_REGION = 4.0


@dataclass(frozen=True, slots=True)
class Overlay:
    """A box drawn over the picture; `token` is a colour of the theme."""

    box: Box
    caption: str = ""
    token: str = "selection"


class ImageView(QWidget):
    """Shows one item: its thumbnail at once, then the full picture.

    Wheel zooms at the cursor, dragging pans, Z or a double click switches between fitting and
    100 %, R switches the region tool. Coordinates of boxes are pixels of the upright image.
    """

    region_selected = Signal("qlonglong", object)
    """Item id and `Box`."""
    zoom_changed = Signal(float)
    """Screen pixels per image pixel."""
    region_mode_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._item = 0
        self._pixmap: QPixmap | None = None
        self._full = QSize()
        self._state = ""
        self._scale = 1.0
        self._centre = QPointF()
        self._fit = True
        self._region_mode = False
        self._region: tuple[QPointF, QPointF] | None = None
        self._pan: QPointF | None = None
        self._overlays: tuple[Overlay, ...] = ()
        self._heat: tuple[QImage, Box] | None = None
        self._loader = PictureLoader(self)
        self._loader.loaded.connect(self._loaded)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Picture"))
        self.setMinimumSize(120, 90)
        theme.signal().changed.connect(self.update)

    # ---- what is shown

    @property
    def item_id(self) -> int:
        """The item shown, 0 for none."""
        return self._item

    @property
    def scale(self) -> float:
        """Screen pixels per image pixel."""
        return self._scale

    @property
    def region_mode(self) -> bool:
        """Whether dragging draws a region."""
        return self._region_mode

    @property
    def sharp(self) -> bool:
        """Whether the full picture is shown."""
        return self._state == "full"

    def set_item(
        self,
        item_id: int,
        path: Path | None,
        *,
        thumbnail: QPixmap | None = None,
        size: QSize | None = None,
        loader: Loader | None = None,
    ) -> None:
        """Show another item (0: none).

        Parameters
        ----------
        thumbnail : QPixmap, optional
            Shown until the full picture is there.
        size : QSize, optional
            Pixels of the upright image, so that boxes and zoom are right from the start.
        loader : callable, optional
            Called in a thread when Qt cannot read the file; gives e.g. PNG bytes.
        """
        self._item = item_id
        self._pixmap, self._overlays, self._region, self._heat = thumbnail, (), None, None
        self._full = size or (thumbnail.size() if thumbnail is not None else QSize())
        self._state = "loading" if item_id else ""
        self.zoom_fit()
        if item_id:
            self._loader.load(item_id, path, loader)

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Draw these boxes over the picture."""
        self._overlays = tuple(overlays)
        self.update()

    def set_heat(self, heat: QImage | None, box: Box | None = None) -> None:
        """Lay a picture of weights (see `heat.heat_image`) over this part; None takes it away."""
        self._heat = (heat, box) if heat is not None and box is not None else None
        self.update()

    def set_region_mode(self, on: bool) -> None:
        """Let dragging draw a region instead of panning."""
        if on != self._region_mode:
            self._region_mode, self._region = on, None
            self.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)
            self.region_mode_changed.emit(on)
            self.update()

    def stop(self) -> None:
        """End the loading thread."""
        self._loader.stop()

    def _loaded(self, item_id: int, image: QImage | None) -> None:
        if item_id != self._item:
            return
        if image is None:
            self._state = "broken"
        else:
            self._pixmap = QPixmap.fromImage(image)
            grown = image.width() / max(1, self._full.width()) if self._full.isValid() else 1.0
            self._full, self._state = image.size(), "full"
            if self._fit:
                self.zoom_fit()
            elif abs(grown - 1.0) > 0.001:
                self._centre *= grown
                self._scale /= grown
        self.update()

    # ---- zoom

    def zoom_fit(self) -> None:
        """Show the whole picture, not larger than 100 %."""
        self._fit = True
        if self._full.isValid() and not self._full.isEmpty():
            self._centre = QPointF(self._full.width() / 2, self._full.height() / 2)
            self._set_scale(self._fit_scale())
        self.update()

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom; the image point under `at` (widget pixels, default the middle) stays."""
        at = at if at is not None else QPointF(self.rect().center())
        fixed = self.to_image(at)
        low = min(self._fit_scale(), 1.0)
        scale = min(_MOST, max(low, self._scale * factor))
        self._fit = scale <= low
        middle = QPointF(self.width() / 2, self.height() / 2)
        self._centre = fixed - (at - middle) / scale
        self._set_scale(scale)
        self._keep_inside()

    def toggle_zoom(self, at: QPointF | None = None) -> None:
        """Switch between fitting the window and 100 %."""
        if self._fit:
            self.zoom_by(1.0 / self.devicePixelRatioF() / self._scale, at)
            self._fit = False
        else:
            self.zoom_fit()

    def _fit_scale(self) -> float:
        if not self._full.isValid() or self._full.isEmpty():
            return 1.0
        across = self.width() / self._full.width()
        return min(across, self.height() / self._full.height(), 1.0)

    def _set_scale(self, scale: float) -> None:
        if scale != self._scale:
            self._scale = scale
            self.zoom_changed.emit(scale)
        self.update()

    def _keep_inside(self) -> None:
        x, y = self._centre.x(), self._centre.y()
        half_w, half_h = self.width() / 2 / self._scale, self.height() / 2 / self._scale
        w, h = self._full.width(), self._full.height()
        x = w / 2 if w <= 2 * half_w else min(max(x, half_w), w - half_w)
        y = h / 2 if h <= 2 * half_h else min(max(y, half_h), h - half_h)
        self._centre = QPointF(x, y)
        self.update()

    def to_image(self, point: QPointF) -> QPointF:
        """Widget pixels -> image pixels."""
        middle = QPointF(self.width() / 2, self.height() / 2)
        return self._centre + (point - middle) / self._scale

    def to_widget(self, point: QPointF) -> QPointF:
        """Image pixels -> widget pixels."""
        middle = QPointF(self.width() / 2, self.height() / 2)
        return (point - self._centre) * self._scale + middle

    # ---- events

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Z, R, +, - and Escape; other keys go to the window."""
        key = event.key()
        if event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier:
            event.ignore()
        elif key == Qt.Key.Key_Z:
            self.toggle_zoom()
        elif key == Qt.Key.Key_R:
            self.set_region_mode(not self._region_mode)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(1.25)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(0.8)
        elif key == Qt.Key.Key_Escape and self._region_mode:
            self.set_region_mode(False)
        else:
            event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the cursor."""
        self.zoom_by(1.0015 ** event.angleDelta().y(), event.position())
        event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep fitting."""
        if self._fit:
            self.zoom_fit()
        else:
            self._keep_inside()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to pan or to draw a region."""
        if event.button() != Qt.MouseButton.LeftButton or not self._item:
            event.ignore()
        elif self._region_mode:
            at = self.to_image(event.position())
            self._region = (at, at)
        else:
            self._pan = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on."""
        if self._region is not None:
            self._region = (self._region[0], self.to_image(event.position()))
            self.update()
        elif self._pan is not None:
            self._centre -= (event.position() - self._pan) / self._scale
            self._pan = event.position()
            self._keep_inside()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Hand out the region drawn."""
        if self._pan is not None:
            self._pan = None
            self.unsetCursor()
        if self._region is not None:
            area, self._region = self._region_rect(), None
            if min(area.width(), area.height()) >= _SMALLEST_REGION:
                box = Box(area.x(), area.y(), area.width(), area.height())
                self._overlays = (Overlay(box),)
                self.region_selected.emit(self._item, box)
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Switch between fitting and 100 %."""
        if not self._region_mode:
            self.toggle_zoom(event.position())

    def _region_rect(self) -> QRectF:
        assert self._region is not None
        whole = QRectF(0, 0, self._full.width(), self._full.height())
        return QRectF(self._region[0], self._region[1]).normalized().intersected(whole)

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint picture, boxes and the region being drawn."""
        t = theme.current()
        p = QPainter(self)
        p.fillRect(self.rect(), QColor(t.canvas))
        if self._pixmap is not None and not self._full.isEmpty():
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._scale < 2.0)
            corner = QPointF(self._full.width(), self._full.height())
            target = QRectF(self.to_widget(QPointF(0, 0)), self.to_widget(corner))
            p.drawPixmap(target, self._pixmap, QRectF(self._pixmap.rect()))
            if self._heat is not None:
                p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
                p.drawImage(self._place(self._heat[1]), self._heat[0])
        for overlay in self._overlays:
            self._box(p, overlay)
        if self._region is not None:
            a = self._region_rect()
            self._box(p, Overlay(Box(a.x(), a.y(), a.width(), a.height())))
        text = {
            "broken": self.tr("The picture cannot be read"),
            "": self.tr("No image selected"),
        }.get(self._state, "")
        if text:
            p.setPen(QColor(t.muted))
            p.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text)
        if self.hasFocus():
            p.setPen(QPen(QColor(t.accent), 2))
            p.drawRect(self.rect().adjusted(1, 1, -1, -1))
        p.end()

    def _place(self, box: Box) -> QRectF:
        corner = QPointF(box.x + box.width, box.y + box.height)
        return QRectF(self.to_widget(QPointF(box.x, box.y)), self.to_widget(corner))

    def _box(self, p: QPainter, overlay: Overlay) -> None:
        t, area = theme.current(), self._place(overlay.box)
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.setPen(QPen(QColor(t.canvas), 4))
        p.drawRect(area)
        p.setPen(QPen(QColor(getattr(t, overlay.token)), 2))
        p.drawRect(area)
        if overlay.caption:
            width = p.fontMetrics().horizontalAdvance(overlay.caption) + 10
            plate = QRectF(area.left(), max(0.0, area.top() - 20), width, 20)
            p.fillRect(plate, QColor(getattr(t, overlay.token)))
            p.setPen(QColor(t.canvas))
            p.drawText(plate, Qt.AlignmentFlag.AlignCenter, overlay.caption)
