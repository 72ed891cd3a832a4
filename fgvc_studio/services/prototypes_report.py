"""The audit report of a prototype model: HTML to read, CSV and JSON to compute with."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fgvc_studio import __version__
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import Effects, Prototype
from fgvc_studio.domain.records import Operation, Progress
from fgvc_studio.services import (
    prototypes_plate,
    prototypes_quality,
    prototypes_report_html,
    prototypes_table,
)
from fgvc_studio.services.prototypes_open import Opened
from fgvc_studio.store.arrays import write_atomic

HTML, CSV, JSON, IMAGES = "report.html", "prototypes.csv", "report.json", "images"
_THUMB = 260
_VERBS = frozenset({"verdict", "forbid", "restore"})
_HISTORY = 10_000

COLUMNS = (
    "id", "branch", "category_id", "category", "source_item", "source_path", "x", "y", "width",
    "height", "suspicion", "outside", "outside_estimated", "tied", "other_categories", "border",
    "disparate", "irrelevant", "relevance", "purity", "weight", "usage", "duplicate_of",
    "relaxed", "forbidden", "reason", "forbidden_by", "forbidden_at", "verdict", "note",
    "judged_by", "judged_at",
)  # fmt: skip
"""Columns of the CSV table."""


def report(
    opened: Opened, table: Sequence[Prototype], off: Sequence[int], out: Path
) -> Generator[Progress, None, list[Path]]:
    """Write the report into a folder; gives the files.

    Raises
    ------
    UserError
        The folder holds something else, or cannot be written.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file.", "Name a folder.")
    if out.is_dir() and any(out.iterdir()) and not (out / JSON).is_file():
        raise UserError(f"{out} holds other files.", "Name a new or empty folder.")
    quality = yield from prototypes_quality.quality(opened)
    effects = prototypes_table.effects(opened, off)
    said = _said(opened, table)
    rows = [row_of(opened, one, by) for one, by in zip(table, said, strict=True)]
    facts = _facts(opened, quality, effects, rows)
    try:
        (out / IMAGES).mkdir(parents=True, exist_ok=True)
        pictures = []
        for done, prototype in enumerate(table):
            if done % 10 == 0:
                yield Progress(done, len(table), "Drawing the prototypes")
            pictures.append(_picture(opened, prototype, out / IMAGES))
        write_atomic(out / CSV, _csv(rows).encode("utf-8-sig"))
        write_atomic(out / JSON, json.dumps(facts, indent=1, ensure_ascii=False).encode())
        page = prototypes_report_html.page(facts, [p.name for p in pictures])
        write_atomic(out / HTML, page.encode())
    except OSError as error:
        raise UserError(
            f"The report cannot be written to {out}: {error.strerror}.", "Choose another folder."
        ) from error
    yield Progress(len(table), len(table), "Report written")
    return [out / HTML, out / CSV, out / JSON, *pictures]


def row_of(opened: Opened, one: Prototype, said: dict[str, object]) -> dict[str, object]:
    """A prototype as a line of the CSV table."""
    catalogue, box = opened.studio.catalogue, one.source.box
    return {
        "id": one.id,
        "branch": one.branch,
        "category_id": one.category_id,
        "category": catalogue.path_name(one.category_id),
        "source_item": one.source.item_id,
        "source_path": catalogue.columns.paths[one.source.item_id - 1],
        **{n: round(float(getattr(box, n)), 1) for n in ("x", "y", "width", "height")},
        "suspicion": _number(one.suspicion),
        **{name: _number(one.parts.get(name)) for name in COLUMNS[11:18]},
        "relevance": _number(one.relevance),
        "purity": _number(one.purity),
        "weight": _number(one.weight),
        "usage": one.usage,
        "duplicate_of": "" if one.duplicate_of is None else one.duplicate_of,
        "relaxed": opened.bundle.relaxed[one.id],
        "forbidden": int(one.forbidden),
        "reason": one.reason,
        "verdict": str(one.verdict or ""),
        "note": one.note,
        **said,
    }


def _said(opened: Opened, table: Sequence[Prototype]) -> list[dict[str, object]]:
    """Who judged and forbade each prototype, and when."""
    store = opened.studio.store.verdicts
    judged = {j.prototype: j for j in store.of_run(opened.name)}
    banned = {b.prototype: b for b in store.bans_of_run(opened.name)}
    made: list[dict[str, object]] = []
    for one in table:
        j, b = judged.get(one.id), banned.get(one.id)
        made.append(
            {
                "forbidden_by": b.who if b else "",
                "forbidden_at": when(b.at) if b else "",
                "judged_by": j.who if j else "",
                "judged_at": when(j.at) if j else "",
            }
        )
    return made


def _facts(
    opened: Opened,
    quality: dict[str, float],
    effects: Effects,
    rows: list[dict[str, object]],
) -> dict[str, Any]:
    """Everything that the report says, for JSON."""
    studio, bundle, run = opened.studio, opened.bundle, opened.run
    measured = prototypes_table.measured_object(opened)
    return {
        "report": "audit of a prototype classifier",
        "software": f"FGVC Studio {__version__}",
        "written": when(time.time()),
        "by": studio.who,
        "project": {"name": studio.store.name, "id": studio.store.id, "items": studio.catalogue.n},
        "run": {
            "id": run.id,
            "trained": when(run.created),
            "derived": dict(opened.derived),
            "backbone": run.backbone,
            "seed": run.seed,
            "model_sha256": bundle.model,
            "categories": len(bundle.category_ids),
            "prototypes": bundle.count,
            "training_items": len(bundle.training),
            "validation_items": len(bundle.validation),
            "settings": dict(run.config),
        },
        "evaluation": {stage: dict(values) for stage, values in bundle.evaluation.items()},
        "calibration": {
            "temperature": bundle.temperature,
            "error": bundle.calibration_error,
            "fitted_on": bundle.calibrated_on,
        },
        "object": measured,
        "quality": quality,
        "bans": {
            **{
                f.name: getattr(effects, f.name)
                for f in dataclasses.fields(effects)
                if f.name not in ("flips", "per_category")
            },
            "worst_before": effects.worst[0],
            "worst_after": effects.worst[1],
            "per_category": [
                {"category": studio.catalogue.path_name(c), "before": b, "after": a, "items": n}
                for c, b, a, n in effects.per_category
            ],
            "flips": [flip._asdict() for flip in effects.flips],
        },
        "prototypes": rows,
        "history": [_told(o) for o in _history(opened)],
    }


def _history(opened: Opened) -> list[Operation]:
    found = opened.studio.labelling.history(limit=_HISTORY)
    return [o for o in found if o.verb in _VERBS and o.run_id == opened.name]


def _told(o: Operation) -> dict[str, object]:
    return {
        "operation": o.id,
        "at": when(o.at),
        "who": o.who,
        "host": o.host,
        "what": o.summary,
        "kind": o.kind,
        "undone": o.undone,
    }


def _picture(opened: Opened, prototype: Prototype, folder: Path) -> Path:
    """The source with its patch outlined, as JPEG."""
    from PIL import ImageDraw

    picture, scale, corner = prototypes_plate.shown_picture(opened, prototype.source.item_id)
    factor = min(1.0, _THUMB / max(picture.size))
    small = picture.resize(
        (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    )
    points = (prototypes_plate.outline(opened, prototype) - corner) * scale * factor
    line = [(float(x), float(y)) for x, y in points]
    draw = ImageDraw.Draw(small)
    draw.line(line, fill=(255, 255, 255), width=4, joint="curve")
    draw.line(line, fill=(230, 159, 0), width=2, joint="curve")
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    path = folder / f"prototype-{prototype.id:04}.jpg"
    write_atomic(path, buffer.getvalue())
    return path


def _csv(rows: list[dict[str, object]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _number(value: float | None) -> object:
    return "" if value is None or value != value else round(float(value), 5)


def when(at: float) -> str:
    """Unix time as ISO 8601, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
