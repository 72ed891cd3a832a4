"""Why a photo is classified as it is: this patch looks like that patch, for the two best."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.prototypes import Contribution, Explanation, Prototype
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui.widgets.heat_view import HeatView
from fgvc_studio.gui.widgets.inspector_parts import ElidedLabel
from fgvc_studio.gui.widgets.pair_row import PICTURE, PairRow
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures
from fgvc_studio.gui.widgets.prototype_charts import Bar, SignedBars, signed

_MOST = 6


class CategoryColumn(QWidget):
    """What speaks for one category: parts of the branches, then the pairs."""

    chosen = Signal(object)
    """`Contribution`."""

    def __init__(self, pictures: PatchPictures) -> None:
        super().__init__()
        self._pictures = pictures
        self.title = ElidedLabel()
        self.title.setProperty("role", "heading")
        self.branches = SignedBars(self.tr("Parts of the branches"))
        self.rows: list[PairRow] = []
        self._shown = 0
        self.others = QLabel(wordWrap=True)
        self.others.setProperty("role", "muted")
        self._pairs = QVBoxLayout()
        self._pairs.setSpacing(4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.title)
        column.addWidget(self.branches)
        column.addLayout(self._pairs)
        column.addWidget(self.others)
        column.addStretch(1)

    @property
    def keys(self) -> list[int]:
        """Pictures shown."""
        return [k for row in self.rows[: self._shown] for k in row.keys]

    def show_category(
        self,
        name: str,
        logit: float,
        parts: Sequence[Bar],
        contributions: Sequence[Contribution],
        prototypes: Sequence[Prototype],
    ) -> None:
        """Show what adds up to a category's logit."""
        self.title.set_text(name)
        whole = Bar(self.tr("together"), logit, strong=True, token="text")
        self.branches.set_rows([*parts, whole])
        shown = strongest(contributions)
        while len(self.rows) < len(shown):
            row = PairRow(self._pictures)
            row.clicked.connect(lambda _=False, r=row: self._choose(r))
            self._pairs.addWidget(row)
            self.rows.append(row)
        self._shown = len(shown)
        for i, row in enumerate(self.rows):
            row.setVisible(i < len(shown))
            row.setChecked(False)
            if i < len(shown):
                row.show_pair(shown[i], prototypes[shown[i].prototype])
        left = len(contributions) - len(shown)
        rest = logit - sum(c.product for c in shown)
        self.others.setText(
            self.tr("{n} other prototypes: {sum}").format(n=left, sum=signed(rest)) if left else ""
        )

    def refresh(self, keys: set[int]) -> None:
        """Paint rows whose pictures came."""
        for row in self.rows[: self._shown]:
            if keys.intersection(row.keys):
                row.update()

    def _choose(self, chosen: PairRow) -> None:
        for row in self.rows:
            row.setChecked(row is chosen)
        self.chosen.emit(chosen.contribution)


class EvidenceView(QWidget):
    """The page "Explain a photo".

    Parameters
    ----------
    name_of : callable
        Category id -> name.
    """

    contribution_chosen = Signal(object)
    browse_requested = Signal("qlonglong")
    pair_requested = Signal(int, int)
    """Two categories to be set against each other."""
    prototype_requested = Signal(int)

    def __init__(
        self,
        pictures: PatchPictures,
        name_of: Callable[[int], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self._name_of = name_of
        self.explanation: Explanation | None = None
        self.chosen: Contribution | None = None
        self.picture = HeatView()
        self.picture.setAccessibleName(self.tr("The photo"))
        self.source = HeatView()
        self.source.setAccessibleName(self.tr("Where the prototype comes from"))
        self.likeness = QLabel(wordWrap=True)
        self.likeness.setProperty("role", "muted")
        self.title = ElidedLabel()
        self.title.setProperty("role", "heading")
        self.verdict = QLabel(wordWrap=True)
        self.verdict.setProperty("role", "muted")
        self.columns = (CategoryColumn(pictures), CategoryColumn(pictures))
        self.browse = QPushButton(self.tr("Show in Browse"))
        self.pair = QPushButton(self.tr("The two against each other"))
        self.prototype = QPushButton(self.tr("Show the prototype"))
        self.hint = QLabel(
            self.tr(
                "Choose a photo in Browse or in What changes and press E: this page says which "
                "patches made the classifier decide."
            )
        )
        self._build()
        for column in self.columns:
            column.chosen.connect(self._chosen)
        self.browse.clicked.connect(self._browse)
        self.pair.clicked.connect(self._pair)
        self.prototype.clicked.connect(self._prototype)
        pictures.thumbnails.ready.connect(self._ready)
        self.clear()

    def _build(self) -> None:
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(6)
        words = QVBoxLayout()
        words.setContentsMargins(12, 10, 12, 0)
        words.setSpacing(3)
        words.addWidget(self.title)
        words.addWidget(self.verdict)
        acts = QHBoxLayout()
        acts.addWidget(self.browse)
        acts.addWidget(self.pair)
        acts.addStretch(1)
        words.addLayout(acts)
        left.addLayout(words)
        left.addWidget(self.picture, 3)
        below = QHBoxLayout()
        below.setContentsMargins(12, 0, 12, 0)
        below.addWidget(self.likeness, 1)
        below.addWidget(self.prototype)
        left.addLayout(below)
        left.addWidget(self.source, 2)
        body = QWidget()
        across = QHBoxLayout(body)
        across.setContentsMargins(12, 10, 12, 10)
        across.setSpacing(16)
        for column in self.columns:
            across.addWidget(column, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        area.setMinimumWidth(370)
        self._area = area
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setProperty("role", "muted")
        self._left = QWidget()
        self._left.setLayout(left)
        self._left.setMinimumWidth(220)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.hint, 1)
        outer.addWidget(self._left, 5)
        outer.addWidget(area, 6)

    def clear(self) -> None:
        """No photo is chosen."""
        self.explanation = None
        self.hint.show()
        self._left.hide()
        self._area.hide()

    def show_explanation(
        self, found: Explanation, prototypes: Sequence[Prototype], label: int
    ) -> None:
        """Show why; the picture itself is put in by the owner.

        Parameters
        ----------
        prototypes : sequence of Prototype
            All of the run, by id.
        label : int
            Category that the item has, 0 for none.
        """
        self.explanation = found
        self.hint.hide()
        self._left.show()
        self._area.show()
        self.title.set_text(
            self.tr("{name} ({share})").format(
                name=self._name_of(found.first), share=f"{100 * found.probability:.0f} %"
            )
        )
        self.verdict.setText(self._sentence(found, label))
        self.verdict.setProperty(
            "role", "warning" if found.unknown or (label and label != found.first) else "muted"
        )
        self.verdict.style().unpolish(self.verdict)
        self.verdict.style().polish(self.verdict)
        for column, category in zip(self.columns, (found.first, found.second), strict=True):
            column.show_category(
                self._name_of(category),
                found.logits[category],
                self._parts(found, category, prototypes),
                found.contributions.get(category, ()),
                prototypes,
            )
        side = round(PICTURE * self.devicePixelRatioF())
        wanted = [k for column in self.columns for k in column.keys]
        self._pictures.thumbnails.want(wanted, side, "evidence")

    def _parts(
        self, found: Explanation, category: int, prototypes: Sequence[Prototype]
    ) -> list[Bar]:
        """Both branches, each as its own prototypes and those of other categories."""
        sums: dict[tuple[str, bool], float] = {}
        for c in found.contributions.get(category, ()):
            one = prototypes[c.prototype]
            key = one.branch, one.category_id == category
            sums[key] = sums.get(key, 0.0) + c.product
        bars = []
        for branch, whole in sorted(found.per_branch.get(category, {}).items()):
            own = sums.get((branch, True), 0.0)
            words = say.branch(branch)
            bars.append(
                Bar(self.tr("{branch}: its own").format(branch=words), own, say.branch_tip(branch))
            )
            bars.append(
                Bar(
                    self.tr("{branch}: of others").format(branch=words),
                    whole - own,
                    self.tr("What prototypes of other categories say against it"),
                )
            )
        return bars

    def choose_first(self) -> None:
        """Begin with what speaks loudest."""
        rows = self.columns[0].rows
        if self.explanation and self.explanation.contributions.get(self.explanation.first):
            rows[0].click()

    def stop(self) -> None:
        """End the loading threads."""
        self.picture.stop()
        self.source.stop()

    def _sentence(self, found: Explanation, label: int) -> str:
        parts = []
        if found.unknown:
            parts.append(self.tr("Perhaps nothing it knows: no prototype fires as usual."))
        if not label:
            parts.append(self.tr("The photo has no label."))
        elif label == found.first:
            parts.append(self.tr("The label says the same."))
        else:
            parts.append(self.tr("It is labelled {name}.").format(name=self._name_of(label)))
        parts.append(
            self.tr("{margin} ahead of {second}.").format(
                margin=f"{found.margin:.2f}", second=self._name_of(found.second)
            )
        )
        return " ".join(parts)

    def _chosen(self, contribution: Contribution) -> None:
        for column in self.columns:
            for row in column.rows:
                if row.contribution is not contribution:
                    row.setChecked(False)
        self.chosen = contribution
        self.picture.show_evidence(patch=contribution.patch.box)
        self.likeness.setText(
            self.tr("looks like this patch, by {score}:").format(score=f"{contribution.score:.2f}")
        )
        self.contribution_chosen.emit(contribution)

    def _prototype(self) -> None:
        if self.chosen is not None:
            self.prototype_requested.emit(self.chosen.prototype)

    def _browse(self) -> None:
        if self.explanation:
            self.browse_requested.emit(self.explanation.item_id)

    def _pair(self) -> None:
        if self.explanation:
            self.pair_requested.emit(self.explanation.first, self.explanation.second)

    def _ready(self, keys: list[int]) -> None:
        arrived = set(keys)
        for column in self.columns:
            column.refresh(arrived)


def strongest(contributions: Sequence[Contribution]) -> list[Contribution]:
    """The few that matter most, what speaks for the category first."""
    few = sorted(contributions, key=lambda c: -abs(c.product))[:_MOST]
    return sorted(few, key=lambda c: -c.product)
