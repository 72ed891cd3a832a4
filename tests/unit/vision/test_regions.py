import numpy as np
import pytest

from fgvc_studio.domain.records import Box
from fgvc_studio.vision import regions
from fgvc_studio.vision.extract import normalised
from fgvc_studio.vision.transforms import EvalTransform

from .conftest import scene
from .test_extract import Means

TRANSFORM = EvalTransform(size=32, crop=1.0)


def test_weights_are_the_part_of_each_cell_that_is_covered():
    # A 64 x 32 image: the input is its middle square, 16..48; 4 x 4 cells of 8 pixels.
    weights = regions.cell_weights(Box(16, 0, 12, 4), (4, 4), TRANSFORM, (64, 32))
    expected = np.zeros((4, 4))
    expected[0] = [0.5, 0.25, 0, 0]
    assert np.allclose(weights, expected)
    everything = regions.cell_weights(Box(0, 0, 64, 32), (4, 4), TRANSFORM, (64, 32))
    assert np.allclose(everything, 1)


def test_pooling_a_box():
    features = np.random.default_rng(0).normal(size=(5, 4, 4)).astype(np.float32)
    whole = regions.pool_box(features, Box(16, 0, 32, 32), TRANSFORM, (64, 32))
    assert np.allclose(whole, normalised(features.mean((1, 2))), atol=1e-6)
    cell = regions.pool_box(features, Box(24, 16, 8, 8), TRANSFORM, (64, 32))
    assert np.allclose(cell, normalised(features[:, 2, 1]), atol=1e-6)
    with pytest.raises(ValueError, match="outside"):
        regions.pool_box(features, Box(0, 0, 10, 10), TRANSFORM, (64, 32))


@pytest.mark.parametrize("box", [Box(150, 80, 40, 40), Box(0, 60, 30, 30), Box(300, 0, 20, 200)])
def test_a_region_anywhere_has_the_colour_of_its_pixels(box):
    image = scene(320, 200)
    vector = regions.region_vector(image, box, Means(), TRANSFORM)
    part = image.crop((box.x, box.y, box.x + box.width, box.y + box.height))
    colour = (np.asarray(part, np.float32) / 255 - 0.5).mean((0, 1)) * 2
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert float(vector @ normalised(colour)) > 0.9


def test_the_best_window_equals_a_plain_search():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(6, 7, 7)).astype(np.float32)
    query = normalised(rng.normal(size=6).astype(np.float32))
    score, box = regions.best_window(query, features, (3, 2), TRANSFORM, (56, 56))
    best = max(
        (float(query @ normalised(features[:, y : y + 3, x : x + 2].mean((1, 2)))), -y, -x)
        for y in range(5)
        for x in range(6)
    )
    assert score == pytest.approx(best[0], abs=1e-5)
    assert (box.y, box.x) == pytest.approx((-best[1] * 8, -best[2] * 8), abs=1e-4)
    assert (box.width, box.height) == pytest.approx((16, 24), abs=1e-4)


def test_a_region_is_found_again_in_its_own_image():
    image = scene(200, 200, seed=4)
    place = Box(50, 100, 50, 75)
    features = Means().features(TRANSFORM(image)[None])[0]
    query = regions.pool_box(features, place, TRANSFORM, image.size)
    window = regions.window_of(place, features.shape[1:], TRANSFORM, image.size)
    assert window == (3, 2)
    score, box = regions.best_window(query, features, window, TRANSFORM, image.size)
    assert score > 0.9999
    assert (box.x, box.y, box.width, box.height) == pytest.approx((50, 100, 50, 75), abs=1e-3)
