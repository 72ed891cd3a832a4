"""What switching prototypes off changes: the photos whose prediction flips, and the accuracies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.prototypes import Effects, Flip, Flips
from fgvc_studio.gui import prototype_words as say
from fgvc_studio.gui import theme
from fgvc_studio.gui.models.prototype_view import grouped
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.grid_layout import Section
from fgvc_studio.gui.widgets.grid_paint import ColourOf, TilePainter
from fgvc_studio.gui.widgets.image_grid import ImageGrid
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.prototype_charts import ROW, Bar, BarRows
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

_TILE = 128


@dataclass(frozen=True, slots=True)
class FlipBadges:
    """Words below a tile and the token of its mark, one entry each."""

    captions: Sequence[str]
    tokens: Sequence[str]


class FlipPainter(TilePainter):
    """Paints a photo with what its new prediction means."""

    def __init__(self, font: QFont, ratio: float, colour_of: ColourOf) -> None:
        super().__init__(font, ratio, colour_of)
        t = theme.current()
        self._meanings = {k: QColor(getattr(t, k)) for k in ("good", "danger", "muted")}

    def label(  # type: ignore[override]
        self, p: QPainter, rect: QRect, square: QRect, b: FlipBadges, i: int
    ) -> None:
        """Draw the caption strip."""
        colour = self._meanings[b.tokens[i]]
        if rect.height() <= square.height():
            p.fillRect(square.x(), square.bottom() - 3, square.width(), 4, colour)
            return
        top = square.bottom() + 1
        strip = QRect(rect.x(), top, rect.width(), rect.bottom() - top + 1)
        p.fillRect(strip, self._strip)
        p.fillRect(strip.x(), strip.y(), 4, strip.height(), colour)
        p.setFont(self._font)
        p.setPen(self._text)
        words = strip.adjusted(9, 0, -4, 0)
        text = self._elide(b.captions[i], False, words.width())
        p.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


class FlipGrid(ImageGrid):
    """Photos in sections, one for each change of the prediction."""

    tile_painter = FlipPainter


class ChangeRows(BarRows):
    """Accuracy of each category before (ring) and after (disc)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._before: list[float] = []

    def set_changes(self, rows: Sequence[Bar], before: Sequence[float]) -> None:
        """Values after in `rows`, those before beside them."""
        self._before = list(before)
        self.set_rows(rows)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint a line from before to after."""
        t = theme.current()
        p = QPainter(self)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        names = round(self.width() * 0.44)
        right = self.width() - 62
        for i, (row, before) in enumerate(zip(self.rows, self._before, strict=True)):
            top = i * ROW
            self._name_of(p, row, QRect(0, top, names - 8, ROW))
            y = top + ROW / 2
            p.setPen(QPen(QColor(t.border), 1))
            p.drawLine(names, round(y), right, round(y))
            colour = QColor(
                t.muted if row.value == before else t.good if row.value > before else t.danger
            )
            x0, x1 = (names + (right - names) * v for v in (before, row.value))
            p.setPen(QPen(colour, 2))
            p.drawLine(round(x0), round(y), round(x1), round(y))
            p.setBrush(QColor(t.panel))
            p.drawEllipse(QRectF(x0 - 4, y - 4, 8, 8))
            p.setBrush(colour)
            p.drawEllipse(QRectF(x1 - 4, y - 4, 8, 8))
            change = 100 * (row.value - before)
            p.setPen(QColor(t.text if change else t.muted))
            text = f"{change:+.0f} %".replace("-", "−") if change else f"{100 * row.value:.0f} %"
            place = QRect(self.width() - 54, top, 52, ROW)
            p.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)
        p.end()


class FlipView(QWidget):
    """The page "What changes".

    Parameters
    ----------
    name_of, short_of, colour_of : callable
        Category id -> name, short name, colour index.
    """

    explain_requested = Signal("qlonglong")
    browse_requested = Signal(object)
    """Item ids."""

    def __init__(
        self,
        thumbnails: Thumbnails,
        name_of: Callable[[int], str],
        short_of: Callable[[int], str],
        colour_of: Callable[[int], int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name_of, self._short_of, self._colour_of = name_of, short_of, colour_of
        self._flips = np.empty((0, 4), np.int64)
        self.selection = Selection(self)
        self.grid = FlipGrid(self.selection, thumbnails, client="flips")
        self.grid.set_badges(self._badges)
        self.grid.set_tile_size(_TILE)
        self.grid.setAccessibleName(self.tr("Photos that would get another name"))
        self.grid.activated.connect(self.explain_requested)
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.numbers = QLabel(wordWrap=True)
        self.numbers.setProperty("role", "muted")
        self.browse = QPushButton(self.tr("Show them in Browse"))
        self.browse.clicked.connect(lambda: self.browse_requested.emit(self.grid.ids))
        self.changes = ChangeRows(self.tr("Accuracy of each category before and after"))
        self._build()
        self.show_effects(None, "")

    def _build(self) -> None:
        head = QHBoxLayout()
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.numbers)
        head.addLayout(words, 1)
        head.addWidget(self.browse, 0, Qt.AlignmentFlag.AlignTop)
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(10, 0, 10, 10)
        column.addWidget(Heading(self.tr("Right in each category")))
        hint = QLabel(self.tr("ring before, disc after"))
        hint.setProperty("role", "muted")
        column.addWidget(hint)
        column.addWidget(self.changes)
        column.addStretch(1)
        self._side = QScrollArea()
        self._side.setWidgetResizable(True)
        self._side.setFrameShape(QScrollArea.Shape.NoFrame)
        self._side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._side.setWidget(side)
        self._side.setMinimumWidth(220)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self.grid)
        split.addWidget(self._side)
        split.setSizes([540, 260])
        split.setStretchFactor(0, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(8)
        head.setContentsMargins(12, 10, 12, 0)
        outer.addLayout(head)
        outer.addWidget(split, 1)

    def show_effects(self, effects: Effects | None, title: str) -> None:
        """Show what changes; None: nothing is switched off or tried."""
        columns = effects.flips.columns if effects else np.empty((0, 4), np.int64)
        self._flips = columns[np.argsort(columns[:, 0])]
        parts, sections, begin = [], [], 0
        for (before, after), members in grouped(Flips(columns)):
            head = self.tr("{before} → {after} ({n})").format(
                before=self._name_of(before), after=self._name_of(after), n=f"{len(members):,}"
            )
            sections.append(Section(begin, head))
            parts.append(members)
            begin += len(members)
        ids = np.concatenate(parts) if parts else np.empty(0, np.int64)
        self.grid.set_items(ids, sections, to_top=True)
        self.browse.setEnabled(len(ids) > 0)
        self._side.setVisible(effects is not None)
        if effects is None:
            self.title.setText(self.tr("Nothing is switched off"))
            self.numbers.setText("")
            self.grid.set_empty_text(
                self.tr("Choose prototypes in the gallery and press X: this shows what changes.")
            )
            return
        self.title.setText(title)
        self.numbers.setText(say.capital(say.effects_words(effects)))
        self.numbers.setToolTip(say.judged_on_tip(effects.on))
        self.grid.set_empty_text(self.tr("No photo would get another name."))
        rows = sorted(effects.per_category, key=lambda r: (-abs(r[2] - r[1]), r[2]))
        self.changes.set_changes(
            [
                Bar(
                    self._short_of(c),
                    after,
                    self.tr("{name}: {before} → {after} right of {n}").format(
                        name=self._name_of(c),
                        before=say.share(before),
                        after=say.share(after),
                        n=n,
                    ),
                    self._colour_of(c),
                )
                for c, before, after, n in rows
            ],
            [r[1] for r in rows],
        )

    def _badges(self, ids: NDArray[np.int64]) -> FlipBadges:
        captions, tokens = [], []
        at = np.searchsorted(self._flips[:, 0], ids)
        for row in self._flips[np.minimum(at, len(self._flips) - 1)].tolist():
            word, token = _meaning(Flip(*row), self)
            captions.append(word)
            tokens.append(token)
        return FlipBadges(captions, tokens)


def _meaning(flip: Flip, view: QWidget) -> tuple[str, str]:
    if not flip.truth:
        return view.tr("no label"), "muted"
    if flip.after == flip.truth:
        return view.tr("becomes right"), "good"
    if flip.before == flip.truth:
        return view.tr("becomes wrong"), "danger"
    return view.tr("stays wrong"), "muted"
