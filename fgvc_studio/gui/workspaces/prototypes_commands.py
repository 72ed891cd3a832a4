"""Connects the commands of the prototype workspace and says when each can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fgvc_studio.gui.widgets.verdict_panel import COMMANDS

if TYPE_CHECKING:
    from fgvc_studio.gui.workspaces.prototypes import PrototypesWorkspace

PAGES = 5


def connect_commands(page: PrototypesWorkspace) -> None:
    """Let the workspace carry out its commands."""
    actions, acts, state, dialogs = page.context.actions, page.acts, page.state, page.dialogs
    table = {
        **{c: lambda v=v: acts.judge(v) for v, c in COMMANDS.items()},
        "proto.clear": lambda: acts.judge(None),
        "proto.note": page.detail.verdicts.write_note,
        "proto.try": page.try_without,
        "proto.forbid": acts.want_reason,
        "proto.put_back": state.put_back,
        "proto.reselect": dialogs.reselect,
        "proto.next": lambda: page.go_open(1),
        "proto.previous": lambda: page.go_open(-1),
        "proto.heat": page.detail.next_heat,
        "proto.close_up": page.close_ups,
        "proto.locate": page.locate,
        "proto.train": page.train,
        "proto.refit": acts.refit,
        "proto.fine_tune": acts.fine_tune,
        "proto.reproject": acts.reproject,
        "proto.compare": dialogs.compare,
        "proto.suggest": acts.suggest,
        "proto.plate": dialogs.plate,
        "proto.report": acts.report,
        "view.explain": page.explain_current,
        **{f"proto.page{i + 1}": lambda i=i: page.show_page(i) for i in range(PAGES)},
    }
    for command, handler in table.items():
        actions.connect(command, handler)
    writable = not page.context.studio.store.read_only

    def chosen() -> bool:
        return len(state.acting) > 0

    conditions = {
        "classifier": lambda: state.book is not None,
        "models": lambda: len(state.models) > 1,
        "mending": lambda: writable and state.book is not None,
        "trainable": lambda: page.progress.trainable,
        "prototype": chosen,
        "judging": lambda: writable and chosen(),
        "judging_one": lambda: writable and state.current is not None,
        "trial": lambda: bool(state.tried),
        "trying": lambda: writable and bool(state.tried),
        "explaining": lambda: bool(state.run) and page.current_item() > 0,
    }
    for name, holds in conditions.items():
        actions.set_condition(name, holds)
