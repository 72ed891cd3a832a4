"""Weights of a model over a picture as a half-transparent layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from fgvc_studio.gui import palette

_MOST_ALPHA = 190


def heat_image(values: NDArray[np.float32], *, dark: bool) -> QImage:
    """(h, w) weights of 0..1 as a picture of h x w pixels, clear where the weight is small."""
    level = np.clip(np.nan_to_num(values), 0, 1)
    colours = palette.sequential(dark)[np.rint(level * 255).astype(np.uint8)]
    alpha = np.rint(_MOST_ALPHA * np.sqrt(level)).astype(np.uint8)
    pixels = np.dstack([colours, alpha])
    height, width = values.shape
    data = np.ascontiguousarray(pixels).tobytes()
    return QImage(data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
