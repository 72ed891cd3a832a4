"""A new model out of a finished one, without training its prototypes again.

========= ===================================================================================
refit     last layers trained anew, with some prototypes switched off
reproject prototypes projected anew, forbidden patches left out; then the last layers
reselect  prototypes replaced by others of their runners-up; the last layers stay
========= ===================================================================================

To train the prototypes as well use `StProtoTrainer` with ``start`` and ``audit``.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from fgvc_studio.domain.records import Progress
from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.loop import Rows
from fgvc_studio.methods.st_protopnet import projection
from fgvc_studio.methods.st_protopnet.audit import Audit
from fgvc_studio.methods.st_protopnet.classifier import Model
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.data import Labels, divide
from fgvc_studio.methods.st_protopnet.feed import Feed
from fgvc_studio.methods.st_protopnet.finishing import Finisher
from fgvc_studio.methods.st_protopnet.losses import BRANCHES
from fgvc_studio.methods.st_protopnet.model import StProtoNet
from fgvc_studio.methods.st_protopnet.projection import Patch
from fgvc_studio.methods.st_protopnet.views import FLIPPED, FlippedView
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.split import cut
from fgvc_studio.vision.view_cache import ViewCache
from fgvc_studio.vision.views import CLEAN, Pictures, ViewMaker

Off = Mapping[str, Sequence[int]]
"""Branch -> prototypes that are switched off while the last layers learn."""


class Amender:
    """Changes a finished model.

    Parameters
    ----------
    model : Model
        Its network is changed in place: give one that was loaded for this.
    config : StProtoConfig
        Of the new model; only what concerns the last layers and the calibration is used.
    cache : Path
        For the views; deleted by `drop_cache`.
    """

    def __init__(
        self,
        model: Model,
        config: StProtoConfig,
        backbone: Backbone,
        pictures: Pictures,
        cache: Path,
        labels: Labels,
        *,
        seed: int,
        threads: int = 1,
    ) -> None:
        self.model, self.backbone, self.pictures, self.labels = model, backbone, pictures, labels
        self.seed, self.config = seed, config
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.split = cut(backbone, self.config.train)
        self.split.frozen.to(self.device)
        self.net: StProtoNet = model.net.to(self.device)
        plan = {
            CLEAN: (backbone.transform, 1),
            FLIPPED: (FlippedView(backbone.transform), 1),
        }
        self.cache: ViewCache = ViewMaker(pictures, self.split, plan, seed, threads).cache(cache)

    def prepare(self) -> Iterator[Progress]:
        """Make the views; may be left after any report."""
        self.cache.open()
        missing, n = self.cache.missing(), len(self.pictures)
        done = n - len(missing)
        yield Progress(done, n, "Preparing views")
        for count, _ in enumerate(self.cache.fill(missing), 1):
            yield Progress(done + count, n, "Preparing views")
        self.cache.flush()

    def refit(self, off: Off, audit: Audit | None = None) -> Iterator[Progress]:
        """Train the last layers; what is off stays off while they learn, and its weights stay.

        What the audit forbids for every class is hidden meanwhile.

        Before, the prototypes that a category has left take over the weight of those switched
        off: else it would be behind all others, further than these few steps can mend.
        """
        finisher = self._finisher(audit)
        finisher.take(list(self.model.table))
        take_over(self.net, off)
        yield from self._last(finisher, off)

    def reproject(self, audit: Audit, off: Off) -> Iterator[Progress]:
        """Project, then train the last layers."""
        finisher = self._finisher(audit)
        classes = self.net.shape.classes
        for done, _ in enumerate(finisher.project(), 1):
            yield Progress(done, classes, "Projecting the prototypes")
        yield from self._last(finisher, off)

    def reselect(self, chosen: Mapping[tuple[str, int], Patch]) -> None:
        """Prototypes, by branch and number, become other patches; their former one is kept.

        The former source takes the place of the chosen one among the runners-up.
        """
        finisher, table = self._finisher(None), []
        feed = self._feed()
        for one in self.model.table:
            patch = chosen.get((one.branch, one.prototype))
            if patch is not None:
                place = [patch.place]
                vector = projection.patch_features(self.net, one.branch, feed.clean, place)[0]
                prototypes = self.net.branch(one.branch).prototypes
                with torch.no_grad():
                    former = float(F.normalize(prototypes[one.prototype], dim=0) @ vector)
                    prototypes[one.prototype] = vector
                old = dataclasses.replace(one.source, score=former)
                others = tuple(p for p in one.runners_up if p.place != patch.place)
                one = dataclasses.replace(
                    one,
                    source=dataclasses.replace(patch, score=1.0),
                    runners_up=(old, *others)[: projection.RUNNERS_UP],
                )
            table.append(one)
        finisher.take(table)
        self.model = finisher.model(self.pictures, self.backbone)

    def save(self, folder: Path) -> None:
        """Keep the changed model.

        Raises
        ------
        UserError
            The disk is full or read-only.
        """
        folder.mkdir(parents=True, exist_ok=True)
        checkpoints.write_config(folder, "st_protopnet", self.config, self.backbone)
        self.model.save(folder)

    def drop_cache(self) -> None:
        """Delete the views."""
        self.cache.close()
        shutil.rmtree(self.cache.folder, ignore_errors=True)

    def _last(self, finisher: Finisher, off: Off) -> Iterator[Progress]:
        switch(self.net, off, on=False)
        try:
            epochs = self.config.last_layer_epochs
            for done, _ in enumerate(finisher.train_last(), 1):
                yield Progress(done, epochs, "Training the last layers")
            self.model = finisher.model(self.pictures, self.backbone)
        finally:
            switch(self.net, off, on=True)

    def _finisher(self, audit: Audit | None) -> Finisher:
        division = divide(
            self.labels, self._usable(), self.seed, self.config.refit, self.config.audit_share
        )
        feed = self._feed()
        if audit is not None:
            feed.cover = audit.cover(self.net, feed.clean)
        return Finisher(
            self.net,
            feed,
            self.labels,
            division,
            self.config,
            seed=self.seed,
            device=self.device,
            audit=audit,
        )

    def _usable(self) -> Rows:
        return np.setdiff1d(np.arange(len(self.pictures)), self.cache.unreadable())

    def _feed(self) -> Feed:
        return Feed(self.cache, None, self.device)


@torch.no_grad()
def take_over(net: StProtoNet, off: Off) -> None:
    """Scale each class's own weights that stay on so that its sum over both branches stays."""
    k = net.shape.per_class
    for c in range(net.shape.classes):
        own = slice(c * k, (c + 1) * k)
        gone = {name: [p for p in off.get(name, ()) if p // k == c] for name in BRANCHES}
        whole = sum(float(net.branch(name).last[c, own].sum()) for name in BRANCHES)
        lost = sum(float(net.branch(name).last[c, gone[name]].sum()) for name in BRANCHES)
        if lost > 0 and whole - lost > 0:
            for name in BRANCHES:
                stay = [p for p in range(own.start, own.stop) if p not in gone[name]]
                net.branch(name).last[c, stay] *= whole / (whole - lost)


def switch(net: StProtoNet, off: Off, *, on: bool) -> None:
    """Switch prototypes of both branches."""
    for name in BRANCHES:
        for prototype in off.get(name, ()):
            net.branch(name).on[prototype] = float(on)
