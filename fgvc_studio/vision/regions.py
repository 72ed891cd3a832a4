"""Vectors of a part of an image, and where in another image that part is found again.

A feature map (C, h, w) covers the centre square that the transform cuts from the image; a cell is
``size / h`` input pixels. Boxes are in pixels of the upright image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fgvc_studio.domain.records import Box
from fgvc_studio.vision.extract import crop, normalised
from fgvc_studio.vision.runtimes import Runtime
from fgvc_studio.vision.transforms import EvalTransform

Features = NDArray[np.float32]

_INSIDE = 0.9
_MARGIN = 0.25


def cell_weights(
    box: Box, shape: tuple[int, int], transform: EvalTransform, image_size: tuple[int, int]
) -> NDArray[np.float32]:
    """Part of each cell that a box covers.

    Parameters
    ----------
    shape : (int, int)
        h, w of the feature map.
    image_size : (int, int)
        Width and height of the image, pixels.

    Returns
    -------
    ndarray (h, w) float32
        0..1; all 0 when the box lies outside the centre square.
    """
    place = transform.geometry(*image_size)
    x0, y0 = place.to_input(box.x, box.y)
    x1, y1 = place.to_input(box.x + box.width, box.y + box.height)
    rows = _overlap(y0 * shape[0] / transform.size, y1 * shape[0] / transform.size, shape[0])
    columns = _overlap(x0 * shape[1] / transform.size, x1 * shape[1] / transform.size, shape[1])
    return np.outer(rows, columns)


def pool_box(
    features: Features, box: Box, transform: EvalTransform, image_size: tuple[int, int]
) -> NDArray[np.float32]:
    """Mean of the cells under a box, weighted by how much of each it covers.

    Parameters
    ----------
    features : ndarray (C, h, w) float32
        Feature map of the whole image.
    image_size : (int, int)
        Width and height of the image, pixels.

    Returns
    -------
    ndarray (C,) float32
        l2-normalised.

    Raises
    ------
    ValueError
        When the box does not touch the centre square that the features cover.
    """
    weights = cell_weights(box, features.shape[1:], transform, image_size)
    if not weights.any():
        raise ValueError("the box lies outside the part of the image that the features cover")
    return normalised(np.tensordot(features, weights, axes=2) / weights.sum())


def covered(box: Box, transform: EvalTransform, image_size: tuple[int, int]) -> float:
    """Part of a box's area, 0..1, that lies in the centre square."""
    place = transform.geometry(*image_size)
    x0, y0 = place.to_input(box.x, box.y)
    x1, y1 = place.to_input(box.x + box.width, box.y + box.height)
    area = (x1 - x0) * (y1 - y0)
    if area <= 0:
        return 0.0
    inner = [max(0.0, min(b, transform.size) - max(a, 0.0)) for a, b in ((x0, x1), (y0, y1))]
    return inner[0] * inner[1] / area


def region_vector(
    image: Image.Image, box: Box, runtime: Runtime, transform: EvalTransform
) -> NDArray[np.float32]:
    """Vector of a part of one image.

    The cells of the whole image's feature map are pooled when the centre square holds at least
    nine tenths of the box; else the image is cut to a square around the box, with a quarter of
    its longer side as margin, and the cells of that are pooled. Where the image's border leaves
    no such square, the box alone is squeezed into one.

    Returns
    -------
    ndarray (C,) float32
        l2-normalised.
    """
    if covered(box, transform, image.size) < _INSIDE:
        half = (0.5 + _MARGIN) * max(box.width, box.height, 1.0)
        centre_x, centre_y = box.x + box.width / 2, box.y + box.height / 2
        around = Box(centre_x - half, centre_y - half, 2 * half, 2 * half)
        left, top = max(0, int(np.floor(around.x))), max(0, int(np.floor(around.y)))
        image = crop(image, around)
        box = Box(box.x - left, box.y - top, box.width, box.height)
        if covered(box, transform, image.size) < _INSIDE:  # a long box at the image's border
            side = transform.resize
            image = crop(image, box).resize((side, side), Image.Resampling.BICUBIC)
            box = Box(0, 0, side, side)
    features = runtime.features(transform(image)[None])[0]
    return pool_box(features, box, transform, image.size)


def window_of(
    box: Box, shape: tuple[int, int], transform: EvalTransform, image_size: tuple[int, int]
) -> tuple[int, int]:
    """Rows and columns of cells that a box spans, each at least 1 and at most the map's."""
    place = transform.geometry(*image_size)
    rows = round(box.height * place.scale_y * shape[0] / transform.size)
    columns = round(box.width * place.scale_x * shape[1] / transform.size)
    return min(max(1, rows), shape[0]), min(max(1, columns), shape[1])


def best_window(
    query: NDArray[np.float32],
    features: Features,
    window: tuple[int, int],
    transform: EvalTransform,
    image_size: tuple[int, int],
) -> tuple[float, Box]:
    """Where a candidate image resembles the query region most.

    Parameters
    ----------
    query : ndarray (C,) float32
        l2-normalised region vector.
    features : ndarray (C, h, w) float32
        Feature map of the candidate.
    window : (int, int)
        Rows and columns of the query's window (`window_of`).
    image_size : (int, int)
        Width and height of the candidate, pixels.

    Returns
    -------
    (float, Box)
        Cosine of the best window's mean with the query, and the window in image pixels, cut at
        the image's border. Of equals the first from the top left.
    """
    channels, height, width = features.shape
    rows, columns = min(window[0], height), min(window[1], width)
    total = np.zeros((channels, height + 1, width + 1), np.float64)
    total[:, 1:, 1:] = features.cumsum(1, np.float64).cumsum(2)
    sums = (
        total[:, rows:, columns:]
        - total[:, :-rows, columns:]
        - total[:, rows:, :-columns]
        + total[:, :-rows, :-columns]
    )
    lengths = np.maximum(np.linalg.norm(sums, axis=0), 1e-12)
    scores = np.tensordot(query.astype(np.float64), sums, axes=1) / lengths
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    place = transform.geometry(*image_size)
    cell_x, cell_y = transform.size / width, transform.size / height
    x0, y0 = place.to_image(column * cell_x, row * cell_y)
    x1, y1 = place.to_image((column + columns) * cell_x, (row + rows) * cell_y)
    x0, y0 = max(0.0, float(x0)), max(0.0, float(y0))
    x1, y1 = min(float(x1), image_size[0]), min(float(y1), image_size[1])
    return float(scores[row, column]), Box(x0, y0, x1 - x0, y1 - y0)


def _overlap(low: float, high: float, cells: int) -> NDArray[np.float32]:
    """Length of each unit cell that the interval covers."""
    edges = np.arange(cells)
    return np.clip(np.minimum(high, edges + 1) - np.maximum(low, edges), 0, 1).astype(np.float32)
