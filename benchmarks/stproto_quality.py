"""Quality of ST-ProtoPNet on a labelled folder, cross-store, beside the frozen linear probe.

python benchmarks/stproto_quality.py DATA --train head --seeds 0 [--validate] [--set key=value ...]

DATA holds labels.csv with path, fine, split. First a run on train that validates with val and
chooses the epochs of the last layers; then a refit on train + val with these, and test once. With
--validate the second part is left out: all tuning is done so.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from fgvc_studio.analysis import probes
from fgvc_studio.methods.config import changed, parse_settings
from fgvc_studio.methods.st_protopnet import evaluation
from fgvc_studio.methods.st_protopnet.config import preset
from fgvc_studio.methods.st_protopnet.data import Labels
from fgvc_studio.methods.st_protopnet.losses import BRANCHES
from fgvc_studio.methods.st_protopnet.trainer import StProtoTrainer
from fgvc_studio.vision import backbones, runtimes
from fgvc_studio.vision.extract import embed_paths
from fgvc_studio.vision.split import cut
from fgvc_studio.vision.views import CLEAN, Pictures, ViewMaker


class Data:
    """labels.csv of a folder, perhaps only every n-th class."""

    def __init__(self, folder, every):
        rows = list(csv.DictReader((folder / "labels.csv").open()))
        names = sorted({r["fine"] for r in rows})[::every]
        self.names = tuple(names)
        self.rows = [r for r in rows if r["fine"] in names]
        self.folder = folder

    def part(self, *splits):
        rows = [r for r in self.rows if r["split"] in splits]
        paths = [self.folder / r["path"] for r in rows]
        prints = [hashlib.sha256(p.read_bytes()).digest() for p in paths]
        classes = np.array([self.names.index(r["fine"]) for r in rows])
        validation = np.array([r["split"] == "val" for r in rows])
        return Pictures(paths, [None] * len(paths), prints), Labels(classes, self.names, validation)


def accuracies(net, stored, classes):
    found = {name: [] for name in BRANCHES}
    net.eval()
    with torch.no_grad():
        for at in range(0, len(classes), 64):
            out = net(stored(np.arange(at, min(at + 64, len(classes)))))
            for name in BRANCHES:
                found[name].append(out[name].logits.numpy())
    return evaluation.accuracies({k: np.concatenate(v) for k, v in found.items()}, classes)


def percent(values):
    return {k: round(100 * v, 2) for k, v in values.items()}


def train(config, backbone, part, a, seed, test=None):
    """A run; with `test` also the test accuracy before, after projection and at the end."""
    with tempfile.TemporaryDirectory() as folder:
        made = StProtoTrainer(
            config, backbone, part[0], Path(folder), a.cache, labels=part[1], seed=seed,
            threads=a.threads,
        )  # fmt: skip
        started = time.perf_counter()
        list(made.prepare())
        seconds = {"views": time.perf_counter() - started}
        stages, last = {}, []
        started = time.perf_counter()
        for report in made.steps():
            if "unprojected_accuracy" in report.diagnostics and not config.refit:
                line = {k: round(v, 3) for k, v in {**report.losses, **report.diagnostics}.items()}
                print(json.dumps({"epoch": report.epoch, **line}), flush=True)
            if "last_layer_accuracy" in report.diagnostics:
                last.append(report.diagnostics["last_layer_accuracy"])
            if test and made.loop is not None and report.step == made.loop.total:
                stages["before_projection"] = percent(accuracies(made.learner.net, *test))
            if test and report.losses.get("projected") == 2 * made.learner.net.shape.prototypes:
                stages["after_projection"] = percent(accuracies(made.learner.net, *test))
        seconds["training"] = time.perf_counter() - started
        if test:
            stages["final"] = percent(accuracies(made.learner.net, *test))
        return made, stages, last, {k: round(v, 1) for k, v in seconds.items()}


def stored_test(backbone, config, pictures, a):
    """The test images at the cut; the network that is trained never sees their labels."""
    split = cut(backbone, config.train)
    cache = ViewMaker(pictures, split, {CLEAN: (backbone.transform, 1)}, 0, a.threads).cache(
        a.cache / "test"
    )
    cache.open()
    list(cache.fill())
    first = np.zeros((len(pictures), 1), np.int64)

    def read(rows):
        return torch.from_numpy(cache.read(CLEAN, rows, first[: len(rows)])[0]).float()

    return read


def probe(backbone, gallery, queries, threads):
    fast = runtimes.make(backbone, "auto", threads)

    def vectors(pictures):
        found = embed_paths(pictures.paths, None, fast, backbone.transform)
        return np.concatenate([v for _, v, _ in found])

    base = [vectors(gallery[0]), vectors(queries[0])]
    g, q = gallery[1].classes, queries[1].classes
    return percent(
        {
            "linear_probe": np.mean(probes.linear_probe(base[0], g, base[1]) == q),
            "knn10": np.mean(probes.weighted_knn(base[0], g, base[1]) == q),
        }
    )


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("data", type=Path)
    p.add_argument("--train", default=None)
    p.add_argument("--preset", default="quick")
    p.add_argument("--seeds", default="0")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--every", type=int, default=1, help="every n-th class only")
    p.add_argument("--validate", action="store_true")
    p.add_argument("--epochs-last", type=int, help="known from validation: no run for it")
    p.add_argument("--no-probe", action="store_true")
    p.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "stproto-views")
    p.add_argument("--set", nargs="*", default=[])
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    data, backbone = Data(a.data, a.every), backbones.load("lite0")
    both = data.part("train", "val")
    queries = data.part("val" if a.validate else "test")
    if not a.no_probe:
        gallery = data.part("train") if a.validate else both
        print(json.dumps({"frozen": probe(backbone, gallery, queries, a.threads)}), flush=True)
    config = changed(preset(a.preset, len(both[0]), a.train), parse_settings(a.set))
    for seed in map(int, a.seeds.split(",")):
        if a.epochs_last is None:
            made, _, last, seconds = train(config, backbone, both, a, seed)
            best = int(np.argmax([made.evaluation["after_projection"]["accuracy"], *last]))
            print(json.dumps({"seed": seed, "seconds": seconds, "epochs_last": best,
                              "last_layer": last, "validation": made.evaluation}),
                  flush=True)  # fmt: skip
        else:
            best = a.epochs_last
        if a.validate:
            continue
        again = dataclasses.replace(config, refit=True, audit_share=0.0, last_layer_epochs=best)
        test = stored_test(backbone, config, queries[0], a), queries[1].classes
        _, stages, _, seconds = train(again, backbone, both, a, seed, test)
        print(json.dumps({"seed": seed, "seconds": seconds, "test": stages}), flush=True)


if __name__ == "__main__":
    main()
