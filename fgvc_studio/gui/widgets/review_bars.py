"""The bars over the member grid while a cluster is split or spot-checked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
)

from fgvc_studio.domain.clusters import spot_check_bound

SAMPLES = (10, 20, 30, 59)


class SplitBar(QFrame):
    """How many parts, what moves where, and the two ways out."""

    parts_changed = Signal(int)
    again = Signal()
    move_selected = Signal()
    split_off = Signal()
    split = Signal()
    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("reviewBar")
        self.text = QLabel(self.tr("Split into"))
        self.parts = QSpinBox()
        self.parts.setRange(2, 8)
        self.parts.setAccessibleName(self.tr("Number of parts"))
        self.other = QPushButton(self.tr("Try again"))
        self.other.setToolTip(self.tr("Start the search for parts from another place"))
        self.move_button = QPushButton()
        self.off = QPushButton()
        self.off.setToolTip(
            self.tr("Only what is selected (here, or with the lasso on the map) leaves the cluster")
        )
        self.go = QPushButton()
        self.go.setProperty("role", "primary")
        self.cancel = QPushButton(self.tr("Cancel"))
        row = QHBoxLayout()
        row.setSpacing(8)
        for widget in (self.text, self.parts, self.other):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.cancel)
        row.addWidget(self.go)
        ticked = QHBoxLayout()
        ticked.setSpacing(8)
        ticked.addWidget(self.move_button)
        ticked.addWidget(self.off)
        ticked.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 4, 12, 6)
        column.setSpacing(6)
        column.addLayout(row)
        column.addLayout(ticked)
        self.parts.valueChanged.connect(self.parts_changed)
        self.other.clicked.connect(self.again)
        self.move_button.clicked.connect(self.move_selected)
        self.off.clicked.connect(self.split_off)
        self.go.clicked.connect(self.split)
        self.cancel.clicked.connect(self.cancelled)
        self.set_selected(0)
        self.set_ready(2, ready=False)

    def set_ready(self, parts: int, *, ready: bool) -> None:
        """Say how many parts there are; before the preview is there nothing can be split."""
        self.go.setEnabled(ready)
        self.go.setText(
            self.tr("Split into {n}").format(n=parts) if ready else self.tr("Looking for parts...")
        )

    def set_selected(self, count: int) -> None:
        """What the buttons for the selection say."""
        for button in (self.move_button, self.off):
            button.setVisible(count > 0)
        self.move_button.setText(self.tr("Move {n} to the next part").format(n=f"{count:,}"))
        self.off.setText(self.tr("Only split off the {n} selected").format(n=f"{count:,}"))


class MergeBar(QFrame):
    """Which cluster to merge with: the likely ones first, then all others."""

    partner_changed = Signal(int)
    merge = Signal()
    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("reviewBar")
        self.text = QLabel(self.tr("Merge with"))
        self.partners = QComboBox()
        self.partners.setAccessibleName(self.tr("Cluster to merge with"))
        self.partners.setMaxVisibleItems(16)
        self.partners.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.partners.setMinimumContentsLength(12)
        self.go = QPushButton(self.tr("Merge into one"))
        self.go.setProperty("role", "primary")
        self.cancel = QPushButton(self.tr("Cancel"))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 6)
        row.setSpacing(8)
        row.addWidget(self.text)
        row.addWidget(self.partners, 1)
        row.addWidget(self.cancel)
        row.addWidget(self.go)
        self.partners.currentIndexChanged.connect(self._changed)
        self.go.clicked.connect(self.merge)
        self.cancel.clicked.connect(self.cancelled)

    @property
    def partner(self) -> int:
        """The chosen cluster, 0 for none."""
        return int(self.partners.currentData() or 0)

    def set_partners(self, rows: Sequence[tuple[int, str]]) -> None:
        """Offer these (id, words); the first is chosen."""
        self.partners.blockSignals(True)
        self.partners.clear()
        for cluster_id, words in rows:
            self.partners.addItem(words, cluster_id)
        self.partners.setCurrentIndex(0 if rows else -1)
        self.partners.blockSignals(False)
        self._changed()

    def _changed(self) -> None:
        self.go.setEnabled(self.partner > 0)
        self.partner_changed.emit(self.partner)


class CheckBar(QFrame):
    """A random sample: tick what is wrong, read the bound, record it."""

    size_changed = Signal(int)
    again = Signal()
    recorded = Signal()
    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("reviewBar")
        self.text = QLabel(wordWrap=True)
        self.size = QComboBox()
        self.size.setAccessibleName(self.tr("Members to look at"))
        for n in SAMPLES:
            self.size.addItem(self.tr("{n} members").format(n=n), n)
        self.other = QPushButton(self.tr("Draw again"))
        self.go = QPushButton(self.tr("Record the check"))
        self.go.setProperty("role", "primary")
        self.cancel = QPushButton(self.tr("Cancel"))
        row = QHBoxLayout()
        row.setSpacing(8)
        for widget in (self.size, self.other):
            row.addWidget(widget)
        row.addStretch(1)
        for widget in (self.cancel, self.go):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 4, 12, 6)
        column.setSpacing(6)
        column.addWidget(self.text)
        column.addLayout(row)
        self.size.activated.connect(lambda _i: self.size_changed.emit(self.size.currentData()))
        self.other.clicked.connect(self.again)
        self.go.clicked.connect(self.recorded)
        self.cancel.clicked.connect(self.cancelled)

    def show_state(self, wrong: int, shown: int) -> None:
        """Print what the check says so far."""
        if not shown:
            self.text.setText(self.tr("Drawing members..."))
            self.go.setEnabled(False)
            return
        right = shown - wrong
        bound = round(100 * spot_check_bound(right, shown))
        self.text.setText(
            self.tr(
                "Tick those that do not belong. {k} of {n} right: at least {p} % of the cluster "
                "is of one kind (95 % sure)."
            ).format(k=right, n=shown, p=bound)
        )
        self.go.setEnabled(True)
