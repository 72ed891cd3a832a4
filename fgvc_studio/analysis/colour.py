"""Colour histograms: what a space must beat before it may be said to see form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

BINS = 8
DIMS = BINS**3


def histogram(image: Image.Image) -> NDArray[np.float32]:
    """Hellinger vector of the colours of an RGB picture.

    Returns
    -------
    ndarray (512,) float32
        Square roots of the shares of 8 x 8 x 8 colour bins: of length 1, so that the cosine of
        two of them is their Bhattacharyya coefficient.
    """
    pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(np.int32) * BINS // 256
    keys = (pixels[:, 0] * BINS + pixels[:, 1]) * BINS + pixels[:, 2]
    counts = np.bincount(keys, minlength=DIMS)
    return np.sqrt(counts / max(1, len(keys))).astype(np.float32)
