"""The registry of backbones: a name (and perhaps a weight file) becomes a frozen network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgvc_studio.domain.errors import UserError
from fgvc_studio.vision import lite0
from fgvc_studio.vision.transforms import EvalTransform

if TYPE_CHECKING:
    import torch

RANDOM_NOTE = "The weights are random: embeddings will be poor."


@dataclass(frozen=True, slots=True)
class BackboneInfo:
    """A line of the list to choose from.

    Attributes
    ----------
    dim : int
        Length of its embeddings.
    size : int
        Side of its input, pixels.
    offline : bool
        Whether it works without network or a weight file.
    """

    name: str
    title: str
    dim: int
    size: int
    licence: str
    offline: bool
    note: str = ""


_DOWNLOAD = "is downloaded once (needs the network), or give a weight file"
_LISTED = (
    BackboneInfo("lite0", "EfficientNet-Lite0", 1280, 224, "Apache-2.0", True, "fast, the default"),
    BackboneInfo("dinov2-s", "DINOv2 small", 384, 224, "Apache-2.0", False, _DOWNLOAD),
    BackboneInfo("dinov2-b", "DINOv2 base", 768, 224, "Apache-2.0", False, _DOWNLOAD),
    BackboneInfo(
        "timm:convnext_tiny.in12k_ft_in1k",
        "ConvNeXt tiny",
        768,
        224,
        "Apache-2.0",
        False,
        _DOWNLOAD,
    ),
    BackboneInfo("timm:resnet50.a1_in1k", "ResNet-50", 2048, 224, "Apache-2.0", False, _DOWNLOAD),
)
_ALIASES = {
    "dinov2-s": "vit_small_patch14_dinov2.lvd142m",
    "dinov2-b": "vit_base_patch14_dinov2.lvd142m",
}


@dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen network with its transform.

    The network itself is built on first use of `model`: a runtime that finds its converted copy
    in the cache needs neither it nor torch.

    Attributes
    ----------
    key : str
        SHA-256 (hex) over architecture, weights and transform: equal keys mean comparable vectors.
    feature_shape : (int, int, int)
        C, h, w of the feature map before pooling.
    note : str
        A warning for the user, or empty.
    """

    name: str
    dim: int
    transform: EvalTransform
    key: str
    feature_shape: tuple[int, int, int]
    build: Callable[[], Any]
    note: str = ""

    @cached_property
    def model(self) -> Any:
        """The timm network without classifier, eval mode, no gradients."""
        from fgvc_studio.vision.torch_setup import import_timm

        import_timm()
        import torch

        with torch.inference_mode(False):  # else a caller's mode would make it untraceable
            return self.build().eval().requires_grad_(False)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        """Feature map before pooling: (B, 3, H, W) -> (B, C, h, w) float32."""
        return feature_map(self.model, self.model.forward_features(images))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Pooled embedding, not normalised: (B, 3, H, W) -> (B, D) float32."""
        return self.model.forward_head(self.model.forward_features(images), pre_logits=True)


def names() -> list[BackboneInfo]:
    """The backbones to offer, the default first."""
    return list(_LISTED)


def load(name: str = "lite0", weights: Path | None = None) -> Backbone:
    """Make a backbone ready.

    Parameters
    ----------
    name : str
        A name of `names`, ``timm:<model>`` for any timm model, or ``random:<model>`` for one with
        random weights (seed 0), which carries a warning in `Backbone.note`.
    weights : Path, optional
        Local weight file, safetensors or a pickle-free ``.pth``; needed offline for all but
        ``lite0``.

    Raises
    ------
    UserError
        Unknown name, missing or unfit weights, no network.
    """
    if name == "lite0":
        return _lite0(weights)
    from fgvc_studio.vision import timm_models

    kind, _, rest = name.partition(":")
    if kind == "random" and rest:
        return timm_models.random(name, rest)
    architecture = _ALIASES.get(name) or (rest if kind == "timm" else "")
    if not architecture:
        known = ", ".join(info.name for info in _LISTED)
        raise UserError(f"There is no backbone {name!r}.", f"Choose {known} or timm:<model name>.")
    return timm_models.pretrained(name, architecture, weights)


def feature_map(model: Any, features: torch.Tensor) -> torch.Tensor:
    """Bring what a timm model gives before pooling to (B, C, h, w)."""
    if features.ndim == 4:
        channels_last = getattr(model, "output_fmt", "") == "NHWC"
        return features.permute(0, 3, 1, 2) if channels_last else features
    cells = features[:, getattr(model, "num_prefix_tokens", 0) :]
    height, width = model.patch_embed.grid_size
    return cells.transpose(1, 2).reshape(len(cells), -1, height, width)


def make_key(architecture: str, weights_digest: str, transform: EvalTransform) -> str:
    """SHA-256 (hex) of what a vector depends on."""
    parts = {"architecture": architecture, "weights": weights_digest, "input": transform.spec()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _lite0(weights: Path | None) -> Backbone:
    path = Path(weights) if weights else lite0.find()
    remedy = lite0.OTHER_FILE if weights else lite0.REMEDY
    digest = lite0.checked_digest(path, remedy)
    transform = EvalTransform()
    key = make_key(lite0.ARCHITECTURE, digest, transform)
    return Backbone("lite0", 1280, transform, key, (1280, 7, 7), lambda: lite0.build(path, remedy))
