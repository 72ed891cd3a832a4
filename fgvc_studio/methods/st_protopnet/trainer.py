"""A run of ST-ProtoPNet: views, warm and joint stages, projection, last layers."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods import checkpoints, diagnostics
from fgvc_studio.methods.loop import Loop, Rows, Sampler, mixed_seed
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.methods.st_protopnet import evaluation, initialise, last_layer, projection
from fgvc_studio.methods.st_protopnet.audit import Audit
from fgvc_studio.methods.st_protopnet.classifier import Classifier, Model, write_config
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.data import (
    BalancedSampler,
    Division,
    Labels,
    divide,
    evenly,
    per_class,
)
from fgvc_studio.methods.st_protopnet.feed import Feed
from fgvc_studio.methods.st_protopnet.learner import StProtoLearner
from fgvc_studio.methods.st_protopnet.losses import BRANCHES
from fgvc_studio.methods.st_protopnet.model import Shape, StProtoNet, network
from fgvc_studio.methods.st_protopnet.views import FLIPPED, TURNED, FlippedView, TurnedView
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.split import Split, cut
from fgvc_studio.vision.view_cache import ViewCache
from fgvc_studio.vision.views import CLEAN, Pictures, ViewMaker

RESUME = "resume.safetensors"
_CHUNK = 64
_FREE_EVERY = 64


class StProtoTrainer:
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
        self.config, self.backbone, self.pictures = config, backbone, pictures
        self.labels, self.folder, self.seed = labels, folder, seed
        self._start, self._audit = start, audit
        divide(labels, np.arange(len(pictures)), seed, config.refit)
        self.runtime = runtime or Runtime(config.precision)
        self.split: Split = cut(backbone, config.train)
        self.split.frozen.to(self.runtime.device)
        transform, turned = backbone.transform, TurnedView(backbone.transform)
        plan = {CLEAN: (transform, 1), FLIPPED: (FlippedView(transform), 1)}
        if config.train == "last-stage" and config.random_views:
            plan[TURNED] = (turned, config.random_views)
        stored = ViewMaker(pictures, self.split, plan, seed, threads)
        self.cache: ViewCache = stored.cache(cache)
        fresh = ViewMaker(pictures, self.split, {TURNED: (turned, 1)}, seed, threads)
        live = config.train == "all"
        self.feed = Feed(self.cache, fresh if live else None, self.runtime.device)
        self.skipped: list[Skipped] = []
        self._usable: Rows = np.arange(len(pictures))
        self._save_every = save_every
        self.loop: Loop | None = None
        self.learner: StProtoLearner | None = None
        self.division: Division | None = None
        self.model: Model | None = None
        self.evaluation: dict[str, dict[str, float]] = {}

    @property
    def dim(self) -> int:
        """Length of a prototype."""
        return self.config.dim

    @property
    def estimate(self) -> dict[str, int]:
        """What the expert is told before the start: items, views per item, bytes on disk."""
        views = sum(kind.views for kind in self.cache.kinds.values())
        return {
            "items": len(self.pictures),
            "views_per_item": views,
            "cache_bytes": self.cache.total_bytes,
            "cache_bytes_to_write": self.cache.needed_bytes,
        }

    def prepare(self) -> Iterator[Progress]:
        """Fill the view cache, going on where it was; may be left after any report."""
        self.cache.open()
        world, rank = self.runtime.world, self.runtime.rank
        missing = self.cache.missing()
        mine = missing[rank::world]
        done = len(self.pictures) - len(missing)
        text = f"Preparing views ({self.cache.total_bytes / 1e6:,.0f} MB)"
        yield Progress(done, len(self.pictures), text)
        for count, (row, reason) in enumerate(self.cache.fill(mine), 1):
            if reason:
                self.skipped.append(Skipped(str(self.pictures.paths[row]), reason))
            if count % _FREE_EVERY == 0:
                self.cache.check_disk()
            yield Progress(done + count * world, len(self.pictures), text)
        self.cache.flush()
        self.runtime.wait()
        self._usable = np.setdiff1d(np.arange(len(self.pictures)), self.cache.unreadable())
        diagnostics.least_items(len(self._usable))

    def steps(self) -> Iterator[StepReport]:
        """Train, project, train the last layers; goes on from a checkpoint when there is one.

        Projection and last layers are repeated when a run stopped in them.

        Raises
        ------
        UserError
            A loss that is no number, a damaged checkpoint, a full disk, too few images.
        """
        config, runtime = self.config, self.runtime
        self.division = divide(self.labels, self._usable, self.seed, config.refit)
        classes = self.labels.classes[self.division.train]
        shape = Shape(
            len(self.labels.names), per_class(config, classes), config.dim, self._channels()
        )
        batch = config.batch * runtime.world
        if evenly(config, classes):
            sampler: Sampler = BalancedSampler(classes, batch, self.seed, runtime.world)
        else:
            sampler = Sampler(len(classes), batch, self.seed, runtime.world)
        with torch.random.fork_rng([]):
            torch.manual_seed(mixed_seed(self.seed, "weights"))
            net = network(self.split, shape, config.variant, config.map_upsample)
            net.to(runtime.device)
            resumed = (self.folder / RESUME).is_file()
            if self._start is not None:
                _take_over(net, self._start)
            elif not resumed:
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
        self.loop = Loop(
            self.learner,
            sampler,
            runtime,
            epochs=config.epochs,
            seed=self.seed,
            save=lambda state: checkpoints.save_state(self.folder / RESUME, state),
            save_every=self._save_every,
        )
        if runtime.main:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_config(self.folder, config, self.backbone)
        if resumed:
            self.loop.load(checkpoints.load_state(self.folder / RESUME))
        total = self.loop.total + shape.classes + config.last_layer_epochs + 1
        for report in self.loop.steps():
            yield dataclasses.replace(report, total=total)
        step = self.loop.total
        loop, self.loop = self.loop, None  # what follows is repeated by a resumed run, not saved
        for values, found in self._last_stages(loop):
            step += 1
            yield StepReport(step, total, config.epochs, values, 0.0, diagnostics=found)

    def save(self) -> None:
        """Keep a checkpoint now; after the joint stage there already is one."""
        if self.loop is not None:
            self.loop.save()

    def finish(self) -> Classifier:
        """Keep the classifier and give it for use."""
        if self.model is None:
            raise RuntimeError("nothing was trained")
        if self.runtime.main:
            self.model.save(self.folder)
        self.cache.close()
        return Classifier(self.split, self.model, self.runtime.device)

    def drop_cache(self) -> None:
        """Delete the views of this run."""
        self.cache.close()
        shutil.rmtree(self.cache.folder, ignore_errors=True)

    # ---- projection and last layers --------------------------------------------------------
    def _last_stages(self, loop: Loop) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
        """(losses, diagnostics) of each step after the joint stage."""
        net = loop.runtime.unwrap(loop.learner.model)
        held = self._division.validation
        labels = self.labels.classes
        self.evaluation["before_projection"] = self._accuracies(net, held)
        table: list[projection.Projected] = []
        train_only = np.full(len(labels), -1, np.int64)
        train_only[self._train_rows] = labels[self._train_rows]
        begun = time.monotonic()
        for made in projection.project(
            net,
            self.feed.clean,
            train_only,
            hashes=self.labels.hashes,
            forbidden=self._audit.places if self._audit is not None else (),
            exact=self.config.exact,
        ):
            table.extend(made)
            yield {"projected": float(len(table))}, {}
        seconds = time.monotonic() - begun
        table.sort(key=lambda one: (BRANCHES.index(one.branch), one.prototype))
        self.evaluation["after_projection"] = self._accuracies(net, held)
        views = [self._scores(net, self._train_rows, kind) for kind in (CLEAN, FLIPPED)]
        checked = self._scores(net, held)
        device = self.runtime.device
        for epoch in last_layer.train(
            net,
            views,
            torch.from_numpy(labels[self._train_rows]).to(device),
            checked,
            torch.from_numpy(labels[held]).to(device),
            self.config,
            self.seed,
        ):
            if not np.isfinite(epoch.loss):
                raise UserError(
                    "The training of the last layers broke down: a loss is no number.",
                    "The last checkpoint is kept; start a new run with a lower lr_last.",
                )
            yield {"last_layer": epoch.loss}, _named("last_layer", {"accuracy": epoch.accuracy})
        self.evaluation["final"] = self._accuracies(net, held)
        self.evaluation["projection"] = {
            "seconds": seconds,
            "relaxed": float(sum(bool(one.relaxed) for one in table)),
            "duplicates": self._duplicates(table, net.shape.per_class),
        }
        self.model = self._made(net, table)
        yield {}, _flat(self.evaluation)

    def _made(self, net: StProtoNet, table: list[projection.Projected]) -> Model:
        held = self._division.validation
        rows, images = (held, "validation") if len(held) else (self._train_rows, "training")
        scores = {name: s.cpu().numpy() for name, s in self._scores(net, rows).items()}
        calibration = evaluation.calibrate(
            _logits(net, self._scores(net, rows)),
            scores,
            self.labels.classes[rows],
            per_class=net.shape.per_class,
            images=images,
            temperature=self.config.temperature,
        )
        self.evaluation["calibration"] = {
            "temperature": calibration.temperature,
            "error": calibration.error,
        }
        return Model(
            net=net,
            config=self.config,
            names=self.labels.names,
            table=tuple(table),
            fingerprints=tuple(self.pictures.fingerprints[one.source.image].hex() for one in table),
            calibration=calibration,
            evaluation=self.evaluation,
            backbone={"name": self.backbone.name, "key": self.backbone.key},
            category_ids=self.labels.ids,
            training=tuple(self._train_rows.tolist()),
            validation=tuple(held.tolist()),
        )

    @staticmethod
    def _duplicates(table: list[projection.Projected], k: int) -> float:
        """Share of prototypes that share their place with a sister."""
        places = [(one.branch, one.prototype // k, *one.source.place) for one in table]
        return 1 - len(set(places)) / max(1, len(places))

    def _accuracies(self, net: StProtoNet, rows: Rows) -> dict[str, float]:
        if not len(rows):
            return {}
        logits = _logits(net, self._scores(net, rows))
        return evaluation.accuracies(logits, self.labels.classes[rows])

    def _audit_loss(self, net: StProtoNet, branch: str, step: int) -> Tensor:
        if self._audit is None:
            raise RuntimeError("no audit")
        return self._audit.loss(net, branch, self.feed.clean, step)

    def _validate(self) -> dict[str, float]:
        if self.learner is None:
            return {}
        found = self._accuracies(self.learner.net, self._division.validation)
        return _named("unprojected", found)

    @torch.no_grad()
    def _scores(self, net: StProtoNet, rows: Rows, kind: str = CLEAN) -> last_layer.Scores:
        """Branch -> scores (n, P) of one view of some pictures."""
        net.eval()
        parts: dict[str, list[Tensor]] = {name: [] for name in BRANCHES}
        for at in range(0, len(rows), _CHUNK):
            out = net(self.feed.view(rows[at : at + _CHUNK], kind))
            for name in BRANCHES:
                parts[name].append(out[name].scores)
        empty = torch.empty(0, net.shape.prototypes, device=self.runtime.device)
        return {name: torch.cat(p) if p else empty for name, p in parts.items()}

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


def _logits(net: StProtoNet, scores: last_layer.Scores) -> dict[str, np.ndarray]:
    return {name: net.branch(name).logits(s).detach().cpu().numpy() for name, s in scores.items()}


def _named(first: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{first}_{name}": value for name, value in values.items()}


def _flat(values: dict[str, dict[str, float]]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, found in values.items():
        flat |= _named(name, found)
    return flat
