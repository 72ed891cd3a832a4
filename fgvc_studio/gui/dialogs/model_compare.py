"""Two models of prototypes beside each other: accuracies, and what the newer one changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.prototypes import Effects, PrototypeModel
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui.widgets.flip_view import FlipView
from fgvc_studio.gui.widgets.thumbnails import Thumbnails


class ModelCompare(QDialog):
    """Before and after, with the photos whose prediction changes.

    Parameters
    ----------
    figures : mapping
        Run -> name of a figure -> value on validation.
    """

    pair_changed = Signal(str, str)
    use_requested = Signal(str)
    browse_requested = Signal(object)

    def __init__(
        self,
        models: Sequence[PrototypeModel],
        figures: Mapping[str, Mapping[str, float]],
        pair: tuple[str, str],
        thumbnails: Thumbnails,
        name_of: Callable[[int], str],
        short_of: Callable[[int], str],
        colour_of: Callable[[int], int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._figures = figures
        self._models = {m.run: m for m in models}
        self.setWindowTitle(self.tr("Compare the models"))
        self.resize(1040, 720)
        self.old, self.new = QComboBox(), QComboBox()
        for box, run, name in (
            (self.old, pair[0], self.tr("Before")),
            (self.new, pair[1], self.tr("After")),
        ):
            box.setAccessibleName(name)
            for model in models:
                box.addItem(f"{model.run}  ·  {say.made_by(model.made_by)}", model.run)
            box.setCurrentIndex(max(0, box.findData(run)))
            box.activated.connect(self.refresh)
        self.table = QGridLayout()
        self.table.setHorizontalSpacing(24)
        self.flips = FlipView(thumbnails, name_of, short_of, colour_of)
        self.flips.browse_requested.connect(self.browse_requested)
        self.flips.browse_requested.connect(self.accept)
        use_old = QPushButton(self.tr("Use the one before"))
        use_new = QPushButton(self.tr("Use the one after"))
        use_new.setProperty("role", "primary")
        for button, box in ((use_old, self.old), (use_new, self.new)):
            button.clicked.connect(lambda _=False, b=box: self._use(b))
        head = QHBoxLayout()
        head.addWidget(self.old, 1)
        head.addWidget(QLabel("→"))
        head.addWidget(self.new, 1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.reject)
        for button in (use_old, use_new, close):
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.addLayout(head)
        column.addLayout(self.table)
        column.addWidget(self.flips, 1)
        column.addLayout(foot)

    @property
    def pair(self) -> tuple[str, str]:
        """The two runs."""
        return str(self.old.currentData()), str(self.new.currentData())

    def refresh(self) -> None:
        """Show the figures of the two and ask what changes."""
        old, new = self.pair
        while self.table.count():
            self.table.takeAt(0).widget().deleteLater()
        rows = [
            (name, self._figures.get(old, {}).get(key), self._figures.get(new, {}).get(key))
            for key, name in say.figures()
        ]
        head = (self.tr("on the validation photos"), self.tr("before"), self.tr("after"), "")
        for c, text in enumerate(head):
            label = QLabel(text)
            label.setProperty("role", "muted")
            self.table.addWidget(label, 0, c)
        for r, (name, before, after) in enumerate((x for x in rows if x[1] or x[2]), 1):
            change, token = _change(before, after)
            for c, text in enumerate((name, _share(before), _share(after), change)):
                label = QLabel(text)
                if c == 3:
                    label.setProperty("role", token)
                self.table.addWidget(label, r, c)
        self.table.setColumnStretch(4, 1)
        self.flips.show_effects(None, "")
        self.flips.title.setText(self.tr("Reading what changes..."))
        self.flips.grid.set_empty_text("")
        self.pair_changed.emit(old, new)

    def show_effects(self, pair: tuple[str, str], effects: Effects | None, note: str = "") -> None:
        """Show which predictions change."""
        if pair != self.pair:
            return
        if effects is None:
            self.flips.title.setText(note)
            return
        self.flips.show_effects(effects, self.tr("What the one after changes"))

    def _use(self, box: QComboBox) -> None:
        self.use_requested.emit(str(box.currentData()))
        self.accept()


def _share(value: float | None) -> str:
    return "–" if value is None else say.share(value)


def _change(before: float | None, after: float | None) -> tuple[str, str]:
    if before is None or after is None or before == after:
        return "", "muted"
    text = f"{100 * (after - before):+.1f}".replace("-", "−")
    return text, "good" if after > before else "danger"
