"""Colour histograms."""

import numpy as np
import pytest
from PIL import Image

from fgvc_studio.analysis import colour


def test_two_halves():
    image = Image.new("RGB", (10, 4), (255, 0, 0))
    image.paste((0, 0, 31), (0, 0, 5, 4))
    found = colour.histogram(image)
    assert found.shape == (colour.DIMS,)
    assert np.linalg.norm(found) == pytest.approx(1)
    assert found[7 * 64] == pytest.approx(np.sqrt(0.5))
    assert found[0] == pytest.approx(np.sqrt(0.5))


def test_cosine_is_the_overlap_of_colours():
    first = Image.new("L", (8, 8), 200)
    half = Image.new("RGB", (8, 8), (200, 200, 200))
    half.paste((0, 255, 0), (0, 0, 4, 8))
    assert colour.histogram(first) @ colour.histogram(half) == pytest.approx(np.sqrt(0.5))
