"""The command line: parse, one service call, render."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Any

import typer

from fgvc_studio import __version__
from fgvc_studio.cli import (
    clusters,
    decisions,
    drift,
    projects,
    prototypes,
    queue,
    spaces,
    system,
    training,
)
from fgvc_studio.cli.common import MisusedError, Verbs
from fgvc_studio.cli.console import Console, nobody_reads, printable
from fgvc_studio.domain.errors import Cancelled, UserError

# typer brings click, under a name that depends on its version.
USAGE_ERROR: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
OK, MENDABLE, USAGE, BUG, CANCELLED = 0, 1, 2, 3, 130
_RIGHTS = "Ask for the right to write there, or choose another place."
WORLDS_FAULTS = {
    errno.ENOSPC: "Free some space; what was finished stays, the same command goes on.",
    errno.EDQUOT: "Free some space; what was finished stays, the same command goes on.",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EISDIR: "Name a file, not a folder.",
    errno.ENOTDIR: "Name a folder, not a file.",
    errno.EIO: "Check the disk and its cable.",
}

app = typer.Typer(
    cls=Verbs,
    name="fgvc-studio",
    help="Name look-alike photos, find unnamed categories, audit the classifier. "
    "Without a verb the window opens. Everywhere: --json, --quiet, --who NAME.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (projects, spaces, decisions, system, training, drift, prototypes, queue):
    app.registered_commands.extend(group.app.registered_commands)
app.add_typer(decisions.tree, name="categories")
app.add_typer(clusters.app, name="clusters")


def hoist(args: list[str]) -> tuple[Console, list[str]]:
    """Take the global options out of `args`, wherever they stand before ``--``."""
    console = Console()
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest.extend([word, *words])
        elif word == "--json":
            console.json = True
        elif word == "--quiet":
            console.quiet = True
        elif word == "--who":
            console.who = next(words, "")
        elif word.startswith("--who="):
            console.who = word.partition("=")[2]
        else:
            rest.append(word)
    return console, rest


def _refusal(error: UserError) -> int:
    """The exit code of what the world refuses."""
    return USAGE if isinstance(error, MisusedError) else MENDABLE


def main(args: list[str] | None = None) -> int:
    """Run a verb; returns the exit code."""
    console, rest = hoist(sys.argv[1:] if args is None else args)
    if rest == ["--version"]:
        console.emit({"version": __version__}, f"fgvc-studio {__version__}")
        return OK
    command = typer.main.get_command(app)
    try:
        if console.who is not None and not (console.who.strip() and console.who.isprintable()):
            raise MisusedError("--who needs a name.", 'Write it as --who "Ada Lovelace".')
        code = command.main(rest, prog_name="fgvc-studio", standalone_mode=False, obj=console)
        return int(code) if isinstance(code, int) else OK
    except UserError as error:
        console.fail(error.what, error.remedy)
        return _refusal(error)
    except (Cancelled, KeyboardInterrupt, typer.Abort):
        console.fail("Stopped.", "What was finished stays; the same command goes on.")
        return CANCELLED
    except USAGE_ERROR as error:
        if console.json:
            console.fail(error.format_message() or "A command is missing.", "See --help.")
        else:
            error.show()
        return USAGE
    except BrokenPipeError:  # of the help, which typer writes
        nobody_reads(sys.stdout)
        return OK
    except OSError as error:
        if error.errno not in WORLDS_FAULTS:
            return _bug(console, error)
        where = f" ({printable(os.fspath(error.filename))})" if error.filename else ""
        console.fail(f"{error.strerror}{where}.", WORLDS_FAULTS[error.errno])
        return MENDABLE
    except Exception as error:  # noqa: BLE001  (the last guard: our bug becomes a report)
        return _bug(console, error)


def _bug(console: Console, error: Exception) -> int:
    """Tell of our own fault, with what its report needs."""
    trace = "".join(traceback.format_exception(error))
    below = "the field report" if console.json else "the text below"
    console.fail(
        f"An error in FGVC Studio: {type(error).__name__}: {error}",
        f"Please report it with {below}.",
        report=trace,
    )
    if not console.json:
        console.warn(trace)
    return BUG
