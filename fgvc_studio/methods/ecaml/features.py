"""What the trunk sees of the items: stored outputs of the frozen part, or views made for a step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fgvc_studio.methods.cached_views import CachedViews
from fgvc_studio.methods.ecaml.batches import repeats
from fgvc_studio.methods.ecaml.config import EcamlConfig
from fgvc_studio.methods.loop import Rows
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision.augment import Colour, ViewSpec
from fgvc_studio.vision.split import Split
from fgvc_studio.vision.transforms import EvalTransform
from fgvc_studio.vision.views import CLEAN, Pictures, ViewMaker

VIEW = "view"
SMALLEST_CROP = 0.5
_LIGHT, _NO_HUE = 0.2, 0.0
_MOST_REPEATS = 1 << 12


class Features:
    """Views of items at the cut of a backbone.

    View 0 is the plain picture, 1 .. `config.views` are changed ones.

    Parameters
    ----------
    folder : Path
        For the cache.

    Attributes
    ----------
    views : CachedViews
        The cache being filled.
    """

    def __init__(
        self,
        config: EcamlConfig,
        split: Split,
        pictures: Pictures,
        folder: Path,
        runtime: Runtime,
        seed: int,
        threads: int,
    ) -> None:
        split.backbone.model.to(runtime.device)
        split.frozen.to(runtime.device)
        self._runtime = runtime
        transform = split.backbone.transform
        changed = view_spec(config, transform)
        self._live = config.train == "all"
        plan: dict[str, tuple[ViewSpec | EvalTransform, int]] = {CLEAN: (transform, 1)}
        if not self._live:
            plan[VIEW] = (changed, config.views)
        self._maker = ViewMaker(pictures, split, {VIEW: (changed, 1)}, seed, threads)
        self.cache = ViewMaker(pictures, split, plan, seed, threads).cache(folder)
        self.views = CachedViews(pictures, self.cache, runtime)

    def clean(self, rows: Rows) -> Tensor:
        """Plain pictures at the cut, (n, ...) float16 on the CPU."""
        return torch.from_numpy(self.cache.read(CLEAN, rows, np.zeros((len(rows), 1), np.int64))[0])

    def fetch(self, rows: Rows, views: Tensor, step: int) -> Tensor:
        """See `learner.Fetch`."""
        drawn = views.numpy()
        found = self.clean(rows).float()
        changed = np.flatnonzero(drawn > 0)
        if len(changed):
            if self._live:
                self._make(found, rows, changed, step)
            else:
                stored = self.cache.read(VIEW, rows[changed], drawn[changed, None] - 1)
                found[changed] = torch.from_numpy(stored[0]).float()
        return found.to(self._runtime.device)

    def _make(self, found: Tensor, rows: Rows, changed: Rows, step: int) -> None:
        """Views made for this step; of a picture that can no longer be read the plain one stays."""
        again = repeats(rows)[changed]
        for turn in np.unique(again):
            places = changed[again == turn]
            at = {int(rows[place]): place for place in places}
            salt = (step + 1) * _MOST_REPEATS + int(turn)
            for batch in self._maker.batches(rows[places], salt=salt):
                for row, made in batch:
                    if not isinstance(made, str):
                        found[at[row]] = torch.from_numpy(made[VIEW][0])


def view_spec(config: EcamlConfig, transform: EvalTransform) -> ViewSpec:
    """Crops of half the picture or more, mirrored, colours lightly moved."""
    colour = Colour(
        brightness=_LIGHT,
        contrast=_LIGHT,
        saturation=_LIGHT,
        hue=_NO_HUE if config.colour_matters else _LIGHT / 4,
        grey=0.0,
    )
    return ViewSpec(
        transform.size,
        (SMALLEST_CROP, 1.0),
        (0.0, 0.0),
        (0.0, 0.0),
        colour,
        transform.mean,
        transform.std,
    )


def some(pictures: Pictures, rows: Rows) -> Pictures:
    """The pictures of some rows."""
    return Pictures(
        [pictures.paths[row] for row in rows],
        [pictures.boxes[row] for row in rows],
        [pictures.fingerprints[row] for row in rows],
    )
