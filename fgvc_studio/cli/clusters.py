"""The verb clusters: review of proposed categories, growing, audit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fgvc_studio.cli import growing, known
from fgvc_studio.cli.common import ProjectFirst, console, opened, read_items
from fgvc_studio.cli.console import table
from fgvc_studio.domain.events import OpChanges

if TYPE_CHECKING:
    from fgvc_studio.domain.clusters import Cluster, Discovery
    from fgvc_studio.services.studio import Studio

app = typer.Typer(
    cls=ProjectFirst,
    no_args_is_help=True,
    help="Review of proposed categories. clusters PROJECT list works as well.",
)
Project = Annotated[Path, typer.Argument(help="The project folder.", show_default=False)]
Number = Annotated[int, typer.Argument(help="Id of a cluster; see list.")]
Numbers = Annotated[list[int], typer.Argument(help="Ids of clusters; see list.")]
Space = Annotated[str, typer.Option(help="Name of the space; default: the newest.")]
Items = Annotated[list[str], typer.Argument(help="Item ids, paths or @FILE.")]
Which = Annotated[int, typer.Option(help="Id of a discovery; default: the one under review.")]
SHOWN = 10
app.registered_commands.extend(growing.app.registered_commands + known.app.registered_commands)


# ---- discoveries -----------------------------------------------------------------------------
@app.command("group")
def make_groups(
    ctx: typer.Context,
    project: Project,
    method: Annotated[
        str, typer.Option(help="kmeans, umap-kmeans, hdbscan, guided, guided-hdbscan.")
    ] = "umap-kmeans",
    count: Annotated[int, typer.Option(help="Number of groups; 0 estimates it.", min=0)] = 0,
    space: Space = "",
    items: Annotated[str, typer.Option(help="@FILE or an item; default: all unlabelled.")] = "",
    seed: Annotated[int, typer.Option(help="Same seed, same groups.")] = 0,
) -> None:
    """Group unlabelled items and propose the groups."""
    with opened(ctx, project) as studio:
        chosen = read_items(studio, [items]) if items else None
        made = console(ctx).drive(
            studio.review.group(method, space=space or None, count=count, items=chosen, seed=seed),
            "Grouping",
        )
        console(ctx).emit(_discovery(made), _line(made))


@app.command("estimate")
def estimate(
    ctx: typer.Context, project: Project, space: Space = "",
    seed: Annotated[int, typer.Option(help="Same seed, same estimate.")] = 0,
) -> None:  # fmt: skip
    """How many categories the unlabelled items hold."""
    with opened(ctx, project, read_only=True) as studio:
        found = console(ctx).drive(
            studio.review.estimate(space=space or None, seed=seed), "Counting"
        )
        lines = [f"About {found.estimate} categories ({found.low} to {found.high})."]
        if found.error is None:
            lines.append("Too few categories are named to test the estimate on.")
        else:
            lines.append(f"On known categories that were hidden it was off by {found.error:+d}.")
        console(ctx).emit(dataclasses.asdict(found), "\n".join(lines))


@app.command("list")
def list_clusters(ctx: typer.Context, project: Project, discovery: Which = 0) -> None:
    """The clusters under review, and all discoveries."""
    with opened(ctx, project, read_only=True) as studio:
        review = studio.review
        found = review.clusters(discovery or None)
        everything = review.discoveries()
        rows = [
            (
                str(c.id), c.name, str(c.state), f"{c.size:,}", _share(c.confidence),
                _purity(c), " ".join(c.warnings),
            )
            for c in found
        ]  # fmt: skip
        header = ("id", "name", "state", "size", "confidence", "purity", "warnings")
        text = table(rows, header) if rows else (
            "No clusters yet: run train crkd, or clusters group."
        )  # fmt: skip
        console(ctx).emit(
            {
                "clusters": [_cluster(studio, c) for c in found],
                "discoveries": [_discovery(d) for d in everything],
                "discovery": discovery or (d.id if (d := review.current()) else None),
            },
            text,
        )


@app.command("choose")
def choose(
    ctx: typer.Context, project: Project, discovery: Annotated[int, typer.Argument()]
) -> None:
    """Review another discovery."""
    with opened(ctx, project) as studio:
        made = studio.review.choose(discovery)
        console(ctx).emit(_discovery(made), _line(made))


@app.command("compare")
def compare(ctx: typer.Context, project: Project) -> None:
    """All discoveries beside the one under review: which fits what was named since."""
    from fgvc_studio.services import review_compare

    with opened(ctx, project, read_only=True) as studio:
        found = review_compare.compare(studio)
        rows = [
            (
                str(s.discovery.id), s.discovery.title, f"{s.discovery.clusters:,}",
                _share(s.stability), _share(s.purity[1] if s.purity else float("nan")),
                _share(s.alike), _share(s.right), f"{s.named:,}",
            )
            for s in found.standings
        ]  # fmt: skip
        header = ("id", "discovery", "clusters", "stable", "purity", "alike", "right", "named")
        result = {
            "current": found.current,
            "better": found.better,
            "sentence": found.sentence,
            "discoveries": [
                {**dataclasses.asdict(s), **_discovery(s.discovery)} for s in found.standings
            ],
        }
        lines = [table(rows, header)] if rows else []
        console(ctx).emit(result, "\n".join([*lines, found.sentence]))


@app.command("show")
def show(
    ctx: typer.Context,
    project: Project,
    cluster: Number,
    limit: Annotated[int, typer.Option(help="Items of each kind.", min=1)] = SHOWN,
) -> None:
    """One cluster: what it resembles, its central, extreme and boundary members."""
    with opened(ctx, project, read_only=True) as studio:
        found = studio.review.cluster(cluster)
        card = studio.review.nearest_card(cluster)
        members = studio.review.members(cluster, limit)
        paths = studio.catalogue.columns.paths
        lines = [
            f"{found.name} (id {found.id}, {found.state}): {found.size:,} items",
            card.sentence,
            f"Purity: {_purity(found)}",
            *found.warnings,
        ]
        for word, ids in (("central", members.central), ("extreme", members.extreme)):
            lines.append(f"{word}:")
            lines += [f"  {i}  {paths[i - 1]}" for i in ids.tolist()]
        result = {
            **_cluster(studio, found),
            "provisional_name": card.provisional_name,
            "tight": card.tight,
            "sentence": card.sentence,
            "exemplars": dict(card.exemplars),
            "central": members.central,
            "extreme": members.extreme,
            "boundary": members.boundary,
            "boundary_with": members.boundary_with,
            "items": members.ordered,
        }
        console(ctx).emit(result, "\n".join(lines))


# ---- decisions -------------------------------------------------------------------------------
@app.command("accept")
def accept(
    ctx: typer.Context,
    project: Project,
    clusters: Numbers,
    name: Annotated[str, typer.Option(help="Default: the provisional name.")] = "",
    parent: Annotated[str, typer.Option(help="Parent category; default: the proposed one.")] = "",
    rank: Annotated[str, typer.Option(help="Any rank.")] = "species",
    qualifier: Annotated[str, typer.Option(help="aff. or cf.")] = "",
) -> None:
    """Make clusters categories and name their members."""
    from fgvc_studio.services import batch

    with opened(ctx, project) as studio:
        above = batch.category_named(studio, parent, create=True) if parent else None
        changes = studio.review.accept(
            clusters, name=name, parent_id=above, rank=rank, qualifier=qualifier
        )
        _report(ctx, studio, changes, clusters)


@app.command("rename")
def rename(
    ctx: typer.Context, project: Project, cluster: Number, name: Annotated[str, typer.Argument()]
) -> None:
    """Give a cluster another name."""
    with opened(ctx, project) as studio:
        _report(ctx, studio, studio.review.rename(cluster, name), [cluster])


@app.command("send")
def send(
    ctx: typer.Context,
    project: Project,
    clusters: Numbers,
    to: Annotated[str, typer.Option("--to", help="A known category.")],
) -> None:
    """Say that clusters belong to a known category."""
    from fgvc_studio.services import batch

    with opened(ctx, project) as studio:
        category = batch.category_named(studio, to, create=False)
        _report(ctx, studio, studio.review.send_to(clusters, category), clusters)


@app.command("merge")
def merge(ctx: typer.Context, project: Project, clusters: Numbers) -> None:
    """Join clusters; a named one survives, else the largest."""
    with opened(ctx, project) as studio:
        _report(ctx, studio, studio.review.merge(clusters), clusters)


@app.command("suggest")
def suggest(ctx: typer.Context, project: Project) -> None:
    """Pairs of clusters that may be one."""
    with opened(ctx, project, read_only=True) as studio:
        names = {c.id: c.name for c in studio.review.clusters()}
        pairs = studio.review.merge_suggestions()
        rows = [(f"{s:.2f}", str(a), names[a], str(b), names[b]) for a, b, s in pairs]
        console(ctx).emit(
            {"pairs": [{"clusters": [a, b], "score": s} for a, b, s in pairs]},
            table(rows, ("likeness", "id", "name", "id", "name"))
            if rows
            else "No two clusters look alike.",
        )


@app.command("split")
def split(
    ctx: typer.Context,
    project: Project,
    cluster: Number,
    items: Annotated[list[str] | None, typer.Argument(help="Split these off.")] = None,
    parts: Annotated[int, typer.Option(help="Parts found by k-means.", min=2)] = 2,
    preview: Annotated[bool, typer.Option("--preview", help="Write nothing.")] = False,
    seed: Annotated[int, typer.Option(help="Same seed, same parts.")] = 0,
) -> None:
    """Split a cluster into parts, or split some items off."""
    with opened(ctx, project, read_only=preview) as studio:
        review = studio.review
        if items:
            _report(ctx, studio, review.split_off(cluster, read_items(studio, items)), [cluster])
            return
        groups = review.split_preview(cluster, parts, seed)
        if not preview:
            _report(ctx, studio, review.split(cluster, groups), [cluster])
            return
        ordered = review.members(cluster, 1).ordered
        found = [ordered[groups == g] for g in range(int(groups.max()) + 1)]
        console(ctx).emit(
            {"parts": found},
            "\n".join(f"part {i}: {len(p):,} items" for i, p in enumerate(found, 1)),
        )


@app.command("strike")
def strike(ctx: typer.Context, project: Project, cluster: Number, items: Items) -> None:
    """Take strays out of a cluster."""
    with opened(ctx, project) as studio:
        changes = studio.review.strike(cluster, read_items(studio, items))
        _report(ctx, studio, changes, [cluster])


@app.command("move")
def move(ctx: typer.Context, project: Project, cluster: Number, items: Items) -> None:
    """Put items into a cluster, from wherever they are."""
    with opened(ctx, project) as studio:
        changes = studio.review.move(read_items(studio, items), cluster)
        _report(ctx, studio, changes, [cluster])


@app.command("reject")
def reject(ctx: typer.Context, project: Project, clusters: Numbers) -> None:
    """Say that clusters are no categories; their members are free again."""
    with opened(ctx, project) as studio:
        _report(ctx, studio, studio.review.reject(clusters), clusters)


@app.command("undecided")
def undecided(ctx: typer.Context, project: Project, clusters: Numbers) -> None:
    """Put clusters off."""
    with opened(ctx, project) as studio:
        _report(ctx, studio, studio.review.undecided(clusters), clusters)


@app.command("check")
def check(
    ctx: typer.Context,
    project: Project,
    cluster: Number,
    shown: Annotated[int, typer.Option("-n", help="Members to draw.", min=1)] = 20,
    right: Annotated[int, typer.Option(help="How many of them were right.", min=-1)] = -1,
    seed: Annotated[int, typer.Option(help="Same seed, same members.")] = 0,
) -> None:
    """Spot check: draw members at random, or (with --right) note how many were right."""
    with opened(ctx, project, read_only=right < 0) as studio:
        drawn = studio.review.sample(cluster, shown, seed)
        if right >= 0:
            studio.review.record_check(cluster, right, len(drawn))
            bound = studio.review.cluster(cluster).checked_purity or 0.0
            console(ctx).emit(
                {"right": right, "shown": len(drawn), "purity_at_least": bound},
                f"{right} of {len(drawn)} right: purity at least {bound:.0%} (95 %).",
            )
            return
        paths = studio.catalogue.columns.paths
        console(ctx).emit(
            {"items": drawn}, "\n".join(f"{i}  {paths[i - 1]}" for i in drawn.tolist())
        )


# ---- results ---------------------------------------------------------------------------------
def _discovery(made: Discovery) -> dict[str, Any]:
    return {**dataclasses.asdict(made), "discovery": made.id}


def _line(made: Discovery) -> str:
    return (
        f"Discovery {made.id}: {made.clusters} clusters of {made.items:,} items ({made.title}); "
        f"{made.estimate} categories expected ({made.low} to {made.high})."
    )


def _cluster(studio: Studio, c: Cluster) -> dict[str, Any]:
    names = studio.catalogue.name
    return {
        **dataclasses.asdict(c),
        "state": str(c.state),
        "checked_purity": c.checked_purity,
        "category": names(c.category_id or 0),
        "parent": names(c.parent_id or 0),
        "nearest": [{**dataclasses.asdict(n), "name": names(n.category_id)} for n in c.nearest],
    }


def _share(value: float) -> str:
    return f"{value:.2f}" if value == value else "-"


def _purity(c: Cluster) -> str:
    said = []
    if c.checked is not None:
        said.append(f"at least {c.checked_purity or 0:.2f} by {c.checked[1]} checked")
    if c.purity is not None:
        low, middle, high = c.purity
        said.append(f"about {middle:.2f} ({low:.2f}-{high:.2f})")
    return ", ".join(said) or "unknown: too few categories are named to tell"


def _report(
    ctx: typer.Context, studio: Studio, changes: OpChanges | None, clusters: Iterable[int]
) -> None:
    """The operation, and the clusters that it leaves."""
    summary = changes.operation.summary if changes else "Nothing to change"
    left = studio.review.clusters(_discovery_of(studio, clusters))
    console(ctx).emit(
        {
            "operation": changes.operation.id if changes else None,
            "changed": changes.operation.count if changes else 0,
            "summary": summary,
            "clusters": [_cluster(studio, c) for c in left],
        },
        f"{summary}.",
    )


def _discovery_of(studio: Studio, clusters: Iterable[int]) -> int | None:
    return studio.store.clusters.discovery_of(next(iter(clusters)))
