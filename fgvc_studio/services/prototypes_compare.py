"""Categories beside each other: what is mixed up, and how a group of items differs from one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import Confusion, Difference
from fgvc_studio.services import prototypes_table
from fgvc_studio.services.prototypes_open import Opened

Ids = NDArray[np.int64]
BORDER = 24
STRONGEST = 12
USUAL = 10.0
"""Percentile of a category's scores that counts as firing as usual."""


class Stand(NamedTuple):
    """How an item of a category stands: item, lead of its logit, category of the next best."""

    item_id: int
    lead: float
    rival: int


def known_class(opened: Opened, category_id: int) -> int:
    """The class of a category.

    Raises
    ------
    UserError
        The model does not know it.
    """
    found = int(opened.bundle.class_of(np.array([category_id]))[0])
    if found < 0:
        name = opened.studio.catalogue.name(category_id) or f"Category {category_id}"
        raise UserError(
            f"{name} is not known to {opened.name}.", "Choose a category that it was trained on."
        )
    return found


def confusion(opened: Opened, a: int, b: int, off: Sequence[int]) -> Confusion:
    """What two categories have in common, and what tells them apart."""
    first, second = known_class(opened, a), known_class(opened, b)
    if first == second:
        raise UserError("These are one category.", "Choose two different ones.")
    rows, logits = prototypes_table.logits_without(opened, off)
    category = opened.studio.catalogue.category[rows]
    predicted = opened.bundle.category_ids[logits.argmax(1)]
    margin = logits[:, first] - logits[:, second]

    def mistaken(own: int, other: int, sign: int) -> tuple[int, ...]:
        at = np.flatnonzero((category == own) & (predicted == other))
        return tuple((rows[at[np.argsort(sign * margin[at], kind="stable")]] + 1).tolist())

    best_two = np.sort(np.argpartition(-logits, 1, 1)[:, :2], 1)
    pair = (best_two == sorted((first, second))).all(1)
    near = np.flatnonzero(pair | np.isin(category, (a, b)))
    near = near[np.argsort(np.abs(margin[near]), kind="stable")][:BORDER]
    border = tuple((int(rows[i]) + 1, float(margin[i])) for i in near)
    tell = _tell_apart(opened, first, second, rows[category == a], rows[category == b], off)
    return Confusion(a, b, mistaken(a, b, 1), mistaken(b, a, -1), border, tell)


def standing(
    opened: Opened, category_id: int, off: Sequence[int], count: int
) -> tuple[list[Stand], list[Stand]]:
    """Typical items of a category, and those at its border.

    Parameters
    ----------
    count : int
        At most as many of each; no item is both.

    Returns
    -------
    (list of Stand, list of Stand)
        Labelled items: those that lead most, best first, and those that lead least (or are behind).
    """
    own = known_class(opened, category_id)
    rows, logits = prototypes_table.logits_without(opened, off)
    at = np.flatnonzero(opened.studio.catalogue.category[rows] == category_id)
    others = logits[at].copy()
    others[:, own] = -np.inf
    rivals = others.argmax(1)
    lead = logits[at, own] - others[np.arange(len(at)), rivals]
    order = np.argsort(-lead, kind="stable")
    made = [
        Stand(int(rows[at[i]]) + 1, float(lead[i]), int(opened.bundle.category_ids[rivals[i]]))
        for i in order
    ]
    border = made[(len(made) + 1) // 2 :][-count:]
    return made[: min(count, (len(made) + 1) // 2)], border[::-1]


def _tell_apart(
    opened: Opened, first: int, second: int, of_a: Ids, of_b: Ids, off: Sequence[int]
) -> tuple[tuple[int, float, float], ...]:
    """Prototypes by how differently they speak on items of either category."""
    bundle, scores = opened.bundle, opened.ready().scores
    weights = bundle.weights[first] - bundle.weights[second]
    means = [
        scores[some].mean(0) * weights if len(some) else np.zeros(bundle.count)
        for some in (of_a, of_b)
    ]
    strength = np.abs(means[0] - means[1])
    strength[np.asarray(off, np.int64)] = -1
    best = np.argsort(-strength, kind="stable")[:STRONGEST]
    return tuple((int(j), float(means[0][j]), float(means[1][j])) for j in best if strength[j] > 0)


def differences(
    opened: Opened, item_ids: Ids, category_id: int, off: Sequence[int] = ()
) -> tuple[Difference, ...]:
    """Prototypes of a known category that fire or fail on some items, the most telling first.

    Parameters
    ----------
    item_ids : ndarray (n,) int64
        For instance of a proposed cluster.

    Raises
    ------
    UserError
        None of the items was compared, or the category has no other labelled item.
    """
    known_class(opened, category_id)
    found = opened.ready()
    here = np.intersect1d(np.asarray(item_ids, np.int64) - 1, found.rows)
    category = opened.studio.catalogue.category
    rows = found.rows[found.rows < len(category)]
    there = np.setdiff1d(rows[category[rows] == category_id], here)
    if not len(here):
        raise UserError(
            "None of these items was compared with the prototypes.", "Prepare the prototypes."
        )
    if not len(there):
        name = opened.studio.catalogue.name(category_id)
        raise UserError(f"No other item is labelled {name}.", "Label some of it first.")
    own = np.flatnonzero(opened.bundle.categories == category_id)
    own = own[~np.isin(own, np.asarray(off, np.int64))]
    mine, its = found.scores[np.ix_(here, own)], found.scores[np.ix_(there, own)]
    made = []
    for at, j in enumerate(own.tolist()):
        a, b = mine[:, at], its[:, at]
        usual = float(np.percentile(b, USUAL))
        middle = int(here[np.argsort(a, kind="stable")[len(a) // 2]]) + 1
        made.append(
            Difference(
                j, float(np.median(a)), float(np.median(b)), cliffs_delta(a, b),
                bool((a >= usual).mean() >= 0.5), middle,
            )
        )  # fmt: skip
    return tuple(sorted(made, key=lambda d: -abs(d.effect)))


def cliffs_delta(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """P(a < b) - P(a > b) over all pairs."""
    ranked = np.sort(b)
    below = np.searchsorted(ranked, a, "left")
    above = len(b) - np.searchsorted(ranked, a, "right")
    return float((above - below).sum() / (len(a) * len(b)))
