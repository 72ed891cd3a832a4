"""Parts of the inspector: suggestion bars, neighbour thumbnails, a table of facts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from fgvc_studio.gui import theme, words
from fgvc_studio.gui.models.inspector_data import Suggestion
from fgvc_studio.gui.widgets.category_swatch import swatch
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

_ROW = 30
_COLUMNS = 3
_MOST = 6
_LONG_WORD = 24


class Heading(QLabel):
    """A small heading with room above."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setProperty("role", "heading")
        self.setContentsMargins(0, 8, 0, 0)


class ElidedLabel(QLabel):
    """One line that is cut (in the middle, or as said) where it does not fit; see the tool tip."""

    def __init__(self, mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
        super().__init__()
        self._mode = mode
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_text(self, text: str) -> None:
        """Show `text`."""
        self._whole = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._cut()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut anew."""
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._whole, self._mode, self.width()))


class _SuggestionRow(QPushButton):
    """A category with its score as a bar behind the text; a button."""

    def __init__(self, place: int, suggestion: Suggestion) -> None:
        super().__init__()
        self.suggestion = suggestion
        self._place = place
        self.setFixedHeight(_ROW)
        self.setAccessibleName(f"{place}. {suggestion.name}, {words.sureness(suggestion.score)}")
        self.setToolTip(suggestion.name)

    def paintEvent(self, event: QPaintEvent) -> None:
        t, s = theme.current(), self.suggestion
        p = QPainter(self)
        rect = self.rect().adjusted(0, 1, 0, -1)
        p.fillRect(rect, QColor(t.hover if self.underMouse() else t.raised))
        track = QRect(rect.x(), rect.bottom() - 3, rect.width(), 4)
        p.fillRect(track, QColor(t.border))
        track.setWidth(round(track.width() * min(1.0, max(0.0, s.score))))
        p.fillRect(track, QColor(t.model))
        text = rect.adjusted(8, 0, -8, -4)
        p.setPen(QColor(t.muted))
        p.drawText(text, Qt.AlignmentFlag.AlignVCenter, str(self._place))
        score = words.sureness(s.score)
        p.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, score)
        mark = swatch(s.colour, 10, self.devicePixelRatioF())
        p.drawPixmap(text.x() + 16, text.center().y() - 4, mark)
        text.adjust(34, 0, -p.fontMetrics().horizontalAdvance(score) - 10, 0)
        p.setPen(QColor(t.text))
        name = p.fontMetrics().elidedText(s.name, Qt.TextElideMode.ElideRight, text.width())
        p.drawText(text, Qt.AlignmentFlag.AlignVCenter, name)
        if self.hasFocus():
            p.setPen(QColor(t.accent))
            p.drawRect(self.rect().adjusted(0, 0, -1, -1))
        p.end()


class SuggestionList(QWidget):
    """Up to five suggestions, best first; a click chooses."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self.rows: list[_SuggestionRow] = []

    def set_suggestions(self, suggestions: Sequence[Suggestion]) -> None:
        """Show these instead."""
        for row in self.rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [_SuggestionRow(i + 1, s) for i, s in enumerate(suggestions[:5])]
        for row in self.rows:
            self._column.addWidget(row)
            category = row.suggestion.category_id
            row.clicked.connect(lambda _=False, c=category: self.chosen.emit(c))


class _Neighbour(QPushButton):
    def __init__(self, item_id: int, caption: str, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.item_id = item_id
        self._caption = caption
        self._thumbnails = thumbnails
        self.setToolTip(caption)
        self.setAccessibleName(caption)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(104)

    def sizeHint(self) -> QSize:
        return QSize(84, 104)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.current()
        p = QPainter(self)
        square = self.rect().adjusted(0, 0, 0, -20)
        p.fillRect(square, QColor(t.canvas))
        picture = self._thumbnails.pixmap(self.item_id, square.width())
        if picture is not None:
            size = picture.size().scaled(square.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(square.center())
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            p.drawPixmap(target, picture)
        p.setPen(QColor(t.text if self.underMouse() else t.muted))
        font = self.font()
        font.setPixelSize(theme.px(11))
        p.setFont(font)
        strip = QRect(0, square.bottom() + 2, self.width(), 18)
        text = p.fontMetrics().elidedText(self._caption, Qt.TextElideMode.ElideRight, strip.width())
        p.drawText(strip, Qt.AlignmentFlag.AlignVCenter, text)
        if self.hasFocus() or self.underMouse():
            p.setPen(QColor(t.accent))
            p.drawRect(square.adjusted(0, 0, -1, -1))
        p.end()


class NeighbourStrip(QWidget):
    """Up to six thumbnails in two rows; a click jumps there."""

    clicked = Signal("qlonglong")

    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._thumbnails = thumbnails
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(6)
        for column in range(_COLUMNS):
            self._grid.setColumnStretch(column, 1)
        self.cells: list[_Neighbour] = []
        thumbnails.ready.connect(self._ready)

    def set_items(self, ids: NDArray[np.int64], captions: Sequence[str]) -> None:
        """Show these items with a caption each."""
        for cell in self.cells:
            self._grid.removeWidget(cell)
            cell.hide()
            cell.deleteLater()
        self.cells = []
        pairs = zip(ids[:_MOST].tolist(), captions, strict=False)
        for i, (item, caption) in enumerate(pairs):
            cell = _Neighbour(item, caption, self._thumbnails)
            cell.clicked.connect(lambda _=False, item=item: self.clicked.emit(item))
            self._grid.addWidget(cell, i // _COLUMNS, i % _COLUMNS)
            self.cells.append(cell)
        wanted = [c.item_id for c in self.cells]
        self._thumbnails.want(wanted, round(104 * self.devicePixelRatioF()), "neighbours")

    def _ready(self, ids: list[int]) -> None:
        arrived = set(ids)
        for cell in self.cells:
            if cell.item_id in arrived:
                cell.update()


class FactsTable(QWidget):
    """Names and values in two columns; values wrap and can be copied."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        self._pairs: list[tuple[QLabel, QLabel]] = []

    def set_rows(self, rows: Sequence[tuple[str, str]], tips: Sequence[str] = ()) -> None:
        """Show these, a tip over each (its value without one); labels are reused."""
        while len(self._pairs) < len(rows):
            name, value = QLabel(), QLabel(wordWrap=True)
            name.setProperty("role", "muted")
            name.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setTextFormat(Qt.TextFormat.PlainText)
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            self._grid.addWidget(name, len(self._pairs), 0)
            self._grid.addWidget(value, len(self._pairs), 1)
            self._pairs.append((name, value))
        for i, (name, value) in enumerate(self._pairs):
            shown = i < len(rows)
            name.setVisible(shown)
            value.setVisible(shown)
            if shown:
                name.setText(rows[i][0])
                value.setText(_breakable(rows[i][1]))
                tip = tips[i] if i < len(tips) else ""
                name.setToolTip(tip)
                value.setToolTip(tip or rows[i][1])


def _breakable(text: str) -> str:
    """Allow line breaks inside long words, so that paths wrap."""
    if all(len(word) <= _LONG_WORD for word in text.split()):
        return text
    return text.replace("/", "/\u200b").replace("_", "_\u200b")
