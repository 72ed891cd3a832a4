"""Items that a discovery set apart because they probably belong to a known category."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from fgvc_studio.cli.common import MisusedError, console, opened, read_items
from fgvc_studio.cli.console import table
from fgvc_studio.domain.errors import UserError

app = typer.Typer()


@app.command("known")
def known(
    ctx: typer.Context,
    project: Annotated[Path, typer.Argument(help="The project folder.", show_default=False)],
    items: Annotated[
        list[str] | None, typer.Argument(help="Only these of the category; default: all.")
    ] = None,
    category: Annotated[str, typer.Option(help="That the items probably have.")] = "",
    accept: Annotated[bool, typer.Option("--accept", help="They have it: label them.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="They have not.")] = False,
    discovery: Annotated[int, typer.Option(help="Id; default: the one under review.")] = 0,
) -> None:
    """What was set apart as probably known, by category; with --accept or --reject decide."""
    from fgvc_studio.services import batch, known_queue

    deciding = accept or reject
    if accept and reject:
        raise MisusedError("Items are of a category or not.", "Give --accept or --reject.")
    if deciding and not category:
        raise MisusedError("It is not said of which category.", "Give --category.")
    with opened(ctx, project, read_only=not deciding) as studio:
        current = studio.review.current()
        if current is None and not discovery:
            raise UserError("There is no discovery yet.", "Run train crkd, or clusters group.")
        found = known_queue.gated(studio, discovery or (current.id if current else 0))
        waiting = known_queue.waiting(studio, *found)
        wanted = batch.category_named(studio, category, create=False) if category else 0
        if wanted:
            waiting = {wanted: waiting.get(wanted, np.empty(0, np.int64))}
        if items:
            chosen = read_items(studio, items)
            waiting = {c: ids[np.isin(ids, chosen)] for c, ids in waiting.items()}
        decided = 0
        if deciding and len(waiting[wanted]):
            act = studio.labelling.label if accept else studio.labelling.reject
            act(waiting[wanted], wanted)
            decided = len(waiting[wanted])
        paths, name = studio.catalogue.columns.paths, studio.catalogue.name
        rows = [
            {"id": i, "category": name(c), "path": paths[i - 1]}
            for c, ids in waiting.items()
            for i in ids.tolist()
        ]
        text = table([(str(r["id"]), r["category"], r["path"]) for r in rows],
                     ("id", "probably", "path")) if rows else "Nothing waits."  # fmt: skip
        if deciding:
            text += f"\n{decided:,} decided."
        console(ctx).emit({"items": rows, "decided": decided}, text)
