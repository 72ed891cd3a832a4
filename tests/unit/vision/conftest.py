import numpy as np
import pytest
from PIL import Image

from fgvc_studio.vision import backbones, runtimes


def scene(width=320, height=200, seed=0):
    """A smooth coloured picture with some texture, different in every corner."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    noise = rng.integers(-8, 9, smooth.shape)
    return Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))


@pytest.fixture
def picture():
    return scene()


@pytest.fixture(scope="session")
def lite0():
    return backbones.load("lite0")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("converted")


@pytest.fixture(scope="session")
def fast(lite0, cache):
    return runtimes.make(lite0, "openvino", threads=1, cache=cache)
