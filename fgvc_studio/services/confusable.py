"""Which categories are easily taken for which: those whose named items lie nearest in a space."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

_SAMPLE = 40
"""Items of a category that its centre is taken from."""


def confusable(
    studio: Studio, category_ids: Iterable[int], k: int = 3, *, space: str | None = None
) -> list[int]:
    """The k categories nearest to each of these, by the cosine of their centres.

    Returns
    -------
    list of int
        Without the categories asked about, nearest first.

    Raises
    ------
    UserError
        There is no such space.
    """
    from fgvc_studio.analysis.cluster_quality import means

    opened = studio.exploring.space(space)
    labels = studio.catalogue.category
    known = opened.item_ids <= len(labels)
    category = np.where(known, labels[np.where(known, opened.item_ids, 1) - 1], 0)
    order = np.argsort(category, kind="stable")
    names, starts, counts = np.unique(category[order], return_index=True, return_counts=True)
    steps = [np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64) for n in counts]
    rows = [order[start + step] for start, step in zip(starts, steps, strict=True)]
    rows = [part for name, part in zip(names, rows, strict=True) if name]
    names = names[names > 0]
    asked = np.isin(names, list(category_ids))
    if not asked.any() or asked.all():
        return []
    chosen = np.concatenate(rows)
    vectors = np.asarray(opened.vectors[chosen], np.float32)
    index = np.repeat(np.arange(len(names)), [len(part) for part in rows])
    centres = means(vectors, index, len(names))
    likeness = np.where(asked, -np.inf, centres[asked] @ centres.T)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : min(k, int((~asked).sum()))]
    found = dict.fromkeys(nearest.T.ravel().tolist())
    return [int(names[at]) for at in found]
