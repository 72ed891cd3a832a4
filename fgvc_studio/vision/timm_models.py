"""Backbones that timm builds: from a local weight file, from the network, or random."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from fgvc_studio.domain.errors import UserError
from fgvc_studio.vision.backbones import RANDOM_NOTE, Backbone, feature_map, make_key
from fgvc_studio.vision.torch_setup import import_timm
from fgvc_studio.vision.transforms import EvalTransform

_LARGEST_INPUT = 224
_HUB = "https://huggingface.co"
_HUB_SECONDS = 4
_REMEDY = "Connect to the network, give a local weight file, or use the backbone lite0."
_WRAPPERS = ("state_dict", "model", "model_state_dict", "teacher")
_CLASSIFIERS = ("head.", "fc.", "classifier.", "head_dist.", "last_linear.")


def random(name: str, architecture: str) -> Backbone:
    """A timm model with random weights (seed 0)."""
    import_timm()
    from fgvc_studio.vision.own_draws import OwnDraws

    with OwnDraws(0):
        model = _create(architecture)
    return _finish(name, architecture, model, RANDOM_NOTE)


def pretrained(name: str, architecture: str, weights: Path | None) -> Backbone:
    """A timm model with weights from a file, else from timm's cache or the network.

    Raises
    ------
    UserError
        Unknown architecture, unfit file, or no weights to be had.
    """
    if weights is None:
        return _finish(name, architecture, _download(architecture))
    model = _create(architecture)
    _load_file(model, Path(weights))
    return _finish(name, architecture, model)


def _create(architecture: str, pretrained: bool = False) -> Any:
    timm = import_timm()
    if not timm.is_model(architecture.split(".")[0]):
        raise UserError(
            f"timm knows no model {architecture!r}.", "Look the name up with timm.list_models()."
        )
    options: dict[str, Any] = {"pretrained": pretrained, "num_classes": 0}
    config = timm.get_pretrained_cfg(architecture)
    if config and config.fixed_input_size and config.input_size[-1] > _LARGEST_INPUT:
        options["img_size"] = _LARGEST_INPUT
    try:
        return timm.create_model(architecture, **options)
    except TypeError:  # a model whose input size cannot be chosen
        options.pop("img_size", None)
        return timm.create_model(architecture, **options)


def _download(architecture: str) -> Any:
    timm = import_timm()
    config = timm.get_pretrained_cfg(architecture, allow_unregistered=True)
    repository = getattr(config, "hf_hub_id", None) or ""
    if not _cached(repository) and not _online():
        raise UserError(
            f"The weights of {architecture} are not on this computer and there is no network.",
            _REMEDY,
        )
    try:
        return _create(architecture, pretrained=True)
    except UserError:
        raise
    except Exception as error:  # hub, network and file errors share no base class
        first = str(error).split("\n")[0][:200]
        raise UserError(
            f"The weights of {architecture} cannot be had ({first}).", _REMEDY
        ) from error


def _cached(repository: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")
    return any(
        isinstance(try_to_load_from_cache(repository, file), str) for file in files if repository
    )


def _online() -> bool:
    """Whether the hub answers at once: asked first, since its client tries for minutes."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return False
    request = urllib.request.Request(os.environ.get("HF_ENDPOINT", _HUB), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_HUB_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError):
        return False


def _load_file(model: Any, path: Path) -> None:
    remedy = "Give the weight file that belongs to this timm model."
    if not path.is_file():
        raise UserError(f"There is no weight file {path}.", remedy)
    try:
        state = _read_state(path)
        for wrapper in _WRAPPERS:
            if isinstance(state.get(wrapper), dict):
                state = state[wrapper]
        state = {key.removeprefix("module."): value for key, value in state.items()}
        missing, unexpected = model.load_state_dict(state, strict=False)
    except Exception as error:  # torch and safetensors raise many kinds for a file of another kind
        raise UserError(f"{path.name} does not hold weights that fit.", remedy) from error
    strange = [key for key in unexpected if not key.startswith(_CLASSIFIERS)]
    if missing or strange:
        raise UserError(
            f"{path.name} belongs to another model ({len(missing)} tensors missing, "
            f"{len(strange)} too many).",
            remedy,
        )


def _read_state(path: Path) -> dict[str, Any]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def _finish(name: str, architecture: str, model: Any, note: str = "") -> Backbone:
    import torch
    from timm.data import resolve_model_data_config

    config = resolve_model_data_config(model)
    # A transformer built for other pictures than its weights were made on takes its own size.
    own = getattr(getattr(model, "patch_embed", None), "img_size", None)
    transform = EvalTransform(
        size=own[-1] if own else config["input_size"][-1],
        crop=config["crop_pct"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"],
    )
    model = model.eval().requires_grad_(False)
    with torch.inference_mode():
        raw = model.forward_features(torch.zeros(1, 3, transform.size, transform.size))
        dim = model.forward_head(raw, pre_logits=True).shape[1]
        shape = tuple(feature_map(model, raw).shape[1:])
    key = make_key(architecture, _digest(model), transform)
    return Backbone(name, dim, transform, key, shape, lambda: model, note)


def _digest(model: Any) -> str:
    """SHA-256 over names, types, shapes and bytes of all tensors."""
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
