"""Generated photos of three species that anybody can tell apart."""

from __future__ import annotations

import numpy as np
from PIL import Image

SPECIES = ("Stripe", "Dot", "Ring")
EACH = 21
PHOTOS = len(SPECIES) * EACH


def photo(species: int, seed: int) -> Image.Image:
    """A picture whose pattern and colour tell its species; every seed looks a little different."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:144, 0:192].astype(float)
    step, shift = rng.uniform(15, 19), rng.uniform(0, 20, 2)
    if species == 0:
        mask = np.sin((x + 0.4 * y + shift[0]) * 6.28 / step)
    elif species == 1:
        mask = np.sin((x + shift[0]) * 6.28 / step) * np.sin((y + shift[1]) * 6.28 / step) - 0.3
    else:
        mask = np.sin(np.hypot(x - 96 - shift[0], y - 72 - shift[1]) * 6.28 / step)
    ink, paper = [((190, 40, 30), (250, 220, 160)), ((20, 40, 60), (130, 200, 90)),
                  ((240, 240, 80), (70, 20, 140))][species]  # fmt: skip
    colour = np.where(mask[..., None] > 0, ink, paper) + rng.normal(0, 9, (144, 192, 3))
    return Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8))
