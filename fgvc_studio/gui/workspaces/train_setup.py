"""The page that asks what to train: method, data, settings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.records import Split
from fgvc_studio.domain.runs import RunCard
from fgvc_studio.gui import words
from fgvc_studio.gui.widgets.choice_card import Choices
from fgvc_studio.gui.widgets.confusion_dial import ConfusionDial, Tried
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.setting_editors import Choices as Combo
from fgvc_studio.gui.widgets.settings_form import SettingsForm
from fgvc_studio.gui.workspaces import train_words
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.train_control import Request
from fgvc_studio.gui.workspaces.train_outlook import Outlook
from fgvc_studio.methods import registry
from fgvc_studio.methods.config import changed
from fgvc_studio.methods.ecaml import config as ecaml
from fgvc_studio.services import planning

_SETTLE_MS = 350
_WIDEST = 760
_SEEDS = 1 << 30
_CONFUSION = "confusion"
_MEASURED = ecaml.LEAST_FOR_LDA
"""A run that hid categories had at least so many."""
_SPLITS = (Split.TRAIN, Split.VAL, Split.TEST)


class TrainSetup(QWidget):
    """A form at the left, what will happen at the right."""

    start_wanted = Signal(object)
    """A `Request`."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.outlook = Outlook(context)
        self.outlook.start_clicked.connect(lambda: self.start_wanted.emit(self.request()))
        self._soon = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._soon.timeout.connect(self._look)
        self._shown_method = ""
        self._build()
        self.methods.choose(registry.methods()[0].name)
        context.selection.changed.connect(self.refresh_counts)
        context.bridge.decided.connect(lambda _c: self._later())
        context.bridge.space_changed.connect(lambda _e: self.refresh_spaces())

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        area = QScrollArea(self)
        holder = QWidget()
        area.setWidget(holder)
        body = QWidget(holder)
        column = QVBoxLayout(body)
        column.setContentsMargins(20, 14, 20, 20)
        column.setSpacing(8)
        title = QLabel(self.tr("New training"))
        title.setProperty("role", "title")
        column.addWidget(title)
        column.addWidget(Heading(self.tr("What do you want?")))
        self.methods = Choices()
        for method in registry.methods():
            purpose = train_words.PURPOSES.get(method.name, "")
            card = self.methods.add(
                method.name,
                train_words.short_name(method.name, method.title),
                train_words.tr(purpose) if purpose else getattr(method, "about", method.title),
            )
            card.button.setToolTip(method.title)
        self.methods.changed.connect(self._method_chosen)
        column.addWidget(self.methods)
        column.addWidget(Heading(self.tr("Which items")))
        column.addLayout(self._data())
        self.dial_heading = Heading(self.tr("Confusion dial: how strongly to confuse categories"))
        self.dial = ConfusionDial()
        self.dial.changed.connect(lambda value: self.form.set_value(_CONFUSION, value))
        column.addWidget(self.dial_heading)
        column.addWidget(self.dial)
        column.addWidget(Heading(self.tr("Settings")))
        column.addLayout(self._presets())
        self.form = SettingsForm(train_words.choice_words())
        self.form.edited.connect(self._edited)
        column.addWidget(self.form)
        column.addStretch(1)
        body.setMaximumWidth(_WIDEST)
        across = QHBoxLayout(holder)
        across.setContentsMargins(0, 0, 0, 0)
        across.addWidget(body, 1)
        across.addStretch(0)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.outlook.setFixedWidth(310)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        row.addWidget(area, 1)
        row.addWidget(self.outlook)

    def _data(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self.splits: dict[Split, QCheckBox] = {}
        boxes = QHBoxLayout()
        boxes.setSpacing(20)
        for split in _SPLITS:
            box = QCheckBox()
            box.setChecked(split is not Split.TEST)
            box.toggled.connect(self._later)
            self.splits[split] = box
            boxes.addWidget(box)
        boxes.addStretch(1)
        self.unsplit = _muted()
        self.which = Combo()
        self.which.setAccessibleName(self.tr("Which items"))
        self.which.currentIndexChanged.connect(self._later)
        self.space = Combo()
        self.space.setAccessibleName(self.tr("Base space"))
        self.space.currentIndexChanged.connect(self._later)
        self.space_told = _muted(
            self.tr("The run starts from this untrained space and is compared with it.")
        )
        for row, (name, widget) in enumerate(
            (
                (self.tr("Splits"), boxes),
                ("", self.unsplit),
                (self.tr("Items"), self.which),
                (self.tr("Base space"), self.space),
                ("", self.space_told),
            )
        ):
            grid.addWidget(_muted(name), row, 0)
            if isinstance(widget, QHBoxLayout):
                grid.addLayout(widget, row, 1)
            else:
                grid.addWidget(widget, row, 1)
        return grid

    def _presets(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.preset = Combo()
        self.preset.setAccessibleName(self.tr("Preset"))
        self.preset.currentIndexChanged.connect(lambda _i: self._follow_preset())
        self.seed = QSpinBox()
        self.seed.setRange(0, _SEEDS)
        self.seed.setMinimumWidth(90)
        self.seed.setAccessibleName(self.tr("Seed"))
        self.seed.setToolTip(self.tr("The same seed gives the same result"))
        row.addWidget(_muted(self.tr("Preset")))
        row.addWidget(self.preset)
        row.addSpacing(20)
        row.addWidget(_muted(self.tr("Seed")))
        row.addWidget(self.seed)
        row.addStretch(1)
        return row

    # ---- what is asked for -----------------------------------------------------------------
    def request(self) -> Request:
        """What the form says now."""
        settings = dict(self.form.settings())
        settings.pop("train", None)
        train = self.form.value("train")
        return Request(
            method=self.methods.chosen(),
            preset=str(self.preset.currentData() or ""),
            train=str(train) if train else None,
            splits=tuple(s.name.lower() for s, box in self.splits.items() if box.isChecked()),
            space=str(self.space.currentData() or ""),
            seed=self.seed.value(),
            settings=settings,
            items=self._chosen_items(),
        )

    def _chosen_items(self) -> NDArray[np.int64] | None:
        kind = self.which.currentData()
        if kind == "selected":
            return self._context.selection.ids
        if kind == "labelled":
            category = self._context.studio.catalogue.category
            return np.flatnonzero(category > 0).astype(np.int64) + 1
        return None

    # ---- what is shown ---------------------------------------------------------------------
    def refresh(self) -> None:
        """The page comes to the front: counts and spaces may have changed."""
        self.refresh_counts()
        self.refresh_spaces()
        self._later()

    def refresh_counts(self) -> None:
        """Items by split, and how many are selected."""
        if not self.isVisible():
            return
        column = self._context.studio.catalogue.columns.split
        names = {
            Split.TRAIN: self.tr("train ({n})"),
            Split.VAL: self.tr("validation ({n})"),
            Split.TEST: self.tr("test ({n})"),
        }
        counts = np.bincount(column, minlength=4)
        for split, box in self.splits.items():
            box.setText(names[split].format(n=words.count(counts[split])))
        self.unsplit.setText(
            self.tr("{n} items have no split; they always take part.").format(
                n=words.count(counts[Split.NONE])
            )
        )
        selected = len(self._context.selection)
        kind = self.which.currentData()
        self.which.blockSignals(True)
        self.which.clear()
        self.which.addItem(self.tr("all of these splits"), "all")
        if registry.get(self.methods.chosen()).items != registry.LABELLED:
            self.which.addItem(self.tr("only those with a label"), "labelled")
        if selected:
            text = self.tr("only the {n} selected in Browse").format(n=words.count(selected))
            self.which.addItem(text, "selected")
        self.which.setCurrentIndex(max(0, self.which.findData(kind)))
        self.which.blockSignals(False)
        self._later()

    def refresh_spaces(self) -> None:
        """The frozen spaces to start from."""
        studio = self._context.studio
        chosen = self.space.currentData()
        names = planning.frozen_spaces(studio)
        self.space.blockSignals(True)
        self.space.clear()
        for name in names:
            self.space.addItem(name, name)
        if not names:
            self.space.addItem(self.tr("none yet: it is made first"), "")
        at = self.space.findData(chosen)
        self.space.setCurrentIndex(at if at >= 0 and chosen else self.space.count() - 1)
        self.space.blockSignals(False)
        self._later()

    def set_cards(self, cards: Mapping[str, RunCard]) -> None:
        """What earlier runs brought, for the confusion dial."""
        tried, frozen = [], None
        for card in cards.values():
            if card.method != "ecaml":
                continue
            found = train_words.hidden_metric(card, "map@r")
            if found is None:
                continue
            after, before = found
            settings = ecaml.resolved(changed(ecaml.EcamlConfig(), card.config), _MEASURED)
            strength = settings.confusion
            tried.append(Tried(card.run, strength, after["value"], after["low"], after["high"]))
            frozen = before.get("value") if before else frozen
        self.dial.set_tried(tried, frozen)

    # ---- following -------------------------------------------------------------------------
    def _method_chosen(self, name: str) -> None:
        method = registry.get(name)
        self._shown_method = name
        self.form.set_method(method.config)
        dial = self.form.value(_CONFUSION) is not None
        self.dial.setVisible(dial)
        self.dial_heading.setVisible(dial)
        self.preset.blockSignals(True)
        self.preset.clear()
        told = {
            "quick": self.tr("quick: made for a laptop with two cores"),
            "full": self.tr("full: made for a GPU"),
        }
        for preset in method.presets:
            self.preset.addItem(told.get(preset, preset), preset)
        self.preset.blockSignals(False)
        self.refresh_counts()
        self._follow_preset()

    def _follow_preset(self) -> None:
        method = registry.get(self.methods.chosen())
        settings = self.form.settings()
        train = settings.get("train")
        n = self._context.studio.catalogue.n
        preset = str(self.preset.currentData() or method.presets[0])
        self.form.set_base(method.preset(preset, n, str(train) if train else None))
        self._show_dial()
        self._later()

    def _edited(self, name: str) -> None:
        if name == "train":
            self._follow_preset()
        elif name == _CONFUSION:
            self._show_dial()
        self._later()

    def _show_dial(self) -> None:
        value = self.form.value(_CONFUSION)
        try:
            self.dial.set_value(float(value))
        except (TypeError, ValueError):
            return

    def _later(self, *_: object) -> None:
        if self.isVisible():
            self._soon.start()

    def _look(self) -> None:
        if self.isVisible():
            self.outlook.show_request(self.request(), self.form.fault)


def _muted(text: str = "") -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "muted")
    label.setWordWrap(len(text) > 30)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
