"""What an expert's verdicts do to a training: prototypes leave forbidden patches, keep others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.methods.st_protopnet.model import StProtoNet

ALL = -1
_PER_STEP = 16

Stored = Callable[[NDArray[np.int64]], Tensor]
"""Items (n,) -> what the cut gives of their clean views."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """A cell of an item's map that prototypes must leave, or keep.

    Attributes
    ----------
    category : int
        Class whose prototypes are meant; `ALL` for every class.
    branch : str
        ``trivial`` or ``support``; empty for both.
    """

    image: int
    row: int
    column: int
    category: int = ALL
    branch: str = ""


class Cover:
    """Cells of pictures that must not count while a network learns (ours, not published).

    A forbidden thing lies in the training pictures still. A network that is only pushed away from
    it goes on learning where the thing is seen; hidden, it has to tell these pictures by the rest,
    as it will have to tell pictures without the thing.

    Parameters
    ----------
    cells : dict
        Item -> mask (H, W) bool.
    """

    def __init__(self, cells: dict[int, NDArray[np.bool_]], grid: tuple[int, int]) -> None:
        self._cells, self._bare = cells, np.zeros(grid, bool)

    @classmethod
    def of(cls, cutouts: Iterable[Cutout], grid: tuple[int, int]) -> Cover:
        """The cells of some cut-outs."""
        cells: dict[int, NDArray[np.bool_]] = {}
        for one in cutouts:
            cells.setdefault(one.image, np.zeros(grid, bool))[one.row, one.column] = True
        return cls(cells, grid)

    def masks(self, items: NDArray[np.int64], mirrored: NDArray[np.bool_]) -> Tensor:
        """What is hidden of some views (n, H, W) bool; `mirrored` (n,) tells which are flipped.

        A picture of which nothing would be left is not hidden at all.
        """
        masks = np.stack([self._cells.get(int(i), self._bare) for i in items])
        masks[masks.all((1, 2))] = False
        masks[mirrored] = masks[mirrored, :, ::-1]
        return torch.from_numpy(masks)


@dataclass(frozen=True, slots=True)
class Audit:
    """The verdicts of an expert, for a fine-tuning.

    Attributes
    ----------
    forbidden, kept : tuple of Cutout
    forbidden_weight, kept_weight : float
        w_f and w_r.
    """

    forbidden: tuple[Cutout, ...] = ()
    kept: tuple[Cutout, ...] = ()
    forbidden_weight: float = 5.0
    kept_weight: float = 1.0

    @property
    def places(self) -> set[tuple[int, int, int]]:
        """Patches that no prototype may be projected onto."""
        return {(c.image, c.row, c.column) for c in self.forbidden}

    def cover(self, net: StProtoNet, stored: Stored) -> Cover | None:
        """What is forbidden for every class, to be hidden from a network that learns."""
        cells = [c for c in self.forbidden if c.category == ALL]
        if not cells:
            return None
        with torch.no_grad():
            maps = net.maps(stored(np.array([cells[0].image])))
            height, width = net.branch("trivial").features(maps).shape[2:]
        return Cover.of(cells, (height, width))

    def loss(self, net: StProtoNet, branch: str, stored: Stored, step: int = 0) -> Tensor:
        """``w_f F - w_r R`` of a branch; 0 without cut-outs of it.

        F is the mean over forbidden cut-outs of the sum of ``relu(cos(p, v))`` over the
        prototypes meant, R the same of those to keep. The vectors v are those of the present
        network and take no gradient. With many cut-outs a step looks at some of them.
        """
        total = torch.zeros((), device=net.branch(branch).prototypes.device)
        for cutouts, weight in (
            (self.forbidden, self.forbidden_weight),
            (self.kept, -self.kept_weight),
        ):
            mine = [c for c in cutouts if c.branch in ("", branch)]
            if mine and weight:
                drawn = _some(mine, step)
                vectors = _vectors(net, branch, drawn, stored)
                classes = torch.tensor([c.category for c in drawn], device=total.device)
                total = total + weight * closeness_to(
                    net.branch(branch).prototypes, vectors, classes, net.shape.per_class
                )
        return total


def closeness_to(prototypes: Tensor, vectors: Tensor, classes: Tensor, per_class: int) -> Tensor:
    """Mean over vectors of the sum of positive cosines with the prototypes of their classes.

    Parameters
    ----------
    prototypes : Tensor (P, D)
    vectors : Tensor (n, D)
        Unit length.
    classes : Tensor (n,) int64
        `ALL` takes every prototype.
    """
    cosines = (vectors @ F.normalize(prototypes.float(), dim=1).T).relu()
    of_prototype = torch.arange(len(prototypes), device=prototypes.device) // per_class
    meant = (classes[:, None] == of_prototype) | (classes[:, None] == ALL)
    return (cosines * meant).sum(1).mean()


def _some(cutouts: list[Cutout], step: int) -> list[Cutout]:
    """At most `_PER_STEP` of them, other ones at each step."""
    if len(cutouts) <= _PER_STEP:
        return cutouts
    rng = np.random.default_rng(step)
    return [cutouts[i] for i in np.sort(rng.permutation(len(cutouts))[:_PER_STEP])]


@torch.no_grad()
def _vectors(net: StProtoNet, branch: str, cutouts: list[Cutout], stored: Stored) -> Tensor:
    """Unit add-on features (n, D) at cut-outs, with the network in eval mode."""
    was = net.training
    net.eval()
    z = net.branch(branch).features(net.maps(stored(np.array([c.image for c in cutouts]))))
    net.train(was)
    rows = torch.tensor([c.row for c in cutouts], device=z.device)
    columns = torch.tensor([c.column for c in cutouts], device=z.device)
    at = torch.arange(len(cutouts), device=z.device)
    return F.normalize(z[at, :, rows, columns], dim=1)
