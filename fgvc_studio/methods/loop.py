"""The one training loop: a generator of `StepReport` that its driver may leave at safe points.

Randomness is a function of (seed, step): each step of a network that draws (dropout, stochastic
depth) draws from generators of its own, seeded from both. So the position of a run is its number of
steps, and a run that was stopped, killed and resumed gives the same weights as one that was not,
whatever other threads draw meanwhile.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision.own_draws import OwnDraws, draws

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Clock:
    """Where a run is.

    Attributes
    ----------
    step : int
        Steps done before this one.
    """

    step: int
    steps_per_epoch: int
    epochs: int

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.steps_per_epoch * self.epochs

    @property
    def epoch(self) -> int:
        """Epoch of this step, from 0."""
        return self.step // self.steps_per_epoch

    @property
    def ends_epoch(self) -> bool:
        """Whether this step is the last of its epoch."""
        return (self.step + 1) % self.steps_per_epoch == 0


class Learner(Protocol):
    """What a method gives to the loop.

    Attributes
    ----------
    model : nn.Module
        What is trained; the loop replaces it by the runtime's wrapped one.
    optimiser : torch.optim.Optimizer
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer

    def schedule(self, clock: Clock) -> None:
        """Set learning rates and the like for this step."""
        ...

    def losses(self, rows: Rows, part: slice, clock: Clock) -> dict[str, Tensor]:
        """Losses of a batch; ``total`` is minimised.

        `rows` are those of all processes and `part` the places of this one's, so that random
        choices can be drawn for the whole batch and be independent of the number of processes.
        """
        ...

    def gradients(self, clock: Clock) -> None:
        """Clip or drop gradients before the optimiser's step."""
        ...

    def stepped(self, clock: Clock) -> None:
        """What follows a step: moving averages, centres."""
        ...

    def diagnose(self, clock: Clock) -> tuple[Mapping[str, float], tuple[str, ...]]:
        """At the end of an epoch: values, and alarms in words."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything beside the optimiser that a resumed run needs."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        ...


class Sampler:
    """Shuffled batches; the last incomplete one is dropped unless it is the only one.

    Parameters
    ----------
    n : int
        Items.
    batch : int
        Items per step over all `world` processes; cut down to what is there.

    Raises
    ------
    UserError
        Fewer items than processes.
    """

    def __init__(self, n: int, batch: int, seed: int, world: int = 1) -> None:
        self.n, self.seed = n, seed
        self.batch = min(batch, n) // world * world
        if self.batch < 1:
            raise UserError(
                f"{n} items cannot be shared by {world} processes.", "Import more images."
            )
        self.steps_per_epoch = max(1, n // self.batch)

    def rows(self, step: int) -> Rows:
        """Items of a step over all processes, (batch,) int64."""
        epoch, at = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng(mixed_seed(self.seed, "order", epoch)).permutation(self.n)
        return order[at * self.batch : (at + 1) * self.batch].astype(np.int64)


class Loop:
    """Trains a `Learner`.

    Parameters
    ----------
    save : callable, optional
        Called with the loop's state every `save_every` seconds and at the end, on the process that
        writes.
    """

    def __init__(
        self,
        learner: Learner,
        sampler: Sampler,
        runtime: Runtime,
        *,
        epochs: int,
        seed: int,
        save: Callable[[dict[str, Any]], None] | None = None,
        save_every: float = 60.0,
    ) -> None:
        self.learner, self.sampler, self.runtime = learner, sampler, runtime
        self.epochs, self.seed, self.step = epochs, seed, 0
        self._save, self._save_every = save, save_every
        self._draws = draws(learner.model)
        learner.model, learner.optimiser = runtime.prepare(learner.model, learner.optimiser)

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.sampler.steps_per_epoch * self.epochs

    def steps(self) -> Iterator[StepReport]:
        """Train from where the run stands to its end.

        Raises
        ------
        UserError
            A loss that is no number; the last checkpoint stays as it is.
        """
        saved = time.monotonic()
        while self.step < self.total:
            clock = Clock(self.step, self.sampler.steps_per_epoch, self.epochs)
            started = time.monotonic()
            losses = self._train(clock)
            rate = self.sampler.batch / max(time.monotonic() - started, 1e-9)
            self.step += 1
            diagnostics: Mapping[str, float] = {}
            alarms: tuple[str, ...] = ()
            if clock.ends_epoch:
                diagnostics, alarms = self.learner.diagnose(clock)
            if self.step == self.total or time.monotonic() - saved >= self._save_every:
                self.save()
                saved = time.monotonic()
            yield StepReport(
                step=self.step,
                total=self.total,
                epoch=clock.epoch,
                losses=losses,
                images_per_s=rate,
                diagnostics=diagnostics,
                alarms=alarms,
            )

    def state(self) -> dict[str, Any]:
        """Position, optimiser and learner."""
        scaler = self.runtime.accelerator.scaler
        return {
            "step": self.step,
            "seed": self.seed,
            "batch": self.sampler.batch,
            "optimiser": self.learner.optimiser.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else None,
            "learner": self.learner.state(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken.

        Raises
        ------
        UserError
            It belongs to a run with another seed or batch.
        """
        if (state["seed"], state["batch"]) != (self.seed, self.sampler.batch):
            raise UserError(
                "The checkpoint belongs to a run with another seed or batch size.",
                "Resume with the settings, items and number of processes of that run.",
            )
        self.learner.load(state["learner"])
        self.learner.optimiser.load_state_dict(state["optimiser"])
        if self.runtime.accelerator.scaler is not None and state["scaler"]:
            self.runtime.accelerator.scaler.load_state_dict(state["scaler"])
        self.step = int(state["step"])

    def save(self) -> None:
        """Keep a checkpoint now (the driver does so before it leaves)."""
        if self._save is not None and self.runtime.main:
            self._save(self.state())

    def _train(self, clock: Clock) -> dict[str, float]:
        learner, runtime = self.learner, self.runtime
        rows = self.sampler.rows(clock.step)
        share = len(rows) // runtime.world
        part = slice(runtime.rank * share, (runtime.rank + 1) * share)
        own = OwnDraws(mixed_seed(self.seed, clock.step)) if self._draws else nullcontext()
        with own:
            learner.model.train()
            learner.schedule(clock)
            losses = learner.losses(rows, part, clock)
            shown = torch.stack([value.detach().float() for value in losses.values()])
            shown = runtime.mean(shown)
            if not bool(torch.isfinite(shown).all()):
                raise UserError(
                    f"The training broke down at step {clock.step + 1}: a loss is no number.",
                    "The last checkpoint is kept; start a new run with a lower learning rate.",
                )
            runtime.backward(losses["total"], learner.optimiser)
            learner.gradients(clock)
            learner.optimiser.step()
            learner.optimiser.zero_grad(set_to_none=True)
            learner.stepped(clock)
        return dict(zip(losses, shown.tolist(), strict=True))


def mixed_seed(*parts: object) -> int:
    """A seed (63 bits) out of numbers and words."""
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
