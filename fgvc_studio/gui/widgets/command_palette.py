"""Ctrl+K: find any command or category by a few letters, and see its keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import theme
from fgvc_studio.gui.action_set import ActionSet
from fgvc_studio.gui.actions import COMMANDS
from fgvc_studio.gui.fuzzy import best_matches

_ROWS = 12
_HINT = Qt.ItemDataRole.UserRole + 1
_ENTRY = Qt.ItemDataRole.UserRole + 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: words, a hint at the right (keys, or what it is), and what it does."""

    text: str
    hint: str
    enabled: bool
    run: Callable[[], object]


class CommandPalette(QFrame):
    """A popup over the main window; commands first, then categories."""

    closed = Signal()

    def __init__(
        self,
        window: QWidget,
        actions: ActionSet,
        categories: Callable[[str, int], Sequence[Entry]] | None = None,
    ) -> None:
        super().__init__(window, Qt.WindowType.Popup)
        self.setObjectName("popup")
        self._actions = actions
        self._categories = categories
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("Type a command or a category"))
        self.field.setAccessibleName(self.tr("Command palette"))
        self.field.setMinimumHeight(32)
        self.list = QListWidget()
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setItemDelegate(_RowDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.field.textChanged.connect(self.fill)
        self.field.returnPressed.connect(self._run_current)
        self.list.itemClicked.connect(lambda _item: self._run_current())
        self.field.installEventFilter(self)

    def open(self) -> None:
        """Show at the upper middle of the window."""
        window = self.parentWidget()
        width = min(620, window.width() - 40)
        corner = window.mapToGlobal(QPoint((window.width() - width) // 2, 70))
        self.setGeometry(QRect(corner, QSize(width, min(440, window.height() - 120))))
        self._actions.refresh()
        self.field.clear()
        self.fill("")
        self.show()
        self.field.setFocus()

    def fill(self, text: str) -> None:
        """Show what matches `text` best."""
        self.list.clear()
        for entry in self.entries(text):
            item = QListWidgetItem(entry.text)
            item.setData(_HINT, entry.hint)
            item.setData(_ENTRY, entry)
            if not entry.enabled:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(item)
        for row in range(self.list.count()):
            if self.list.item(row).flags() & Qt.ItemFlag.ItemIsEnabled:
                self.list.setCurrentRow(row)
                break

    def entries(self, text: str) -> list[Entry]:
        """Rows for `text`, best first; commands that cannot be used now come last.

        Commands of pages that are not in front are left out.
        """
        titles = [c.title.removesuffix("...") for c in COMMANDS]
        picked = best_matches(text, titles, len(COMMANDS)) if text.strip() else range(len(COMMANDS))
        rows = [
            Entry(
                titles[i],
                self._actions.key_text(COMMANDS[i].id),
                self._actions[COMMANDS[i].id].isEnabled(),
                lambda c=COMMANDS[i].id: self._actions.run(c),
            )
            for i in picked
            if COMMANDS[i].id != "app.palette" and self._actions.in_reach(COMMANDS[i])
        ]
        rows = [r for r in rows if r.enabled] + [r for r in rows if not r.enabled]
        if text.strip() and self._categories:
            usable = [r for r in rows if r.enabled][:_ROWS]
            return [*usable, *self._categories(text, 8), *[r for r in rows if not r.enabled]]
        return rows

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows move in the list while the field has the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: 8,
                Qt.Key.Key_PageUp: -8,
            }.get(Qt.Key(event.key()))
            if step:
                row = self.list.currentRow() + step
                self.list.setCurrentRow(max(0, min(self.list.count() - 1, row)))
                return True
        return super().eventFilter(watched, event)

    def hideEvent(self, event: QEvent) -> None:
        """Tell that the palette closed."""
        super().hideEvent(event)  # type: ignore[arg-type]
        self.closed.emit()

    def _run_current(self) -> None:
        item = self.list.currentItem()
        if item is None or not item.flags() & Qt.ItemFlag.ItemIsEnabled:
            return
        entry: Entry = item.data(_ENTRY)
        self.close()
        entry.run()


class _RowDelegate(QStyledItemDelegate):
    """Words at the left, the hint at the right in a quieter colour."""

    def sizeHint(self, option: QStyleOptionViewItem, index: object) -> QSize:
        return QSize(200, 30)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: object) -> None:
        self.initStyleOption(option, index)  # type: ignore[arg-type]
        hint = str(index.data(_HINT) or "")  # type: ignore[attr-defined]
        text, option.text = option.text, ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        enabled = bool(option.state & QStyle.StateFlag.State_Enabled)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected) and enabled
        group = QPalette.ColorGroup.Normal if enabled else QPalette.ColorGroup.Disabled
        role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text
        rect = option.rect.adjusted(10, 0, -10, 0)
        painter.save()
        painter.setPen(option.palette.color(group, role))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(rect, int(middle | Qt.AlignmentFlag.AlignLeft), text)
        if not chosen:
            painter.setPen(option.palette.color(group, QPalette.ColorRole.PlaceholderText))
        font = QFont(option.font)
        font.setPixelSize(theme.px(12))
        painter.setFont(font)
        painter.drawText(rect, int(middle | Qt.AlignmentFlag.AlignRight), hint)
        painter.restore()
