"""Noise and colour arithmetic that the painters share; everything float32 in 0..1."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fgvc_studio.sample.traits import Colour

Floats = NDArray[np.float32]


@lru_cache(maxsize=1)
def _grain_bank() -> Floats:
    return np.random.default_rng(20_26).standard_normal((768, 768)).astype(np.float32)


@lru_cache(maxsize=1)
def _fibre_bank() -> Floats:
    return clouds(np.random.default_rng(20_27), 768, 768, 768 / 2.2, 768 / 7)


def fibres(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Noise drawn out along x, of standard deviation about 1, (height, width) up to 768."""
    return _piece(_fibre_bank(), rng, height, width)


def grain(rng: np.random.Generator, height: int, width: int) -> Floats:
    """White noise of standard deviation 1, (height, width) up to 768."""
    return _piece(_grain_bank(), rng, height, width)


def _piece(bank: Floats, rng: np.random.Generator, height: int, width: int) -> Floats:
    y = int(rng.integers(0, bank.shape[0] - height + 1))
    x = int(rng.integers(0, bank.shape[1] - width + 1))
    return bank[y : y + height, x : x + width]


def clouds(
    rng: np.random.Generator, height: int, width: int, cells_y: float, cells_x: float
) -> Floats:
    """Smooth noise of standard deviation about 1 with so many cells down and across."""
    small = rng.standard_normal((max(2, round(cells_y)) + 2, max(2, round(cells_x)) + 2))
    image = Image.fromarray(small.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), np.float32)


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    """0 below low, 1 above high, smooth between (low may exceed high)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def bump(x: Floats, width: float) -> Floats:
    """Gaussian hill of the given half width around 0."""
    return np.exp(-((x / width) ** 2))


def mix(image: Floats, colour: Colour | NDArray, weight: Floats) -> None:
    """Blend a colour into a planar (3, H, W) image in place, weight (H, W)."""
    for band, tone in zip(image, np.asarray(colour, np.float32), strict=True):
        band += (tone - band) * weight


def shift(colour: Colour, by: Colour | NDArray | float) -> Colour:
    """The colour, lighter or darker or tinted, kept within 0.02..0.99."""
    moved = np.clip(np.asarray(colour) + by, 0.02, 0.99)
    return (float(moved[0]), float(moved[1]), float(moved[2]))
