"""Verbs on training: train, runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fgvc_studio.cli import drift
from fgvc_studio.cli.common import (
    MisusedError,
    console,
    metric_text,
    opened,
    run_state,
    skipped_text,
)
from fgvc_studio.cli.console import table
from fgvc_studio.domain.errors import Cancelled, ProjectLockedError
from fgvc_studio.domain.records import Skipped

if TYPE_CHECKING:
    from collections.abc import Generator

    from fgvc_studio.domain.records import Progress
    from fgvc_studio.domain.runs import Metrics, RunCard, TrainingRun
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.services.training import TrainResult

app = typer.Typer()
NEXT = {
    "space": "Use its space: runs PROJECT keep {run}; delete it: runs PROJECT discard {run}.",
    "classifier": "Look at its evidence: prototypes PROJECT list; delete it: runs PROJECT discard "
    "{run}.",
    "clusters": "Review them: clusters list PROJECT; take them back: undo PROJECT.",
}
ACTIONS = ("list", "show", "finish", "keep", "discard", "compare")


@app.command()
def train(
    ctx: typer.Context,
    method: Annotated[
        str, typer.Argument(help="cmd, ecaml, st-protopnet or crkd.", show_default=False)
    ],
    project: Annotated[
        Path | None, typer.Argument(help="The project folder.", show_default=False)
    ] = None,
    preset: Annotated[str, typer.Option(help="quick (two cores) or full (GPU).")] = "quick",
    part: Annotated[
        str, typer.Option("--train", help="head, last-stage or all; default: the preset's.")
    ] = "",
    splits: Annotated[
        str, typer.Option(help="train,val or all; items without a split always take part.")
    ] = "train,val",
    space: Annotated[
        str, typer.Option(help="Frozen space to start from; default: the newest.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Same seed, same weights (on one CPU).")] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value; see --settings.")
    ] = None,
    resume: Annotated[str, typer.Option(help="Go on with this unfinished run.")] = "",
    list_settings: Annotated[
        bool, typer.Option("--settings", help="List the settings of the method.")
    ] = False,
) -> None:
    """Train a method on the items; stopped or killed, --resume RUN goes on."""
    from fgvc_studio.methods import registry
    from fgvc_studio.methods.config import form, parse_settings
    from fgvc_studio.services.processes import process_rank

    out = console(ctx)
    if list_settings:
        fields = form(registry.get(method).config)
        facts = [{"name": f.name, "kind": f.kind, "default": f.default} for f in fields]
        out.emit({"settings": facts}, "\n".join(f.line() for f in fields))
        return
    if project is None:
        raise typer.BadParameter("PROJECT is missing.")
    following = process_rank() > 0  # another process writes and talks
    if following:
        out.quiet, out.json = True, False
    with opened(ctx, project, read_only=following) as studio:
        job = studio.training.run(
            method,
            preset=preset,
            train=part or None,
            splits=[word.strip() for word in splits.split(",") if word.strip()],
            space=space or None,
            seed=seed,
            settings=parse_settings(settings or []),
            resume=resume or None,
        )
        _driven(ctx, studio, project, job)


def _driven(
    ctx: typer.Context,
    studio: Studio,
    project: Path,
    job: Generator[Progress, None, TrainResult | None],
) -> None:
    """A training to its end, its card told; after Ctrl+C how it can go on."""
    from fgvc_studio.domain.runs import RunState
    from fgvc_studio.methods import registry

    out = console(ctx)
    try:
        result = out.drive(job, "Training")
    except Cancelled:
        left = [r for r in studio.training.runs.all() if r.state is RunState.RUNNING]
        if left:
            out.note(_left(left[-1], project))
        raise
    if result is None:
        return
    method = studio.training.runs.get(result.run).method
    out.emit(
        {
            "run": result.run,
            "space": result.space,
            "seconds": round(result.seconds, 2),
            "card": _card(result.card),
        },
        f"Run {result.run}, {result.seconds / 60:.1f} min.\n{_told(result.card)}\n"
        f"{NEXT[registry.get(method).makes].format(run=result.run)}",
    )


def _left(run: TrainingRun, project: Path) -> str:
    from fgvc_studio.methods import registry

    place = f"step {run.step:,} of {run.total:,}" if run.step else "its beginning"
    told = f"{run.id} stands at {place}. Go on: train {run.method} {project} --resume {run.id}"
    if registry.get(run.method).ends_early and run.step:
        told += f"; use what it learned: runs {project} finish {run.id}"
    return f"{told}; delete it: runs {project} discard {run.id}."


@app.command()
def runs(
    ctx: typer.Context,
    project: Annotated[Path, typer.Argument(help="The project folder.", show_default=False)],
    action: Annotated[str, typer.Argument(help=", ".join(ACTIONS) + ".")] = "list",
    names: Annotated[
        list[str] | None,
        typer.Argument(help="RUN; to compare two runs or spaces.", show_default=False),
    ] = None,
) -> None:
    """List the runs; show, finish early, keep or discard one; compare two runs or spaces."""
    if action not in ACTIONS:
        raise MisusedError(f"runs cannot {action!r}.", f"Use {', '.join(ACTIONS)}.")
    wanted = {"list": 0, "compare": 2}.get(action, 1)
    given = names or []
    if len(given) != wanted:
        raise MisusedError(f"runs {action} takes {wanted} run(s).", "List them with: runs PROJECT.")
    if action == "finish":
        _finish(ctx, project, given[0])
        return
    with opened(ctx, project, read_only=action not in ("keep", "discard")) as studio:
        out = console(ctx)
        if action == "list":
            found = studio.training.runs.all()
            rows = [
                (r.id, r.method, run_state(r.state), r.space, f"{r.step:,}/{r.total:,}")
                for r in found
            ]
            out.emit(
                {"runs": [_plain_run(r) for r in found]},
                table(rows, ("run", "method", "state", "space", "steps")) if rows else "No runs.",
            )
        elif action == "show":
            run = studio.training.runs.get(given[0])
            card = studio.training.runs.card(given[0])
            lines = [_told(card), "", *_settings(run.preset, card)]
            out.emit({**_plain_run(run), "card": _card(card)}, "\n".join(lines))
        elif action == "compare":
            _compare(ctx, studio, given[0], given[1])
        else:
            decide = getattr(studio.training.runs, action)
            run = decide(given[0])
            out.emit(_plain_run(run), f"Run {run.id}: {run_state(run.state)}.")


def _finish(ctx: typer.Context, project: Path, run_id: str) -> None:
    """End a run where it stands and make its result of what was learned.

    A run at work in another process is told to end; that process makes the result.
    """
    try:
        with opened(ctx, project) as studio:
            run = studio.training.runs.get(run_id)
            studio.training.runs.unfinished(run_id, run.method)
            studio.training.enough(run_id)
            _driven(ctx, studio, project, studio.training.run(run.method, resume=run_id))
    except ProjectLockedError:
        with opened(ctx, project, read_only=True) as studio:
            run = studio.training.runs.get(run_id)
            studio.training.runs.unfinished(run_id, run.method)
            studio.training.enough(run_id)
            told = "The process that has the project open ends it at the next step of its training."
            console(ctx).emit(_plain_run(run), f"{run_id}: {told}")


def _compare(ctx: typer.Context, studio: Studio, first: str, second: str) -> None:
    moved, drifted = drift.compare(ctx, studio, first, second)
    known = {run.id for run in studio.training.runs.all()}
    if not {first, second} <= known:  # a frozen space has no card
        console(ctx).emit({"runs": [first, second], "drift": drifted}, "\n".join(moved))
        return
    cards = [studio.training.runs.card(name) for name in (first, second)]
    names = [n for n in cards[0].metrics if n in cards[1].metrics]
    rows = [(n, *(metric_text(n, c.metrics[n]["value"]) for c in cards)) for n in names]
    other = cards[0].method != cards[1].method
    changed = {
        key: [c.config.get(key) for c in cards]
        for key in ({} if other else {**cards[0].config, **cards[1].config})
        if cards[0].config.get(key) != cards[1].config.get(key)
    }
    metrics = {n: [c.metrics[n] for c in cards] for n in names}
    lines = [table(rows, ("metric", first, second)) if rows else "No metric in common."]
    lines += [_changed_setting(cards[0].method, key, a, b) for key, (a, b) in changed.items()]
    if other:
        lines.append(f"The runs are of two methods ({cards[0].method}, {cards[1].method}).")
    same = cards[0].data.get("fingerprint") == cards[1].data.get("fingerprint")
    if not same:
        lines.append("The runs learned from different items.")
    facts = {"metrics": metrics, "config": changed, "same_items": same, "drift": drifted}
    console(ctx).emit({"runs": [first, second], **facts}, "\n".join([*lines, *moved]))


def _settings(preset: str, card: RunCard) -> list[str]:
    """The settings of a run in words; those that differ from the preset are marked."""
    from fgvc_studio.methods import registry
    from fgvc_studio.methods.config import told

    method = registry.get(card.method)
    name = preset if preset in method.presets else method.presets[0]
    base = method.preset(name, 0, str(card.config.get("train", "")) or None)
    rows = [
        (t.field.title, t.value, "changed" if t.own else "", t.field.name)
        for t in told(base, card.config)
        if t.shown_first
    ]
    marks = [f"Settings of the preset {name}, where they matter most or were changed:"]
    return [*marks, table(rows, ("setting", "value", "", "--set name"))]


def _changed_setting(method: str, key: str, first: object, second: object) -> str:
    from fgvc_studio.methods import registry
    from fgvc_studio.methods.config import form

    fields = {f.name: f for f in form(registry.get(method).config)}
    if key not in fields:
        return f"{key}: {first} / {second}"
    told = fields[key].told
    return f"{fields[key].title}: {told(first)} / {told(second)}"


def _told(card: RunCard) -> str:
    """A card for people."""
    lines = [_table(card.metrics, card.baseline)]
    if card.data.get("protocol"):
        lines.append(f"Measured on: {card.data['protocol']}.")
    lines.append(card.verdict)
    for title, found in card.findings.items():
        if found.metrics != card.metrics:
            lines += [f"{title}: {found.protocol}", _table(found.metrics, found.baseline)]
    lines += [*card.notes, *card.alarms]
    left_out = card.data.get("left_out")
    if isinstance(left_out, list) and left_out:
        lines.append(f"{len(left_out):,} items could not be read:")
        lines.append(skipped_text([Skipped(**entry) for entry in left_out]))
    return "\n".join(line for line in lines if line)


def _table(metrics: Metrics, baseline: Metrics) -> str:
    names = [*metrics, *(name for name in baseline if name not in metrics)]
    rows = [(n, _interval(n, baseline.get(n)), _interval(n, metrics.get(n))) for n in names]
    return table(rows, ("metric", "before", "trained")) if rows else ""


def _interval(name: str, metric: Any) -> str:
    if not metric:
        return "-"
    value, low, high = (metric_text(name, metric[key]) for key in ("value", "low", "high"))
    return f"{value} ({low} - {high})"


def _card(card: RunCard) -> dict[str, Any]:
    from msgspec import to_builtins

    found: dict[str, Any] = to_builtins(card)
    return found


def _plain_run(run: TrainingRun) -> dict[str, Any]:
    from msgspec import to_builtins

    found: dict[str, Any] = to_builtins(run)
    return {"run": found.pop("id"), **found}
