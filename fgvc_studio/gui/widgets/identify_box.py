"""The identify box: type a few letters, see the categories they may mean, press Enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.records import NameKind
from fgvc_studio.gui import theme, words
from fgvc_studio.gui.widgets.category_swatch import swatch
from fgvc_studio.services.naming import LIKELY

if TYPE_CHECKING:
    from fgvc_studio.services.naming import Match

Search = Callable[[str, int], "Sequence[Match]"]

_LIMIT = 10
_WIDTH = 460
_MATCH = Qt.ItemDataRole.UserRole
_PATH = _MATCH + 1
_COLOUR = _MATCH + 2
_ROW = 44


class IdentifyBox(QFrame):
    """A palette over the window that names a category.

    Parameters
    ----------
    search : callable
        (text, limit) -> matches, best first; called at every keystroke.
    path_of : callable
        Category id -> its path in the tree, root first.
    colour_index : callable
        Category id -> number of its colour.
    """

    chosen = Signal(int)
    """Category."""
    create_requested = Signal(str)
    closed = Signal()

    def __init__(
        self,
        search: Search,
        path_of: Callable[[int], str] = lambda _: "",
        colour_index: Callable[[int], int] = lambda _: -1,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._search = search
        self._path_of = path_of
        self._colour_index = colour_index
        self._initial_matches: Sequence[Match] = ()
        self._parent_name = ""
        self.setObjectName("identify")
        self.setFrameShape(QFrame.Shape.Box)
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName(self.tr("Identify"))
        self.title = QLabel()
        self.title.setProperty("role", "muted")
        self.line = QLineEdit(placeholderText=self.tr("Name, synonym or common name"))
        self.line.setAccessibleName(self.tr("Category name"))
        self.line.installEventFilter(self)
        self.list = QListWidget()
        self.list.setItemDelegate(_RowDelegate(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(self.tr("Matching categories"))
        self.hint = QLabel(self.tr("Enter choose   Shift+Enter create   Esc close"))
        self.hint.setProperty("role", "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        for widget in (self.title, self.line, self.list, self.hint):
            column.addWidget(widget)
        self.line.textChanged.connect(self._refresh)
        self.list.itemClicked.connect(self._take)

    def open(
        self,
        count: int,
        *,
        over: QWidget | None = None,
        text: str = "",
        recent: Sequence[Match] = (),
        parent_name: str = "",
    ) -> None:
        """Show the box.

        Parameters
        ----------
        count : int
            Items that will be labelled.
        over : QWidget, optional
            Shown in the upper middle of this widget; default: of the parent.
        recent : sequence of Match
            Offered before anything is typed.
        parent_name : str
            Where a new category would be put; empty: at the top level.
        """
        self._initial_matches = tuple(recent)
        self._parent_name = parent_name
        self.title.setText(
            self.tr("Label 1 item as")
            if count == 1
            else self.tr("Label {count} items as").format(count=f"{count:,}")
        )
        self.line.setText(text)
        self._refresh(text)
        host = over or self.parentWidget()
        if host is not None:
            corner = host.mapToGlobal(host.rect().topLeft())
            left = corner.x() + (host.width() - self.width()) // 2
            self.move(left, corner.y() + max(8, host.height() // 8))
        self.show()
        self.line.setFocus(Qt.FocusReason.PopupFocusReason)
        self.line.end(False)

    def _refresh(self, text: str) -> None:
        text = " ".join(text.split())
        matches = self._search(text, _LIMIT) if text else self._initial_matches
        self.list.clear()
        for match in matches:
            item = QListWidgetItem(match.shown, self.list)
            item.setData(_MATCH, match)
            item.setData(_PATH, self._path_of(match.category_id))
            item.setData(_COLOUR, self._colour_index(match.category_id))
        exact = any(m.shown.casefold() == text.casefold() for m in matches)
        creating = bool(text) and not exact
        if creating:
            QListWidgetItem(self._create_text(text), self.list)
        # Enter must not turn the name of a new species into that of its relative.
        another = creating and matches and matches[0].score < LIKELY
        self.list.setCurrentRow(self.list.count() - 1 if another else min(0, self.list.count() - 1))
        rows = min(_LIMIT + 1, self.list.count())
        self.list.setFixedHeight(rows * _ROW + 2 * self.list.frameWidth())
        self.list.setVisible(rows > 0)
        self.adjustSize()

    def _create_text(self, text: str) -> str:
        if self._parent_name:
            return self.tr("Create “{name}” under {parent}").format(
                name=text, parent=self._parent_name
            )
        return self.tr("Create “{name}”").format(name=text)

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        match = item.data(_MATCH)
        if match is None:
            self._create()
        else:
            self._finish()
            self.chosen.emit(match.category_id)

    def _create(self) -> None:
        text = " ".join(self.line.text().split())
        if text:
            self._finish()
            self.create_requested.emit(text)

    def _finish(self) -> None:
        self.hide()
        self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows move in the list while the line keeps the focus."""
        if watched is not self.line or event.type() != QEvent.Type.KeyPress:
            return super().eventFilter(watched, event)
        assert isinstance(event, QKeyEvent)
        key, row, last = event.key(), self.list.currentRow(), self.list.count() - 1
        moves = {
            Qt.Key.Key_Down: row + 1,
            Qt.Key.Key_Up: row - 1,
            Qt.Key.Key_PageDown: row + 5,
            Qt.Key.Key_PageUp: row - 5,
        }
        if key in moves:
            self.list.setCurrentRow(min(max(moves[Qt.Key(key)], 0), last))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.isAutoRepeat():
                return True
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._create()
            else:
                self._take(self.list.currentItem())
        elif key == Qt.Key.Key_Escape:
            self._finish()
        else:
            return super().eventFilter(watched, event)
        return True


class _RowDelegate(QStyledItemDelegate):
    """Name and, below it, the path and the matched synonym."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(100, _ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        t = theme.current()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if selected:
            painter.fillRect(option.rect, QColor(t.accent))
        main, muted = (t.on_accent, t.on_accent) if selected else (t.text, t.muted)
        match = index.data(_MATCH)
        rect = option.rect.adjusted(10, 4, -10, -4)
        painter.setPen(QColor(main))
        if match is None:
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, "+  " + index.data())
            painter.restore()
            return
        mark = swatch(index.data(_COLOUR), 12, painter.device().devicePixelRatioF())
        painter.drawPixmap(rect.x(), rect.center().y() - 6, mark)
        rect.setLeft(rect.left() + 20)
        font = option.font
        below = words.path(index.data(_PATH) or "")
        below = "" if below == match.shown else below
        if match.matched:
            word = self.tr("syn.") if match.kind == NameKind.SYNONYM else self.tr("common name")
            below = f"{word} {match.matched}" + (f"  ·  {below}" if below else "")
        half = rect.height() // 2 if below else rect.height()
        upper = QRect(rect.x(), rect.y(), rect.width(), half)
        elide = Qt.TextElideMode.ElideRight
        name = painter.fontMetrics().elidedText(match.shown, elide, rect.width())
        painter.drawText(upper, Qt.AlignmentFlag.AlignVCenter, name)
        font.setPixelSize(theme.px(11))
        painter.setFont(font)
        painter.setPen(QColor(muted))
        lower = QRect(rect.x(), rect.y() + half, rect.width(), half)
        below = painter.fontMetrics().elidedText(below, elide, rect.width())
        painter.drawText(lower, Qt.AlignmentFlag.AlignVCenter, below)
        painter.restore()
