"""The identification plate of a category: looked at, then saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui.widgets.image_view import ImageView


class PlateDialog(QDialog):
    """A preview of the sheet, for one category after the other.

    Parameters
    ----------
    categories : sequence of (id, name)
    folder : Path
        Where the file dialog begins.
    """

    preview_wanted = Signal(int)
    save_wanted = Signal(int, object)
    """Category and `Path`."""

    def __init__(
        self,
        categories: Sequence[tuple[int, str]],
        current: int,
        folder: Path,
        parent: QWidget | None = None,
        ask: Callable[..., tuple[str, str]] = QFileDialog.getSaveFileName,
    ) -> None:
        super().__init__(parent)
        self._folder, self._ask = folder, ask
        self.setWindowTitle(self.tr("Identification plate"))
        self.resize(760, 820)
        self.category = QComboBox()
        self.category.setAccessibleName(self.tr("Category"))
        for number, name in categories:
            self.category.addItem(name, number)
        self.category.setCurrentIndex(max(0, self.category.findData(current)))
        self.category.activated.connect(self.refresh)
        self.note = QLabel()
        self.note.setProperty("role", "muted")
        self.save = QPushButton(self.tr("Save as PDF or PNG..."))
        self.save.setProperty("role", "primary")
        self.save.clicked.connect(self._save)
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.reject)
        self.view = ImageView()
        head = QHBoxLayout()
        head.addWidget(self.category, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.note, 1)
        foot.addWidget(self.save)
        foot.addWidget(close)
        column = QVBoxLayout(self)
        column.addLayout(head)
        column.addWidget(self.view, 1)
        column.addLayout(foot)
        self.finished.connect(lambda _r: self.view.stop())

    @property
    def chosen(self) -> int:
        """The category shown."""
        return int(self.category.currentData() or 0)

    def refresh(self) -> None:
        """Ask for the sheet of the category."""
        self.note.setText(self.tr("Drawing the plate..."))
        self.save.setEnabled(False)
        self.preview_wanted.emit(self.chosen)

    def show_preview(self, category: int, path: Path) -> None:
        """Show a drawn sheet."""
        if category == self.chosen:
            self.note.setText(self.tr("Wheel zooms, dragging moves"))
            self.save.setEnabled(True)
            self.view.set_item(category, path)

    def show_note(self, text: str) -> None:
        """Say what was done or went wrong."""
        self.note.setText(text)

    def _save(self) -> None:
        name = f"{self.category.currentText()}.pdf".replace("/", "-")
        path, _kind = self._ask(
            self,
            self.tr("Save the plate"),
            str(self._folder / name),
            self.tr("PDF (*.pdf);;Picture (*.png)"),
        )
        if path:
            target = Path(path)
            if target.suffix.lower() not in (".pdf", ".png"):
                target = target.with_name(target.name + ".pdf")
            self.save_wanted.emit(self.chosen, target)
