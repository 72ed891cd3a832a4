"""The labelled images of a run: classes, training and validation rows, even draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Split
from fgvc_studio.methods.loop import Rows, Sampler, mixed_seed
from fgvc_studio.methods.material import Material
from fgvc_studio.methods.st_protopnet.config import (
    FEW,
    FEW_PROTOTYPES,
    IMBALANCE,
    LEAST_DIM,
    LEAST_IMAGES,
    MOST_DIM,
    StProtoConfig,
)

HELD_OUT = 0.15
AUDIT_LEAST = 20
"""Validation images that the last fit leaves out, if there are as many."""
_PROTOTYPES = 5


@dataclass(frozen=True)
class Labels:
    """What is known of the items of a run, in the order of its pictures.

    Attributes
    ----------
    classes : ndarray (N,) int64
        0 .. C-1; -1 where there is no label.
    names : tuple of str
        Of the C classes.
    validation : ndarray (N,) bool
        The user's split ``val``; all False when there is none.
    hashes : sequence of int, optional
        Perceptual hashes; equal ones count as one picture in the projection.
    ids : tuple of int
        Category of the project of each class; empty when there is no project.
    """

    classes: NDArray[np.int64]
    names: tuple[str, ...]
    validation: NDArray[np.bool_]
    hashes: Sequence[int] | None = None
    ids: tuple[int, ...] = ()


def labels_of(material: Material) -> Labels:
    """The labels of a run; classes in the order of their categories' ids.

    Categories with too few images, or with all of them in the split val, are left out.
    """
    given, validation = material.categories, np.asarray(material.splits == Split.VAL)
    names, counts = np.unique(given[given > 0], return_counts=True)
    categories = names[(counts >= LEAST_IMAGES) & np.isin(names, given[~validation])]
    known = np.isin(given, categories)
    return Labels(
        np.where(known, np.searchsorted(categories, given), -1).astype(np.int64),
        tuple(material.names[int(c)] for c in categories),
        validation & known,
        material.hashes.tolist(),
        tuple(categories.tolist()),
    )


@dataclass(frozen=True)
class Division:
    """Rows to train on and rows to validate with."""

    train: Rows
    validation: Rows


def divide(
    labels: Labels, usable: Rows, seed: int, refit: bool = False, audit_share: float = 0.0
) -> Division:
    """Labelled usable rows for training and validation.

    Without a split of the user, `HELD_OUT` of each class is held out, at least one image.

    Parameters
    ----------
    refit : bool
        Train on the validation images too, but for a share of each category's (rounded up) that
        stays to judge bans with, and more of every category in turn until there are `AUDIT_LEAST`.

    Raises
    ------
    UserError
        Fewer than two classes, or a class with too few images.
    """
    rows = usable[labels.classes[usable] >= 0]
    counts = np.bincount(labels.classes[rows], minlength=len(labels.names))
    small = [labels.names[c] for c in np.flatnonzero(counts < LEAST_IMAGES)]
    if len(labels.names) < 2:
        raise UserError("There are fewer than two categories to tell apart.", "Label more images.")
    if small:
        shown = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")
        raise UserError(
            f"A category needs {LEAST_IMAGES} images to find prototypes in; too few of: {shown}.",
            "Label more images of these, merge them into others, or leave them out.",
        )
    held = labels.validation[rows]
    if not held.any():
        held = _held_out(labels.classes[rows], seed)
    if refit:
        held = _for_audit(labels.classes[rows], held, audit_share)
    train = rows[~held]
    missing = np.bincount(labels.classes[train], minlength=len(labels.names)) == 0
    if missing.any():
        name = labels.names[int(np.flatnonzero(missing)[0])]
        raise UserError(
            f"All images of {name} are in the split val.", "Put some of them into train."
        )
    return Division(train, rows[held])


def _held_out(classes: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    held = np.zeros(len(classes), bool)
    for c in np.unique(classes):
        mine = np.flatnonzero(classes == c)
        count = max(1, round(HELD_OUT * len(mine)))
        rng = np.random.default_rng(mixed_seed(seed, "validation", int(c)))
        held[rng.permutation(mine)[:count]] = True
    return held


def _for_audit(
    classes: NDArray[np.int64], held: NDArray[np.bool_], share: float
) -> NDArray[np.bool_]:
    """Which of the validation images `held` stay out of the last fit; the same ones every time."""
    kept = np.zeros(len(classes), bool)
    if share <= 0:
        return kept
    drawn = []
    for c in np.unique(classes[held]):
        rng = np.random.default_rng(mixed_seed(0, "audit", int(c)))
        drawn.append(rng.permutation(np.flatnonzero(held & (classes == c))))
        kept[drawn[-1][: int(np.ceil(share * len(drawn[-1])))]] = True
    if drawn and kept.sum() < AUDIT_LEAST:
        turn = np.concatenate([np.arange(len(mine)) for mine in drawn])
        kept[np.concatenate(drawn)[np.argsort(turn, kind="stable")[:AUDIT_LEAST]]] = True
    return kept


def per_class(config: StProtoConfig, classes: NDArray[np.int64]) -> int:
    """Prototypes per class and branch for these training labels."""
    if config.prototypes:
        return config.prototypes
    return FEW_PROTOTYPES if np.bincount(classes).min() < FEW else _PROTOTYPES


def length(config: StProtoConfig, classes: int) -> int:
    """Length of a prototype for so many classes."""
    return config.dim or min(MOST_DIM, max(LEAST_DIM, classes - 1))


def evenly(config: StProtoConfig, classes: NDArray[np.int64]) -> bool:
    """Whether classes are drawn evenly."""
    if config.balanced == "auto":
        counts = np.bincount(classes)
        return bool(counts.max() > IMBALANCE * counts.min())
    return config.balanced == "yes"


class BalancedSampler(Sampler):
    """Every class equally often; small classes repeat.

    Parameters
    ----------
    classes : ndarray (n,) int64
    """

    def __init__(self, classes: NDArray[np.int64], batch: int, seed: int, world: int = 1) -> None:
        super().__init__(len(classes), batch, seed, world)
        self._members = [np.flatnonzero(classes == c) for c in np.unique(classes)]

    def rows(self, step: int) -> Rows:
        """Items of a step over all processes, (batch,) int64."""
        epoch, at = divmod(step, self.steps_per_epoch)
        rng = np.random.default_rng(mixed_seed(self.seed, "even", epoch))
        wanted = self.steps_per_epoch * self.batch
        rounds = -(-wanted // len(self._members))
        columns = []
        for members in self._members:
            repeats = -(-rounds // len(members))
            columns.append(np.concatenate([rng.permutation(members) for _ in range(repeats)]))
        drawn = np.stack([column[:rounds] for column in columns], 1)
        drawn = rng.permuted(drawn, axis=1).reshape(-1)
        return drawn[at * self.batch : (at + 1) * self.batch].astype(np.int64)
