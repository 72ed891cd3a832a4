"""Discoveries beside each other, and the choice of the one to review."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui import words
from fgvc_studio.gui.models.cluster_model import share
from fgvc_studio.services.review_compare import Comparison, Standing

_ROW = 30


class DiscoveriesDialog(QDialog):
    """One row for each discovery; `chosen` carries the id of that to review."""

    chosen = Signal(int)

    def __init__(self, found: Comparison, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found = found
        self.setWindowTitle(self.tr("Discoveries beside each other"))
        self.resize(860, 380)
        text = QLabel(found.sentence, wordWrap=True)
        text.setProperty("role", "heading")
        note = QLabel(
            self.tr(
                "Alike: how far a discovery groups the photos as the one under review does, 1 the "
                "same. Right so far: of the photos that have a label by now, those in the cluster "
                "of their category; what you name by accepting clusters favours the discovery "
                "that you review."
            ),
            wordWrap=True,
        )
        note.setProperty("role", "muted")
        self.table = self._table(found)
        self.use = QPushButton(self.tr("Review this one"))
        self.use.setProperty("role", "primary")
        self.use.clicked.connect(self._use)
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.reject)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(close)
        foot.addWidget(self.use)
        column = QVBoxLayout(self)
        column.setSpacing(10)
        for widget in (text, self.table, note):
            column.addWidget(widget)
        column.addLayout(foot)
        self.table.itemSelectionChanged.connect(self._picked)
        ids = [s.discovery.id for s in found.standings]
        wanted = found.better or found.current
        self.table.selectRow(ids.index(wanted) if wanted in ids else 0)
        self._picked()

    def _table(self, found: Comparison) -> QTableWidget:
        titles = (
            self.tr("Discovery"), self.tr("Clusters"), self.tr("Stable"), self.tr("Purity about"),
            self.tr("Alike"), self.tr("Right so far"),
        )  # fmt: skip
        table = QTableWidget(len(found.standings), len(titles), self)
        table.setAccessibleName(self.tr("Discoveries"))
        table.setHorizontalHeaderLabels(titles)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(_ROW)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.horizontalHeaderItem(0).setTextAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        for row, standing in enumerate(found.standings):
            for at, text in enumerate(self._cells(standing)):
                cell = QTableWidgetItem(text)
                if at:
                    cell.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                table.setItem(row, at, cell)
        table.cellDoubleClicked.connect(lambda _row, _column: self._use())
        return table

    def _cells(self, s: Standing) -> tuple[str, ...]:
        name = f"{s.discovery.title}, {words.when(s.discovery.created)}"
        here = s.discovery.id == self._found.current
        if here:
            name = self.tr("{name} (under review)").format(name=name)
        purity = right = "\N{EN DASH}"
        if s.purity:
            low, middle, high = (share(v) for v in s.purity)
            purity = self.tr("{p} ({low} to {high})").format(p=middle, low=low, high=high)
        if not math.isnan(s.right):
            right = self.tr("{p} of {n}").format(p=share(s.right), n=words.count(s.named))
        return (
            name,
            words.count(s.discovery.clusters),
            share(s.stability),
            purity,
            share(1.0) if here else share(s.alike),
            right,
        )

    def _picked(self) -> None:
        self.use.setEnabled(self.table.currentRow() >= 0)

    def _use(self) -> None:
        row = self.table.currentRow()
        if row >= 0:
            self.chosen.emit(self._found.standings[row].discovery.id)
            self.accept()
