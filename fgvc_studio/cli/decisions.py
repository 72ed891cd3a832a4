"""Verbs that decide: label, unlabel, categories, undo, redo, history, replay."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fgvc_studio.cli.common import MisusedError, ProjectFirst, console, opened, read_items
from fgvc_studio.cli.console import table
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import LabelSource, NameKind, Operation

app = typer.Typer()
tree = typer.Typer(
    cls=ProjectFirst,
    no_args_is_help=True,
    help="The tree of categories. categories PROJECT list works as well.",
)
Project = Annotated[Path, typer.Argument(help="The project folder.", show_default=False)]


@app.command()
def label(
    ctx: typer.Context,
    project: Project,
    items: Annotated[list[str] | None, typer.Argument(help="Item ids, paths or @FILE.")] = None,
    category: Annotated[str, typer.Option(help="Name, or a path such as 'Genus > species'.")] = "",
    table_file: Annotated[
        Path | None, typer.Option("--from", help="CSV with columns item or path, and category.")
    ] = None,
    source: Annotated[str, typer.Option(help="human, model, import or cluster.")] = "human",
    existing: Annotated[
        bool, typer.Option("--existing-only", help="Refuse names that are not in the tree.")
    ] = False,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="As a prototype model suggests; ITEM: only these.")
    ] = False,
    run: Annotated[str, typer.Option(help="With --suggest: the run to ask.")] = "",
    least: Annotated[
        float, typer.Option(help="With --suggest: least confidence to label.", min=0, max=1)
    ] = 0.5,
) -> None:
    """Name items."""
    if suggest:
        if category or table_file:
            raise MisusedError("--suggest names by itself.", "Leave --category and --from out.")
        _label_as_suggested(ctx, project, items, run, least)
        return
    try:
        by = LabelSource[source.upper()]
    except KeyError:
        raise UserError(
            f"{source} is no label source.", "Use human, model, import or cluster."
        ) from None
    if bool(category) == bool(table_file):
        raise MisusedError("Say what to label.", "Give --category NAME ITEM..., or --from CSV.")
    if table_file and items:
        raise MisusedError("The items stand in the table.", "Leave the items or --from out.")
    with opened(ctx, project) as studio:
        from fgvc_studio.services import batch

        before = set(studio.catalogue.categories)
        if table_file is not None:
            changes, summary = batch.label_from_table(studio, table_file, by, existing)
        else:
            ids = read_items(studio, items or [])
            target = batch.category_named(studio, category, create=not existing)
            changes = studio.labelling.label(ids, target, source=by)
            summary = changes.operation.summary if changes else "Nothing changed"
        created = [
            studio.catalogue.path_name(c) for c in studio.catalogue.categories if c not in before
        ]
        changed = len(changes.items) if changes else 0
        console(ctx).emit({"changed": changed, "created": created}, f"{summary}.")


def _label_as_suggested(
    ctx: typer.Context, project: Path, items: list[str] | None, run: str, least: float
) -> None:
    """Labels of a model; what looks like nothing it knows stays without one."""
    with opened(ctx, project) as studio:
        out = console(ctx)
        name = studio.prototypes.opened(run).name
        ids = read_items(studio, items) if items else None
        found = out.drive(studio.prototypes.suggest(name, ids), "Asking the prototypes")
        changes = studio.prototypes.accept(name, found, least)
        changed = len(changes.items) if changes else 0
        strange = sum(s.unknown for s in found)
        weak = sum(not s.unknown and s.confidence < least for s in found)
        out.emit(
            {
                "run": name,
                "changed": changed,
                "unknown": strange,
                "below_least": weak,
                "suggestions": [
                    {
                        "item": s.item_id,
                        "category": studio.catalogue.path_name(s.category_id),
                        "confidence": s.confidence,
                        "unknown": s.unknown,
                    }
                    for s in found
                ],
            },
            f"{changed:,} items labelled as {name} suggests; {strange:,} look like nothing it "
            f"knows, {weak:,} are under {least:g}.",
        )


@app.command()
def unlabel(
    ctx: typer.Context,
    project: Project,
    items: Annotated[list[str], typer.Argument(help="Item ids, paths or @FILE.")],
) -> None:
    """Take the label off items."""
    with opened(ctx, project) as studio:
        changes = studio.labelling.unlabel(read_items(studio, items))
        _report(ctx, changes)


@app.command()
def undo(ctx: typer.Context, project: Project) -> None:
    """Take back the last operation."""
    with opened(ctx, project) as studio:
        changes = studio.labelling.undo()
        if changes is None:
            raise UserError("There is nothing to undo.", "")
        _report(ctx, changes)


@app.command()
def redo(ctx: typer.Context, project: Project) -> None:
    """Do again what was taken back last."""
    with opened(ctx, project) as studio:
        changes = studio.labelling.redo()
        if changes is None:
            raise UserError("There is nothing to redo.", "")
        _report(ctx, changes)


def _report(ctx: typer.Context, changes: OpChanges | None) -> None:
    summary = changes.operation.summary if changes else "Nothing changed"
    result = {
        "changed": len(changes.items) if changes else 0,
        "operation": _operation(changes.operation) if changes else None,
    }
    console(ctx).emit(result, f"{summary}.")


@app.command()
def history(
    ctx: typer.Context,
    project: Project,
    since: Annotated[str, typer.Option(help="Only from this ISO date or time on.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 1000,
) -> None:
    """Who decided what, and when; newest first."""
    with opened(ctx, project, read_only=True) as studio:
        start = _timestamp(since) if since else 0.0
        operations = studio.labelling.history(since=start, limit=limit)
        rows = [
            (
                str(o.id),
                _when(o.at),
                o.who,
                f"{o.count:,}",
                o.summary + (" (undone)" if o.undone else ""),
            )
            for o in operations
        ]
        console(ctx).emit(
            {"operations": [_operation(o) for o in operations]},
            table(rows, ("id", "when", "who", "rows", "what"))
            if rows
            else (f"No operations since {since}." if since else "No operations yet."),
        )


@app.command()
def replay(
    ctx: typer.Context,
    project: Project,
    out: Annotated[Path, typer.Argument(help="Folder of the new project.")],
) -> None:
    """Rebuild every decision from the log in a new project and compare."""
    with opened(ctx, project, read_only=True) as studio:
        report = studio.store.replay(out)
        verdict = "equal" if report.equal else "NOT equal"
        lines = [f"{report.operations:,} operations replayed: the result is {verdict}."]
        console(ctx).emit(
            {
                "operations": report.operations,
                "equal": report.equal,
                "differences": list(report.differences),
            },
            "\n".join([*lines, *(f"  {d}" for d in report.differences)]),
        )
        if not report.equal:
            raise typer.Exit(3)


def _operation(o: Operation) -> dict[str, object]:
    return {
        "id": o.id,
        "at": datetime.fromtimestamp(o.at, UTC).isoformat(),
        "who": o.who,
        "host": o.host,
        "kind": o.kind,
        "verb": o.verb,
        "summary": o.summary,
        "count": o.count,
        "run": o.run_id,
        "target": o.target,
        "undone": o.undone,
    }


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _timestamp(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise UserError(f"{text} is no date.", "Write it as 2026-05-31 or 2026-05-31T14:00.") from (
            None
        )


# ---- categories ------------------------------------------------------------------------------
@tree.command("list")
def list_categories(ctx: typer.Context, project: Project) -> None:
    """The tree with counts."""
    with opened(ctx, project, read_only=True) as studio:
        catalogue = studio.catalogue
        counts = catalogue.counts()
        rows: list[dict[str, object]] = []
        lines: list[str] = []

        def walk(parent: int | None, depth: int) -> None:
            for c in catalogue.children.get(parent, []):
                category = catalogue.categories[c]
                count = counts[c]
                rows.append(
                    {
                        "id": c,
                        "name": category.name,
                        "parent": category.parent_id,
                        "path": catalogue.path_name(c),
                        "rank": category.rank,
                        "authorship": category.authorship,
                        "provisional": category.provisional,
                        "synonyms": [n.name for n in category.names if n.kind == NameKind.SYNONYM],
                        "vernacular": [
                            n.name for n in category.names if n.kind == NameKind.VERNACULAR
                        ],
                        "labelled": count.own,
                        "labelled_below": count.total,
                        "reviewed": count.reviewed,
                    }
                )
                rank = f" [{category.rank}]" if category.rank else ""
                lines.append(f"{'  ' * depth}{category.name}{rank}  {count.total:,}")
                walk(c, depth + 1)

        walk(None, 0)
        console(ctx).emit({"categories": rows}, "\n".join(lines) or "No categories yet.")


Name = Annotated[str, typer.Argument(help="Name, path 'Genus > species', or id.")]


@tree.command("add")
def add_category(
    ctx: typer.Context,
    project: Project,
    name: Annotated[str, typer.Argument(help="Name, or a path 'Genus > species'.")],
    parent: Annotated[str, typer.Option(help="Parent category.")] = "",
    rank: Annotated[str, typer.Option(help="Any rank.")] = "",
    synonym: Annotated[list[str] | None, typer.Option(help="Synonym; repeatable.")] = None,
    vernacular: Annotated[
        list[str] | None, typer.Option(help="Vernacular name; repeatable.")
    ] = None,
) -> None:
    """Add a category, or names to an existing one."""
    from fgvc_studio.services import batch

    with opened(ctx, project) as studio:
        text = f"{parent} > {name}" if parent else name
        known = batch.find_category(studio, text)
        if known is not None and not (synonym or vernacular):
            raise UserError(f"{name} is already there.", "Use another name, or add synonyms to it.")
        category_id = known or batch.category_named(studio, text, create=True, rank=rank)
        for word in synonym or ():
            studio.labelling.add_name(category_id, word, NameKind.SYNONYM)
        for word in vernacular or ():
            studio.labelling.add_name(category_id, word, NameKind.VERNACULAR)
        path = studio.catalogue.path_name(category_id)
        console(ctx).emit({"id": category_id, "path": path}, f"{path} (id {category_id})")


@tree.command("rename")
def rename_category(
    ctx: typer.Context, project: Project, name: Name, new: Annotated[str, typer.Argument()]
) -> None:
    """Give a category another name."""
    from fgvc_studio.services import batch

    with opened(ctx, project) as studio:
        found = batch.category_named(studio, name, create=False)
        _report(ctx, studio.labelling.rename_category(found, new))


@tree.command("merge")
def merge_categories(
    ctx: typer.Context,
    project: Project,
    names: Annotated[list[str], typer.Argument(help="Categories to merge.")],
    into: Annotated[str, typer.Option(help="The category that stays.")],
) -> None:
    """Merge categories; labels follow, old names become synonyms."""
    from fgvc_studio.services import batch

    with opened(ctx, project) as studio:
        ids = [batch.category_named(studio, n, create=False) for n in names]
        target = batch.category_named(studio, into, create=False)
        _report(ctx, studio.labelling.merge_categories(ids, target))


@tree.command("move")
def move_category(
    ctx: typer.Context,
    project: Project,
    name: Name,
    under: Annotated[str, typer.Option(help="New parent; empty: the top.")] = "",
) -> None:
    """Hang a category under another parent."""
    from fgvc_studio.services import batch

    with opened(ctx, project) as studio:
        found = batch.category_named(studio, name, create=False)
        parent = batch.category_named(studio, under, create=False) if under else None
        _report(ctx, studio.labelling.move_category(found, parent))


@tree.command("remove")
def remove_category(ctx: typer.Context, project: Project, name: Name) -> None:
    """Remove a category without labels and children."""
    from fgvc_studio.services import batch

    with opened(ctx, project) as studio:
        found = batch.category_named(studio, name, create=False)
        _report(ctx, studio.labelling.remove_category(found))


@tree.command("import")
def import_categories(
    ctx: typer.Context,
    project: Project,
    file: Annotated[Path, typer.Argument(help="CSV: name, parent, rank, authorship, synonym_of..")],
) -> None:
    """Take a checklist in: CSV/TSV with name, parent, rank, authorship, synonym_of, vernacular."""
    from fgvc_studio.services import batch

    with opened(ctx, project) as studio:
        report = batch.import_checklist(studio, file)
        console(ctx).emit(
            {
                "added": report.added,
                "synonyms": report.synonyms,
                "vernacular": report.vernacular,
                "unchanged": report.unchanged,
                "warnings": report.warnings,
            },
            f"{report.added:,} categories, {report.synonyms:,} synonyms and "
            f"{report.vernacular:,} vernacular names added; {report.unchanged:,} were there."
            + "".join(f"\n  {w}" for w in report.warnings),
        )
