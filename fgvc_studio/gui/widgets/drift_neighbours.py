"""An item with its neighbours in two spaces, one row each."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from fgvc_studio.gui.widgets.drift_strips import NeighbourStrip
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.services.drift_report import Strips

_NAME, _OWN = 96, 78


class NeighbourPanel(QFrame):
    """What was near an item before and what is now.

    Parameters
    ----------
    thumbnails : Thumbnails
    client : str
        Name for its wishes.
    old, new : str
        Names of the spaces.
    """

    chosen = Signal("qlonglong")

    def __init__(
        self,
        thumbnails: Thumbnails,
        client: str,
        old: str,
        new: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._thumbnails = thumbnails
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 6, 14, 8)
        column.setSpacing(4)
        self.about = QLabel(
            self.tr("Choose an item on the map or in a table to see its neighbours.")
        )
        self.about.setProperty("role", "muted")
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        column.addWidget(self.about)
        self._clients = [f"{client} {name}" for name in ("own", "before", "after")]
        texts = (self.tr("The item"), self.tr("Neighbours before"), self.tr("Neighbours after"))
        signs = ("", "\N{MINUS SIGN}", "+")
        self.own, self.before, self.after = (
            NeighbourStrip(thumbnails, name, sign, text)
            for name, sign, text in zip(self._clients, signs, texts, strict=True)
        )
        self.own.setFixedWidth(_OWN)
        self.rows = QWidget()
        self.rows.hide()  # until an item is chosen
        row = QHBoxLayout(self.rows)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self.own, 0, Qt.AlignmentFlag.AlignTop)
        strips = QVBoxLayout()
        strips.setSpacing(2)
        for strip, text in ((self.before, old), (self.after, new)):
            strips.addLayout(self._line(strip, text))
        row.addLayout(strips, 1)
        column.addWidget(self.rows)

    def _line(self, strip: NeighbourStrip, text: str) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(6)
        name = QLabel()
        name.setFixedWidth(_NAME)
        name.setText(name.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, _NAME))
        name.setToolTip(text)
        name.setProperty("role", "muted")
        line.addWidget(name)
        line.addWidget(strip, 1)
        strip.chosen.connect(self.chosen)
        return line

    def show_strips(self, found: Strips, name: str) -> None:
        """Show the neighbours of an item whose category is called `name`."""
        self.rows.show()
        self.own.show_items([found.item_id])
        self.before.show_items(found.old.tolist(), found.lost.tolist())
        self.after.show_items(found.new.tolist(), found.gained.tolist())
        self.about.setText(
            self.tr("Item {item}, {name}: {new} of {k} neighbours are new").format(
                item=found.item_id, name=name, new=int(found.gained.sum()), k=len(found.new)
            )
        )

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing hidden waits for pictures."""
        for client in self._clients:
            self._thumbnails.want([], 0, client)
        super().hideEvent(event)
