"""The one place where what is shown is narrowed down: search line, chips, order, count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.widgets.filter_chips import ChipRow, chips_of
from fgvc_studio.gui.widgets.filter_menu import FilterMenu
from fgvc_studio.services.browsing import Filter, Order

_TYPING_MS = 200


class FilterBar(QWidget):
    """Edits a `Filter` and an `Order`; always visible, every part removable.

    Parameters
    ----------
    category_name : callable
        Category id -> name for the chip.
    metadata : callable
        () -> column -> its values (the most frequent ones); asked when the menu opens.
    """

    filter_changed = Signal(object)
    order_changed = Signal(object)

    def __init__(
        self,
        category_name: Callable[[int], str] = str,
        metadata: Callable[[], Mapping[str, Sequence[str]]] = dict,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._filter = Filter()
        self._order = Order()
        self._category_name = category_name
        self.line = QLineEdit(placeholderText=self.tr("Search names, files, notes"))
        self.line.setClearButtonEnabled(True)
        self.line.setAccessibleName(self.tr("Search"))
        self.line.addAction(icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.line.setMinimumWidth(140)
        self.line.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.menu = FilterMenu(metadata, self)
        self.menu.wanted.connect(self._change)
        self.add = QToolButton()
        self.add.setIcon(icon("filter"))
        self.add.setText(self.tr("Filter"))
        self.add.setToolTip(self.tr("Add a filter"))
        self.add.setAccessibleName(self.tr("Add a filter"))
        self.add.setMenu(self.menu)
        self.add.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.order = QComboBox()
        self.order.setMinimumWidth(110)
        self.order.setAccessibleName(self.tr("Order"))
        for key, title in self._orders():
            self.order.addItem(title, key)
        self.reverse = QToolButton()
        self.reverse.setCheckable(True)
        self.reverse.setText("↑")
        self.reverse.setToolTip(self.tr("Reverse the order"))
        self.reverse.setAccessibleName(self.tr("Reverse the order"))
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        self.chips = ChipRow()
        self.chips.removed.connect(self._change)
        row = QHBoxLayout()
        row.setSpacing(6)
        for widget in (self.chips, self.line, self.add, self.order, self.reverse, self.count):
            row.addWidget(widget, int(widget is self.line))
        row.setContentsMargins(8, 6, 8, 6)
        self.setLayout(row)
        self._timer = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._timer.timeout.connect(self._typed)
        self.line.textEdited.connect(self._timer.start)
        self.line.textChanged.connect(lambda text: None if text else self._typed())
        self.line.returnPressed.connect(self._typed)
        self.order.activated.connect(self._ordered)
        self.reverse.toggled.connect(self._ordered)
        self.set_filter(Filter())
        self.set_count(0, 0)

    def _orders(self) -> list[tuple[str, str]]:
        return [
            ("import", self.tr("Order of import")),
            ("name", self.tr("File name")),
            ("category", self.tr("Category")),
            ("confidence", self.tr("Least confident")),
            ("newest", self.tr("Latest decision")),
            ("date", self.tr("Date taken")),
        ]

    @property
    def filter(self) -> Filter:
        """The filter shown."""
        return self._filter

    @property
    def order_shown(self) -> Order:
        """The order shown."""
        return self._order

    def set_filter(self, shown: Filter) -> None:
        """Show another filter without announcing it."""
        self._filter = shown
        if self.line.text().strip() != shown.text:
            blocked = self.line.blockSignals(True)
            self.line.setText(shown.text)
            self.line.blockSignals(blocked)
        self.menu.set_filter(shown)
        self.chips.set_chips(chips_of(shown, self._category_name))

    def set_order(self, order: Order) -> None:
        """Show another order without announcing it; ``given`` appears as "Similarity"."""
        self._order = order
        at = self.order.findData("given")
        if order.key == "given" and at < 0:
            self.order.insertItem(0, self.tr("Similarity"), "given")
        elif order.key != "given" and at >= 0:
            self.order.removeItem(at)
        self.order.setCurrentIndex(self.order.findData(order.key))
        blocked = self.reverse.blockSignals(True)
        self.reverse.setChecked(order.descending)
        self.reverse.setText("↓" if order.descending else "↑")
        self.reverse.blockSignals(blocked)

    def set_count(self, shown: int, total: int) -> None:
        """Say how many items are on show."""
        self.count.setText(
            self.tr("{total} items").format(total=f"{total:,}")
            if shown == total
            else self.tr("{shown} of {total}").format(shown=f"{shown:,}", total=f"{total:,}")
        )

    def focus_search(self) -> None:
        """Put the cursor in the search line."""
        self.line.setFocus()
        self.line.selectAll()

    def _typed(self) -> None:
        self._timer.stop()
        text = self.line.text().strip()
        if text != self._filter.text:
            self._change(replace(self._filter, text=text))

    def _change(self, shown: Filter) -> None:
        self.set_filter(shown)
        self.filter_changed.emit(shown)

    def _ordered(self) -> None:
        key = self.order.currentData()
        ids = self._order.ids if key == "given" else None
        self.set_order(Order(key, self.reverse.isChecked(), ids))
        self.order_changed.emit(self._order)
