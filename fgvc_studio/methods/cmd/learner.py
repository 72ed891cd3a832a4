"""One step of CMD for the common loop: views, teacher, student, losses, moving averages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fgvc_studio.methods import diagnostics, schedules
from fgvc_studio.methods.cmd.config import SHORT_RUN, CmdConfig
from fgvc_studio.methods.cmd.losses import GLOBAL, Centres, cmd_loss
from fgvc_studio.methods.cmd.model import CmdNetwork, student_and_teacher
from fgvc_studio.methods.loop import Clock, Rows, mixed_seed
from fgvc_studio.methods.optimising import clip_each, follow, parameter_groups
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision.own_draws import OwnDraws
from fgvc_studio.vision.split import Split

Fetch = Callable[[Rows, Tensor, Tensor, int], tuple[Tensor, Tensor | None]]
"""(rows, global views (B, 2), local views (B, n), step) -> what the cut gives, view-major:
(2 * B, ...) and (n * B, ...) float32, the latter None when n is 0."""


class CmdLearner:
    """See `loop.Learner`.

    Parameters
    ----------
    fetch : callable
        See `Fetch`.
    clean : callable
        () -> what the cut gives of a fixed sample of clean views (n, ...), for diagnostics.
    total, epochs : int
        Steps and epochs of the whole run.
    batch : int
        Items per step over all processes.
    start : (Tensor, Tensor), optional
        For the whitening of a network that has one and is not loaded.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer

    def __init__(
        self,
        split: Split,
        config: CmdConfig,
        runtime: Runtime,
        fetch: Fetch,
        clean: Callable[[], Tensor],
        *,
        seed: int,
        total: int,
        epochs: int,
        batch: int,
        start: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.split, self.config, self.runtime = split, config, runtime
        self._fetch, self._clean, self._seed = fetch, clean, seed
        device = runtime.device
        split.frozen.to(device)
        split.rest.to(device)
        if split.train == "all" and batch // runtime.world >= 32:
            split.rest.live_norms = True
        with OwnDraws(mixed_seed(seed, "weights")):
            student, teacher = student_and_teacher(split, config)
        for network in (student, teacher):
            if network.whitening is not None and start is not None:
                network.whitening.set(start)
        if split.rest.live_norms and runtime.world > 1:
            student = nn.SyncBatchNorm.convert_sync_batchnorm(student)
        self.teacher: CmdNetwork = teacher.to(device)
        self.centres = Centres(config.outputs, config.centre_momentum).to(device)
        self.model = student
        scale = batch / 256 if config.scale_lr else 1.0
        named = list(student.named_parameters())
        tail = [(n, p) for n, p in named if n.startswith("body.")]
        rest = [(n, p) for n, p in named if not n.startswith("body.")]
        groups = parameter_groups(tail, config.lr_tail * scale)
        groups += parameter_groups(rest, config.lr * scale)
        self.optimiser = torch.optim.AdamW(groups, lr=config.lr * scale)
        self._set_schedules(total, epochs)
        self._entropies: list[float] = []
        self._means: Tensor | None = None
        self._cell_counts: dict[tuple[int, ...], int] = {}

    def _set_schedules(self, total: int, epochs: int) -> None:
        c = self.config
        warm = round(c.warmup * total)
        self._rates = {
            float(g["rate"]): schedules.cosine(g["rate"], min(c.min_lr, g["rate"]), total, warm)
            for g in self.optimiser.param_groups
        }
        self._decay = schedules.cosine(c.weight_decay, c.weight_decay_end, total)
        base = c.momentum or (0.99 if total < SHORT_RUN else 0.996)
        self._momentum = schedules.cosine(base, 1.0, total)
        self._tau = schedules.ramp(c.tau_start, c.tau_teacher, epochs, round(c.tau_warmup * epochs))

    @property
    def student(self) -> CmdNetwork:
        """The trained network, unwrapped."""
        network: CmdNetwork = self.runtime.unwrap(self.model)
        return network

    def schedule(self, clock: Clock) -> None:
        """Learning rates and weight decay of this step."""
        for group in self.optimiser.param_groups:
            group["lr"] = float(self._rates[float(group["rate"])][clock.step])
            group["weight_decay"] = float(self._decay[clock.step]) if group["decays"] else 0.0

    def losses(self, rows: Rows, part: slice, clock: Clock) -> dict[str, Tensor]:
        """See `loop.Learner.losses`."""
        c = self.config
        draw = torch.Generator().manual_seed(mixed_seed(self._seed, "draw", clock.step))
        chosen = [
            _drawn(len(rows), available, taken, draw)[part]
            for available, taken in (
                (c.global_views, GLOBAL),
                (c.local_views, min(c.local_per_step, c.local_views)),
            )
        ]
        large, small = self._fetch(rows[part], chosen[0], chosen[1], clock.step)
        inputs: list[Any] = [x for x in (large, small) if x is not None]
        keep = self._keep(inputs, len(rows), part, draw) if c.token_dropout else None
        with torch.no_grad(), self.runtime.accelerator.autocast():
            if not self.split.trained:  # frozen, and the same in both: done once
                inputs = [self.teacher.look(self.split.rest(x)) for x in inputs]
            teacher = self.teacher(inputs[:1])
        student = self.model(inputs, keep)
        count = len(rows[part])
        teacher_views = _by_view(teacher, count)
        terms = cmd_loss(
            _by_view(student, count),
            teacher_views,
            (self.centres.image, self.centres.region),
            tau_student=c.tau_student,
            tau_teacher=float(self._tau[clock.epoch]),
            inter=c.inter,
            inter_grad=c.inter_grad,
        )
        self._means = Centres.means(teacher_views)
        self._entropies.append(float(terms.entropy))
        return {
            "total": terms.total,
            "image": terms.image,
            "region": terms.region,
            "inter_student": terms.student,
            "inter_teacher": terms.teacher,
            "target_entropy": terms.entropy,
        }

    def gradients(self, clock: Clock) -> None:
        """Clip each tensor; in epoch 0 the last layers get no update."""
        student = self.student
        clip_each(list(student.parameters()), self.config.clip)
        if clock.epoch == 0:
            for head in (student.head, student.region_head):
                for parameter in head.last_layer.parameters():
                    parameter.grad = None

    def stepped(self, clock: Clock) -> None:
        """Teacher, then centres."""
        follow(self.teacher, self.student, float(self._momentum[clock.step]))
        if self._means is not None:
            self.centres.update(self.runtime.mean(self._means))

    def diagnose(self, clock: Clock) -> tuple[Mapping[str, float], tuple[str, ...]]:
        """Target entropy of the epoch; spread, rank and attention of a fixed sample."""
        entropy = sum(self._entropies) / max(1, len(self._entropies))
        self._entropies.clear()
        vectors, attention = self.embed(self._clean())
        found = {
            "target_entropy": entropy,
            "spread": diagnostics.spread(vectors),
            "rank": diagnostics.rank_me(vectors),
            "attention_entropy": diagnostics.attention_entropy(attention),
        }
        alarms = diagnostics.collapse_alarms(entropy, found["spread"], found["rank"], len(vectors))
        return found, alarms

    @torch.no_grad()
    def embed(self, inputs: Tensor, batch: int = 32) -> tuple[Tensor, Tensor]:
        """The teacher's embeddings (n, d) and attention (n, T) of what the cut gave."""
        parts = []
        for part in inputs.split(batch):
            moved = part.to(self.runtime.device).float()
            if not self.split.trained:
                moved = self.split.rest(moved)
            parts.append(self.teacher.embed(moved))
        return torch.cat([v for v, _ in parts]), torch.cat([a for _, a in parts])

    def state(self) -> dict[str, Any]:
        """Student, teacher, centres, and the entropies of the epoch so far."""
        return {
            "student": self.student.state_dict(),
            "teacher": self.teacher.state_dict(),
            "centres": self.centres.state_dict(),
            "entropies": list(self._entropies),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """See `loop.Learner.load`."""
        self.student.load_state_dict(state["student"])
        self.teacher.load_state_dict(state["teacher"])
        self.centres.load_state_dict(state["centres"])
        self._entropies = list(state["entropies"])

    def _keep(
        self, inputs: list[Tensor], whole: int, part: slice, draw: torch.Generator
    ) -> list[Tensor]:
        """Cells that the student sees of each view, drawn for the batch of all processes."""
        kept = []
        count = len(range(*part.indices(whole)))
        for x in inputs:
            cells = self._cells(x)
            stay = max(1, round(cells * (1 - self.config.token_dropout)))
            views = len(x) // count
            order = torch.rand(views, whole, cells, generator=draw).argsort(-1)[..., :stay]
            kept.append(order[:, part].reshape(-1, stay).sort(-1).values.to(x.device))
        return kept

    def _cells(self, x: Tensor) -> int:
        """Cells per view of what the cut gave."""
        shape = tuple(x.shape[1:])
        if shape not in self._cell_counts:
            rest = self.teacher.body if self.split.trained else self.split.rest
            with torch.no_grad():
                features = rest(x[:1])
            self._cell_counts[shape] = self.split.tokens(features).shape[1]
        return self._cell_counts[shape]


def _drawn(items: int, available: int, taken: int, draw: torch.Generator) -> Tensor:
    """`taken` different views of each item, (items, taken) int64."""
    return torch.rand(items, available, generator=draw).argsort(1)[:, :taken]


def _by_view(sizes: list[Any], count: int) -> list[Any]:
    """Views (n * B, ...) of each size as single views (B, ...)."""
    return [
        type(size)(*parts)
        for size in sizes
        for parts in zip(*(field.float().split(count) for field in size), strict=True)
    ]
