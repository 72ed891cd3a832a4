"""Export: which items, as what, where to."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.records import Progress
from fgvc_studio.gui import preferences, words

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio


@dataclass(frozen=True, slots=True, eq=False)
class ExportPlan:
    """One export.

    Attributes
    ----------
    items : ndarray int64 or None
        None: all items.
    """

    target: Path
    format: str
    items: NDArray[Any] | None
    labelled_only: bool
    mode: str
    safe: bool

    def run(self, studio: Studio) -> Generator[Progress, None, Any]:
        """The job that writes."""
        return studio.exporting.run(
            self.target,
            self.format,  # type: ignore[arg-type]
            items=self.items,
            labelled_only=self.labelled_only,
            mode=self.mode,  # type: ignore[arg-type]
            safe_for_spreadsheets=self.safe,
        )

    def sentence(self, result: Any) -> str:
        """What was written, in one line."""
        text = QCoreApplication.translate("export", "Exported {n} items to {path}")
        return text.format(n=words.count(result.rows), path=result.out)


class ExportDialog(QDialog):
    """Asks what to export; `planned` carries the `ExportPlan`."""

    planned = Signal(object)

    def __init__(
        self,
        studio: Studio,
        shown: NDArray[Any] | None,
        selected: NDArray[Any],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Export"))
        self.setMinimumWidth(560)
        self._name = studio.store.name
        self._folder = preferences.text("paths/exports", str(studio.store.path.parent))
        self._sets: list[NDArray[Any] | None] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(14)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        form.addRow(self.tr("Items"), self._which(studio.catalogue.n, shown, selected))
        self.format = QComboBox()
        self.format.addItem(
            self.tr("Table (CSV): item, file, category, who, when, which model"), "csv"
        )
        self.format.addItem(
            self.tr("Folder of images: one folder for each category"), "imagefolder"
        )
        self.format.currentIndexChanged.connect(lambda _i: self._format_changed())
        form.addRow(self.tr("As"), self.format)
        self.labelled = QCheckBox(self.tr("Labelled items only"))
        self.safe = QCheckBox(self.tr("Protect spreadsheets from cells that look like formulas"))
        self.mode = QComboBox()
        self.mode.addItem(self.tr("Copy the files"), "copy")
        self.mode.addItem(self.tr("Hard links (no extra space, same disk)"), "hardlink")
        self.mode.addItem(self.tr("Symbolic links"), "symlink")
        form.addRow("", self.labelled)
        form.addRow("", self.safe)
        self.mode_label = QLabel(self.tr("Files"))
        form.addRow(self.mode_label, self.mode)
        row = QHBoxLayout()
        self.target = QLineEdit()
        self.target.setAccessibleName(self.tr("Where to"))
        self.target.textChanged.connect(lambda _t: self._update())
        choose = QPushButton(self.tr("Change..."))
        choose.clicked.connect(self._choose)
        row.addWidget(self.target, 1)
        row.addWidget(choose)
        form.addRow(self.tr("Where to"), row)
        layout.addLayout(form)
        self.note = QLabel()
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        layout.addWidget(self.note)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = buttons.addButton(self.tr("Export"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.finished.connect(lambda _r: self.deleteLater())
        self._format_changed()

    def plan(self) -> ExportPlan:
        """What the user has decided."""
        return ExportPlan(
            Path(self.target.text()).expanduser(),
            str(self.format.currentData()),
            self._sets[self._choice.checkedId()],
            self.labelled.isChecked(),
            str(self.mode.currentData()),
            self.safe.isChecked(),
        )

    def accept(self) -> None:
        """Hand the plan over."""
        plan = self.plan()
        preferences.remember("paths/exports", str(plan.target.parent))
        super().accept()
        self.planned.emit(plan)

    def _which(self, total: int, shown: NDArray[Any] | None, selected: NDArray[Any]) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        self._choice = QButtonGroup(self)
        choices = [(self.tr("All {n}").format(n=words.count(total)), None)]
        if shown is not None and len(shown) < total:
            choices.append((self.tr("The {n} shown").format(n=words.count(len(shown))), shown))
        if len(selected):
            choices.append(
                (self.tr("The {n} selected").format(n=words.count(len(selected))), selected)
            )
        for i, (text, ids) in enumerate(choices):
            button = QRadioButton(text)
            button.setChecked(i == 0)
            self._choice.addButton(button, i)
            self._sets.append(ids)
            column.addWidget(button)
        return holder

    def _format_changed(self) -> None:
        table = self.format.currentData() == "csv"
        for widget in (self.safe, self.labelled):
            widget.setVisible(table)
        self.mode.setVisible(not table)
        self.mode_label.setVisible(not table)
        end = ".csv" if table else " images"
        self.target.setText(str(Path(self._folder) / f"{self._name}{end}"))
        self.adjustSize()

    def _choose(self) -> None:
        if self.format.currentData() == "csv":
            path, _kind = QFileDialog.getSaveFileName(
                self, self.tr("Where to"), self.target.text(), self.tr("Tables (*.csv)")
            )
        else:
            path = QFileDialog.getExistingDirectory(self, self.tr("Where to"), self._folder)
        if path:
            self.target.setText(path)

    def _update(self) -> None:
        text = self.target.text().strip()
        target = Path(text).expanduser()
        full = target.is_dir() and any(target.iterdir())
        if target.is_file():
            self.note.setText(self.tr("That file exists and will be replaced."))
        elif full:
            self.note.setText(self.tr("That folder holds files already; choose an empty one."))
        else:
            self.note.setText("")
        self.go.setEnabled(bool(text) and not full)
