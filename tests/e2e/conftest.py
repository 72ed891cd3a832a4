"""The whole program over generated photos: folders, settings and a project for each test."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from PIL import Image
from platformdirs import user_cache_path
from PySide6.QtCore import QSettings

from fgvc_studio.services.studio import Studio
from window_driver import run_job

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


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """Pictures of three species, mixed, in one folder; item i + 1 is of species i % 3."""
    folder = tmp_path_factory.mktemp("material") / "night catch"
    folder.mkdir()
    for i in range(PHOTOS):
        photo(i % len(SPECIES), i).save(folder / f"{i:03}.jpg", quality=90)
    return folder


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory) -> Path:
    """A cache folder of our own; the network that this machine has converted already is copied."""
    cache = tmp_path_factory.mktemp("cache")
    known = user_cache_path("fgvc-studio") / "openvino"
    if known.is_dir():
        shutil.copytree(known, cache / "fgvc-studio" / "openvino")
    return cache


@pytest.fixture(autouse=True)
def own_home(isolated_settings, warm_cache, monkeypatch) -> Path:
    """Neither settings nor caches of the person who runs the tests are touched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(warm_cache))
    monkeypatch.setenv("MPLCONFIGDIR", str(warm_cache / "matplotlib"))
    scope, form = QSettings.Scope.UserScope, QSettings.Format.IniFormat
    QSettings.setPath(form, scope, str(isolated_settings))
    return isolated_settings


@pytest.fixture(scope="session")
def made(tmp_path_factory, photos, warm_cache) -> Path:
    """A project of the photos with embeddings and a PCA map; to be copied, not used."""
    path = tmp_path_factory.mktemp("made") / "Night catch.fgvc"
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(warm_cache))
    patch.setenv("FGVC_STUDIO_CONFIG", str(path.parent / "config"))
    try:
        with Studio.create(path, name="Night catch", who="Ada") as studio:
            run_job(studio.ingest.run(photos))
            run_job(studio.embedding.run(threads=1))
            run_job(studio.exploring.map(method="pca"))
    finally:
        patch.undo()
    return path


@pytest.fixture
def project(made, tmp_path) -> Path:
    """A project with embeddings and map, one's own."""
    return Path(shutil.copytree(made, tmp_path / made.name))


@pytest.fixture(autouse=True)
def no_thread_left():
    """Fail a test that leaves a thread of the program running."""
    before = set(threading.enumerate())
    yield
    left = [t.name for t in threading.enumerate() if t not in before and t.is_alive()]
    assert not [name for name in left if name.startswith(("reader", "job"))]
