"""A run of ST-ProtoPNet: views, warm and joint stages, projection, last layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods.cached_views import CachedViews
from fgvc_studio.methods.loop import Rows, Sampler, mixed_seed
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.methods.single_run import SingleRun
from fgvc_studio.methods.st_protopnet import initialise, judging
from fgvc_studio.methods.st_protopnet.audit import Audit
from fgvc_studio.methods.st_protopnet.classifier import Classifier, Model
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.data import (
    BalancedSampler,
    Division,
    Labels,
    divide,
    evenly,
    length,
    per_class,
)
from fgvc_studio.methods.st_protopnet.feed import Feed
from fgvc_studio.methods.st_protopnet.finishing import Finisher, Values
from fgvc_studio.methods.st_protopnet.learner import StProtoLearner
from fgvc_studio.methods.st_protopnet.model import Shape, StProtoNet, network
from fgvc_studio.methods.st_protopnet.views import FLIPPED, TURNED, FlippedView, TurnedView
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.own_draws import OwnDraws
from fgvc_studio.vision.split import Split, cut
from fgvc_studio.vision.view_cache import ViewCache
from fgvc_studio.vision.views import CLEAN, Pictures, ViewMaker


class StProtoTrainer(SingleRun):
    """Trains ST-ProtoPNet on pictures.

    Parameters
    ----------
    folder : Path
        Of the run: configuration, checkpoint and model.
    cache : Path
        For the views; may be deleted after the run.
    labels : Labels
        One entry per picture; those without a label are left alone.
    start : Model, optional
        Go on from a trained model of the same backbone, classes and sizes, as after an audit.
    audit : Audit, optional
        Patches that prototypes must leave or keep; rows and columns in the enlarged maps.
    save_every : float
        Seconds between checkpoints.

    Raises
    ------
    UserError
        The configuration does not fit the backbone, or there are too few labels.
    """

    def __init__(
        self,
        config: StProtoConfig,
        backbone: Backbone,
        pictures: Pictures,
        folder: Path,
        cache: Path,
        *,
        labels: Labels,
        start: Model | None = None,
        audit: Audit | None = None,
        seed: int = 0,
        threads: int = 1,
        runtime: Runtime | None = None,
        save_every: float = 60.0,
    ) -> None:
        if config.variant == "cropped" and config.add_on_init != "kaiming":
            config = dataclasses.replace(config, add_on_init="kaiming")  # others are affine
        super().__init__(
            config,
            backbone,
            pictures,
            folder,
            seed=seed,
            runtime=runtime,
            save_every=save_every,
        )
        self.labels = labels
        self._start, self._audit = start, audit
        divide(labels, self._usable, seed, config.refit, config.audit_share)
        self.split: Split = cut(backbone, config.train)
        self.split.frozen.to(self.runtime.device)
        transform, turned = backbone.transform, TurnedView(backbone.transform)
        plan = {CLEAN: (transform, 1), FLIPPED: (FlippedView(transform), 1)}
        if config.train == "last-stage" and config.random_views:
            plan[TURNED] = (turned, config.random_views)
        drawn = seed if TURNED in plan else 0  # without chance all seeds share their views
        stored = ViewMaker(pictures, self.split, plan, drawn, threads)
        self.cache: ViewCache = stored.cache(cache)
        self.views = CachedViews(pictures, self.cache, self.runtime)
        fresh = ViewMaker(pictures, self.split, {TURNED: (turned, 1)}, seed, threads)
        live = config.train == "all"
        self.feed = Feed(self.cache, fresh if live else None, self.runtime.device)
        self.learner: StProtoLearner | None = None
        self.division: Division | None = None
        self.model: Model | None = None
        self._unprojected: judging.Parts = {}
        self.evaluation: dict[str, dict[str, float]] = {}

    @property
    def dim(self) -> int:
        """Length of a prototype."""
        return length(self.config, len(self.labels.names))

    @property
    def estimate(self) -> dict[str, int]:
        """See `CachedViews.estimate`."""
        return self.views.estimate

    def steps(self) -> Iterator[StepReport]:
        """Train, project, train the last layers; goes on from a checkpoint when there is one.

        Projection and last layers are repeated when a run stopped in them.

        Raises
        ------
        UserError
            A loss that is no number, a damaged checkpoint, a full disk, too few images.
        """
        config, runtime = self.config, self.runtime
        self.division = divide(
            self.labels, self._usable, self.seed, config.refit, config.audit_share
        )
        classes = self.labels.classes[self.division.train]
        shape = Shape(
            len(self.labels.names), per_class(config, classes), self.dim, self._channels()
        )
        batch = config.batch * runtime.world
        if evenly(config, classes):
            sampler: Sampler = BalancedSampler(classes, batch, self.seed, runtime.world)
        else:
            sampler = Sampler(len(classes), batch, self.seed, runtime.world)
        with OwnDraws(mixed_seed(self.seed, "weights")):
            net = network(self.split, shape, config.variant, config.map_upsample)
            net.to(runtime.device)
            if self._start is not None:
                _take_over(net, self._start)
            elif not self.resumes:
                initialise.start(
                    net,
                    lambda rows: self.feed.clean(self._train_rows[rows]),
                    classes,
                    add_on=config.add_on_init,
                    prototypes=config.proto_init,
                    seed=self.seed,
                )
        if config.train == "all" and sampler.batch // runtime.world >= 32:
            self.split.rest.live_norms = True
        if self._audit is not None:
            self.feed.cover = self._audit.cover(net, self.feed.clean)
        self.learner = StProtoLearner(
            net,
            config,
            runtime,
            torch.from_numpy(classes),
            lambda rows, chosen, step: self.feed.drawn(self._train_rows[rows], chosen, step),
            self._validate,
            seed=self.seed,
            audit=self._audit_loss if self._audit is not None else None,
        )
        loop = self._started("st_protopnet", self.learner, sampler)
        total = loop.total + shape.classes + config.last_layer_epochs + 1
        for report in loop.steps():
            yield dataclasses.replace(report, total=total)
            if self._enough:
                break
        step = loop.total
        self.loop = None  # what follows is repeated by a resumed run, not saved
        net = loop.runtime.unwrap(loop.learner.model)
        for values, found in self._last_stages(self._finisher(net)):
            step += 1
            yield StepReport(step, total, config.epochs, values, 0.0, diagnostics=found)

    def finish(self) -> Classifier:
        """Keep the classifier and give it for use."""
        if self.model is None:
            raise RuntimeError("nothing was trained")
        if self.runtime.main:
            self.model.save(self.folder)
            judging.keep(self.folder, self._unprojected)
        self.cache.close()
        return Classifier(self.split, self.model, self.runtime.device)

    # ---- projection and last layers --------------------------------------------------------
    def _last_stages(self, finisher: Finisher) -> Iterator[tuple[dict[str, float], Values]]:
        """(losses, diagnostics) of each step after the joint stage."""
        self._unprojected = judging.unprojected(finisher.net)
        for losses in finisher.project():
            yield losses, {}
        yield from finisher.train_last()
        self.model = finisher.model(self.pictures, self.backbone)
        self.evaluation = finisher.evaluation
        yield {}, _flat(self.evaluation)

    def _finisher(self, net: StProtoNet) -> Finisher:
        return Finisher(
            net,
            self.feed,
            self.labels,
            self._division,
            self.config,
            seed=self.seed,
            device=self.runtime.device,
            audit=self._audit,
        )

    def _audit_loss(self, net: StProtoNet, branch: str, step: int) -> Tensor:
        if self._audit is None:
            raise RuntimeError("no audit")
        return self._audit.loss(net, branch, self.feed.clean, step)

    def _validate(self) -> dict[str, float]:
        if self.learner is None:
            return {}
        found = self._finisher(self.learner.net).accuracies(self._division.validation)
        return _named("unprojected", found)

    # ---- what the network takes ------------------------------------------------------------
    @property
    def _division(self) -> Division:
        if self.division is None:
            raise RuntimeError("nothing was trained")
        return self.division

    @property
    def _train_rows(self) -> Rows:
        return self._division.train

    def _channels(self) -> int:
        """Channels of the body's maps."""
        with torch.no_grad():
            probe = self.feed.clean(self._usable[:1])
            return int(self.split.feature_map(self.split.rest.to(probe.device)(probe)).shape[1])


def _take_over(net: StProtoNet, model: Model) -> None:
    if model.net.shape != net.shape:
        raise UserError(
            "The model to go on from has other categories or prototypes.", "Start a new run."
        )
    net.load_state_dict(model.net.state_dict())


def _named(first: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{first}_{name}": value for name, value in values.items()}


def _flat(values: dict[str, dict[str, float]]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, found in values.items():
        flat |= _named(name, found)
    return flat
