"""The table of commands, the keys, and what is made from both."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLineEdit, QMainWindow, QVBoxLayout, QWidget

from fgvc_studio.gui import icons
from fgvc_studio.gui.action_set import ActionSet
from fgvc_studio.gui.actions import BY_ID, COMMANDS, MENUS, SCOPES, scopes_meet
from fgvc_studio.gui.dialogs.key_sheet import KeySheet
from fgvc_studio.gui.fuzzy import best_matches
from fgvc_studio.gui.widgets.command_palette import CommandPalette, Entry

# the key map of the product description, as far as the workspaces exist
KEYS = {
    "label.identify": "I", "label.accept": "A", "label.uncertain": "U", "label.not_this": "X",
    "label.reviewed": "R", "label.flag": "F", "view.similar": "S", "view.compare": "V",
    "view.locate": "L", "view.zoom": "Z", "view.open": "Return", "view.next": "N",
    "view.previous": "Shift+N", "edit.undo": "Ctrl+Z", "edit.redo": "Ctrl+Shift+Z",
    "view.back": "Alt+Left", "view.forward": "Alt+Right", "app.palette": "Ctrl+K",
    "app.keys": "?", "app.help": "F1", "select.tick": "Space", "select.all": "Ctrl+A",
    "select.none": "Ctrl+Shift+A", "select.invert": "Ctrl+I", "label.repeat": "Ctrl+D",
    "view.explain": "E",
}  # fmt: skip


class Window(QMainWindow):
    """A field, a place for items, and all commands connected to a list."""

    def __init__(self):
        super().__init__()
        self.ran = []
        holder = QWidget()
        column = QVBoxLayout(holder)
        self.field = QLineEdit()
        self.items = QWidget()
        self.items.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        column.addWidget(self.field)
        column.addWidget(self.items)
        self.setCentralWidget(holder)
        self.commands = ActionSet(self)
        for name in (
            "project",
            "items",
            "acting",
            "deciding",
            "writable",
            "undo",
            "redo",
            "back",
            "forward",
            "space",
            "growable",
        ):
            self.commands.set_condition(name, lambda: True)
        for command in COMMANDS:
            self.commands.connect(command.id, lambda c=command.id: self.ran.append(c))
        self.commands.attach_grid(self.items)
        self.commands.set_scopes("items")


@pytest.fixture
def window(qtbot):
    w = Window()
    qtbot.addWidget(w)
    w.show()
    w.activateWindow()
    return w


def test_every_command_names_its_verb_or_says_why_not():
    for command in COMMANDS:
        assert bool(command.cli) != bool(command.gui_only), command.id
        assert command.scope in SCOPES
        assert not command.menu or command.menu in MENUS


def test_ids_and_keys_are_unique_where_they_can_meet():
    assert len(BY_ID) == len(COMMANDS)
    taken = {}
    for command in COMMANDS:
        for key in command.keys:
            portable = QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)
            assert portable == key, f"{command.id}: {key} is written {portable}"
            for other in taken.get(key, []):
                assert not scopes_meet(command.scope, other.scope), (command.id, other.id)
            taken.setdefault(key, []).append(command)


def test_key_map_is_that_of_the_product():
    for command_id, key in KEYS.items():
        assert key in BY_ID[command_id].keys, command_id
    assert [BY_ID[f"label.favourite{i}"].keys for i in range(1, 10)] == [
        (str(i),) for i in range(1, 10)
    ]


def test_every_icon_is_drawn():
    assert {c.icon for c in COMMANDS if c.icon} <= set(icons.names())


def test_single_letter_acts_outside_a_field_and_types_inside(window, qtbot):
    window.items.setFocus()
    qtbot.keyClick(window.items, Qt.Key.Key_I)
    assert window.ran == ["label.identify"]
    window.field.setFocus()
    qtbot.keyClicks(window.field, "ia1.")
    assert window.field.text() == "ia1."
    assert window.ran == ["label.identify"]


def test_grid_keys_act_only_in_the_grid(window, qtbot):
    window.items.setFocus()
    qtbot.keyClick(window.items, Qt.Key.Key_Space)
    assert window.ran == ["select.tick"]
    window.field.setFocus()
    qtbot.keyClick(window.field, Qt.Key.Key_Space)
    assert window.field.text() == " "
    assert window.ran == ["select.tick"]


def test_held_label_keys_do_not_repeat(window):
    for command_id in ("label.identify", "label.accept", "label.favourite1", "label.repeat"):
        assert not window.commands[command_id].autoRepeat()
    assert window.commands["view.next"].autoRepeat()


def test_condition_and_scope_disable(window):
    window.commands.set_condition("deciding", lambda: False)
    window.commands.refresh()
    assert not window.commands.run("label.identify")
    window.commands.set_condition("deciding", lambda: True)
    window.commands.set_scopes()
    assert not window.commands.run("label.identify")
    assert window.commands.run("app.keys")
    assert window.ran == ["app.keys"]


def test_rebinding_is_used_remembered_and_refused_when_taken(window, qtbot):
    assert window.commands.bind("label.identify", ["S"]) is BY_ID["view.similar"]
    assert window.commands.keys("label.identify") == ["I"]
    assert window.commands.bind("label.identify", ["Y"]) is None
    window.items.setFocus()
    qtbot.keyClick(window.items, Qt.Key.Key_I)
    assert window.ran == []
    qtbot.keyClick(window.items, Qt.Key.Key_Y)
    assert window.ran == ["label.identify"]
    again = Window()
    qtbot.addWidget(again)
    assert again.commands.keys("label.identify") == ["Y"]
    assert again.commands.bind("label.identify", []) is None
    assert again.commands.keys("label.identify") == []
    again.commands.reset_keys()
    assert again.commands.keys("label.identify") == ["I"]


def test_key_sheet_lists_filters_and_rebinds(window, qtbot):
    sheet = KeySheet(window.commands)
    qtbot.addWidget(sheet)
    listed = {row.data(0, Qt.ItemDataRole.UserRole) for row in sheet._rows()}
    assert listed == set(BY_ID)
    sheet.filter.setText("second opinion")
    shown = [r.text(0) for r in sheet._rows() if not r.isHidden()]
    assert shown[0] == "Flag for a second opinion"
    sheet.filter.clear()
    sheet.choose("label.flag")
    sheet.edit.setKeySequence(QKeySequence("I"))
    sheet.set_keys()
    assert "Identify" in sheet.message.text()
    sheet.edit.setKeySequence(QKeySequence("K"))
    sheet.set_keys()
    assert window.commands.keys("label.flag") == ["K"]
    assert sheet.current_id() == "label.flag"


def test_palette_finds_commands_by_few_letters_and_runs_them(window, qtbot):
    chosen = []
    palette = CommandPalette(
        window, window.commands, lambda text, n: [Entry("Danaus", "", True, chosen.append)]
    )
    qtbot.addWidget(palette)
    palette.open()
    palette.field.setText("simil")
    assert palette.list.item(0).text() == "Similar to this"
    assert any(e.text == "Danaus" for e in palette.entries("simil"))
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert window.ran == ["view.similar"]
    assert not palette.isVisible()


def test_palette_puts_unusable_commands_last(window, qtbot):
    window.commands.set_condition("undo", lambda: False)
    window.commands.refresh()
    palette = CommandPalette(window, window.commands)
    qtbot.addWidget(palette)
    entries = palette.entries("")
    unusable = [e.text for e in entries if not e.enabled]
    assert "Undo" in unusable
    assert [e.text for e in entries[-len(unusable) :]] == unusable


def test_palette_leaves_out_what_other_pages_do(window, qtbot):
    palette = CommandPalette(window, window.commands)
    qtbot.addWidget(palette)
    assert "Strike the selected out of the cluster" not in [e.text for e in palette.entries("")]
    window.commands.set_scopes("clusters")
    shown = [e.text for e in palette.entries("")]
    assert "Strike the selected out of the cluster" in shown
    assert "Similar to this" not in shown


@pytest.mark.parametrize(
    ("text", "first"),
    [("und", "Undo"), ("sel inv", "Invert selection"), ("hist", "History"), ("expotr", "Export")],
)
def test_fuzzy(text, first):
    titles = [c.title.removesuffix("...") for c in COMMANDS]
    assert titles[best_matches(text, titles, 5)[0]] == first


def test_menus_hold_every_command_with_a_menu(window):
    menus = window.commands.fill_menu_bar(window.menuBar())
    for name, menu in menus.items():
        ids = {a.objectName() for a in menu.actions() if not a.isSeparator()}
        assert ids == {c.id for c in COMMANDS if c.menu == name}
