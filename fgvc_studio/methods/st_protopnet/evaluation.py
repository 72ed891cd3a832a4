"""How good a prototype classifier is: accuracies, calibration, and when an image is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.prototypes import BRANCHES

UNKNOWN = 5.0
"""Percentile of right images' best own score below which an image looks like nothing known."""
_LEAST_RIGHT = 5
_BINS = 15

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """From logits to probabilities and to unknown.

    Attributes
    ----------
    temperature : float
        The summed logits are divided by it.
    error : float
        Expected calibration error on the images it was fitted on; NaN when given.
    unknown : tuple of float
        Per class, the best own-class score below which an image is unknown.
    images : str
        What it was fitted on: ``validation`` or ``training`` (then too sure of itself).
    """

    temperature: float
    error: float
    unknown: tuple[float, ...]
    images: str


def accuracies(logits: Mapping[str, Floats], labels: Ints) -> dict[str, float]:
    """Accuracies of both branches together and of each alone.

    Parameters
    ----------
    logits : mapping
        Branch -> (n, C).
    labels : ndarray (n,) int64

    Returns
    -------
    dict
        ``accuracy``, ``balanced``, ``worst_class``, ``trivial``, ``support``; empty without images.
    """
    if not len(labels):
        return {}
    right = _sum(logits).argmax(1) == labels
    classes, counts = np.unique(labels, return_counts=True)
    shares = np.array([right[labels == c].sum() for c in classes]) / counts
    found = {
        "accuracy": float(right.mean()),
        "balanced": float(shares.mean()),
        "worst_class": float(shares.min()),
    }
    for name in BRANCHES:
        found[name] = float((logits[name].argmax(1) == labels).mean())
    return found


def probabilities(logits: Floats, temperature: float) -> NDArray[np.float64]:
    """Softmax (n, C) of logits divided by a temperature."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def fitted_temperature(logits: Floats, labels: Ints) -> float:
    """The temperature of least cross-entropy, 0.007 .. 150."""
    from scipy.optimize import minimize_scalar

    def loss(log: float) -> float:
        sure = probabilities(logits, float(np.exp(log)))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(sure, 1e-300)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded").x))


def calibration_error(sure: Floats, labels: Ints, bins: int = _BINS) -> float:
    """Expected calibration error of probabilities (n, C) over bins of equal width."""
    best, right = sure.max(1), sure.argmax(1) == labels
    at = np.minimum((best * bins).astype(int), bins - 1)
    gap = np.zeros(bins)
    np.add.at(gap, at, right - best)
    return float(np.abs(gap).sum() / max(1, len(labels)))


def own_best(scores: Mapping[str, Floats], classes: Ints, per_class: int) -> NDArray[np.float64]:
    """Best score of an image with prototypes of a class over both branches, (n,)."""
    found = []
    for name in BRANCHES:
        by_class = np.asarray(scores[name]).reshape(len(classes), -1, per_class)
        found.append(by_class[np.arange(len(classes)), classes].max(1))
    return np.maximum(*found).astype(np.float64)


def calibrate(
    logits: Mapping[str, Floats],
    scores: Mapping[str, Floats],
    labels: Ints,
    *,
    per_class: int,
    images: str,
    temperature: float = 0.0,
) -> Calibration:
    """Fit the calibration on images that were not trained on.

    Parameters
    ----------
    temperature : float
        Taken as given unless 0.
    """
    total = _sum(logits)
    used = temperature or fitted_temperature(total, labels)
    sure = probabilities(total, used)
    right = total.argmax(1) == labels
    best = own_best(scores, labels, per_class)
    pooled = float(np.percentile(best[right], UNKNOWN)) if right.any() else 0.0
    limits = []
    for c in range(total.shape[1]):
        mine = best[right & (labels == c)]
        limits.append(float(np.percentile(mine, UNKNOWN)) if len(mine) >= _LEAST_RIGHT else pooled)
    return Calibration(used, calibration_error(sure, labels), tuple(limits), images)


def _sum(logits: Mapping[str, Floats]) -> Floats:
    return np.asarray(sum(np.asarray(logits[name], np.float64) for name in BRANCHES))
