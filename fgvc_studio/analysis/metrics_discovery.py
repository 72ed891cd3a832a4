"""How well new classes were discovered: task-aware and task-agnostic scores.

The literature matches clusters with classes in different ways, and the numbers differ; a score
is told together with its variant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.analysis.metrics_clustering import Cells, Labels, ari, matched, matching, nmi

VARIANTS = ("v1", "v2", "v3")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Clusters against classes: matched accuracy, NMI (arithmetic), adjusted Rand index."""

    accuracy: float
    nmi: float
    ari: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Accuracy over all items, those of seen classes and those of novel ones (NaN: no such)."""

    variant: str
    all: float
    seen: float
    novel: float


def task_aware(clusters: Labels, classes: Labels) -> Agreement:
    """Items of novel classes only, `clusters` over the novel prototypes only; one matching.

    Raises
    ------
    ValueError
        No items.
    """
    if not len(classes):
        raise ValueError("There are no items to score.")
    cells = Cells.of(clusters, classes)
    counts = cells.counts()
    right = float(matched(clusters, classes).mean())
    return Agreement(right, float(nmi(cells, counts)[0]), float(ari(cells, counts)[0]))


def task_agnostic(
    predicted: Labels, classes: Labels, seen_classes: int, variant: str = "v2"
) -> Accuracy:
    """Items of all classes; predictions and classes below `seen_classes` are the known ones.

    Parameters
    ----------
    variant : str
        ``v2``: one matching over all classes. ``v1``: seen items by their number itself, novel
        ones by a matching of their own, all as in v2. ``v3``: seen items by their number; novel
        items only through clusters beyond the known ones, matched among themselves; all is the
        mean of both.

    Raises
    ------
    ValueError
        Unknown variant.
    """
    if variant not in VARIANTS:
        raise ValueError(f"no variant {variant!r}")
    predicted, classes = np.asarray(predicted), np.asarray(classes)
    seen = classes < seen_classes
    whole = matched(predicted, classes)
    if variant == "v2":
        return Accuracy(variant, _mean(whole), _mean(whole[seen]), _mean(whole[~seen]))
    direct = predicted == classes
    if variant == "v1":
        alone = matched(predicted[~seen], classes[~seen])
        return Accuracy(variant, _mean(whole), _mean(direct[seen]), _mean(alone))
    right = direct & seen
    beyond = ~seen & (predicted >= seen_classes)
    chosen = matching(predicted[beyond], classes[beyond])
    target = np.array([chosen.get(int(p), -1) for p in predicted[beyond]], np.int64)
    right[beyond] = target == classes[beyond]
    return Accuracy(variant, _mean(right), _mean(right[seen]), _mean(right[~seen]))


def _mean(right: NDArray[np.bool_]) -> float:
    return float(right.mean()) if len(right) else float("nan")
