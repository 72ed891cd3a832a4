"""A project with sixty items for every test of the store."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from store_kit import Shop, new_images

from fgvc_studio.store.project import ProjectStore


@pytest.fixture
def shop(tmp_path):
    with ProjectStore.create(tmp_path / "p") as store:
        root = store.images.add_root(tmp_path / "photos")
        store.images.add(root, new_images(60))
        yield Shop(store)
