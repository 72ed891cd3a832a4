"""The last stage: only the last layers train, on scores that no longer change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.methods.loop import mixed_seed
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.losses import BRANCHES, own_class, sparsity
from fgvc_studio.methods.st_protopnet.model import StProtoNet

Scores = dict[str, Tensor]
"""Branch -> scores (n, P)."""


@dataclass(frozen=True, slots=True)
class LastEpoch:
    """An epoch of the last stage: its number from 1, mean loss, accuracy on validation."""

    epoch: int
    loss: float
    accuracy: float


def summed_logits(net: StProtoNet, scores: Scores) -> Tensor:
    """Logits (n, C) of both branches together."""
    return torch.stack([net.branch(name).logits(scores[name]) for name in BRANCHES]).sum(0)


@torch.no_grad()
def accuracy(net: StProtoNet, scores: Scores, labels: Tensor) -> float:
    """Share of right predictions; NaN without images."""
    if not len(labels):
        return float("nan")
    return float((summed_logits(net, scores).argmax(1) == labels).float().mean())


def train(
    net: StProtoNet,
    views: list[Scores],
    labels: Tensor,
    validation: Scores,
    validation_labels: Tensor,
    config: StProtoConfig,
    seed: int,
) -> Iterator[LastEpoch]:
    """Train W of both branches in turn; the best on validation stays, the start included.

    The terms of the prototypes are constant here, so cross-entropy and sparsity remain. Without
    validation images, or with ``refit``, the last epoch stays.

    Parameters
    ----------
    views : list of Scores
        Scores of the training images, one entry per view; an image's view is drawn each time.
    labels : Tensor (n,) int64
    """
    device = net.branch(BRANCHES[0]).last.device
    weights = {name: net.branch(name).last for name in BRANCHES}
    stacked = {name: torch.stack([view[name] for view in views]) for name in BRANCHES}
    own = own_class(net.shape.classes, net.shape.per_class, device)
    stop = len(validation_labels) > 0 and not config.refit
    best = accuracy(net, validation, validation_labels)
    kept = {name: w.detach().clone() for name, w in weights.items()}
    for w in weights.values():
        w.requires_grad_(True)
    optimiser = torch.optim.Adam(list(weights.values()), lr=config.lr_last)
    step = 0
    try:
        for epoch in range(config.last_layer_epochs):
            losses = []
            for rows, view in _batches(len(labels), len(views), config.batch, seed, epoch):
                name = BRANCHES[step % 2]
                branch, some = net.branch(name), torch.from_numpy(rows).to(device)
                scores = stacked[name][torch.from_numpy(view).to(device), some]
                loss = F.cross_entropy(branch.logits(scores), labels[some])
                loss = loss + config.l1 * sparsity(branch.last, own)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                losses.append(float(loss.detach()))
                step += 1
            found = accuracy(net, validation, validation_labels)
            if stop and found > best:
                best = found
                kept = {name: w.detach().clone() for name, w in weights.items()}
            yield LastEpoch(epoch + 1, float(np.mean(losses)), found)
    finally:
        with torch.no_grad():
            for name, w in weights.items():
                w.requires_grad_(False)
                w.grad = None
                if stop:
                    w.copy_(kept[name])


def _batches(
    n: int, views: int, batch: int, seed: int, epoch: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    rng = np.random.default_rng(mixed_seed(seed, "last", epoch))
    order, drawn = rng.permutation(n), rng.integers(0, views, n)
    for start in range(0, n, batch):
        rows = order[start : start + batch]
        yield rows, drawn[rows]
