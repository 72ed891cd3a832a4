"""Growing a category page by page, and auditing a batch, without a window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fgvc_studio.cli.common import MisusedError, console, opened, read_items
from fgvc_studio.cli.console import Console
from fgvc_studio.domain.errors import UserError

if TYPE_CHECKING:
    from fgvc_studio.services.growing import Audit, GrowSession
    from fgvc_studio.services.studio import Studio

app = typer.Typer()
Project = Annotated[Path, typer.Argument(help="The project folder.", show_default=False)]
Space = Annotated[str, typer.Option(help="Name of the space; default: the newest.")]


@app.command("grow")
def grow(
    ctx: typer.Context,
    project: Project,
    category: Annotated[str, typer.Option(help="Grow this category.")] = "",
    cluster: Annotated[int, typer.Option(help="Grow this cluster.")] = 0,
    items: Annotated[str, typer.Option(help="@FILE or an item: grow these.")] = "",
    answers: Annotated[
        str, typer.Option(help="One letter per page: f all match, j some do not.")
    ] = "",
    take: Annotated[int, typer.Option(help="Propose the first N at once.", min=0)] = 0,
    wrong: Annotated[
        str, typer.Option(help="Wrong items of the sample, comma-separated; none: 'none'.")
    ] = "",
    commit: Annotated[bool, typer.Option("--commit", help="Name what was proposed.")] = False,
    to: Annotated[str, typer.Option("--to", help="Category to name with.")] = "",
    size: Annotated[int, typer.Option("-n", help="Items to audit.", min=1)] = 30,
    page: Annotated[int, typer.Option(help="Items on a page.", min=1)] = 50,
    guard: Annotated[
        float, typer.Option(help="Leave out what may have another category, at this error.")
    ] = 0.0,
    space: Space = "",
    seed: Annotated[int, typer.Option(help="Same seed, same order.")] = 0,
) -> None:
    """Grow over look-alikes: pages, answers, audit, commit. Without answers it asks on a terminal.

    Each call starts anew with the same order, so a script gives the answers it has so far and
    gets the next page; nothing is written without --commit.
    """
    from fgvc_studio.services import batch, growing

    out = console(ctx)
    with opened(ctx, project, read_only=not commit) as studio:
        session = growing.start(
            studio,
            category=batch.category_named(studio, category, create=False) if category else None,
            cluster=cluster or None,
            items=read_items(studio, [items]) if items else None,
            space=space or None,
            page=page,
            seed=seed,
        )
        asks = not (answers or take or out.json) and _terminal()
        if take:
            audit = growing.Audit(
                studio, session.ordered[:take], size, seed,
                category=session.category, cluster=session.cluster,
            )  # fmt: skip
        else:
            _answer(studio, session, answers, out, asks)
            if not session.settled:
                shown = session.page()
                out.emit(
                    {"settled": False, "page": shown.number, "pages": session.pages,
                     "items": shown.item_ids, "decisions": session.decisions},
                    _page_text(studio, session) + "\nGive --answers with f or j for this page.",
                )  # fmt: skip
                return
            audit = session.audit(size, seed, guard=guard)
        _audited(studio, audit, wrong, out, asks)
        target = batch.category_named(studio, to, create=True) if to else None
        changes = audit.commit(target) if commit else None
        out.emit(
            {
                "settled": True, "decisions": session.decisions, "proposed": audit.items,
                **_audit(audit), "committed": changes.operation.count if changes else 0,
            },
            f"{len(audit.items):,} items proposed. {audit.sentence()}"
            + (f"\n{changes.operation.summary}." if changes else "\nNothing was written."),
        )  # fmt: skip


@app.command("audit")
def audit_items(
    ctx: typer.Context,
    project: Project,
    items: Annotated[list[str] | None, typer.Argument(help="Item ids, paths or @FILE.")] = None,
    cluster: Annotated[int, typer.Option(help="Audit this cluster.")] = 0,
    category: Annotated[str, typer.Option(help="Audit this category.")] = "",
    wrong: Annotated[
        str, typer.Option(help="Wrong items of the sample, comma-separated; none: 'none'.")
    ] = "",
    size: Annotated[int, typer.Option("-n", help="Items to draw.", min=1)] = 30,
    seed: Annotated[int, typer.Option(help="Same seed, same sample.")] = 0,
) -> None:
    """Draw a random sample of items, a cluster or a category; with --wrong, bound its errors."""
    from fgvc_studio.services import batch, growing

    if sum((bool(items), bool(cluster), bool(category))) != 1:
        raise MisusedError("Say what to audit.", "Give items, --cluster or --category.")
    out = console(ctx)
    with opened(ctx, project, read_only=True) as studio:
        if items:
            chosen = read_items(studio, items)
        elif cluster:
            chosen = studio.review.members(cluster, 1).ordered
        else:
            found = batch.category_named(studio, category, create=False)
            chosen = (studio.catalogue.category == found).nonzero()[0] + 1
        audit = growing.Audit(studio, chosen, size, seed)
        _audited(studio, audit, wrong, out, asks=False)
        paths = studio.catalogue.columns.paths
        sample = "" if wrong else "\n".join(f"{i}  {paths[i - 1]}" for i in audit.sample.tolist())
        out.emit(_audit(audit), f"{sample}\n{audit.sentence()}".strip())


def _answer(studio: Studio, session: GrowSession, answers: str, out: Console, asks: bool) -> None:
    given = [a for a in answers.lower() if a not in " ,"]
    if set(given) - {"f", "j"}:
        raise UserError(f"{answers} are no answers.", "Use f (all match) and j (some do not).")
    for letter in given:
        if session.settled:
            break
        (session.all_match if letter == "f" else session.some_do_not)()
    while asks and not session.settled:
        out.say(_page_text(studio, session))
        word = typer.prompt("f all match, j some do not, or wrong item ids", default="f")
        if word.strip().lower() in ("f", "j"):
            (session.all_match if word.strip().lower() == "f" else session.some_do_not)()
        else:
            session.strike(read_items(studio, word.replace(",", " ").split()))


def _audited(studio: Studio, audit: Audit, wrong: str, out: Console, asks: bool) -> None:
    if asks and not wrong and len(audit.sample):
        paths = studio.catalogue.columns.paths
        out.say("\n".join(f"  {i}  {paths[i - 1]}" for i in audit.sample.tolist()))
        wrong = typer.prompt("Wrong items of this sample", default="none")
    if wrong:
        words = [] if wrong.strip().lower() == "none" else wrong.replace(",", " ").split()
        audit.wrong(read_items(studio, words) if words else ())


def _page_text(studio: Studio, session: GrowSession) -> str:
    shown = session.page()
    paths = studio.catalogue.columns.paths
    lines = [f"  {i}  {paths[i - 1]}" for i in shown.item_ids.tolist()]
    return "\n".join([f"Page {shown.number + 1} of {session.pages}:", *lines])


def _terminal() -> bool:
    import sys

    return sys.stdin.isatty()


def _audit(audit: Audit) -> dict[str, Any]:
    return {
        "sample": audit.sample,
        "error_at_most": audit.bound(),
        "sentence": audit.sentence(),
        "items": len(audit.items),
    }


# ---- placing ---------------------------------------------------------------------------------
@app.command("place")
def place(
    ctx: typer.Context,
    project: Project,
    items: Annotated[list[str] | None, typer.Argument(help="Default: all unlabelled.")] = None,
    page: Annotated[int, typer.Option(help="Items on a page.", min=1)] = 50,
    wrong: Annotated[str, typer.Option(help="Items that are not so, comma-separated.")] = "",
    commit: Annotated[bool, typer.Option("--commit", help="Name the others.")] = False,
    space: Space = "",
) -> None:
    """The surest free items with their likely categories; --commit names all but the wrong."""
    from fgvc_studio.services import placing

    with opened(ctx, project, read_only=not commit) as studio:
        chosen = read_items(studio, items) if items else None
        found = placing.first_page(studio, chosen, space=space or None, page=page)
        refused = read_items(studio, wrong.replace(",", " ").split()) if wrong else ()
        changes = placing.accept(studio, found, wrong=refused) if commit else None
        paths, name = studio.catalogue.columns.paths, studio.catalogue.name
        rows = [
            {"id": i, "category": name(c), "confidence": s, "path": paths[i - 1]}
            for i, c, s in zip(
                found.item_ids.tolist(),
                found.category_ids.tolist(),
                found.confidence.tolist(),
                strict=True,
            )
        ]
        placed = len(rows) - len(refused) if changes else 0
        text = "\n".join(f"{r['id']}  {r['category']}  {r['confidence']:.2f}" for r in rows)
        console(ctx).emit({"items": rows, "placed": placed}, f"{text}\n{placed:,} placed.")
