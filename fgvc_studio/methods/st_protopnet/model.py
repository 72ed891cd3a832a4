"""The network: one body, and per branch add-on layers, prototypes and a last layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgvc_studio.methods.st_protopnet.losses import BRANCHES, own_class
from fgvc_studio.vision.split import Rest, Split

WRONG = -0.5
"""Start of the weights between a class and prototypes of others."""


class BranchOut(NamedTuple):
    """What a branch says of images: logits (B, C), scores (B, P), largest cosines (B, P)."""

    logits: Tensor
    scores: Tensor
    maxima: Tensor


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a network: classes C, prototypes per class K, their length D, channels Cin."""

    classes: int
    per_class: int
    dim: int
    channels: int

    @property
    def prototypes(self) -> int:
        """P = C * K, per branch."""
        return self.classes * self.per_class


class Branch(nn.Module):
    """Add-on layers, prototypes and last layer.

    Parameters
    ----------
    variant : str
        ``full`` or ``cropped``.
    upsample : int
        Enlargement of the maps; done behind the add-on layers where these are affine, since both
        commute.
    """

    def __init__(self, shape: Shape, variant: str = "full", upsample: int = 1) -> None:
        super().__init__()
        self.variant, self.upsample = variant, upsample
        self.first = nn.Conv2d(shape.channels, shape.dim, 1)
        self.second = nn.Conv2d(shape.dim, shape.dim, 1)
        for layer in (self.first, self.second):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.prototypes = nn.Parameter(torch.rand(shape.prototypes, shape.dim))
        own = own_class(shape.classes, shape.per_class)
        self.last = nn.Parameter(torch.where(own, 1.0, WRONG))
        self.register_buffer("on", torch.ones(shape.prototypes))

    def features(self, maps: Tensor) -> Tensor:
        """Body's maps (B, Cin, h, w) -> add-on maps (B, D, H, W), float32."""
        return enlarged(self.small_features(maps), self.upsample)

    def small_features(self, maps: Tensor) -> Tensor:
        """Body's maps (B, Cin, h, w) -> add-on maps (B, D, h, w) before their enlargement."""
        if self.variant == "cropped":
            return torch.tanh(self.second(torch.tanh(self.first(maps)))).float()
        found: Tensor = self.second(self.first(maps)).float()
        return found

    def cosines(self, features: Tensor) -> Tensor:
        """Add-on maps (B, D, H, W) -> cosines with every prototype (B, P, H, W)."""
        return self._products(F.normalize(features, dim=1))

    def similarities(self, features: Tensor, prototypes: Tensor | None = None) -> Tensor:
        """The map (B, P, H, W) whose maxima are the scores.

        Parameters
        ----------
        prototypes : Tensor (P, D), optional
            Others than the branch's own.
        """
        if self.variant == "cropped":
            return self._products(features, prototypes)
        return self._products(F.normalize(features, dim=1), prototypes).relu()

    def forward(self, maps: Tensor, hidden: Tensor | None = None) -> BranchOut:
        """Body's maps (B, Cin, h, w) -> logits, scores and largest cosines.

        Parameters
        ----------
        hidden : Tensor (B, H, W) bool, optional
            Cells that do not count, at most all but one of an image.
        """
        z = self.features(maps)
        with torch.autocast(z.device.type, enabled=False):
            maxima = _largest(self.cosines(z), hidden)
            if self.variant == "full":
                maxima = scores = maxima.relu()
            else:
                scores = _largest(self._products(z), hidden)
            return BranchOut(self.logits(scores), scores, maxima)

    def logits(self, scores: Tensor) -> Tensor:
        """Scores (..., P) -> logits (..., C); prototypes that are off count nothing."""
        return scores @ (self.last * self.on).T

    def contributions(self, scores: Tensor) -> Tensor:
        """Scores (B, P) -> what each prototype adds to each logit (B, C, P)."""
        return scores[:, None] * (self.last * self.on)

    @torch.no_grad()
    def renormalise(self) -> None:
        """Make the prototypes unit vectors."""
        self.prototypes.copy_(F.normalize(self.prototypes, dim=1))

    def add_on(self) -> list[nn.Parameter]:
        """Parameters of the add-on layers."""
        return [*self.first.parameters(), *self.second.parameters()]

    def _products(self, features: Tensor, prototypes: Tensor | None = None) -> Tensor:
        chosen = self.prototypes if prototypes is None else prototypes
        units = F.normalize(chosen.float(), dim=1)
        return torch.einsum("pd,bdhw->bphw", units, features)


def _largest(products: Tensor, hidden: Tensor | None) -> Tensor:
    """Maximum over the cells (B, P) of (B, P, H, W)."""
    if hidden is not None:
        products = products.masked_fill(hidden[:, None], -torch.inf)
    return products.flatten(2).amax(2)


def enlarged(maps: Tensor, factor: int) -> Tensor:
    """Maps (B, D, h, w), `factor` times as high and wide."""
    if factor == 1:
        return maps
    return F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)


class StProtoNet(nn.Module):
    """Body and two branches.

    Parameters
    ----------
    body : nn.Module
        What the cut gives -> maps (B, Cin, h, w), or a `Rest` whose tokens `split` makes maps of.
    """

    def __init__(
        self,
        body: nn.Module,
        shape: Shape,
        *,
        variant: str = "full",
        upsample: int = 1,
        split: Split | None = None,
    ) -> None:
        super().__init__()
        self.body, self.shape, self._split = body, shape, [split]
        self.branches = nn.ModuleDict({name: Branch(shape, variant, upsample) for name in BRANCHES})

    def branch(self, name: str) -> Branch:
        """A branch by its name."""
        found: Branch = self.branches[name]  # type: ignore[assignment]
        return found

    def maps(self, stored: Tensor) -> Tensor:
        """What the cut gives -> maps (B, Cin, h, w)."""
        split, made = self._split[0], self.body(stored)
        return made if split is None else split.feature_map(made)

    def forward(
        self,
        stored: Tensor,
        names: tuple[str, ...] = BRANCHES,
        tail: bool = True,
        hidden: Tensor | None = None,
    ) -> dict[str, BranchOut]:
        """What the cut gives -> branch name -> its output.

        Parameters
        ----------
        names : tuple of str
            Only these branches are computed.
        tail : bool
            Whether gradients reach the body.
        hidden : Tensor (B, H, W) bool, optional
            See `Branch.forward`.
        """
        with torch.set_grad_enabled(tail and torch.is_grad_enabled()):
            maps = self.maps(stored)
        return {name: self.branch(name)(maps, hidden) for name in names}

    def renormalise(self) -> None:
        """Make all prototypes unit vectors."""
        for name in BRANCHES:
            self.branch(name).renormalise()


def network(split: Split, shape: Shape, variant: str, upsample: int) -> StProtoNet:
    """The network over a cut backbone; its last layers do not train."""
    body = split.rest if isinstance(split.rest, Rest) else Rest(split.rest)
    if not split.trained:
        body.requires_grad_(False)
    made = StProtoNet(body, shape, variant=variant, upsample=upsample, split=split)
    for name in BRANCHES:
        made.branch(name).last.requires_grad_(False)
    return made
