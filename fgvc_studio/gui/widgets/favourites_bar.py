"""The row of favourite categories behind the keys 1-9."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QIcon, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets import mime
from fgvc_studio.gui.widgets.category_swatch import swatch
from fgvc_studio.gui.widgets.inspector_parts import ElidedLabel

SLOTS = 9
_NARROWEST = 30
_WIDEST = 200


class FavouritesBar(QWidget):
    """The count of selected items, a button for each slot, and the armed label (the one to repeat).

    Click labels; a category dropped on a slot is set there; right click empties the slot.
    """

    label_requested = Signal(int)
    """Category."""
    slot_set = Signal(int, int)
    """Slot 1-9 and category; 0 empties it."""
    items_dropped = Signal(object, int)
    gather_requested = Signal()
    """Show only what is selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slots: list[tuple[int, str, int]] = [(0, "", -1)] * SLOTS
        self.count = QLabel()
        self.count.setMinimumWidth(96)
        self.armed = ElidedLabel()
        self.armed.setProperty("role", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(4)
        row.addWidget(self.count)
        self.gather = QPushButton(self.tr("Show only these (G)"))
        self.gather.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.gather.clicked.connect(self.gather_requested)
        row.addWidget(self.gather)
        self.buttons = [_Slot(i + 1, self) for i in range(SLOTS)]
        self.hint = QLabel(self.tr("The names that you use take the keys 1 to 9 here."))
        self.hint.setProperty("role", "muted")
        row.addWidget(self.hint)
        for button in self.buttons:
            row.addWidget(button)
        row.addWidget(self.armed, 3)
        row.addStretch(1)
        self._row = row
        self.set_selected(0)
        self.set_armed("")
        theme.signal().changed.connect(self._fill)
        self._fill()

    def set_selected(self, count: int) -> None:
        """Show how many items are selected."""
        self.count.setText(
            self.tr("{count} selected").format(count=f"{count:,}")
            if count
            else self.tr("None selected")
        )
        self.gather.setVisible(count > 1)
        self._show_hint()

    def set_armed(self, name: str) -> None:
        """Show the label that Ctrl+D repeats."""
        self.armed.set_text(self.tr("Repeat: {name}").format(name=name) if name else "")
        self.armed.setVisible(bool(name))

    def set_favourites(self, slots: Sequence[tuple[int, str, int]]) -> None:
        """Fill the slots with (category id, name, colour index); id 0 is an empty slot."""
        empty = [(0, "", -1)] * SLOTS
        self._slots = [*slots, *empty][:SLOTS]
        self._fill()

    def category_of(self, slot: int) -> int:
        """Category in slot 1-9, 0 when it is empty."""
        return self._slots[slot - 1][0]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Elide the names anew."""
        super().resizeEvent(event)
        self._fill()

    def _fill(self) -> None:
        self._show_hint()
        for button, (category, name, colour) in zip(self.buttons, self._slots, strict=True):
            self._row.setStretchFactor(button, 2 if category else 0)
            button.show_category(category, name, colour)

    def _show_hint(self) -> None:
        free = not any(category for category, _, _ in self._slots)
        self.hint.setVisible(free and not self.gather.isVisibleTo(self))


class _Slot(QPushButton):
    def __init__(self, slot: int, bar: FavouritesBar) -> None:
        super().__init__(bar)
        self._slot = slot
        self._bar = bar
        self._name = ""
        self.setAcceptDrops(True)
        self.setIconSize(QSize(10, 10))
        self.setStyleSheet("padding: 5px 4px;")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumWidth(_NARROWEST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._clicked)

    def show_category(self, category: int, name: str, colour: int) -> None:
        self._name = name
        self.setMaximumWidth(_WIDEST if category else _NARROWEST)
        self.setMinimumWidth(_NARROWEST)
        self.setIcon(QIcon(swatch(colour, 10, self.devicePixelRatioF())) if category else QIcon())
        room = self.width() - 46
        short = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, max(0, room))
        self.setText(f"{self._slot} {short}" if category and room > 16 else f"{self._slot}")
        self.setToolTip(name or self.tr("Drop a category here"))
        self.setAccessibleName(
            self.tr("Favourite {slot}: {name}").format(slot=self._slot, name=name or "-")
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.show_category(*self._bar._slots[self._slot - 1])

    def _clicked(self) -> None:
        category = self._bar.category_of(self._slot)
        if category:
            self._bar.label_requested.emit(category)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._bar.category_of(self._slot):
            self._bar.slot_set.emit(self._slot, 0)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        data = event.mimeData()
        if data.hasFormat(mime.CATEGORY) or (
            data.hasFormat(mime.ITEMS) and self._bar.category_of(self._slot)
        ):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        data = event.mimeData()
        if data.hasFormat(mime.CATEGORY):
            self._bar.slot_set.emit(self._slot, mime.category(data))
        else:
            self._bar.items_dropped.emit(mime.items(data), self._bar.category_of(self._slot))
        event.acceptProposedAction()
