"""Make a synthetic project of many items fast, through the store's own calls.

Run: ``python benchmarks/make_large.py FOLDER.fgvc [--items 100000] [--dim 1280]``

The photos are a few hundred drawn JPEGs, hard-linked under as many names as there are items; the
category tree has 20 genera of 10 species; a third of the items is labelled; every item has a date
and a place; the space ``synthetic`` has one cluster per species and a 2-D map with groups.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import shutil
import time
from pathlib import Path

import common  # noqa: F401  (finds the package)
import numpy as np
from PIL import Image

from fgvc_studio.domain.embeddings import Map2D
from fgvc_studio.domain.records import LabelSource, Mark, NewImage
from fgvc_studio.store.project import ProjectStore

GENERA, SPECIES = 20, 10
PICTURES = 256
SPACE = "synthetic"
_BLOCK = 4096


def picture(rng: np.random.Generator) -> bytes:
    """A 256 x 192 JPEG of soft blobs, about as large as a photo's thumbnail."""
    coarse = rng.integers(0, 255, (12, 16, 3), np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((256, 192), Image.Resampling.BICUBIC))
    grain = rng.normal(0, 9, image.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(image + grain, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=85)
    return out.getvalue()


def make(path: Path, items: int, dim: int = 1280) -> Path:
    """Make the project at `path`, replacing a half-made one; returns `path`."""
    started = time.perf_counter()
    rng = np.random.default_rng(0)
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with ProjectStore.create(path, name="Large") as store:
        pictures = [picture(rng) for _ in range(min(PICTURES, items))]
        ids = _images(store, path / "photos", pictures, items, rng)
        species = _labels(store, ids, rng)
        days = rng.integers(0, 3650, items)
        dates = (np.datetime64("2016-01-01") + days).astype(str).tolist()
        store.metadata.set(ids, "date", dates)
        store.metadata.set(ids, "place", [f"Site {i}" for i in rng.integers(1, 60, items)])
        _space(store, ids, species, dim, rng)
    (path / "complete").touch()
    print(f"{items:,} items in {time.perf_counter() - started:.1f} s: {path}", flush=True)
    return path


def _images(
    store: ProjectStore,
    folder: Path,
    pictures: list[bytes],
    items: int,
    rng: np.random.Generator,
) -> np.ndarray:
    folder.mkdir()
    sources = []
    for i, data in enumerate(pictures):
        source = folder / f"source{i}.jpg"
        source.write_bytes(data)
        sources.append((source, source.stat()))
    found = []
    for i in range(items):
        source, stat = sources[i % len(sources)]
        name = f"{i // 1000:03}/{i:06}.jpg"
        if i % 1000 == 0:
            (folder / name).parent.mkdir()
        os.link(source, folder / name)
        found.append(
            NewImage(
                name,
                stat.st_size,
                stat.st_mtime_ns,
                hashlib.sha256(name.encode()).digest(),
                256,
                192,
                int(rng.integers(-(1 << 62), 1 << 62)),
                "JPEG",
            )
        )
    ids = store.images.add(store.images.add_root(folder), found)
    for at in range(0, items, 10_000):
        store.thumbs.put_many(
            [(i + 1, pictures[i % len(pictures)]) for i in range(at, min(at + 10_000, items))]
        )
    return ids


def _labels(store: ProjectStore, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The tree, and labels for a third of the items; returns every item's true species (0..)."""
    leaves = []
    with store.operations.record("categories", "Made the tree", who="bench"):
        for g in range(GENERA):
            genus = store.categories.add(f"Genus {g:02}", rank="genus")
            leaves += [
                store.categories.add(f"Genus {g:02} species {s:02}", genus, rank="species")
                for s in range(SPECIES)
            ]
    truth = rng.integers(0, len(leaves), len(ids))
    named = np.flatnonzero(rng.random(len(ids)) < 1 / 3)
    categories = np.asarray(leaves, np.int64)[truth[named]]
    sources = rng.choice([LabelSource.HUMAN, LabelSource.MODEL, LabelSource.IMPORT], len(named))
    for source in np.unique(sources):
        part = sources == source
        with store.operations.record("label", "Labels", who="bench"):
            store.labels.set(
                ids[named[part]],
                categories[part],
                source=LabelSource(source),
                confidence=rng.random(int(part.sum())).astype(np.float32),
            )
    with store.operations.record("mark", "Marks", who="bench"):
        store.labels.set_marks(ids[named[::17]], Mark.UNCERTAIN)
        store.labels.set_marks(ids[named[::29]], Mark.FLAGGED)
    return truth


def _space(
    store: ProjectStore, ids: np.ndarray, species: np.ndarray, dim: int, rng: np.random.Generator
) -> None:
    centres = rng.normal(size=(GENERA * SPECIES, dim)).astype(np.float32)
    writer = store.arrays.create_space(SPACE, SPACE, dim, SPACE, "none", {})
    for at in range(0, len(ids), _BLOCK):
        part = species[at : at + _BLOCK]
        noise = rng.standard_normal((len(part), dim), np.float32)
        writer.append(ids[at : at + _BLOCK], centres[part] + 1.2 * noise)
    writer.close()
    places = rng.normal(size=(GENERA * SPECIES, 2)) * 8
    xy = (places[species] + rng.normal(size=(len(ids), 2)) * 0.5).astype(np.float32)
    store.arrays.save_map(Map2D(SPACE, "umap", xy, ids, species.astype(np.int32)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=1280)
    args = parser.parse_args()
    make(args.path, args.items, args.dim)


if __name__ == "__main__":
    main()
