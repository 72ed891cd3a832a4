"""A project with its labelling services, without pictures."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from fgvc_studio.domain.records import NewImage
from fgvc_studio.services.bus import Bus
from fgvc_studio.services.catalogue import Catalogue, Columns
from fgvc_studio.services.labelling import Labelling
from fgvc_studio.store.project import ProjectStore


def new_images(paths, **facts):
    return [
        NewImage(p, 1, i * 10**9, p.encode()[-32:].rjust(32, b"0"), 10 + i, 20, i, **facts)
        for i, p in enumerate(paths)
    ]


def small_studio(folder, count=40):
    store = ProjectStore.create(folder / "p")
    root = store.images.add_root(folder / "photos")
    store.images.add(root, new_images([f"d{i % 3}/IMG_{i:03}.jpg" for i in range(count)]))
    bus, catalogue = Bus(), Catalogue(store)
    studio = SimpleNamespace(store=store, bus=bus, catalogue=catalogue, who="ana")
    bus.subscribe(catalogue.handle)
    studio.labelling = Labelling(studio)
    return studio


def assert_fresh(studio):
    """The catalogue equals one that is read anew."""
    kept, fresh = studio.catalogue, Catalogue(studio.store)
    for name in Columns.__dataclass_fields__:
        mine, its = getattr(kept.columns, name), getattr(fresh.columns, name)
        if name == "paths":
            assert mine == its
        else:
            assert mine.dtype == its.dtype and np.array_equal(mine, its), name
    assert kept.categories == fresh.categories and kept.children == fresh.children
    assert kept.counts() == fresh.counts()
