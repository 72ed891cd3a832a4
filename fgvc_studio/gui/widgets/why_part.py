"""Part of the inspector: which prototypes decide about the photo, in three lines."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from fgvc_studio.domain.prototypes import Contribution, Prototype
from fgvc_studio.gui.widgets.inspector_parts import Heading
from fgvc_studio.gui.widgets.pair_row import PairRow
from fgvc_studio.gui.widgets.patch_pictures import PatchPictures

MOST = 3
_PICTURE = 42


class WhyPart(QWidget):
    """The best category of the classifier, and the patches that speak loudest for it."""

    explain_requested = Signal()

    def __init__(self, pictures: PatchPictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self.says = QLabel(wordWrap=True)
        self.says.setProperty("role", "muted")
        self.more = QPushButton(self.tr("Explain (E)"))
        self.more.setProperty("role", "flat")
        self.more.clicked.connect(self.explain_requested)
        head = QHBoxLayout()
        head.addWidget(Heading(self.tr("Why? Prototypes")), 1)
        head.addWidget(self.more)
        self.rows = [PairRow(pictures, _PICTURE) for _ in range(MOST)]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(head)
        column.addWidget(self.says)
        for row in self.rows:
            row.setCheckable(False)
            row.clicked.connect(self.explain_requested)
            column.addWidget(row)
        pictures.thumbnails.ready.connect(self._ready)
        self.hide()

    def clear(self) -> None:
        """Nothing is known of this photo."""
        self.hide()

    def show_reasons(
        self, says: str, reasons: Sequence[tuple[Contribution, Prototype]], key: str
    ) -> None:
        """Show what the classifier says and why."""
        self.says.setText(says)
        self.more.setText(self.tr("Explain ({key})").format(key=key) if key else self.tr("Explain"))
        for i, row in enumerate(self.rows):
            row.setVisible(i < len(reasons))
            if i < len(reasons):
                row.show_pair(*reasons[i])
        side = round(_PICTURE * self.devicePixelRatioF())
        wanted = [k for row in self.rows[: len(reasons)] for k in row.keys]
        self._pictures.thumbnails.want(wanted, side, "why")
        self.show()

    def _ready(self, keys: list[int]) -> None:
        arrived = set(keys)
        for row in self.rows:
            if arrived.intersection(row.keys):
                row.update()
