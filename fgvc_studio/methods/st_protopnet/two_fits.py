"""A run of two fits: the first chooses on validation, the second learns from these images, too.

Some of them stay out of the second one, see `data.divide`, to judge bans with.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.st_protopnet import classifier
from fgvc_studio.methods.st_protopnet.classifier import Classifier
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.data import Labels
from fgvc_studio.methods.st_protopnet.trainer import StProtoTrainer
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.views import Pictures

FIRST, CHOSEN = "first", "chosen.json"


class TwoFits:
    """Trains on the training images, then once more on nearly all of them.

    The first fit chooses the number of passes for the last layers and calibrates. The accuracies
    are those of the model itself on the validation images that it never saw; where there are none
    those of the first fit on all. Parameters as for `StProtoTrainer`.

    Attributes
    ----------
    trainer : StProtoTrainer
        The fit at work.
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
        **options: Any,
    ) -> None:
        self.config, self.backbone, self.pictures = config, backbone, pictures
        self.folder, self._cache, self.labels, self._options = folder, cache, labels, options
        self._enough = False
        self._chosen = self._read()
        self.trainer = self._first() if self._chosen is None else self._second()

    @property
    def skipped(self) -> list[Skipped]:
        """Pictures that could not be read."""
        return self.trainer.skipped

    @property
    def dim(self) -> int:
        """Length of a prototype."""
        return self.trainer.dim

    @property
    def estimate(self) -> dict[str, int]:
        """What the expert is told before the start: items, views per item, bytes on disk."""
        return self.trainer.estimate

    def prepare(self) -> Iterator[Progress]:
        """Fill the view cache, going on where it was; may be left after any report."""
        yield from self.trainer.prepare()

    def steps(self) -> Iterator[StepReport]:
        """Both fits; goes on from the run's checkpoint when there is one.

        Raises
        ------
        UserError
            See `StProtoTrainer.steps`.
        """
        if self._chosen is None:
            accuracies: list[float] = []
            steps = 0
            for report in self.trainer.steps():
                if "last_layer_accuracy" in report.diagnostics:
                    accuracies.append(report.diagnostics["last_layer_accuracy"])
                steps = report.total
                yield dataclasses.replace(report, total=2 * report.total)
            if self._enough:
                return
            self._choose(accuracies, steps)
        before = int(self._chosen["steps"]) if self._chosen else 0
        for report in self.trainer.steps():
            yield dataclasses.replace(
                report, step=before + report.step, total=before + report.total
            )

    def enough(self) -> None:
        """End the fit at work; the first one is then the last."""
        self._enough = True
        self.trainer.enough()

    def save(self) -> None:
        """Keep a checkpoint now."""
        self.trainer.save()

    def finish(self) -> Classifier:
        """Keep the classifier and give it for use."""
        model = self.trainer.model
        if model is None:
            raise RuntimeError("nothing was trained")
        if self._chosen is None:
            self.trainer.folder = self.folder
            return self.trainer.finish()
        first = classifier.load(self.folder / FIRST, self.backbone).model
        model.calibration = first.calibration
        if not model.validation:
            model.evaluation = {**first.evaluation, "projection": model.evaluation["projection"]}
        return self.trainer.finish()

    def drop_cache(self) -> None:
        """Delete the views of this run, and the first fit."""
        self.trainer.drop_cache()
        if self.trainer.runtime.main:
            shutil.rmtree(self.folder / FIRST, ignore_errors=True)

    def _choose(self, accuracies: list[float], steps: int) -> None:
        first, runtime = self.trainer, self.trainer.runtime
        first.finish()
        scores = [first.evaluation["after_projection"]["accuracy"], *accuracies]
        self._chosen = {"epochs": int(np.argmax(scores)), "steps": steps}
        if runtime.main:
            checkpoints.write_json(self.folder / FIRST / CHOSEN, self._chosen)
        runtime.release()
        runtime.wait()
        self.trainer = self._second()
        for _ in self.trainer.prepare():
            continue  # the views are there

    def _first(self) -> StProtoTrainer:
        return self._fit(self.config, self.folder / FIRST)

    def _second(self) -> StProtoTrainer:
        if self._chosen is None:
            raise RuntimeError("nothing was chosen yet")
        kept = json.loads((self.folder / FIRST / classifier.FACTS).read_text("utf-8"))
        config = dataclasses.replace(
            self.config,
            refit=True,
            last_layer_epochs=int(self._chosen["epochs"]),
            temperature=float(kept["calibration"]["temperature"]),
        )
        return self._fit(config, self.folder)

    def _fit(self, config: StProtoConfig, folder: Path) -> StProtoTrainer:
        return StProtoTrainer(
            config,
            self.backbone,
            self.pictures,
            folder,
            self._cache,
            labels=self.labels,
            **self._options,
        )

    def _read(self) -> dict[str, int] | None:
        path = self.folder / FIRST / CHOSEN
        return json.loads(path.read_text("utf-8")) if path.is_file() else None
