"""Every command of the window, one row each: words, keys, where it acts, and its verb in the CLI.

Menus, buttons, the command palette and the key sheet are all made from this table. `scope` says
where the keys act: ``window`` everywhere in the main window, ``items`` where items are shown,
``grid`` only while the grid has the focus (keys that buttons and fields need themselves),
``clusters``, ``known`` and ``grow`` on the pages of Discover, ``prototypes`` in that workspace.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

CONTEXT = "actions"
_ = QT_TRANSLATE_NOOP  # marks a text for the translators; `Command.title` translates it

LOOKING = "looking changes nothing in the project"
WINDOW = "concerns the window, not the project"
JUDGED = "a judgement made while looking at the photo"
SCOPES = ("window", "items", "grid", "clusters", "known", "grow", "prototypes")
_INSIDE = {"grid": "items"} | dict.fromkeys(
    ("items", "clusters", "known", "grow", "prototypes"), "window"
)


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table.

    Attributes
    ----------
    menu : str
        One of `MENUS`; empty: in no menu.
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
    _row("project.saved", _("actions", "Is everything saved?"), "Ctrl+S", icon="check",
         gui="every decision is saved at once", when="project", menu="File", group=1),
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
    _row("go.discover", _("actions", "Discover"), "Alt+2", icon="discover", cli="clusters",
         when="project", menu="View"),
    _row("go.prototypes", _("actions", "Prototypes"), "Alt+3", icon="prototypes",
          cli="prototypes list", when="project", menu="View"),
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
    _row("view.explain", _("actions", "Explain by prototypes"), "E", icon="prototypes",
         gui=LOOKING, when="explaining", menu="View", group=2),
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

_PROTOTYPES = (
    _row("proto.keep", _("actions", "Keep: a part that tells"), "K", scope="prototypes",
         icon="check", cli="prototypes verdict", when="judging", menu="Prototypes"),
    _row("proto.background", _("actions", "Background"), "B", scope="prototypes",
         icon="background", cli="prototypes verdict", when="judging", menu="Prototypes"),
    _row("proto.duplicate", _("actions", "Duplicate of a sister"), "D", scope="prototypes",
         icon="duplicate", cli="prototypes verdict", when="judging", menu="Prototypes"),
    _row("proto.wrong_part", _("actions", "Wrong part"), "W", scope="prototypes",
         icon="wrong-part", cli="prototypes verdict", when="judging", menu="Prototypes"),
    _row("proto.unsure", _("actions", "Unsure"), "U", scope="prototypes", icon="uncertain",
         cli="prototypes verdict", when="judging", menu="Prototypes"),
    _row("proto.clear", _("actions", "Take the verdict away"), "Backspace", scope="prototypes",
         icon="unlabel", cli="prototypes verdict", when="judging", menu="Prototypes"),
    _row("proto.note", _("actions", "Write a note"), "C", scope="prototypes", icon="label",
         cli="prototypes verdict", when="judging", menu="Prototypes"),
    _row("proto.try", _("actions", "Try without it, or with it again"), "X", scope="prototypes",
         icon="forbid", cli="prototypes effects", when="prototype", menu="Prototypes", group=1),
    _row("proto.forbid", _("actions", "Keep what is tried..."), "Shift+X", scope="prototypes",
         icon="forbid", cli="prototypes forbid", when="trying", menu="Prototypes", group=1),
    _row("proto.put_back", _("actions", "Put back what is tried"), "P", scope="prototypes",
         icon="undo", gui="what is tried is not written anywhere", when="trial",
         menu="Prototypes", group=1),
    _row("proto.reselect", _("actions", "Choose another patch..."), "R", scope="prototypes",
         icon="repeat", gui="a patch is chosen by looking at it", when="judging_one",
         menu="Prototypes", group=1),
    _row("proto.next", _("actions", "Next without a verdict"), "N", scope="prototypes",
         icon="next", gui=LOOKING, when="prototype", menu="Prototypes", group=2, repeat=True),
    _row("proto.previous", _("actions", "Previous without a verdict"), "Shift+N",
         scope="prototypes", icon="previous", gui=LOOKING, when="prototype",
         menu="Prototypes", group=2, repeat=True),
    _row("proto.heat", _("actions", "Switch the heat map"), "H", scope="prototypes", icon="image",
         gui=LOOKING, when="prototype", menu="Prototypes", group=2),
    _row("proto.close_up", _("actions", "Close-ups or whole photos"), "Z", scope="prototypes",
         icon="zoom-in", gui=LOOKING, when="classifier", menu="Prototypes", group=2),
    _row("proto.locate", _("actions", "Show its photos in Browse"), "L", scope="prototypes",
         icon="browse", gui=LOOKING, when="prototype", menu="Prototypes", group=2),
    *(
        _row(f"proto.page{i}", text, f"Ctrl+{i}", scope="prototypes", gui=LOOKING,
             when="classifier", menu="Prototypes", group=3)
        for i, text in enumerate((
            _("actions", "Gallery of prototypes"), _("actions", "What changes"),
            _("actions", "Explain a photo"), _("actions", "Two categories"),
            _("actions", "Second opinion"),
        ), 1)
    ),
    _row("proto.train", _("actions", "Train a classifier..."), icon="train",
         cli="train st-protopnet", when="trainable", menu="Prototypes", group=4),
    _row("proto.refit", _("actions", "Refit the last layer"), gui="a step of the audit",
         when="mending", menu="Prototypes", group=4),
    _row("proto.fine_tune", _("actions", "Fine-tune by the verdicts"), gui="a step of the audit",
         when="mending", menu="Prototypes", group=4),
    _row("proto.reproject", _("actions", "Look for new patches"), gui="a step of the audit",
         when="mending", menu="Prototypes", group=4),
    _row("proto.compare", _("actions", "Compare the models..."), icon="compare",
         cli="runs compare", when="models", menu="Prototypes", group=4),
    _row("proto.suggest", _("actions", "Suggest names for unlabelled photos"), icon="model",
         cli="label --suggest", when="mending", menu="Prototypes", group=5),
    _row("proto.plate", _("actions", "Identification plate..."), icon="image",
         cli="prototypes report", when="classifier", menu="Prototypes", group=6),
    _row("proto.report", _("actions", "Export the audit report..."), icon="export",
         cli="prototypes report", when="classifier", menu="Prototypes", group=6),
)  # fmt: skip

_CLUSTERS = (
    _row("clusters.find", _("actions", "Find groups nobody has named..."), "Ctrl+G",
         icon="discover", cli="clusters", when="writable", menu="Clusters"),
    _row("clusters.compare", _("actions", "Discoveries beside each other..."), icon="compare",
         cli="clusters compare", when="project", menu="Clusters"),
    _row("clusters.known", _("actions", "Probably known items..."), icon="tag", cli="clusters",
         when="project", menu="Clusters"),
    _row("clusters.place", _("actions", "Place what is left..."), icon="label", cli="label",
         when="project", menu="Clusters"),
    _row("cluster.accept", _("actions", "Accept and name..."), "A", scope="clusters",
         icon="check", cli="clusters", when="deciding_cluster", menu="Clusters", group=1),
    _row("cluster.accept_as_is", _("actions", "Accept under the proposed name"), "Shift+A",
         scope="clusters", cli="clusters", when="deciding_cluster", menu="Clusters", group=1),
    _row("cluster.known", _("actions", "Send to a known category..."), "I", scope="clusters",
         icon="label", cli="clusters", when="deciding_cluster", menu="Clusters", group=1),
    _row("cluster.nearest", _("actions", "Send to the nearest known category"), "K",
         scope="clusters", icon="tag", cli="clusters", when="deciding_cluster", menu="Clusters",
         group=1),
    _row("cluster.reject", _("actions", "Reject the cluster"), "Del", scope="clusters",
         icon="close", cli="clusters", when="deciding_cluster", menu="Clusters", group=1),
    _row("cluster.undecided", _("actions", "Put off the cluster"), "U", scope="clusters",
         icon="uncertain", cli="clusters", when="deciding_cluster", menu="Clusters", group=1),
    _row("cluster.strike", _("actions", "Strike the selected out of the cluster"), "X",
         scope="clusters", icon="reject", cli="clusters", when="deciding_cluster",
         menu="Clusters", group=2),
    _row("cluster.rename", _("actions", "Rename the cluster..."), "F2", scope="clusters",
         cli="clusters", when="deciding_cluster", menu="Clusters", group=2),
    _row("cluster.merge", _("actions", "Merge..."), "M", scope="clusters", icon="cluster",
         cli="clusters", when="deciding_cluster", menu="Clusters", group=2),
    _row("cluster.split", _("actions", "Split..."), "Shift+M", scope="clusters", icon="split",
         cli="clusters", when="deciding_cluster", menu="Clusters", group=2),
    _row("cluster.flag", _("actions", "Flag the ticked members"), "F", scope="clusters",
         icon="flag", gui=JUDGED, when="deciding_cluster", menu="Clusters", group=2),
    _row("cluster.check", _("actions", "Spot check..."), "C", scope="clusters", icon="reviewed",
         gui=JUDGED, when="deciding_cluster", menu="Clusters", group=3),
    _row("cluster.grow", _("actions", "Grow and audit..."), "G", scope="clusters", icon="plus",
         cli="clusters", when="deciding_cluster", menu="Clusters", group=3),
    _row("grow.selection", _("actions", "Grow and audit the selection..."), "Ctrl+Shift+G",
         cli="clusters", when="growable", menu="Clusters", group=3),
    _row("cluster.next", _("actions", "Next cluster to review"), "N", scope="clusters",
         icon="next", gui=LOOKING, when="cluster", menu="Clusters", group=4, repeat=True),
    _row("cluster.previous", _("actions", "Previous cluster to review"), "Shift+N",
         scope="clusters", icon="previous", gui=LOOKING, when="cluster", menu="Clusters", group=4,
         repeat=True),
    _row("cluster.members", _("actions", "All members, or the overview"), "W", scope="clusters",
         icon="grid", gui=LOOKING, when="cluster", menu="Clusters", group=4),
    _row("cluster.locate", _("actions", "Show the cluster on the map"), "L", scope="clusters",
         icon="locate", gui=LOOKING, when="cluster", menu="Clusters", group=4),
    _row("cluster.compare", _("actions", "Compare side by side"), "V", scope="clusters",
         icon="compare", gui=LOOKING, when="cluster", menu="Clusters", group=4),
    _row("cluster.browse", _("actions", "Show the members in Browse"), scope="clusters",
         icon="browse", gui=LOOKING, when="cluster", menu="Clusters", group=4),
    _row("cluster.escape", _("actions", "Leave the split, merge or check"), "Esc",
         scope="clusters", gui=LOOKING, when="project"),
    _row("known.accept", _("actions", "They are of that category"), "A", scope="known",
         icon="check", cli="clusters", when="writable"),
    _row("known.reject", _("actions", "They are not"), "X", scope="known", icon="reject",
         cli="clusters", when="writable"),
    _row("known.leave", _("actions", "Back to the clusters"), "Esc", scope="known", gui=LOOKING,
         when="project"),
    _row("grow.match", _("actions", "All match"), "F", scope="grow", icon="check",
         cli="clusters", when="growing"),
    _row("grow.not", _("actions", "Some do not"), "J", scope="grow", icon="minus",
         cli="clusters", when="growing"),
    _row("grow.strike", _("actions", "Strike out the ticked"), "X", scope="grow", icon="reject",
         cli="clusters", when="project"),
    _row("grow.leave", _("actions", "Leave without writing"), "Esc", scope="grow", gui=LOOKING,
         when="project"),
)  # fmt: skip

_HELP = (
    _row("app.palette", _("actions", "Command palette..."), "Ctrl+K", icon="search", gui=WINDOW,
         menu="Help"),
    _row("app.keys", _("actions", "Keys..."), "?", icon="keyboard", gui=WINDOW, menu="Help"),
    _row("app.help", _("actions", "Guide to this page"), "F1", icon="help", gui=WINDOW,
         menu="Help"),
    _row("app.tour", _("actions", "Show me around"), icon="play", gui=WINDOW, when="project",
         menu="Help"),
    _row("app.essentials", _("actions", "The essentials on one page"), gui=WINDOW, menu="Help"),
    _row("app.jobs", _("actions", "Jobs"), "Ctrl+J", icon="jobs", gui=WINDOW, when="project",
         menu="Help", group=1),
    _row("app.doctor", _("actions", "Is everything all right?"), icon="info", cli="doctor",
         menu="Help", group=1),
    _row("toast.act", _("actions", "Use the button of the newest message"), "Ctrl+Return",
         gui=WINDOW, when="project"),
    _row("app.about", _("actions", "About and licences"), gui=WINDOW, menu="Help", group=2),
)  # fmt: skip

COMMANDS: tuple[Command, ...] = (
    *_FILE, *_EDIT, *_LABEL, *_VIEW, *_CLUSTERS, *_PROTOTYPES, *_HELP,
)  # fmt: skip
BY_ID: dict[str, Command] = {command.id: command for command in COMMANDS}
MENUS = ("File", "Edit", "Label", "View", "Clusters", "Prototypes", "Help")


def menu_title(menu: str) -> str:
    """The heading of a menu in the user's language, with its mnemonic."""
    words = {
        "File": QCoreApplication.translate(CONTEXT, "&File"),
        "Edit": QCoreApplication.translate(CONTEXT, "&Edit"),
        "Label": QCoreApplication.translate(CONTEXT, "&Label"),
        "View": QCoreApplication.translate(CONTEXT, "&View"),
        "Clusters": QCoreApplication.translate(CONTEXT, "&Clusters"),
        "Prototypes": QCoreApplication.translate(CONTEXT, "&Prototypes"),
        "Help": QCoreApplication.translate(CONTEXT, "&Help"),
    }
    return words[menu]


def scopes_meet(one: str, other: str) -> bool:
    """Whether keys of both scopes can be live at the same time: one must lie within the other."""
    return other in _around(one) or one in _around(other)


def _around(scope: str) -> set[str]:
    found = {scope}
    while scope in _INSIDE:
        scope = _INSIDE[scope]
        found.add(scope)
    return found
