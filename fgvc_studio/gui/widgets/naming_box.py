"""Accept and name: a name, a qualifier and a place for the category that a cluster becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from fgvc_studio.services.naming import Match

Search = Callable[[str, int], "Sequence[Match]"]
QUALIFIERS = ("", "aff.", "cf.", "nr.")
RANKS = ("species", "subspecies", "genus", "form", "variety", "")
_LIMIT = 5
_WIDTH = 480
_CATEGORY = Qt.ItemDataRole.UserRole


def parted(name: str) -> tuple[str, str]:
    """A name without its qualifier, and the qualifier.

    >>> parted("Papilio  aff. machaon")
    ('Papilio machaon', 'aff.')
    """
    words = name.split()
    found = next((w for w in words if w in QUALIFIERS), "")
    if found:
        words.remove(found)
    return " ".join(words), found


class NamingBox(QFrame):
    """A palette over the window. Enter accepts, Esc closes.

    While the name is typed, categories of that name are listed: choosing one sends the items
    there instead of making another category.

    Parameters
    ----------
    search : callable
        (text, limit) -> matches, best first.
    path_of : callable
        Category id -> its path in the tree.
    """

    accepted = Signal(str, int, str, str)
    """Name without qualifier, parent id (0: top level), rank, qualifier."""
    known_chosen = Signal(int)
    """An existing category was chosen."""

    def __init__(
        self, search: Search, path_of: Callable[[int], str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._search = search
        self._path_of = path_of
        self._parent_id = 0
        self._provisional = self._akin = ""
        self.setObjectName("identify")
        self.setFrameShape(QFrame.Shape.Box)
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName(self.tr("Accept and name"))
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.name = QLineEdit()
        self.qualifier = QComboBox()
        self.rank = QComboBox()
        self.parent_line = QLineEdit(placeholderText=self.tr("top level"))
        self.list = QListWidget()
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setAccessibleName(self.tr("Matching categories"))
        self.hint = QLabel()
        self.hint.setProperty("role", "muted")
        self.hint.setWordWrap(True)
        self.go = QPushButton(self.tr("Accept"))
        self.go.setProperty("role", "primary")
        self._build()
        for line in (self.name, self.parent_line):
            line.installEventFilter(self)
        self.name.textEdited.connect(self._name_typed)
        self.parent_line.textEdited.connect(self._parent_typed)
        self.list.itemClicked.connect(self._take)
        self.go.clicked.connect(self.accept)

    def open(
        self,
        count: int,
        provisional: str,
        parent_id: int = 0,
        *,
        akin: str = "",
        over: QWidget | None = None,
    ) -> None:
        """Ask for the name of `count` items.

        Parameters
        ----------
        provisional : str
            Offered, and selected so that typing replaces it.
        parent_id : int
            Proposed parent, 0 for none.
        akin : str
            The nearest known name, which a qualifier is put into.
        """
        self.title.setText(
            self.tr("Accept 1 item as a new category")
            if count == 1
            else self.tr("Accept {n} items as a new category").format(n=f"{count:,}")
        )
        self._provisional, self._akin = provisional, akin
        self._parent_id = parent_id
        self.name.setText(provisional)
        self.parent_line.setText(self._path_of(parent_id) if parent_id else "")
        self._show_qualifier(provisional)
        self.rank.setCurrentIndex(0)
        self._show([])
        self._say()
        host = over or self.parentWidget()
        if host is not None:
            corner = host.mapToGlobal(host.rect().topLeft())
            left = corner.x() + (host.width() - self.width()) // 2
            self.move(left, corner.y() + max(8, host.height() // 10))
        self.show()
        self.name.setFocus(Qt.FocusReason.PopupFocusReason)
        self.name.selectAll()

    def accept(self) -> None:
        """Take what stands in the fields."""
        name, qualifier = parted(self.name.text())
        if not name:
            self.hint.setText(self.tr("Type a name first."))
            self.name.setFocus()
            return
        if self.parent_line.text().strip() and not self._parent_id:
            self.hint.setText(self.tr("No such parent: choose one of the list, or clear it."))
            self.parent_line.setFocus()
            return
        self.hide()
        self.accepted.emit(name, self._parent_id, str(self.rank.currentData()), qualifier)

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        words = {
            "": self.tr("no qualifier"),
            "aff.": self.tr("aff. (akin to)"),
            "cf.": self.tr("cf. (compare)"),
            "nr.": self.tr("nr. (near)"),
        }
        for value in QUALIFIERS:
            self.qualifier.addItem(words[value], value)
        for value in RANKS:
            self.rank.addItem(value or self.tr("no rank"), value)
        self.qualifier.activated.connect(self._qualify)
        form = QGridLayout()
        form.setHorizontalSpacing(10)
        form.setVerticalSpacing(8)
        second = QHBoxLayout()
        second.addWidget(self.qualifier, 1)
        second.addWidget(self.rank, 1)
        for row, (text, widget) in enumerate(
            (
                (self.tr("Name"), self.name),
                (self.tr("Under"), self.parent_line),
                (self.tr("Qualifier, rank"), None),
            )
        ):
            label = QLabel(text)
            label.setProperty("role", "muted")
            form.addWidget(label, row, 0)
            if widget is None:
                form.addLayout(second, row, 1)
            else:
                widget.setAccessibleName(text)
                form.addWidget(widget, row, 1)
        form.setColumnStretch(1, 1)
        self.qualifier.setAccessibleName(self.tr("Qualifier"))
        self.rank.setAccessibleName(self.tr("Rank"))
        below = QHBoxLayout()
        below.addWidget(self.hint, 1)
        below.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(10)
        column.addWidget(self.title)
        column.addLayout(form)
        column.addWidget(self.list)
        column.addLayout(below)

    # ---- the qualifier ---------------------------------------------------------------------
    def _name_typed(self, text: str) -> None:
        self._show_qualifier(text)
        self._list_known()

    def _show_qualifier(self, text: str) -> None:
        self.qualifier.setCurrentIndex(QUALIFIERS.index(parted(text)[1]))

    def _qualify(self) -> None:
        """Write the chosen qualifier into the name; a mere number gives way to the nearest name."""
        chosen = str(self.qualifier.currentData())
        name, had = parted(self.name.text())
        if chosen and not had and name == self._provisional and self._akin:
            name = parted(self._akin)[0]
        elif not chosen and had and name == parted(self._akin)[0]:
            name = self._provisional
        first, space, rest = name.partition(" ")
        self.name.setText(f"{first} {chosen} {rest}" if chosen and space else
                          " ".join(filter(None, (chosen, name))))  # fmt: skip
        self.name.setFocus()
        self._list_known()

    # ---- the list --------------------------------------------------------------------------
    def _list_known(self) -> None:
        """Existing categories with that name: the cluster may be one of them."""
        text = " ".join(self.name.text().split())
        found = self._search(text, _LIMIT) if text and text != self._provisional else []
        self._show([(self.tr("Send to {name}").format(name=m.shown), m.category_id) for m in found])
        self._say()

    def _parent_typed(self, text: str) -> None:
        self._parent_id = 0
        typed = " ".join(text.split())
        found = self._search(typed, _LIMIT) if typed else []
        self._show([(self._path_of(m.category_id), m.category_id) for m in found])
        self._say()

    def _show(self, rows: list[tuple[str, int]]) -> None:
        self.list.clear()
        for text, category_id in rows:
            item = QListWidgetItem(text, self.list)
            item.setData(_CATEGORY, category_id)
        if self._for_parent and rows:
            self.list.setCurrentRow(0)
        height = self.list.sizeHintForRow(0) if rows else 0
        self.list.setFixedHeight(len(rows) * height + 2 * self.list.frameWidth())
        self.list.setVisible(bool(rows))
        self.adjustSize()

    @property
    def _for_parent(self) -> bool:
        return self.parent_line.hasFocus()

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        category_id = int(item.data(_CATEGORY))
        if self._for_parent:
            self._parent_id = category_id
            self.parent_line.setText(self._path_of(category_id))
            self._show([])
            self._say()
            return
        self.hide()
        self.known_chosen.emit(category_id)

    def _say(self) -> None:
        self.hint.setText(self.tr("Enter accepts   Down: known categories   Esc closes"))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows move in the list while a line keeps the focus; Enter takes or accepts."""
        if event.type() != QEvent.Type.KeyPress:
            return super().eventFilter(watched, event)
        assert isinstance(event, QKeyEvent)
        key, row, last = event.key(), self.list.currentRow(), self.list.count() - 1
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up) and last >= 0:
            step = 1 if key == Qt.Key.Key_Down else -1
            self.list.setCurrentRow(min(max(row + step, -1), last))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.isAutoRepeat():
                return True
            chosen = self.list.currentItem() if row >= 0 else None
            if chosen is not None:
                self._take(chosen)
            else:
                self.accept()
        elif key == Qt.Key.Key_Escape:
            self.hide()
        else:
            return super().eventFilter(watched, event)
        return True
