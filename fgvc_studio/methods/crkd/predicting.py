"""A finished run over pictures that it never saw: known category or new cluster."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fgvc_studio.methods.crkd.config import CrkdConfig
from fgvc_studio.methods.crkd.discovery import Model
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.frozen import FrozenRunner
from fgvc_studio.vision.split import cut


class Predictor:
    """Embeds pictures as one number: known class (0 .. C-1), or C + cluster."""

    name, note, dim = "crkd", "", 1

    def __init__(self, model: Model, config: CrkdConfig, backbone: Backbone) -> None:
        self._model = model
        self._frozen = FrozenRunner(cut(backbone, config.train, pooled=True))

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 -> (B, 1) float32."""
        inputs = torch.from_numpy(self._frozen(batch)).float()
        return self._model.predict([inputs])[:, None].astype(np.float32)
