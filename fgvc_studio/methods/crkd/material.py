"""What the stages of a run share: its rows, its networks, its batches."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods import whitening
from fgvc_studio.methods.crkd import gate
from fgvc_studio.methods.crkd.config import CrkdConfig
from fgvc_studio.methods.crkd.learner import Fetch, Teach
from fgvc_studio.methods.crkd.model import CrkdNetwork, KnownNetwork
from fgvc_studio.methods.crkd.source import Source, frozen_vectors
from fgvc_studio.methods.loop import Rows, Sampler, mixed_seed
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision.own_draws import OwnDraws

_TEACHER_BYTES = 1 << 30
_MOST_ROWS = 20_000
_EVEN = 0.5


class Material:
    """Rows with and without label, and what is made of them; see `stages.Stages`.

    Attributes
    ----------
    named, unnamed : ndarray int64
        Usable rows with and without a label, ascending.
    classes : int
        C.
    """

    def __init__(
        self,
        config: CrkdConfig,
        source: Source,
        labels: NDArray[np.int64],
        usable: Rows,
        runtime: Runtime,
        seed: int,
    ) -> None:
        self.config, self.source, self.runtime, self.seed = config, source, runtime, seed
        self.labels = labels
        self.named = usable[labels[usable] >= 0]
        self.unnamed = usable[labels[usable] < 0]
        self.classes = int(labels.max(initial=-1)) + 1
        if len(np.unique(labels[self.named])) < 2:
            raise UserError(
                "New categories are found with the help of known ones, and fewer than two have "
                "labelled images.",
                "Label images of at least two categories.",
            )
        if len(self.unnamed) < 2:
            raise UserError(
                "There are not two unlabelled images to find new categories in.",
                "Add images, or choose more splits.",
            )

    def gated(self) -> Generator[None, None, Rows]:
        """Unnamed rows that are probably of a known class, by what `gate.known` finds."""
        rows = np.sort(np.concatenate([self.named, self.unnamed]))
        vectors = frozen_vectors(self.source, rows, self.runtime.device)
        c = self.config
        found = yield from gate.known(
            vectors, self.labels[rows], error=c.gate_error, part=c.gate_hidden, seed=self.seed
        )
        return rows[found]

    @property
    def gates(self) -> bool:
        """Whether there is a gate: it is wanted, and there are classes to calibrate it with."""
        few = len(np.unique(self.labels[self.named])) < gate.LEAST_CLASSES
        return self.config.gate == "on" and not few

    def known_network(self, classes: int) -> KnownNetwork:
        """A network for stage 1; the same weights each time, `reduction` aside."""
        with OwnDraws(mixed_seed(self.seed, "weights")):
            return KnownNetwork(
                self.source.body(),
                self.source.dim,
                classes,
                adapt=self.source.adapt,
                dropout=self.config.feature_dropout,
                reduce=self.config.reduce,
            )

    def reduction(self, named: Rows) -> tuple[Tensor, Tensor]:
        """What a reduced network starts from: see `whitening.projection`.

        Parameters
        ----------
        named : ndarray int64
            Rows whose labels may be looked at; those of the others are not.
        """
        draw = np.random.default_rng(mixed_seed(self.seed, "reduction"))
        known = np.sort(draw.permutation(named)[:_MOST_ROWS])
        others = np.setdiff1d(np.concatenate([self.named, self.unnamed]), known)
        others = np.sort(draw.permutation(others)[:_MOST_ROWS])
        device = self.runtime.device
        x = torch.from_numpy(frozen_vectors(self.source, known, device))
        more = torch.from_numpy(frozen_vectors(self.source, others, device)) if len(others) else x
        _, numbers = np.unique(self.labels[known], return_inverse=True)
        number = torch.from_numpy(numbers)
        sums = torch.zeros(int(number.max()) + 1, x.shape[1]).index_add_(0, number, x)
        inner = x - (sums / number.bincount()[:, None])[number]
        every = torch.cat([x, more]) if len(others) else x
        found = whitening.projection(inner, every, min(self.config.reduce, self.source.dim), _EVEN)
        alone = self.runtime.world if self.runtime.main else 0  # all take that of the first process
        mean, weight = (self.runtime.mean(alone * part.to(device)) for part in found)
        return mean, weight

    def novel_network(self, state: dict[str, Tensor], novel: int) -> CrkdNetwork:
        """A network for stage 2, with what stage 1 made of the shared part."""
        c = self.config
        base = self.known_network(self.classes)
        base.load_state_dict(state)
        with OwnDraws(mixed_seed(self.seed, "novel")):
            return CrkdNetwork(
                base,
                novel,
                heads=c.heads,
                hidden=c.hidden,
                projection=c.projection,
                overcluster=c.overcluster_factor,
            )

    def held_out(self) -> tuple[Rows, Rows]:
        """Labelled rows to learn from, and some to show the accuracy; no class loses its last."""
        draw = np.random.default_rng(mixed_seed(self.seed, "held out"))
        order = self.named[draw.permutation(len(self.named))]
        _, firsts = np.unique(self.labels[order], return_index=True)
        free = np.delete(order, firsts)
        held = np.sort(free[: int(self.config.held_out * len(self.named))])
        return np.setdiff1d(self.named, held), held

    def fetch(self, rows: Rows) -> Fetch:
        """Views by place among `rows`."""
        return lambda places, views, step: self.source.fetch(rows[places], views, step)

    @torch.no_grad()
    def teach(self, teacher: KnownNetwork, rows: Rows) -> Teach:
        """The teacher's cosines; taken once for all views where these are fixed."""
        views = self.config.views
        if not self.source.fixed or 4 * len(rows) * views * self.classes > _TEACHER_BYTES:

            def live(_rows: Rows, _views: Tensor, inputs: list[Tensor]) -> Tensor:
                with torch.no_grad():
                    return teacher(inputs)

            return live
        table = torch.empty(len(rows), views, self.classes)
        for start in range(0, len(rows), 64):
            part = rows[start : start + 64]
            every = torch.arange(views).expand(len(part), -1)
            made = teacher(self.source.fetch(part, every, 0))
            table[start : start + 64] = made.permute(1, 0, 2).cpu()

        def looked_up(places: Rows, chosen: Tensor, inputs: list[Tensor]) -> Tensor:
            found = table[torch.from_numpy(places)[:, None], chosen]
            return found.permute(1, 0, 2).to(inputs[0].device)

        return looked_up

    @torch.no_grad()
    def cosines(self, network: KnownNetwork, rows: Rows) -> NDArray[np.float32]:
        """Cosines of clean views with the known prototypes, (n, C)."""
        network.head.normalise()
        network.eval()
        parts = [network([x])[0].float().cpu() for x in self.source.clean(rows)]
        return torch.cat(parts).numpy()

    def accuracy(self, network: KnownNetwork, held: Rows) -> float:
        """Part of labelled rows that are named right; NaN for none."""
        if not len(held):
            return float("nan")
        return float((self.cosines(network, held).argmax(1) == self.labels[held]).mean())

    def sampler(self, n: int) -> Sampler:
        """Batches of at most half of n rows."""
        batch = max(1, min(self.config.batch, n // 2))
        return Sampler(n, batch, self.seed, self.runtime.world)
