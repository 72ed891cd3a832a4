"""Import: choose a source, see what it would bring, then do it. Nothing is written before."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.errors import UserError
from fgvc_studio.gui import preferences, words
from fgvc_studio.gui.dialogs.column_choice import ColumnChoice
from fgvc_studio.gui.dialogs.import_plan import ImportPlan, look, project_folder
from fgvc_studio.gui.models.preview_rows import PreviewModel
from fgvc_studio.gui.task_pool import TaskPool
from fgvc_studio.interchange import registry
from fgvc_studio.interchange.base import Preview

_SLOT = "import preview"
_SKIPPED_SHOWN = 200


class ImportWizard(QDialog):
    """One page from source to plan; `planned` carries the `ImportPlan` when the user says so.

    Parameters
    ----------
    source : str
        A folder or table, may be empty.
    into : str
        Name of the open project that gets the images; empty: a new project is made.
    """

    planned = Signal(object)

    def __init__(
        self, tasks: TaskPool, source: str = "", *, into: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._into = into
        self._preview: Preview | None = None
        self._name_typed = False
        self.setWindowTitle(
            self.tr("Add images to {name}").format(name=into)
            if into
            else self.tr("New project from a folder")
        )
        self.resize(900, 700)
        self._wait = QTimer(self, singleShot=True, interval=350)
        self._wait.timeout.connect(self.look)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(12)
        layout.addLayout(self._source_form())
        layout.addWidget(self._preview_pane(), 1)
        if not into:
            layout.addLayout(self._project_form())
        layout.addLayout(self._buttons())
        self.finished.connect(lambda _result: self._end())
        self._show_nothing(self.tr("Choose a folder of photos, or a table with their labels."))
        if source:
            self.source.setText(source)
            self.look()

    # ---- acting ----------------------------------------------------------------------------
    def look(self) -> None:
        """Read the preview of what is chosen, in the background."""
        self._wait.stop()
        text = self.source.text().strip()
        if not text:
            self._tasks.drop(_SLOT)
            self._show_nothing(self.tr("Choose a folder of photos, or a table with their labels."))
            return
        source = Path(text).expanduser()
        self._suggest_name(source)
        format, folders = str(self.format.currentData()), self.folders.currentData()
        mapping = self.columns.mapping()
        self.busy.show()
        self.go.setEnabled(False)
        self.facts.setText(self.tr("Looking through {name}...").format(name=source.name))
        self._tasks.submit(
            _SLOT,
            lambda ticket: look(source, format, mapping, folders, ticket),
            self._found,
            self._not_found,
        )

    def plan(self) -> ImportPlan | None:
        """What the user has decided; None while there is nothing to import."""
        if self._preview is None or not self._preview.rows:
            return None
        project = None
        if not self._into:
            name = self.name.text().strip()
            if not name:
                return None
            project = project_folder(Path(self.place.text()).expanduser(), name)
        return ImportPlan(
            Path(self.source.text().strip()).expanduser(),
            self._preview.format,
            self.columns.mapping(),
            self.folders.currentData(),
            project,
            "" if self._into else self.name.text().strip(),
        )

    def accept(self) -> None:
        """Hand the plan over."""
        plan = self.plan()
        if plan is None:
            return
        if plan.project:
            preferences.remember("paths/projects", str(plan.project.parent))
        super().accept()
        self.planned.emit(plan)

    # ---- showing ---------------------------------------------------------------------------
    def _found(self, preview: Preview | None) -> None:
        self.busy.hide()
        if preview is None:
            return
        self._preview = preview
        self.model.set_rows(preview.sample)
        is_folder = preview.format == "image_folder"
        self.folders.setVisible(is_folder)
        self.folders_label.setVisible(is_folder)
        self.columns.show_columns(preview.columns, preview.mapping)
        self.table.setVisible(bool(preview.sample))
        self.rest.setVisible(not preview.sample)
        self.facts.setText(self._summary(preview))
        self.notes.setPlainText("\n".join(_notes(preview)))
        self.notes.setVisible(bool(_notes(preview)))
        self._update_button()

    def _not_found(self, error: UserError) -> None:
        self._show_nothing(str(error))

    def _show_nothing(self, text: str) -> None:
        self._preview = None
        self.busy.hide()
        self.model.set_rows([])
        self.table.hide()
        self.rest.show()
        self.notes.hide()
        for widget in (self.columns, self.folders, self.folders_label):
            widget.hide()
        self.facts.setText(text)
        self._update_button()

    def _summary(self, preview: Preview) -> str:
        title = registry.reader(preview.format).title
        parts = [self.tr("{n} images").format(n=words.count(preview.rows))]
        if preview.categories:
            parts.append(
                self.tr("{n} of them labelled with {c} categories").format(
                    n=words.count(preview.labelled), c=words.count(preview.categories)
                )
            )
        else:
            parts.append(self.tr("no labels yet"))
        if preview.skipped:
            parts.append(self.tr("{n} files left out").format(n=words.count(len(preview.skipped))))
        return f"{title}: {', '.join(parts)}."

    def _update_button(self) -> None:
        plan = self.plan()
        self.go.setEnabled(plan is not None)
        if self._preview and self._preview.rows:
            self.go.setText(self.tr("Import {n} images").format(n=words.count(self._preview.rows)))
        else:
            self.go.setText(self.tr("Import"))
        if not self._into:
            exists = bool(plan and plan.project and plan.project.exists())
            self.where.setText(
                self.tr("There is a project of that name already; choose another name.")
                if exists
                else (self.tr("Makes {path}").format(path=plan.project) if plan else "")
            )
            self.go.setEnabled(plan is not None and not exists)

    def _suggest_name(self, source: Path) -> None:
        if not self._into and not self._name_typed:
            self.name.setText(source.parent.name if source.is_file() else source.name)

    # ---- building --------------------------------------------------------------------------
    def _source_form(self) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        row = QHBoxLayout()
        self.source = QLineEdit()
        self.source.setPlaceholderText(self.tr("Folder of photos, or a CSV, TSV or Parquet table"))
        self.source.setAccessibleName(self.tr("Source"))
        self.source.textEdited.connect(lambda _t: self._wait.start())
        self.source.returnPressed.connect(self.look)
        folder = QPushButton(self.tr("Folder..."))
        folder.clicked.connect(self._choose_folder)
        table = QPushButton(self.tr("Table..."))
        table.clicked.connect(self._choose_table)
        for button in (folder, table):
            button.setAutoDefault(False)
        row.addWidget(self.source, 1)
        row.addWidget(folder)
        row.addWidget(table)
        form.addRow(self.tr("Source"), row)
        self.format = QComboBox()
        self.format.addItem(self.tr("Guess"), "auto")
        for reader in registry.readers():
            self.format.addItem(reader.title, reader.format)
        self.format.currentIndexChanged.connect(lambda _i: self.look())
        self.folders_label = QLabel(self.tr("Folder names are"))
        self.folders = QComboBox()
        for value, text in (
            ("auto", self.tr("guessed")),
            ("categories", self.tr("categories")),
            ("tags", self.tr("notes on the photo")),
            ("none", self.tr("of no meaning")),
        ):
            self.folders.addItem(text, value)
        self.folders.currentIndexChanged.connect(lambda _i: self.look())
        kind = QHBoxLayout()
        kind.addWidget(self.format)
        kind.addSpacing(20)
        kind.addWidget(self.folders_label)
        kind.addSpacing(8)
        kind.addWidget(self.folders)
        kind.addStretch(1)
        form.addRow(self.tr("Format"), kind)
        return form

    def _preview_pane(self) -> QWidget:
        card = QFrame()
        card.setObjectName("card")
        column = QVBoxLayout(card)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        self.facts = QLabel()
        self.facts.setProperty("role", "heading")
        self.facts.setWordWrap(True)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.columns = ColumnChoice()
        self.columns.changed.connect(self.look)
        self.model = PreviewModel(self._tasks)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("First rows of the source"))
        self.table.setShowGrid(False)
        self.table.setSelectionMode(QTableView.SelectionMode.NoSelection)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(50)
        header = self.table.horizontalHeader()
        header.resizeSection(0, 60)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(2, 240)
        header.resizeSection(3, 60)
        header.resizeSection(4, 170)
        self.notes = QPlainTextEdit()
        self.notes.setReadOnly(True)
        self.notes.setMaximumHeight(110)
        self.notes.setAccessibleName(self.tr("Warnings"))
        self.rest = QWidget()
        column.addWidget(self.facts)
        column.addWidget(self.busy)
        column.addWidget(self.columns)
        column.addWidget(self.table, 1)
        column.addWidget(self.rest, 1)
        column.addWidget(self.notes)
        return card

    def _project_form(self) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        self.name = QLineEdit()
        self.name.textEdited.connect(lambda _t: setattr(self, "_name_typed", True))
        self.name.textChanged.connect(lambda _t: self._update_button())
        row = QHBoxLayout()
        self.place = QLineEdit(preferences.text("paths/projects", str(Path.home())))
        self.place.textChanged.connect(lambda _t: self._update_button())
        choose = QPushButton(self.tr("Change..."))
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose_place)
        row.addWidget(self.place, 1)
        row.addWidget(choose)
        self.where = QLabel()
        self.where.setProperty("role", "muted")
        self.where.setWordWrap(True)
        form.addRow(self.tr("Project name"), self.name)
        form.addRow(self.tr("Keep it in"), row)
        form.addRow("", self.where)
        return form

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        note = QLabel(self.tr("Your photos stay where they are and are never changed."))
        note.setProperty("role", "muted")
        cancel = QPushButton(self.tr("Cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        self.go = QPushButton(self.tr("Import"))
        self.go.setProperty("role", "primary")
        self.go.setAutoDefault(False)
        self.go.clicked.connect(self.accept)
        row.addWidget(note, 1)
        row.addWidget(cancel)
        row.addWidget(self.go)
        return row

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(
            self, self.tr("Folder of photos"), preferences.text("paths/photos", str(Path.home()))
        )
        self._chosen(path)

    def _choose_table(self) -> None:
        path, _kind = QFileDialog.getOpenFileName(
            self,
            self.tr("Table of labels"),
            preferences.text("paths/photos", str(Path.home())),
            self.tr("Tables (*.csv *.tsv *.txt *.parquet);;All files (*)"),
        )
        self._chosen(path)

    def _chosen(self, path: str) -> None:
        if path:
            preferences.remember("paths/photos", str(Path(path).parent))
            self.source.setText(path)
            self.columns.forget()
            self.look()

    def _choose_place(self) -> None:
        path = QFileDialog.getExistingDirectory(
            self, self.tr("Where to keep the project"), self.place.text()
        )
        if path:
            self.place.setText(path)

    def _end(self) -> None:
        self._wait.stop()
        self._tasks.drop(_SLOT)
        self.model.set_rows([])
        self.deleteLater()


def _notes(preview: Preview) -> list[str]:
    """Warnings, then the files left out with their reasons."""
    lines = []
    for warning in preview.warnings:
        examples = f"  ({'; '.join(warning.examples[:3])})" if warning.examples else ""
        lines.append(f"{warning.text}{examples}")
    lines.extend(f"{s.path}: {s.reason}" for s in preview.skipped[:_SKIPPED_SHOWN])
    return [line.encode("utf-8", "replace").decode() for line in lines]
