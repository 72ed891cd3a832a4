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
from fgvc_studio.vision.frozen import FrozenRunner
from fgvc_studio.vision.split import Split, cut

MODEL = "model.safetensors"
_BLOCK = 4096


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
        self._frozen = FrozenRunner(split)
        self.name = f"ecaml-{device.type}"
        self.dim = network.dim

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 -> (B, E) float32, l2-normalised."""
        return self._embedded(self._frozen(batch))

    def from_pooled(self, pooled: NDArray[np.float32]) -> NDArray[np.float32]:
        """The backbone's own vectors (N, d0), of any length -> (N, E) float32, l2-normalised.

        Without looking at pictures again; only for a metric on the whole frozen backbone.

        Raises
        ------
        ValueError
            A part of the backbone was trained.
        """
        if self._split.trained:
            raise ValueError("the trunk was trained: it needs the pictures")
        blocks = range(0, len(pooled), _BLOCK)
        made = [self._embedded(np.asarray(pooled[at : at + _BLOCK])) for at in blocks]
        return np.concatenate(made) if made else np.empty((0, self.dim), np.float32)

    def _embedded(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        inputs = torch.from_numpy(np.ascontiguousarray(stored)).to(self._device)
        return self._network.embed(inputs).cpu().numpy()

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
