"""Discoveries beside each other: which of them fits what was named meanwhile."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.clusters import Discovery
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress

if TYPE_CHECKING:
    from fgvc_studio.services.review_view import DiscoveryView
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
Purity = tuple[float, float, float]
LEAST_NAMED = 10
"""Items named since that two discoveries share before one is called better."""
PLAIN = ("umap-kmeans", "kmeans")
"""Groupings to set beside what a run found."""


def beside(studio: Studio, found: Discovery) -> Generator[Progress, None, None]:
    """Group the same items by the plain methods; `found` stays the one under review.

    A method for which there are too few items is left out.
    """
    items = studio.review.free_items(found.id)
    for method in PLAIN:
        try:
            with suppress(UserError):
                yield from studio.review.group(
                    method, space=found.space or None, count=found.clusters, items=items
                )
        finally:
            studio.review.choose(found.id)


@dataclass(frozen=True, slots=True)
class Standing:
    """One discovery as it was proposed.

    Attributes
    ----------
    stability : float
        Mean over the items; NaN unknown.
    purity : (low, estimate, high) or None
        Mean over the items of what their clusters were estimated at.
    alike : float
        Adjusted Rand index with the discovery under review, over the items of both; NaN without.
    named : int
        Items that have a label by now.
    right : float
        Share of these in the cluster of their category, under one matching; NaN without.
    """

    discovery: Discovery
    stability: float
    purity: Purity | None
    alike: float
    named: int
    right: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """All discoveries, newest first.

    Attributes
    ----------
    current, better : int
        Ids: that under review, and the one that fits what was named better, 0 for none.
    sentence : str
    """

    standings: tuple[Standing, ...]
    current: int
    better: int
    sentence: str


def compare(studio: Studio) -> Comparison:
    """Every discovery beside the one under review.

    What is named by accepting clusters of the one under review speaks for that one. So another is
    called better only where it fits the same items better all the same (95 % interval of the
    difference above 0).
    """
    review = studio.review
    current = review.current()
    views = [review.view(d.id) for d in reversed(review.discoveries())]
    if current is None:
        return Comparison((), 0, 0, "There is no discovery yet.")
    here = review.view(current.id)
    standings = tuple(_standing(studio, view, here) for view in views)
    best, sentence = 0, f"{current.title}: no other discovery fits what was named since better."
    gain = 0.0
    for view in views:
        if view.discovery.id == current.id:
            continue
        found = _gain(studio, here, view)
        if found is not None and found[0] > gain:
            gain, best = found[0], view.discovery.id
            sentence = (
                f"{view.discovery.title} fits what was named since better than "
                f"{current.title}: {100 * found[2]:.0f} % against {100 * found[1]:.0f} % of "
                f"{found[3]:,} items lie in the cluster of their category. Review that one?"
            )
    if not best and max(s.named for s in standings) < LEAST_NAMED:
        sentence = "Too little was named since to tell which fits better: look at the members."
    return Comparison(standings, current.id, best, sentence)


def _standing(studio: Studio, view: DiscoveryView, here: DiscoveryView) -> Standing:
    from fgvc_studio.analysis.metrics_clustering import Cells, ari, matched

    proposed, cluster = view.facts["item_ids"], view.facts["cluster"]
    sizes = np.bincount(cluster)
    stability = view.facts["stability"][: len(sizes)]
    known = np.isfinite(stability) & (sizes > 0)
    mine, other = _shared(view, here)
    alike = float("nan")
    if len(mine) > 1:
        cells = Cells.of(mine, other)
        alike = float(ari(cells, cells.counts())[0])
    truth = studio.catalogue.category[proposed - 1]
    named = truth > 0
    right = float(matched(cluster[named], truth[named]).mean()) if named.any() else float("nan")
    return Standing(
        view.discovery,
        float(np.average(stability[known], weights=sizes[known])) if known.any() else float("nan"),
        view.proposed_purity(),
        alike,
        int(named.sum()),
        right,
    )


def _shared(first: DiscoveryView, second: DiscoveryView) -> tuple[Ids, Ids]:
    """The clusters of both, as proposed, of the items that both hold."""
    _, a, b = np.intersect1d(first.facts["item_ids"], second.facts["item_ids"], return_indices=True)
    return first.facts["cluster"][a], second.facts["cluster"][b]


def _gain(
    studio: Studio, here: DiscoveryView, other: DiscoveryView
) -> tuple[float, float, float, int] | None:
    """(lower bound of the gain, share here, share there, items), None where none can be told."""
    from fgvc_studio.analysis.intervals import paired_difference
    from fgvc_studio.analysis.metrics_clustering import matched

    items = np.intersect1d(here.facts["item_ids"], other.facts["item_ids"])
    truth = studio.catalogue.category[items - 1]
    items, truth = items[truth > 0], truth[truth > 0]
    if len(items) < LEAST_NAMED:
        return None
    right = []
    for view in (here, other):
        order = np.argsort(view.facts["item_ids"])
        at = order[np.searchsorted(view.facts["item_ids"], items, sorter=order)]
        right.append(matched(view.facts["cluster"][at], truth).astype(np.float64))
    low, _ = paired_difference(right[0], right[1])
    return low, float(right[0].mean()), float(right[1].mean()), len(items)
