"""Verbs on projects and files: new, add, preview, info, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from fgvc_studio.cli.common import (
    MisusedError,
    console,
    opened,
    read_items,
    run_state,
    skipped_result,
    skipped_text,
)
from fgvc_studio.cli.console import table
from fgvc_studio.domain.errors import Cancelled, UserError

if TYPE_CHECKING:
    from fgvc_studio.interchange.base import ColumnMapping
    from fgvc_studio.services.studio import Studio

app = typer.Typer()
Project = Annotated[Path, typer.Argument(help="The project folder.", show_default=False)]
Format = Annotated[str, typer.Option(help="auto, or a name that preview shows.")]
PathColumn = Annotated[str, typer.Option(help="Column with the image path.")]
LabelColumn = Annotated[
    list[str] | None, typer.Option(help="Column of the label; repeat it from the root down.")
]
SplitColumn = Annotated[str, typer.Option(help="Column with train/val/test.")]
Labels = Annotated[Path | None, typer.Option(help="CSV/TSV with labels for the images.")]
Only = Annotated[Path | None, typer.Option(help="Take labels of the categories in this file only.")]


def _mapping(path: str, label: list[str] | None, split: str) -> ColumnMapping | None:
    from fgvc_studio.interchange.base import ColumnMapping

    if not (path or label or split):
        return None
    return ColumnMapping(
        path=path or None, label=tuple(label) if label else None, split=split or None
    )


@app.command()
def new(
    ctx: typer.Context,
    project: Project,
    images: Annotated[list[Path] | None, typer.Option(help="Folder of images; repeatable.")] = None,
    name: Annotated[str, typer.Option(help="Name of the project.")] = "",
    format: Format = "auto",
    labels: Labels = None,
    label_column: LabelColumn = None,
    path_column: PathColumn = "",
    split_column: SplitColumn = "",
    only_categories: Only = None,
) -> None:
    """Make a project and import images into it."""
    from fgvc_studio.services.studio import Studio

    sources = _check_sources(images or [])
    mapping = _mapping(path_column, label_column, split_column)
    with Studio.create(project, name=name or None, who=console(ctx).who) as studio:
        _import(ctx, studio, sources, format, mapping, labels, only_categories)


@app.command()
def add(
    ctx: typer.Context,
    project: Project,
    sources: Annotated[list[Path], typer.Argument(help="Folders or tables.")],
    format: Format = "auto",
    labels: Labels = None,
    label_column: LabelColumn = None,
    path_column: PathColumn = "",
    split_column: SplitColumn = "",
    only_categories: Only = None,
) -> None:
    """Import more; the same files again change nothing."""
    found = _check_sources(sources)
    mapping = _mapping(path_column, label_column, split_column)
    with opened(ctx, project) as studio:
        _import(ctx, studio, found, format, mapping, labels, only_categories)


def _check_sources(sources: list[Path]) -> list[Path]:
    for source in sources:
        if not source.exists():
            raise UserError(f"{source} is not there.", "Check the name of the folder or file.")
    return sources


def _import(
    ctx: typer.Context,
    studio: Studio,
    sources: list[Path],
    format: str,
    mapping: ColumnMapping | None,
    labels: Path | None,
    only_categories: Path | None,
) -> None:
    out = console(ctx)
    total: dict[str, Any] = {
        "images": 0, "items": 0, "labelled": 0, "unchanged": 0, "duplicates": 0,
        "near_duplicates": 0,
    }  # fmt: skip
    skipped = []
    warnings: list[str] = []
    for source in sources:
        job = studio.ingest.run(
            source,
            format=format,
            mapping=mapping,
            labels=labels,
            only_categories=only_categories,
        )
        try:
            result = out.drive(job, f"Importing {source.name}")
        except Cancelled:
            out.note("Stopped; what was imported stays. The same command goes on.")
            raise
        for key in total:
            total[key] += getattr(result, key)
        skipped.extend(result.skipped)
        warnings.extend(w if isinstance(w, str) else w.text for w in result.warnings)
    total["categories"] = len(studio.catalogue.categories)
    lines = [
        f"{total['images']:,} images imported as {total['items']:,} items, "
        f"{total['labelled']:,} labelled; {total['categories']:,} categories in the project."
    ]
    if total["unchanged"]:
        lines.append(f"{total['unchanged']:,} images were there already.")
    if total["duplicates"] or total["near_duplicates"]:
        lines.append(
            f"{total['duplicates']:,} exact and {total['near_duplicates']:,} near duplicates "
            "marked."
        )
    lines.extend(f"Note: {w}" for w in warnings)
    if skipped:
        lines.append(f"{len(skipped):,} files skipped:")
        lines.append(skipped_text(skipped))
    out.emit(
        {
            "project": str(studio.store.path),
            **total,
            "warnings": warnings,
            "skipped": skipped_result(skipped),
        },
        "\n".join(lines),
    )


@app.command()
def preview(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="Folder or table.")],
    format: Format = "auto",
    label_column: LabelColumn = None,
    path_column: PathColumn = "",
    split_column: SplitColumn = "",
) -> None:
    """Say what an import would do; writes nothing."""
    from fgvc_studio.interchange import registry

    _check_sources([source])
    reader = registry.sniff(source) if format == "auto" else registry.reader(format)
    mapping = _mapping(path_column, label_column, split_column)
    out = console(ctx)
    found = out.drive(reader.preview_steps(source, mapping), "Looking")
    lines = [
        f"{reader.title}: {found.rows:,} images, {found.labelled:,} labelled, "
        f"{found.categories:,} categories, {len(found.skipped):,} files left out.",
        *(f"Note: {w.text}" for w in found.warnings),
    ]
    if found.skipped:
        lines.append(skipped_text(found.skipped))
    out.emit(
        {
            "format": found.format,
            "root": str(found.root),
            "rows": found.rows,
            "labelled": found.labelled,
            "categories": found.categories,
            "columns": found.columns,
            "warnings": [
                {"text": w.text, "count": w.count, "examples": w.examples} for w in found.warnings
            ],
            "skipped": skipped_result(found.skipped),
            "sample": [
                {
                    "path": r.relative,
                    "category": " > ".join(r.category),
                    "split": r.split.name.lower() if r.split else "",
                }
                for r in found.sample
            ],
        },
        "\n".join(lines),
    )


@app.command()
def info(ctx: typer.Context, project: Project) -> None:
    """Counts, spaces, runs, health, disk."""
    from fgvc_studio.services import health

    with opened(ctx, project, read_only=True) as studio:
        facts = health.facts(studio)
        rows = [
            ("images", f"{facts['images']:,}"),
            ("items", f"{facts['items']:,}"),
            ("labelled", f"{facts['labelled']:,}"),
            ("reviewed", f"{facts['reviewed']:,}"),
            ("categories", f"{facts['categories']:,}"),
            ("skipped files", f"{facts['skipped']:,}"),
            ("missing files", f"{facts['missing']:,}"),
            ("disk", f"{facts['disk_mb']:,.1f} MB"),
            *(
                ("space", f"{s['name']}: {s['done']:,} of {s['total']:,} items, {s['dim']} "
                          f"dimensions, maps: {', '.join(s['maps']) or 'none'}")
                for s in facts["spaces"]
            ),
            *(("run", f"{r['run']}: {run_state(r['state'])}") for r in facts["runs"]),
        ]  # fmt: skip
        lines = [f"{facts['name']}  ({facts['path']})", table(rows)]
        if facts["missing"]:
            lines += [f"{f.what} {f.remedy}" for f in health.of_project(studio) if f.level == "bad"]
        console(ctx).emit(facts, "\n".join(lines))


@app.command()
def export(
    ctx: typer.Context,
    project: Project,
    out: Annotated[Path, typer.Argument(help="File or folder to write.")],
    format: Annotated[str, typer.Option(help="csv or imagefolder.")] = "csv",
    items: Annotated[list[str] | None, typer.Option("--item", help="Only these items.")] = None,
    labelled_only: Annotated[bool, typer.Option(help="Leave unlabelled items out.")] = False,
    mode: Annotated[str, typer.Option(help="imagefolder: copy, hardlink or symlink.")] = "copy",
    spreadsheet: Annotated[
        bool, typer.Option(help="Write cells that start with = + - @ as text.")
    ] = False,
) -> None:
    """Write labels with who, when and which model."""
    if mode not in ("copy", "hardlink", "symlink"):
        raise MisusedError(f"There is no mode {mode}.", "Use copy, hardlink or symlink.")
    with opened(ctx, project, read_only=True) as studio:
        chosen = read_items(studio, items) if items else None
        result = console(ctx).drive(
            studio.exporting.run(
                out,
                cast(Literal["csv", "imagefolder"], format),
                items=chosen,
                labelled_only=labelled_only,
                mode=cast(Literal["copy", "hardlink", "symlink"], mode),
                safe_for_spreadsheets=spreadsheet,
            ),
            "Exporting",
        )
        text = f"{result.rows:,} rows in {result.files:,} files: {result.out}"
        if result.skipped:
            text += f"\n{len(result.skipped):,} left out:\n{skipped_text(list(result.skipped))}"
        console(ctx).emit(
            {
                "out": str(result.out),
                "files": result.files,
                "rows": result.rows,
                "skipped": skipped_result(result.skipped),
            },
            text,
        )
