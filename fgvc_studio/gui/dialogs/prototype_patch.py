"""Choosing another patch for a prototype, from the next best ones of its projection."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from fgvc_studio.domain.prototypes import Patch, Prototype
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures
from fgvc_studio.gui.widgets.patch_strip import PatchCell, PatchStrip


class PatchDialog(QDialog):
    """The patch of now, and those that came next; a click takes one."""

    chosen = Signal(int)
    """Place in the list."""

    def __init__(
        self,
        prototype: Prototype,
        name: str,
        patches: Sequence[Patch],
        pictures: PatchPictures,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Another patch for prototype {n}").format(n=prototype.id))
        now = PatchStrip(pictures, "patch now", side=112, columns=1)
        source = prototype.source
        now.set_cells([PatchCell(source.item_id, source.box, self.tr("the patch of now"))])
        self.strip = PatchStrip(pictures, "patches instead", side=112, columns=5)
        self.strip.set_cells(
            [
                PatchCell(
                    p.item_id,
                    p.box,
                    self.tr("likeness {score}").format(score=f"{p.score:.2f}"),
                    self.tr("Take the patch of photo {item}, likeness {score}").format(
                        item=p.item_id, score=f"{p.score:.2f}"
                    ),
                    data=i,
                )
                for i, p in enumerate(patches)
            ]
        )
        self.strip.chosen.connect(self._chosen)
        text = QLabel(
            self.tr(
                "A new model is made in which this prototype of {name} is the patch that you "
                "click; the model of now stays as it is."
            ).format(name=name),
            wordWrap=True,
        )
        text.setMaximumWidth(620)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        box.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        for widget in (text, now, self.strip):
            column.addWidget(widget)
        if not patches:
            column.addWidget(QLabel(self.tr("The training left no other patch to choose from.")))
        column.addWidget(box)

    def _chosen(self, cell: PatchCell) -> None:
        self.accept()
        if isinstance(cell.data, int):
            self.chosen.emit(cell.data)
