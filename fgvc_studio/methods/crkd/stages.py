"""The stages of a run, one after the other: learn the known, set them apart, discover.

Each is trained by the common loop; a checkpoint holds what the finished stages gave and where the
present one stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.crkd import proposals
from fgvc_studio.methods.crkd.config import CrkdConfig
from fgvc_studio.methods.crkd.helpers import Count, Counted, Group, silent
from fgvc_studio.methods.crkd.learner import DiscoverLearner, KnownLearner
from fgvc_studio.methods.crkd.material import Material
from fgvc_studio.methods.crkd.model import CrkdNetwork, KnownNetwork, Reduced
from fgvc_studio.methods.crkd.rounds import grouped, start_at_centres
from fgvc_studio.methods.crkd.source import Source, frozen_vectors
from fgvc_studio.methods.loop import Loop, Rows, Sampler, mixed_seed
from fgvc_studio.methods.runtime import Runtime

KNOWN, DISCOVER = "known", "discover"
_STAGES = (KNOWN, DISCOVER)
_PREVIEW = 1000

T = TypeVar("T")
Concluding = Generator[None, None, dict[str, Any]]


@dataclass(frozen=True)
class _Stage:
    """A stage at work: its loop, and what is kept of it once it is over."""

    loop: Loop
    conclude: Callable[[], Concluding]


class Stages:
    """A run of Cr-KD over a `Source`.

    Parameters
    ----------
    labels : ndarray (n,) int64
        Known class of each row, 0 .. C-1; -1 where the item has no label.
    usable : ndarray int64
        Rows that can be read, ascending.
    path : Path, optional
        Of the checkpoint.
    count : callable, optional
        See `Count`; needed where ``config.novel`` is 0.
    group : callable, optional
        See `Group`; in this process by default.

    Raises
    ------
    UserError
        Fewer than two known classes, or fewer than two items without a label.
    """

    def __init__(
        self,
        config: CrkdConfig,
        source: Source,
        labels: NDArray[np.int64],
        usable: Rows,
        runtime: Runtime,
        *,
        seed: int = 0,
        path: Path | None = None,
        save_every: float = 60.0,
        count: Count | None = None,
        group: Group | None = None,
    ) -> None:
        self.config, self.source, self.runtime, self.seed = config, source, runtime, seed
        self._path, self._save_every, self._count = path, save_every, count
        self._group = group
        self.material = Material(config, source, labels, usable, runtime, seed)
        self.done: dict[str, dict[str, Any]] = {}
        self.learner: KnownLearner | DiscoverLearner | None = None
        self._loop: Loop | None = None
        self._name = ""
        self._teacher: KnownNetwork | None = None

    # ---- the run ---------------------------------------------------------------------------
    def steps(self) -> Iterator[StepReport]:
        """Train all stages, from the checkpoint when there is one."""
        kept: dict[str, Any] = {}
        if self._path is not None and self._path.is_file():
            kept = checkpoints.load_state(self._path)
            self.done = dict(kept["done"])
        makers = {KNOWN: self._known, DISCOVER: self._discover}
        for name in _STAGES:
            if name in self.done:
                continue
            self._name = name
            stage = yield from makers[name]()
            self._loop = stage.loop
            if kept.get("stage") == name and kept["loop"] is not None:
                stage.loop.load(kept["loop"])
            yield from self._reports(stage.loop)
            self.done[name] = yield from self._pauses(stage.conclude(), 1)
            self._loop = None
            self.save()

    def save(self) -> None:
        """Keep a checkpoint now."""
        if self._loop is not None:
            self._loop.save()
        elif self.done:
            self._save(None)

    @property
    def teacher(self) -> KnownNetwork:
        """The network as stage 1 left it, frozen.

        Raises
        ------
        RuntimeError
            Stage 1 is not over.
        """
        if self._teacher is None:
            if KNOWN not in self.done:
                raise RuntimeError("the known classes were not learned yet")
            made = self.material.known_network(self.material.classes).to(self.runtime.device)
            made.load_state_dict(self.done[KNOWN]["network"])
            self._teacher = made.requires_grad_(False).eval()
        return self._teacher

    @property
    def pool(self) -> Rows:
        """Unlabelled rows that the gate left."""
        return np.setdiff1d(self.material.unnamed, self.done[KNOWN]["gated"].numpy())

    @property
    def novel(self) -> int:
        """Number of novel classes."""
        return int(self.done[KNOWN]["novel"])

    def network(self) -> CrkdNetwork:
        """The student: the present one while training, else the finished one."""
        if isinstance(self.learner, DiscoverLearner) and self._loop is not None:
            return self.learner.network
        if DISCOVER not in self.done:
            raise RuntimeError("nothing was discovered yet")
        made = self.material.novel_network(self.done[KNOWN]["network"], self.novel).to(
            self.runtime.device
        )
        made.load_state_dict(self.done[DISCOVER]["network"])
        return made

    def propose(self, rows: Rows | None = None) -> proposals.Proposals:
        """Clusters of the pool (or of some of its rows) by the present student."""
        rows = self.pool if rows is None else rows
        network = self.network()
        found = proposals.logits(network, self.teacher, self.source.clean(rows))
        return proposals.propose(rows, found, self.best_head, self.config.tau)

    @property
    def best_head(self) -> int:
        """The head with the smallest swap loss of the last epoch."""
        if isinstance(self.learner, DiscoverLearner):
            return self.learner.best_head
        return int(self.done[DISCOVER]["best_head"])

    # ---- stages ----------------------------------------------------------------------------
    def _known(self) -> Generator[StepReport, None, _Stage]:
        yield from ()
        c = self.config
        train, held = self.material.held_out()
        network = self.material.known_network(self.material.classes)
        if isinstance(network.body, Reduced):
            network.body.whitening.set(self.material.reduction(train))
        learner = KnownLearner(
            network,
            c,
            self.runtime,
            self.material.fetch(train),
            torch.from_numpy(self.material.labels[train]),
            lambda network: self.material.accuracy(network, held),
            seed=mixed_seed(self.seed, KNOWN),
            epochs=c.known_epochs,
            warmup=c.known_warmup,
        )
        self.learner = learner

        def conclude() -> Concluding:
            network = learner.network
            network.head.normalise()
            accuracy = self.material.accuracy(network, held)
            chosen = yield from self._choose_pool(network)
            return {"network": network.state_dict(), "accuracy": accuracy, **chosen}

        return _Stage(self._loop_of(learner, len(train), c.known_epochs), conclude)

    def _discover(self) -> Generator[StepReport, None, _Stage]:
        c = self.config
        rows = np.sort(np.concatenate([self.material.named, self.pool]))
        labels = torch.from_numpy(self.material.labels[rows])
        sampler = self.material.sampler(len(rows))
        epochs = self._epochs(sampler)
        network = self.material.novel_network(self.done[KNOWN]["network"], self.novel).to(
            self.runtime.device
        )
        start = None
        if c.start != "random":
            with torch.no_grad():
                parts = [self.teacher.features(x) for x in self.source.clean(self.pool)]
                looks = [self.teacher.body(x) for x in self.source.clean(self.pool)]
            job = grouped(torch.cat(looks), self.novel, c.start, self.seed, self._group)
            groups = yield from self._pauses(job, 0)
            start_at_centres(network, torch.cat(parts), self.seed, groups)
            start = torch.full((len(rows),), -1)
            start[torch.from_numpy(np.searchsorted(rows, self.pool))] = groups
        preview = self.pool
        if len(preview) > _PREVIEW:
            order = np.random.default_rng(self.seed).permutation(len(preview))
            preview = np.sort(preview[order[:_PREVIEW]])

        def sizes(student: CrkdNetwork, best: int) -> Tensor:
            found = proposals.logits(student, self.teacher, self.source.clean(preview))
            made = proposals.propose(preview, found, best, c.tau)
            return torch.from_numpy(made.sizes)

        learner = DiscoverLearner(
            network,
            c,
            self.runtime,
            self.material.fetch(rows),
            self.material.teach(self.teacher, rows),
            labels,
            sizes,
            seed=mixed_seed(self.seed, DISCOVER),
            epochs=epochs,
            warmup=c.warmup,
            start=start,
        )
        self.learner = learner

        def conclude() -> Concluding:
            yield from ()
            learner.network.normalise()
            return {"network": learner.network.state_dict(), "best_head": learner.best_head}

        return _Stage(self._loop_of(learner, len(rows), epochs), conclude)

    # ---- their parts -----------------------------------------------------------------------
    def _choose_pool(self, network: KnownNetwork) -> Concluding:
        """The gate, and the number of novel classes."""
        c = self.config
        gated = classes = np.empty(0, np.int64)
        if self.material.gates:
            gated = yield from self.material.gated()
            if len(gated):
                classes = self.material.cosines(network, gated).argmax(1).astype(np.int64)
        pool = np.setdiff1d(self.material.unnamed, gated)
        if len(pool) < 2:
            raise UserError(
                "All unlabelled images look like known categories.",
                "Look at the suggestions for them, or set the gate off.",
            )
        count = low = high = c.novel
        if not c.novel:
            count, low, high = yield from self._estimated(pool)
        if count > len(pool):
            raise UserError(
                f"{count} new categories are asked for and {len(pool)} images are left for them.",
                "Ask for fewer new categories.",
            )
        return {
            "gated": torch.from_numpy(gated),
            "gated_class": torch.from_numpy(classes),
            "novel": count,
            "novel_low": low,
            "novel_high": high,
        }

    def _estimated(self, pool: Rows) -> Generator[None, None, Counted]:
        if self._count is None:
            raise UserError("The number of new categories is not known.", "Set novel to a number.")
        rows = np.sort(np.concatenate([self.material.named, pool]))
        vectors = frozen_vectors(self.source, rows, self.runtime.device)
        job = self._count(vectors, self.material.labels[rows], self.config.estimator)
        count, low, high = yield from silent(job)
        return (high if self.config.prefer_splitting else count), low, high

    def _loop_of(self, learner: Any, n: int, epochs: int) -> Loop:
        return Loop(
            learner,
            self.material.sampler(n),
            self.runtime,
            epochs=epochs,
            seed=self.seed,
            save=self._save,
            save_every=self._save_every,
        )

    def _save(self, loop: dict[str, Any] | None) -> None:
        if self._path is not None and self.runtime.main:
            state = {"stage": self._name, "loop": loop, "done": self.done}
            checkpoints.save_state(self._path, state)

    def _reports(self, loop: Loop) -> Iterator[StepReport]:
        """The loop's reports, counted over all stages."""
        lengths = self._lengths()
        before = sum(lengths[: _STAGES.index(self._name)])
        first = self._warnings() if self._name == DISCOVER else ()
        for report in loop.steps():
            alarms, first = report.alarms + first, ()
            yield replace(report, step=before + report.step, total=sum(lengths), alarms=alarms)

    def _pauses(self, job: Generator[None, None, T], stages: int) -> Generator[StepReport, None, T]:
        """What comes of work between two steps; reports without losses meanwhile.

        Parameters
        ----------
        stages : int
            1 where the present stage has done its steps, else 0.
        """
        lengths = self._lengths()
        step = sum(lengths[: _STAGES.index(self._name) + stages])
        epoch = self._loop.epochs - 1 if self._loop is not None else 0
        try:
            while True:
                next(job)
                yield StepReport(step, sum(lengths), epoch, {}, 0.0)
        except StopIteration as end:
            found: T = end.value
            return found
        finally:
            job.close()

    def _epochs(self, sampler: Sampler) -> int:
        """Epochs of stage 2."""
        return max(self.config.epochs, -(-self.config.least_steps // sampler.steps_per_epoch))

    def _lengths(self) -> list[int]:
        """Steps of each stage; before the gate the last one is a forecast."""
        left = self.pool if KNOWN in self.done else self.material.unnamed
        first = self.material.sampler(len(self.material.held_out()[0]))
        second = self.material.sampler(len(self.material.named) + len(left))
        return [
            first.steps_per_epoch * self.config.known_epochs,
            second.steps_per_epoch * self._epochs(second),
        ]

    def _warnings(self) -> tuple[str, ...]:
        found = []
        if len(self.pool) < 5 * self.novel:
            found.append(
                f"{len(self.pool)} images are few for {self.novel} new categories: "
                "five for each would be the least."
            )
        if self.config.gate == "on" and not self.material.gates:
            found.append("The gate is off: it needs three known categories to be calibrated.")
        return tuple(found)
