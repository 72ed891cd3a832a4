"""Placing what is left: pages of free items, each with the category that it most likely has.

After the clusters are named, single items remain that were struck out or lay between. A page
shows many of them at once under their likely categories; the expert corrects the wrong ones and
takes the rest with one key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import LabelSource

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]
PAGE = 50
_VOTES = 10


@dataclass(frozen=True, slots=True, eq=False)
class PlacePage:
    """Items ``(n,)`` with their likely category and its share of the vote; alike side by side."""

    item_ids: Ids
    category_ids: Ids
    confidence: Floats


def likely(
    studio: Studio, items: ArrayLike | None = None, *, space: str | None = None
) -> PlacePage:
    """The likely category of free items, surest first.

    The weighted vote of the ten nearest named items in the guided space; categories that an item
    is known not to have do not count.

    Parameters
    ----------
    items : array of int, optional
        All unlabelled items of the space by default.

    Raises
    ------
    UserError
        Nothing named yet, or nothing left.
    """
    from fgvc_studio.analysis import neighbours, probes

    made = studio.guiding.of(studio.exploring.space(space))
    labels = studio.catalogue.category[made.item_ids - 1].astype(np.int64)
    free = labels == 0
    if items is not None:
        free &= np.isin(made.item_ids, np.asarray(items, np.int64))
    named = np.flatnonzero(labels)
    if not len(named):
        raise UserError("No item is named yet.", "Name some items or accept a cluster first.")
    if not free.any():
        raise UserError("No items are left to place.", "All of them are named.")
    ids, gallery = made.item_ids[free], made.vectors[named]
    rows, scores = neighbours.search(gallery, made.vectors[free], min(_VOTES, len(named)))
    names, coded = np.unique(labels[named], return_inverse=True)
    near = np.where(rows >= 0, coded[np.maximum(rows, 0)], -1)
    shares = probes.votes(near, scores, len(names))
    for c, category in enumerate(names.tolist()):
        shares[np.isin(ids, studio.store.labels.refused(category)), c] = 0
    best = shares.argmax(1)
    sure = shares[np.arange(len(ids)), best].astype(np.float32)
    order = np.argsort(-sure, kind="stable")
    return PlacePage(ids[order], names[best][order], sure[order])


def first_page(
    studio: Studio,
    items: ArrayLike | None = None,
    *,
    space: str | None = None,
    page: int = PAGE,
) -> PlacePage:
    """The page to look at next: the surest items, those of one category side by side."""
    found = likely(studio, items, space=space)
    top = slice(0, max(1, page))
    order = np.lexsort((-found.confidence[top], found.category_ids[top]))
    return PlacePage(
        found.item_ids[top][order], found.category_ids[top][order], found.confidence[top][order]
    )


def accept(
    studio: Studio,
    page: PlacePage,
    *,
    wrong: ArrayLike = (),
    corrected: Mapping[int, int] | None = None,
) -> OpChanges | None:
    """Name the items of a page that was looked at, as one operation.

    Parameters
    ----------
    wrong : array of int
        Items that stay free and are noted not to be of the category shown.
    corrected : mapping of int to int, optional
        Item -> the category that it has instead.
    """
    fixed = dict(corrected or {})
    refused = np.isin(page.item_ids, np.asarray(wrong, np.int64).ravel())
    if not set(fixed) <= set(page.item_ids.tolist()):
        raise UserError("Some of these items are not on the page.", "Choose items of the page.")
    category = page.category_ids.copy()
    for item, c in fixed.items():
        category[page.item_ids == item] = c
    missing = set(category.tolist()) - set(studio.catalogue.categories)
    if missing:
        raise UserError(
            f"There is no category {missing.pop()}.", "Choose one from the tree or add it."
        )
    taken = ~refused
    labels = studio.store.labels
    with studio.store.operations.record("place", "", who=studio.who) as recording:
        if refused.any():
            labels.reject(page.item_ids[refused], category[refused])
        if taken.any():
            labels.set(page.item_ids[taken], category[taken], source=LabelSource.HUMAN)
        n = int(taken.sum())
        recording.summary = f"Placed {n:,} {'item' if n == 1 else 'items'}"
    if recording.changes is not None:
        studio.bus.publish(recording.changes)
    return recording.changes
