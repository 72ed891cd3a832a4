"""A project of blobs in a space, some named and some not."""

from __future__ import annotations

import numpy as np
from studio_kit import new_images

from fgvc_studio.domain.clusters import Found
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.services.studio import Studio
from fgvc_studio.store.project import ProjectStore


def drained(job):
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def blobs(known=3, novel=3, each=12, dim=16, noise=0.25, seed=0):
    """Unit vectors (n, dim) and their true category 0 .. known + novel - 1."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(known + novel, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    truth = np.repeat(np.arange(known + novel), each)
    vectors = centres[truth] + noise * draw.normal(size=(len(truth), dim)) / np.sqrt(dim) * 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), truth


def review_studio(folder, known=3, novel=3, each=12, **facts):
    """Categories ``Genus a``, ... of the known blobs under one genus; the rest unlabelled."""
    vectors, truth = blobs(known, novel, each, **facts)
    studio = Studio(ProjectStore.create(folder / "p"), "ana")
    root = studio.store.images.add_root(folder / "photos")
    paths = [f"d{i % 5}/IMG_{i:05}.jpg" for i in range(len(truth))]
    studio.store.images.add(root, new_images(paths))
    writer = studio.store.arrays.create_space("blobs", "lite0", 16, "key", "torch", {})
    writer.append(np.arange(1, len(truth) + 1), vectors)
    writer.close()
    studio.close()
    studio = Studio.open(folder / "p", who="ana")
    genus = studio.labelling.add_category("Genus", rank="genus")
    for k in range(known):
        c = studio.labelling.add_category(f"Genus {chr(97 + k) * 3}", genus, rank="species")
        ids = np.flatnonzero(truth == k) + 1
        studio.labelling.label(ids, c, source=LabelSource.IMPORT)
    return studio, truth


def found_of(truth, first=3, **facts):
    """The true novel groups as a discovery."""
    items = np.flatnonzero(truth >= first) + 1
    return Found("kmeans", "true groups", "blobs", items, (truth[items - 1] - first), **facts)


def decisions(studio):
    """Every decision table as rows."""
    from fgvc_studio.store.schema import DECISIONS

    db = studio.store._db
    return {t: db.rows(f"SELECT * FROM {t} ORDER BY 1, 2") for t in DECISIONS}
