"""Settings of the program on this machine: who works here and the recent projects."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path

import msgspec
import platformdirs

from fgvc_studio.domain import orcid

APP = "fgvc-studio"
RECENT = 12


class AppSettings(msgspec.Struct, kw_only=True):
    """What survives between sessions; stored as JSON in the user's configuration folder.

    Attributes
    ----------
    who : str
        Name put on decisions; empty means the login name.
    orcid : str
        The expert's ORCID; it stands behind the name on every decision.
    text_size : int
        Size of the window's text in per cent.
    threads : int
        Threads for embedding and training; 0 means cores - 1 in the window, all in the CLI.
    device : str
        ``auto`` uses a graphics processor where there is one, ``cpu`` never does.
    cache : str
        Folder for what can be made again (thumbnails, views); empty: inside each project.
    recent : list of str
        Project folders, newest first.
    """

    who: str = ""
    orcid: str = ""
    theme: str = "system"
    text_size: int = 100
    threads: int = 0
    device: str = "auto"
    cache: str = ""
    recent: list[str] = msgspec.field(default_factory=list)


def config_path() -> Path:
    """Where the settings live; ``FGVC_STUDIO_CONFIG`` names another folder."""
    folder = os.environ.get("FGVC_STUDIO_CONFIG") or platformdirs.user_config_dir(APP)
    return Path(folder) / "settings.json"


def load() -> AppSettings:
    """Read the settings; unreadable ones are taken as fresh."""
    try:
        return msgspec.json.decode(config_path().read_bytes(), type=AppSettings)
    except (OSError, msgspec.DecodeError):
        return AppSettings()


def save(settings: AppSettings) -> None:
    """Write the settings through a temporary file; a read-only home is no error."""
    path = config_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(msgspec.to_builtins(settings), indent=2), "utf-8")
        temporary.replace(path)
    except OSError:
        return


def remember_project(path: Path) -> None:
    """Put a project first among the recent ones."""
    settings = load()
    text = str(path.resolve())
    settings.recent = [text, *(p for p in settings.recent if p != text)][:RECENT]
    save(settings)


def forget_project(path: str) -> None:
    """Take a project off the recent ones."""
    settings = load()
    settings.recent = [p for p in settings.recent if p != path]
    save(settings)


def default_who() -> str:
    """The name for decisions: settings, then login; with the ORCID when one is given."""
    known = load()
    return orcid.signature(known.who.strip() or login(), known.orcid)


def cache_folder() -> Path | None:
    """Where caches of projects are to lie; None for inside each project."""
    chosen = load().cache.strip()
    return Path(chosen) if chosen else None


def login() -> str:
    """The name under which this person logged in."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
