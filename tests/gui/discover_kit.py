"""A project of generated blobs with photos, some named, and a discovery over the others."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fgvc_studio.domain.clusters import Found
from fgvc_studio.domain.embeddings import Map2D
from fgvc_studio.domain.records import LabelSource, NewImage
from fgvc_studio.services.studio import Studio
from fgvc_studio.store.project import ProjectStore

KNOWN, NOVEL, EACH, DIM = 6, 5, 14, 16
SPACE = "blobs"


def thumbnail(kind: int) -> bytes:
    """A plain picture in a colour of its own."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (30 + 20 * kind, 200 - 15 * kind, 90)).save(out, "JPEG")
    return out.getvalue()


def make_project(path, *, seed: int = 0) -> np.ndarray:
    """Write the project; returns the true group (n,) of every item, 0 .. KNOWN + NOVEL - 1."""
    draw = np.random.default_rng(seed)
    groups = KNOWN + NOVEL
    centres = draw.normal(size=(groups, DIM))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    truth = np.repeat(np.arange(groups), EACH)
    vectors = centres[truth] + 0.5 * draw.normal(size=(len(truth), DIM)) / np.sqrt(DIM)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(1, len(truth) + 1, dtype=np.int64)
    store = ProjectStore.create(path, name="Moths")
    root = store.images.add_root(path.parent)
    store.images.add(
        root,
        [
            NewImage(f"{i:04}.jpg", 1, 1, i.to_bytes(32, "big"), 64, 48, phash=i, format="JPEG")
            for i in ids.tolist()
        ],
    )
    store.thumbs.put_many([(i, thumbnail(int(truth[i - 1]))) for i in ids.tolist()])
    writer = store.arrays.create_space(SPACE, "lite0", DIM, "key", "torch", {})
    writer.append(ids, vectors.astype(np.float32))
    writer.close()
    xy = draw.normal(size=(groups, 2))[truth] * 8 + draw.normal(size=(len(truth), 2)) * 0.4
    store.arrays.save_map(Map2D(SPACE, "umap", xy.astype(np.float32), ids, None))
    with Studio(store, "me") as studio:
        genus = studio.labelling.add_category("Arctia", rank="genus")
        for k in range(KNOWN):
            name = f"Arctia {'abcdefgh'[k] * 4}"
            category = studio.labelling.add_category(name, genus, rank="species")
            studio.labelling.label(ids[truth == k], category, source=LabelSource.IMPORT)
        items = ids[truth >= KNOWN]
        gated = items[-2:]
        items = items[:-2]
        studio.review.propose(
            Found(
                source="kmeans",
                title="k-means, 5 clusters",
                space=SPACE,
                item_ids=items,
                cluster=truth[items - 1] - KNOWN,
                gated=gated,
                gated_category=np.full(2, genus + 1, np.int64),
                low=4,
                estimate=5,
                high=7,
            )
        )
    return truth
