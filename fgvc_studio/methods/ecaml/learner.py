"""One step of ECAML for the common loop, and the looks at hidden categories between steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fgvc_studio.methods import schedules
from fgvc_studio.methods.ecaml import losses
from fgvc_studio.methods.ecaml.alike import Alike
from fgvc_studio.methods.ecaml.batches import drawn_views
from fgvc_studio.methods.ecaml.config import EcamlConfig
from fgvc_studio.methods.ecaml.model import EcamlNetwork, Outputs
from fgvc_studio.methods.loop import Clock, Rows, mixed_seed
from fgvc_studio.methods.optimising import parameter_groups
from fgvc_studio.methods.runtime import Runtime

Fetch = Callable[[Rows, Tensor, int], Tensor]
"""(rows (B,), views (B,), step) -> what the cut gives (B, ...) float32."""
Look = Callable[[Tensor], Mapping[str, float]]
"""Embeddings of the watched items (n, E) -> scores; ``hidden_map@r`` decides what is kept."""

SCORE = "hidden_map@r"
_SHORT_ROWS, _ALIKE = 0.5, 0.95


class EcamlLearner:
    """See `loop.Learner`.

    Parameters
    ----------
    config : EcamlConfig
        Resolved.
    labels : Tensor (n,) int64
        Of the rows.
    fetch : callable
        See `Fetch`.
    watched : callable
        () -> what the cut gives of the clean views that are looked at (n, ...).
    look : callable, optional
        See `Look`; without it the last weights are the best.
    total : int
        Steps of the schedule; a run may be shorter.
    alike : Alike, optional
        Items without a name, groups of which take part in each step; the trunk's inputs are their
        vectors.

    Attributes
    ----------
    best : dict
        ``epoch`` (looks before it was best; 0: the start), ``score``, ``network`` (state), and
        ``curve``: the scores of all looks, from the start on.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer

    def __init__(
        self,
        network: EcamlNetwork,
        config: EcamlConfig,
        runtime: Runtime,
        labels: Tensor,
        fetch: Fetch,
        watched: Callable[[], Tensor],
        look: Look | None,
        *,
        seed: int,
        total: int,
        alike: Alike | None = None,
    ) -> None:
        world = runtime.world
        self._alike, self._groups = alike, -(-config.groups // world) * world
        self.config, self.runtime, self._labels = config, runtime, labels
        self._fetch, self._watched, self._look, self._seed = fetch, watched, look, seed
        network.to(runtime.device)
        self.model = network
        trunk = [(n, p) for n, p in network.named_parameters() if not n.startswith("head.")]
        head = [(n, p) for n, p in network.named_parameters() if n.startswith("head.")]
        groups = parameter_groups(trunk, config.lr_trunk) + parameter_groups(head, config.lr_head)
        self.optimiser = torch.optim.Adam(groups, lr=config.lr_head)
        for group in self.optimiser.param_groups:
            group["weight_decay"] = config.weight_decay if group["decays"] else 0.0
        warm = round(config.warmup * total)
        self._rates = {
            float(g["rate"]): schedules.cosine(g["rate"], g["rate"] * config.end, total, warm)
            for g in self.optimiser.param_groups
        }
        self._base = losses.base_loss(config.base, config.temperature)
        self._views = 1 + config.views
        self.best: dict[str, Any] = {}
        self._keep(0, self._scores())

    @property
    def network(self) -> EcamlNetwork:
        """The trained network, unwrapped."""
        network: EcamlNetwork = self.runtime.unwrap(self.model)
        return network

    def schedule(self, clock: Clock) -> None:
        """Learning rates of this step."""
        for group in self.optimiser.param_groups:
            group["lr"] = float(self._rates[float(group["rate"])][clock.step])

    def losses(self, rows: Rows, part: slice, clock: Clock) -> dict[str, Tensor]:
        """See `loop.Learner.losses`; pairs are those of the whole batch, over all processes."""
        draw = torch.Generator().manual_seed(mixed_seed(self._seed, "draw", clock.step))
        views = drawn_views(rows, self._views, draw)
        inputs = self._fetch(rows[part], views[part], clock.step)
        groups = None
        if self._alike is not None and self._groups:
            groups = self._alike.groups(self._groups, draw)
            mine = groups.chunk(self.runtime.world)[self.runtime.rank].flatten()
            inputs = torch.cat([inputs, self._alike.vectors[mine].to(inputs)])
        outputs: Outputs = self.model(inputs)
        embedding, confused = self._gathered(outputs, len(rows[part]))
        labels = self._labels[rows].to(embedding.device)
        named = slice(len(labels))
        terms = self.terms(embedding[named], confused[named], outputs.rows.float(), labels, draw)
        if groups is None:
            return terms
        assert self._alike is not None
        foreign = self._alike.foreign(rows, groups).to(embedding.device)
        near = losses.group_contrast(embedding, groups.shape[1], foreign, self.config.temperature)
        # names and neighbours teach as much; the others of `terms` stay as they are
        total = terms["total"] + (near - terms["metric"]) / 2
        return terms | {"total": total, "neighbours": near}

    def terms(
        self,
        embedding: Tensor,
        confused: Tensor,
        rows: Tensor,
        labels: Tensor,
        draw: torch.Generator,
    ) -> dict[str, Tensor]:
        """The losses of embeddings (B, E); ``log_energy`` is missing in a batch of one category."""
        c = self.config
        metric = self._base(embedding, labels)
        total = metric
        found = {"metric": metric}
        if bool((labels != labels[0]).any()):
            if c.confuse_unit:
                confused = F.normalize(confused, dim=1)
            pairs = None
            if c.pairs == "sampled":
                pairs = losses.draw_pairs(len(labels), c.partners, draw).to(labels.device)
            with torch.set_grad_enabled(c.confusion > 0 and torch.is_grad_enabled()):
                found["log_energy"] = losses.energy_confusion(confused, labels, pairs)
            if c.confusion > 0:
                total = total + c.confusion * found["log_energy"]
        if c.row_norm > 0:
            total = total + c.row_norm * rows
        return {"total": total, **found, "row_norm": rows}

    def gradients(self, clock: Clock) -> None:
        """Clip all gradients together."""
        if self.config.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)

    def stepped(self, clock: Clock) -> None:
        """Nothing follows a step."""

    def diagnose(self, clock: Clock) -> tuple[Mapping[str, float], tuple[str, ...]]:
        """Length of the metric's rows, cosine of watched items, and their scores; keep the best."""
        found = self._scores()
        self._keep(clock.epoch + 1, found)
        alarms = []
        if found["row_length"] < _SHORT_ROWS:
            alarms.append("The rows of the metric shrink: the embedding is collapsing.")
        if found["mean_cosine"] > _ALIKE:
            alarms.append("The embeddings of all images have become nearly equal.")
        return found, tuple(alarms)

    def state(self) -> dict[str, Any]:
        """Network, and the best one so far."""
        return {"network": self.network.state_dict(), "best": self.best}

    def load(self, state: Mapping[str, Any]) -> None:
        """See `loop.Learner.load`."""
        self.network.load_state_dict(state["network"])
        self.best = dict(state["best"])

    def embed(self, inputs: Tensor, batch: int = 256) -> Tensor:
        """l2-normalised embeddings (n, E), on the CPU, of what the cut gave."""
        return embedded(self.network, inputs, self.runtime.device, batch)

    def _scores(self) -> dict[str, float]:
        vectors = self.embed(self._watched())
        n = len(vectors)
        mean = (vectors.sum(0).square().sum() - n) / max(1, n * (n - 1))
        lengths = self.network.head.weight.detach().norm(dim=1)
        found = {"row_length": float(lengths.mean()), "mean_cosine": float(mean)}
        return found | (dict(self._look(vectors)) if self._look else {})

    def _keep(self, epoch: int, scores: Mapping[str, float]) -> None:
        score = scores.get(SCORE)
        curve = [*self.best.get("curve", ()), *(() if score is None else (score,))]
        if score is None or not self.best or score > self.best["score"]:
            state = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}
            self.best = {"epoch": epoch, "score": score, "network": state}
        self.best["curve"] = curve

    def _gathered(self, outputs: Outputs, named: int) -> tuple[Tensor, Tensor]:
        """Embeddings of the whole batch, with gradients over all processes.

        First the `named` rows of each process, then the rest of each.
        """
        both = torch.cat([outputs.embedding.float(), outputs.confused.float()], 1)
        if self.runtime.world > 1:
            from torch.distributed.nn.functional import all_gather

            parts = [list(all_gather(x)) for x in both.tensor_split([named]) if len(x)]
            both = torch.cat([x for part in parts for x in part])
        embedding, confused = both.chunk(2, dim=1)
        return embedding, confused


def embedded(
    network: EcamlNetwork, inputs: Tensor, device: torch.device, batch: int = 256
) -> Tensor:
    """l2-normalised embeddings (n, E), on the CPU, in the network's present state."""
    training = network.training
    network.eval()
    try:
        parts = [network.embed(part.to(device).float()).cpu() for part in inputs.split(batch)]
    finally:
        network.train(training)
    return torch.cat(parts)
