"""The items of a run as a trainer takes them: paths, boxes, fingerprints."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.vision.views import Pictures


def of_items(studio: Studio, item_ids: NDArray[np.int64]) -> Pictures:
    """Pictures in the order of `item_ids`; a fingerprint is of the file's bytes and the box."""
    from fgvc_studio.vision.views import Pictures

    images = studio.store.images
    boxes = [item.box for item in images.items(item_ids)]
    prints = [
        hashlib.sha256(record.sha256 + repr(box).encode()).digest() if box else record.sha256
        for record, box in zip(images.of_items(item_ids), boxes, strict=True)
    ]
    return Pictures(images.paths_of_items(item_ids), boxes, prints)
