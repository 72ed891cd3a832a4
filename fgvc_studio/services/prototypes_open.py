"""A run with prototypes, opened: its bundle, its activations, its classifier when needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Box
from fgvc_studio.domain.runs import RunState, TrainingRun
from fgvc_studio.methods.st_protopnet import bundle as bundles
from fgvc_studio.methods.st_protopnet.bundle import Bundle
from fgvc_studio.services import prototypes_cache, training_material
from fgvc_studio.services.prototypes_cache import Activations

if TYPE_CHECKING:
    from PIL import Image

    from fgvc_studio.methods.st_protopnet.classifier import Classifier
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.vision.backbones import Backbone
    from fgvc_studio.vision.transforms import Geometry

METHOD = "st-protopnet"
DERIVED = "derived.json"
"""In the folder of a run that was made of another one: ``{"from", "by", ...}``."""
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """What part of an upright image the model looks at, and how cells lie in it.

    Attributes
    ----------
    left, top, width, height : float
        Of the item in the image, pixels.
    image : (int, int)
        Width and height of the image.
    """

    left: float
    top: float
    width: int
    height: int
    image: tuple[int, int]
    geometry: Geometry

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of the model's input -> pixels of the image, kept within the item."""
        px, py = self.geometry.to_image(x, y)
        return (
            self.left + min(max(px, 0.0), float(self.width)),
            self.top + min(max(py, 0.0), float(self.height)),
        )

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of the image -> pixels of the model's input, which may lie outside of it."""
        return self.geometry.to_input(x - self.left, y - self.top)

    def box(self, top: float, bottom: float, left: float, right: float) -> Box:
        """An extent in parts (0 .. 1) of the model's input, as a box of the image."""
        size = self.geometry.size
        x0, y0 = self.to_image(left * size, top * size)
        x1, y1 = self.to_image(right * size, bottom * size)
        return Box(x0, y0, x1 - x0, y1 - y0)


class Opened:
    """One run; made by `Prototypes`, which keeps the last few.

    Attributes
    ----------
    run : TrainingRun
    bundle : Bundle
    items : ndarray (n,) int64
        Items of the run, by their number in it.
    folder : Path
    """

    def __init__(self, studio: Studio, run: TrainingRun) -> None:
        self.studio, self.run = studio, run
        self.folder: Path = studio.training.runs.folder(run.id)
        self.items: Ids = studio.training.runs.items(run.id)
        self.bundle: Bundle = bundles.read(self.folder)
        self.lock = RLock()
        self._activations: Activations | None = None
        self._classifier: Classifier | None = None
        self.kept: dict[str, tuple[Any, Any]] = {}

    @property
    def name(self) -> str:
        """The run's id."""
        return self.run.id

    @cached_property
    def derived(self) -> dict[str, Any]:
        """How the run was made of another one; empty for a training of its own."""
        return derived(self.folder)

    # ---- activations -----------------------------------------------------------------------
    @property
    def activations(self) -> Activations | None:
        """What was computed so far; None without any."""
        with self.lock:
            if self._activations is None:
                self._activations = prototypes_cache.read(self.folder, self.bundle.model)
            return self._activations

    def forget(self) -> None:
        """Read the activations, and what depends on them, again when they are needed."""
        with self.lock:
            self._activations = None
            self.kept.clear()

    @property
    def prepared(self) -> bool:
        """Whether every item of the project was compared with the prototypes."""
        found = self.activations
        n = self.studio.catalogue.n
        return found is not None and len(found) >= n and bool((found.state[:n] != 0).all())

    def ready(self) -> Activations:
        """The activations of the items compared so far.

        Raises
        ------
        UserError
            There are none.
        """
        found = self.activations
        if found is None or not (found.state == prototypes_cache.DONE).any():
            raise UserError(
                f"The images were not yet compared with the prototypes of {self.name}.",
                "Prepare the prototypes first.",
            )
        return found

    def remembered(self, name: str, stamp: Any, make: Any) -> Any:
        """A value that stays until its stamp changes."""
        with self.lock:
            found = self.kept.get(name)
            if found is None or found[0] != stamp:
                found = stamp, make()
                self.kept[name] = found
            return found[1]

    # ---- sources ---------------------------------------------------------------------------
    @cached_property
    def source_items(self) -> Ids:
        """Item that each prototype was taken from, (2P,)."""
        found: Ids = self.items[self.bundle.sources[:, 0]]
        return found

    @property
    def training(self) -> Ids:
        """Items that the model learned from or was checked with."""
        rows = np.concatenate([self.bundle.training, self.bundle.validation])
        return np.unique(self.items[rows] if len(rows) else self.items)

    @property
    def validation(self) -> Ids:
        """Items that the model was checked with; may be empty."""
        return self.items[self.bundle.validation]

    # ---- pictures --------------------------------------------------------------------------
    @cached_property
    def backbone(self) -> Backbone:
        """The backbone under the model.

        Raises
        ------
        UserError
            Its weights are no longer the same.
        """
        return training_material.backbone_of(self.studio, self.run.base_space)

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the similarity maps."""
        found = self.activations
        if found is not None:
            return found.layout.grid
        _, h, w = self.backbone.feature_shape
        return h * self.bundle.upsample, w * self.bundle.upsample

    @property
    def classifier(self) -> Classifier:
        """The network; loaded on first use."""
        from fgvc_studio.methods.st_protopnet import classifier

        with self.lock:
            if self._classifier is None:
                self._classifier = classifier.load(self.folder, self.backbone)
            return self._classifier

    def frames(self, item_ids: Sequence[int] | Ids) -> list[Frame]:
        """How items lie in their images and in the model's input."""
        ids = np.asarray(item_ids, np.int64)
        images = self.studio.store.images
        found = []
        for item, record in zip(images.items(ids), images.of_items(ids), strict=True):
            left, top, width, height = 0, 0, record.width, record.height
            if item.box is not None:  # as `vision.extract.crop` cuts
                left = min(max(0, int(np.floor(item.box.x))), record.width - 1)
                top = min(max(0, int(np.floor(item.box.y))), record.height - 1)
                right = int(np.ceil(item.box.x + item.box.width))
                bottom = int(np.ceil(item.box.y + item.box.height))
                width = min(record.width, max(left + 1, right)) - left
                height = min(record.height, max(top + 1, bottom)) - top
            place = self.backbone.transform.geometry(width, height)
            found.append(Frame(left, top, width, height, (record.width, record.height), place))
        return found

    def picture(self, item_id: int) -> Image.Image:
        """The upright picture of an item, cut to its box.

        Raises
        ------
        UserError
            It cannot be read.
        """
        from fgvc_studio.vision import decode
        from fgvc_studio.vision.extract import crop

        ids = np.array([item_id], np.int64)
        images = self.studio.store.images
        item, path = images.items(ids)[0], images.paths_of_items(ids)[0]
        try:
            image = decode.open_image(path).image
        except decode.DecodeError as error:
            raise UserError(f"{path.name} {error.reason}.", "Put the file back.") from error
        return crop(image, item.box) if item.box else image

    def input(self, item_id: int) -> NDArray[np.float32]:
        """An item as the model takes it, (3, S, S)."""
        return self.backbone.transform(self.picture(item_id))


def derived(folder: Path) -> dict[str, Any]:
    """How the run in a folder was made of another one; empty for a training of its own."""
    try:
        found = json.loads((folder / DERIVED).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def usable(run: TrainingRun, folder: Path) -> bool:
    """Whether a run has prototypes to look at."""
    done = run.state in (RunState.FINISHED, RunState.KEPT)
    return run.method == METHOD and done and (folder / bundles.FACTS).is_file()
