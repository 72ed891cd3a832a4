"""A run of ECAML: views, trainings with hidden categories, the final metric and its read-out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods import checkpoints, diagnostics
from fgvc_studio.methods.ecaml import embedder, opening, plan, readout
from fgvc_studio.methods.ecaml.alike import Alike
from fgvc_studio.methods.ecaml.batches import CategorySampler, hidden_categories, learned_rows
from fgvc_studio.methods.ecaml.config import LEAST_FOR_LDA, EcamlConfig, resolved
from fgvc_studio.methods.ecaml.features import Features, some
from fgvc_studio.methods.ecaml.learner import SCORE, EcamlLearner, embedded
from fgvc_studio.methods.ecaml.model import EcamlNetwork, rebuilt, with_own_tail
from fgvc_studio.methods.ecaml.start import at_start, discriminants
from fgvc_studio.methods.loop import Loop, Rows
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.split import Split, cut
from fgvc_studio.vision.views import Pictures

RESUME, READOUT = "resume.safetensors", "readout.json"
_WATCHED = 1000


class EcamlTrainer:
    """Trains ECAML on labelled pictures.

    Parameters
    ----------
    folder : Path
        Of the run: configuration, checkpoint, model and read-out.
    cache : Path
        For the views; may be deleted after the run.
    labels : ndarray (n,) int64
        Category of each picture; 0: none. Those without category, and categories with one item,
        are not learned from.
    everything : ndarray (N, d0) float32, optional
        The backbone's vectors of all items, named or not, for the start's principal components and
        for the neighbours among those without a name.
    places : ndarray (n,) int64, optional
        Row of each picture in `everything`; -1: none.

    Attributes
    ----------
    left_out : ndarray int64
        Categories with one item.

    Raises
    ------
    UserError
        Fewer than two categories with two items, or a configuration that does not fit the backbone.
    """

    def __init__(
        self,
        config: EcamlConfig,
        backbone: Backbone,
        pictures: Pictures,
        folder: Path,
        cache: Path,
        *,
        labels: NDArray[np.int64],
        everything: NDArray[np.float32] | None = None,
        places: NDArray[np.int64] | None = None,
        seed: int = 0,
        threads: int = 1,
        runtime: Runtime | None = None,
        save_every: float = 60.0,
    ) -> None:
        rows = learned_rows(labels)
        self.labels, self._rows, self._enough = labels[rows], rows, False
        named = np.unique(labels[labels > 0])
        self.left_out = np.setdiff1d(named, self.labels)
        self.config, self.backbone = config, backbone
        self.folder, self.seed, self._everything = folder, seed, everything
        self._places, self._unnamed = None if places is None else places[rows], 0
        self.runtime = runtime or Runtime(config.precision)
        self.split: Split = cut(backbone, config.train, pooled=True)
        CategorySampler(self.labels, config.per_category, config.categories_per_batch, seed, 1)
        self.features = Features(
            config, self.split, some(pictures, rows), cache, self.runtime, seed, threads
        )
        self._save_every = save_every
        self.parts = self._parted(np.arange(len(rows)))
        self.results: dict[str, dict[str, Any]] = {}
        self.loop: Loop | None = None
        self.learner: EcamlLearner | None = None
        self.network: EcamlNetwork | None = None
        self._scored: dict[str, readout.Scores] = {}

    @property
    def skipped(self) -> list[Skipped]:
        """Pictures that could not be read."""
        return self.features.views.skipped

    @property
    def dim(self) -> int:
        """Length of the embeddings it makes."""
        if self.network is not None:
            return self.network.dim
        return resolved(self.config, len(np.unique(self.labels[self.parts.everyone]))).dim

    @property
    def estimate(self) -> dict[str, int]:
        """What the expert is told before the start; sizes in bytes."""
        labels, c = self.labels, self.config
        return {
            **self.features.views.estimate,
            "steps": c.looks * c.steps_per_look * len(self._phases()),
            "batch": c.per_category * min(c.categories_per_batch, len(np.unique(labels))),
            "categories": len(np.unique(labels)),
            "categories_left_out": len(self.left_out),
            "categories_hidden": len(np.unique(labels[self.parts.hidden])),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the card should know."""
        strength = self._strength() if self.results and self.config.tune else None
        hidden = len(np.unique(self.labels[self.parts.hidden]))
        unnamed = max((r.get("unnamed", 0) for r in self.results.values()), default=0)
        return readout.notes(len(self.left_out), hidden, unnamed, strength)

    def prepare(self) -> Iterator[Progress]:
        """Fill the view cache, going on where it was; may be left after any report."""
        yield from self.features.views.fill()
        self.parts = self._parted(self.features.views.readable())
        diagnostics.least_items(len(self.parts.learned))

    def steps(self) -> Iterator[StepReport]:
        """Train; goes on from the run's checkpoint when there is one.

        Raises
        ------
        UserError
            A loss that is no number, a damaged checkpoint, a full disk.
        """
        if self.runtime.main:
            self.folder.mkdir(parents=True, exist_ok=True)
            checkpoints.write_config(self.folder, "ecaml", self.config, self.backbone)
        kept: Mapping[str, Any] = {}
        if (self.folder / RESUME).is_file():
            kept = checkpoints.load_state(self.folder / RESUME)
            self.results = dict(kept["results"])
        planned = self._phases()
        each = self.config.looks * self.config.steps_per_look
        done = 0
        for turn, phase in enumerate(planned):
            if self._enough and (plan.TRAINED in self.results or phase.is_search):
                continue
            if phase.name not in self.results:
                state = kept.get("loop") if kept.get("phase") == phase.name else None
                for report in self._train(phase, state):
                    total = done + report.total + each * (len(planned) - turn - 1)
                    yield dataclasses.replace(report, step=done + report.step, total=total)
                if self._enough and phase.name == plan.PLAIN:
                    continue  # half a training is nothing to compare with
                self._conclude(phase)
            done += int(self.results[phase.name]["steps"])

    def enough(self) -> None:
        """End with the best so far, after the first look at the latest."""
        self._enough = True

    def sample(self, count: int = 1000) -> tuple[Rows, Tensor]:
        """Rows of a fixed sample and their present embeddings (n, E), for a live map."""
        assert self.learner is not None
        draw = np.random.default_rng(self.seed).permutation(self.parts.everyone)
        chosen = np.sort(draw[:count])
        return self._rows[chosen], self.learner.embed(self.features.clean(chosen))

    def save(self) -> None:
        """Keep a checkpoint now."""
        if self.loop is not None:
            self.loop.save()

    def finish(self) -> embedder.EcamlEmbedder:
        """Keep the metric and its read-out, and give it for use."""
        last = self.results.get(plan.FINAL) or self.results.get(plan.TRAINED)
        if last is None:
            raise RuntimeError("nothing was trained")
        self.network = rebuilt(with_own_tail(self.split, self.runtime.device), last["network"])
        self.network.to(self.runtime.device)
        self._scored = self._spaces()
        if self.runtime.main:
            embedder.save(self.folder, self.network, self.config, self.backbone)
            checkpoints.write_json(self.folder / READOUT, self._readout())
        self.features.cache.close()
        return embedder.EcamlEmbedder(self.split, self.network, self.runtime.device)

    def findings(self) -> readout.Findings | None:
        """What the hidden categories say, after `finish`; None when none were hidden."""
        if not self._scored:
            return None
        return readout.findings(self._scored, len(np.unique(self.labels[self.parts.hidden])))

    def drop_cache(self) -> None:
        """Delete the views of this run."""
        self.features.views.drop()

    # ---- one training ----------------------------------------------------------------------
    def _train(self, phase: plan.Phase, kept: Mapping[str, Any] | None) -> Iterator[StepReport]:
        config = dataclasses.replace(self._resolved(phase.name), confusion=self._confusion(phase))
        rows = self.parts.learned if phase.hides else self.parts.everyone
        hidden = self.parts.hidden if phase.hides else np.zeros(0, np.int64)
        world, per_look = self.runtime.world, config.steps_per_look
        sampler = CategorySampler(
            self.labels[rows],
            config.per_category,
            config.categories_per_batch,
            phase.seed,
            per_look,
            world,
        )
        network, others = self._network(config, rows, phase.seed, sampler.batch)
        self._unnamed = len(others.vectors) if others is not None else 0
        watched = hidden if len(hidden) else rows[:: max(1, len(rows) // _WATCHED)]
        self.learner = EcamlLearner(
            network,
            config,
            self.runtime,
            torch.from_numpy(self.labels[rows]),
            lambda chosen, views, step: self.features.fetch(rows[chosen], views, step),
            lambda: self.features.clean(watched),
            self._look if len(hidden) else None,
            seed=phase.seed,
            total=per_look * config.looks,
            alike=others,
        )
        self.loop = Loop(
            self.learner,
            sampler,
            self.runtime,
            epochs=self._looks(phase),
            seed=phase.seed,
            save=lambda state: self._save(phase, state),
            save_every=self._save_every,
        )
        if kept is not None:
            self.loop.load(kept)
        for report in self.loop.steps():
            yield report
            if self._enough and self.learner.best:
                break

    def _conclude(self, phase: plan.Phase) -> None:
        """Keep what a training gave: the best weights, their score and hidden embeddings."""
        if self.learner is None or self.loop is None:
            raise RuntimeError("nothing was trained")
        best = self.learner.best
        found = self.results.setdefault(phase.name, {})
        found["unnamed"] = self._unnamed
        found |= {"steps": self.loop.total, "looks": best["epoch"], "score": best["score"]}
        found["enough"] = plan.enough(best)
        if phase.hides:
            self.learner.network.load_state_dict(best["network"])
            found["vectors"] = self.learner.embed(self.features.clean(self.parts.hidden))
        if phase.name in (plan.TRAINED, plan.FINAL):
            found["network"] = best["network"]

    def _save(self, phase: plan.Phase, state: dict[str, Any]) -> None:
        whole = {"phase": phase.name, "results": self.results, "loop": state}
        checkpoints.save_state(self.folder / RESUME, whole)

    def _network(
        self, config: EcamlConfig, rows: Rows, seed: int, batch: int
    ) -> tuple[EcamlNetwork, Alike | None]:
        """See `opening.opened`."""
        learned = None if self._places is None else self._places[rows]
        if self._everything is None:
            learned = np.searchsorted(self.parts.everyone, rows)
        return opening.opened(
            config,
            with_own_tail(self.split, self.runtime.device),
            self.runtime,
            (self._pooled(rows), self.labels[rows]),
            self._all_pooled(),
            learned,
            seed=seed,
            batch=batch,
            dims=self.config.dim,
        )

    def _look(self, vectors: Tensor) -> dict[str, float]:
        found = readout.scores(vectors.numpy(), self.labels[self.parts.hidden], groups=False)
        return {SCORE: found.mean("map@r"), "hidden_recall@1": found.mean("recall@1")}

    # ---- parts of the plan -----------------------------------------------------------------
    def _phases(self) -> list[plan.Phase]:
        return plan.phases(self._resolved(plan.FINAL), self.seed, hidden=self._hides)

    @property
    def _hides(self) -> bool:
        return len(self.parts.hidden) > 0

    def _parted(self, readable: Rows) -> plan.Parts:
        """Readable rows of categories with two items, some categories of them hidden."""
        labels = np.zeros_like(self.labels)
        labels[readable] = self.labels[readable]
        rows = learned_rows(labels)
        names = hidden_categories(labels[rows], self.config.hide, self.seed, LEAST_FOR_LDA)
        away = np.isin(labels[rows], names)
        return plan.Parts(labels, rows[~away], rows[away])

    def _resolved(self, phase: str) -> EcamlConfig:
        """The configuration for the categories of a phase, started as the final one is."""
        parts = self.parts
        everyone = len(np.unique(self.labels[parts.everyone]))
        whole = resolved(self.config, everyone)
        if phase == plan.FINAL or not self._hides:
            return whole
        return resolved(
            dataclasses.replace(self.config, init=whole.init),
            len(np.unique(self.labels[parts.learned])),
        )

    def _confusion(self, phase: plan.Phase) -> float:
        return self._strength() if phase.confusion is None else phase.confusion

    def _strength(self) -> float:
        return plan.strength(self._resolved(plan.FINAL), self.results)

    def _looks(self, phase: plan.Phase) -> int:
        """How long a phase trains; the final one as long as was best for hidden categories."""
        if phase.name == plan.FINAL and plan.TRAINED in self.results:
            return int(self.results[plan.TRAINED]["enough"])
        return self.config.looks

    # ---- features and numbers --------------------------------------------------------------
    def _pooled(self, rows: Rows) -> NDArray[np.float32]:
        """The untrained backbone's pooled features of plain pictures, (n, d0)."""
        if not self.split.trained:
            return self.features.clean(rows).float().numpy()
        device, rest = self.runtime.device, self.split.rest.to(self.runtime.device)
        found = []
        with torch.inference_mode():
            for part in self.features.clean(rows).split(64):
                features = rest(part.to(device).float())
                found.append(self.split.pooled(features).float().cpu())
        return torch.cat(found).numpy()

    def _all_pooled(self) -> NDArray[np.float32]:
        if self._everything is not None:
            return self._everything
        return self._pooled(self.parts.everyone)

    def _spaces(self) -> dict[str, readout.Scores]:
        """Scores of the hidden categories in the frozen, the discriminant and trained spaces."""
        trained = self.results.get(plan.TRAINED)
        if trained is None:
            return {}
        labels, parts = self.labels[self.parts.hidden], self.parts
        before = torch.from_numpy(self._pooled(parts.hidden))
        found = {"frozen": F.normalize(before, dim=1), "trained": trained["vectors"]}
        names = self.labels[parts.learned]
        dims = resolved(EcamlConfig(init="lda"), len(np.unique(names))).dim
        made = discriminants(self._pooled(parts.learned), names, self._all_pooled(), dims)
        found["lda"] = at_start(made, before)
        if plan.PLAIN in self.results:
            found["plain"] = self.results[plan.PLAIN]["vectors"]
        return {name: readout.scores(v.numpy(), labels) for name, v in found.items()}

    def _readout(self) -> dict[str, object]:
        """Curves of the expert's decision: categories that gained and lost, and close ones."""
        if self.network is None:
            raise RuntimeError("nothing was trained")
        rows = self.parts.everyone
        vectors = embedded(self.network, self.features.clean(rows), self.runtime.device)
        told: dict[str, object] = {
            "known": readout.table_of_categories(vectors.numpy(), self.labels[rows])
        }
        if self._scored:
            labels = self.labels[self.parts.hidden]
            told["hidden"] = readout.changes_of_categories(
                self._scored["frozen"], self._scored["trained"], labels
            )
            told["best_looks"] = {name: r["looks"] for name, r in self.results.items()}
            told["scores"] = {
                name: r["score"] for name, r in self.results.items() if r["score"] is not None
            }
        return told
