"""One prototype: where it looks, what speaks against it, the verdict, what it fires on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.prototypes import PARTS, Effects, Patch, Prototype
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.models.prototype_facts import PrototypeFacts
from fgvc_studio.gui.widgets.heat_view import HeatView
from fgvc_studio.gui.widgets.inspector_parts import ElidedLabel, Heading
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures
from fgvc_studio.gui.widgets.patch_strip import PatchCell, PatchStrip
from fgvc_studio.gui.widgets.prototype_charts import Bar, ShareBars, SignedBars, TwoHistograms
from fgvc_studio.gui.widgets.verdict_panel import KeyButton, VerdictPanel

HEATS = ("map", "gradient", "none")
_WEIGHTS = 7
_SIDE = 272


class PrototypeDetail(QWidget):
    """The pane beside the gallery.

    Parameters
    ----------
    name_of, short_of, colour_of : callable
        Category id -> name, short name, colour index.
    key_text : callable
        Command id -> its keys.
    """

    heat_changed = Signal(str)
    """One of `HEATS`."""
    patch_chosen = Signal(object)
    """`Patch` to be shown in the picture; None: the source again."""
    sister_chosen = Signal(int)

    def __init__(
        self,
        pictures: PatchPictures,
        name_of: Callable[[int], str],
        short_of: Callable[[int], str],
        colour_of: Callable[[int], int],
        key_text: Callable[[str], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name_of, self._short_of = name_of, short_of
        self._colour_of, self._key_text = colour_of, key_text
        self._prototype: Prototype | None = None
        self.setAccessibleName(self.tr("Prototype"))
        self.setMinimumWidth(526)
        self.picture = HeatView()
        self.verdicts = VerdictPanel(key_text)
        self.suspicion = ShareBars(self.tr("Suspicion and its parts"), names=0.5)
        self.train = PatchStrip(pictures, "best in training", columns=10, side=44)
        self.rest = PatchStrip(pictures, "best elsewhere", columns=10, side=44)
        self.sisters = PatchStrip(pictures, "sisters", columns=10, side=44)
        self.histogram = TwoHistograms()
        self.weights = SignedBars(self.tr("Weights on the categories"))
        self.try_button = KeyButton(self.tr("Try without it"))
        self.reselect_button = KeyButton(self.tr("Other patch..."))
        self._build()
        for strip in (self.train, self.rest):
            strip.chosen.connect(lambda cell: self.patch_chosen.emit(cell.data))
        self.sisters.chosen.connect(lambda cell: self.sister_chosen.emit(cell.data))
        self.show_keys()
        self.show_prototype(None)

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._top(), 3)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setObjectName("rule")
        column.addWidget(line)
        column.addWidget(self._lower(), 2)

    def _top(self) -> QWidget:
        self.title = ElidedLabel()
        self.title.setProperty("role", "heading")
        self.facts = QLabel(wordWrap=True)
        self.facts.setProperty("role", "muted")
        side = QVBoxLayout()
        side.setContentsMargins(0, 10, 12, 8)
        side.setSpacing(5)
        side.addWidget(self.title)
        side.addWidget(self.facts)
        side.addWidget(self.verdicts)
        side.addSpacing(2)
        side.addWidget(self.suspicion)
        side.addStretch(1)
        holder = QWidget()
        holder.setLayout(side)
        holder.setFixedWidth(_SIDE)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(self.picture, 1)
        left.addLayout(self._tools())
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addLayout(left, 1)
        row.addWidget(holder)
        top = QWidget()
        top.setMinimumHeight(338)
        top.setLayout(row)
        return top

    def _tools(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(6, 3, 6, 3)
        row.setSpacing(2)
        self._heats = QButtonGroup(self)
        words = {
            "map": (self.tr("Map"), self.tr("How like the prototype each place is, enlarged")),
            "gradient": (
                self.tr("Pixels"),
                self.tr("SmoothGrad: the pixels that its best place depends on (takes a second)"),
            ),
            "none": (self.tr("Photo"), self.tr("The photo with the contour only")),
        }
        for i, name in enumerate(HEATS):
            button = QToolButton()
            button.setText(words[name][0])
            button.setToolTip(words[name][1])
            button.setCheckable(True)
            button.setChecked(i == 0)
            self._heats.addButton(button, i)
            row.addWidget(button)
        self._heats.idClicked.connect(lambda i: self.heat_changed.emit(HEATS[i]))
        row.addStretch(1)
        self.back = QPushButton(self.tr("Back to its source"))
        self.back.setProperty("role", "flat")
        self.back.clicked.connect(lambda: self.patch_chosen.emit(None))
        self.back.hide()
        row.addWidget(self.back)
        fit = QToolButton()
        fit.setIcon(icon("fit"))
        fit.setToolTip(self.tr("Fit or 100 % (double click)"))
        fit.setAccessibleName(self.tr("Fit or 100 %"))
        fit.clicked.connect(lambda: self.picture.toggle_zoom())
        row.addWidget(fit)
        return row

    def _lower(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(12, 8, 12, 12)
        column.setSpacing(4)
        self.without = QLabel(wordWrap=True)
        acts = QHBoxLayout()
        acts.setSpacing(6)
        acts.addWidget(self.without, 1)
        for button in (self.try_button, self.reselect_button):
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            acts.addWidget(button)
        column.addLayout(acts)
        self._train_heading = Heading(self.tr("Where it fires most: photos it learned from"))
        self._rest_heading = Heading(self.tr("Where it fires most: all other photos"))
        self._sisters_heading = Heading(self.tr("Others of this category and branch"))
        for heading, strip in (
            (self._train_heading, self.train),
            (self._rest_heading, self.rest),
        ):
            column.addWidget(heading)
            column.addWidget(strip)
        pair = QHBoxLayout()
        pair.setSpacing(18)
        for title, chart in (
            (self.tr("Photos by how strongly it fires"), self.histogram),
            (self.tr("Speaks for and against"), self.weights),
        ):
            part = QVBoxLayout()
            part.setSpacing(4)
            part.addWidget(Heading(title))
            part.addWidget(chart)
            part.addStretch(1)
            pair.addLayout(part, 1)
        column.addLayout(pair)
        column.addWidget(self._sisters_heading)
        column.addWidget(self.sisters)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        self._body = body
        return area

    # ---- what is shown ---------------------------------------------------------------------
    @property
    def heat(self) -> str:
        """Which heat map is chosen."""
        return HEATS[self._heats.checkedId()]

    def next_heat(self) -> None:
        """The next way to look at the picture."""
        at = (self._heats.checkedId() + 1) % len(HEATS)
        self._heats.button(at).setChecked(True)
        self.heat_changed.emit(HEATS[at])

    def show_keys(self) -> None:
        """Read the keys anew."""
        self.verdicts.show_keys()
        self.try_button.set_key(self._key_text("proto.try"))
        self.reselect_button.set_key(self._key_text("proto.reselect"))

    def show_prototype(
        self, prototype: Prototype | None, *, tried: bool = False, writable: bool = True
    ) -> None:
        """Show another prototype, or the same after a decision; None empties the pane."""
        other = prototype is None or self._prototype is None or prototype.id != self._prototype.id
        self._prototype = prototype
        self.verdicts.show_prototype(prototype, writable=writable)
        self._body.setVisible(prototype is not None)
        self.try_button.setEnabled(prototype is not None)
        if prototype is None:
            self.title.set_text(self.tr("No prototype chosen"))
            self.facts.setText("")
            self.suspicion.set_rows([])
            return
        self.title.set_text(self._name_of(prototype.category_id))
        self.facts.setText(self._sentence(prototype))
        self.facts.setToolTip(say.facts_tip(prototype.branch, prototype.relevance))
        self.suspicion.set_rows(suspicion_rows(prototype))
        off = prototype.forbidden != tried
        self.try_button.setText(self.tr("Try with it") if off else self.tr("Try without it"))
        self.try_button.setAccessibleName(self.try_button.text())
        self.reselect_button.setEnabled(writable)
        if other:
            self.without.setText("")
            self.back.hide()
            for strip in (self.train, self.rest, self.sisters):
                strip.blank()
            self.histogram.clear()
            self.weights.blank()

    def show_facts(self, facts: PrototypeFacts) -> None:
        """Show what was read about the prototype."""
        self.train.set_cells([self._cell(p) for p in facts.train])
        self.rest.set_cells([self._cell(p) for p in facts.rest])
        self._train_heading.setVisible(bool(facts.train))
        self._rest_heading.setVisible(bool(facts.rest))
        self.histogram.set_counts(*facts.histogram)
        self.weights.set_rows(self._weight_rows(facts.weights))
        self.sisters.set_cells([self._sister(p, cosine) for p, cosine in facts.sisters])
        self._sisters_heading.setVisible(bool(facts.sisters))

    def show_without(self, effects: Effects, off: bool) -> None:
        """Say what taking it out (or, when it is off, taking it in) changes."""
        start = self.tr("With it again") if off else self.tr("Without it")
        self.without.setText(f"{start}: {say.effects_words(effects)}")
        self.without.setToolTip(say.judged_on_tip(effects.on))

    def stop(self) -> None:
        """End the loading thread."""
        self.picture.stop()

    def sizeHint(self) -> QSize:
        """Wide enough for ten patches in a row."""
        return QSize(560, 700)

    def _sentence(self, p: Prototype) -> str:
        parts = [
            self.tr("{branch} prototype {number}").format(branch=say.branch(p.branch), number=p.id)
        ]
        parts.append(say.leads_in(p.usage))
        parts += say.worth(p.purity)
        if p.duplicate_of is not None:
            parts.append(self.tr("repeats {number}").format(number=p.duplicate_of))
        if p.forbidden:
            why = f" ({p.reason})" if p.reason else ""
            parts.append(self.tr("switched off") + why)
        return "  ·  ".join(parts)

    def _cell(self, patch: Patch) -> PatchCell:
        return PatchCell(
            patch.item_id,
            patch.box,
            f"{patch.score:.2f}",
            self.tr("Photo {item}, similarity {score}").format(
                item=patch.item_id, score=f"{patch.score:.2f}"
            ),
            data=patch,
        )

    def _sister(self, p: Prototype, cosine: float) -> PatchCell:
        tip = self.tr("Prototype {number}: likeness {cosine}, suspicion {score}").format(
            number=p.id, cosine=f"{cosine:.2f}", score=f"{p.suspicion:.2f}"
        )
        token = "danger" if p.forbidden else ""
        return PatchCell(p.source.item_id, p.source.box, f"{cosine:.2f}", tip, token, p.id)

    def _weight_rows(self, weights: Sequence[tuple[int, float]]) -> list[Bar]:
        own = self._prototype.category_id if self._prototype else 0
        first = [w for w in weights if w[0] == own]
        others = sorted((w for w in weights if w[0] != own), key=lambda w: -abs(w[1]))
        shown = first + sorted(others[: _WEIGHTS - len(first)], key=lambda w: -w[1])
        return [
            Bar(
                self._short_of(c),
                w,
                self.tr("{name}: {weight} per unit of similarity").format(
                    name=self._name_of(c), weight=f"{w:+.3f}"
                ),
                self._colour_of(c),
                strong=c == own,
            )
            for c, w in shown
        ]


def suspicion_rows(p: Prototype) -> list[Bar]:
    """The suspicion and its parts as bars, the whole first."""
    whole, tip = say.suspicion()
    keys = [k for k in p.parts if k.startswith("outside")]
    keys += [k for k in PARTS if k in p.parts and k not in keys]
    return [
        Bar(whole, p.suspicion, tip, token="danger", strong=True),
        *(Bar(say.part(k)[0], p.parts[k], say.part(k)[1]) for k in keys),
    ]
