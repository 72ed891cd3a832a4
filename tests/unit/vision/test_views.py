"""Backbone cuts, random views and their cache."""

import dataclasses
import hashlib
import itertools
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Box
from fgvc_studio.vision import backbones, runtimes, view_cache
from fgvc_studio.vision.augment import Colour, ViewSpec, random_resized_crop, view_seed
from fgvc_studio.vision.frozen import FrozenRunner
from fgvc_studio.vision.split import cut, with_drop_path
from fgvc_studio.vision.transforms import EvalTransform
from fgvc_studio.vision.view_cache import Kind, ViewCache, cache_key
from fgvc_studio.vision.views import CLEAN, Pictures, ViewMaker

HALF = (0.5, 0.5, 0.5)
LARGE = ViewSpec(32, (0.4, 1.0), (1.0, 0.1), (0.0, 0.2), Colour(), HALF, HALF)
SMALL = ViewSpec(16, (0.05, 0.4), (0.5, 0.5), (0.0, 0.0), Colour.matters(), HALF, HALF)
FAMILIES = [
    "test_efficientnet",
    "test_resnet",
    "test_convnext",
    "test_vit",
    "test_vit3",
]


@pytest.mark.parametrize("architecture", FAMILIES)
def test_both_parts_together_are_the_backbone(architecture):
    backbone = backbones.load(f"random:{architecture}")
    size = backbone.transform.size
    images = torch.randn(2, 3, size, size)
    wanted = backbone.forward_features(images)
    for train in ("head", "last-stage", "all"):
        split = cut(backbone, train)
        features = split.rest(split.frozen(images))
        assert torch.allclose(split.feature_map(features), wanted, atol=1e-4)
        small = split.view_size(size // 2)
        assert small % split.patch == 0
        stored = split.frozen(torch.randn(1, 3, small, small))
        assert tuple(stored.shape[1:]) == split.stored_shape(small)
        assert split.tokens(split.rest(stored)).shape[::2] == (1, split.dim)
        assert any(p.requires_grad for p in split.rest.parameters()) is split.trained
        assert not any(p.requires_grad for p in split.frozen.parameters())


def test_cut_points_of_lite0(lite0):
    head, last = cut(lite0, "head"), cut(lite0, "last-stage")
    assert head.stored_shape(224) == (320, 7, 7)
    assert head.stored_shape(96) == (320, 3, 3)
    assert last.stored_shape(224) == (112, 14, 14)
    assert last.stored_shape(96) == (112, 6, 6)
    assert sum(p.numel() for p in last.rest.parameters()) == pytest.approx(2.67e6, rel=0.01)
    assert cut(lite0, "head", pooled=True).stored_shape(224) == (1280,)
    with pytest.raises(UserError, match="training mode"):
        cut(lite0, "tail")


def test_batch_norm_stays_fixed_and_drop_path_comes_on_demand(lite0):
    rest = cut(lite0, "last-stage").rest.train()
    norms = [m for m in rest.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and not any(m.training for m in norms)
    rest.live_norms = True
    assert all(m.training for m in norms if rest.train() is rest)
    with_drop_path(rest, 0.2)
    assert any(type(m).__name__ == "DropPath" for m in rest.modules())


def test_a_view_depends_on_its_seed_alone(picture):
    first, again = (LARGE(picture, 0, 7) for _ in range(2))
    assert first.shape == (3, 32, 32) and first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - LARGE(picture, 0, 8)).mean() > 0.01
    parts = itertools.product((0, 1), (b"a", b"b"), "gl", (0, 1))
    assert len({view_seed(*part) for part in parts}) == 16


def test_colour_matters_keeps_hues():
    red = Image.new("RGB", (40, 40), (200, 30, 30))
    for seed in range(20):
        r, g, b = SMALL(red, 0, seed).mean((1, 2))
        assert r > g + 0.3 and abs(g - b) < 0.02


def test_crops_have_the_size_they_should_have():
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    wide = Image.fromarray(np.broadcast_to(ramp, (300, 400))).convert("RGB")
    for _ in range(30):
        cropped = np.asarray(random_resized_crop(wide, 32, (0.05, 0.4), rng), float)
        share = (cropped[0, -1, 0] - cropped[0, 0, 0]) / 255  # of the width
        assert 0.1 < share < 0.75
    thin = Image.new("RGB", (2, 900))
    assert random_resized_crop(thin, 8, (0.4, 1.0), rng).size == (8, 8)


@pytest.fixture
def maker(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for i in range(5):
        path = tmp_path / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (48, 40, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    prints = [hashlib.sha256(p.read_bytes()).digest() for p in paths]
    backbone = dataclasses.replace(
        backbones.load("random:test_resnet"), transform=EvalTransform(size=32)
    )
    plan = {CLEAN: (backbone.transform, 1), "global": (LARGE, 3), "local": (SMALL, 2)}
    boxes = [None, None, Box(4, 4, 20, 20), None, None]
    return ViewMaker(Pictures(paths, boxes, prints), cut(backbone, "head"), plan, 0, 2)


def filled(maker, folder):
    cache = maker.cache(folder)
    cache.open()
    assert not [reason for _, reason in cache.fill() if reason]
    return cache


ROWS = np.arange(5)
VIEWS = np.tile(np.arange(3), (5, 1))


def test_the_cache_holds_what_the_network_gives(maker, tmp_path):
    cache = filled(maker, tmp_path / "views")
    assert len(cache.missing()) == 0
    got = cache.read("global", ROWS, VIEWS)
    assert got.shape[:2] == (3, 5) and got.dtype == np.float16
    for row, made in maker.outputs(ROWS[2:3]):
        np.testing.assert_allclose(got[:, row], made["global"], rtol=1e-2, atol=1e-2)
    cache.close()
    files = sum(path.stat().st_size for path in cache.folder.iterdir())
    assert files == cache.total_bytes


def test_filling_goes_on_where_it_was(maker, tmp_path):
    cache = maker.cache(tmp_path / "views")
    cache.open()
    for done, _ in enumerate(cache.fill(), 1):
        if done == 2:
            break
    again = maker.cache(tmp_path / "views")
    again.open()
    assert len(again.missing()) == 3
    whole = filled(maker, tmp_path / "other")
    assert not [r for _, r in again.fill() if r]
    for kind, views in (("global", VIEWS), ("local", VIEWS[:, :2]), (CLEAN, VIEWS[:, :1])):
        np.testing.assert_array_equal(again.read(kind, ROWS, views), whole.read(kind, ROWS, views))


def test_a_changed_image_costs_its_row_only(maker, tmp_path):
    filled(maker, tmp_path / "views").close()
    maker.pictures.fingerprints[3] = b"x" * 32
    cache = maker.cache(tmp_path / "views")
    cache.open()
    assert cache.missing().tolist() == [3]


def test_more_images_keep_the_rows_there_are(maker, tmp_path):
    whole = maker.pictures
    maker.pictures = Pictures(whole.paths[:3], whole.boxes[:3], whole.fingerprints[:3])
    filled(maker, tmp_path / "views").close()
    maker.pictures = whole
    cache = maker.cache(tmp_path / "views")
    cache.open()
    assert cache.missing().tolist() == [3, 4]


def test_a_damaged_row_is_made_anew(maker, tmp_path):
    cache = filled(maker, tmp_path / "views")
    before = cache.read("global", ROWS, VIEWS).copy()
    cache.close()
    file = cache.folder / "global.f16"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    again = maker.cache(tmp_path / "views")
    again.open()
    np.testing.assert_array_equal(again.read("global", ROWS, VIEWS), before)


def test_keys_tell_what_the_outputs_depend_on(maker):
    other = ViewMaker(maker.pictures, maker.split, maker.plan, 1)
    colour = dataclasses.replace(LARGE, colour=Colour.matters())
    third = ViewMaker(maker.pictures, maker.split, {**maker.plan, "global": (colour, 3)}, 0)
    folders = {m.cache(maker.pictures.paths[0].parent).folder for m in (maker, other, third)}
    assert len(folders) == 3
    assert cache_key({"a": 1, "b": 2}) == cache_key({"b": 2, "a": 1})


def test_a_full_disk_is_refused_before_filling(maker, tmp_path, monkeypatch):
    cache = maker.cache(tmp_path / "views")
    free = SimpleNamespace(free=view_cache.KEEP_FREE + cache.total_bytes - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: free)
    with pytest.raises(UserError, match="2 GB must stay free"):
        cache.open()
    free.free += 1
    cache.open()


def test_an_unreadable_picture_is_remembered(tmp_path):
    def produce(rows):
        for row in rows:
            yield int(row), ("it is broken" if row == 1 else {"k": np.full((1, 2), 1e9)})

    kinds = [Kind("k", 1, (2,))]
    cache = ViewCache(tmp_path / "c", kinds, [bytes([i]) * 32 for i in range(3)], produce)
    cache.open()
    assert [(r, why) for r, why in cache.fill() if why] == [(1, "it is broken")]
    assert cache.unreadable().tolist() == [1]
    assert np.isfinite(cache.read("k", np.array([0]), np.zeros((1, 1), int))).all()


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit"])
def test_many_pictures_give_what_few_give(architecture):
    backbone = backbones.load(f"random:{architecture}")
    split = cut(backbone, "last-stage")
    size = backbone.transform.size
    images = np.random.default_rng(0).normal(size=(5, 3, size, size)).astype(np.float32)
    plain, fast = FrozenRunner(split, 1), FrozenRunner(split, 1, convert_after=4)
    wanted = plain(images)
    np.testing.assert_allclose(fast(images), wanted, atol=1e-3)
    assert (plain.name, fast.name) == ("torch", "openvino")
    small = np.ascontiguousarray(images[:, :, : size // 2, : size // 2])
    assert runtimes.agreement(fast(small), plain(small)) > 0.99999
