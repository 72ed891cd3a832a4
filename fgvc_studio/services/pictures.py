"""Colour histograms of items, from thumbnails where there are some."""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Box, Progress

if TYPE_CHECKING:
    from PIL import Image

    from fgvc_studio.services.studio import Studio

CHUNK = 256
TARGET = 128
"""Pixels of the shorter side wanted of a file without a thumbnail."""


def histograms(
    studio: Studio, item_ids: NDArray[np.int64]
) -> Generator[Progress, None, NDArray[np.float32]]:
    """`colour.histogram` of each item, ``(n, 512)``; zeros where the picture cannot be read."""
    from fgvc_studio.analysis import colour

    out = np.zeros((len(item_ids), colour.DIMS), np.float32)
    for start in range(0, len(item_ids), CHUNK):
        yield Progress(start, len(item_ids), "Colour histograms")
        ids = item_ids[start : start + CHUNK]
        items = studio.store.images.items(ids)
        thumbs = studio.store.thumbs.get_many(item.image_id for item in items)
        for row, item in enumerate(items, start):
            image = _picture(studio, item.image_id, thumbs[item.image_id], item.box)
            if image is not None:
                out[row] = colour.histogram(image)
    return out


def _picture(
    studio: Studio, image_id: int, thumbnail: bytes | None, box: Box | None
) -> Image.Image | None:
    from PIL import Image

    from fgvc_studio.vision import decode, extract

    if thumbnail is not None:
        image = Image.open(io.BytesIO(thumbnail)).convert("RGB")
    else:
        try:
            path = studio.store.images.path_of(image_id)
            image = decode.open_image(path, target=TARGET).image
        except decode.DecodeError:
            return None
    if box is None:
        return image
    record = studio.store.images.get(image_id)
    scale = image.width / max(1, record.width)
    return extract.crop(
        image, Box(box.x * scale, box.y * scale, box.width * scale, box.height * scale)
    )
