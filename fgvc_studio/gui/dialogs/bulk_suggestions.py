"""Accept many suggestions at once: under a stated bound, after a look at a random sample."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import Progress
from fgvc_studio.gui.job_thread import Job, JobState
from fgvc_studio.gui.widgets.drift_tables import ReportTable, Row
from fgvc_studio.gui.widgets.sample_grid import SampleGrid
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.services.suggested import Bulk

if TYPE_CHECKING:
    from fgvc_studio.gui.workspaces.base import Context

_numbers = itertools.count(1)
Found = tuple[Bulk, list[float]]
_DEFAULT, _MOST = 5.0, 20.0
_TABLE = 380


class BulkSuggestions(QDialog):
    """Shows how many items would be named at a bound of error, and names them as one operation.

    Parameters
    ----------
    context : Context
    thumbnails : Thumbnails
    """

    def __init__(
        self, context: Context, thumbnails: Thumbnails, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._key = f"bulk suggestions {next(_numbers)}"
        self._job: Job | None = None
        self._closed = False
        self.bulk: Bulk | None = None
        self._bounds: list[float] = []
        self.setWindowTitle(self.tr("Accept suggestions in bulk"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(1080, 700)
        self._build(thumbnails)
        context.jobs.changed.connect(self._progress)
        context.jobs.ended.connect(self._progress)
        self.finished.connect(self._let_go)
        self.look()

    # ---- building --------------------------------------------------------------------------
    def _build(self, thumbnails: Thumbnails) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(10)
        self.error = QDoubleSpinBox()
        self.error.setRange(1, _MOST)
        self.error.setDecimals(0)
        self.error.setValue(_DEFAULT)
        self.error.setSuffix(" %")
        self.error.setAccessibleName(self.tr("Allowed error in each category"))
        self.error.setKeyboardTracking(False)
        self.error.valueChanged.connect(self.look)
        top = QHBoxLayout()
        asks = QLabel(self.tr("Allowed error in each category"))
        asks.setBuddy(self.error)
        top.addWidget(asks)
        top.addWidget(self.error)
        top.addStretch(1)
        column.addLayout(top)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setTextFormat(Qt.TextFormat.PlainText)
        column.addWidget(self.summary)
        middle = QHBoxLayout()
        middle.setSpacing(12)
        self.table = ReportTable(
            self.tr("Categories"),
            self.tr(
                "The bound holds on average for items like those with a name. A category with too "
                "few named items is left to you."
            ),
            (
                self.tr("Category"),
                self.tr("Chosen"),
                self.tr("Proposed"),
                self.tr("Named"),
            ),
        )
        self.table.setFixedWidth(_TABLE)
        middle.addWidget(self.table)
        right = QVBoxLayout()
        self.about = QLabel(
            self.tr("A random sample: look at each name; click (or X) crosses out a wrong one.")
        )
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        self.sample = SampleGrid(thumbnails)
        self.sample.changed.connect(self._refresh)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(self.sample)
        self.bound = QLabel()
        self.bound.setWordWrap(True)
        right.addWidget(self.about)
        right.addWidget(area, 1)
        right.addWidget(self.bound)
        middle.addLayout(right, 1)
        column.addLayout(middle, 1)
        self.looked = QCheckBox(self.tr("I have looked at the sample"))
        self.looked.toggled.connect(self._refresh)
        self.accept_button = QPushButton(self.tr("Name them"))
        self.accept_button.setProperty("role", "primary")
        self.accept_button.clicked.connect(self.commit)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.addButton(self.accept_button, QDialogButtonBox.ButtonRole.ApplyRole)
        buttons.rejected.connect(self.reject)
        foot = QHBoxLayout()
        foot.addWidget(self.looked)
        foot.addStretch(1)
        foot.addWidget(buttons)
        column.addLayout(foot)

    # ---- looking ---------------------------------------------------------------------------
    def look(self) -> None:
        """Work out what can be named at the bound that is set."""
        self.bulk, self._bounds = None, []
        self.looked.setChecked(False)
        self.sample.show_items([], [])
        self.table.set_rows([])
        self.summary.setText(self.tr("Looking at the items without a name ..."))
        if self._job is not None and not self._job.state.ended:
            self._context.jobs.cancel(self._job)
        suggesting, error = self._context.studio.suggesting, self.error.value() / 100

        def work() -> Generator[Progress, None, Found]:
            from fgvc_studio.analysis.intervals import binomial_upper

            bulk = yield from suggesting.bulk(error)
            size = len(bulk.sample())
            return bulk, [binomial_upper(wrong, size) for wrong in range(size + 1)]

        self._job = self._context.jobs.add(
            self.tr("Suggest names"), work, self._show, key=f"{self._key} {error}"
        )
        self._refresh()

    def _progress(self, job: Job) -> None:
        if job is not self._job or self.bulk is not None:
            return
        if job.state is JobState.FAILED and job.error is not None:
            self.summary.setText(f"{job.error.what} {job.error.remedy}")
        elif job.state is JobState.WAITING:
            self.summary.setText(self.tr("Waiting for the job before this one ..."))

    def _show(self, found: Found) -> None:
        bulk, bounds = found
        if self._job is None or self._job.result is not found:
            return  # closed, or another bound was set meanwhile
        self.bulk, self._bounds = bulk, bounds
        self.summary.setText(
            self.tr(
                "{chosen} of {asked} items without a name can be named with at most {error} % "
                "expected error in each category. {strangers} look like nothing that has a name."
            ).format(
                chosen=f"{len(bulk.item_ids):,}",
                asked=f"{bulk.asked:,}",
                error=f"{100 * bulk.error:g}",
                strangers=f"{bulk.strangers:,}",
            )
        )
        name = self._context.studio.catalogue.short_name
        self.table.set_rows(
            [
                Row(
                    (
                        name(s.category_id),
                        f"{s.chosen:,}",
                        f"{s.proposed:,}",
                        f"{s.known:,}"
                        if s.known >= s.needed
                        else self.tr("{n} of {m}").format(n=s.known, m=s.needed),
                    ),
                    (name(s.category_id), s.chosen, s.proposed, s.known),
                    (s.category_id,),
                )
                for s in bulk.shares
            ]
        )
        drawn = bulk.sample().tolist()
        category = dict(zip(bulk.item_ids.tolist(), bulk.categories.tolist(), strict=True))
        self.sample.show_items(drawn, [name(category[item]) for item in drawn])
        self._refresh()

    def _refresh(self) -> None:
        """The bound that the sample supports, and whether naming may go on."""
        shown, wrong = len(self.sample.ids), len(self.sample.wrong)
        count = len(self.bulk.item_ids) - wrong if self.bulk is not None else 0
        if shown and self._bounds:
            self.bound.setText(
                self.tr("{wrong} wrong of {n}: error at most {bound} % at 95 %").format(
                    wrong=wrong, n=shown, bound=f"{100 * self._bounds[wrong]:.1f}"
                )
            )
        else:
            self.bound.setText("")
        self.looked.setEnabled(shown > 0)
        self.accept_button.setEnabled(count > 0 and self.looked.isChecked())
        self.accept_button.setText(self.tr("Name {n} items").format(n=f"{count:,}"))

    # ---- deciding --------------------------------------------------------------------------
    def commit(self) -> None:
        """Name the chosen items but those crossed out, and close."""
        bulk, wrong = self.bulk, self.sample.wrong
        if bulk is None:
            return
        suggesting, toasts = self._context.studio.suggesting, self._context.toasts
        labelling, undo = self._context.studio.labelling, self.tr("Undo")
        self.accept_button.setEnabled(False)

        def told(changes: OpChanges | None) -> None:
            if changes is not None:
                toasts.show_message(changes.operation.summary, undo, lambda: labelling.undo())

        self._context.tasks.submit(
            self._key,
            lambda _ticket: suggesting.commit(bulk, wrong),
            told,
            self._context.show_fault,
        )
        self.accept()

    def _let_go(self, _result: int) -> None:
        if self._closed:
            return
        self._closed = True
        jobs = self._context.jobs
        jobs.changed.disconnect(self._progress)
        jobs.ended.disconnect(self._progress)
        if self._job is not None and not self._job.state.ended:
            jobs.cancel(self._job)
        self._job = None


def accept_in_bulk(context: Context, thumbnails: Thumbnails, parent: QWidget) -> None:
    """Open the dialog; the window goes on."""
    BulkSuggestions(context, thumbnails, parent).open()
