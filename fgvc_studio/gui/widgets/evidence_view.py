"""Why a photo is classified as it is: this patch looks like that patch, for the two best."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.prototypes import Contribution, Explanation, Prototype
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui import theme
from fgvc_studio.gui.widgets.heat_view import HeatView
from fgvc_studio.gui.widgets.inspector_parts import ElidedLabel
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures
from fgvc_studio.gui.widgets.prototype_charts import Bar, SignedBars, signed

_PICTURE = 58
_MOST = 6


class PairRow(QPushButton):
    """One contribution: the patch here, the prototype, and the sum."""

    def __init__(self, pictures: PatchPictures, picture: int = _PICTURE) -> None:
        super().__init__()
        self._pictures = pictures
        self._side = picture
        self.contribution: Contribution | None = None
        self.keys = (0, 0)
        self._branch = ""
        self.setFixedHeight(picture + 8)
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_pair(self, contribution: Contribution, prototype: Prototype) -> None:
        """Show another contribution."""
        self.contribution = contribution
        self._branch = prototype.branch
        here, there = contribution.patch, prototype.source
        self.keys = (
            self._pictures.key(here.item_id, here.box),
            self._pictures.key(there.item_id, there.box),
        )
        words = self.tr(
            "This patch looks like prototype {number} ({branch}): similarity {score} times weight "
            "{weight} gives {product}"
        ).format(
            number=prototype.id,
            branch=say.branch(prototype.branch),
            score=f"{contribution.score:.2f}",
            weight=f"{contribution.weight:+.2f}",
            product=f"{contribution.product:+.2f}",
        )
        self.setToolTip(words)
        self.setAccessibleName(words)
        self.update()

    def sizeHint(self) -> QSize:
        """Two pictures and words."""
        return QSize(3 * self._side + 90, self._side + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both patches, how alike they are and what that adds."""
        c = self.contribution
        if c is None:
            return
        t = theme.current()
        p = QPainter(self)
        lit = self.underMouse() or self.isChecked()
        p.fillRect(self.rect(), QColor(t.hover if lit else t.panel))
        first = QRect(4, 4, self._side, self._side)
        second = first.translated(self._side + 26, 0)
        for place, key in zip((first, second), self.keys, strict=True):
            self._picture(p, place, key)
        p.setPen(QColor(t.muted))
        between = QRect(first.right() + 1, 4, 26, self._side)
        p.drawText(between, Qt.AlignmentFlag.AlignCenter, "≈")
        left = second.right() + 10
        step = min(18, self._side // 3)
        area = QRect(left, self.height() // 2 - 9 - step, self.width() - left - 6, 18)
        p.setPen(QColor(t.text))
        font = p.font()
        font.setBold(True)
        p.setFont(font)
        p.drawText(area, Qt.AlignmentFlag.AlignLeft, signed(c.product))
        font.setBold(False)
        font.setPixelSize(11)
        p.setFont(font)
        p.setPen(QColor(t.muted))
        sum_ = f"{c.score:.2f} × {c.weight:.2f}"
        p.drawText(area.translated(0, step), Qt.AlignmentFlag.AlignLeft, sum_)
        p.setPen(QColor(t.accent if self._branch == "support" else t.muted))
        p.drawText(
            area.translated(0, 2 * step), Qt.AlignmentFlag.AlignLeft, say.branch(self._branch)
        )
        if self.hasFocus() or self.isChecked():
            p.setPen(QPen(QColor(t.accent), 2))
            p.drawRect(self.rect().adjusted(1, 1, -1, -1))
        p.end()

    def _picture(self, p: QPainter, place: QRect, key: int) -> None:
        p.fillRect(place, QColor(theme.current().canvas))
        side = round(self._side * self.devicePixelRatioF())
        picture = self._pictures.thumbnails.pixmap(key, side)
        if picture is not None:
            p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            size = picture.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(place.center())
            p.drawPixmap(target, picture)


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
        side = round(_PICTURE * self.devicePixelRatioF())
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
