"""What a finished CMD run is used for: embeddings and attention maps of any picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.cmd.config import CmdConfig
from fgvc_studio.methods.cmd.model import CmdNetwork
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.frozen import FrozenRunner
from fgvc_studio.vision.split import Split, cut

if TYPE_CHECKING:
    from torch import Tensor

MODEL = "model.safetensors"


class CmdEmbedder:
    """A `vision.runtimes.Runtime` over the teacher of a run.

    Attributes
    ----------
    dim : int
        Length of an embedding.
    """

    note = ""

    def __init__(self, split: Split, teacher: CmdNetwork, device: torch.device) -> None:
        self._split, self._device = split, device
        self._teacher = teacher.to(device).eval()
        split.frozen.to(device)
        split.rest.to(device)
        self._frozen = FrozenRunner(split)
        self.name = f"cmd-{device.type}"
        self.dim = teacher.dim

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 -> (B, d) float32, l2-normalised."""
        return self._look(batch)[0]

    def attention(self, batch: NDArray[np.float32]) -> NDArray[np.float16]:
        """(B, 3, H, W) float32 -> (B, h, w) float16 that sums to 1 per image."""
        weights = self._look(batch)[1]
        side = int(weights.shape[1] ** 0.5)
        return weights.reshape(len(weights), side, -1).astype(np.float16)

    def features(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 -> (B, d, h, w) float32: the cells before pooling."""
        with torch.inference_mode():
            tokens, _, _ = self._teacher.cells(self._teacher.look(self._inputs(batch)))
        side = int(tokens.shape[1] ** 0.5)
        return tokens.mT.reshape(len(batch), -1, side, side).float().cpu().numpy()

    def _look(self, batch: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
        with torch.inference_mode():
            vectors, weights = self._teacher.embed(self._inputs(batch))
        return vectors.cpu().numpy(), weights.cpu().numpy()

    def _inputs(self, batch: NDArray[np.float32]) -> Tensor:
        stored = torch.from_numpy(self._frozen(batch)).to(self._device)
        with torch.inference_mode():
            return stored if self._split.trained else self._split.rest(stored)


def save(folder: Path, teacher: CmdNetwork, config: CmdConfig, backbone: Backbone) -> None:
    """Keep a teacher for use."""
    checkpoints.save_state(folder / MODEL, {"teacher": teacher.state_dict()})
    checkpoints.write_config(folder, "cmd", config, backbone)


def load(folder: Path, backbone: Backbone) -> CmdEmbedder:
    """The embedder of a finished run.

    Raises
    ------
    UserError
        Missing or damaged files, or a model of another backbone.
    """
    config = checkpoints.read_config(folder, CmdConfig)
    split = cut(backbone, config.train)
    teacher = CmdNetwork(split, config)
    state = checkpoints.load_state(folder / MODEL)
    with checkpoints.fitting(folder, backbone):
        teacher.load_state_dict(state["teacher"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return CmdEmbedder(split, teacher.requires_grad_(False), device)
