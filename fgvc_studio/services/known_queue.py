"""Items that a discovery left out because they probably belong to a known category."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]


def gated(studio: Studio, discovery: int) -> tuple[Ids, Ids]:
    """Items ``(m,)`` that a discovery left out, and the category that each probably has."""
    facts = studio.store.clusters.facts(discovery)
    return facts["gated"], facts["gated_category"]


def waiting(studio: Studio, items: Ids, categories: Ids) -> dict[int, Ids]:
    """Category id -> items (ascending) that still wait for a decision, of those that were gated.

    An item waits until it has a label, or is known not to be of the category.
    """
    inside = items <= studio.catalogue.n
    items, categories = items[inside], categories[inside]
    free = studio.catalogue.category[items - 1] == 0
    items, categories = items[free], categories[free]
    found: dict[int, Ids] = {}
    for category in np.unique(categories).tolist():
        if category in studio.catalogue.categories:
            left = np.setdiff1d(
                items[categories == category], studio.store.labels.refused(category)
            )
            if len(left):
                found[category] = left
    return found
