"""The items of a run as a trainer takes them: paths, boxes, fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Progress

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.vision.runtimes import Embeds
    from fgvc_studio.vision.transforms import EvalTransform
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


def outputs(
    studio: Studio,
    runtime: Embeds,
    transform: EvalTransform,
    item_ids: NDArray[np.int64],
    title: str,
) -> Generator[Progress, None, NDArray[np.float32]]:
    """What a runtime makes of items: (n, D) float32, NaN rows for those that cannot be read."""
    from fgvc_studio.services.embedding import default_threads
    from fgvc_studio.vision.extract import embed_paths

    images = studio.store.images
    paths = images.paths_of_items(item_ids)
    boxes = [item.box for item in images.items(item_ids)]
    parts: list[NDArray[np.float32]] = []
    yield Progress(0, len(item_ids), title)
    for start, made, _ in embed_paths(
        paths, boxes, runtime, transform, threads=default_threads(), normalise=False
    ):
        parts.append(made)
        yield Progress(start + len(made), len(item_ids), title)
    return np.concatenate(parts) if parts else np.empty((0, 1), np.float32)
