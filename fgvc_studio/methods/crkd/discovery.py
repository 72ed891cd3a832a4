"""What a finished run of Cr-KD leaves: proposals, the gated items, a model for other pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.crkd import proposals
from fgvc_studio.methods.crkd.config import CrkdConfig
from fgvc_studio.methods.crkd.model import CrkdNetwork, KnownNetwork
from fgvc_studio.methods.crkd.proposals import Proposals
from fgvc_studio.methods.crkd.source import Pooled
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.split import Split, cut

if TYPE_CHECKING:
    from fgvc_studio.methods.crkd.stages import Stages

MODEL, PROPOSALS = "model.safetensors", "proposals.safetensors"
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Model:
    """Student and teacher after training.

    Attributes
    ----------
    classes : ndarray (C,) int64
        The project's number of each known class.
    orders : ndarray (H, K) int64
        See `proposals.alignment`.
    """

    network: CrkdNetwork
    teacher: KnownNetwork
    classes: Labels
    orders: Labels
    best_head: int
    tau: float

    def logits(self, batches: Iterable[Tensor]) -> proposals.Logits:
        """Cosines of clean inputs (what the cut gives)."""
        return proposals.logits(self.network, self.teacher, batches)

    def predict(self, batches: Iterable[Tensor]) -> Labels:
        """Known class (0 .. C-1) or C + cluster of clean inputs, (n,)."""
        return proposals.anywhere(self.logits(batches), self.orders, self.tau)


@dataclass(frozen=True, slots=True)
class Discovery:
    """The outcome of a run.

    Attributes
    ----------
    gated, gated_class : ndarray (m,) int64
        Rows that are probably known, and the project's number of their class.
    novel, low, high : int
        Number of clusters, and the range of its estimate (equal where it was given).
    known_accuracy : float
        Of stage 1 on labelled items held out; NaN without such.
    """

    proposals: Proposals
    model: Model
    gated: Labels
    gated_class: Labels
    novel: int
    low: int
    high: int
    known_accuracy: float


def conclude(stages: Stages, classes: Labels) -> Discovery:
    """The outcome of finished stages."""
    network, teacher, config = stages.network(), stages.teacher, stages.config
    pool, best = stages.pool, stages.best_head
    found = proposals.logits(network, teacher, stages.source.clean(pool))
    orders = proposals.alignment(found.novel, best)
    known = stages.done["known"]
    return Discovery(
        proposals=proposals.propose(pool, found, best, config.tau, orders),
        model=Model(network, teacher, classes, orders, best, config.tau),
        gated=known["gated"].numpy(),
        gated_class=classes[known["gated_class"].numpy()],
        novel=int(known["novel"]),
        low=int(known["novel_low"]),
        high=int(known["novel_high"]),
        known_accuracy=float(known["accuracy"]),
    )


def save(folder: Path, made: Discovery) -> None:
    """Keep an outcome."""
    model = made.model
    checkpoints.save_state(
        folder / MODEL,
        {
            "network": model.network.state_dict(),
            "teacher": model.teacher.state_dict(),
            "classes": torch.from_numpy(model.classes),
            "orders": torch.from_numpy(model.orders),
            "best_head": model.best_head,
        },
    )
    arrays = {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in asdict(made.proposals).items()
    }
    facts = {
        "gated": torch.from_numpy(made.gated),
        "gated_class": torch.from_numpy(made.gated_class),
        "novel": made.novel,
        "low": made.low,
        "high": made.high,
        "known_accuracy": torch.tensor(made.known_accuracy),  # NaN is no JSON number
    }
    checkpoints.save_state(folder / PROPOSALS, {"proposals": arrays, **facts})


def load(folder: Path, backbone: Backbone, device: torch.device | None = None) -> Discovery:
    """The outcome of a finished run.

    Raises
    ------
    UserError
        Missing or damaged files, or a model of another backbone.
    """
    config = checkpoints.read_config(folder, CrkdConfig)
    state, kept = (checkpoints.load_state(folder / name) for name in (MODEL, PROPOSALS))
    split = cut(backbone, config.train, pooled=True)
    with checkpoints.fitting(folder, backbone):
        model = _model(state, split, config, device or torch.device("cpu"))
        arrays: dict[str, Any] = {
            name: value.numpy() if isinstance(value, Tensor) else value
            for name, value in kept["proposals"].items()
        }
        return Discovery(
            Proposals(**arrays),
            model,
            kept["gated"].numpy(),
            kept["gated_class"].numpy(),
            int(kept["novel"]),
            int(kept["low"]),
            int(kept["high"]),
            float(kept["known_accuracy"]),
        )


def _model(state: dict[str, Any], split: Split, config: CrkdConfig, device: torch.device) -> Model:
    classes, orders = state["classes"].numpy(), state["orders"].numpy()

    def base() -> KnownNetwork:
        body: nn.Module = Pooled(split.rest, split) if split.trained else nn.Identity()
        return KnownNetwork(
            body, split.dim, len(classes), adapt=not split.trained, reduce=config.reduce
        )

    network = CrkdNetwork(
        base(),
        orders.shape[1],
        heads=config.heads,
        hidden=config.hidden,
        projection=config.projection,
        overcluster=config.overcluster_factor,
    )
    split = cut(split.backbone, config.train, pooled=True)  # a rest of its own for the teacher
    teacher = base()
    network.load_state_dict(state["network"])
    teacher.load_state_dict(state["teacher"])
    for made in (network, teacher):
        made.to(device).requires_grad_(False).eval()
    best = int(state["best_head"])
    return Model(network, teacher, classes, orders, best, config.tau)
