"""Where a trained model looked in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Box

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

ATTENDS = frozenset({"cmd"})
"""Methods whose models weigh the cells of a picture."""

_EVEN = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Weights of the cells of a picture.

    Attributes
    ----------
    values : ndarray (h, w) float32
        0 .. 1: how much more the model looked there than where it looked least.
    box : Box
        Where the cells lie, in pixels of the upright image; the model sees nothing outside.
    """

    item_id: int
    space: str
    values: NDArray[np.float32]
    box: Box

    @property
    def even(self) -> bool:
        """Whether it looked everywhere alike, so that there is nothing to show."""
        return float(self.values.max()) < _EVEN


def possible(studio: Studio, space: str) -> bool:
    """Whether the model of a space tells where it looked."""
    try:
        meta = studio.store.arrays.meta(space)
    except UserError:
        return False
    return bool(meta.get("run")) and meta.get("method") in ATTENDS


def of_item(studio: Studio, space: str, item_id: int) -> Attention:
    """Attention of the model of a space on an item.

    Raises
    ------
    UserError
        The model has none, or the picture cannot be read.
    """
    from fgvc_studio.vision import decode
    from fgvc_studio.vision.extract import crop

    if not possible(studio, space):
        raise UserError(
            f"The space {space} does not tell where its model looked.",
            "Attention is there for spaces of CMD runs.",
        )
    ids = np.array([item_id], np.int64)
    item = studio.store.images.items(ids)[0]
    try:
        image = decode.open_image(studio.store.images.paths_of_items(ids)[0]).image
    except decode.DecodeError as error:
        raise UserError(f"The picture cannot be read: {error}", "Choose another item.") from error
    picture = crop(image, item.box) if item.box else image
    engine = studio.embedding.engine_of(space)
    runtime: Any = engine.runtime
    transform = engine.backbone.transform
    weights = np.asarray(runtime.attention(transform(picture)[None])[0], np.float32)
    place = transform.geometry(*picture.size)
    x0, y0 = place.to_image(0, 0)
    x1, y1 = place.to_image(transform.size, transform.size)
    if item.box:
        left, top = max(0, int(np.floor(item.box.x))), max(0, int(np.floor(item.box.y)))
        x0, x1, y0, y1 = x0 + left, x1 + left, y0 + top, y1 + top
    box = Box(float(x0), float(y0), float(x1 - x0), float(y1 - y0))
    return Attention(item_id, space, _contrast(weights), box)


def _contrast(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights from the least (0) to the greatest (1); a model that looks everywhere alike gives 0.

    Differences below half of the mean weight are not drawn out to the full range.
    """
    low, high = float(weights.min()), float(weights.max())
    reach = max(high - low, 0.5 * float(weights.mean()), 1e-12)
    return np.asarray((weights - low) / reach, np.float32)
