"""The evaluation transform of a backbone, in Pillow and numpy (no torch)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

_LONGEST = 4
_GAP = 3.0  # averages whole pixels first where an image is shrunk six times or more


@dataclass(frozen=True, slots=True)
class Geometry:
    """How pixels of an image come to lie in the network's input.

    A point (x, y) of the image lies at ``(x * scale_x - left, y * scale_y - top)`` of the input,
    a square of `size` pixels.
    """

    scale_x: float
    scale_y: float
    left: int
    top: int
    size: int

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """Image pixels to input pixels."""
        return x * self.scale_x - self.left, y * self.scale_y - self.top

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """Input pixels to image pixels."""
        return (x + self.left) / self.scale_x, (y + self.top) / self.scale_y


@dataclass(frozen=True, slots=True)
class EvalTransform:
    """Resize the shorter side to ``size / crop``, cut the centre square, normalise.

    Equal to timm's evaluation transform of the same settings to within one grey level.

    Attributes
    ----------
    size : int
        Side of the network's input, pixels.
    crop : float
        Part of the resized shorter side that the centre square keeps, 0 < crop <= 1.
    mean, std : tuple of 3 floats
        Per channel, for values in 0..1.
    interpolation : str
        ``nearest``, ``bilinear``, ``bicubic`` or ``lanczos``.
    """

    size: int = 224
    crop: float = 0.875
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    interpolation: str = "bicubic"

    @property
    def resize(self) -> int:
        """Length of the shorter side after resizing, pixels."""
        return int(self.size / self.crop)

    @property
    def decode_target(self) -> int:
        """Shorter side that scaled decoding must leave, so that neighbours are kept."""
        return 2 * self.resize

    def geometry(self, width: int, height: int) -> Geometry:
        """Place of an image of this size in the input."""
        if width <= height:
            new = self.resize, max(1, int(self.resize * height / width))
        else:
            new = max(1, int(self.resize * width / height)), self.resize
        left, top = (round((side - self.size) / 2.0) for side in new)
        return Geometry(new[0] / width, new[1] / height, left, top, self.size)

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """Transform an RGB picture.

        Returns
        -------
        ndarray (3, size, size) float32
            Normalised, C-contiguous.
        """
        square = self._square(image)
        scale = np.divide(1 / 255, self.std, dtype=np.float32)
        shift = np.divide(self.mean, self.std).astype(np.float32)
        pixels = np.asarray(square, np.uint8)
        values = np.empty((3, *pixels.shape[:2]), np.float32)
        for channel in range(3):  # channel by channel: numpy is slow where the last axis is short
            np.multiply(pixels[..., channel], scale[channel], out=values[channel])
            values[channel] -= shift[channel]
        return values

    def _square(self, image: Image.Image) -> Image.Image:
        place = self.geometry(*image.size)
        resample, size = _FILTERS[self.interpolation], self.size
        new = round(image.width * place.scale_x), round(image.height * place.scale_y)
        if max(new) <= _LONGEST * min(new):
            whole = image.resize(new, resample, reducing_gap=_GAP)
            return whole.crop((place.left, place.top, place.left + size, place.top + size))
        # Of a panorama only the square is resized: the same pixels but for rounding.
        x0, y0 = place.to_image(0, 0)
        x1, y1 = place.to_image(size, size)
        box = (max(0.0, x0), max(0.0, y0), min(x1, image.width), min(y1, image.height))
        return image.resize((size, size), resample, box=box, reducing_gap=_GAP)

    def spec(self) -> dict[str, object]:
        """What the pixels depend on, for keys (JSON types only)."""
        return {
            "kind": "eval",
            "size": self.size,
            "crop": self.crop,
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
        }
