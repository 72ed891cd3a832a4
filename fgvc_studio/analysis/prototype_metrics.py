"""How far prototypes can be trusted: heat maps against masks, parts, duplicates, suspicion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

DUPLICATE = 0.9
"""Cosine of sister prototypes from which they are duplicates."""
CONSISTENT = 0.8
PIXELS_PER_STEP = 1792
STEPS = 28


# ---- heat maps and masks ---------------------------------------------------------------------
def heat_iou(heat: Floats, mask: Mask, threshold: float = 0.5) -> float:
    """Overlap of the heat (H, W) at or above a threshold with the object's mask; NaN if neither."""
    hot, inside = heat >= threshold, np.asarray(mask, bool)
    both = int((hot | inside).sum())
    return float((hot & inside).sum() / both) if both else float("nan")


def content_heat(heat: Floats, mask: Mask) -> float:
    """Mean heat inside the mask (CH); NaN for an empty mask."""
    inside = np.asarray(mask, bool)
    return float(heat[inside].mean()) if inside.any() else float("nan")


def outside_inside(heat: Floats, mask: Mask) -> float:
    """Mean heat outside the mask / mean inside (OIRR); NaN where that is not defined."""
    inside = np.asarray(mask, bool)
    if not inside.any() or inside.all() or not heat[inside].any():
        return float("nan")
    return float(heat[~inside].mean() / heat[inside].mean())


def deletion_scores(
    image: NDArray[np.float32],
    heat: Floats,
    score: Callable[[NDArray[np.float32]], float],
    *,
    pixels: int = PIXELS_PER_STEP,
    steps: int = STEPS,
) -> NDArray[np.float64]:
    """Score of an image while its hottest pixels are set to 0 step by step, (steps + 1,).

    Parameters
    ----------
    image : ndarray (3, H, W) float32
        As the network takes it.
    score : callable
        (3, H, W) -> probability of the class that the intact image gets.
    """
    order = np.argsort(-heat.reshape(-1), kind="stable")
    left = image.copy()
    flat = left.reshape(len(left), -1)
    found = [score(left)]
    for step in range(steps):
        flat[:, order[step * pixels : (step + 1) * pixels]] = 0
        found.append(score(left))
    return np.array(found, np.float64)


def area(curve: Floats) -> float:
    """Area under a curve of evenly spaced points (n,) over the unit interval (trapezoids)."""
    return float((curve[:-1] + curve[1:]).sum() / 2 / (len(curve) - 1))


# ---- named parts -----------------------------------------------------------------------------
def consistency(hits: Floats, visible: Floats, threshold: float = CONSISTENT) -> float:
    """Percentage of prototypes that hit one same part in most images where it is visible.

    Parameters
    ----------
    hits, visible : ndarray (prototypes, images, parts)
        Whether the prototype's box holds the part, whether the part is to be seen.
    """
    shares = (hits * visible).sum(1) / np.maximum(visible.sum(1), 1)
    return float(100 * (shares.max(1) >= threshold).mean())


def stability(hits: Floats, noisy: Floats) -> float:
    """Percentage of images where a prototype hits the same parts with noise as without."""
    return float(100 * (hits == noisy).all(2).mean())


def purity(hits: Floats, top: int = 10) -> tuple[float, float]:
    """Percentage of a prototype's best images with its commonest part: mean and deviation.

    Parameters
    ----------
    hits : ndarray (prototypes, images, parts)
        Images in order of falling score.
    """
    best = 100 * hits[:, :top].mean(1).max(1)
    return float(best.mean()), float(best.std())


def noise(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    """The noise of the stability test: deviation 0.2, cut at 0.25."""
    drawn = np.random.default_rng(seed).normal(0, 0.2, shape)
    return np.clip(drawn, -0.25, 0.25).astype(np.float32)


# ---- sisters ---------------------------------------------------------------------------------
def duplicates(
    prototypes: Floats, per_class: int, images: Sequence[int] | None = None
) -> NDArray[np.bool_]:
    """Prototypes that repeat a sister, (P,) bool.

    Parameters
    ----------
    prototypes : ndarray (P, D)
        Of one branch, class by class.
    images : sequence of int, optional
        Source image of each; sisters from the same image are duplicates too.
    """
    length = np.linalg.norm(prototypes, axis=1, keepdims=True)
    units = (prototypes / np.maximum(length, 1e-12)).reshape(-1, per_class, prototypes.shape[1])
    alike = units @ units.transpose(0, 2, 1) > DUPLICATE
    if images is not None:
        source = np.asarray(images).reshape(-1, per_class)
        alike |= source[:, :, None] == source[:, None, :]
    alike &= ~np.eye(per_class, dtype=bool)
    return np.asarray(alike.any(2).reshape(-1))


def faithfulness(contributions: Floats, logits: Floats) -> float:
    """Largest distance of the sum of contributions (B, C, P) from the logits (B, C)."""
    return float(np.abs(contributions.sum(-1) - logits).max())


# ---- suspicion -------------------------------------------------------------------------------
def disparity(features: Floats) -> float | None:
    """1 - mean pairwise cosine of unit patch features (n, D), cut to 0 .. 1."""
    n = len(features)
    if n < 2:
        return None
    total = float((features.sum(0) ** 2).sum() - (features**2).sum())
    return float(np.clip(1 - total / (n * (n - 1)), 0, 1))


def suspicion(parts: Floats) -> NDArray[np.float64]:
    """Geometric mean of the parts (m, P), each 0 .. 1, that are not NaN; NaN without any, (P,)."""
    known = ~np.isnan(parts)
    counts = known.sum(0)
    product = np.prod(np.where(known, parts, 1.0), axis=0)
    roots = np.power(product, 1 / np.maximum(counts, 1))
    return np.where(counts > 0, roots, np.nan)


def irrelevance(relevance: Floats) -> NDArray[np.float64]:
    """1 - rank of the relevance (P,), from 1 for the least relevant to 0; equal ones share it."""
    from scipy.stats import rankdata

    if len(relevance) < 2:
        return np.zeros(len(relevance))
    return 1 - (rankdata(relevance) - 1) / (len(relevance) - 1)


def relevance(
    scores: Floats, weights: Floats, predicted: NDArray[np.int64], per_class: int
) -> NDArray[np.float64]:
    """Mean score x weight of each prototype on the images predicted as its class, (P,).

    Parameters
    ----------
    scores : ndarray (N, P)
    weights : ndarray (C, P)
    predicted : ndarray (N,) int64
        0 where no image is predicted as the prototype's class.
    """
    classes = np.arange(weights.shape[1]) // per_class
    sums = np.zeros((len(weights), scores.shape[1]))
    np.add.at(sums, predicted, scores)
    counts = np.bincount(predicted, minlength=len(weights))
    every = np.arange(weights.shape[1])
    return sums[classes, every] / np.maximum(counts[classes], 1) * weights[classes, every]


@dataclass(frozen=True, slots=True)
class ObjectAxis:
    """The direction in which cells of objects differ from those of their surroundings.

    An estimate that must be labelled as one: the first principal component of cells over a pool
    of images, its sign chosen so that the centre of the images counts as object.
    """

    mean: NDArray[np.float64]
    direction: NDArray[np.float64]

    def inside(self, cells: Floats) -> NDArray[np.float64]:
        """Cells (..., D, h, w) -> 1 for object, 0 for surroundings, (..., h, w)."""
        along = np.einsum("...dhw,d->...hw", cells, self.direction) - self.mean @ self.direction
        return (along > 0).astype(np.float64)


def object_axis(cells: Floats) -> ObjectAxis:
    """Fit the axis to a pool of images, (N, D, h, w)."""
    n, d, h, w = cells.shape
    flat = cells.transpose(0, 2, 3, 1).reshape(-1, d).astype(np.float64)
    mean = flat.mean(0)
    flat = flat - mean
    _, directions = np.linalg.eigh(flat.T @ flat)
    along = (flat @ directions[:, -1]).reshape(n, h, w)
    rows, columns = np.mgrid[:h, :w]
    away = np.hypot((rows + 0.5) / h - 0.5, (columns + 0.5) / w - 0.5)
    centre = away <= 0.25 if (away <= 0.25).any() else away <= away.min()
    outer = ~centre if (~centre).any() else centre
    sign = -1.0 if along[:, centre].mean() < along[:, outer].mean() else 1.0
    return ObjectAxis(mean, sign * directions[:, -1])


def estimated_object(cells: Floats) -> NDArray[np.float64]:
    """Where the objects of a pool seem to be: 1 for object, 0 for surroundings, (N, h, w).

    See `ObjectAxis`.
    """
    return object_axis(cells).inside(cells)
