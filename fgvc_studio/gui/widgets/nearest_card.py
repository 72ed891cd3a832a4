"""What a cluster is most like: bars over the known categories, pictures side by side."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.clusters import Nearest, NearestCard
from fgvc_studio.gui import theme
from fgvc_studio.gui.models.cluster_model import abbreviated, share
from fgvc_studio.gui.widgets.category_swatch import swatch
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

_BESIDE_TEXT = 26
"""Of a button: what its text cannot use."""
_ROW = 34
_PICTURE = 128
_CLIENT = "nearest card"


class _Picture(QPushButton):
    """One photo with a caption; a click opens it."""

    opened = Signal("qlonglong")

    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._thumbnails = thumbnails
        self.item_id = 0
        self._caption = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_PICTURE + 20)
        self.clicked.connect(lambda: self.item_id and self.opened.emit(self.item_id))
        thumbnails.ready.connect(self._ready)

    def sizeHint(self) -> QSize:
        """Square with a line of text."""
        return QSize(_PICTURE, _PICTURE + 20)

    def minimumSizeHint(self) -> QSize:
        """Two fit into a narrow column."""
        return QSize(60, _PICTURE + 20)

    def show_item(self, item_id: int, caption: str) -> None:
        """Show another photo; 0: an empty place."""
        self.item_id, self._caption = item_id, caption
        self.setAccessibleName(caption)
        self.setToolTip(caption)
        self.setEnabled(item_id > 0)
        self.update()

    def _ready(self, ids: list[int]) -> None:
        if self.item_id in ids:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the photo whole in its place."""
        t = theme.current()
        p = QPainter(self)
        area = self.rect().adjusted(0, 0, 0, -20)
        p.fillRect(area, QColor(t.canvas))
        side = round(_PICTURE * self.devicePixelRatioF())
        found = self._thumbnails.pixmap(self.item_id, side) if self.item_id else None
        if found is not None:
            size = found.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(area.center())
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            p.drawPixmap(target, found)
        font = self.font()
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        p.setPen(QColor(t.muted))
        strip = QRect(0, area.bottom() + 2, self.width(), 18)
        elide = Qt.TextElideMode.ElideRight
        text = p.fontMetrics().elidedText(self._caption, elide, strip.width())
        p.drawText(strip, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignHCenter, text)
        if self.hasFocus() or (self.underMouse() and self.isEnabled()):
            p.setPen(QColor(t.accent))
            p.drawRect(area.adjusted(0, 0, -1, -1))
        p.end()


class _Bar(QPushButton):
    """A known category with its share as a bar; a click shows its picture."""

    def __init__(self, nearest: Nearest, name: str) -> None:
        super().__init__()
        self.nearest = nearest
        self._name = name
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFixedHeight(_ROW)
        cosine = self.tr("cosine {c}").format(c=share(nearest.cosine))
        self.setToolTip(f"{name}: {share(nearest.share)}, {cosine}")
        self.setAccessibleName(self.toolTip())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Name and share over a bar."""
        t = theme.current()
        p = QPainter(self)
        rect = self.rect().adjusted(0, 1, 0, -1)
        lit = self.isChecked() or self.underMouse()
        p.fillRect(rect, QColor(t.hover if lit else t.raised))
        track = QRect(rect.x(), rect.bottom() - 4, rect.width(), 5)
        p.fillRect(track, QColor(t.border))
        track.setWidth(round(track.width() * min(1.0, max(0.0, self.nearest.share))))
        p.fillRect(track, QColor(t.model))
        text = rect.adjusted(8, 0, -8, -4)
        p.drawPixmap(
            text.x(),
            text.center().y() - 4,
            swatch(self.nearest.category_id - 1, 10, self.devicePixelRatioF()),
        )
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        p.setPen(QColor(t.text))
        p.drawText(text, right, share(self.nearest.share))
        cosine = f"cos {share(self.nearest.cosine)}"
        p.setPen(QColor(t.muted))
        p.drawText(text.adjusted(0, 0, -34, 0), right, cosine)
        room = text.width() - 34 - p.fontMetrics().horizontalAdvance(cosine) - 26
        fits = p.fontMetrics().horizontalAdvance(self._name) <= room
        name = self._name if fits else abbreviated(self._name)
        name = p.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, room)
        p.setPen(QColor(t.text))
        p.drawText(text.adjusted(18, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, name)
        if self.hasFocus():
            p.setPen(QColor(t.accent))
            p.drawRect(self.rect().adjusted(0, 0, -1, -1))
        p.end()


class NearestCardView(QFrame):
    """The card of the current cluster.

    Parameters
    ----------
    category_name : callable
        Category id -> name.
    """

    known_requested = Signal(int)
    """"It is simply X": send the cluster to this category."""
    opened = Signal("qlonglong")
    """A picture was clicked."""

    def __init__(
        self,
        category_name: Callable[[int], str],
        thumbnails: Thumbnails,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._category_name = category_name
        self._thumbnails = thumbnails
        self._card: NearestCard | None = None
        self._shown = 0
        self.title = Heading(self.tr("Most like, of what is known"))
        self.title.setWordWrap(True)
        self.sentence = QLabel(wordWrap=True)
        self.own, self.other = _Picture(thumbnails), _Picture(thumbnails)
        self.bars: list[_Bar] = []
        self._bar_column = QVBoxLayout()
        self._bar_column.setSpacing(2)
        self.place = QLabel(wordWrap=True)
        self.place.setProperty("role", "muted")
        self.known = QPushButton()
        self.known.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.known.clicked.connect(lambda: self._shown and self.known_requested.emit(self._shown))
        pictures = QHBoxLayout()
        pictures.setSpacing(8)
        for picture in (self.own, self.other):
            pictures.addWidget(picture)
            picture.opened.connect(self.opened)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.title)
        column.addLayout(pictures)
        column.addLayout(self._bar_column)
        column.addWidget(self.sentence)
        column.addWidget(self.place)
        column.addWidget(self.known)
        self.set_card(None, 0)

    def set_card(self, card: NearestCard | None, medoid: int) -> None:
        """Show a card beside the most typical member `medoid`; None: nothing is known yet."""
        self._card = card
        for bar in self.bars:
            self._bar_column.removeWidget(bar)
            bar.hide()
            bar.deleteLater()
        self.bars = []
        near = card.nearest if card else ()
        for nearest in near[:5]:
            bar = _Bar(nearest, self._category_name(nearest.category_id))
            bar.clicked.connect(lambda _=False, c=nearest.category_id: self.show_category(c))
            self._bar_column.addWidget(bar)
            self.bars.append(bar)
        wanted = [medoid, *(card.exemplars.values() if card else ())]
        side = round(_PICTURE * self.devicePixelRatioF())
        self._thumbnails.want([i for i in wanted if i], side, _CLIENT)
        self.own.show_item(medoid, self.tr("this cluster") if medoid else "")
        self.sentence.setText(card.sentence if card else "")
        self.sentence.setVisible(bool(card and card.sentence))
        parent = self._category_name(card.parent_id) if card and card.parent_id else ""
        self.place.setText(
            self.tr("Proposed place: under {parent}, as {name}").format(
                parent=parent, name=card.provisional_name
            )
            if card and parent
            else ""
        )
        self.place.setVisible(bool(parent))
        self.setVisible(card is not None)
        self.show_category(near[0].category_id if near else 0)

    def show_category(self, category_id: int) -> None:
        """Compare with this known category."""
        self._shown = category_id
        card = self._card
        name = self._category_name(category_id) if category_id else ""
        item = int(card.exemplars.get(category_id, 0)) if card else 0
        self.other.show_item(item, name)
        for bar in self.bars:
            bar.setChecked(bar.nearest.category_id == category_id)
        best = bool(card and card.nearest and card.nearest[0].category_id == category_id)
        self.known.setVisible(bool(category_id))
        primary = bool(card and card.tight and best)
        asked = self.tr("It is simply {name}") if primary else self.tr("Send to {name}")
        text = asked.format(name=name)
        room = self.known.width() - _BESIDE_TEXT
        if self.known.fontMetrics().horizontalAdvance(text) > room > 0:
            text = asked.format(name=abbreviated(name))
        self.known.setText(text)
        self.known.setToolTip(name)
        self.known.setProperty("role", "primary" if primary else "")
        self.known.style().unpolish(self.known)
        self.known.style().polish(self.known)
