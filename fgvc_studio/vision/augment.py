"""Random views of a picture, in Pillow and numpy; a view depends on its seed alone."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

_TRIES = 10
_RATIO = (3 / 4, 4 / 3)
_GREY_FROM = 128


@dataclass(frozen=True, slots=True)
class Colour:
    """Colour jitter: strengths, and the probabilities of jitter and of a grey picture."""

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    jitter: float = 0.8
    grey: float = 0.2

    @classmethod
    def matters(cls) -> Colour:
        """For categories that differ in colour: hue untouched, saturation hardly, never grey."""
        return cls(saturation=0.1, hue=0.0, grey=0.0)


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """How the views of one kind are made.

    Attributes
    ----------
    size : int
        Side, pixels.
    scale : (float, float)
        Part of the picture's area that a crop takes.
    blur, solarise : (float, float)
        Probability for views of even and of odd number.
    """

    size: int
    scale: tuple[float, float]
    blur: tuple[float, float]
    solarise: tuple[float, float]
    colour: Colour
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    flip: float = 0.5

    def spec(self) -> dict[str, object]:
        """What the pixels depend on, for keys (JSON types only)."""
        return {"kind": "views", "format": 1, **asdict(self)}

    def __call__(self, image: Image.Image, view: int, seed: int) -> NDArray[np.float32]:
        """Make one view.

        Parameters
        ----------
        image : PIL.Image.Image
            Upright RGB.
        view : int
            Its number; even and odd views differ in blur and solarisation.
        seed : int
            See `view_seed`.

        Returns
        -------
        ndarray (3, size, size) float32
            Normalised.
        """
        rng = np.random.default_rng(seed)
        made = random_resized_crop(image, self.size, self.scale, rng)
        if rng.random() < self.flip:
            made = made.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        made = jitter(made, self.colour, rng)
        if rng.random() < self.blur[view % 2]:
            made = made.filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 2.0)))
        if rng.random() < self.solarise[view % 2]:
            made = ImageOps.solarize(made, _GREY_FROM)
        scale = np.divide(1 / 255, self.std, dtype=np.float32)
        shift = np.divide(self.mean, self.std).astype(np.float32)
        values = np.asarray(made, np.uint8) * scale - shift
        return np.ascontiguousarray(values.transpose(2, 0, 1))


def view_seed(run_seed: int | str, fingerprint: bytes, kind: str, view: int) -> int:
    """Seed of a view: independent of order and of the number of workers."""
    text = f"{run_seed}:{kind}:{view}:".encode() + fingerprint
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def random_resized_crop(
    image: Image.Image, size: int, scale: tuple[float, float], rng: np.random.Generator
) -> Image.Image:
    """A crop of random area (part of the picture's) and aspect (3/4 .. 4/3), resized bicubic."""
    width, height = image.size
    for _ in range(_TRIES):
        area = width * height * rng.uniform(*scale)
        ratio = float(np.exp(rng.uniform(*np.log(_RATIO))))
        w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
            break
    else:  # a very long picture: its centre, as near to the allowed aspect as it goes
        w, h = min(width, round(height * _RATIO[1])), min(height, round(width * _RATIO[1]))
        left, top = (width - w) // 2, (height - h) // 2
    box = (int(left), int(top), int(left + w), int(top + h))
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def jitter(image: Image.Image, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """Brightness, contrast, saturation and hue in random order; perhaps grey."""
    if rng.random() < colour.jitter:
        factors = [1 + rng.uniform(-s, s) for s in (colour.brightness, colour.contrast)]
        factors.append(1 + rng.uniform(-colour.saturation, colour.saturation))
        turn = rng.uniform(-colour.hue, colour.hue)
        for kind in rng.permutation(4):
            if kind == 3:
                image = _turned(image, turn)
            else:
                enhance = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
                image = enhance[kind](image).enhance(max(0.0, factors[kind]))
    if rng.random() < colour.grey:
        image = image.convert("L").convert("RGB")
    return image


def _turned(image: Image.Image, turn: float) -> Image.Image:
    """Hue turned by a part of the circle."""
    step = round(turn * 256) % 256
    if not step:
        return image
    hue, saturation, value = image.convert("HSV").split()
    moved = Image.fromarray((np.asarray(hue, np.int16) + step).astype(np.uint8))
    return Image.merge("HSV", (moved, saturation, value)).convert("RGB")
