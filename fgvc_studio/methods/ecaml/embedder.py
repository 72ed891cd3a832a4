"""What a finished ECAML run is used for: embeddings of any picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.ecaml.config import EcamlConfig
from fgvc_studio.methods.ecaml.model import EcamlNetwork, rebuilt
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.split import Split, cut

MODEL = "model.safetensors"


class EcamlEmbedder:
    """A `vision.runtimes.Runtime` over the metric of a run.

    Attributes
    ----------
    dim : int
        Length of an embedding.
    """

    note = ""

    def __init__(self, split: Split, network: EcamlNetwork, device: torch.device) -> None:
        self._split, self._device = split, device
        self._network = network.to(device).eval().requires_grad_(False)
        split.backbone.model.to(device)
        split.frozen.to(device)
        self.name = f"ecaml-{device.type}"
        self.dim = network.dim

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 -> (B, E) float32, l2-normalised."""
        with torch.inference_mode():
            return self._network.embed(self._split.frozen(self._inputs(batch))).cpu().numpy()

    def features(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 -> (B, C, h, w) float32: the trunk's cells before pooling."""
        with torch.inference_mode():
            images = self._inputs(batch)
            if not self._split.trained:
                return self._split.backbone.forward_features(images).float().cpu().numpy()
            features = self._network.body(self._split.frozen(images))
            return self._split.feature_map(features).float().cpu().numpy()

    def _inputs(self, batch: NDArray[np.float32]) -> Tensor:
        images = torch.from_numpy(batch).to(self._device)
        return images.contiguous(memory_format=torch.channels_last)


def save(folder: Path, network: EcamlNetwork, config: EcamlConfig, backbone: Backbone) -> None:
    """Keep a metric for use."""
    checkpoints.save_state(folder / MODEL, {"network": network.state_dict()})
    checkpoints.write_config(folder, "ecaml", config, backbone)


def load(folder: Path, backbone: Backbone) -> EcamlEmbedder:
    """The embedder of a finished run.

    Raises
    ------
    UserError
        Missing or damaged files, or a model of another backbone.
    """
    split = cut(backbone, checkpoints.read_config(folder, EcamlConfig).train, pooled=True)
    state = checkpoints.load_state(folder / MODEL)
    with checkpoints.fitting(folder, backbone):
        network = rebuilt(split, state["network"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return EcamlEmbedder(split, network, device)
