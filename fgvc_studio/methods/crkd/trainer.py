"""A run of Cr-KD on pictures: fill the view cache, train the stages, give the proposals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.domain.runs import StepReport
from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.cached_views import CachedViews
from fgvc_studio.methods.crkd import discovery, proposals
from fgvc_studio.methods.crkd.config import CrkdConfig
from fgvc_studio.methods.crkd.source import PictureSource
from fgvc_studio.methods.crkd.stages import Count, Stages
from fgvc_studio.methods.loop import Rows
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.views import Pictures


def counted(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], rule: str
) -> tuple[int, int, int]:
    """The number of novel classes, and its range, by a rule of `analysis.class_count`."""
    from fgvc_studio.analysis import class_count

    found = class_count.RULES[rule](vectors, labels)
    return found.count, found.low, found.high


RESUME = "resume.safetensors"


class CrkdTrainer:
    """Trains Cr-KD.

    Parameters
    ----------
    folder : Path
        Of the run: configuration, checkpoint, model and proposals.
    cache : Path
        For the views; may be deleted after the run.
    labels : ndarray (n,) int64
        Class of each picture, any numbers; negative where it has no label.
    count : callable, optional
        Estimates the number of novel classes: see `stages.Count`.
    threads : int
        For decoding and augmenting.
    save_every : float
        Seconds between checkpoints.

    Raises
    ------
    UserError
        The labels do not do: see `stages.Stages`.

    Attributes
    ----------
    classes : ndarray (C,) int64
        The number that each known class has in `labels`.
    """

    def __init__(
        self,
        config: CrkdConfig,
        backbone: Backbone,
        pictures: Pictures,
        folder: Path,
        cache: Path,
        *,
        labels: NDArray[np.int64],
        seed: int = 0,
        threads: int = 1,
        runtime: Runtime | None = None,
        save_every: float = 60.0,
        count: Count | None = None,
    ) -> None:
        self.config, self.backbone, self.pictures = config, backbone, pictures
        self.folder, self.seed = folder, seed
        self.runtime = runtime or Runtime(config.precision)
        self.source = PictureSource(
            config, backbone, pictures, cache, self.runtime.device, seed=seed, threads=threads
        )
        self.cache = self.source.cache
        self.views = CachedViews(pictures, self.cache, self.runtime)
        self._given = np.array(labels, np.int64)
        self._save_every, self._count = save_every, count
        self.classes = np.unique(self._given[self._given >= 0])
        self.stages = self._staged(np.arange(len(pictures)))

    @property
    def dim(self) -> int:
        """Length of the features that the heads look at."""
        return self.source.dim

    @property
    def skipped(self) -> list[Skipped]:
        """Pictures that could not be read."""
        return self.views.skipped

    @property
    def estimate(self) -> dict[str, int]:
        """See `CachedViews.estimate`."""
        return self.views.estimate

    def prepare(self) -> Iterator[Progress]:
        """Fill the view cache, going on where it was; may be left after any report."""
        yield from self.views.fill()
        self.stages = self._staged(self.views.readable())

    def steps(self) -> Iterator[StepReport]:
        """Train; goes on from the run's checkpoint when there is one.

        Raises
        ------
        UserError
            A loss that is no number, a damaged checkpoint, a full disk, no items behind the gate.
        """
        if self.runtime.main:
            self.folder.mkdir(parents=True, exist_ok=True)
            checkpoints.write_config(
                self.folder, "crkd", self.config, self.backbone, classes=self.classes.tolist()
            )
        yield from self.stages.steps()

    def save(self) -> None:
        """Keep a checkpoint now."""
        self.stages.save()

    def preview(self) -> proposals.Proposals:
        """The present clusters of the pool, while stage 2 is at work."""
        return self.stages.propose()

    def finish(self) -> discovery.Discovery:
        """Keep model and proposals, and give them for use.

        Raises
        ------
        UserError
            The training is not over.
        """
        if "discover" not in self.stages.done:
            raise UserError("The run is not over.", "Go on with it first.")
        made = discovery.conclude(self.stages, self.classes)
        if self.runtime.main:
            discovery.save(self.folder, made)
        self.cache.close()
        return made

    def drop_cache(self) -> None:
        """Delete the views of this run."""
        self.views.drop()

    def _staged(self, usable: Rows) -> Stages:
        known = self._given >= 0
        labels = np.where(known, np.searchsorted(self.classes, self._given), -1)
        return Stages(
            self.config,
            self.source,
            labels.astype(np.int64),
            usable,
            self.runtime,
            seed=self.seed,
            path=self.folder / RESUME,
            save_every=self._save_every,
            count=self._count,
        )
