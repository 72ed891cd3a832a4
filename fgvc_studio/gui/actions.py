"""Every command of the window, one row each: words, keys, where it acts, and its verb in the CLI.

Menus, buttons, the command palette and the key sheet are all made from this table. `scope` says
where the keys act: ``window`` everywhere in the main window, ``items`` where items are shown,
``grid`` only while the grid has the focus (keys that buttons and fields need themselves).
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

CONTEXT = "actions"
_ = QT_TRANSLATE_NOOP  # marks a text for the translators; `Command.title` translates it

LOOKING = "looking changes nothing in the project"
WINDOW = "concerns the window, not the project"
JUDGED = "a judgement made while looking at the photo"
SCOPES = ("window", "items", "grid")


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table.

    Attributes
    ----------
    menu : str
        ``File``, ``Edit``, ``Label``, ``View``, ``Help``; empty: in no menu.
    when : str
        Name of the condition under which it can be used (see `ActionSet.set_condition`).
    cli : str
        Verb of the command line that does the same; else `gui_only` gives the reason.
    group : int
        Commands of one menu with different groups are separated by a line.
    """

    id: str
    text: str
    keys: tuple[str, ...] = ()
    scope: str = "window"
    icon: str = ""
    cli: str = ""
    gui_only: str = ""
    when: str = "always"
    menu: str = ""
    group: int = 0
    repeat: bool = False

    @property
    def title(self) -> str:
        """The words in the user's language."""
        return QCoreApplication.translate(CONTEXT, self.text)


def _row(
    command_id: str, text: object, keys: str = "", *, gui: str = "", **more: object
) -> Command:
    return Command(command_id, str(text), tuple(keys.split()), gui_only=gui, **more)  # type: ignore[arg-type]


_FILE = (
    _row("project.new", _("actions", "New project from a folder..."), "Ctrl+N",
         icon="open-folder", cli="new", menu="File"),
    _row("project.open", _("actions", "Open project..."), "Ctrl+O", icon="project",
         gui="the command line names the project in each call", menu="File"),
    _row("project.sample", _("actions", "Open sample project"), icon="sample", cli="demo",
         menu="File"),
    _row("project.add", _("actions", "Add images..."), "Ctrl+Shift+O", icon="plus", cli="add",
         when="writable", menu="File", group=1),
    _row("project.export", _("actions", "Export..."), "Ctrl+E", icon="export", cli="export",
         when="project", menu="File", group=1),
    _row("project.close", _("actions", "Close project"), "Ctrl+W", icon="close", gui=WINDOW,
         when="project", menu="File", group=2),
    _row("app.settings", _("actions", "Settings..."), "Ctrl+,", icon="settings", gui=WINDOW,
         menu="File", group=3),
    _row("app.quit", _("actions", "Quit"), "Ctrl+Q", gui=WINDOW, menu="File", group=3),
)  # fmt: skip

_EDIT = (
    _row("edit.undo", _("actions", "Undo"), "Ctrl+Z", icon="undo", cli="undo", when="undo",
         menu="Edit", repeat=True),
    _row("edit.redo", _("actions", "Redo"), "Ctrl+Shift+Z Ctrl+Y", icon="redo", cli="redo",
         when="redo", menu="Edit", repeat=True),
    _row("select.all", _("actions", "Select all shown"), "Ctrl+A", gui=LOOKING, scope="items",
         when="items", menu="Edit", group=1),
    _row("select.none", _("actions", "Select none"), "Ctrl+Shift+A", gui=LOOKING, scope="items",
         when="items", menu="Edit", group=1),
    _row("select.invert", _("actions", "Invert selection"), "Ctrl+I", gui=LOOKING, scope="items",
         when="items", menu="Edit", group=1),
    _row("select.tick", _("actions", "Tick or untick"), "Space", gui=LOOKING, scope="grid",
         when="items", menu="Edit", group=1),
    _row("filter.find", _("actions", "Find and filter"), "Ctrl+F", icon="search", gui=LOOKING,
         when="items", menu="Edit", group=2),
    _row("view.escape", _("actions", "Clear the selection, then the filter"), "Esc",
         scope="grid", gui=LOOKING, when="items", menu="Edit", group=2),
)  # fmt: skip

_LABEL = (
    _row("label.identify", _("actions", "Identify..."), "I", scope="items", icon="label",
         cli="label", when="deciding", menu="Label"),
    _row("label.accept", _("actions", "Accept the suggestion shown"), "A", scope="items",
         icon="check", cli="label", when="deciding", menu="Label"),
    _row("label.suggestions", _("actions", "Accept suggestions in bulk..."), icon="model",
         cli="suggest", when="space", menu="Label"),
    _row("label.repeat", _("actions", "Repeat the last label"), "Ctrl+D .", scope="items",
         icon="repeat", cli="label", when="deciding", menu="Label"),
    _row("label.remove", _("actions", "Remove the label"), "Del", scope="grid", icon="unlabel",
         cli="unlabel", when="deciding", menu="Label"),
    _row("label.uncertain", _("actions", "Uncertain (cf.)"), "U", scope="items", icon="uncertain",
         gui=JUDGED, when="deciding", menu="Label", group=1),
    _row("label.not_this", _("actions", "Not this category"), "X", scope="items", icon="reject",
         gui=JUDGED, when="deciding", menu="Label", group=1),
    _row("label.reviewed", _("actions", "Reviewed"), "R", scope="items", icon="reviewed",
         gui=JUDGED, when="deciding", menu="Label", group=1),
    _row("label.flag", _("actions", "Flag for a second opinion"), "F", scope="items", icon="flag",
         gui=JUDGED, when="deciding", menu="Label", group=1),
    *(
        _row(f"label.favourite{i}", _("actions", f"Label as favourite {i}"), str(i),
             scope="items", cli="label", when="deciding")
        for i in range(1, 10)
    ),
    _row("categories.add", _("actions", "Add category..."), "Ctrl+Shift+N", icon="tree",
         cli="categories", when="writable", menu="Label", group=2),
)  # fmt: skip

_VIEW = (
    _row("go.browse", _("actions", "Browse"), "Alt+1", icon="browse", gui=LOOKING, when="project",
         menu="View"),
    _row("go.train", _("actions", "Train"), "Alt+4", icon="train", cli="train", when="project",
         menu="View"),
    _row("go.history", _("actions", "History"), "Alt+5", icon="history", cli="history",
         when="project", menu="View"),
    _row("view.grid", _("actions", "Grid only"), "Ctrl+1", icon="grid", gui=LOOKING,
         scope="items", when="items", menu="View", group=1),
    _row("view.map", _("actions", "Map only"), "Ctrl+2", icon="map", gui=LOOKING, scope="items",
         when="items", menu="View", group=1),
    _row("view.both", _("actions", "Grid and map"), "Ctrl+3", icon="split", gui=LOOKING,
         scope="items", when="items", menu="View", group=1),
    _row("view.similar", _("actions", "Similar to this"), "S", scope="items", icon="similar",
         cli="similar", when="acting", menu="View", group=2),
    _row("view.compare", _("actions", "Compare side by side"), "V", scope="items", icon="compare",
         gui=LOOKING, when="acting", menu="View", group=2),
    _row("view.gather", _("actions", "Show only the selection"), "G", scope="items", icon="filter",
         gui=LOOKING, when="items", menu="View", group=2),
    _row("view.locate", _("actions", "Locate in the map"), "L", scope="items", icon="locate",
         gui=LOOKING, when="acting", menu="View", group=2),
    _row("view.zoom", _("actions", "Zoom the photo"), "Z", scope="items", icon="zoom-in",
         gui=LOOKING, when="acting", menu="View", group=2),
    _row("view.open", _("actions", "Open the photo"), "Return", scope="grid", icon="image",
         gui=LOOKING, when="acting", menu="View", group=2),
    _row("view.next", _("actions", "Next unreviewed"), "N", scope="items", icon="next",
         gui=LOOKING, when="items", menu="View", group=3, repeat=True),
    _row("view.previous", _("actions", "Previous unreviewed"), "Shift+N", scope="items",
         icon="previous", gui=LOOKING, when="items", menu="View", group=3, repeat=True),
    _row("view.back", _("actions", "Back to the view before"), "Alt+Left", scope="items",
         icon="back", gui=LOOKING, when="back", menu="View", group=3),
    _row("view.forward", _("actions", "Forward again"), "Alt+Right", scope="items",
         icon="forward", gui=LOOKING, when="forward", menu="View", group=3),
    _row("space.embed", _("actions", "Embed the images"), "Ctrl+Shift+E", icon="embed",
         cli="embed", when="writable", menu="View", group=4),
    _row("space.map", _("actions", "Draw the map anew"), icon="map", cli="map", when="space",
         menu="View", group=4),
    _row("train.new", _("actions", "New training..."), "Ctrl+Shift+T", icon="train", cli="train",
         when="project", menu="View", group=4),
    _row("view.theme", _("actions", "Switch between light and dark"), icon="dark", gui=WINDOW,
         menu="View", group=5),
    _row("view.full_screen", _("actions", "Full screen"), "F11", gui=WINDOW, menu="View",
         group=5),
)  # fmt: skip

_HELP = (
    _row("app.palette", _("actions", "Command palette..."), "Ctrl+K", icon="search", gui=WINDOW,
         menu="Help"),
    _row("app.keys", _("actions", "Keys..."), "?", icon="keyboard", gui=WINDOW, menu="Help"),
    _row("app.help", _("actions", "How to work here"), "F1", icon="help", gui=WINDOW,
         menu="Help"),
    _row("app.jobs", _("actions", "Jobs"), "Ctrl+J", icon="jobs", gui=WINDOW, when="project",
         menu="Help", group=1),
    _row("toast.act", _("actions", "Use the button of the newest message"), "Ctrl+Return",
         gui=WINDOW, when="project"),
    _row("app.about", _("actions", "About and licences"), gui=WINDOW, menu="Help", group=2),
)  # fmt: skip

COMMANDS: tuple[Command, ...] = (*_FILE, *_EDIT, *_LABEL, *_VIEW, *_HELP)
BY_ID: dict[str, Command] = {command.id: command for command in COMMANDS}
MENUS = ("File", "Edit", "Label", "View", "Help")


def menu_title(menu: str) -> str:
    """The heading of a menu in the user's language, with its mnemonic."""
    words = {
        "File": QCoreApplication.translate(CONTEXT, "&File"),
        "Edit": QCoreApplication.translate(CONTEXT, "&Edit"),
        "Label": QCoreApplication.translate(CONTEXT, "&Label"),
        "View": QCoreApplication.translate(CONTEXT, "&View"),
        "Help": QCoreApplication.translate(CONTEXT, "&Help"),
    }
    return words[menu]


def scopes_meet(one: str, other: str) -> bool:
    """Whether keys of both scopes can be live at the same time.

    All three nest (grid in items in window), so today any two meet; a workspace that has keys of
    its own gets a scope that meets only ``window``.
    """
    return one in SCOPES and other in SCOPES
