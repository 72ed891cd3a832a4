"""Grouping unnamed items, and estimating how many categories they hold."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgvc_studio.domain.clusters import CountCurve, Found
from fgvc_studio.domain.embeddings import EmbeddingSpace
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress
from fgvc_studio.services.review_found import MOST_LABELLED

if TYPE_CHECKING:
    from fgvc_studio.analysis.class_count import CountEstimate
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]
LEAST = 4
_STEPS = 9
GUIDES = 5
TITLES = {
    "kmeans": "k-means",
    "umap-kmeans": "UMAP + k-means",
    "hdbscan": "HDBSCAN",
    "guided": "Guided UMAP + k-means",
    "guided-hdbscan": "Guided HDBSCAN",
}


def pool_of(
    studio: Studio, space: str | None, items: ArrayLike | None
) -> tuple[EmbeddingSpace, Ids]:
    """A space and the items of it to group, by default those without a label.

    Raises
    ------
    UserError
        Fewer than four.
    """
    opened = studio.exploring.space(space)
    inside = opened.item_ids[opened.item_ids <= studio.catalogue.n]
    if items is None:
        chosen = inside[studio.catalogue.category[inside - 1] == 0]
    else:
        chosen = np.intersect1d(np.asarray(items, np.int64), inside)
    if len(chosen) < LEAST:
        raise UserError(
            f"{len(chosen)} items are without a label in {opened.info.name}; grouping needs "
            f"{LEAST}.",
            "Choose more items, or embed the new ones first.",
        )
    return opened, chosen


def grouped(
    studio: Studio,
    method: str,
    *,
    space: str | None,
    count: int,
    items: ArrayLike | None,
    seed: int,
    size: int = 0,
) -> Generator[Progress, None, Found]:
    """Group items; see `Review.group`."""
    from fgvc_studio.analysis import class_count, grouping

    if method not in grouping.METHODS:
        raise UserError(f"There is no grouping {method}.", f"Use {', '.join(grouping.METHODS)}.")
    if count < 0 or count == 1:
        raise UserError(f"{count} groups cannot be made.", "Ask for two or more, or 0 to estimate.")
    opened, pool = pool_of(studio, space, items)
    vectors = np.asarray(opened.vectors[opened.rows_of(pool)], np.float32)
    known_vectors, labels = _labelled(studio, opened, pool)
    if method.startswith("guided") and len(np.unique(labels)) < GUIDES:
        raise UserError(
            f"{GUIDES} named categories are needed as guides.", "Use umap-kmeans, or name more."
        )
    low = high = count
    curve: tuple[tuple[int, float], ...] = ()
    if not count and not method.endswith("hdbscan"):
        guess = yield from _estimate(studio, vectors, known_vectors, labels, seed)
        low, count, high = guess.low, max(2, guess.count), guess.high
        curve = _points(guess)
    size = size or class_count.cluster_size(labels)
    found = yield from studio.exploring.lane().run(
        grouping.group,
        vectors,
        method,
        count,
        size,
        seed,
        known_vectors,
        labels,
        title=f"Grouping by {TITLES[method]}",
    )
    inside = found.cluster >= 0
    if not inside.any():
        raise UserError(
            "No dense groups stand out.", "Use k-means, or choose a different set of items."
        )
    made = len(found.stability)
    return Found(
        source=method,
        title=f"{TITLES[method]}, {made} clusters",
        space=opened.info.name,
        item_ids=pool[inside],
        cluster=found.cluster[inside],
        agreement=found.agreement[inside],
        stability=found.stability,
        low=low or made,
        estimate=count or made,
        high=high or made,
        curve=curve,
    )


def _labelled(studio: Studio, opened: EmbeddingSpace, pool: Ids) -> tuple[Floats, Ids]:
    """Vectors and categories of named items outside the pool, 20,000 at most."""
    inside = opened.item_ids[opened.item_ids <= studio.catalogue.n]
    named = inside[(studio.catalogue.category[inside - 1] > 0) & ~np.isin(inside, pool)]
    if len(named) > MOST_LABELLED:
        named = np.sort(np.random.default_rng(0).choice(named, MOST_LABELLED, replace=False))
    labels = studio.catalogue.category[named - 1].astype(np.int64)
    return np.asarray(opened.vectors[opened.rows_of(named)], np.float32), labels


def _estimate(
    studio: Studio, vectors: Floats, known_vectors: Floats, labels: Ids, seed: int
) -> Generator[Progress, None, CountEstimate]:
    from fgvc_studio.analysis import class_count

    everything = np.concatenate([vectors, known_vectors])
    all_labels = np.concatenate([np.full(len(vectors), -1, np.int64), labels])
    guess: CountEstimate = yield from studio.exploring.lane().run(
        class_count.estimate, everything, all_labels, seed, title="Counting categories"
    )
    return guess


def _points(guess: CountEstimate) -> tuple[tuple[int, float], ...]:
    curve = guess.curve
    return tuple(zip(curve.counts.tolist(), curve.scores.tolist(), strict=True))


def estimated(
    studio: Studio, *, space: str | None, items: ArrayLike | None, seed: int
) -> Generator[Progress, None, CountCurve]:
    """Estimate the number of categories; see `Review.estimate`."""
    from fgvc_studio.analysis import class_count, grouping

    opened, pool = pool_of(studio, space, items)
    vectors = np.asarray(opened.vectors[opened.rows_of(pool)], np.float32)
    known_vectors, labels = _labelled(studio, opened, pool)
    guess = yield from _estimate(studio, vectors, known_vectors, labels, seed)
    scores = dict(_points(guess))
    steps = np.unique(np.linspace(2, max(2, 2 * guess.high), _STEPS).round().astype(np.int64))
    wanted = np.union1d(steps, [guess.low, guess.count, guess.high])
    wanted = wanted[(wanted > 1) & (wanted < len(pool))]
    repeats = yield from studio.exploring.lane().run(
        grouping.repeats, vectors, wanted, title="Repeating with other seeds"
    )
    error = None
    if len(np.unique(labels)) >= class_count.HIDE_EVERY * 3:
        calibration = yield from studio.exploring.lane().run(
            class_count.calibrate, known_vectors, labels, seed, title="Testing on known categories"
        )
        error = calibration.error
    stability = dict(zip(repeats.counts.tolist(), repeats.stability.tolist(), strict=True))
    points = tuple(
        (k, scores.get(k, float("nan")), stability.get(k, float("nan")))
        for k in sorted({*scores, *stability})
    )
    return CountCurve(
        low=guess.low,
        estimate=guess.count,
        high=guess.high,
        points=points,
        seeds=tuple(guess.stability.tolist()),
        rules=guess.rules,
        error=error,
    )
