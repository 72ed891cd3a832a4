"""What moths are photographed on: cork, foam, a linen sheet, bark, paper.

A large sheet of each is made once per process; pictures take random pieces of it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.sample.texture import Floats, bump, clouds, mix, smoothstep

BACKGROUNDS = ("cork", "foam", "linen", "bark", "paper")
_SIDE = 640


def background(kind: str, rng: np.random.Generator, width: int, height: int) -> Floats:
    """A random piece, (height, width, 3) float32 in 0..1; sides up to 640."""
    sheet = _sheet(kind)
    if rng.random() < 0.5:
        sheet = sheet[::-1]
    if rng.random() < 0.5:
        sheet = sheet[:, ::-1]
    if rng.random() < 0.5:
        sheet = sheet.transpose(1, 0, 2)
    y = int(rng.integers(0, _SIDE - height + 1))
    x = int(rng.integers(0, _SIDE - width + 1))
    return sheet[y : y + height, x : x + width] * np.float32(rng.normal(1.0, 0.05))


@lru_cache(maxsize=8)
def _sheet(kind: str) -> Floats:
    rng = np.random.default_rng([77, BACKGROUNDS.index(kind)])
    painter = {"cork": _cork, "foam": _foam, "linen": _linen, "bark": _bark, "paper": _paper}
    image = np.ascontiguousarray(painter[kind](rng).transpose(1, 2, 0))
    image.flags.writeable = False
    return image


def _plain(colour: tuple[float, float, float]) -> Floats:
    return np.repeat(np.array(colour, np.float32), _SIDE * _SIDE).reshape(3, _SIDE, _SIDE)


def _noise(rng: np.random.Generator, pixels: float, pixels_x: float | None = None) -> Floats:
    """Smooth noise with grains of so many pixels."""
    return clouds(rng, _SIDE, _SIDE, _SIDE / pixels, _SIDE / (pixels_x or pixels))


def _cork(rng: np.random.Generator) -> Floats:
    image = _plain((0.74, 0.58, 0.40))
    mix(image, (0.86, 0.71, 0.52), smoothstep(-0.4, 1.4, _noise(rng, 16)) * 0.7)
    mix(image, (0.55, 0.38, 0.24), smoothstep(0.6, 1.6, _noise(rng, 11)) * 0.75)
    mix(image, (0.28, 0.17, 0.10), smoothstep(1.45, 2.2, _noise(rng, 5)) * 0.8)
    mix(image, (0.90, 0.76, 0.58), smoothstep(1.4, 2.3, _noise(rng, 4)) * 0.6)
    image *= 1 + 0.035 * _noise(rng, 2)
    return np.clip(image, 0, 1)


def _foam(rng: np.random.Generator) -> Floats:
    image = _plain((0.90, 0.90, 0.885))
    image += 0.012 * _noise(rng, 90) + 0.010 * _noise(rng, 3)
    pits = smoothstep(1.3, 2.1, _noise(rng, 3.2))
    mix(image, (0.74, 0.74, 0.74), pits * 0.45)
    mix(image, (0.98, 0.98, 0.98), np.roll(pits, (1, 1), (0, 1)) * 0.4)
    return np.clip(image, 0, 1)


def _linen(rng: np.random.Generator) -> Floats:
    image = _plain((0.86, 0.85, 0.80))
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    y += 1.3 * _noise(rng, 70)
    x += 1.3 * _noise(rng, 70)
    weft, warp = np.cos(y * 2 * np.pi / 4.1), np.cos(x * 2 * np.pi / 4.4)
    over = np.cos(y * np.pi / 4.1) * np.cos(x * np.pi / 4.4)
    weave = np.where(over > 0, weft, warp)
    slubs = 0.7 * _noise(rng, 3, 40) + 0.7 * _noise(rng, 40, 3)
    image += 0.030 * weave + 0.018 * slubs
    folds = _noise(rng, 210, 130)
    image += 0.045 * folds
    mix(image, (0.70, 0.69, 0.66), bump(folds - 0.15, 0.10) * 0.18)
    return np.clip(image, 0, 1)


def _bark(rng: np.random.Generator) -> Floats:
    image = _plain((0.44, 0.38, 0.32))
    ridges = 0.8 * _noise(rng, 90, 15) + 0.5 * _noise(rng, 30, 6) + 0.35 * _noise(rng, 9, 4)
    mix(image, (0.66, 0.60, 0.52), smoothstep(0.0, 1.6, ridges) * 0.6)
    mix(image, (0.15, 0.12, 0.10), smoothstep(-0.5, -1.7, ridges) * 0.8)
    lichen = smoothstep(0.7, 1.6, _noise(rng, 60) + 0.5 * _noise(rng, 7))
    mix(image, (0.62, 0.68, 0.58), lichen * 0.6)
    relief = np.gradient(ridges, axis=1) * 0.45 + np.gradient(_noise(rng, 3), axis=1) * 0.08
    image += np.clip(relief, -0.10, 0.10).astype(np.float32)
    image *= 1 + 0.07 * _noise(rng, 2)
    return np.clip(image, 0, 1)


def _paper(rng: np.random.Generator) -> Floats:
    image = _plain((0.93, 0.91, 0.86))
    image += 0.008 * _noise(rng, 2) + 0.012 * _noise(rng, 120)
    mix(image, (0.80, 0.73, 0.60), smoothstep(1.2, 2.6, _noise(rng, 60)) * 0.25)
    rows = np.arange(_SIDE) % 42 == 20
    line: NDArray[np.float32] = np.zeros((_SIDE, _SIDE), np.float32)
    line[rows] = 0.35
    mix(image, (0.62, 0.72, 0.84), line)
    return np.clip(image, 0, 1)
