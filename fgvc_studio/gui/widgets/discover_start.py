"""The first page of Discover: where to look, how, and for how many groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.clusters import CountCurve
from fgvc_studio.gui import words
from fgvc_studio.gui.widgets.count_chart import CountChart
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.services.review_groups import GUIDES

_WIDTH = 1040


@dataclass(frozen=True, slots=True)
class Choice:
    """One method to choose.

    Attributes
    ----------
    presets : tuple of str
        A training with these presets, over all items without a label; empty: no training.
    """

    key: str
    title: str
    text: str
    presets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What the expert asked for.

    Attributes
    ----------
    pool : str
        ``unlabelled``, ``selection`` or ``filter``.
    count : int
        0: the program estimates it.
    """

    method: str
    pool: str
    space: str
    count: int
    preset: str = ""


class DiscoverStart(QScrollArea):
    """Choices, the estimate with its chart, and the button that begins."""

    estimate_wanted = Signal(object)
    started = Signal(object)
    embed_wanted = Signal()
    stop_wanted = Signal()
    left = Signal()
    POOLS = ("unlabelled", "selection", "filter")

    def __init__(self, methods: Sequence[Choice], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName(self.tr("Find groups nobody has named"))
        self._curve: CountCurve | None = None
        self._busy = False
        self._embedded = True
        self._offered = False
        self._preset_row = QWidget(self)
        self._preset_row.hide()
        self.title = QLabel(self.tr("Find groups nobody has named"))
        self.title.setProperty("role", "title")
        self.text = QLabel(wordWrap=True)
        self.text.setProperty("role", "muted")
        self.pools = {key: QRadioButton() for key in self.POOLS}
        self.methods = {m.key: QRadioButton(m.title) for m in methods}
        self.spaces = QComboBox()
        self.spaces.setAccessibleName(self.tr("Space"))
        self._presets = {m.key: m.presets for m in methods}
        self._sizes = dict.fromkeys(self.POOLS, 0)
        self.preset = QComboBox()
        self.preset.setAccessibleName(self.tr("Length of the training"))
        self.chart = CountChart()
        self.estimate = QPushButton(self.tr("How many?"))
        self.verdict = QLabel(wordWrap=True)
        self.count = QSpinBox()
        self.splitting = QCheckBox(self.tr("Prefer splitting: merging is easier than splitting"))
        self.go = QPushButton(self.tr("Find groups"))
        self.go.setProperty("role", "primary")
        self.back = QPushButton(self.tr("Back to the clusters"))
        self.embed = QPushButton(self.tr("Compute embeddings"))
        self.busy_text = QLabel()
        self.stop = QPushButton(self.tr("Stop"))
        self.bar = QProgressBar()
        self._build(methods)
        self._connect()
        self.show_curve(None)
        self.set_busy("")
        self.set_review(exists=False)
        self._method_chosen()

    # ---- state -----------------------------------------------------------------------------
    def request(self) -> Request:
        """What is chosen."""
        return Request(
            next((k for k, b in self.methods.items() if b.isChecked()), ""),
            next((k for k, b in self.pools.items() if b.isChecked()), "unlabelled"),
            str(self.spaces.currentData() or ""),
            self.count.value() if self._counted else 0,
            str(self.preset.currentData() or ""),
        )

    @property
    def _counted(self) -> bool:
        return not self.methods["hdbscan"].isChecked() if "hdbscan" in self.methods else True

    def set_pools(self, unlabelled: int, selected: int, filtered: int, total: int) -> None:
        """Say how many items each choice means."""
        n = words.count
        self.text.setText(
            self.tr(
                "{open} of {total} photos have no label. They are sorted into groups of "
                "look-alikes; you then decide on groups instead of single photos. Nothing is "
                "named before you say so."
            ).format(open=n(unlabelled), total=n(total))
            if total
            else self.tr("There are no photos yet. Add a folder of them in Browse first.")
        )
        texts = {
            "unlabelled": self.tr("All photos without a label: {n}").format(n=n(unlabelled)),
            "selection": self.tr("The selection, those without a label: {n}").format(n=n(selected)),
            "filter": self.tr("What Browse shows, those without a label: {n}").format(
                n=n(filtered)
            ),
        }
        self._sizes = {"unlabelled": unlabelled, "selection": selected, "filter": filtered}
        for key, button in self.pools.items():
            button.setText(texts[key])
        self._allow()

    def set_named(self, categories: int) -> None:
        """Say how many categories are named; the first time this chooses the method to offer."""
        guided = self.methods.get("guided")
        enough = categories >= GUIDES
        if guided is not None:
            guided.setEnabled(enough)
            if guided.isChecked() and not enough:
                self.methods["umap-kmeans"].setChecked(True)
        if not self._offered:
            self._offered = True
            self.methods["guided" if enough and guided else "umap-kmeans"].setChecked(True)

    def set_spaces(self, names: Sequence[str], default: str) -> None:
        """Offer these spaces; none: embeddings have to be computed first."""
        chosen = str(self.spaces.currentData() or default)
        self.spaces.clear()
        for name in names:
            self.spaces.addItem(name, name)
        self.spaces.setCurrentIndex(max(0, self.spaces.findData(chosen)))
        self._embedded = bool(names)
        self._space_row.setVisible(len(names) > 1)
        self._embed_row.setVisible(not names)
        self._allow()

    def set_review(self, *, exists: bool) -> None:
        """Whether there are clusters to go back to."""
        self.back.setVisible(exists)

    def show_curve(self, curve: CountCurve | None) -> None:
        """Show an estimate."""
        self._curve = curve
        self.chart.set_curve(curve)
        self.splitting.setEnabled(curve is not None)
        if curve is None:
            self.verdict.setText(
                self.tr("Leave the number to the program, press “How many?”, or type one.")
            )
            return
        self._prefer()
        seeds = sorted(curve.seeds)
        said = self.tr("About {k} groups; the rules say {low} to {high}.").format(
            k=curve.estimate, low=curve.low, high=curve.high
        )
        if seeds:
            said += " " + self.tr("On parts of the photos: {a} to {b}.").format(
                a=seeds[0], b=seeds[-1]
            )
        if curve.error is not None:
            said += " " + self.tr("With known categories hidden, the rule was off by {e}.").format(
                e=f"{curve.error:+d}" if curve.error else "0"
            )
        self.verdict.setText(said)

    def set_busy(self, what: str, share: float | None = None) -> None:
        """Say what is being done (0..1, None: unknown); empty: nothing."""
        self._busy = bool(what)
        self.busy_text.setText(what)
        self._busy_row.setVisible(self._busy)
        self.bar.setRange(0, 0 if share is None else 100)
        if share is not None:
            self.bar.setValue(round(100 * share))
        self._allow()

    def _allow(self) -> None:
        trained = any(self._presets.get(k) for k, b in self.methods.items() if b.isChecked())
        for key, button in self.pools.items():
            usable = self._sizes[key] > 0 and (key == "unlabelled" or not trained)
            button.setEnabled(usable)
            if button.isChecked() and not usable:
                self.pools["unlabelled"].setChecked(True)
        able = not self._busy and self._embedded and self._sizes["unlabelled"] > 0
        self.go.setEnabled(able)
        self.estimate.setEnabled(able)

    def _prefer(self) -> None:
        curve = self._curve
        if curve is not None:
            most = max(curve.high, *curve.seeds, 0)
            count = most if self.splitting.isChecked() else curve.estimate
            self.chart.set_cut(count)
            self.count.setValue(self.chart.cut)

    def _method_chosen(self) -> None:
        for widget in (self.count, self.splitting, self.chart, self.estimate):
            widget.setEnabled(self._counted)
        self.splitting.setEnabled(self._counted and self._curve is not None)
        chosen = next((k for k, b in self.methods.items() if b.isChecked()), "")
        self.preset.clear()
        words_ = {"quick": self.tr("quick"), "full": self.tr("full: slower, better")}
        for preset in self._presets.get(chosen, ()):
            self.preset.addItem(words_.get(preset, preset), preset)
        self._preset_row.setVisible(self.preset.count() > 0)
        self._allow()

    # ---- building --------------------------------------------------------------------------
    def _connect(self) -> None:
        self.chart.cut_changed.connect(self.count.setValue)
        self.count.valueChanged.connect(self.chart.set_cut)
        self.splitting.toggled.connect(lambda _on: self._prefer())
        self.estimate.clicked.connect(lambda: self.estimate_wanted.emit(self.request()))
        self.go.clicked.connect(lambda: self.started.emit(self.request()))
        self.back.clicked.connect(self.left)
        self.embed.clicked.connect(self.embed_wanted)
        self.stop.clicked.connect(self.stop_wanted)
        for button in self.methods.values():
            button.toggled.connect(lambda _on: self._method_chosen())

    def _build(self, methods: Sequence[Choice]) -> None:
        self.count.setRange(0, 2000)
        self.count.setSpecialValueText(self.tr("estimate"))
        self.count.setAccessibleName(self.tr("Number of groups"))
        self.bar.setTextVisible(False)
        host = QWidget()
        self.setWidget(host)
        body = QWidget(host)
        body.setMaximumWidth(_WIDTH)
        column = QVBoxLayout(body)
        column.setContentsMargins(32, 24, 32, 24)
        column.setSpacing(8)
        column.addWidget(self.title)
        column.addWidget(self.text)
        column.addWidget(self._row_of_embedding())
        across = QHBoxLayout()
        across.setSpacing(36)
        across.addLayout(self._left(methods), 5)
        across.addLayout(self._right(), 6)
        column.addLayout(across, 1)
        self._busy_row = QWidget()
        busy = QGridLayout(self._busy_row)
        busy.setContentsMargins(0, 4, 0, 0)
        busy.addWidget(self.busy_text, 0, 0)
        busy.addWidget(self.bar, 1, 0)
        busy.addWidget(self.stop, 0, 1, 2, 1)
        busy.setColumnStretch(0, 1)
        column.addWidget(self._busy_row)
        foot = QHBoxLayout()
        foot.addWidget(self.back)
        foot.addStretch(1)
        foot.addWidget(self.go)
        column.addLayout(foot)
        column.addStretch(1)
        middle = QHBoxLayout(host)
        middle.setContentsMargins(0, 0, 0, 0)
        middle.addStretch(1)
        middle.addWidget(body, 1000)
        middle.addStretch(1)

    def _row_of_embedding(self) -> QWidget:
        self._embed_row = QWidget()
        row = QHBoxLayout(self._embed_row)
        row.setContentsMargins(0, 8, 0, 0)
        text = QLabel(self.tr("Embeddings come first: they say which photos look alike."))
        text.setProperty("role", "warning")
        self.embed.setProperty("role", "primary")
        row.addWidget(text)
        row.addWidget(self.embed)
        row.addStretch(1)
        return self._embed_row

    def _left(self, methods: Sequence[Choice]) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addWidget(Heading(self.tr("Where to look")))
        group = QButtonGroup(self)
        for button in self.pools.values():
            group.addButton(button)
            column.addWidget(button)
        self.pools["unlabelled"].setChecked(True)
        self._space_row = QWidget()
        row = QHBoxLayout(self._space_row)
        row.setContentsMargins(0, 0, 0, 0)
        label = QLabel(self.tr("in the space"))
        label.setBuddy(self.spaces)
        row.addWidget(label)
        row.addWidget(self.spaces, 1)
        column.addWidget(self._space_row)
        column.addSpacing(6)
        column.addWidget(Heading(self.tr("How")))
        ways = QButtonGroup(self)
        for method in methods:
            button = self.methods[method.key]
            ways.addButton(button)
            column.addWidget(button)
            text = QLabel(method.text, wordWrap=True)
            text.setProperty("role", "muted")
            text.setContentsMargins(22, 0, 0, 4)
            column.addWidget(text)
            if method.presets:
                column.addWidget(self._row_of_presets())
        if methods:
            self.methods[methods[0].key].setChecked(True)
        column.addStretch(1)
        return column

    def _row_of_presets(self) -> QWidget:
        self._preset_row = QWidget()
        row = QHBoxLayout(self._preset_row)
        row.setContentsMargins(22, 0, 0, 4)
        label = QLabel(self.tr("Training"))
        label.setBuddy(self.preset)
        row.addWidget(label)
        row.addWidget(self.preset)
        row.addStretch(1)
        return self._preset_row

    def _right(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(Heading(self.tr("How many groups")))
        column.addWidget(self.chart, 1)
        column.addWidget(self.verdict)
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        label = QLabel(self.tr("Groups"))
        label.setBuddy(self.count)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.count, 0, 1)
        grid.addWidget(self.estimate, 0, 2)
        grid.addWidget(self.splitting, 1, 0, 1, 4)
        grid.setColumnStretch(3, 1)
        column.addLayout(grid)
        column.setAlignment(Qt.AlignmentFlag.AlignTop)
        return column
