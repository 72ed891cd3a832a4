"""Names that a model proposes for photos without a label: how sure is sure enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.prototypes import Suggested
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.prototype_charts import Bar, ShareBars

_LEAST = 80
_MOST = 12


class SuggestDialog(QDialog):
    """Shows how many names there would be; writes those that are sure enough."""

    accepted_from = Signal(float)
    """Least confidence, 0 .. 1."""
    browse_requested = Signal(object)
    """Ids of photos that look like nothing the model knows."""

    def __init__(
        self,
        suggested: Sequence[Suggested],
        name_of: Callable[[int], str],
        colour_of: Callable[[int], int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name_of, self._colour_of = name_of, colour_of
        known = [s for s in suggested if not s.unknown]
        self._confidence = np.array([s.confidence for s in known])
        self._category = np.array([s.category_id for s in known], np.int64)
        self._unknown = np.array([s.item_id for s in suggested if s.unknown], np.int64)
        self.setWindowTitle(self.tr("Names proposed by the model"))
        self.setMinimumWidth(460)
        self.least = QSpinBox()
        self.least.setRange(0, 100)
        self.least.setSingleStep(5)
        self.least.setSuffix(" %")
        self.least.setValue(_LEAST)
        self.least.setAccessibleName(self.tr("Least certainty"))
        self.least.valueChanged.connect(self._count)
        self.says = QLabel(wordWrap=True)
        self.bars = ShareBars(self.tr("Photos of each category"))
        self.go = QPushButton()
        self.go.setProperty("role", "primary")
        self.go.clicked.connect(self._go)
        look = QPushButton(self.tr("Show what it does not know"))
        look.setEnabled(bool(len(self._unknown)))
        look.clicked.connect(self._look)
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.addWidget(QLabel(self.tr("Propose names that are right with at least")))
        row.addWidget(self.least)
        row.addStretch(1)
        foot = QHBoxLayout()
        foot.addWidget(look)
        foot.addStretch(1)
        foot.addWidget(self.go)
        foot.addWidget(close)
        column = QVBoxLayout(self)
        column.setSpacing(10)
        column.addLayout(row)
        column.addWidget(self.says)
        column.addWidget(Heading(self.tr("Share of the proposed names")))
        column.addWidget(self.bars)
        column.addStretch(1)
        column.addLayout(foot)
        self._count()

    def _count(self) -> None:
        sure = self._confidence >= self.least.value() / 100
        count, total = int(sure.sum()), len(self._confidence) + len(self._unknown)
        self.says.setText(
            self.tr(
                "{n} of {total} photos without a label get a name, marked as a model's; {unknown} "
                "look like nothing the model knows and get none."
            ).format(n=f"{count:,}", total=f"{total:,}", unknown=f"{len(self._unknown):,}")
        )
        found, counts = np.unique(self._category[sure], return_counts=True)
        order = np.argsort(-counts, kind="stable")[:_MOST]
        self.bars.set_rows(
            [
                Bar(
                    self._name_of(int(found[i])),
                    float(counts[i] / max(1, count)),
                    self.tr("{n} photos").format(n=f"{int(counts[i]):,}"),
                    self._colour_of(int(found[i])),
                    "model",
                )
                for i in order
            ]
        )
        self.go.setText(self.tr("Propose {n}").format(n=f"{count:,}"))
        self.go.setEnabled(count > 0)

    def _go(self) -> None:
        self.accept()
        self.accepted_from.emit(self.least.value() / 100)

    def _look(self) -> None:
        self.accept()
        self.browse_requested.emit(self._unknown)
