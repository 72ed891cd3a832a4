"""The verb prototypes: the audit of a prototype classifier."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fgvc_studio.cli.common import MisusedError, console, opened, read_items
from fgvc_studio.cli.console import Console, table
from fgvc_studio.domain.errors import ProjectLockedError, UserError
from fgvc_studio.domain.prototypes import Prototype, Verdict

if TYPE_CHECKING:
    from fgvc_studio.domain.events import OpChanges
    from fgvc_studio.services.prototypes import Prototypes
    from fgvc_studio.services.studio import Studio

app = typer.Typer()
NONE = "none"
_DIGITS = 9
_LOOKING = ("models", "list", "show", "effects", "explain", "confusion", "differences", "plate",
            "report")  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A call of the verb."""

    studio: Studio
    out: Console
    run: str
    words: list[str]
    note: str
    sort: str
    category: str
    limit: int

    @property
    def prototypes(self) -> Prototypes:
        """The service."""
        return self.studio.prototypes

    def ids(self, words: list[str] | None = None) -> list[int]:
        """Prototype ids among the words; ranges as 3-7."""
        found: list[int] = []
        for word in self.words if words is None else words:
            first, dash, last = word.partition("-")
            if not first.isdecimal() or (dash and not last.isdecimal()):
                raise UserError(f"{word} is no prototype.", "Give numbers, or ranges as 3-7.")
            low, high = int(first[:_DIGITS]), int((last if dash else first)[:_DIGITS])
            if dash and low > high:
                raise UserError(f"{word} is no range.", f"Write it as {high}-{low}.")
            if dash:  # before a range of a billion is written out
                self.prototypes.opened(self.run).bundle.check(high)
            found += range(low, high + 1)
        return found

    def one(self, what: str) -> str:
        """The only word."""
        if len(self.words) != 1:
            raise UserError(f"Give one {what}.", "See prototypes --help.")
        return self.words[0]

    def category_id(self, text: str) -> int:
        """The category that a text names."""
        from fgvc_studio.services import batch

        return batch.category_named(self.studio, text, create=False)

    def prepared(self) -> None:
        """Compare what was not compared yet, and measure."""
        self.out.drive(self.prototypes.prepare(self.run), "Preparing the prototypes")


@app.command()
def prototypes(
    ctx: typer.Context,
    project: Annotated[Path, typer.Argument(help="The project folder.", show_default=False)],
    action: Annotated[
        str,
        typer.Argument(
            help="models, prepare, list, show ID, verdict WORD ID..., forbid ID..., restore ID..., "
            "effects [ID...], explain ITEM, confusion A B, differences CATEGORY ITEM..., "
            "plate CATEGORY FILE, report FOLDER, reselect ID CHOICE, refit, finetune, reproject."
        ),
    ] = "list",
    words: Annotated[
        list[str] | None, typer.Argument(help="See the action.", show_default=False)
    ] = None,
    run: Annotated[str, typer.Option(help="Run; default: the one under review.")] = "",
    note: Annotated[str, typer.Option("--note", "--reason", help="Kept with the decision.")] = "",
    sort: Annotated[
        str, typer.Option(help="suspicion, relevance, purity, usage, weight or id.")
    ] = "suspicion",
    category: Annotated[str, typer.Option(help="Only of this category.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many; 0: all.", min=0)] = 0,
) -> None:
    """Look at the patches that a classifier compares with; judge, forbid, restore them."""
    chosen = _ACTIONS.get(action)
    if chosen is None:
        raise MisusedError(f"prototypes cannot {action!r}.", f"Use {', '.join(_ACTIONS)}.")

    def act(read_only: bool) -> None:
        with opened(ctx, project, read_only=read_only) as studio:
            name = run or studio.prototypes.current()
            if action != "models":
                name = studio.prototypes.opened(name).name
            chosen(Call(studio, console(ctx), name, words or [], note, sort, category, limit))

    try:
        act(read_only=action == "models")
    except ProjectLockedError:  # looking goes beside another process
        if action not in _LOOKING:
            raise
        act(read_only=True)


# ---- looking ---------------------------------------------------------------------------------
def _models(call: Call) -> None:
    found = call.prototypes.models()
    rows = [
        (m.run, f"{m.categories:,}", f"{m.prototypes:,}", f"{m.accuracy:.3f}",
         "yes" if m.prepared else "no", f"{m.made_by} of {m.parent}" if m.parent else m.made_by)
        for m in found
    ]  # fmt: skip
    header = ("run", "categories", "prototypes", "accuracy", "prepared", "made by")
    call.out.emit(
        {"models": [_plain(m) for m in found], "current": call.prototypes.current()},
        table(rows, header) if rows else "No run has prototypes: train st-protopnet PROJECT.",
    )


def _prepare(call: Call) -> None:
    call.prepared()
    found = call.prototypes.table(call.run)
    call.out.emit({"run": call.run, "prototypes": len(found)}, f"{call.run} is prepared.")


def _list(call: Call) -> None:
    call.prepared()
    found = call.prototypes.table(call.run)
    if call.category:
        wanted = call.category_id(call.category)
        found = [p for p in found if p.category_id == wanted]
    found = _ordered(found, call.sort)
    if call.limit:
        found = found[: call.limit]
    name = call.studio.catalogue.short_name
    rows = [
        (str(p.id), p.branch, name(p.category_id), _num(p.suspicion), _num(p.relevance),
         _num(p.purity), str(p.source.item_id),
         "forbidden" if p.forbidden else str(p.verdict or ""))
        for p in found
    ]  # fmt: skip
    header = ("id", "branch", "category", "suspicion", "relevance", "purity", "item", "status")
    call.out.emit(
        {"run": call.run, "prototypes": [_shown(call, p) for p in found]}, table(rows, header)
    )


def _ordered(found: list[Prototype], sort: str) -> list[Prototype]:
    if sort == "id":
        return found
    if sort not in ("suspicion", "relevance", "purity", "usage", "weight"):
        raise UserError(f"Prototypes cannot be sorted by {sort}.", "See prototypes --help.")
    return sorted(found, key=lambda p: (-_real(getattr(p, sort)), p.id))


def _show(call: Call) -> None:
    call.prepared()
    shown, lines = [], []
    name = call.studio.catalogue.short_name
    for number in call.ids():
        one = call.prototypes.get(call.run, number)
        learned, rest = call.prototypes.top_patches(call.run, number)
        weights = call.prototypes.weights(call.run, number)
        offers = call.prototypes.alternatives(call.run, number)
        shown.append(
            {
                **_shown(call, one),
                "top_learned": [_plain(p) for p in learned],
                "top_others": [_plain(p) for p in rest],
                "weights": [{"category_id": c, "weight": w} for c, w in weights],
                "sisters": [
                    {"id": j, "cosine": s} for j, s in call.prototypes.sisters(call.run, number)
                ],
                "alternatives": [_plain(p) for p in offers],
            }
        )
        parts = ", ".join(f"{n} {v:.2f}" for n, v in one.parts.items())
        lines += [
            f"Prototype {one.id} ({one.branch}) of {name(one.category_id)}, from item "
            f"{one.source.item_id}; suspicion {_num(one.suspicion)} ({parts}).",
            "  best where it learned: " + _items(learned),
            "  best elsewhere: " + _items(rest),
            "  weights: " + ", ".join(f"{name(c)} {w:.2f}" for c, w in weights[:3]),
        ]
    if not shown:
        raise UserError("No prototype is named.", "Give its number.")
    call.out.emit({"run": call.run, "prototypes": shown}, "\n".join(lines))


def _items(patches: list[Any]) -> str:
    return ", ".join(f"{p.item_id} ({p.score:.2f})" for p in patches[:5]) or "none"


def _explain(call: Call) -> None:
    item = int(read_items(call.studio, [call.one("item")])[0])
    found = call.prototypes.explain(call.run, item)
    name = call.studio.catalogue.short_name
    lines = [
        f"Item {item}: {name(found.first)} ({found.probability:.2f})"
        + (", but it looks like nothing the model knows" if found.unknown else "")
        + f"; next {name(found.second)}, {found.margin:.3f} behind."
    ]
    for c in (found.first, found.second):
        lines.append(f"{name(c)}: {found.logits[c]:.3f}")
        for one in found.contributions[c][:5]:
            lines.append(
                f"  {one.product:+.3f} = {one.score:.3f} x {one.weight:.3f}  prototype "
                f"{one.prototype}"
            )
    call.out.emit({"run": call.run, **_plain(found)}, "\n".join(lines))


def _confusion(call: Call) -> None:
    if len(call.words) != 2:
        raise UserError("Name two categories.", "prototypes PROJECT confusion A B")
    call.prepared()
    a, b = (call.category_id(word) for word in call.words)
    found = call.prototypes.confusion(call.run, a, b)
    name = call.studio.catalogue.short_name
    text = (
        f"{len(found.a_as_b)} of {name(a)} taken for {name(b)}, {len(found.b_as_a)} the other way."
        f"\nTold apart by prototypes {', '.join(str(j) for j, _, _ in found.tell_apart[:6])}."
    )
    call.out.emit({"run": call.run, **_plain(found)}, text)


def _differences(call: Call) -> None:
    if len(call.words) < 2:
        raise UserError("Name a category and items.", "prototypes PROJECT differences C ITEM...")
    call.prepared()
    items = read_items(call.studio, call.words[1:])
    category = call.category_id(call.words[0])
    found = call.prototypes.differences(call.run, items, category)
    rows = [
        (str(d.prototype), "fires" if d.fires else "fails", f"{d.here:.3f}", f"{d.there:.3f}",
         f"{d.effect:+.2f}")
        for d in found
    ]  # fmt: skip
    header = ("prototype", "on them", "median", "of the category", "effect")
    call.out.emit(
        {"run": call.run, "category_id": category, "differences": [_plain(d) for d in found]},
        table(rows, header),
    )


def _effects(call: Call) -> None:
    call.prepared()
    off = call.ids() if call.words else None
    found = call.prototypes.effects(call.run, off)
    before, after = found.worst
    text = (
        f"Accuracy on {found.items:,} items ({found.on}): {found.accuracy_before:.4f} -> "
        f"{found.accuracy_after:.4f}, worst category {before:.3f} -> {after:.3f}; "
        f"{len(found.flips):,} items would get another category."
    )
    call.out.emit(
        {
            "run": call.run,
            "off": call.prototypes.bans(call.run) if off is None else off,
            **_plain(dataclasses.replace(found, flips=())),  # type: ignore[arg-type]
            "flips": [flip._asdict() for flip in found.flips],
            "worst_before": before,
            "worst_after": after,
        },
        text,
    )


# ---- deciding --------------------------------------------------------------------------------
def _verdict(call: Call) -> None:
    word, *rest = call.words or [""]
    known = [v.value for v in Verdict]
    if word not in (*known, NONE):
        raise UserError(f"{word or 'Nothing'} is no verdict.", f"Use {', '.join(known)} or none.")
    verdict = None if word == NONE else Verdict(word)
    changes = call.prototypes.verdict(call.run, call.ids(rest), verdict, call.note)
    _report_change(call, changes)


def _forbid(call: Call) -> None:
    _report_change(call, call.prototypes.forbid(call.run, call.ids(), call.note))


def _restore(call: Call) -> None:
    _report_change(call, call.prototypes.restore(call.run, call.ids()))


def _report_change(call: Call, changes: OpChanges | None) -> None:
    call.out.emit(
        {
            "run": call.run,
            "changed": changes.operation.count if changes else 0,
            "forbidden": call.prototypes.bans(call.run),
        },
        f"{changes.operation.summary}." if changes else "Nothing changed.",
    )


# ---- making ----------------------------------------------------------------------------------
def _plate(call: Call) -> None:
    if len(call.words) != 2:
        raise UserError("Name a category and a file.", "prototypes PROJECT plate NAME plate.pdf")
    call.prepared()
    out = call.prototypes.plate(call.run, call.category_id(call.words[0]), Path(call.words[1]))
    call.out.emit({"run": call.run, "file": str(out)}, f"{out} written.")


def _report(call: Call) -> None:
    folder = Path(call.one("folder"))
    call.prepared()
    files = call.out.drive(call.prototypes.report(call.run, folder), "Writing the report")
    call.out.emit({"run": call.run, "files": [str(f) for f in files]}, f"{files[0]} written.")


def _reselect(call: Call) -> None:
    numbers = call.ids()
    if len(numbers) != 2:
        raise UserError("Give a prototype and the number of its alternative.", "See show ID.")
    _derive(call, call.prototypes.reselect(call.run, numbers[0], numbers[1]))


def _refit(call: Call) -> None:
    _derive(call, call.prototypes.refit(call.run))


def _fine_tune(call: Call) -> None:
    _derive(call, call.prototypes.fine_tune(call.run))


def _reproject(call: Call) -> None:
    _derive(call, call.prototypes.reproject(call.run))


def _derive(call: Call, job: Any) -> None:
    name = call.out.drive(job, "Making a new run")
    card = call.studio.training.runs.card(name)
    call.out.emit({"run": name, "from": call.run, "card": _plain(card)}, f"{name}: {card.verdict}")


_ACTIONS: dict[str, Callable[[Call], None]] = {
    "models": _models, "prepare": _prepare, "list": _list, "show": _show, "verdict": _verdict,
    "forbid": _forbid, "restore": _restore, "effects": _effects, "explain": _explain,
    "confusion": _confusion, "differences": _differences, "plate": _plate, "report": _report,
    "reselect": _reselect, "refit": _refit, "finetune": _fine_tune, "reproject": _reproject,
}  # fmt: skip


# ---- helpers ---------------------------------------------------------------------------------
def _shown(call: Call, one: Prototype) -> dict[str, Any]:
    return {**_plain(one), "category": call.studio.catalogue.path_name(one.category_id)}


def _plain(value: Any) -> dict[str, Any]:
    from msgspec import to_builtins

    found: dict[str, Any] = to_builtins(value, str_keys=True)
    return found


def _num(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"


def _real(value: float) -> float:
    return -1e9 if value != value else value
