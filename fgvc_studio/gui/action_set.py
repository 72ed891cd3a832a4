"""The `QAction` of every command: bound to its keys, its handler and its condition."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from fgvc_studio.gui import preferences
from fgvc_studio.gui.actions import BY_ID, COMMANDS, MENUS, Command, menu_title, scopes_meet

_SEPARATOR = " "


class ActionSet(QObject):
    """All actions of one main window.

    `keys_changed` tells that the user bound other keys; `ran` carries the id of a command that
    was just carried out.
    """

    keys_changed = Signal()
    ran = Signal(str)

    def __init__(self, window: QWidget, icon: Callable[[str], QIcon] | None = None) -> None:
        super().__init__(window)
        self._window = window
        self._icon = icon
        self._handlers: dict[str, Callable[[], object]] = {}
        self._conditions: dict[str, Callable[[], bool]] = {"always": lambda: True}
        self._live_scopes = {"window"}
        self._actions: dict[str, QAction] = {c.id: self._make(c) for c in COMMANDS}
        self.refresh()

    def __getitem__(self, command_id: str) -> QAction:
        return self._actions[command_id]

    def connect(self, command_id: str, handler: Callable[[], object]) -> None:  # type: ignore[override]
        """Let `handler` carry out the command; it replaces an earlier one."""
        BY_ID[command_id]
        self._handlers[command_id] = handler
        self.refresh()

    def handled(self) -> set[str]:
        """Commands that somebody carries out at present."""
        return set(self._handlers)

    def disconnect_all(self, handlers_of: set[str]) -> None:
        """Take the handlers of these commands away (their workspace closes)."""
        for command_id in handlers_of:
            self._handlers.pop(command_id, None)
        self.refresh()

    def set_condition(self, name: str, holds: Callable[[], bool]) -> None:
        """Say when commands with ``when=name`` can be used."""
        self._conditions[name] = holds

    def set_scopes(self, *scopes: str) -> None:
        """Say which scopes are live; ``window`` always is."""
        self._live_scopes = {"window", *scopes}
        self.refresh()

    def attach_grid(self, widget: QWidget) -> None:
        """Let the keys of scope ``grid`` act while `widget` or a child has the focus."""
        for command in COMMANDS:
            if command.scope == "grid":
                widget.addAction(self._actions[command.id])

    def refresh(self) -> None:
        """Ask every condition again."""
        held = {name: bool(test()) for name, test in self._conditions.items()}
        for command in COMMANDS:
            self._actions[command.id].setEnabled(
                command.id in self._handlers
                and self.in_reach(command)
                and held.get(command.when, False)
            )

    def in_reach(self, command: Command) -> bool:
        """Whether the page that the command belongs to is in front."""
        scope = "items" if command.scope == "grid" else command.scope
        return scope in self._live_scopes

    def run(self, command_id: str) -> bool:
        """Carry the command out as if its key was pressed; False when it cannot be used now."""
        self.refresh()
        if not self._actions[command_id].isEnabled():
            return False
        self._actions[command_id].trigger()
        return True

    def keys(self, command_id: str) -> list[str]:
        """Keys in use, as portable text such as ``Ctrl+D``."""
        return bound_keys(BY_ID[command_id])

    def key_text(self, command_id: str) -> str:
        """Keys in use as the user's system writes them."""
        native = QKeySequence.SequenceFormat.NativeText
        return "  ".join(QKeySequence(k).toString(native) for k in self.keys(command_id))

    def bind(self, command_id: str, keys: list[str]) -> Command | None:
        """Use `keys` from now on and remember them.

        Returns the command that already has one of them in a scope that meets; nothing is
        changed then.
        """
        wanted = [QKeySequence(k).toString(QKeySequence.SequenceFormat.PortableText) for k in keys]
        rival = rival_of(command_id, wanted)
        if rival:
            return rival
        command = BY_ID[command_id]
        settings = preferences.store()
        if wanted == list(command.keys):
            settings.remove(f"keys/{command_id}")
        else:
            settings.setValue(f"keys/{command_id}", _SEPARATOR.join(wanted) or "none")
        self._apply_keys(command)
        self.keys_changed.emit()
        return None

    def reset_keys(self) -> None:
        """Return to the keys of the table."""
        preferences.store().remove("keys")
        for command in COMMANDS:
            self._apply_keys(command)
        self.keys_changed.emit()

    def fill_menu_bar(self, bar: QMenuBar) -> dict[str, QMenu]:
        """Make the menus; returns them by their English name."""
        menus = {}
        for name in MENUS:
            menu = bar.addMenu(menu_title(name))
            menu.aboutToShow.connect(self.refresh)
            group = 0
            for command in COMMANDS:
                if command.menu != name:
                    continue
                if command.group != group:
                    menu.addSeparator()
                    group = command.group
                menu.addAction(self._actions[command.id])
            menus[name] = menu
        return menus

    def update_icons(self) -> None:
        """Draw the icons anew (the theme changed)."""
        if self._icon:
            for command in COMMANDS:
                if command.icon:
                    self._actions[command.id].setIcon(self._icon(command.icon))

    def _make(self, command: Command) -> QAction:
        action = QAction(command.title, self)
        action.setObjectName(command.id)
        action.setAutoRepeat(command.repeat)
        in_grid = command.scope == "grid"
        action.setShortcutContext(
            Qt.ShortcutContext.WidgetWithChildrenShortcut
            if in_grid
            else Qt.ShortcutContext.WindowShortcut
        )
        action.setMenuRole(QAction.MenuRole.NoRole)
        if command.icon and self._icon:
            action.setIcon(self._icon(command.icon))
        action.triggered.connect(lambda: self._carry_out(command.id))
        if not in_grid:
            self._window.addAction(action)
        self._set_shortcuts(action, bound_keys(command))
        return action

    def _carry_out(self, command_id: str) -> None:
        handler = self._handlers.get(command_id)
        if handler:
            handler()
            self.ran.emit(command_id)

    def _apply_keys(self, command: Command) -> None:
        self._set_shortcuts(self._actions[command.id], bound_keys(command))

    @staticmethod
    def _set_shortcuts(action: QAction, keys: list[str]) -> None:
        sequences = [QKeySequence(k) for k in keys]
        if "Return" in keys:
            sequences.append(QKeySequence("Enter"))
        action.setShortcuts(sequences)


def bound_keys(command: Command) -> list[str]:
    """The keys of `command`: those that the user chose, else those of the table."""
    chosen = preferences.text(f"keys/{command.id}")
    if not chosen:
        return list(command.keys)
    return [] if chosen == "none" else chosen.split(_SEPARATOR)


def rival_of(command_id: str, keys: list[str]) -> Command | None:
    """Another command that has one of `keys` where both could be live."""
    scope = BY_ID[command_id].scope
    for other in COMMANDS:
        clash = other.id != command_id and scopes_meet(scope, other.scope)
        if clash and set(keys) & set(bound_keys(other)):
            return other
    return None
