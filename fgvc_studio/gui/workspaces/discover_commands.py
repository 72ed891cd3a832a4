"""The commands of Discover: their handlers, their conditions, and the menu of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QWidget

from fgvc_studio.gui.action_set import ActionSet
from fgvc_studio.gui.workspaces.base import Context

if TYPE_CHECKING:
    from fgvc_studio.gui.workspaces.discover import DiscoverWorkspace

_MENU = (
    "accept", "accept_as_is", "known", "nearest", "", "merge", "split", "rename", "",
    "undecided", "reject", "", "check", "grow", "locate", "browse",
)  # fmt: skip


def cluster_menu(parent: QWidget, actions: ActionSet) -> QMenu:
    """The context menu of the table."""
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    for command in _MENU:
        if command:
            menu.addAction(actions[f"cluster.{command}"])
        else:
            menu.addSeparator()
    return menu


def connect_commands(page: DiscoverWorkspace, context: Context) -> None:
    """Let the page carry out its commands, and say when they can be used."""
    actions, control, modes = context.actions, page.control, page.modes
    table = {
        "clusters.find": lambda: (actions.run("go.discover"), page.find_groups()),
        "clusters.known": lambda: (actions.run("go.discover"), page.queues.show_known()),
        "clusters.place": lambda: (actions.run("go.discover"), page.queues.place()),
        "clusters.compare": lambda: (actions.run("go.discover"), page.comparing.show()),
        "cluster.accept": control.accept,
        "cluster.accept_as_is": control.accept_as_is,
        "cluster.known": control.identify,
        "cluster.nearest": control.nearest,
        "cluster.reject": control.reject,
        "cluster.undecided": control.undecided,
        "cluster.strike": control.strike,
        "cluster.rename": control.rename,
        "cluster.merge": lambda: modes.merge(page.table.chosen()),
        "cluster.split": modes.split,
        "cluster.flag": control.flag,
        "cluster.check": modes.check,
        "cluster.grow": lambda: page.grow(cluster=page.desk.current),
        "grow.selection": lambda: context.grow(items=context.selection.ids),
        "cluster.next": lambda: page.step(1),
        "cluster.previous": lambda: page.step(-1),
        "cluster.members": page.header.everything.toggle,
        "cluster.locate": lambda: page.maps.go_to(page.desk.members),
        "cluster.compare": page.compare,
        "cluster.browse": page.show_in_browse,
        "cluster.escape": page.escape,
        "known.accept": page.queue.accept,
        "known.reject": page.queue.reject,
        "known.leave": page.queues.leave,
        "grow.match": page.growing.all_match,
        "grow.not": page.growing.some_do_not,
        "grow.strike": page.growing.strike,
        "grow.leave": page.growing.leave,
    }
    for command, handler in table.items():
        actions.connect(command, handler)
    writable = not context.studio.store.read_only
    actions.set_condition("cluster", lambda: page.desk.current > 0)
    actions.set_condition("deciding_cluster", lambda: writable and page.desk.current > 0)
    actions.set_condition("growing", lambda: writable and page.growing.growing)
    actions.set_condition("growable", lambda: writable and len(context.selection) > 0)
