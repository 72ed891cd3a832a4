"""A finished run over many pictures, with its prototypes and with those before the projection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.st_protopnet.classifier import Classifier
from fgvc_studio.methods.st_protopnet.losses import BRANCHES
from fgvc_studio.methods.st_protopnet.model import StProtoNet

UNPROJECTED = "unprojected.safetensors"
Parts = dict[str, dict[str, Tensor]]


def unprojected(net: StProtoNet) -> Parts:
    """What projection and last layers are about to change: branch -> name -> tensor."""
    return {
        name: {
            "prototypes": net.branch(name).prototypes.detach().cpu().clone(),
            "last": net.branch(name).last.detach().cpu().clone(),
        }
        for name in BRANCHES
    }


def keep(folder: Path, parts: Parts) -> None:
    """Keep what `unprojected` gave."""
    checkpoints.save_state(folder / UNPROJECTED, parts)


@dataclass(frozen=True)
class Judgement:
    """Logits of n images, branch by branch.

    Attributes
    ----------
    logits, before : mapping
        Branch -> (n, C) float32; `before` the projection, empty where that is not known.
    """

    logits: Mapping[str, NDArray[np.float32]]
    before: Mapping[str, NDArray[np.float32]]


class Judge:
    """A `vision.runtimes.Runtime` whose embeddings are logits, one block for each branch.

    Parameters
    ----------
    folder : Path
        Of the run; looked into for the prototypes before the projection.
    """

    name, note = "st-protopnet", ""

    def __init__(self, classifier: Classifier, folder: Path) -> None:
        self._classifier = classifier
        self._classes = classifier.model.net.shape.classes
        kept = folder / UNPROJECTED
        self._before: Parts = checkpoints.load_state(kept) if kept.is_file() else {}
        self.dim = self._classes * len(BRANCHES) * (2 if self._before else 1)

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images (n, 3, H, W) float32 -> (n, dim); see `apart`."""
        net = self._classifier.model.net
        found, before = [], []
        with torch.inference_mode():
            maps = self._classifier.maps(batch)
            for name in BRANCHES:
                branch = net.branch(name)
                z = branch.features(maps)
                found.append(branch.logits(branch.similarities(z).flatten(2).amax(2)))
                if self._before:
                    parts = {k: v.to(z.device) for k, v in self._before[name].items()}
                    scores = branch.similarities(z, parts["prototypes"]).flatten(2).amax(2)
                    before.append(scores @ parts["last"].T)
        made: NDArray[np.float32] = torch.cat([*found, *before], 1).cpu().numpy()
        return made

    def apart(self, made: NDArray[np.float32]) -> Judgement:
        """What `embed` gave, block by block."""
        blocks = np.split(made, self.dim // self._classes, axis=1)
        count = len(BRANCHES)
        return Judgement(
            dict(zip(BRANCHES, blocks[:count], strict=True)),
            dict(zip(BRANCHES, blocks[count:], strict=True)) if self._before else {},
        )
