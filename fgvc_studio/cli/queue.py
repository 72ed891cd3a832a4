"""The verb queue: items that deserve a look, ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fgvc_studio.cli.common import MisusedError, console, opened
from fgvc_studio.cli.console import table

app = typer.Typer()
KINDS = ("second-opinion", "uncertain", "unreviewed")


@app.command()
def queue(
    ctx: typer.Context,
    project: Annotated[Path, typer.Argument(help="The project folder.", show_default=False)],
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS) + ".")] = KINDS[0],
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
) -> None:
    """Rank items: where opinions disagree, are unsure, or nobody has looked."""
    if kind not in KINDS:
        raise MisusedError(f"There is no queue {kind!r}.", f"Use {', '.join(KINDS)}.")
    with opened(ctx, project, read_only=True) as studio:
        found = getattr(studio.opinions, kind.replace("-", "_"))(limit)
        paths = studio.catalogue.columns.paths
        rows = [(str(o.item_id), f"{o.score:.3f}", " ".join(o.why)) for o in found]
        console(ctx).emit(
            {
                "queue": kind,
                "items": [
                    {"id": o.item_id, "path": paths[o.item_id - 1], "score": o.score,
                     "why": list(o.why)}
                    for o in found
                ],
            },
            table(rows, ("item", "score", "why")) if rows else "Nothing to look at.",
        )  # fmt: skip
