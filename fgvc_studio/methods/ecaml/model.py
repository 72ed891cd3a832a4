"""The network of ECAML: trunk (adapter or the backbone's tail), and the metric on top of it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgvc_studio.methods.adapter import Adapter
from fgvc_studio.methods.ecaml.losses import row_norm
from fgvc_studio.methods.ecaml.start import Start, Whitening
from fgvc_studio.vision.split import Split


class Outputs(NamedTuple):
    """What a training step needs.

    Attributes
    ----------
    embedding : Tensor (B, E)
        f, raw; its gradient reaches trunk and metric.
    confused : Tensor (B, E)
        The same values for the energy confusion; its gradient stops at the metric.
    rows : Tensor
        The row-norm term, scalar.
    """

    embedding: Tensor
    confused: Tensor
    rows: Tensor


class Head(nn.Module):
    """f = W z + b, with W (E, d) and b (E,)."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, d) -> (B, E)."""
        return F.linear(features, self.weight, self.bias)


class EcamlNetwork(nn.Module):
    """Trunk and metric.

    Parameters
    ----------
    split : Split
        With `trained`, its rest is trained here; else the input is the pooled feature.
    confuse_trunk : bool
        Let the energy confusion reach the trunk.
    keep : float
        Weight of the whitened features beside the metric in an embedding, where there are such.
    """

    def __init__(
        self, split: Split, start: Start, *, confuse_trunk: bool = False, keep: float = 0.0
    ) -> None:
        super().__init__()
        self._split = [split]  # in a list: its frozen part is no part of this module
        self._confuse_trunk = confuse_trunk
        self.body: nn.Module = split.rest if split.trained else nn.Identity()
        self.whitened = start.whitening is not None
        if start.whitening is not None:
            for name, value in vars(start.whitening).items():
                self.register_buffer(name, value.clone())
        self.keeps = self.whitened and keep > 0
        if self.keeps:
            self.register_buffer("keep", torch.tensor(keep))
        dim = start.weight.shape[1]
        self.adapter: nn.Module = nn.Identity() if split.trained else Adapter(dim)
        self.head = Head(start.weight.clone(), start.bias.clone())

    @property
    def dim(self) -> int:
        """Length of an embedding: E, and d more where whitened features are kept."""
        return sum(self.head.weight.shape) if self.keeps else len(self.head.weight)

    def pooled(self, inputs: Tensor) -> Tensor:
        """What the cut gave -> pooled features (B, d0)."""
        features = self.body(inputs)
        return self._split[0].pooled(features) if features.ndim > 2 else features

    def trunk(self, inputs: Tensor) -> Tensor:
        """What the cut gave -> z (B, d)."""
        features = self.features(inputs)
        with torch.autocast(features.device.type, enabled=False):
            adapted: Tensor = self.adapter(features)
            return adapted

    def features(self, inputs: Tensor) -> Tensor:
        """What the cut gave -> pooled features, whitened where the start says so (B, d)."""
        pooled = self.pooled(inputs)
        with torch.autocast(pooled.device.type, enabled=False):  # what follows is small
            pooled = pooled.float()
            if self.whitened:
                pooled = Whitening(self.mean, self.components, self.whiten)(pooled)
            return pooled

    def forward(self, inputs: Tensor) -> Outputs:
        """What the cut gave (B, ...) -> see `Outputs`."""
        z = self.trunk(inputs)
        with torch.autocast(z.device.type, enabled=False):
            made = self.head(z)
            confused = made if self._confuse_trunk else self.head(z.detach())
            return Outputs(made, confused, row_norm(self.head.weight))

    @torch.no_grad()
    def embed(self, inputs: Tensor) -> Tensor:
        """What the cut gave (B, ...) -> l2-normalised embeddings (B, `dim`) float32."""
        features = self.features(inputs)
        made = F.normalize(self.head(self.adapter(features)).float(), dim=1)
        if not self.keeps:
            return made
        return F.normalize(torch.cat([made, self.keep * F.normalize(features, dim=1)], 1), dim=1)


def with_own_tail(split: Split, device: torch.device) -> Split:
    """A cut whose tail can be trained, and the other's stays as it is."""
    made = dataclasses.replace(split, rest=copy.deepcopy(split.rest))
    made.rest.to(device)
    return made


def rebuilt(split: Split, state: Mapping[str, Tensor]) -> EcamlNetwork:
    """A network out of its state.

    Raises
    ------
    KeyError, RuntimeError
        The state does not fit.
    """
    fixed = None
    if "whiten" in state:
        fixed = Whitening(state["mean"], state["components"], state["whiten"])
    made = EcamlNetwork(
        split,
        Start(state["head.weight"], state["head.bias"], fixed),
        keep=float(state.get("keep", 0.0)),
    )
    made.load_state_dict(state)
    return made
