"""Above the gallery: which model, which prototypes, in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from fgvc_studio.domain.prototypes import PrototypeModel
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.models.prototype_view import ORDERS, STATES, PrototypeFilter


class PrototypeBar(QWidget):
    """Edits a `PrototypeFilter` and an order; chooses the model.

    Parameters
    ----------
    name_of : callable
        Category id -> name.
    acts : sequence of QAction or None
        For the menu at the right; None is a line.
    """

    filter_changed = Signal(object)
    order_changed = Signal(str)
    model_chosen = Signal(str)

    def __init__(
        self,
        name_of: Callable[[int], str],
        acts: Sequence[QAction | None] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name_of = name_of
        self.model = self._box(self.tr("Model"), 120)
        self.model.setMinimumContentsLength(15)
        self.model.setMaximumWidth(220)
        self.model.activated.connect(lambda: self.model_chosen.emit(self.model.currentData()))
        self.category = self._box(self.tr("Category"), 100)
        self.branch = self._box(self.tr("Branch"), 90)
        self.state = self._box(self.tr("State"), 100)
        self.order = self._box(self.tr("Order"), 100)
        for key in ("", "support", "trivial"):
            self.branch.addItem(say.branch(key) if key else self.tr("Both branches"), key)
            tip = say.branch_tip(key) if key else ""
            self.branch.setItemData(self.branch.count() - 1, tip, 3)
        for key in STATES:
            self.state.addItem(say.state(key), key)
        for key in ORDERS:
            self.order.addItem(say.order(key), key)
        self.clear = QToolButton()
        self.clear.setIcon(icon("close"))
        self.clear.setToolTip(self.tr("Show all prototypes"))
        self.clear.setAccessibleName(self.tr("Show all prototypes"))
        self.clear.clicked.connect(lambda: self._use(PrototypeFilter()))
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        self.acts = QPushButton(self.tr("Mend and export"))
        menu = QMenu(self.acts)
        for act in acts:
            menu.addSeparator() if act is None else menu.addAction(act)
        self.acts.setMenu(menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 6, 8, 6)
        row.setSpacing(6)
        row.addWidget(self.model, 6)
        for widget in (self.category, self.branch, self.state, self.clear, self.order):
            row.addWidget(widget, 0 if widget is self.clear else 4)
        row.addWidget(self.count)
        row.addStretch(0)
        row.addWidget(self.acts)
        for box in (self.category, self.branch, self.state):
            box.activated.connect(lambda: self.filter_changed.emit(self.filter))
            box.activated.connect(self._show_clear)
        self.order.activated.connect(lambda: self.order_changed.emit(self.order.currentData()))
        self._show_clear()

    def _box(self, name: str, least: int) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        box.setToolTip(name)
        box.setMinimumWidth(least)
        box.setMaximumWidth(165)
        box.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(7)
        return box

    @property
    def filter(self) -> PrototypeFilter:
        """The filter shown."""
        return PrototypeFilter(
            int(self.category.currentData() or 0),
            str(self.branch.currentData() or ""),
            str(self.state.currentData() or ""),
        )

    def set_filter(self, shown: PrototypeFilter) -> None:
        """Show another filter without announcing it."""
        for box, value in (
            (self.category, shown.category),
            (self.branch, shown.branch),
            (self.state, shown.state),
        ):
            box.setCurrentIndex(max(0, box.findData(value)))
        self._show_clear()

    def set_models(self, models: Sequence[PrototypeModel], current: str) -> None:
        """Offer these models."""
        self.model.clear()
        for model in models:
            text = f"{model.run}  ·  {say.share(model.accuracy, 0)}"
            self.model.addItem(text, model.run)
            words = self.tr("{run}: {made}, {n} prototypes, {share} right on validation").format(
                run=model.run,
                made=say.made_by(model.made_by),
                n=f"{model.prototypes:,}",
                share=say.share(model.accuracy),
            )
            self.model.setItemData(self.model.count() - 1, words, 3)
        self.model.setCurrentIndex(max(0, self.model.findData(current)))

    def set_categories(self, categories: Sequence[int]) -> None:
        """Offer these categories."""
        chosen = self.category.currentData()
        self.category.clear()
        self.category.addItem(self.tr("All categories"), 0)
        for category in sorted(categories, key=lambda c: self._name_of(c).lower()):
            self.category.addItem(self._name_of(category), category)
        self.category.setCurrentIndex(max(0, self.category.findData(chosen)))

    def set_active(self, on: bool) -> None:
        """Show the parts, or nothing while there is no model."""
        for widget in (
            self.model, self.category, self.branch, self.state, self.clear, self.order,
            self.count, self.acts,
        ):  # fmt: skip
            widget.setVisible(on)

    def set_count(self, shown: int, total: int) -> None:
        """Say how many prototypes are on show."""
        self.count.setText(
            self.tr("{n} prototypes").format(n=f"{total:,}")
            if shown == total
            else self.tr("{shown} of {total}").format(shown=f"{shown:,}", total=f"{total:,}")
        )

    def _use(self, shown: PrototypeFilter) -> None:
        self.set_filter(shown)
        self.filter_changed.emit(shown)

    def _show_clear(self) -> None:
        self.clear.setEnabled(self.filter.active)
