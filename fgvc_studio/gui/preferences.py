"""What the program remembers of a person and a machine, outside any project (QSettings)."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from PySide6.QtCore import QSettings

from fgvc_studio.services import settings

ORGANISATION = "fgvc-studio"
APPLICATION = "studio"
_RECENT_MAX = 12


def store() -> QSettings:
    """The settings file of this user; an organisation of our own, so nothing else is touched."""
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, ORGANISATION, APPLICATION
    )


def text(key: str, default: str = "") -> str:
    """One remembered text."""
    return str(store().value(key, default))


def flag(key: str, default: bool = False) -> bool:
    """One remembered yes or no."""
    return text(key, "true" if default else "false") == "true"


def remember(key: str, value: str | int | bool) -> None:
    """Remember `value` from now on."""
    store().setValue(key, ("true" if value else "false") if isinstance(value, bool) else value)


def who() -> str:
    """The name that goes on labels: the one from Settings, else the login name."""
    return settings.default_who()


def machine() -> settings.AppSettings:
    """What the command line uses as well: person, colours, cores, device, cache."""
    return settings.load()


def set_machine(known: settings.AppSettings) -> None:
    """Remember what the command line uses as well."""
    settings.save(known)


def login() -> str:
    """The name of who is logged in."""
    return settings.login()


def text_scale() -> float:
    """Size of the window's text; 1 is as designed."""
    return min(2.0, max(0.8, settings.load().text_size / 100))


def threads() -> int:
    """Cores that the user allows for jobs; 0 means all but one."""
    return settings.load().threads


def theme() -> str:
    """``system``, ``light`` or ``dark``."""
    choice = settings.load().theme
    return choice if choice in ("light", "dark") else "system"


def set_theme(choice: str) -> None:
    """Use this theme from now on."""
    known = settings.load()
    known.theme = choice
    settings.save(known)


def cores_for_jobs() -> int:
    """Threads that jobs may use while the window is open; one core stays free for the window."""
    cores = os.cpu_count() or 2
    return min(threads(), cores) if threads() > 0 else max(1, cores - 1)


@dataclass(frozen=True, slots=True)
class RecentProject:
    """A project as the first screen shows it.

    Attributes
    ----------
    opened : float
        Unix seconds of the last opening.
    picture : str
        File with a small picture made of its first photos; may be gone.
    """

    path: str
    name: str
    images: int = 0
    labelled: int = 0
    opened: float = 0.0
    picture: str = ""

    @property
    def exists(self) -> bool:
        """Whether the folder is still a project."""
        return (Path(self.path) / "project.toml").is_file()


def recent() -> list[RecentProject]:
    """Projects in order of last use, newest first."""
    try:
        rows = [RecentProject(**row) for row in json.loads(text("recent/projects", "[]"))]
    except (ValueError, TypeError):
        rows = []
    known = {row.path for row in rows}
    others = [p for p in settings.load().recent if p not in known]
    return rows + [RecentProject(p, Path(p).stem) for p in others]


def add_recent(project: RecentProject) -> None:
    """Put `project` first in the list."""
    rows = [row for row in recent() if row.path != project.path]
    rows.insert(0, project if project.opened else _opened_now(project))
    _write_recent(rows)


def forget_recent(path: str) -> None:
    """Drop `path` from the list; the project itself is not touched."""
    settings.forget_project(path)
    _write_recent([row for row in recent() if row.path != path])


def _opened_now(project: RecentProject) -> RecentProject:
    return RecentProject(**{**asdict(project), "opened": time.time()})


def _write_recent(rows: list[RecentProject]) -> None:
    remember("recent/projects", json.dumps([asdict(row) for row in rows[:_RECENT_MAX]]))
