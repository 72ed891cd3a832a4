"""One step of the warm and joint stages for the common loop: one branch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fgvc_studio.methods.loop import Clock, Rows, mixed_seed
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.feed import Views
from fgvc_studio.methods.st_protopnet.losses import BRANCHES, branch_loss
from fgvc_studio.methods.st_protopnet.model import StProtoNet

Fetch = Callable[[Rows, Tensor, int], Views]
"""(rows, random numbers (B,) in 0 .. 1 that choose a view, step) -> views."""
Diagnose = Callable[[], Mapping[str, float]]
_LEAST_SHARE = 0.01
_STEP_FACTOR = 0.2


class StProtoLearner:
    """See `loop.Learner`.

    The parity of the global step chooses the branch; the other one gets no gradients, so that the
    optimiser leaves it and its moments alone.

    Parameters
    ----------
    labels : Tensor (n,) int64
        Class of each training item.
    fetch : callable
        See `Fetch`.
    diagnose : callable
        () -> values at the end of an epoch.
    audit : callable, optional
        (network, branch, step) -> a term that is added to the loss.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer

    def __init__(
        self,
        net: StProtoNet,
        config: StProtoConfig,
        runtime: Runtime,
        labels: Tensor,
        fetch: Fetch,
        diagnose: Diagnose,
        *,
        seed: int,
        audit: Callable[[StProtoNet, str, int], Tensor] | None = None,
    ) -> None:
        self.model, self.config, self.runtime = net.to(runtime.device), config, runtime
        self._labels, self._fetch, self._diagnose = labels, fetch, diagnose
        self._seed, self._audit = seed, audit
        tail = [p for p in net.body.parameters() if p.requires_grad]
        add_on = [p for name in BRANCHES for p in net.branch(name).add_on()]
        prototypes = [net.branch(name).prototypes for name in BRANCHES]
        groups: list[dict[str, Any]] = []
        for found, rate, decay in (
            (tail, config.lr_tail, config.weight_decay),
            (add_on, config.lr_add_on, config.weight_decay),
            (prototypes, config.lr_prototypes, 0.0),
        ):
            if found:
                groups.append({"params": found, "lr": rate, "rate": rate, "weight_decay": decay})
        self.optimiser = torch.optim.Adam(groups)

    @property
    def net(self) -> StProtoNet:
        """The network, unwrapped."""
        found: StProtoNet = self.runtime.unwrap(self.model)
        return found

    def warm_epochs(self, epochs: int) -> int:
        """Epochs with the backbone at rest; all of them when it never trains."""
        return epochs if self.config.train == "head" else min(self.config.warm_epochs, epochs)

    def warm(self, clock: Clock) -> bool:
        """Whether a step belongs to the warm stage."""
        return clock.epoch < self.warm_epochs(clock.epochs)

    def factor(self, clock: Clock) -> float:
        """What learning rates are multiplied by: 1 in the warm stage, then falling."""
        if self.warm(clock):
            return 1.0
        first = self.warm_epochs(clock.epochs)
        if self.config.decay == "step":
            return float(_STEP_FACTOR ** ((clock.epoch - first) // self.config.decay_every))
        begun = first * clock.steps_per_epoch
        done = (clock.step - begun) / max(1, clock.total - begun)
        return _LEAST_SHARE + (1 - _LEAST_SHARE) * 0.5 * (1 + math.cos(math.pi * done))

    @staticmethod
    def active(clock: Clock) -> str:
        """The branch of a step."""
        return BRANCHES[clock.step % 2]

    def schedule(self, clock: Clock) -> None:
        """Learning rates of this step."""
        factor = self.factor(clock)
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * factor

    def losses(self, rows: Rows, part: slice, clock: Clock) -> dict[str, Tensor]:
        """See `loop.Learner.losses`."""
        draw = torch.Generator().manual_seed(mixed_seed(self._seed, "draw", clock.step))
        chosen = torch.rand(len(rows), generator=draw)[part]
        stored, hidden = self._fetch(rows[part], chosen, clock.step)
        labels = self._labels[torch.from_numpy(rows[part])].to(stored.device)
        name = self.active(clock)
        tail = self.config.train != "head" and not self.warm(clock)
        out = self.model(stored, (name,), tail, hidden)[name]
        branch = self.net.branch(name)
        terms = branch_loss(
            name, out.logits, out.maxima, branch.prototypes, branch.last, labels, self.config
        )
        total = terms.total
        if self._audit is not None:
            total = total + self._audit(self.net, name, clock.step)
        if self.runtime.world > 1:  # every process waits for the gradient of every parameter
            trained = [p for p in self.net.parameters() if p.requires_grad]
            total = total + 0.0 * torch.stack([p.sum() for p in trained]).sum()
        right = (out.logits.detach().argmax(1) == labels).float().mean()
        return {
            "total": total,
            f"{name}_cross_entropy": terms.cross_entropy,
            f"{name}_cluster": terms.cluster,
            f"{name}_separation": terms.separation,
            f"{name}_orthogonality": terms.orthogonality,
            f"{name}_class_pairs": terms.class_pairs,
            f"{name}_batch_accuracy": right,
        }

    def gradients(self, clock: Clock) -> None:
        """The idle branch, and in the warm stage the backbone, get none."""
        net = self.net
        idle = [p for name in BRANCHES if name != self.active(clock) for p in _of(net, name)]
        if self.warm(clock):
            idle += list(net.body.parameters())
        for parameter in idle:
            parameter.grad = None

    def stepped(self, clock: Clock) -> None:
        """Prototypes stay unit vectors."""
        self.net.renormalise()

    def diagnose(self, clock: Clock) -> tuple[Mapping[str, float], tuple[str, ...]]:
        """Accuracy on the validation images, before any projection."""
        return self._diagnose(), ()

    def state(self) -> dict[str, Any]:
        """The whole network."""
        return {"net": self.net.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """See `loop.Learner.load`."""
        self.net.load_state_dict(state["net"])


def _of(net: StProtoNet, name: str) -> list[nn.Parameter]:
    return list(net.branch(name).parameters())
