"""The project that the benchmarks run on is whole, at any size."""

import sys
from pathlib import Path

import numpy as np
import pytest

from fgvc_studio.services.studio import Studio

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("FGVC_STUDIO_CONFIG", str(tmp_path / "config"))
    import make_large

    yield make_large.make(tmp_path / "Large.fgvc", 1200, dim=24)
    for name in ("make_large", "common"):
        sys.modules.pop(name, None)


def test_every_part_of_the_window_has_something_to_show(path):
    with Studio.open(path, read_only=True) as studio:
        assert studio.catalogue.n == 1200
        assert len(studio.catalogue.categories) == 220
        assert 300 < studio.catalogue.labelled < 500
        assert studio.store.images.paths_of_items([1, 1200])[1].is_file()
        assert len(studio.store.thumbs.missing(studio.catalogue.columns.image_ids)) == 0
        assert set(studio.store.metadata.columns()) == {"date", "place"}
        space = studio.exploring.space()
        assert space.vectors.shape == (1200, 24)
        assert studio.exploring.load_map().xy.shape == (1200, 2)
        found = studio.exploring.similar_to_item(7, 5)
        assert found.item_ids.shape == (1, 5)
        np.testing.assert_allclose(np.linalg.norm(space.vectors, axis=1), 1, atol=1e-5)
