import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from fgvc_studio.methods.cmd.config import CmdConfig
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision import backbones
from fgvc_studio.vision.transforms import EvalTransform
from fgvc_studio.vision.views import Pictures

torch.set_num_threads(1)


def tiny_backbone(architecture="test_efficientnet", size=32):
    """A small random network that takes pictures of 32 pixels."""
    made = backbones.load(f"random:{architecture}")
    shape = made.feature_shape[0], 1, 1
    return dataclasses.replace(made, transform=EvalTransform(size=size), feature_shape=shape)


def drained(job):
    """What a generator returns in the end."""
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def write_pictures(folder, count, size=24):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    paths = []
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        path = folder / f"{i:03}.png"
        coarse.resize((size, size), Image.Resampling.BICUBIC).save(path)
        paths.append(path)
    prints = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    return Pictures(paths, [None] * count, prints)


TINY = CmdConfig(
    train="head",
    epochs=2,
    batch=4,
    outputs=32,
    hidden=16,
    bottleneck=8,
    attention_dim=8,
    global_views=3,
    local_views=3,
    local_per_step=2,
)


@pytest.fixture(scope="session")
def backbone():
    return tiny_backbone()


@pytest.fixture(scope="session")
def runtime():
    return Runtime("float32", cpu=True)


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pictures", 9)


def write_categories(folder, sizes, size=24):
    """Pictures of categories 1, 2, ... with so many items each: a pattern each, with noise."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    paths, labels = [], []
    for category, count in enumerate(sizes, 1):
        pattern = rng.integers(0, 256, (4, 4, 3))
        for i in range(count):
            noisy = np.clip(pattern + rng.normal(0, 40, pattern.shape), 0, 255).astype(np.uint8)
            path = folder / f"{category:03}-{i:03}.png"
            Image.fromarray(noisy).resize((size, size), Image.Resampling.BICUBIC).save(path)
            paths.append(path)
            labels.append(category)
    prints = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    return Pictures(paths, [None] * len(paths), prints), np.array(labels, np.int64)
