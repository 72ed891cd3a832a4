"""Stated bound against true error of suggestions accepted in bulk, on a labelled folder.

python benchmarks/suggesting_quality.py VECTORS.npy DATA [--bounds 0.05,0.1,0.2] [--seeds 0,1,2]

VECTORS.npy holds one row per line of DATA/labels.csv (path, fine, split); DATA/splits.csv (class,
role) says which classes nobody has named. "random": half of the photos of the known classes have a
name, drawn at random. "apart": those outside the split test have. Everything else is asked, photos
of unnamed classes included. The space is VECTORS.npy or, with --lda, shrunken discriminants fitted
on the names that there are.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path

import common  # noqa: F401  (makes the package importable)
import numpy as np

from fgvc_studio.analysis import probes
from fgvc_studio.domain.events import ItemsAdded, SpaceChanged
from fgvc_studio.domain.records import LabelSource, NewImage
from fgvc_studio.domain.runs import RunState, TrainingRun
from fgvc_studio.services.studio import Studio


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("vectors", type=Path)
    p.add_argument("data", type=Path)
    p.add_argument("--bounds", default="0.05,0.1,0.2")
    p.add_argument("--seeds", default="0,1,2")
    p.add_argument("--lda", action="store_true")
    a = p.parse_args()
    rows = list(csv.DictReader((a.data / "labels.csv").open()))
    role = {r["class"]: r["role"] for r in csv.DictReader((a.data / "splits.csv").open())}
    classes = sorted({r["fine"] for r in rows})
    y = np.array([classes.index(r["fine"]) + 1 for r in rows])
    foreign = np.array([role[r["fine"]] == "novel" for r in rows])
    test = np.array([r["split"] == "test" for r in rows])
    frozen = np.load(a.vectors).astype(np.float32)
    for protocol in ("random", "apart"):
        found = []
        for seed in map(int, a.seeds.split(",") if protocol == "random" else "0"):
            half = np.random.default_rng(seed).random(len(y)) < 0.5
            named = ~foreign & (half if protocol == "random" else ~test)
            found.append(measured(a, rows, classes, y, foreign, named, frozen))
        for i, bound in enumerate(a.bounds.split(",")):
            columns = zip(*(f[i] for f in found), strict=True)
            print(json.dumps({"protocol": protocol, "bound": float(bound), **summed(columns)}))
        sure = [f[-1] for f in found]
        print(json.dumps({"protocol": protocol, "confidence": np.round(sure, 4).tolist()}))


def summed(columns):
    names = ("chosen", "chosen of named classes", "error", "error in named classes", "categories")
    return {
        n: np.round([np.mean(c), np.std(c)], 4).tolist()
        for n, c in zip(names, columns, strict=True)
    }


def measured(a, rows, classes, y, foreign, named, frozen):
    """Per bound: chosen, part of what has a name that could be chosen, errors, categories used."""
    space = frozen
    if a.lda:
        ids = np.flatnonzero(named)
        space = probes.lda_space(probes.pca_space(frozen), ids, y[ids])
    with tempfile.TemporaryDirectory() as folder, Studio.create(Path(folder) / "p") as studio:
        root = studio.store.images.add_root(Path(folder))
        studio.store.images.add(
            root,
            [NewImage(r["path"], 1, 0, i.to_bytes(32, "big"), 1, 1, i) for i, r in enumerate(rows)],
        )
        studio.bus.publish(ItemsAdded(1, len(rows)))
        for number, name in enumerate(classes, 1):
            studio.labelling.add_category(name)
            items = np.flatnonzero(named & (y == number)) + 1
            if len(items):
                studio.labelling.label(items, number, source=LabelSource.IMPORT)
        for name, vectors in (("b", frozen), ("s", space)) if a.lda else (("s", space),):
            meta = {"run": "taught-1", "method": "ecaml"} if a.lda and name == "s" else {}
            dim = vectors.shape[1]
            writer = studio.store.arrays.create_space(name, "b", dim, name, "t", meta)
            writer.append(np.arange(1, len(rows) + 1), vectors)
            writer.close()
            studio.bus.publish(SpaceChanged(name))
        if a.lda:
            made = ("taught-1", "lda", RunState.FINISHED, "quick", "head", 0, "b", "s", "b", 0.0)
            studio.training.runs.save(TrainingRun(*made))
            studio.choosing.accept("s")
        found = []
        for bound in map(float, a.bounds.split(",")):
            bulk = run(studio.suggesting.bulk(bound))
            truth = y[bulk.item_ids - 1]
            right, inside = truth == bulk.categories, ~foreign[bulk.item_ids - 1]
            possible = int((~named & ~foreign).sum())
            used = sum(s.chosen > 0 for s in bulk.shares)
            found.append(
                (
                    len(truth),
                    float((right & inside).sum() / possible),
                    float(1 - right.mean()) if len(right) else 0.0,
                    float(1 - right[inside].mean()) if inside.any() else 0.0,
                    used,
                )
            )
        found.append(calibration(studio, y, np.flatnonzero(~named & ~foreign)))
    return found


def calibration(studio, y, rows):
    """Expected calibration error of the confidence of proposals for items of named classes."""
    from fgvc_studio.analysis import selecting

    known = studio.suggesting._known(None)
    space = studio.exploring.space()
    gallery = np.asarray(space.vectors[known.rows])
    made = selecting.shy(
        selecting.score(gallery, known.labels, np.asarray(space.vectors[rows])), known.nothing
    )
    sure = known.calibration.confidence(made.best, made.score)
    right = made.best == y[rows]
    place = np.minimum((sure * 10).astype(int), 9)
    gaps = [
        (place == b).sum() * abs(right[place == b].mean() - sure[place == b].mean())
        for b in np.unique(place)
    ]
    return sum(gaps) / len(rows), float(right.mean()), float(sure.mean())


def run(job):
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


if __name__ == "__main__":
    main()
