"""History: who decided what and when, and the way back from any of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import Operation
from fgvc_studio.gui import words
from fgvc_studio.gui.models.operations import OperationModel
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.strip import ThumbnailStrip
from fgvc_studio.gui.workspaces.base import Context, Workspace

_SLOT = "history"
_ITEMS_SLOT = "history items"
_LIMIT = 5000
_STRIP = 60


class HistoryWorkspace(Workspace):
    """The log as a table, with what one operation did beside it.

    `show_items` carries ids and a name for the filter ("Labelled 312 as ...").
    """

    show_items = Signal(object, str)
    command = "go.history"

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._operations: list[Operation] = []
        self._items: NDArray[np.int64] = np.empty(0, np.int64)
        self._stale = True
        self.show_items.connect(context.show_items)
        self._build()
        context.bridge.decided.connect(self._decided)
        context.bridge.items_added.connect(lambda _e: self._decided(None))

    def activated(self) -> None:
        """Read the log when it changed while another page was in front."""
        if self._stale:
            self.reload()
        self.table.setFocus()

    def reload(self) -> None:
        """Read the log anew in the background."""
        self._stale = False
        log = self.context.studio.store.operations
        self.context.tasks.submit(
            _SLOT, lambda _t: log.history(limit=_LIMIT), self._loaded, self.context.show_fault
        )

    def current(self) -> Operation | None:
        """The chosen operation."""
        index = self.table.currentIndex()
        return self.model.operation(index.row()) if index.isValid() else None

    def reverse(self) -> None:
        """Take the chosen operation back, whatever came after it."""
        operation = self.current()
        if operation is None:
            return
        try:
            self.context.studio.labelling.reverse(operation.id)
        except UserError as conflict:
            self.context.show_fault(conflict)
            return
        self.context.toasts.show_message(
            self.tr("Reversed: {summary}").format(summary=operation.summary),
            self.tr("Undo"),
            lambda: self.context.studio.labelling.undo(),
        )

    def show_items_of_current(self) -> None:
        """Ask for Browse with the items of the chosen operation."""
        operation = self.current()
        if operation and len(self._items):
            self.show_items.emit(self._items, operation.summary)

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.addWidget(self._list())
        self.splitter.addWidget(self._details())
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setSizes([900, 380])
        outer.addWidget(self.splitter)

    def _list(self) -> QWidget:
        side = QFrame(self.splitter)
        side.setObjectName("panel")
        column = QVBoxLayout(side)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(10)
        head = QHBoxLayout()
        title = QLabel(self.tr("History"))
        title.setProperty("role", "title")
        self.summary = QLabel()
        self.summary.setProperty("role", "muted")
        head.addWidget(title)
        head.addWidget(self.summary, 1)
        for command in ("edit.undo", "edit.redo"):
            head.addWidget(self._command_button(command))
        column.addLayout(head)
        row = QHBoxLayout()
        self.text = QLineEdit()
        self.text.setPlaceholderText(self.tr("Find in what was done"))
        self.text.setAccessibleName(self.tr("Find in what was done"))
        self.text.setClearButtonEnabled(True)
        self.verb = QComboBox()
        self.verb.setAccessibleName(self.tr("Kind"))
        self.who = QComboBox()
        self.who.setAccessibleName(self.tr("Who"))
        for box in (self.verb, self.who):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.text.textChanged.connect(self._refilter)
        self.verb.currentIndexChanged.connect(self._refilter)
        self.who.currentIndexChanged.connect(self._refilter)
        row.addWidget(self.text, 1)
        row.addWidget(self.verb)
        row.addWidget(self.who)
        column.addLayout(row)
        self.model = OperationModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Operations, newest first"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(30)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for section, width in ((0, 130), (2, 80), (3, 120), (4, 110)):
            header.resizeSection(section, width)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._show_current())
        self.table.doubleClicked.connect(lambda _i: self.show_items_of_current())
        column.addWidget(self.table, 1)
        self.empty = QLabel(
            self.tr("Nothing was decided yet. Every label and every mark will be listed here.")
        )
        self.empty.setProperty("role", "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        column.addWidget(self.empty)
        return side

    def _details(self) -> QWidget:
        side = QFrame(self.splitter)
        side.setObjectName("panel")
        side.setMinimumWidth(280)
        column = QVBoxLayout(side)
        column.setContentsMargins(16, 16, 16, 12)
        column.setSpacing(10)
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        self.heading.setWordWrap(True)
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.facts = QLabel()
        self.facts.setWordWrap(True)
        self.facts.setTextFormat(Qt.TextFormat.PlainText)
        self.strip = ThumbnailStrip(self.context.studio.store.thumbs.get_many, self.context.tasks)
        self.reverse_button = QPushButton(self.tr("Reverse this one"))
        self.reverse_button.setToolTip(
            self.tr("Takes back this act alone; refused when later decisions rest on it")
        )
        self.reverse_button.clicked.connect(self.reverse)
        self.show_button = QPushButton(self.tr("Show in Browse"))
        self.show_button.clicked.connect(self.show_items_of_current)
        column.addWidget(self.heading)
        column.addWidget(self.facts)
        column.addWidget(self.strip, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.show_button)
        buttons.addWidget(self.reverse_button)
        column.addLayout(buttons)
        self._show_current()
        return side

    def _command_button(self, command: str) -> QPushButton:
        action = self.context.actions[command]
        button = QPushButton(action.text())
        button.setIcon(action.icon())
        button.clicked.connect(lambda: self.context.actions.run(command))

        def follow() -> None:
            button.setEnabled(action.isEnabled())

        action.enabledChanged.connect(button.setEnabled)
        follow()
        return button

    # ---- data ------------------------------------------------------------------------------
    def _decided(self, _changes: OpChanges | None) -> None:
        if self.isVisible():
            self.reload()
        else:
            self._stale = True

    def _loaded(self, operations: list[Operation]) -> None:
        self._operations = operations
        _offer(self.verb, self.tr("All kinds"), sorted({o.verb for o in operations}))
        _offer(self.who, self.tr("Everybody"), sorted({o.who for o in operations}))
        self._refilter()

    def _refilter(self) -> None:
        chosen = self.current()
        wanted = self.text.text().casefold().split()
        verb, who = self.verb.currentData(), self.who.currentData()
        rows = [
            o
            for o in self._operations
            if (not verb or o.verb == verb)
            and (not who or o.who == who)
            and all(w in f"{o.summary} {o.who} {o.verb}".casefold() for w in wanted)
        ]
        taken_back = frozenset(
            o.target for o in self._operations if o.verb == "reverse" and o.target and not o.undone
        )
        self.model.set_rows(rows, taken_back)
        self.empty.setVisible(not self._operations)
        self.table.setVisible(bool(self._operations))
        total = len(self._operations)
        text = self.tr("operations: {n}").format(n=words.count(len(rows)))
        if len(rows) != total:
            text = self.tr("{n} of {total} operations").format(
                n=words.count(len(rows)), total=words.count(total)
            )
        self.summary.setText(text if total else "")
        row = self.model.row_of(chosen.id) if chosen else -1
        if rows:
            self.table.selectRow(max(0, row))
        self._show_current()

    def _show_current(self) -> None:
        operation = self.current()
        self._items = np.empty(0, np.int64)
        self.strip.show_images([])
        self.show_button.setEnabled(False)
        self.reverse_button.setEnabled(
            bool(operation and operation.kind == "do" and self.model.in_force(operation))
        )
        if operation is None:
            self.heading.setText(self.tr("Choose an operation"))
            self.facts.setText("")
            return
        self.heading.setText(operation.summary)
        lines = [
            self.tr("{who} on {host}, {when}").format(
                who=operation.who, host=operation.host, when=words.when(operation.at)
            ),
            self.tr("Operation {id}, {n} changes, {state}").format(
                id=operation.id,
                n=words.count(operation.count),
                state=self.model.state(operation),
            ),
        ]
        if operation.run_id:
            lines.append(self.tr("made by run {run}").format(run=operation.run_id))
        self.facts.setText("\n".join(lines))
        self.context.tasks.submit(
            _ITEMS_SLOT, self._reader(operation.id), self._show_affected, None
        )

    def _reader(self, operation_id: int) -> Callable[[Ticket], NDArray[np.int64]]:
        log = self.context.studio.store.operations
        return lambda _ticket: log.items_of(operation_id)

    def _show_affected(self, items: NDArray[np.int64]) -> None:
        self._items = items
        self.show_button.setEnabled(bool(len(items)))
        images = self.context.studio.catalogue.columns.image_ids[items[:_STRIP] - 1]
        self.strip.show_images([int(i) for i in images])


def _offer(box: QComboBox, everything: str, choices: list[str]) -> None:
    """Fill a combo box, keeping what was chosen."""
    chosen = box.currentData()
    box.blockSignals(True)
    box.clear()
    box.addItem(everything, "")
    for choice in choices:
        box.addItem(choice, choice)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    box.blockSignals(False)
