"""The command line: parse, one service call, render."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer

from fgvc_studio import __version__
from fgvc_studio.cli import clusters, decisions, drift, projects, spaces, system, training
from fgvc_studio.cli.console import Console
from fgvc_studio.domain.errors import Cancelled, UserError

# typer brings click, under a name that depends on its version.
USAGE_ERROR: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
OK, MENDABLE, USAGE, BUG, CANCELLED = 0, 1, 2, 3, 130

app = typer.Typer(
    name="fgvc-studio",
    help="Name look-alike photos, find unnamed classes, audit the classifier. "
    "Without a verb the window opens. Everywhere: --json, --quiet, --who NAME.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (projects, spaces, decisions, system, training, drift):
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
            console.who = next(words, None)
        elif word.startswith("--who="):
            console.who = word.partition("=")[2]
        else:
            rest.append(word)
    return console, rest


def main(args: list[str] | None = None) -> int:
    """Run a verb; returns the exit code."""
    console, rest = hoist(sys.argv[1:] if args is None else args)
    if rest == ["--version"]:
        console.emit({"version": __version__}, f"fgvc-studio {__version__}")
        return OK
    command = typer.main.get_command(app)
    try:
        code = command.main(rest, prog_name="fgvc-studio", standalone_mode=False, obj=console)
        return int(code) if isinstance(code, int) else OK
    except UserError as error:
        console.fail(error.what, error.remedy)
        return MENDABLE
    except (Cancelled, KeyboardInterrupt, typer.Abort):
        console.fail("Stopped.", "What was finished stays; the same command goes on.")
        return CANCELLED
    except USAGE_ERROR as error:
        if console.json:
            console.fail(error.format_message(), "See --help.")
        else:
            error.show()
        return USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except Exception as error:  # noqa: BLE001  (the last guard: our bug becomes a report)
        trace = traceback.format_exc()
        console.fail(
            f"An error in FGVC Studio: {type(error).__name__}: {error}",
            "Please report it with the text below."
            if not console.json
            else "Please report it with the field report.",
            report=trace,
        )
        if not console.json:
            sys.stderr.write(trace)
        return BUG
