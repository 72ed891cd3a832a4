"""`?`: every command with its keys, made from the table; keys can be changed here."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.gui.action_set import ActionSet
from fgvc_studio.gui.actions import BY_ID, COMMANDS

_ID = Qt.ItemDataRole.UserRole
_FAMILIES = {"label": "Label", "cluster": "Clusters", "known": "Clusters", "grow": "Clusters"}
"""Where commands without a menu are listed, by the first word of their id."""


class KeySheet(QDialog):
    """The list of keys with a filter; choosing a row lets the user press other keys."""

    def __init__(self, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.setWindowTitle(self.tr("Keys"))
        self.resize(760, 640)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Find a command or a key"))
        self.filter.setAccessibleName(self.tr("Find a command or a key"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter)
        layout.addWidget(self.filter)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(self.tr("Commands and keys"))
        self.tree.setHeaderLabels([self.tr("Command"), self.tr("Keys"), self.tr("Command line")])
        self.tree.setAlternatingRowColors(True)
        self.tree.setUniformRowHeights(True)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(1, 150)
        header.resizeSection(2, 190)
        layout.addWidget(self.tree, 1)
        layout.addLayout(self._movement_note())
        layout.addLayout(self._editor())
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setProperty("role", "muted")
        layout.addWidget(self.message)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        restore = buttons.addButton(
            self.tr("Restore all keys"), QDialogButtonBox.ButtonRole.ResetRole
        )
        restore.clicked.connect(self._restore)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.tree.currentItemChanged.connect(lambda *_: self._show_current())
        self.fill()
        self._show_current()

    def fill(self) -> None:
        """Make the rows anew."""
        current = self.current_id()
        self.tree.clear()
        headings = {
            "File": self.tr("Project and program"),
            "Edit": self.tr("Edit and select"),
            "Label": self.tr("Label"),
            "View": self.tr("Look and move"),
            "Clusters": self.tr("Discover: clusters"),
            "Prototypes": self.tr("Prototypes"),
            "Help": self.tr("Help"),
        }
        places: dict[str, QTreeWidgetItem] = {}
        for name, heading in headings.items():
            places[name] = QTreeWidgetItem(self.tree, [heading])
            places[name].setFirstColumnSpanned(True)
            places[name].setFlags(Qt.ItemFlag.ItemIsEnabled)
        for command in COMMANDS:
            place = command.menu or _FAMILIES.get(command.id.partition(".")[0], "Help")
            verb = f"fgvc-studio {command.cli}" if command.cli else self.tr("window only")
            row = QTreeWidgetItem(
                places[place],
                [command.title.removesuffix("..."), self._actions.key_text(command.id), verb],
            )
            row.setData(0, _ID, command.id)
            if command.gui_only:
                row.setToolTip(2, command.gui_only)
            row.setForeground(2, self.palette().placeholderText())
            if command.id == current:
                self.tree.setCurrentItem(row)
        self.tree.expandAll()
        self._filter(self.filter.text())

    def current_id(self) -> str:
        """Id of the chosen command, empty when a heading or nothing is chosen."""
        item = self.tree.currentItem()
        return str(item.data(0, _ID) or "") if item else ""

    def choose(self, command_id: str) -> None:
        """Move to the row of a command."""
        for row in self._rows():
            if row.data(0, _ID) == command_id:
                self.tree.setCurrentItem(row)

    def set_keys(self) -> None:
        """Bind what was pressed to the chosen command."""
        command_id = self.current_id()
        if not command_id:
            return
        pressed = self.edit.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
        rival = self._actions.bind(command_id, [pressed] if pressed else [])
        if rival:
            self._say(
                self.tr("{keys} already means “{command}”. Change that one first.").format(
                    keys=pressed, command=rival.title.removesuffix("...")
                ),
                "danger",
            )
            return
        self.fill()
        self._say(self.tr("Changed and remembered."), "muted")

    def _editor(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.name = QLabel()
        self.edit = QKeySequenceEdit()
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName(self.tr("Press the new keys"))
        self.edit.setMaximumWidth(180)
        self.set_button = QPushButton(self.tr("Set"))
        self.set_button.clicked.connect(self.set_keys)
        self.default_button = QPushButton(self.tr("Default"))
        self.default_button.clicked.connect(self._default)
        row.addWidget(self.name, 1)
        for widget in (self.edit, self.set_button, self.default_button):
            row.addWidget(widget)
        return row

    def _movement_note(self) -> QHBoxLayout:
        row = QHBoxLayout()
        note = QLabel(
            self.tr(
                "Arrows, Home, End, Page Up and Page Down move. Shift+click takes a range, "
                "Ctrl+click one more. Single letters act only when no text field has the focus."
            )
        )
        note.setWordWrap(True)
        note.setProperty("role", "muted")
        row.addWidget(note)
        return row

    def _rows(self) -> list[QTreeWidgetItem]:
        tops = [self.tree.topLevelItem(i) for i in range(self.tree.topLevelItemCount())]
        return [top.child(i) for top in tops for i in range(top.childCount())]

    def _filter(self, text: str) -> None:
        wanted = text.strip().lower()
        for row in self._rows():
            words = " ".join(row.text(c) for c in range(3)).lower()
            row.setHidden(wanted not in words)
        for i in range(self.tree.topLevelItemCount()):
            top = self.tree.topLevelItem(i)
            top.setHidden(all(top.child(k).isHidden() for k in range(top.childCount())))

    def _show_current(self) -> None:
        command_id = self.current_id()
        for widget in (self.edit, self.set_button, self.default_button):
            widget.setEnabled(bool(command_id))
        keys = self._actions.keys(command_id) if command_id else []
        self.edit.setKeySequence(QKeySequence(keys[0]) if keys else QKeySequence())
        title = BY_ID[command_id].title.removesuffix("...") if command_id else ""
        self.name.setText(
            self.tr("New keys for “{command}”:").format(command=title)
            if command_id
            else self.tr("Choose a command to change its keys.")
        )

    def _default(self) -> None:
        command_id = self.current_id()
        rival = self._actions.bind(command_id, list(BY_ID[command_id].keys))
        if rival:
            self._say(
                self.tr("The default keys now mean “{command}”.").format(command=rival.title),
                "danger",
            )
        else:
            self.fill()

    def _restore(self) -> None:
        self._actions.reset_keys()
        self.fill()
        self._say(self.tr("All keys are as at first."), "muted")

    def _say(self, text: str, role: str) -> None:
        self.message.setProperty("role", role)
        self.message.style().unpolish(self.message)
        self.message.style().polish(self.message)
        self.message.setText(text)
