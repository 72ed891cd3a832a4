"""What trainers with one loop and one checkpoint share: their ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fgvc_studio.domain.records import Progress, Skipped
from fgvc_studio.methods import checkpoints, diagnostics
from fgvc_studio.methods.cached_views import CachedViews
from fgvc_studio.methods.loop import Learner, Loop, Rows, Sampler
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision.backbones import Backbone
from fgvc_studio.vision.views import Pictures

RESUME = "resume.safetensors"


class SingleRun:
    """A run whose position is that of its one `Loop`.

    Parameters
    ----------
    folder : Path
        Of the run: configuration, checkpoint and model.
    save_every : float
        Seconds between checkpoints.

    Attributes
    ----------
    views : CachedViews
        Set by the method.
    """

    views: CachedViews

    def __init__(
        self,
        config: Any,
        backbone: Backbone,
        pictures: Pictures,
        folder: Path,
        *,
        seed: int,
        runtime: Runtime | None,
        save_every: float,
    ) -> None:
        self.config, self.backbone, self.pictures = config, backbone, pictures
        self.folder, self.seed = folder, seed
        self.runtime = runtime or Runtime(config.precision)
        self._usable: Rows = np.arange(len(pictures))
        self._save_every, self._enough = save_every, False
        self.loop: Loop | None = None

    @property
    def skipped(self) -> list[Skipped]:
        """Pictures that could not be read."""
        return self.views.skipped

    @property
    def resumes(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return (self.folder / RESUME).is_file()

    def prepare(self) -> Iterator[Progress]:
        """Fill the view cache, going on where it was; may be left after any report."""
        yield from self.views.fill()
        self._usable = self.views.readable()
        diagnostics.least_items(len(self._usable))

    def enough(self) -> None:
        """End the loop at its next step; what the method does after it still follows."""
        self._enough = True

    def save(self) -> None:
        """Keep a checkpoint now; nothing once the loop is over."""
        if self.loop is not None:
            self.loop.save()

    def drop_cache(self) -> None:
        """Delete the views of this run."""
        self.views.drop()

    def _started(self, method: str, learner: Learner, sampler: Sampler) -> Loop:
        """The loop at the place where the run stands; the configuration is kept beside it.

        Raises
        ------
        UserError
            A damaged checkpoint, or one of another run.
        """
        resumes = self.resumes
        loop = Loop(
            learner,
            sampler,
            self.runtime,
            epochs=self.config.epochs,
            seed=self.seed,
            save=lambda state: checkpoints.save_state(self.folder / RESUME, state),
            save_every=self._save_every,
        )
        if self.runtime.main:
            self.folder.mkdir(parents=True, exist_ok=True)
            checkpoints.write_config(self.folder, method, self.config, self.backbone)
        if resumes:
            loop.load(checkpoints.load_state(self.folder / RESUME))
        self.loop = loop
        return loop
