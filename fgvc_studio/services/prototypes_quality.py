"""Numbers of a whole model for its report: faithful, distinct, on parts, on the object."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis import localisation, prototype_metrics
from fgvc_studio.domain.records import Progress
from fgvc_studio.services import prototypes_table
from fgvc_studio.services.prototypes_measure import hit
from fgvc_studio.services.prototypes_open import Frame, Opened
from fgvc_studio.services.prototypes_truth import Known, Truths, object_at, points_of

Ids = NDArray[np.int64]
PER_CATEGORY = 12
"""Labelled items of a category, with a mask or key points, that are looked at."""
Job = Generator[Progress, None, dict[str, float]]


def quality(opened: Opened) -> Job:
    """Name -> value; only what can be measured.

    ``faithfulness``: largest distance between a logit of the network and the sum of its
    contributions. ``duplicates``: share of prototypes that repeat a sister. With masks:
    ``iou`` (of heat >= .5), ``content_heat``, ``outside_inside``; with key points:
    ``consistency``, ``stability``, ``purity`` (percent). ``items``: of how many items these are.
    """
    found: dict[str, float] = {}
    found["duplicates"] = _duplicates(opened)
    yield Progress(0, 0, "Checking the sums")
    found["faithfulness"] = faithfulness(opened)
    truths = Truths(opened.studio)
    items = _chosen(opened, truths)
    if len(items):
        found["items"] = float(len(items))
        found |= yield from _on_object(opened, truths, items)
        if truths.names:
            found |= yield from _on_parts(opened, truths, items)
    return {name: value for name, value in found.items() if value == value}


def _duplicates(opened: Opened) -> float:
    bundle = opened.bundle
    both = [
        prototype_metrics.duplicates(
            bundle.vectors[bundle.of_branch(name)],
            bundle.per_class,
            opened.source_items[bundle.of_branch(name)].tolist(),
        )
        for name in ("trivial", "support")
    ]
    return float(np.concatenate(both).mean())


def faithfulness(opened: Opened, live: int = 8) -> float:
    """Over all items compared, and for some of them against the network itself."""
    found, bundle = opened.ready(), opened.bundle
    rows, logits = prototypes_table.logits(opened)
    worst = 0.0
    weights = bundle.weights.astype(np.float64)
    for start in range(0, len(rows), 1024):
        part = slice(start, start + 1024)
        sums = found.scores[rows[part]].astype(np.float64) @ weights.T
        worst = max(worst, float(np.abs(sums - logits[part]).max()))
    for at in np.linspace(0, len(rows) - 1, min(live, len(rows))).astype(int):
        network = opened.classifier.predict(opened.input(int(rows[at]) + 1)[None]).logits[0]
        worst = max(worst, float(np.abs(network - logits[at]).max()))
    return worst


def _chosen(opened: Opened, truths: Truths) -> Ids:
    """Labelled items of every category of which something is known."""
    category = opened.studio.catalogue.category
    rows = opened.ready().rows
    rows = rows[rows < len(category)]
    picked: list[int] = []
    for c in opened.bundle.category_ids.tolist():
        mine = [r for r in rows[category[rows] == c].tolist() if r + 1 in truths]
        picked += mine[:PER_CATEGORY]
    return np.array(picked, np.int64) + 1


# ---- on the object ---------------------------------------------------------------------------
def _on_object(opened: Opened, truths: Truths, items: Ids) -> Job:
    values: list[tuple[float, float, float]] = []
    for done, (item, frame) in enumerate(zip(items.tolist(), opened.frames(items), strict=True)):
        if done % 20 == 0:
            yield Progress(done, len(items), "Comparing heat with masks")
        known = truths.of(item)
        if known is not None:
            heat, mask = own_heat(opened, item), _mask(known, frame)
            values.append(
                (
                    prototype_metrics.heat_iou(heat, mask),
                    prototype_metrics.content_heat(heat, mask),
                    prototype_metrics.outside_inside(heat, mask),
                )
            )
    if not values:
        return {}
    means = np.nanmean(np.array(values), 0)
    return dict(zip(("iou", "content_heat", "outside_inside"), means.tolist(), strict=True))


def own_heat(opened: Opened, item: int) -> NDArray[np.float32]:
    """Heat (S, S) of an item: maps of its category's prototypes, per branch, averaged."""
    from fgvc_studio.methods.st_protopnet import retrieval

    bundle, row = opened.bundle, item - 1
    size = opened.backbone.transform.size
    mine = bundle.categories == opened.studio.catalogue.category[row]
    maps = []
    for number, name in enumerate(("trivial", "support")):
        part = bundle.of_branch(name)
        vectors = bundle.vectors[part][mine[part]]
        maps.append(
            retrieval.similarity(
                opened.ready().maps[row, number], vectors,
                upsample=bundle.upsample, variant=bundle.variant,
            )
        )  # fmt: skip
    return localisation.heat_map(maps, size, size)


def _mask(known: Known, frame: Frame) -> NDArray[np.bool_]:
    at = np.arange(frame.geometry.size, dtype=np.float64) + 0.5
    return object_at(known, frame, at, at)


# ---- on parts --------------------------------------------------------------------------------
def _on_parts(opened: Opened, truths: Truths, items: Ids) -> Job:
    """Each prototype on the items of its category; arrays over (prototype, image, part)."""
    found, bundle = opened.ready(), opened.bundle
    category = opened.studio.catalogue.category[items - 1]
    most = max(int((category == c).sum()) for c in bundle.category_ids)
    shape = (bundle.count, most, len(truths.names))
    hits, noisy, visible = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    ranked = hits.copy()
    counts = dict.fromkeys(bundle.category_ids.tolist(), 0)
    scores = np.full(shape[:2], -np.inf)
    columns = opened.grid[1]
    for done, (item, frame) in enumerate(zip(items.tolist(), opened.frames(items), strict=True)):
        if done % 5 == 0:
            yield Progress(done, len(items), "Comparing with key points")
        known = truths.of(item)
        if known is None:
            continue
        points = points_of(known, frame, truths.names)
        image = opened.input(item)
        shaken = image + prototype_metrics.noise(image.shape, seed=item)
        cells = opened.classifier.activations(shaken[None]).cells[0]
        c = int(category[done])
        at, counts[c] = counts[c], counts[c] + 1
        for j in np.flatnonzero(bundle.categories == c).tolist():
            visible[j, at] = ~np.isnan(points[:, 0])
            r, k = found.places(np.array([item - 1]), j)[0]
            hits[j, at] = hit(points, int(r), int(k), opened.grid, frame.geometry.size)
            r, k = divmod(int(cells[j]), columns)
            noisy[j, at] = hit(points, r, k, opened.grid, frame.geometry.size)
            scores[j, at] = found.scores[item - 1, j]
    stable, seen = [], np.array([counts[int(c)] for c in bundle.categories])
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(hits, order[:, :, None], 1)
    pure = []
    for j in range(bundle.count):
        n = int(seen[j])
        if n:
            stable.append((hits[j, :n] == noisy[j, :n]).all(1).mean())
            pure.append(prototype_metrics.purity(ranked[j : j + 1, :n])[0])
    known_ones = seen > 0
    return {
        "consistency": prototype_metrics.consistency(hits[known_ones], visible[known_ones]),
        "stability": float(100 * np.mean(stable)) if stable else float("nan"),
        "purity": float(np.mean(pure)) if pure else float("nan"),
    }
