"""Where the inputs of Cr-KD come from: cached views of pictures, or views made for each step."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from fgvc_studio.methods import diagnostics
from fgvc_studio.methods.crkd.config import CrkdConfig
from fgvc_studio.methods.loop import Rows
from fgvc_studio.vision.augment import Colour, ViewSpec
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.split import Rest, Split, cut
from fgvc_studio.vision.transforms import EvalTransform
from fgvc_studio.vision.view_cache import ViewCache
from fgvc_studio.vision.views import CLEAN, Pictures, ViewMaker

VIEW = "view"
_PART = 64
_HUE = 0.05


class Source(Protocol):
    """Inputs by row; any of the n rows may be asked for.

    Attributes
    ----------
    dim : int
        Length of the features that heads look at.
    adapt : bool
        Whether the shared trainable part is an adapter (the body is then the identity).
    fixed : bool
        Whether a view is the same each time.
    """

    dim: int
    adapt: bool
    fixed: bool

    def body(self) -> nn.Module:
        """A fresh body as the backbone has it: input -> (B, d)."""
        ...

    def fetch(self, rows: Rows, views: Tensor, step: int) -> list[Tensor]:
        """Views (B, n) of rows: n inputs (B, ...) float32 on the device."""
        ...

    def clean(self, rows: Rows) -> Iterator[Tensor]:
        """Clean views in parts, float32 on the device, in the order of `rows`."""
        ...


class Pooled(nn.Module):
    """A backbone's rest, and its cells' mean or class token: input at the cut -> (B, d)."""

    def __init__(self, rest: Rest, split: Split) -> None:
        super().__init__()
        self.rest = rest
        self._split = [split]  # in a list: its frozen part is no part of this module

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, ...) -> (B, d)."""
        split, features = self._split[0], self.rest(inputs)
        if split.prefix and features.ndim == 3:
            return split.class_token(features)
        return split.tokens(features).mean(1)


class PictureSource:
    """See `Source`; the frozen part's outputs are kept in a `ViewCache`."""

    def __init__(
        self,
        config: CrkdConfig,
        backbone: Backbone,
        pictures: Pictures,
        folder: Path,
        device: torch.device,
        *,
        seed: int,
        threads: int,
    ) -> None:
        self.split: Split = cut(backbone, config.train, pooled=True)
        self.split.frozen.to(device)
        self._device, self.adapt = device, config.train == "head"
        self.fixed = config.train != "all"
        self.dim = self.split.dim
        spec = view_spec(config, backbone.transform)
        clean: dict[str, tuple[ViewSpec | EvalTransform, int]] = {CLEAN: (backbone.transform, 1)}
        views: dict[str, tuple[ViewSpec | EvalTransform, int]] = {VIEW: (spec, config.views)}
        self._maker = ViewMaker(pictures, self.split, views, seed, threads)
        kept = clean | views if self.fixed else clean
        self.cache: ViewCache = ViewMaker(pictures, self.split, kept, seed, threads).cache(folder)

    def body(self) -> nn.Module:
        """See `Source`."""
        if self.adapt:
            return nn.Identity()
        return Pooled(copy.deepcopy(self.split.rest), self.split)

    def fetch(self, rows: Rows, views: Tensor, step: int) -> list[Tensor]:
        """See `Source`."""
        if not self.fixed:
            return self._made(rows, views, step)
        stored = torch.from_numpy(self.cache.read(VIEW, rows, views.numpy()))
        return list(stored.to(self._device).float())

    def clean(self, rows: Rows) -> Iterator[Tensor]:
        """See `Source`."""
        for start in range(0, len(rows), _PART):
            part = rows[start : start + _PART]
            stored = self.cache.read(CLEAN, part, np.zeros((len(part), 1), np.int64))[0]
            yield torch.from_numpy(stored).to(self._device).float()

    def _made(self, rows: Rows, views: Tensor, step: int) -> list[Tensor]:
        """Views made for this step; a picture no longer readable is replaced by another."""
        made: dict[int, NDArray[np.float32]] = {}
        wanted = dict(zip(rows.tolist(), views.numpy(), strict=True))
        for batch in self._maker.batches(rows, salt=step + 1):
            made |= {r: v[VIEW][wanted[r]] for r, v in batch if not isinstance(v, str)}
        diagnostics.least_items(len(made), 1)
        spare = list(made.values())
        filled = [made.get(int(r), spare[i % len(spare)]) for i, r in enumerate(rows)]
        return list(torch.from_numpy(np.stack(filled, 1)).to(self._device))


def view_spec(config: CrkdConfig, transform: EvalTransform) -> ViewSpec:
    """Weak views: a large crop, perhaps mirrored, lightly other colours."""
    j = config.jitter
    colour = Colour(j, j, j, 0.0 if config.colour_matters else _HUE, grey=0.0)
    return ViewSpec(
        transform.size,
        (config.crop_low, 1.0),
        (0.0, 0.0),
        (0.0, 0.0),
        colour,
        transform.mean,
        transform.std,
    )


@torch.no_grad()
def frozen_vectors(source: Source, rows: Rows, device: torch.device) -> NDArray[np.float32]:
    """Features of the untrained body, l2-normalised (n, d)."""
    body = source.body().to(device).eval()
    parts = [F.normalize(body(x), dim=1).float().cpu() for x in source.clean(rows)]
    return torch.cat(parts).numpy()
