"""The sample project: made from generated moths, and the whole loop run over it."""

from __future__ import annotations

import csv
import html
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import LabelSource, Mark, Progress
from fgvc_studio.services import batch, demo_training
from fgvc_studio.services.browsing import Filter, Order, apply
from fgvc_studio.services.studio import Studio

PROJECT = "Sample moths.fgvc"
_MOST_WORKERS = 4
SURE = 0.4
"""Share of the neighbours' vote from which the simulated expert looks at a suggestion."""


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step of the loop."""

    name: str
    seconds: float
    result: str


@dataclass
class DemoReport:
    """What the headless loop did."""

    path: Path
    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)
    screenshots: list[Path] = field(default_factory=list)
    runs: list[demo_training.Trained] = field(default_factory=list)


def default_folder() -> Path:
    """Where the sample project lives when nothing is said."""
    return Path(platformdirs.user_data_dir("fgvc-studio")) / "sample"


def make_project(folder: Path, images: int = 600) -> Generator[Progress, None, Path]:
    """Draw the photos and import them, unless that is done; returns the project folder."""
    from fgvc_studio.sample import dataset

    project = folder / PROJECT
    if (project / "project.toml").is_file():
        with Studio.open(project, read_only=True) as studio:
            if studio.catalogue.n >= images:
                yield Progress(images, images, "The sample project is there")
                return project
    photos = folder / "photos"
    if not (photos / "labels.csv").is_file():
        workers = min(_MOST_WORKERS, os.cpu_count() or 1)
        yield from dataset.generate(photos, images=images, seed=0, workers=workers)
    studio = Studio.open(project) if project.exists() else Studio.create(project)
    with studio:
        yield from import_photos(studio, photos)
    return project


def import_photos(studio: Studio, photos: Path) -> Generator[Progress, None, Any]:
    """Import the generated photos with their labels and the checklist."""
    if not studio.catalogue.categories:
        batch.import_checklist(studio, photos / "checklist.csv")
    from fgvc_studio.interchange.base import ColumnMapping

    return (
        yield from studio.ingest.run(
            photos,
            format="image_folder",
            labels=photos / "labels.csv",
            mapping=ColumnMapping(label=("genus", "species"), split="split"),
        )
    )


def open_window(project: Path) -> None:
    """Open a project in the window and wait until it is closed."""
    subprocess.run(_command([str(project)]), check=False)


def _command(arguments: list[str]) -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "fgvc_studio", *arguments]


def run_loop(project: Path, out: Path) -> Generator[Progress, None, DemoReport]:
    """Embed, map, name, undo, evaluate, train each method, export; leave a report with pictures."""
    out.mkdir(parents=True, exist_ok=True)
    report = DemoReport(out / "report.html")
    started = time.monotonic()
    with Studio.open(project) as studio:
        truth = _truth(project.parent / "photos" / "truth.csv", studio)

        def record(name: str, begin: float, result: str) -> None:
            report.steps.append(Step(name, time.monotonic() - begin, result))

        begin = time.monotonic()
        embedded = yield from studio.embedding.run()
        record("embed", begin, f"{embedded.items:,} items, {embedded.runtime}")
        begin = time.monotonic()
        yield from studio.exploring.map(method="pca")
        made = yield from studio.exploring.map(method="umap")
        record("map", begin, f"{len(made.item_ids):,} points")
        begin = time.monotonic()
        groups = int(made.groups.max()) + 1 if made.groups is not None else 0
        record("cluster", begin, f"{groups} groups on the map")
        begin = time.monotonic()
        record("label", begin, (yield from _review_suggestions(studio, truth)))
        begin = time.monotonic()
        record("undo and redo", begin, _undo_and_redo(studio))
        begin = time.monotonic()
        metrics = yield from studio.evaluating.run(None)
        recall = metrics["metrics"]["recall@1"]
        record(
            "evaluate",
            begin,
            f"Recall@1 {recall['value']:.3f} ({recall['low']:.3f} - {recall['high']:.3f})",
        )
        report.runs = yield from demo_training.run_all(
            studio, project.parent / "photos" / "truth.csv"
        )
        report.steps += [Step(f"train {r.method}", r.seconds, r.result) for r in report.runs]
        begin = time.monotonic()
        exported = yield from studio.exporting.run(out / "labels.csv", "csv")
        record("export", begin, f"{exported.rows:,} rows")
    begin = time.monotonic()
    yield Progress(0, 1, "Taking screenshots")
    report.screenshots = screenshots(project, out)
    record("screenshots", begin, f"{len(report.screenshots)} pictures")
    report.seconds = time.monotonic() - started
    _write(report)
    yield Progress(1, 1, "Report written")
    return report


def _truth(path: Path, studio: Studio) -> dict[int, str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    items = studio.store.images.items_of_paths([r["path"] for r in rows])
    return {items[r["path"]]: r["species"] for r in rows if r["path"] in items}


def _review_suggestions(studio: Studio, truth: dict[int, str]) -> Generator[Progress, None, str]:
    """Name as an expert would who goes through the suggestions, one category at a time.

    Items are gathered under the category that their neighbours suggest; the expert strikes out
    what is wrong and names the rest with one key.
    """
    catalogue = studio.catalogue
    open_items = apply(catalogue, studio.store, Filter(state="unlabelled"), Order())
    proposed: dict[int, list[int]] = {}
    for done, item in enumerate(open_items.tolist(), 1):
        best = studio.exploring.suggestions(item, 1)
        if best and best[0][1] >= SURE:
            proposed.setdefault(best[0][0], []).append(item)
        yield Progress(done, len(open_items), "Reviewing suggestions")
    named = struck = 0
    for category, items in proposed.items():
        right = [i for i in items if truth.get(i) == catalogue.name(category)]
        wrong = [i for i in items if i not in set(right)]
        if wrong:
            studio.labelling.reject(np.array(wrong), category)
            struck += len(wrong)
        if right:
            studio.labelling.label(np.array(right), category, source=LabelSource.HUMAN)
            named += len(right)
    left = apply(catalogue, studio.store, Filter(state="unlabelled"), Order())
    if len(left):
        studio.labelling.mark(left[:5], Mark.FLAGGED)
    return f"{named:,} items named under {len(proposed)} names, {struck:,} struck out, " + (
        f"{len(left):,} left for a closer look"
    )


def _undo_and_redo(studio: Studio) -> str:
    before = studio.catalogue.columns.marks.copy()
    undone = studio.labelling.undo()
    redone = studio.labelling.redo()
    if undone is None or redone is None:
        return "nothing to undo"
    same = bool((before == studio.catalogue.columns.marks).all())
    return f"{undone.operation.summary}: {'restored' if same else 'NOT restored'}"


def screenshots(project: Path, out: Path) -> list[Path]:
    """Pictures of the window on the project, drawn offscreen by a process of its own.

    Raises
    ------
    UserError
        The window could not be drawn.
    """
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        _command(["--screenshots", str(out), str(project)]),
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    pictures = sorted(out.glob("*.png"))
    if done.returncode or not pictures:
        tail = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise UserError(
            f"The window could not be drawn: {tail[0]}",
            "Run fgvc-studio doctor: it names the missing Qt libraries.",
        )
    return pictures


def _write(report: DemoReport) -> None:
    row: Callable[[Step], str] = lambda s: (  # noqa: E731
        f"<tr><td>{html.escape(s.name)}</td><td>{s.seconds:.1f} s</td>"
        f"<td>{html.escape(s.result)}</td></tr>"
    )
    pictures = "".join(
        f'<h2>{html.escape(p.stem.replace("-", " "))}</h2><img src="{html.escape(p.name)}" '
        f'alt="{html.escape(p.stem)}" style="max-width:100%">'
        for p in report.screenshots
    )
    report.path.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><title>FGVC Studio sample run</title>"
        "<style>body{font:15px sans-serif;max-width:1100px;margin:2em auto}"
        "td{padding:.2em 1em .2em 0;border-bottom:1px solid #ddd}</style>"
        f"<h1>Sample run</h1><p>{report.seconds:.0f} seconds</p>"
        f"<table>{''.join(map(row, report.steps))}</table>"
        f"{demo_training.cards_html(report.runs)}{pictures}</html>",
        "utf-8",
    )
