"""What follows the joint stage, or an audit: projection, last layers, calibration, the model."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.loop import Rows
from fgvc_studio.methods.st_protopnet import evaluation, last_layer, projection
from fgvc_studio.methods.st_protopnet.audit import Audit
from fgvc_studio.methods.st_protopnet.classifier import Model
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.data import Division, Labels
from fgvc_studio.methods.st_protopnet.feed import Feed
from fgvc_studio.methods.st_protopnet.losses import BRANCHES
from fgvc_studio.methods.st_protopnet.model import StProtoNet
from fgvc_studio.methods.st_protopnet.views import FLIPPED
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.views import CLEAN, Pictures

_CHUNK = 64

Values = dict[str, float]


class Finisher:
    """Ends a training.

    Parameters
    ----------
    net : StProtoNet
        Changed in place.
    feed : Feed
        Stored views of the run's pictures.
    audit : Audit, optional
        Its forbidden places are not projected onto.

    Attributes
    ----------
    table : list of Projected
        Of `project`, trivial then support.
    evaluation : dict
        Stage -> name -> value, on validation.
    """

    def __init__(
        self,
        net: StProtoNet,
        feed: Feed,
        labels: Labels,
        division: Division,
        config: StProtoConfig,
        *,
        seed: int,
        device: torch.device,
        audit: Audit | None = None,
    ) -> None:
        self.net, self._feed, self._labels, self._division = net, feed, labels, division
        self._config, self._seed, self._device, self._audit = config, seed, device, audit
        self.table: list[projection.Projected] = []
        self.evaluation: dict[str, Values] = {}

    def project(self) -> Iterator[Values]:
        """Every prototype becomes a patch; yields once per class."""
        held = self._division.validation
        self.evaluation["before_projection"] = self.accuracies(held)
        train_only = np.full(len(self._labels.classes), -1, np.int64)
        rows = self._division.train
        train_only[rows] = self._labels.classes[rows]
        begun, table = time.monotonic(), []
        for made in projection.project(
            self.net,
            self._feed.clean,
            train_only,
            hashes=self._labels.hashes,
            forbidden=self._audit.places if self._audit is not None else (),
            exact=self._config.exact,
        ):
            table.extend(made)
            yield {"projected": float(len(table))}
        seconds = time.monotonic() - begun
        self.take(table)
        self.evaluation["projection"]["seconds"] = seconds
        self.evaluation["after_projection"] = self.accuracies(held)

    def take(self, table: list[projection.Projected]) -> None:
        """Where the prototypes come from; the network has them already."""
        self.table = sorted(table, key=lambda one: (BRANCHES.index(one.branch), one.prototype))
        k = self.net.shape.per_class
        places = [(one.branch, one.prototype // k, *one.source.place) for one in table]
        self.evaluation["projection"] = {
            "relaxed": float(sum(bool(one.relaxed) for one in table)),
            "duplicates": 1 - len(set(places)) / max(1, len(places)),
        }

    def train_last(self) -> Iterator[tuple[Values, Values]]:
        """Train the last layers; yields (losses, accuracy on validation) of each epoch.

        Raises
        ------
        UserError
            A loss that is no number.
        """
        classes, device = self._labels.classes, self._device
        train, held = self._division.train, self._division.validation
        for epoch in last_layer.train(
            self.net,
            [self.scores(train, kind, hide=True) for kind in (CLEAN, FLIPPED)],
            torch.from_numpy(classes[train]).to(device),
            self.scores(held, hide=True),
            torch.from_numpy(classes[held]).to(device),
            self._config,
            self._seed,
        ):
            if not np.isfinite(epoch.loss):
                raise UserError(
                    "The training of the last layers broke down: a loss is no number.",
                    "The last checkpoint is kept; start a new run with a lower lr_last.",
                )
            yield {"last_layer": epoch.loss}, {"last_layer_accuracy": epoch.accuracy}

    def model(self, pictures: Pictures, backbone: Backbone) -> Model:
        """The finished model, calibrated on validation (on training without any)."""
        held, train = self._division.validation, self._division.train
        self.evaluation["final"] = self.accuracies(held)
        rows, images = (held, "validation") if len(held) else (train, "training")
        found = self.scores(rows)
        calibration = evaluation.calibrate(
            self._logits(found),
            {name: s.cpu().numpy() for name, s in found.items()},
            self._labels.classes[rows],
            per_class=self.net.shape.per_class,
            images=images,
            temperature=self._config.temperature,
        )
        self.evaluation["calibration"] = {
            "temperature": calibration.temperature,
            "error": calibration.error,
        }
        prints = pictures.fingerprints
        return Model(
            net=self.net,
            config=self._config,
            names=self._labels.names,
            table=tuple(self.table),
            fingerprints=tuple(prints[one.source.image].hex() for one in self.table),
            calibration=calibration,
            evaluation=self.evaluation,
            backbone={"name": backbone.name, "key": backbone.key},
            category_ids=self._labels.ids,
            training=tuple(train.tolist()),
            validation=tuple(held.tolist()),
        )

    def accuracies(self, rows: Rows) -> Values:
        """See `evaluation.accuracies`; empty without rows."""
        if not len(rows):
            return {}
        return evaluation.accuracies(self._logits(self.scores(rows)), self._labels.classes[rows])

    @torch.no_grad()
    def scores(self, rows: Rows, kind: str = CLEAN, *, hide: bool = False) -> last_layer.Scores:
        """Branch -> scores (n, P) of one view of some pictures.

        Parameters
        ----------
        hide : bool
            Without what an audit hides.
        """
        net = self.net
        net.eval()
        parts: dict[str, list[Tensor]] = {name: [] for name in BRANCHES}
        for at in range(0, len(rows), _CHUNK):
            some = rows[at : at + _CHUNK]
            hidden = self._feed.hidden(some, kind) if hide else None
            out = net(self._feed.view(some, kind), hidden=hidden)
            for name in BRANCHES:
                parts[name].append(out[name].scores)
        empty = torch.empty(0, net.shape.prototypes, device=self._device)
        return {name: torch.cat(p) if p else empty for name, p in parts.items()}

    def _logits(self, scores: last_layer.Scores) -> dict[str, np.ndarray]:
        return {
            name: self.net.branch(name).logits(s).detach().cpu().numpy()
            for name, s in scores.items()
        }
