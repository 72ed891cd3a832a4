"""The page of the audit report; one file that needs nothing but the folder of images beside it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_STYLE = """
:root{color-scheme:light dark;--line:#d5d9df;--quiet:#5c6470;--off:#b3261e}
@media (prefers-color-scheme:dark){:root{--line:#3a404a;--quiet:#a2abb8;--off:#f2877f}}
body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em;margin:0}h2{font-size:1.2em;margin:2em 0 .4em}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;
padding:.25em .9em .25em 0;border-bottom:1px solid var(--line)}
th{font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}
.quiet{color:var(--quiet)}.off{color:var(--off);font-weight:600}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:1.2em}
.card{border:1px solid var(--line);border-radius:8px;padding:.7em;break-inside:avoid}
.card img{width:100%;height:170px;object-fit:contain}
.card dl{display:grid;grid-template-columns:auto auto;gap:0 .8em;margin:.4em 0 0;font-size:.86em}
.card dt{color:var(--quiet)}.card dd{margin:0;text-align:right}
i.name{font-style:italic}@media print{body{max-width:none;margin:0}}
"""

MEANING = {
    "accuracy": "Accuracy",
    "balanced": "Balanced accuracy",
    "worst_class": "Accuracy of the worst category",
    "trivial": "Accuracy of the trivial prototypes alone",
    "support": "Accuracy of the support prototypes alone",
    "faithfulness": "Largest distance of a logit from the sum of its contributions",
    "duplicates": "Share of prototypes that repeat a sister (cosine over .9 or the same image)",
    "purity": "Purity: best images of a prototype that show its commonest part, percent",
    "consistency": "Consistency: prototypes that keep to one part in 80 % of images, percent",
    "stability": "Stability: same parts hit with noise (sd .2) as without, percent",
    "iou": "Overlap of heat (>= .5) with the object (IoU)",
    "content_heat": "Content heat: mean heat inside the object",
    "outside_inside": "Mean heat outside / inside the object",
    "items": "Labelled items with masks or key points that these are measured on",
}
PARTS = {
    "outside": "outside the object",
    "outside_estimated": "outside the object (estimated)",
    "tied": "stronger on its category than on others",
    "other_categories": "best patches of other categories",
    "border": "maxima at the border",
    "disparate": "best patches unlike each other",
    "irrelevant": "little relevance",
}


def page(facts: Mapping[str, Any], pictures: Sequence[str]) -> str:
    """The report as HTML.

    Parameters
    ----------
    facts : mapping
        What the JSON file holds.
    pictures : sequence of str
        File name of each prototype's picture.
    """
    run, project = facts["run"], facts["project"]
    title = f"Audit of {run['id']}"
    parts = [
        f"<h1>{_(title)}</h1>",
        f"<p class=quiet>Project {_(project['name'])}, {project['items']:,} items. Written "
        f"{_(facts['written'])} by {_(facts['by'])} with {_(facts['software'])}.</p>",
        _model(facts),
        _numbers(facts),
        _judged(facts),
        _bans(facts),
        _how(facts),
        _cards(facts["prototypes"], pictures),
        _history(facts["history"]),
    ]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width">'
        f"<title>{_(title)}</title><style>{_STYLE}</style>{''.join(parts)}</html>"
    )


def _model(facts: Mapping[str, Any]) -> str:
    run = facts["run"]
    derived = run["derived"]
    rows = [
        ("Backbone", run["backbone"]),
        ("Trained", run["trained"]),
        ("Categories", f"{run['categories']:,}"),
        ("Prototypes", f"{run['prototypes']:,} (half trivial, half support)"),
        ("Learned from", f"{run['training_items']:,} items"),
        ("Checked with", f"{run['validation_items']:,} items"),
        ("Seed", run["seed"]),
        ("Weights (SHA-256)", run["model_sha256"]),
    ]
    if derived:
        rows.insert(1, ("Made of", f"{derived.get('from', '')} by {derived.get('by', '')}"))
    return "<h2>The model</h2>" + _table(("", ""), rows)


def _numbers(facts: Mapping[str, Any]) -> str:
    stages = {
        "before_projection": "before projection",
        "after_projection": "after projection",
        "final": "final",
    }
    there = {s: v for s, v in facts["evaluation"].items() if s in stages and v}
    rows = [
        (MEANING.get(name, name), *(_num(there[s].get(name)) for s in there))
        for name in ("accuracy", "balanced", "worst_class", "trivial", "support")
        if any(name in v for v in there.values())
    ]
    parts = ["<h2>How good it is</h2>"]
    if rows:
        parts.append(_table(("On validation", *(stages[s] for s in there)), rows, numbers=True))
        parts.append("<p class=quiet>The number that counts is the final one.</p>")
    else:
        parts.append("<p>No validation items were kept apart.</p>")
    calibration = facts["calibration"]
    quality = [(MEANING.get(n, n), _num(v)) for n, v in facts["quality"].items()]
    quality.append(
        (
            f"Expected calibration error on {calibration['fitted_on']}, "
            f"temperature {_num(calibration['temperature'])}",
            _num(calibration["error"]),
        )
    )
    parts.append("<h2>What its prototypes are worth</h2>")
    parts.append(_table(("", ""), quality, numbers=True))
    if "iou" not in facts["quality"]:
        parts.append(
            "<p class=quiet>No masks and no key points are known of these images: overlap, "
            "content heat, consistency and stability cannot be measured, and purity is the share "
            "of best patches in items of the own category.</p>"
        )
    return "".join(parts)


def _judged(facts: Mapping[str, Any]) -> str:
    counts: dict[str, int] = {}
    for one in facts["prototypes"]:
        counts[one["verdict"] or "not judged"] = counts.get(one["verdict"] or "not judged", 0) + 1
    who = sorted({one["judged_by"] for one in facts["prototypes"] if one["judged_by"]})
    rows = [(name, f"{n:,}") for name, n in sorted(counts.items(), key=lambda kv: -kv[1])]
    by = f"<p class=quiet>Judged by {_(', '.join(who))}.</p>" if who else ""
    return "<h2>Verdicts</h2>" + _table(("", ""), rows, numbers=True) + by


def _bans(facts: Mapping[str, Any]) -> str:
    bans = facts["bans"]
    banned = [one for one in facts["prototypes"] if one["forbidden"]]
    if not banned:
        return "<h2>Forbidden prototypes</h2><p>None.</p>"
    rows = [
        (one["id"], one["category"], one["reason"] or "no reason given", one["forbidden_by"],
         one["forbidden_at"])
        for one in banned
    ]  # fmt: skip
    counted = (
        f"<p>With them off, accuracy on {bans['items']:,} items ({_(bans['on'])}) goes from "
        f"{_num(bans['accuracy_before'])} to {_num(bans['accuracy_after'])}, that of the worst "
        f"category from {_num(bans['worst_before'])} to {_num(bans['worst_after'])}; "
        f"{len(bans['flips']):,} predictions over all items of the project change.</p>"
    )
    changed = [
        (p["category"], _num(p["before"]), _num(p["after"]), p["items"])
        for p in bans["per_category"]
        if p["before"] != p["after"]
    ]
    table = _table(("Category", "before", "after", "items"), changed, numbers=True)
    return (
        "<h2>Forbidden prototypes</h2>"
        + _table(("No.", "Category", "Reason", "By", "When"), rows)
        + counted
        + (table if changed else "")
    )


def _how(facts: Mapping[str, Any]) -> str:
    known = {
        "mask": "known masks",
        "estimate": "an estimate (first principal component of the maps), not a known mask",
        "": "nothing (not measured)",
    }[facts["object"]]
    return (
        "<h2>How to read it</h2><p>An image is named by adding up, for every category, the "
        "similarity of its best patch to each prototype times a weight; nothing else takes part. "
        "Every prototype is a patch of a training image, outlined below. The outline is the "
        "connected region around the peak of the similarity map (95th percentile); the network "
        "sees more than it, since its receptive field is larger. Suspicion is the mean of the "
        f"parts given; the object is known from {_(known)}. It ranks prototypes for inspection "
        "and decides nothing: every verdict and ban below is a person's.</p>"
    )


def _cards(prototypes: Sequence[Mapping[str, Any]], pictures: Sequence[str]) -> str:
    found: dict[str, list[str]] = {}
    for one, picture in zip(prototypes, pictures, strict=True):
        found.setdefault(one["category"], []).append(_card(one, picture))
    return "<h2>All prototypes</h2>" + "".join(
        f"<h3><i class=name>{_(name)}</i></h3><div class=cards>{''.join(cards)}</div>"
        for name, cards in sorted(found.items())
    )


def _card(one: Mapping[str, Any], picture: str) -> str:
    facts = [
        ("suspicion", one["suspicion"]),
        *((PARTS[name], one[name]) for name in PARTS if one[name] != ""),
        ("relevance", one["relevance"]),
        ("purity", one["purity"]),
        ("weight", one["weight"]),
        ("supports most", f"{one['usage']} items"),
    ]
    if one["duplicate_of"] != "":
        facts.append(("duplicate of", f"No. {one['duplicate_of']}"))
    if one["relaxed"]:
        facts.append(("projection gave up", one["relaxed"]))
    said = ""
    if one["verdict"]:
        note = f": {one['note']}" if one["note"] else ""
        said += f"<p>Judged <b>{_(one['verdict'])}</b>{_(note)}<br>" + (
            f"<span class=quiet>{_(one['judged_by'])}, {_(one['judged_at'])}</span></p>"
        )
    if one["forbidden"]:
        said += f"<p class=off>Forbidden: {_(one['reason'] or 'no reason given')}</p>"
    listed = "".join(
        f"<dt>{_(name)}</dt><dd>{_num(value)}</dd>" for name, value in facts if value != ""
    )
    return (
        f'<div class=card id=p{one["id"]}><img src="images/{_(picture)}" loading=lazy '
        f'alt="Prototype {one["id"]}: patch of item {one["source_item"]}">'
        f"<b>No. {one['id']}</b> {_(one['branch'])}<br><span class=quiet>item "
        f"{one['source_item']}, {_(one['source_path'])}</span><dl>{listed}</dl>{said}</div>"
    )


def _history(operations: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (o["at"], o["who"], o["host"], o["what"] + (" (undone)" if o["undone"] else ""))
        for o in operations
    ]
    if not rows:
        return "<h2>Decisions</h2><p>None.</p>"
    return "<h2>Decisions, newest first</h2>" + _table(("When (UTC)", "Who", "Where", "What"), rows)


def _table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: bool = False
) -> str:
    def cell(at: int, value: object) -> str:
        return f"<td class=n>{_(value)}</td>" if numbers and at else f"<td>{_(value)}</td>"

    head = "".join(f"<th{' class=n' if numbers and k else ''}>{_(h)}</th>"
                   for k, h in enumerate(header))  # fmt: skip
    top = f"<tr>{head}</tr>" if any(header) else ""
    body = "".join(
        "<tr>" + "".join(cell(at, value) for at, value in enumerate(row)) + "</tr>" for row in rows
    )
    return f"<table>{top}{body}</table>"


def _num(value: object) -> str:
    if isinstance(value, float):
        if value != value:
            return "not known"
        return f"{value:.2g}" if 0 < abs(value) < 1e-3 else f"{value:.3f}"
    return _(value) if value is not None else ""


def _(value: object) -> str:
    return html.escape(str(value))
