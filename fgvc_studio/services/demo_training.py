"""Short runs of all methods on the sample project, and their cards for its report."""

from __future__ import annotations

import html
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.domain.runs import Metrics, RunCard
from fgvc_studio.methods import registry

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

SHORT: Mapping[str, Mapping[str, object]] = {
    "cmd": {"epochs": 4, "global_views": 2, "local_views": 2, "local_per_step": 2},
    "ecaml": {"steps": 120, "views": 2},
    "st-protopnet": {"epochs": 6, "warm_epochs": 3, "last_layer_epochs": 3},
    "crkd": {"known_epochs": 15, "epochs": 20, "least_steps": 80, "views": 2, "hidden": 128},
}
"""Settings of a minute or less; runs that count take the presets."""


@dataclass(frozen=True)
class Trained:
    """A short run.

    Attributes
    ----------
    result : str
        One line: what came of it, or why it could not be made.
    scores : mapping
        What the truth says of the clusters; empty without any.
    """

    method: str
    seconds: float
    result: str
    card: RunCard | None = None
    scores: Metrics = field(default_factory=dict)


def run_all(studio: Studio, truth: Path) -> Generator[Progress, None, list[Trained]]:
    """Train each method once with small settings and look at what it made.

    Parameters
    ----------
    truth : Path
        Table with the true species of all photos, for scoring only.
    """
    made = []
    for method in registry.methods():
        begin = time.monotonic()
        try:
            found = yield from _run(studio, method, truth)
        except UserError as error:  # too few labels, say: told in the report
            found = Trained(method.name, 0.0, f"{error.what} {error.remedy}")
        seconds = time.monotonic() - begin
        made.append(Trained(found.method, seconds, found.result, found.card, found.scores))
    return made


def _run(
    studio: Studio, method: registry.Method, truth: Path
) -> Generator[Progress, None, Trained]:
    settings = dict(SHORT[method.name])
    result = yield from studio.training.run(method.name, train="head", settings=settings)
    if result is None:
        raise RuntimeError("the sample run is made by one process")
    told, scores = result.card.verdict, {}
    if method.makes == registry.CLASSIFIER:
        yield from studio.prototypes.prepare(result.run)
        worst = max(studio.prototypes.table(result.run), key=lambda p: p.suspicion)
        category = studio.catalogue.name(worst.category_id)
        told += f" The most suspicious prototype is {worst.id} ({category}, {worst.branch})."
    elif method.makes == registry.CLUSTERS:
        report = yield from studio.evaluating.run(
            run=result.run, truth=truth, label_column="species"
        )
        scores = report["metrics"]
        told = report["verdict"] or told
    return Trained(method.name, 0.0, f"{result.run}: {told}", result.card, scores)


def cards_html(made: list[Trained]) -> str:
    """The cards of the runs as HTML."""
    return "".join(_card(one, one.card) for one in made if one.card is not None)


def _card(one: Trained, card: RunCard) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{_number(before)}</td><td>{_number(after)}</td></tr>"
        for name, before, after in _rows({**card.metrics, **one.scores}, card.baseline)
    )
    title = next(m.title for m in registry.methods() if m.name == card.method)
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in (*card.notes, *card.alarms))
    return (
        f"<h2>{html.escape(title)}</h2><p>{html.escape(one.result)}</p>"
        f"<table><tr><th>metric<th>before<th>trained</tr>{rows}</table><ul>{notes}</ul>"
    )


def _rows(metrics: Metrics, baseline: Metrics) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*metrics, *baseline]):
        yield name, baseline.get(name), metrics.get(name)


def _number(metric: Mapping[str, float] | None) -> str:
    if metric is None:
        return ""
    return f"{metric['value']:.3f} ({metric['low']:.3f} - {metric['high']:.3f})"
