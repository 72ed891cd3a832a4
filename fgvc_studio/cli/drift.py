"""Words for what a new space changed (`runs compare`), and the verb that accepts suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fgvc_studio.cli.common import console, opened
from fgvc_studio.cli.console import table

if TYPE_CHECKING:
    from fgvc_studio.services.drift_report import DriftReport
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.services.suggested import Bulk

app = typer.Typer()
_SHOWN = 10


def compare(
    ctx: typer.Context, studio: Studio, first: str, second: str
) -> tuple[list[str], dict[str, Any]]:
    """Compare the spaces of two runs or spaces; lines for people and the result."""
    from fgvc_studio.services import drift

    old, new = (_space(studio, name) for name in (first, second))
    if not old or not new:
        return [], {}
    found = console(ctx).drive(drift.report(studio, old, new), "Comparing")
    return _lines(studio, found), _result(found)


def _space(studio: Studio, name: str) -> str:
    """The space that a run made, or the space of that name; empty for runs without one."""
    for run in studio.training.runs.all():
        if run.id == name:
            return run.space
    return studio.embedding.space(name)


def _lines(studio: Studio, found: DriftReport) -> list[str]:
    name = studio.catalogue.name
    lines = [f"{found.old} -> {found.new}", found.sentence, *found.notes]
    changes = ("category", "items", "before", "after", "change (95 %)")
    for title, rows in (("Worse", found.worse), ("Better", found.better)):
        cells = [
            (
                name(c.category_id),
                f"{c.items:,}",
                f"{c.before:.2f}",
                f"{c.after:.2f}",
                f"{c.difference:+.2f} ({c.low:+.2f}, {c.high:+.2f})",
            )
            for c in rows[:_SHOWN]
        ]
        lines += _part(title, len(rows), cells, changes)
    pairs = ("pair", "before", "after")
    for title, both in (("Collapsed", found.collapsed), ("Pulled apart", found.pulled_apart)):
        moved = [
            (f"{name(p.first)} / {name(p.second)}", f"{p.before:.2f}", f"{p.after:.2f}")
            for p in both[:_SHOWN]
        ]
        lines += _part(title, len(both), moved, pairs)
    near = [
        (f"{name(t.first)} / {name(t.second)}", f"{t.coefficient:.3f}", f"{t.probability:.2f}")
        for t in found.trouble[:_SHOWN]
    ]
    lines += _part("Hardly apart", len(found.trouble), near, ("pair", "distance", "by chance"))
    labels = [
        (str(d.item_id), name(d.category_id), name(d.voted), f"{d.share:.2f}")
        for d in found.disagreements[:_SHOWN]
    ]
    header = ("item", "label", "neighbours say", "vote")
    return lines + _part("Doubtful labels", len(found.disagreements), labels, header)


def _part(
    title: str, count: int, rows: Sequence[tuple[str, ...]], header: tuple[str, ...]
) -> list[str]:
    if not rows:
        return [f"{title}: none."]
    return [f"{title} ({len(rows)} of {count:,}):", table(rows, header)]


def _result(found: DriftReport) -> dict[str, Any]:
    from msgspec import to_builtins

    return {
        "old": found.old,
        "new": found.new,
        "items": len(found.item_ids),
        "compared": len(found.compared),
        "neighbours_kept": round(float(found.kept_near.mean()), 4),
        "better": [to_builtins(c) for c in found.better],
        "worse": [to_builtins(c) for c in found.worse],
        "pulled_apart": [to_builtins(p) for p in found.pulled_apart],
        "collapsed": [to_builtins(p) for p in found.collapsed],
        "hardly_apart": [
            {"first": t.first, "second": t.second, "distance": t.coefficient} for t in found.trouble
        ],
        "doubtful_labels": [to_builtins(d) for d in found.disagreements],
        "moved_most": found.moved_most(100).tolist(),
        "notes": list(found.notes),
    }


@app.command()
def suggest(
    ctx: typer.Context,
    project: Annotated[Path, typer.Argument(help="The project folder.", show_default=False)],
    space: Annotated[str, typer.Option(help="Space to go by; default: the one in use.")] = "",
    error: Annotated[
        float, typer.Option(help="Bound of the expected part of wrong names in each category.")
    ] = 0.05,
    accept: Annotated[bool, typer.Option("--accept", help="Write the labels.")] = False,
) -> None:
    """Propose names for the items without one, under a bound of error; --accept writes them."""
    with opened(ctx, project, read_only=not accept) as studio:
        out = console(ctx)
        bulk = out.drive(studio.suggesting.bulk(error, space=space or None), "Suggesting")
        changes = studio.suggesting.commit(bulk) if accept and len(bulk.item_ids) else None
        changed = len(changes.items) if changes else 0
        columns = (x.tolist() for x in (bulk.item_ids, bulk.categories, bulk.confidence))
        out.emit(
            {
                "space": bulk.space,
                "error": bulk.error,
                "asked": bulk.asked,
                "chosen": len(bulk.item_ids),
                "strangers": bulk.strangers,
                "changed": changed,
                "items": [
                    {"id": i, "category": studio.catalogue.name(c), "confidence": round(p, 4)}
                    for i, c, p in zip(*columns, strict=True)
                ],
                "sample": bulk.sample().tolist(),
            },
            _told(studio, bulk, changed),
        )


def _told(studio: Studio, bulk: Bulk, changed: int) -> str:
    name = studio.catalogue.name
    rows = [
        (name(s.category_id), f"{s.proposed:,}", f"{s.chosen:,}", _why(s.known, s.needed))
        for s in bulk.shares
    ]
    lines = [
        f"{len(bulk.item_ids):,} of {bulk.asked:,} items without a name can be named with at most "
        f"{100 * bulk.error:g} % expected error in each category; {bulk.strangers:,} look like "
        "nothing that has a name."
    ]
    if rows:
        lines.append(table(rows, ("category", "proposed", "chosen", "known")))
    if changed:
        lines.append(f"Labelled {changed:,}; undo takes them all back.")
    elif len(bulk.item_ids):
        drawn = ", ".join(map(str, bulk.sample(20).tolist()))
        lines.append(f"Nothing is written. Look at some first: {drawn}. Then: --accept.")
    return "\n".join(lines)


def _why(known: int, needed: int) -> str:
    return f"{known:,}" if known >= needed else f"{known:,} (needs {needed:,})"
