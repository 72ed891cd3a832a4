"""The steps of Cr-KD for the common loop: known classes first, then discovery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgvc_studio.methods import schedules
from fgvc_studio.methods.crkd.config import CrkdConfig
from fgvc_studio.methods.crkd.losses import (
    joint_targets,
    known_loss,
    relation_loss,
    swap_loss,
)
from fgvc_studio.methods.crkd.model import CrkdNetwork, KnownNetwork, Seen, joint
from fgvc_studio.methods.crkd.sinkhorn import assign
from fgvc_studio.methods.loop import Clock, Rows, mixed_seed
from fgvc_studio.methods.optimising import parameter_groups
from fgvc_studio.methods.runtime import Runtime

Fetch = Callable[[Rows, Tensor, int], list[Tensor]]
"""(rows, views (B, n), step) -> n inputs (B, ...) float32 on the device."""
Teach = Callable[[Rows, Tensor, list[Tensor]], Tensor]
"""(rows, views (B, n), the inputs of these views) -> the teacher's cosines (n, B, C)."""
VIEWS = 2


class _Stage:
    """What both stages share: optimiser, rate per epoch, two different views a step."""

    model: nn.Module
    optimiser: torch.optim.Optimizer

    def __init__(
        self,
        network: nn.Module,
        config: CrkdConfig,
        runtime: Runtime,
        fetch: Fetch,
        *,
        seed: int,
        epochs: int,
        warmup: int,
    ) -> None:
        self.config, self.runtime, self._fetch, self._seed = config, runtime, fetch, seed
        self.model = network.to(runtime.device)
        groups = parameter_groups(list(network.named_parameters()), config.lr)
        self.optimiser = torch.optim.AdamW(groups, lr=config.lr)
        low = min(config.min_lr, config.lr)
        self._rates = schedules.cosine(config.lr, low, epochs, warmup, start=low)

    def schedule(self, clock: Clock) -> None:
        """Learning rate of this epoch, weight decay of matrices; prototypes to length 1."""
        for group in self.optimiser.param_groups:
            group["lr"] = float(self._rates[clock.epoch])
            group["weight_decay"] = self.config.weight_decay if group["decays"] else 0.0
        self._normalise()

    def gradients(self, clock: Clock) -> None:
        """Nothing is clipped."""

    def stepped(self, clock: Clock) -> None:
        """Nothing follows a step."""

    def _normalise(self) -> None:
        raise NotImplementedError

    def _views(self, rows: Rows, part: slice, clock: Clock) -> tuple[Tensor, list[Tensor]]:
        """Two different views of each item of this process."""
        draw = torch.Generator().manual_seed(mixed_seed(self._seed, "draw", clock.step))
        count = self.config.views
        chosen = torch.rand(len(rows), count, generator=draw).argsort(1)[part, :VIEWS]
        return chosen, self._fetch(rows[part], chosen, clock.step)


class KnownLearner(_Stage):
    """Stage 1; see `loop.Learner`.

    Parameters
    ----------
    labels : Tensor (n,) int64
        Class of each row of the stage, 0 .. C-1.
    check : callable
        Network in eval mode -> its accuracy on the items held out, NaN without such.
    """

    def __init__(
        self,
        network: KnownNetwork,
        config: CrkdConfig,
        runtime: Runtime,
        fetch: Fetch,
        labels: Tensor,
        check: Callable[[KnownNetwork], float],
        *,
        seed: int,
        epochs: int,
        warmup: int,
    ) -> None:
        super().__init__(network, config, runtime, fetch, seed=seed, epochs=epochs, warmup=warmup)
        self._labels, self._check = labels, check

    @property
    def network(self) -> KnownNetwork:
        """The trained network, unwrapped."""
        network: KnownNetwork = self.runtime.unwrap(self.model)
        return network

    def losses(self, rows: Rows, part: slice, clock: Clock) -> dict[str, Tensor]:
        """See `loop.Learner.losses`."""
        _, inputs = self._views(rows, part, clock)
        labels = self._labels[torch.from_numpy(rows[part])].to(self.runtime.device)
        cosines = self.model(inputs)
        right = (cosines.argmax(-1) == labels).float().mean()
        return {"total": known_loss(cosines, labels, self.config.tau), "known_accuracy": right}

    def diagnose(self, clock: Clock) -> tuple[Mapping[str, float], tuple[str, ...]]:
        """Accuracy on labelled items that were held out."""
        network = self.network
        network.head.normalise()
        network.eval()
        accuracy = self._check(network)
        return ({} if accuracy != accuracy else {"held_out_accuracy": accuracy}), ()

    def state(self) -> dict[str, Any]:
        """See `loop.Learner.state`."""
        return {"network": self.network.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """See `loop.Learner.load`."""
        self.network.load_state_dict(state["network"])

    def _normalise(self) -> None:
        self.network.head.normalise()


class DiscoverLearner(_Stage):
    """Stage 2; see `loop.Learner`.

    Parameters
    ----------
    labels : Tensor (n,) int64
        Known class of each row of the stage, -1 in the pool.
    sizes : callable
        Network in eval mode -> items of each novel cluster (K,), at the end of an epoch.
    start : Tensor (n,) int64, optional
        Group of each row of the pool, the targets of the first part of the stage.
    """

    def __init__(
        self,
        network: CrkdNetwork,
        config: CrkdConfig,
        runtime: Runtime,
        fetch: Fetch,
        teach: Teach,
        labels: Tensor,
        sizes: Callable[[CrkdNetwork, int], Tensor],
        *,
        seed: int,
        epochs: int,
        warmup: int,
        start: Tensor | None = None,
    ) -> None:
        super().__init__(network, config, runtime, fetch, seed=seed, epochs=epochs, warmup=warmup)
        self._start, self._anchored = start, config.anchor * epochs
        self._teach, self._labels, self._sizes = teach, labels, sizes
        self._queues = [torch.empty(0, config.projection) for _ in network.heads]
        self._swap_sums = torch.zeros(network.main_heads, dtype=torch.float64)
        self._recent: Tensor | None = None
        self._masses: list[float] = []
        self._units: list[Tensor] = []
        self.best_head = 0

    @property
    def network(self) -> CrkdNetwork:
        """The student, unwrapped."""
        network: CrkdNetwork = self.runtime.unwrap(self.model)
        return network

    def losses(self, rows: Rows, part: slice, clock: Clock) -> dict[str, Tensor]:
        """See `loop.Learner.losses`."""
        c = self.config
        chosen, inputs = self._views(rows, part, clock)
        labels = self._labels[torch.from_numpy(rows[part])].to(self.runtime.device)
        pool = labels < 0
        start = None
        if self._start is not None and clock.epoch < self._anchored:
            start = self._start[torch.from_numpy(rows[part])].to(self.runtime.device)[pool]
        teacher = self._teach(rows[part], chosen, inputs)[:, None, pool]
        seen = self.model(inputs)
        network = self.network
        sets = [list(range(network.main_heads))]
        if len(network.heads) > network.main_heads:
            sets.append(list(range(network.main_heads, len(network.heads))))
        swaps, relations, mass = [], [], None
        for heads in sets:
            logits = joint(seen, heads)
            swap = swap_loss(logits, self._targets(seen, heads, labels, start), c.tau)
            found = relation_loss(
                teacher,
                logits[:, :, pool],
                tau=c.tau,
                temperature=c.temperature,
                detach_weight=c.detach_weight,
                kl=c.kl,
            )
            swaps.append(swap)
            relations.append(found.per_head)
            mass = found.mass if mass is None else mass
        self._units = [units[pool].detach() for units in seen[0].units]
        self._recent = swaps[0].detach()
        swapped = torch.stack([s.mean() for s in swaps]).mean()
        relation = torch.stack([r.mean() for r in relations]).mean()
        total = swapped + c.alpha * relation if c.alpha else swapped
        shown = mass.mean() if mass is not None and mass.numel() else swapped.new_zeros(())
        if bool(pool.any()):
            self._masses.append(float(shown.detach()))
        return {"total": total, "swap": swapped, "relation": relation, "known_mass": shown}

    def stepped(self, clock: Clock) -> None:
        """Earlier embeddings for the balance; losses by head."""
        if self._recent is not None:
            self._swap_sums += self.runtime.mean(self._recent).double().cpu()
        if self.config.sinkhorn_rows == "queue":
            for h, units in enumerate(self._units):
                most = 5 * self.network.novel_heads[h].prototypes.weight.shape[0]
                self._queues[h] = torch.cat([units.cpu().float(), self._queues[h]])[:most]

    def diagnose(self, clock: Clock) -> tuple[Mapping[str, float], tuple[str, ...]]:
        """Best head of the epoch, mean mass on known classes, cluster sizes."""
        self.best_head = int(self._swap_sums.argmin())
        found = {
            "best_head": float(self.best_head),
            "mean_eta": sum(self._masses) / max(1, len(self._masses)),
        }
        self._swap_sums.zero_()
        self._masses.clear()
        network = self.network
        network.normalise()
        network.eval()
        sizes = self._sizes(network, self.best_head)
        found |= {
            "largest_cluster": float(sizes.max()),
            "smallest_cluster": float(sizes.min()),
            "empty_clusters": float((sizes == 0).sum()),
        }
        alarms = []
        if len(sizes) > 2 and int((sizes == 0).sum()) > len(sizes) / 2:
            alarms.append("More than half of the new clusters are empty.")
        return found, tuple(alarms)

    def state(self) -> dict[str, Any]:
        """See `loop.Learner.state`."""
        return {
            "network": self.network.state_dict(),
            "queues": list(self._queues),
            "swap_sums": self._swap_sums,
            "masses": list(self._masses),
            "best_head": self.best_head,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """See `loop.Learner.load`."""
        self.network.load_state_dict(state["network"])
        self._queues = list(state["queues"])
        self._swap_sums = state["swap_sums"].clone()
        self._masses = list(state["masses"])
        self.best_head = int(state["best_head"])

    def _normalise(self) -> None:
        self.network.normalise()

    def _targets(
        self, seen: list[Seen], heads: list[int], labels: Tensor, start: Tensor | None
    ) -> Tensor:
        """Targets of every view and head, (V, H, B, C + K)."""
        pool = labels < 0
        if start is not None and heads[0] < self.network.main_heads:
            once = F.one_hot(start, self.network.novel_classes).float()
            return joint_targets(
                labels, once.expand(len(seen), len(heads), -1, -1), seen[0].known.shape[1]
            )
        assigned = torch.stack(
            [torch.stack([self._assigned(s.units[h][pool], h) for h in heads]) for s in seen]
        )
        return joint_targets(labels, assigned, seen[0].known.shape[1])

    def _assigned(self, units: Tensor, head: int) -> Tensor:
        c, prototypes = self.config, self.network.novel_heads[head].prototypes.weight.detach()
        room = 5 * len(prototypes) - len(units)
        queue = self._queues[head][: max(0, room)] if c.sinkhorn_rows == "queue" else None
        rows = len(units) + (0 if queue is None else len(queue))
        if rows < 2:  # the balance of one row would be the uniform vector: it is left out
            return units.new_zeros(len(units), len(prototypes), dtype=torch.float32)
        queue = None if queue is None else queue.to(units.device)
        return assign(
            units.detach(),
            prototypes,
            queue,
            epsilon=c.epsilon,
            iterations=c.iterations,
            mix=c.prior_mix,
        )
