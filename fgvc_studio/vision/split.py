"""Cut a backbone into a frozen part, whose output can be kept on disk, and the rest.

===========  =============================================  =============================
`train`      frozen                                          the rest
===========  =============================================  =============================
head         all; with `whole=False` all but the last cheap  frozen (a projection at most)
             projection, which is run again at each use
last-stage   all but the last stage                          trained, batch-norm fixed
all          nothing                                         trained
===========  =============================================  =============================
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fgvc_studio.domain.errors import UserError
from fgvc_studio.vision.backbones import Backbone

TRAIN = ("head", "last-stage", "all")
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class Rest(nn.Sequential):
    """What comes after the cut; its batch-norm statistics stay fixed unless `live_norms`.

    Attributes
    ----------
    live_norms : bool
        Whether batch-norm layers follow train/eval mode.
    """

    live_norms = False

    def train(self, mode: bool = True) -> Rest:
        """As `nn.Module.train`, batch-norm excepted."""
        super().train(mode)
        if not self.live_norms:
            for module in self.modules():
                if isinstance(module, _NORMS):
                    module.eval()
        return self


@dataclass(frozen=True, eq=False)
class Split:
    """A backbone cut in two.

    Attributes
    ----------
    frozen : nn.Module
        Images (B, 3, H, W) -> output at the cut (B, ...); eval mode, no gradients.
    rest : Rest
        Output at the cut -> features: (B, d, h, w), or (B, prefix + h*w, d) of a transformer. A
        copy of its own when `trained`, so that the backbone itself never changes.
    prefix : int
        Class and register tokens before the cells.
    patch : int
        Views must be multiples of this many pixels.
    dim : int
        d.
    """

    backbone: Backbone
    train: str
    frozen: nn.Module
    rest: Rest
    prefix: int
    patch: int
    dim: int

    @property
    def trained(self) -> bool:
        """Whether `rest` is trained."""
        return self.train != "head"

    def spec(self) -> dict[str, object]:
        """What the output at the cut depends on beside the pixels, for keys."""
        depth = sum(1 for _ in self.frozen.children())
        return {"backbone": self.backbone.key, "train": self.train, "modules": depth}

    def view_size(self, size: int) -> int:
        """The possible view side nearest to `size`, pixels."""
        return max(1, round(size / self.patch)) * self.patch

    def stored_shape(self, size: int) -> tuple[int, ...]:
        """Shape of one stored output for views of `size` pixels.

        Raises
        ------
        UserError
            The backbone cannot take pictures of this size.
        """
        probe = torch.zeros(1, 3, size, size, device=_device(self.frozen))
        try:
            with torch.inference_mode():
                return tuple(self.frozen(probe).shape[1:])
        except (RuntimeError, AssertionError, ValueError) as error:
            raise UserError(
                f"{self.backbone.name} cannot take pictures of {size} pixels.",
                "Choose another backbone, or train without local views.",
            ) from error

    def tokens(self, features: Tensor) -> Tensor:
        """Features -> cells (B, h*w, d), prefix tokens left out."""
        return features.flatten(2).mT if features.ndim == 4 else features[:, self.prefix :]

    def class_token(self, features: Tensor) -> Tensor:
        """The class token (B, d) of a transformer's features."""
        return features[:, 0]

    def pooled(self, features: Tensor) -> Tensor:
        """Features of the rest -> the backbone's own pooled vector (B, D)."""
        if any(isinstance(module, _ChannelsFirst) for module in self.rest):
            features = features.permute(0, 2, 3, 1)
        vector: Tensor = self.backbone.model.forward_head(features, pre_logits=True)
        return vector

    def feature_map(self, features: Tensor) -> Tensor:
        """Features -> (B, d, h, w)."""
        if features.ndim == 4:
            return features
        cells = self.tokens(features)
        side = math.isqrt(cells.shape[1])
        return cells.mT.reshape(len(cells), -1, side, side)


def cut(backbone: Backbone, train: str, *, pooled: bool = False) -> Split:
    """Cut a backbone.

    Parameters
    ----------
    train : str
        ``head``, ``last-stage`` or ``all``.
    pooled : bool
        With ``head``: store the pooled vector; the rest is empty. For methods that need no cells.

    Raises
    ------
    UserError
        Unknown `train`, or the backbone's last stage is not known.
    """
    if train not in TRAIN:
        raise UserError(f"There is no training mode {train!r}.", f"Choose {', '.join(TRAIN)}.")
    model = backbone.model
    prefix, patch = int(getattr(model, "num_prefix_tokens", 0)), _patch(model)
    if pooled and train == "head":
        whole = nn.Sequential(_Call(model, backbone.forward)).eval()
        return Split(backbone, train, whole, Rest(), 0, patch, backbone.dim)
    parts, last_stage, head = _chain(backbone)
    at = {"head": head, "last-stage": last_stage, "all": 0}[train]
    if at is None:
        raise UserError(
            f"The last stage of {backbone.name} is not known.", "Train head or all instead."
        )
    frozen = nn.Sequential(*parts[:at]).eval().requires_grad_(False)
    rest = Rest(*(_folded(parts[at:]) if train == "head" else parts[at:]))
    if train != "head":
        rest = copy.deepcopy(rest)
        rest.requires_grad_(True)
    rest.train(False)
    return Split(backbone, train, frozen, rest, prefix, patch, backbone.feature_shape[0])


def _folded(parts: list[nn.Module]) -> list[nn.Module]:
    """The same function of a frozen chain, fixed batch-norms merged into their convolutions."""
    made: list[nn.Module] = []
    for part in parts:
        if isinstance(part, nn.BatchNorm2d) and made and isinstance(made[-1], nn.Conv2d):
            made[-1] = fuse_conv_bn_eval(made[-1], part.eval())
            after = (getattr(part, name, None) for name in ("drop", "act"))  # timm's have both
            made += [layer for layer in after if isinstance(layer, nn.Module)]
        else:
            made.append(part)
    return [part.requires_grad_(False) for part in made if not isinstance(part, nn.Identity)]


def laid_out(stored: Tensor) -> Tensor:
    """As float32; maps with the channels last in memory, which convolutions are faster with."""
    if stored.ndim != 4:
        return stored.float()
    return stored.to(torch.float32, memory_format=torch.channels_last)


def with_drop_path(rest: nn.Module, probability: float) -> None:
    """Give residual blocks stochastic depth (in train mode), in place."""
    if not probability:
        return
    from timm.layers import DropPath

    for module in list(rest.modules()):
        for name in ("drop_path", "drop_path1", "drop_path2"):
            if isinstance(getattr(module, name, None), nn.Identity):
                setattr(module, name, DropPath(probability))


Parts = list[nn.Module]


def _chain(backbone: Backbone) -> tuple[Parts, int | None, int]:
    """The network as a chain, the start of its last stage, and the cut of token methods."""
    model = backbone.model
    names = {name for name, _ in model.named_children()}
    if {"conv_stem", "bn1", "blocks"} <= names:
        return _efficientnet(model, names)
    if {"conv1", "bn1", "layer4"} <= names:
        before = [getattr(model, n) for n in ("conv1", "bn1", "act1", "maxpool") if n in names]
        parts = [*before, model.layer1, model.layer2, model.layer3, model.layer4]
        return parts, len(parts) - 1, len(parts)
    if {"stem", "stages", "norm_pre"} <= names:
        parts = [model.stem, *model.stages, model.norm_pre]
        return parts, len(parts) - 2, len(parts)
    if {"patch_embed", "layers", "norm"} <= names:
        _any_size(model)
        parts = [model.patch_embed, *model.layers, model.norm, _ChannelsFirst()]
        return parts, len(parts) - 3, len(parts)
    if {"patch_embed", "blocks", "norm"} <= names and hasattr(model, "_pos_embed"):
        _any_size(model)
        parts = [_Embed(model), *model.blocks, model.norm]
        return parts, len(parts) - 2, len(parts)
    return [_Call(model, backbone.forward_features)], None, 1


def _efficientnet(model: Any, names: set[str]) -> tuple[Parts, int, int]:
    """The last stage is the last two groups of blocks: the very last one changes no resolution."""
    before = [model.conv_stem, model.bn1]
    blocks = list(model.blocks)
    after = [model.conv_head, model.bn2] if {"conv_head", "bn2"} <= names else []
    depth = len(before) + len(blocks)
    return [*before, *blocks, *after], depth - 2, depth


def _any_size(model: Any) -> None:
    """Let a transformer take views of other sizes than its own."""
    model.dynamic_img_size = True
    model.patch_embed.strict_img_size = False
    if hasattr(model, "_pos_embed"):
        from timm.layers import Format

        model.patch_embed.flatten = False
        model.patch_embed.output_fmt = Format.NHWC
    for module in model.modules():
        if hasattr(module, "dynamic_mask"):
            module.dynamic_mask = True


def _patch(model: Any) -> int:
    size = getattr(getattr(model, "patch_embed", None), "patch_size", 1)
    return int(size[0] if isinstance(size, tuple | list) else size)


def _device(module: nn.Module) -> torch.device:
    return next((p.device for p in module.parameters()), torch.device("cpu"))


class _Embed(nn.Module):
    """Patches, positions and prefix tokens of a vision transformer."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = [model]  # in a list: its blocks are no part of this module (copies follow)
        self.patch_embed = model.patch_embed
        for name in ("cls_token", "reg_token", "pos_embed"):
            self.register_parameter(name, getattr(model, name, None))
        self.norm_pre = model.norm_pre

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, prefix + T, d)."""
        return self.norm_pre(self.model[0]._pos_embed(self.patch_embed(images)))


class _ChannelsFirst(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        """(B, h, w, d) -> (B, d, h, w)."""
        return features.permute(0, 3, 1, 2)


class _Call(nn.Module):
    """A function of a model as a module."""

    def __init__(self, model: nn.Module, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.function = model, function

    def forward(self, images: Tensor) -> Tensor:
        """Apply the function."""
        return self.function(images)
