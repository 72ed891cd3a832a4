"""Verbs on embeddings: embed, map, similar, evaluate."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from fgvc_studio.cli.common import (
    MisusedError,
    console,
    metric_text,
    opened,
    read_items,
    skipped_result,
    skipped_text,
)
from fgvc_studio.cli.console import table
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Box

app = typer.Typer()
Project = Annotated[Path, typer.Argument(help="The project folder.", show_default=False)]
Space = Annotated[str, typer.Option(help="Name of the space; default: the newest.")]


@app.command()
def embed(
    ctx: typer.Context,
    project: Project,
    backbone: Annotated[str, typer.Option(help="See doctor for the names.")] = "lite0",
    weights: Annotated[Path | None, typer.Option(help="Local weight file.")] = None,
    space: Annotated[str, typer.Option(help="Name of the new space.")] = "",
    runtime: Annotated[str, typer.Option(help="auto, torch or openvino.")] = "auto",
) -> None:
    """Embed all items; stopped or killed, it goes on where it was."""
    with opened(ctx, project) as studio:
        out = console(ctx)
        result = out.drive(
            studio.embedding.run(backbone, weights=weights, space=space or None, runtime=runtime),
            "Embedding",
        )
        lines = [
            f"Space {result.space}: {result.items:,} items in {result.dim} dimensions "
            f"({result.embedded:,} new, {result.images_per_s:,.0f} images/s, {result.runtime})."
        ]
        if result.note:
            lines.append(f"  {result.note}")
        if result.skipped:
            lines.append(f"{len(result.skipped):,} items could not be read:")
            lines.append(skipped_text(list(result.skipped)))
        out.emit(
            {
                "space": result.space,
                "items": result.items,
                "dim": result.dim,
                "embedded": result.embedded,
                "images_per_s": round(result.images_per_s, 2),
                "seconds": round(result.seconds, 3),
                "runtime": result.runtime,
                "note": result.note,
                "skipped": skipped_result(result.skipped),
            },
            "\n".join(lines),
        )


@app.command("map")
def make_map(
    ctx: typer.Context,
    project: Project,
    space: Space = "",
    method: Annotated[str, typer.Option(help="umap or pca.")] = "umap",
    seed: Annotated[int, typer.Option(help="Same seed, same map.")] = 0,
) -> None:
    """Make the 2-D map of a space."""
    import time

    started = time.monotonic()
    with opened(ctx, project) as studio:
        made = console(ctx).drive(
            studio.exploring.map(space or None, method, seed=seed), "Drawing the map"
        )
        seconds = time.monotonic() - started
        groups = int(made.groups.max()) + 1 if made.groups is not None else 0
        console(ctx).emit(
            {
                "map": f"{made.space}/{made.method}",
                "space": made.space,
                "method": made.method,
                "items": len(made.item_ids),
                "groups": groups,
                "seconds": round(seconds, 3),
            },
            f"Map {made.method} of {made.space}: {len(made.item_ids):,} items, {groups} groups, "
            f"{seconds:.1f} s.",
        )


@app.command()
def similar(
    ctx: typer.Context,
    project: Project,
    space: Space = "",
    item: Annotated[str, typer.Option(help="Item id or image path.")] = "",
    file: Annotated[Path | None, typer.Option(help="A picture outside the project.")] = None,
    box: Annotated[str, typer.Option(help="X,Y,W,H in pixels: search by region.")] = "",
    k: Annotated[int, typer.Option("-k", help="How many.", min=1)] = 20,
) -> None:
    """Find the items that look most alike."""
    if bool(item) == bool(file):
        raise MisusedError("Say what to compare with.", "Give --item ITEM or --file F.")
    if box and not item:
        raise MisusedError("--box needs --item.", "Import the picture first, or leave --box out.")
    with opened(ctx, project, read_only=True) as studio:
        name = space or None
        boxes: dict[int, Box] = {}
        if file is not None:
            near = studio.exploring.similar_to_file(file, k, space=name)
        else:
            item_id = int(read_items(studio, [item])[0])
            if box:
                near, boxes = studio.exploring.similar_to_region(item_id, _box(box), k, space=name)
            else:
                near = studio.exploring.similar_to_item(item_id, k, space=name)
        ids = near.item_ids[0][near.item_ids[0] > 0]
        columns = studio.catalogue.columns
        hits = [
            {
                "id": int(i),
                "path": columns.paths[int(i) - 1],
                "score": round(float(s), 6),
                "label": studio.catalogue.name(int(columns.category[int(i) - 1])),
                **({"box": _plain(boxes[int(i)])} if int(i) in boxes else {}),
            }
            for i, s in zip(ids, near.scores[0], strict=False)
        ]
        rows = [
            (str(h["id"]), f"{float(str(h['score'])):.3f}", str(h["label"]), str(h["path"]))
            for h in hits
        ]
        console(ctx).emit({"items": hits}, table(rows, ("item", "score", "label", "path")))


def _box(text: str) -> Box:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            f"{text} is no box.", "Write X,Y,W,H in pixels, e.g. 10,20,64,64."
        ) from None
    if not all(map(math.isfinite, (x, y, width, height))) or min(x, y) < 0:
        raise UserError(f"{text} is no box.", "Write X,Y,W,H in pixels, e.g. 10,20,64,64.")
    if width <= 0 or height <= 0:
        raise UserError("The box is empty.", "Width and height must be above 0.")
    return Box(x, y, width, height)


def _plain(box: Box) -> list[float]:
    return [round(v, 1) for v in (box.x, box.y, box.width, box.height)]


@app.command()
def evaluate(
    ctx: typer.Context,
    project: Project,
    space: Space = "",
    run: Annotated[str, typer.Option(help="A run in place of a space.")] = "",
    truth: Annotated[
        Path | None, typer.Option(help="CSV with the true labels; used for scoring only.")
    ] = None,
    label_column: Annotated[str, typer.Option(help="Column of the label.")] = "",
    split_column: Annotated[str, typer.Option(help="Column of the split.")] = "",
    gallery: Annotated[str, typer.Option(help="Splits of the gallery, e.g. train,val.")] = "",
    queries: Annotated[str, typer.Option(help="Splits of the queries, e.g. test.")] = "",
    categories: Annotated[str, typer.Option(help="all, known or novel.")] = "all",
) -> None:
    """Score a space, or what a run made, with 95 % intervals."""
    if run and space:
        raise MisusedError("Give a space or a run, not both.", "Leave --space out.")
    with opened(ctx, project, read_only=True) as studio:
        out = console(ctx)
        report = out.drive(
            studio.evaluating.run(
                space or None,
                truth=truth,
                label_column=label_column or None,
                split_column=split_column or None,
                gallery=_splits(gallery),
                queries=_splits(queries),
                categories=categories,
                run=run or None,
            ),
            "Evaluating",
        )
        rows = [
            (
                name if kind == "metrics" else f"frozen space: {name}",
                metric_text(name, m["value"]),
                f"{metric_text(name, m['low'])} - {metric_text(name, m['high'])}",
                f"{m['n']:,}",
            )
            for kind in ("metrics", "baseline")
            for name, m in report.get(kind, {}).items()
        ]
        lines = [table(rows, ("metric", "value", "95 % interval", "queries"))]
        lines.append(str(report.get("verdict", "")))
        out.emit(report, "\n".join(line for line in lines if line))


def _splits(text: str) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] or None
