"""Projection: every prototype becomes the feature of a patch of a training image of its class."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.methods.st_protopnet.losses import BRANCHES
from fgvc_studio.methods.st_protopnet.model import Branch, StProtoNet

RUNNERS_UP = 10
OTHER_IMAGE = 0.05
"""Cosine that is given up for a sister prototype on a different image."""
_CHUNK = 32

Scores = NDArray[np.float32]
Place = tuple[int, int, int]
"""Image, row, column."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A cell of an image's map and its cosine with a prototype."""

    image: int
    row: int
    column: int
    score: float

    @property
    def place(self) -> Place:
        """Image, row and column."""
        return self.image, self.row, self.column


@dataclass(frozen=True, slots=True)
class Projected:
    """Where a prototype comes from.

    Attributes
    ----------
    prototype : int
        0 .. P-1 in its branch.
    runners_up : tuple of Patch
        The next best patches, best first; none next to another on the same image.
    relaxed : str
        The rule that had to be given up for want of distinct patches; empty as a rule.
    date : float
        Unix time.
    """

    branch: str
    prototype: int
    source: Patch
    runners_up: tuple[Patch, ...] = ()
    relaxed: str = ""
    date: float = field(default_factory=time.time)


class _Choice:
    """Patches of one class for its prototypes, one after the other.

    Parameters
    ----------
    scores : ndarray (K, n, H, W) float32
        Of the class's prototypes on its n images.
    groups : ndarray (n,) int64
        Equal for images that are the same picture.
    forbidden : ndarray (n, H, W) bool
    """

    RELAXED = ("", "equal pictures", "distance", "forbidden patch")

    def __init__(
        self, scores: Scores, groups: NDArray[np.int64], forbidden: NDArray[np.bool_]
    ) -> None:
        self.scores, self.groups, self.forbidden = scores, groups, forbidden
        self._taken: list[Place] = []

    def run(self) -> list[tuple[Place, str]]:
        """(place, relaxed rule) of each prototype."""
        found: dict[int, tuple[Place, str]] = {}
        while len(found) < len(self.scores):
            level, free = self._free()
            best = [
                -np.inf if j in found else float(np.where(free, self.scores[j], -np.inf).max())
                for j in range(len(self.scores))
            ]
            j = int(np.argmax(best))
            place = self._place(j, free)
            self._taken.append(place)
            found[j] = place, self.RELAXED[level]
        return [found[j] for j in range(len(self.scores))]

    def _place(self, j: int, free: NDArray[np.bool_]) -> Place:
        allowed = np.where(free, self.scores[j], -np.inf)
        best = _first_best(allowed)
        used = np.isin(self.groups, [self.groups[image] for image, _, _ in self._taken])
        if used[best[0]]:
            elsewhere = np.where(used[:, None, None], -np.inf, allowed)
            other = _first_best(elsewhere)
            if elsewhere[other] >= allowed[best] - OTHER_IMAGE:
                return other
        return best

    def _free(self) -> tuple[int, NDArray[np.bool_]]:
        """The strictest rules that leave a patch, and the patches that they leave."""
        for level in range(len(self.RELAXED)):
            free = self._allowed(level)
            if free.any():
                return level, free
        return len(self.RELAXED) - 1, np.ones(self.scores.shape[1:], bool)

    def _allowed(self, level: int) -> NDArray[np.bool_]:
        free = np.ones(self.scores.shape[1:], bool) if level >= 3 else ~self.forbidden
        reach = 0 if level >= 2 else 1
        for image, row, column in self._taken:
            same = self.groups == self.groups[image] if level < 1 else slice(image, image + 1)
            rows = slice(max(0, row - reach), row + reach + 1)
            free[same, rows, max(0, column - reach) : column + reach + 1] = False
        return free


def _first_best(scores: Scores) -> Place:
    """Largest entry of (n, H, W); the first in order of image, row, column among equals."""
    image, row, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return int(image), int(row), int(column)


def choose(
    scores: Scores,
    groups: NDArray[np.int64] | None = None,
    forbidden: NDArray[np.bool_] | None = None,
) -> list[tuple[Place, str]]:
    """Greedy choice of a patch for each prototype of a class, by falling score.

    A patch within one cell of one that a sister has taken on the same picture is excluded, and a
    different picture is preferred at a cost of `OTHER_IMAGE`. Where no patch is left, equal
    pictures count as different ones, then the distance is given up, and only then the ban.

    Parameters
    ----------
    scores : ndarray (K, n, H, W) float32
    groups : ndarray (n,) int64, optional
        Equal for images that are the same picture.
    forbidden : ndarray (n, H, W) bool, optional

    Returns
    -------
    list of ((image, row, column), relaxed rule)
        In the order of the prototypes.
    """
    n = scores.shape[1]
    groups = np.arange(n) if groups is None else groups
    forbidden = np.zeros(scores.shape[1:], bool) if forbidden is None else forbidden
    return _Choice(scores, groups, forbidden).run()


def ranked(scores: Scores, skip: Place, forbidden: NDArray[np.bool_] | None = None) -> list[Place]:
    """The best `RUNNERS_UP` patches beside one, no two within one cell of each other.

    Parameters
    ----------
    scores : ndarray (n, H, W) float32
        Of one prototype.
    """
    left = scores.copy() if forbidden is None else np.where(forbidden, -np.inf, scores)
    found: list[Place] = []
    taken = skip
    while True:
        image, row, column = taken
        left[image, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = -np.inf
        taken = _first_best(left)
        if len(found) == RUNNERS_UP or not np.isfinite(left[taken]):
            return found
        found.append(taken)


def project(
    net: StProtoNet,
    fetch: Callable[[NDArray[np.int64]], Tensor],
    labels: NDArray[np.int64],
    *,
    hashes: Sequence[int] | None = None,
    forbidden: Collection[Place] = (),
    exact: bool = False,
) -> Iterator[list[Projected]]:
    """Replace all prototypes of `net` by patches of images of their classes, class by class.

    Parameters
    ----------
    fetch : callable
        Images (n,) int64 -> what the cut gives of their clean views (n, ...).
    labels : ndarray (N,) int64
        Class of each training image, 0 .. C-1; -1 takes no part.
    hashes : sequence of int, optional
        Perceptual hash of each image; equal ones count as one picture.
    forbidden : collection of (image, row, column)
        In both branches.
    exact : bool
        The best patch for each, duplicates allowed; raw projections in the cropped variant.

    Yields
    ------
    list of Projected
        Of one class, both branches.
    """
    net.eval()
    for c in range(net.shape.classes):
        images = np.flatnonzero(labels == c).astype(np.int64)
        made = _project_class(net, fetch, images, c, hashes, forbidden, exact)
        yield [one for name in BRANCHES for one in made[name]]


@torch.no_grad()
def _project_class(
    net: StProtoNet,
    fetch: Callable[[NDArray[np.int64]], Tensor],
    images: NDArray[np.int64],
    c: int,
    hashes: Sequence[int] | None,
    forbidden: Collection[Place],
    exact: bool,
) -> dict[str, list[Projected]]:
    own = slice(c * net.shape.per_class, (c + 1) * net.shape.per_class)
    scores = class_scores(net, fetch, images, own, raw=exact)
    groups = None
    if hashes is not None:
        groups = np.unique(np.array([hashes[i] for i in images]), return_inverse=True)[1]
    made: dict[str, list[Projected]] = {}
    for name in BRANCHES:
        banned = np.zeros(scores[name].shape[1:], bool)
        rows = {int(image): at for at, image in enumerate(images)}
        for image, row, column in forbidden:
            if image in rows:
                banned[rows[image], row, column] = True
        if exact:
            chosen = [(_first_best(s), "") for s in scores[name]]
        else:
            chosen = choose(scores[name], groups, banned)
        made[name] = []
        for k, (place, relaxed) in enumerate(chosen):
            mine = scores[name][k]
            made[name].append(
                Projected(
                    branch=name,
                    prototype=own.start + k,
                    source=_patch(mine, place, images),
                    runners_up=tuple(_patch(mine, p, images) for p in ranked(mine, place, banned)),
                    relaxed=relaxed,
                )
            )
        places = [one.source.place for one in made[name]]
        net.branch(name).prototypes[own] = patch_features(net, name, fetch, places)
    return made


def _patch(scores: Scores, place: Place, images: NDArray[np.int64]) -> Patch:
    return Patch(int(images[place[0]]), place[1], place[2], float(scores[place]))


def class_scores(
    net: StProtoNet,
    fetch: Callable[[NDArray[np.int64]], Tensor],
    images: NDArray[np.int64],
    own: slice,
    *,
    raw: bool = False,
) -> dict[str, Scores]:
    """Branch -> cosines (K, n, H, W) of some prototypes on some images.

    Parameters
    ----------
    raw : bool
        In the cropped variant products with features that are not normalised.
    """
    parts: dict[str, list[Tensor]] = {name: [] for name in BRANCHES}
    for start in range(0, len(images), _CHUNK):
        maps = net.maps(fetch(images[start : start + _CHUNK]))
        for name in BRANCHES:
            branch = net.branch(name)
            z = branch.features(maps)
            if not (raw and branch.variant == "cropped"):
                z = F.normalize(z, dim=1)
            units = F.normalize(branch.prototypes[own], dim=1)
            parts[name].append(torch.einsum("pd,bdhw->pbhw", units, z).cpu())
    return {name: torch.cat(p, 1).numpy() for name, p in parts.items()}


@torch.no_grad()
def patch_features(
    net: StProtoNet,
    name: str,
    fetch: Callable[[NDArray[np.int64]], Tensor],
    places: Sequence[Place],
) -> Tensor:
    """Unit add-on features (n, D) of patches in a branch."""
    branch: Branch = net.branch(name)
    rows = []
    for start in range(0, len(places), _CHUNK):
        part = places[start : start + _CHUNK]
        z = branch.features(net.maps(fetch(np.array([p[0] for p in part], np.int64))))
        units = F.normalize(z, dim=1)
        rows.extend(units[i, :, row, column] for i, (_, row, column) in enumerate(part))
    return torch.stack(rows)
