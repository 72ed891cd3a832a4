"""The whole program over generated photos: folders, settings and a project for each test."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from material import PHOTOS, SPECIES, photo
from platformdirs import user_cache_path
from PySide6.QtCore import QSettings
from window_driver import run_job

from fgvc_studio.services.studio import Studio


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
def imported(tmp_path_factory, photos) -> Path:
    """A project of the photos without embeddings; to be copied, not used."""
    path = tmp_path_factory.mktemp("imported") / "Night catch.fgvc"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FGVC_STUDIO_CONFIG", str(path.parent / "config"))
        with Studio.create(path, name="Night catch", who="Ada") as studio:
            run_job(studio.ingest.run(photos))
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory, imported, warm_cache) -> Path:
    """The same with embeddings and a PCA map."""
    path = Path(shutil.copytree(imported, tmp_path_factory.mktemp("made") / imported.name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(warm_cache))
        patch.setenv("FGVC_STUDIO_CONFIG", str(path.parent / "config"))
        with Studio.open(path, who="Ada") as studio:
            run_job(studio.embedding.run(threads=1))
            run_job(studio.exploring.map(method="pca"))
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
