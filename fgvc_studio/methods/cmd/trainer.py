"""A run of CMD: fill the view cache, train, give an embedder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods import diagnostics, whitening
from fgvc_studio.methods.cached_views import CachedViews
from fgvc_studio.methods.cmd import embedder
from fgvc_studio.methods.cmd.config import CmdConfig
from fgvc_studio.methods.cmd.learner import CmdLearner
from fgvc_studio.methods.cmd.losses import GLOBAL
from fgvc_studio.methods.loop import Rows, Sampler
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.methods.single_run import SingleRun
from fgvc_studio.vision.augment import Colour, ViewSpec
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.split import Split, cut, laid_out
from fgvc_studio.vision.transforms import EvalTransform
from fgvc_studio.vision.view_cache import ViewCache
from fgvc_studio.vision.views import CLEAN, Pictures, ViewMaker

LARGE, SMALL = "global", "local"
LOCAL_SIZE = 96
_SAMPLE = 256
_WHITEN_FROM, _PART = 6000, 64


class CmdTrainer(SingleRun):
    """Trains CMD on pictures.

    Parameters
    ----------
    folder : Path
        Of the run: configuration, checkpoint and model.
    cache : Path
        For the views; may be deleted after the run.
    seed : int
    threads : int
        For decoding and augmenting.
    save_every : float
        Seconds between checkpoints.

    Raises
    ------
    UserError
        The configuration does not fit the backbone.
    """

    def __init__(
        self,
        config: CmdConfig,
        backbone: Backbone,
        pictures: Pictures,
        folder: Path,
        cache: Path,
        *,
        seed: int = 0,
        threads: int = 1,
        runtime: Runtime | None = None,
        save_every: float = 60.0,
    ) -> None:
        diagnostics.least_items(len(pictures))
        super().__init__(
            config,
            backbone,
            pictures,
            folder,
            seed=seed,
            runtime=runtime,
            save_every=save_every,
        )
        self.threads = threads
        self.split: Split = cut(backbone, config.train)
        self.split.frozen.to(self.runtime.device)
        plan = view_plan(config, backbone.transform, self.split)
        self._live = config.train == "all"
        small = {CLEAN: plan.pop(CLEAN)}
        self._maker = ViewMaker(pictures, self.split, plan, seed, threads)
        cached = ViewMaker(
            pictures, self.split, small if self._live else {**small, **plan}, seed, threads
        )
        self.cache: ViewCache = cached.cache(cache)
        self.views = CachedViews(pictures, self.cache, self.runtime)
        self.learner: CmdLearner | None = None

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return min(self.config.whiten, self.split.dim) or self.split.dim

    @property
    def estimate(self) -> dict[str, int]:
        """See `CachedViews.estimate`; and the run's steps and their batch."""
        sampler = self._sampler(len(self.pictures))
        steps = sampler.steps_per_epoch * self.config.epochs
        return {**self.views.estimate, "steps": steps, "batch": sampler.batch}

    def steps(self) -> Iterator[StepReport]:
        """Train; goes on from the run's checkpoint when there is one.

        Raises
        ------
        UserError
            A loss that is no number, a damaged checkpoint, a full disk.
        """
        config, runtime = self.config, self.runtime
        start = self._whitening() if config.whiten and not self.resumes else None
        sampler = self._sampler(len(self._usable))
        self.learner = CmdLearner(
            self.split,
            config,
            runtime,
            self._fetch,
            self._clean_sample,
            seed=self.seed,
            total=sampler.steps_per_epoch * config.epochs,
            epochs=config.epochs,
            batch=sampler.batch,
            start=start,
        )
        for report in self._started("cmd", self.learner, sampler).steps():
            yield report
            if self._enough:
                return

    def finish(self) -> embedder.CmdEmbedder:
        """Keep the teacher and give it for use."""
        if self.learner is None:
            raise RuntimeError("nothing was trained")
        teacher = self.learner.teacher
        if self.runtime.main:
            embedder.save(self.folder, teacher, self.config, self.backbone)
        self.cache.close()
        return embedder.CmdEmbedder(self.split, teacher, self.runtime.device)

    def sample(self, count: int = 1000) -> tuple[Rows, Tensor]:
        """Rows of a fixed sample and the teacher's present embeddings (n, d), for a live map."""
        if self.learner is None:
            raise RuntimeError("nothing was trained")
        rows = self._sample_rows(count)
        return rows, self.learner.embed(self._stored_clean(rows))[0].cpu()

    def _sampler(self, items: int) -> Sampler:
        world = self.runtime.world
        return Sampler(items, self.config.batch * world, self.seed, world)

    def _sample_rows(self, count: int) -> Rows:
        order = np.random.default_rng(self.seed).permutation(len(self._usable))[:count]
        return self._usable[np.sort(order)]

    @torch.no_grad()
    def _whitening(self) -> tuple[Tensor, Tensor]:
        """The projection of the start, from large views as the untrained backbone sees them."""
        device, views = self.runtime.device, max(GLOBAL, self.config.global_views)
        self.split.rest.to(device)
        order = np.random.default_rng(self.seed).permutation(len(self._usable))[:_WHITEN_FROM]
        parts = []
        for at in range(0, len(order), _PART):
            rows = order[at : at + _PART]
            every = torch.arange(views).expand(len(rows), -1)
            features = self.split.rest(self._fetch(rows, every, every[:, :0], -1)[0])
            if self.config.pool == "cls":
                vectors = self.split.class_token(features)
            else:
                vectors = self.split.tokens(features).mean(1)
            vectors = F.normalize(vectors.float(), dim=-1)
            parts.append(vectors.unflatten(0, (views, -1)).transpose(0, 1).cpu())
        inner, means = _by_picture(torch.cat(parts))
        if self.config.neighbours:
            found = whitening.near_projection(inner, means, self.dim, self.config.neighbours)
        else:
            found = whitening.projection(inner, means, self.dim)
        alone = self.runtime.world if self.runtime.main else 0  # all take that of the first process
        mean, weight = (self.runtime.mean(alone * x.to(device)) for x in found)
        return mean, weight

    def _clean_sample(self) -> Tensor:
        return self._stored_clean(self._sample_rows(_SAMPLE))

    def _stored_clean(self, rows: Rows) -> Tensor:
        first = np.zeros((len(rows), 1), np.int64)
        return torch.from_numpy(self.cache.read(CLEAN, rows, first)[0])

    def _fetch(
        self, rows: Rows, large: Tensor, small: Tensor, step: int
    ) -> tuple[Tensor, Tensor | None]:
        """See `learner.Fetch`; `rows` number the usable items."""
        rows = self._usable[rows]
        if self._live:
            return self._made(rows, large, small, step)
        found = []
        for kind, views in ((LARGE, large), (SMALL, small)):
            if not views.shape[1]:
                found.append(None)
                continue
            stored = torch.from_numpy(self.cache.read(kind, rows, views.numpy()))
            found.append(laid_out(stored.flatten(0, 1).to(self.runtime.device)))
        if found[0] is None:
            raise RuntimeError("no global views")
        return found[0], found[1]

    def _made(
        self, rows: Rows, large: Tensor, small: Tensor, step: int
    ) -> tuple[Tensor, Tensor | None]:
        """Views made for this step; a picture that has become unreadable is replaced by another."""
        good = []
        for batch in self._maker.batches(rows, salt=step + 1):
            good.extend(made for _, made in batch if not isinstance(made, str))
        diagnostics.least_items(len(good), 1)
        good += [good[i % len(good)] for i in range(len(rows) - len(good))]
        stacked: list[Tensor | None] = []
        for kind, views in ((LARGE, large), (SMALL, small)):
            if not views.shape[1]:
                stacked.append(None)
                continue
            made = np.stack([g[kind][v] for g, v in zip(good, views.numpy(), strict=True)], axis=1)
            flat = torch.from_numpy(made).flatten(0, 1).to(self.runtime.device)
            stacked.append(laid_out(flat))
        if stacked[0] is None:
            raise RuntimeError("no global views")
        return stacked[0], stacked[1]


def _by_picture(views: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors (n, V, d) -> differences to their picture's mean (n * V, d), and the means (n, d)."""
    means = views.mean(1)
    return (views - means[:, None]).flatten(0, 1), means


def view_plan(
    config: CmdConfig, transform: EvalTransform, split: Split
) -> dict[str, tuple[ViewSpec | EvalTransform, int]]:
    """The kinds of views of a run: clean, global and local crops."""
    colour = Colour.matters() if config.colour_matters else Colour()
    mean, std = transform.mean, transform.std
    large = ViewSpec(
        transform.size, (config.global_low, 1.0), (1.0, 0.1), (0.0, 0.2), colour, mean, std
    )
    small = ViewSpec(
        split.view_size(LOCAL_SIZE * transform.size // 224),
        (config.local_low, max(config.local_low, config.local_high)),
        (0.5, 0.5),
        (0.0, 0.0),
        colour,
        mean,
        std,
    )
    plan: dict[str, tuple[ViewSpec | EvalTransform, int]] = {
        CLEAN: (transform, 1),
        LARGE: (large, max(GLOBAL, config.global_views)),
    }
    if config.local_views and config.local_per_step:
        plan[SMALL] = (small, config.local_views)
    return plan
