"""The views that a run learns from: clean, flipped, and moderately turned ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fgvc_studio.vision.transforms import EvalTransform

FLIPPED, TURNED = "flipped", "turned"
_GREY = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class FlippedView:
    """The evaluation transform, left and right exchanged."""

    transform: EvalTransform

    @property
    def size(self) -> int:
        """Side, pixels."""
        return self.transform.size

    def spec(self) -> dict[str, object]:
        """What the pixels depend on, for keys."""
        return {"kind": FLIPPED, "format": 1, "of": self.transform.spec()}

    def __call__(self, image: Image.Image, view: int, seed: int) -> NDArray[np.float32]:
        """Upright RGB -> (3, size, size) float32, normalised."""
        return np.ascontiguousarray(self.transform(image)[..., ::-1])


@dataclass(frozen=True, slots=True)
class TurnedView:
    """Rotation, shear, scale and flip, then the evaluation transform.

    Attributes
    ----------
    angle, shear : float
        Largest amounts, degrees, both ways.
    scale : (float, float)
        Least and largest size of the picture.
    """

    transform: EvalTransform
    angle: float = 25.0
    shear: float = 15.0
    scale: tuple[float, float] = (0.8, 1.0)

    @property
    def size(self) -> int:
        """Side, pixels."""
        return self.transform.size

    def spec(self) -> dict[str, object]:
        """What the pixels depend on, for keys."""
        return {
            "kind": TURNED,
            "format": 1,
            "angle": self.angle,
            "shear": self.shear,
            "scale": list(self.scale),
            "of": self.transform.spec(),
        }

    def __call__(self, image: Image.Image, view: int, seed: int) -> NDArray[np.float32]:
        """Upright RGB -> (3, size, size) float32, normalised; a function of the seed."""
        rng = np.random.default_rng(seed)
        angle = math.radians(rng.uniform(-self.angle, self.angle))
        shear = math.tan(math.radians(rng.uniform(-self.shear, self.shear)))
        scale = rng.uniform(*self.scale)
        if rng.random() < 0.5:
            image = ImageOps.mirror(image)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        back = np.linalg.inv(turn @ np.array([[1.0, shear], [0.0, 1.0]]) * scale)
        centre = np.array(image.size) / 2
        shift = centre - back @ centre
        data = (*back[0], shift[0], *back[1], shift[1])
        turned = image.transform(
            image.size,
            Image.Transform.AFFINE,
            tuple(map(float, data)),
            Image.Resampling.BICUBIC,
            fillcolor=_GREY,
        )
        return self.transform(turned)
