"""Why an item is classified as it is, where prototypes look, what they find over all items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import BRANCHES, Contribution, Explanation, Localisation, Patch
from fgvc_studio.methods.st_protopnet.bundle import without
from fgvc_studio.services.prototypes_measure import extent, groups_of
from fgvc_studio.services.prototypes_open import Frame, Opened

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
LARGEST = 16
"""Contributions of a category whose patch is outlined; of smaller ones the cell is given."""
SIDE = 384
"""Longest side of a heat map, pixels."""
BINS = 24


@dataclass(frozen=True, eq=False)
class Seen:
    """What an item does to every prototype.

    Attributes
    ----------
    scores : ndarray (2P,) float32
    cells : ndarray (2P, 2) int64
        Row and column of each maximum.
    maps : ndarray (2, D, h, w)
    """

    item_id: int
    scores: NDArray[np.float32]
    cells: Ids
    maps: NDArray[np.floating]


def see(opened: Opened, item_id: int) -> Seen:
    """From the activations, or from the picture when it was not yet compared.

    Raises
    ------
    UserError
        There is no such item, or its picture cannot be read.
    """
    n = opened.studio.catalogue.n
    if not 1 <= item_id <= n:
        raise UserError(f"There is no item {item_id}.", f"The items of this project are 1 to {n}.")
    found, row = opened.activations, item_id - 1
    if found is not None and row < len(found) and found.state[row] == 1:
        columns = found.layout.grid[1]
        cells = np.stack(np.divmod(found.cells[row].astype(np.int64), columns), 1)
        return Seen(item_id, np.array(found.scores[row]), cells, np.array(found.maps[row]))
    made = opened.classifier.activations(opened.input(item_id)[None])
    cells = np.stack(np.divmod(made.cells[0], made.grid[1]), 1)
    return Seen(item_id, made.scores[0], cells, made.maps[0])


def similarity(opened: Opened, seen: Seen, prototype: int) -> NDArray[np.float32]:
    """Similarity map (H, W) of a prototype on an item."""
    from fgvc_studio.methods.st_protopnet import retrieval

    bundle = opened.bundle
    maps = seen.maps[BRANCHES.index(bundle.branch(prototype))]
    vectors = bundle.vectors[prototype][None]
    found: NDArray[np.float32] = retrieval.similarity(
        maps, vectors, upsample=bundle.upsample, variant=bundle.variant
    )[0]
    return found


def cell_patch(opened: Opened, seen: Seen, frame: Frame, prototype: int, fine: bool) -> Patch:
    """The patch of an item that a prototype finds; its region, or (coarse) its cell."""
    r, c = (int(v) for v in seen.cells[prototype])
    if fine:
        box = frame.box(*extent(similarity(opened, seen, prototype)))
    else:
        rows, columns = opened.grid
        box = frame.box(r / rows, (r + 1) / rows, c / columns, (c + 1) / columns)
    return Patch(seen.item_id, box, r, c, float(seen.scores[prototype]))


# ---- one item --------------------------------------------------------------------------------
def explain(opened: Opened, item_id: int, off: Sequence[int]) -> Explanation:
    """The two best categories with everything that speaks for and against them."""
    from fgvc_studio.methods.st_protopnet.evaluation import probabilities

    bundle = without(opened.bundle, np.asarray(off, np.int64))
    seen = see(opened, item_id)
    scores = seen.scores.astype(np.float64)
    weights = bundle.weights.astype(np.float64)
    logits = weights @ scores
    order = np.argsort(-logits, kind="stable")
    first, second = int(order[0]), int(order[1])
    sure = probabilities(logits[None], bundle.temperature)[0]
    on = np.ones(bundle.count, bool)
    on[np.asarray(off, np.int64)] = False
    frame = opened.frames([item_id])[0]
    ids = bundle.category_ids
    contributions, branches = {}, {}
    for c in (first, second):
        products = weights[c] * scores
        ranked = np.argsort(-np.abs(products), kind="stable")
        ranked = ranked[on[ranked]]
        made = [
            Contribution(
                int(j),
                cell_patch(opened, seen, frame, int(j), place < LARGEST),
                float(scores[j]),
                float(weights[c, j]),
                float(products[j]),
            )
            for place, j in enumerate(ranked)
        ]
        category = int(ids[c])
        contributions[category] = tuple(sorted(made, key=lambda one: -one.product))
        branches[category] = {b: float(products[bundle.of_branch(b)].sum()) for b in BRANCHES}
    return Explanation(
        item_id,
        int(ids[first]),
        int(ids[second]),
        {int(ids[c]): float(logits[c]) for c in order},
        float(sure[first]),
        bool(unknown(opened, seen.scores[None], np.array([first]), on)[0]),
        contributions,
        branches,
    )


def unknown(
    opened: Opened, scores: NDArray[np.floating], predicted: Ids, on: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether items (n, 2P) look like nothing known: no own prototype fires as usual."""
    bundle = opened.bundle
    own = bundle.classes[None] == predicted[:, None]
    best = np.where(own & on, scores, -np.inf).max(1)
    return np.asarray(best < bundle.unknown[predicted])


# ---- where a prototype looks -----------------------------------------------------------------
def localise(opened: Opened, prototype: int, item_id: int) -> Localisation:
    """Heat map, outline and box of a prototype on an item."""
    from fgvc_studio.analysis import localisation

    seen = see(opened, item_id)
    frame = opened.frames([item_id])[0]
    size = frame.geometry.size
    large = localisation.upsampled(similarity(opened, seen, prototype), size, size)
    found = localisation.region(large)
    outline = np.array([frame.to_image(x, y) for x, y in found.contours[0]])
    top, bottom, left, right = (v / size for v in found.box)
    row, column = (int(v) for v in seen.cells[prototype])
    return Localisation(
        item_id,
        over_image(localisation.normalised(large), frame),
        outline,
        frame.box(top, bottom, left, right),
        row,
        column,
        float(seen.scores[prototype]),
    )


def over_image(heat: NDArray[np.float32], frame: Frame) -> NDArray[np.float32]:
    """A map of the model's input (S, S) laid over the whole image, at most `SIDE` long."""
    width, height = frame.image
    scale = min(1.0, SIDE / max(width, height))
    out_w, out_h = max(1, round(width * scale)), max(1, round(height * scale))
    place = frame.geometry
    x = ((np.arange(out_w) + 0.5) * width / out_w - frame.left) * place.scale_x - place.left
    y = ((np.arange(out_h) + 0.5) * height / out_h - frame.top) * place.scale_y - place.top
    inside_x, inside_y = (x >= 0) & (x < heat.shape[1]), (y >= 0) & (y < heat.shape[0])
    made = np.zeros((out_h, out_w), np.float32)
    rows, columns = y[inside_y].astype(int), x[inside_x].astype(int)
    made[np.ix_(inside_y, inside_x)] = heat[np.ix_(rows, columns)]
    return made


def smooth_grad(opened: Opened, prototype: int, item_id: int) -> NDArray[np.float32]:
    """Pixels that matter to a prototype's best cell, 0 .. 1, laid over the image as in `localise`.

    The brightest hundredth is cut, since single pixels would darken the rest.
    """
    branch, number = opened.bundle.place(prototype)
    raw = opened.classifier.smooth_grad(opened.input(item_id), branch, number)
    top = float(np.percentile(raw, 99))
    return over_image(np.clip(raw / max(top, 1e-12), 0, 1).astype(np.float32),
                      opened.frames([item_id])[0])  # fmt: skip


# ---- over all items --------------------------------------------------------------------------
def top_patches(opened: Opened, prototype: int, k: int) -> tuple[list[Patch], list[Patch]]:
    """The k best patches in the items the model learned from, and in all others.

    One per picture, the prototype's own source left out.
    """
    from fgvc_studio.methods.st_protopnet import retrieval

    found = opened.ready()
    n = min(len(found), opened.studio.catalogue.n)
    rows = found.rows[found.rows < n]
    groups = groups_of(opened, n)
    own = int(groups[opened.source_items[prototype] - 1])
    column = np.asarray(found.scores[:n, prototype])
    learned = np.isin(rows + 1, opened.training)
    best = [
        retrieval.best_rows(column[some], some, groups, own, k)
        for some in (rows[learned], rows[~learned])
    ]
    return patches(opened, prototype, best[0]), patches(opened, prototype, best[1])


def patches(opened: Opened, prototype: int, rows: Ids) -> list[Patch]:
    """Where a prototype fires on some rows of the activations."""
    made = []
    for row, frame in zip(rows.tolist(), opened.frames(rows + 1), strict=True):
        made.append(cell_patch(opened, see(opened, row + 1), frame, prototype, True))
    return made


def histogram(opened: Opened, prototype: int) -> tuple[Floats, Ids, Ids]:
    """Edges (B + 1,) and counts (B,) of scores: labelled items of its category, and of others."""
    found = opened.ready()
    rows = found.rows[found.rows < opened.studio.catalogue.n]
    category = opened.studio.catalogue.category[rows]
    scores = np.asarray(found.scores[:, prototype])[rows]
    low, high = min(0.0, float(scores.min())), max(1.0, float(scores.max()))
    edges = np.linspace(low, high, BINS + 1)
    own = category == opened.bundle.categories[prototype]
    others = (category > 0) & ~own
    counts = [np.histogram(scores[some], edges)[0].astype(np.int64) for some in (own, others)]
    return edges, counts[0], counts[1]


def weights(opened: Opened, prototype: int) -> list[tuple[int, float]]:
    """(category id, weight) of a prototype, the largest first."""
    column = opened.bundle.weights[:, prototype]
    order = np.argsort(-column, kind="stable")
    return [(int(opened.bundle.category_ids[c]), float(column[c])) for c in order]


def sisters(opened: Opened, prototype: int) -> list[tuple[int, float]]:
    """(id, cosine) of the other prototypes of the same category and branch, the nearest first."""
    vectors = opened.bundle.vectors
    found = [(j, float(vectors[j] @ vectors[prototype])) for j in opened.bundle.sisters(prototype)]
    return sorted(found, key=lambda one: -one[1])
