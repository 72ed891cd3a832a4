"""Opening projects and reading ITEM arguments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
import typer.core
from numpy.typing import NDArray

from fgvc_studio.cli.console import Console
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Skipped

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

SHOWN = 20


class MisusedError(UserError):
    """The words of the call do not fit together; exit code 2."""


class Verbs(typer.core.TyperGroup):
    """A group of verbs whose help for want of a verb stays out of ``--json``."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """See click's `Group.parse_args`."""
        if not args and console(ctx).json:
            raise MisusedError("A verb is missing.", "See --help.")
        return super().parse_args(ctx, args)


class ProjectFirst(Verbs):
    """A group of verbs that takes ``clusters PROJECT list`` for ``clusters list PROJECT``.

    ``clusters PROJECT`` alone lists, as ``runs PROJECT`` does.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb among `args`; see click's `Group.resolve_command`."""
        verbs = self.list_commands(ctx)
        if args[0] not in verbs and len(args) > 1 and args[1] in verbs:
            args = [args[1], args[0], *args[2:]]
        elif args[0] not in verbs and len(args) == 1 and Path(args[0]).is_dir():
            args = ["list", *args]
        return super().resolve_command(ctx, args)


def console(ctx: typer.Context) -> Console:
    """The console of this call."""
    found = ctx.find_root().obj
    return found if isinstance(found, Console) else Console()


@contextmanager
def opened(ctx: typer.Context, project: Path, *, read_only: bool = False) -> Iterator[Studio]:
    """Open a project for the length of a verb."""
    from fgvc_studio.services.studio import Studio

    with Studio.open(project, who=console(ctx).who, read_only=read_only) as studio:
        yield studio


def read_items(studio: Studio, words: Iterable[str]) -> NDArray[np.int64]:
    """Item ids from ids, image paths and ``@FILE`` (one per line).

    Raises
    ------
    UserError
        A word names no item.
    """
    texts: list[str] = []
    for word in words:
        if word.startswith("@"):
            try:
                lines = Path(word[1:]).read_text("utf-8", "surrogateescape").splitlines()
            except OSError as error:
                raise UserError(
                    f"{word[1:]} cannot be read: {error.strerror}.", "Name a text file after @."
                ) from error
            texts.extend(line.strip() for line in lines if line.strip())
        else:
            texts.append(word)
    if not texts:
        raise UserError("No items are named.", "Give item ids, image paths or @FILE.")
    ids: list[int] = []
    paths = [t for t in texts if not t.isdecimal()]
    found = studio.store.images.items_of_paths(paths) if paths else {}
    for text in texts:
        if text.isdecimal():
            ids.append(_known_id(studio, text))
            continue
        item = found.get(text) or found.get(os.fspath(Path(text).absolute()))
        if item is None:
            absolute = os.fspath(Path(text).resolve())
            item = studio.store.images.items_of_paths([absolute]).get(absolute)
        if item is None:
            raise UserError(
                f"{text} is no item of this project.", "Give its id, or its path as imported."
            )
        ids.append(item)
    return np.array(ids, np.int64)


def _known_id(studio: Studio, text: str) -> int:
    """The item id that a text of digits is.

    Raises
    ------
    UserError
        The project has no such item.
    """
    number = int(text) if len(text) < 19 else 0
    if not 1 <= number <= studio.catalogue.n:
        last = studio.catalogue.n
        raise UserError(
            f"Item {text} is not in this project.",
            f"Its items are 1 to {last:,}." if last else "Import photos first: add PROJECT FOLDER.",
        )
    return number


def run_state(state: str) -> str:
    """A run that is at work or was stopped looks the same from outside."""
    return "not finished" if state == "running" else str(state)


def metric_text(name: str, value: float) -> str:
    """A metric's value for people: counts as whole numbers, the rest as fractions."""
    return f"{value:,.0f}" if name == "novel_categories" else f"{value:.4f}"


def skipped_result(skipped: Iterable[Skipped]) -> list[dict[str, str]]:
    """Skipped files as results."""
    return [{"path": s.path, "reason": s.reason} for s in skipped]


def skipped_text(skipped: list[Skipped]) -> str:
    """Skipped files for people, the first twenty."""
    lines = [f"  {s.path}: {s.reason}" for s in skipped[:SHOWN]]
    if len(skipped) > SHOWN:
        lines.append(f"  ... and {len(skipped) - SHOWN:,} more (--json lists all)")
    return "\n".join(lines)
