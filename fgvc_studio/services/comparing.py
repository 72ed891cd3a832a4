"""A trained space beside the frozen one: the same numbers, and whether the difference is real."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.embeddings import EmbeddingSpace
from fgvc_studio.domain.records import Progress, Split
from fgvc_studio.domain.runs import Comparison
from fgvc_studio.services import scoring

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

HEADLINE = "knn10_weighted"
NO_LABELS = (
    "There are no labels, so quality cannot be measured; judge by the neighbours of a few images."
)
NO_UNSEEN = (
    "Every labelled item was learned from and no categories were hidden, so there is no honest "
    "measure of quality; judge by the neighbours of a few images, or keep some items in the split "
    "test."
)
_LEAST = 5
"""Fewer queries are not scored."""
_MOST = 20_000

Ints = NDArray[np.int64]


def compare(
    studio: Studio,
    base: str,
    trained: str,
    *,
    probe: bool = True,
    learned: Ints | None = None,
) -> Generator[Progress, None, Comparison]:
    """Score two spaces with the labels that the project holds.

    With labelled items in the split test, they are the queries and the other labelled items the
    gallery; else every labelled item is both, itself left out.

    Parameters
    ----------
    learned : ndarray int64, optional
        Items whose labels were learned from: they are no queries, and without others nothing is
        claimed.
    """
    from fgvc_studio.analysis import intervals

    spaces = [studio.exploring.space(name) for name in (base, trained)]
    ids = np.intersect1d(spaces[0].item_ids, spaces[1].item_ids)
    category = studio.catalogue.columns.category[ids - 1].astype(np.int64)
    ids, category = ids[category > 0], category[category > 0]
    split = studio.catalogue.columns.split[ids - 1]
    test = split == Split.TEST
    if learned is not None:
        test &= ~np.isin(ids, learned)
    apart = test.any() and (~test).any()
    if learned is not None and not apart:
        return Comparison("", NO_UNSEEN)
    queries = np.flatnonzero(test) if apart else np.arange(len(ids))
    gallery = np.flatnonzero(~test) if apart else queries
    protocol = "test against all other labelled items" if apart else "each labelled item in turn"
    if len(queries) < _LEAST or len(np.unique(category[gallery])) < 2:
        return Comparison(protocol, NO_LABELS)
    if len(queries) > _MOST:
        queries = np.sort(np.random.default_rng(0).choice(queries, _MOST, replace=False))
    found: list[dict[str, NDArray[np.float64]]] = []
    for space, name in zip(spaces, ("frozen", "trained"), strict=True):
        yield Progress(len(found), 2, f"Scoring the {name} space")
        found.append(_values(space, ids, category, gallery, queries))
    metrics = [{name: scoring.mean(v) for name, v in values.items()} for values in found]
    if probe and apart:
        for space, made, name in zip(spaces, metrics, ("frozen", "trained"), strict=True):
            task = _task(studio, space, ids, category, gallery, queries)
            yield Progress(2, 2, f"Linear probe of the {name} space")
            try:
                made |= yield from scoring.linear_probe(task)
            except scoring.NotScored:
                continue
    difference: dict[str, scoring.Metric] = {}
    for name in (HEADLINE, "recall@1", "map@r"):
        first, second = found[0][name], found[1][name]
        both = ~(np.isnan(first) | np.isnan(second))
        low, high = intervals.paired_difference(first[both], second[both])
        value = float(np.mean(second[both] - first[both])) if both.any() else float("nan")
        difference[name] = {"value": value, "low": low, "high": high, "n": int(both.sum())}
    better = float(difference[HEADLINE]["low"]) > 0
    return Comparison(
        protocol=protocol,
        verdict=_verdict(metrics, difference[HEADLINE], better),
        better=better,
        metrics=metrics[1],
        baseline=metrics[0],
        difference=difference,
    )


def _values(
    space: EmbeddingSpace, ids: Ints, category: Ints, gallery: Ints, queries: Ints
) -> dict[str, NDArray[np.float64]]:
    """One value per query and metric."""
    from fgvc_studio.analysis import metrics_retrieval, probes

    vectors = np.asarray(space.vectors[space.rows_of(ids)], np.float32)
    place = np.full(len(ids), -1, np.int64)
    place[gallery] = np.arange(len(gallery))
    own = place[queries]
    ranked = metrics_retrieval.retrieval(
        vectors[gallery], category[gallery], vectors[queries], category[queries], own
    )
    named = probes.weighted_knn(vectors[gallery], category[gallery], vectors[queries], own=own)
    return {
        HEADLINE: (named == category[queries]).astype(np.float64),
        "recall@1": ranked.recall_at(1),
        "recall@5": ranked.recall_at(5),
        "map@r": ranked.map_at_r,
        "map": ranked.average_precision,
        "map@100": ranked.precision_100,
    }


def _task(
    studio: Studio,
    space: EmbeddingSpace,
    ids: Ints,
    category: Ints,
    gallery: Ints,
    queries: Ints,
) -> scoring.Task:
    from fgvc_studio.services import pictures

    rows = space.rows_of(ids)
    return scoring.Task(
        vectors=np.asarray(space.vectors[rows], np.float32),
        norms=None if space.norms is None else np.asarray(space.norms[rows], np.float32),
        gallery=gallery,
        queries=queries,
        label=category,
        fit=np.full(len(ids), -1, np.int64),
        seed=0,
        lane=studio.exploring.lane,
        histograms=lambda rows: pictures.histograms(studio, ids[rows]),
    )


def _verdict(
    metrics: list[dict[str, scoring.Metric]], difference: scoring.Metric, better: bool
) -> str:
    frozen, trained = (100 * float(m[HEADLINE]["value"]) for m in metrics)
    numbers = (
        f"{trained:.1f} % of the neighbour votes are right, {frozen:.1f} % in the frozen space "
        f"(difference {100 * difference['value']:+.1f}, 95 % interval "
        f"{100 * difference['low']:+.1f} to {100 * difference['high']:+.1f})."
    )
    if better:
        return f"The trained space is better than the frozen one: {numbers}"
    return f"The trained space is not better than the frozen one; keep the frozen space: {numbers}"
