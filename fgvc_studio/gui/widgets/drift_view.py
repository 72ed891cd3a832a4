"""What a new space changed: two maps, what gained and lost, neighbours, and the decision."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.gui.job_thread import Job, JobState
from fgvc_studio.gui.widgets import drift_rows
from fgvc_studio.gui.widgets.drift_map import DriftMap
from fgvc_studio.gui.widgets.drift_neighbours import NeighbourPanel
from fgvc_studio.gui.widgets.drift_points import Points, on_one_scale
from fgvc_studio.gui.widgets.drift_tables import Row
from fgvc_studio.gui.widgets.inspector_parts import ElidedLabel
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.services import drift

if TYPE_CHECKING:
    from fgvc_studio.gui.workspaces.base import Context

_numbers = itertools.count(1)
_ARROWS = 150
_SHARE = 20
"""One arrow for so many items."""
_TABS = 4


class DriftReportView(QWidget):
    """The report on two spaces, computed as a job when the view is made.

    Parameters
    ----------
    context : Context
    old, new : str
        Names of spaces.
    """

    decided = Signal(str)
    """``accept``, ``both`` or ``back``: what the expert chose; the operation is written."""
    item_chosen = Signal("qlonglong")
    shown = Signal()
    """The report is on the screen."""

    def __init__(self, context: Context, old: str, new: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from fgvc_studio.gui.workspaces.browse_inspector import pictures_of

        self._context, self.old, self.new = context, old, new
        self._key = f"drift {next(_numbers)}"
        self.report: drift.DriftReport | None = None
        self._stopped = False
        self.item = 0
        studio = context.studio
        self.thumbnails = Thumbnails(
            studio.store.thumbs.get_many,
            pictures=lambda ids: pictures_of(context, list(ids)),
            path_of=studio.store.images.path_of,
            parent=self,
        )
        self.neighbours = NeighbourPanel(self.thumbnails, self._key, old, new)
        self.neighbours.chosen.connect(self.choose_item)
        self._build()
        context.jobs.changed.connect(self._progress)
        context.jobs.ended.connect(self._progress)
        context.bridge.decided.connect(self._decided)
        context.bridge.space_changed.connect(self._refresh_buttons)
        self._refresh_buttons()
        self.compare()

    def stop(self) -> None:
        """Let go of everything that outlives the view; call before it is deleted."""
        if self._stopped:
            return
        self._stopped = True
        jobs, bridge = self._context.jobs, self._context.bridge
        jobs.changed.disconnect(self._progress)
        jobs.ended.disconnect(self._progress)
        bridge.decided.disconnect(self._decided)
        bridge.space_changed.disconnect(self._refresh_buttons)
        if self._job is not None and not self._job.state.ended:
            jobs.cancel(self._job)
        self._context.tasks.drop(self._key)
        self.map.stop()
        self.thumbnails.stop()

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        self._job: Job | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head())
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self._maps())
        self.splitter.addWidget(self._tables())
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([520, 520])
        column.addWidget(self.splitter, 1)
        column.addWidget(self.neighbours)

    def _head(self) -> QWidget:
        head = QFrame()
        head.setObjectName("panel")
        row = QHBoxLayout(head)
        row.setContentsMargins(14, 10, 14, 10)
        words = QVBoxLayout()
        words.setSpacing(2)
        title = ElidedLabel()
        title.setProperty("role", "heading")
        title.set_text(
            self.tr("{old} \N{RIGHTWARDS ARROW} {new}").format(old=self.old, new=self.new)
        )
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.notes.setTextFormat(Qt.TextFormat.PlainText)
        self.notes.setProperty("role", "muted")
        for label in (title, self.sentence, self.notes):
            words.addWidget(label)
        row.addLayout(words, 1)
        self.again = QPushButton(self.tr("Compare again"))
        self.again.setToolTip(self.tr("Labels have changed since this report was made"))
        self.again.clicked.connect(self.compare)
        self.again.hide()
        self.accept = QPushButton(self.tr("Use {new}").format(new=self.new))
        self.accept.setProperty("role", "primary")
        self.accept.setToolTip(self.tr("Map, search and suggestions use the new space; undoable"))
        self.both = QPushButton(self.tr("Keep both"))
        self.both.setToolTip(self.tr("Keep the new space beside the one in use; undoable"))
        self.back = QPushButton(self.tr("Back to {old}").format(old=self.old))
        self.back.setToolTip(self.tr("Map, search and suggestions use the old space; undoable"))
        for button, word in (
            (self.accept, "accept"), (self.both, "both"), (self.back, "back"),
        ):  # fmt: skip
            button.clicked.connect(lambda _=False, word=word: self._choose(word))
        for button in (self.again, self.accept, self.both, self.back):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        return head

    def _maps(self) -> QWidget:
        side = QFrame()
        side.setObjectName("panel")
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(10, 4, 10, 4)
        bar.setSpacing(6)
        self.map = DriftMap(self._context.tasks)
        modes = QButtonGroup(self)
        self.overlaid = _toggle(self.tr("Overlaid"))
        self.beside = _toggle(self.tr("Side by side"))
        for button in (self.overlaid, self.beside):
            modes.addButton(button)
            bar.addWidget(button)
        self.overlaid.setChecked(True)
        self.overlaid.toggled.connect(self.map.set_overlaid)
        self.arrows = QCheckBox(self.tr("Arrows"))
        self.arrows.setToolTip(self.tr("From the old place to the new one, of what moved most"))
        self.arrows.setChecked(True)
        self.arrows.toggled.connect(self.map.set_arrows)
        self.overlaid.toggled.connect(self.arrows.setEnabled)
        self.all = QPushButton(self.tr("All categories"))
        self.all.setProperty("role", "chip")
        self.all.clicked.connect(self._unfocus)
        self.all.hide()
        bar.addWidget(self.arrows)
        bar.addStretch(1)
        bar.addWidget(self.all)
        column.addLayout(bar)
        column.addWidget(self.map, 1)
        self.map.chosen.connect(self.choose_item)
        return side

    def _tables(self) -> QWidget:
        side = QFrame()
        side.setObjectName("panel")
        side.setMinimumWidth(330)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(0)
        grid = QGridLayout()
        grid.setContentsMargins(8, 0, 8, 0)
        grid.setSpacing(4)
        self.stack = QStackedWidget()
        self.stack.setAccessibleName(self.tr("What changed"))
        self.tables = drift_rows.make_tables()
        self.tabs: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        for i, (key, table) in enumerate(self.tables.items()):
            button = _toggle(table.title)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _=False, key=key: self.show_table(key))
            group.addButton(button)
            grid.addWidget(button, i // _TABS, i % _TABS)
            self.tabs[key] = button
            self.stack.addWidget(table)
            table.chosen.connect(self._row_chosen)
            table.opened.connect(self._row_opened)
        column.addLayout(grid)
        column.addWidget(self.stack, 1)
        self.show_table("worse")
        return side

    def show_table(self, key: str) -> None:
        """Bring a table to the front: a key of `tables`."""
        self.stack.setCurrentWidget(self.tables[key])
        self.tabs[key].setChecked(True)

    # ---- the report ------------------------------------------------------------------------
    def compare(self) -> None:
        """Make the report anew, in the background."""
        self.again.hide()
        self.sentence.setText(self.tr("Comparing {0} with {1} ...").format(self.old, self.new))
        studio, old, new = self._context.studio, self.old, self.new
        self._job = self._context.jobs.add(
            self.tr("Compare {0} with {1}").format(old, new),
            lambda: drift.report(studio, old, new),
            self._show,
            key=self._key,
        )

    def _progress(self, job: Job) -> None:
        if job is not self._job or self.report is not None:
            return
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            text = str(job.error.what) if job.error else self.tr("The comparison was stopped.")
            self.sentence.setText(text)
            self.again.show()
        elif job.state is JobState.WAITING:
            self.sentence.setText(self.tr("Waiting for the job before this one ..."))
        elif job.report is not None:
            self.sentence.setText(f"{job.report.text} ...")

    def _show(self, report: drift.DriftReport) -> None:
        if self._stopped:
            return
        self.report = report
        self.sentence.setText(report.sentence)
        self.notes.setText(" ".join(report.notes))
        self.notes.setVisible(bool(report.notes))
        studio = self._context.studio

        def of_item(item: int) -> str:
            return studio.catalogue.short_name(int(studio.catalogue.category[item - 1]))

        codes = studio.catalogue.category[report.item_ids - 1].astype(np.int64) - 1
        self._context.tasks.submit(
            self._key,
            lambda _ticket: (
                drift_rows.rows_of(report, studio.catalogue.short_name, of_item),
                _points(report, codes),
            ),
            self._made,
            self._context.show_fault,
        )

    def _made(self, found: tuple[dict[str, list[Row]], Points]) -> None:
        rows, points = found
        for key, table in self.tables.items():
            table.set_rows(rows[key])
            self.tabs[key].setText(f"{table.title} {len(rows[key])}")
        if rows["better"] and not rows["worse"]:
            self.show_table("better")
        self.map.set_points(points)
        self.shown.emit()

    def _decided(self, changes: OpChanges) -> None:
        if self.report is not None and "labels" in changes.tables:
            self.again.show()
        self._refresh_buttons()

    # ---- items and categories --------------------------------------------------------------
    def choose_item(self, item_id: int) -> None:
        """Show the neighbours of an item before and after."""
        self.item = int(item_id)
        self.map.choose(self.item)
        studio, old, new = self._context.studio, self.old, self.new
        self._context.tasks.submit(
            f"{self._key} strips",
            lambda _t: drift.strips(studio, item_id, old, new),
            self._strips_read,
            self._context.show_fault,
        )
        self.item_chosen.emit(self.item)

    def _strips_read(self, found: drift.Strips) -> None:
        if found.item_id != self.item:
            return
        catalogue = self._context.studio.catalogue
        name = catalogue.name(int(catalogue.category[found.item_id - 1])) or self.tr("no label")
        self.neighbours.show_strips(found, name)

    def _row_chosen(self, row: Row) -> None:
        if row.items is not None and len(row.items) == 1:
            self.choose_item(int(row.items[0]))
        if row.categories:
            self.map.set_focus(frozenset(c - 1 for c in row.categories))
            self.all.show()

    def _row_opened(self, row: Row) -> None:
        items = row.items
        if items is None:
            category = self._context.studio.catalogue.category
            items = np.flatnonzero(np.isin(category, row.categories)).astype(np.int64) + 1
        if len(items):
            self._context.show_items(items, row.cells[0])

    def _unfocus(self) -> None:
        self.map.set_focus(frozenset())
        self.all.hide()

    # ---- the decision ----------------------------------------------------------------------
    def _run(self) -> str:
        """The run that made the new space, if one did."""
        return str(self._context.studio.store.arrays.meta(self.new).get("run") or "")

    def _choose(self, word: str) -> None:
        choosing = self._context.studio.choosing
        try:
            run = self._run()
            changes: Any = {
                "accept": lambda: choosing.accept(self.new, run),
                "both": lambda: choosing.keep_both(self.new, run),
                "back": lambda: choosing.roll_back(self.new, self.old, run),
            }[word]()
        except UserError as fault:
            self._context.show_fault(fault)
            return
        if changes is not None:
            self._context.toasts.show_message(
                changes.operation.summary,
                self.tr("Undo"),
                lambda: self._context.studio.labelling.undo(),
            )
        self.decided.emit(word)
        self._refresh_buttons()

    def _refresh_buttons(self, _event: object = None) -> None:
        """The button of what is in use already rests."""
        used = self._context.studio.embedding.default_space()
        kept = not self._run() or self._context.studio.choosing.kept(self._run())
        self.accept.setEnabled(used != self.new or not kept)
        self.both.setEnabled(not kept or used == self.new)
        self.back.setEnabled(used != self.old)
        writable = not self._context.studio.store.read_only
        for button in (self.accept, self.both, self.back):
            button.setEnabled(button.isEnabled() and writable)


def _toggle(text: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    button.setMinimumHeight(26)
    return button


def _points(report: drift.DriftReport, codes: NDArray[np.int64]) -> Points:
    """What the map draws; worked out in the background."""
    old, new = on_one_scale(report.old_xy, report.new_xy)
    arrows = np.argsort(-report.moved, kind="stable")
    arrows = arrows[: min(_ARROWS, 10 + len(arrows) // _SHARE)]
    return Points(report.item_ids, old, new, codes, arrows)


__all__ = ["DriftReportView"]
