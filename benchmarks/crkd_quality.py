"""Quality of Cr-KD on frozen vectors: clustering of novel classes beside k-means baselines.

python benchmarks/crkd_quality.py VECTORS.npy DATA [--crops CACHE] [--seeds 0,1,2] [--pseudo 2]
    [--set key=value ...]

VECTORS.npy holds one l2-normalised row per line of DATA/labels.csv (path, fine); DATA/splits.csv
(class, role) says which classes are novel. With --pseudo 0, 1 or 2 every third known class is
hidden in place of the novel ones: all tuning is done so. The views of a picture are crops of it,
as in a run of the program (--crops, made once and kept in CACHE), or its vector with noise.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import json
import time
from pathlib import Path

import common  # noqa: F401  (makes the package importable)
import numpy as np
import torch
from torch import nn

from fgvc_studio.analysis import class_count, frozen_groups, probes
from fgvc_studio.analysis.metrics_discovery import task_aware
from fgvc_studio.methods.cached_views import CachedViews
from fgvc_studio.methods.config import changed, parse_settings
from fgvc_studio.methods.crkd.config import CrkdConfig
from fgvc_studio.methods.crkd.source import PictureSource
from fgvc_studio.methods.crkd.stages import Stages
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision import backbones
from fgvc_studio.vision.views import Pictures


class VectorSource:
    """Views by noise: see `crkd.source.Source`; `noise` is its length relative to the vector's."""

    adapt, fixed = True, True

    def __init__(self, vectors, noise, views):
        self.dim = vectors.shape[1]
        scale = self.dim**0.5
        self._clean = torch.from_numpy(vectors * scale)
        draw = torch.Generator().manual_seed(0)
        made = torch.randn(len(vectors), views, self.dim, generator=draw)
        self._views = self._clean[:, None] + noise * made

    def body(self):
        return nn.Identity()

    def fetch(self, rows, views, step):
        return list(self._views[torch.from_numpy(rows)[:, None], views].transpose(0, 1))

    def clean(self, rows):
        yield from self._clean[torch.from_numpy(rows)].split(512)


def crops(data, rows, config, cache):
    """Views that are crops, as a run of the program has them; made where the cache lacks them."""
    paths = [data / r["path"] for r in rows]
    prints = [hashlib.sha256(p.read_bytes()).digest() for p in paths]
    pictures = Pictures(paths, [None] * len(paths), prints)
    cpu = torch.device("cpu")
    source = PictureSource(
        config, backbones.load("lite0"), pictures, cache, cpu, seed=0, threads=1
    )  # the seed of the views is not that of the run: one cache serves all seeds
    for _ in CachedViews(pictures, source.cache, Runtime("float32", cpu=True)).fill():
        pass
    return source


def counter(found, known, rule):
    made = class_count.estimate(found, known)
    return made.count, made.low, made.high


def baselines(vectors, labels, novel, y, count):
    """Print what k-means gives without any training."""
    reduced, known = probes.pca_space(vectors), np.flatnonzero(labels >= 0)
    separated = probes.lda_space(reduced, known, labels[known])
    for name, groups in (
        ("pca128_kmeans", frozen_groups.kmeans_runs(reduced[novel], count, 3)),
        ("umap10_kmeans", frozen_groups.umap_kmeans_runs(vectors[novel], count, 3)),
        ("lda_kmeans", frozen_groups.kmeans_runs(separated[novel], count, 3)),
    ):
        scores = [round(task_aware(g, y[novel]).accuracy, 4) for g in groups]
        print(json.dumps({name: scores, "mean": round(float(np.mean(scores)), 4)}), flush=True)


def gate_scores(stages, labels, usable, novel, y):
    """How many of the pool were set apart, and how rightly."""
    gated = stages.done["known"]["gated"].numpy()
    named = stages.done["known"]["gated_class"].numpy()
    known = usable[~novel[usable]]
    own = np.full(len(y), -1)
    own[known] = np.unique(y[known], return_inverse=True)[1]
    right = int((~novel[gated]).sum())
    return {
        "gated": len(gated),
        "gate_precision": right / max(1, len(gated)),
        "gate_recall": right / max(1, int((labels[known] < 0).sum())),
        "gate_novel_passed": float(novel[gated].sum() / max(1, novel.sum())),
        "gate_names_right": float(np.mean(own[gated] == named)) if len(gated) else 0.0,
    }


def trained(config, source, labels, usable, novel, y, seed):
    """One run; its figures."""
    started, used = time.perf_counter(), time.process_time()
    stages = Stages(
        config,
        source,
        labels,
        usable,
        Runtime("float32", cpu=True),
        seed=seed,
        count=counter,
    )
    last = None
    for report in stages.steps():
        last = report if report.diagnostics else last
    found = stages.propose()
    kept = novel[found.rows]
    truth = y[found.rows][kept]
    heads = [task_aware(h[kept], truth).accuracy for h in found.by_head]
    scores = dataclasses.asdict(task_aware(found.assignment[kept], truth))
    scores |= gate_scores(stages, labels, usable, novel, y) if config.gate == "on" else {}
    return {
        "seed": seed,
        "k": stages.novel,
        **{k: round(v, 4) for k, v in scores.items()},
        "mean_heads": round(float(np.mean(heads)), 4),
        "best_head": round(heads[found.best_head], 4),
        "known_accuracy": round(stages.done["known"]["accuracy"], 4),
        "eta": round(last.diagnostics["mean_eta"], 4),
        "cpu_s": round(time.process_time() - used),
        "wall_s": round(time.perf_counter() - started),
    }


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("vectors", type=Path)
    p.add_argument("data", type=Path)
    p.add_argument("--crops", type=Path, help="folder that keeps the views; without it: noise")
    p.add_argument("--noise", type=float, default=0.3)
    p.add_argument("--seeds", default="0")
    p.add_argument("--pseudo", type=int, choices=(0, 1, 2))
    p.add_argument("--pollute", type=float, default=0.0, help="part of the pool that is known")
    p.add_argument("--baselines", action="store_true")
    p.add_argument("--count", action="store_true", help="only estimate the number, per seed")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--set", nargs="*", default=[])
    return p.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    rows = list(csv.DictReader((args.data / "labels.csv").open()))
    role = {r["class"]: r["role"] for r in csv.DictReader((args.data / "splits.csv").open())}
    names = np.array([r["fine"] for r in rows])
    y = np.unique(names, return_inverse=True)[1].astype(np.int64)
    novel = np.array([role[name] == "novel" for name in names])
    usable = np.arange(len(y))
    if args.pseudo is not None:
        usable = np.flatnonzero(~novel)
        hidden = np.unique(names[usable])[args.pseudo :: 3]
        novel = np.isin(names, hidden)
    known = usable[~novel[usable]]
    labels = np.full(len(y), -1, np.int64)
    labels[known] = np.unique(y[known], return_inverse=True)[1]
    vectors = np.load(args.vectors).astype(np.float32)
    count = len(np.unique(y[novel]))
    if args.pollute:  # labels of known items are taken away until they make this part of the pool
        known = np.random.default_rng(0).permutation(known)
        labels[known[: round(args.pollute / (1 - args.pollute) * novel.sum())]] = -1
    if args.baselines:
        baselines(vectors[usable], labels[usable], novel[usable], y[usable], count)
    seeds = [int(s) for s in args.seeds.split(",")]
    if args.count:
        for seed in seeds:
            made = class_count.estimate(vectors[usable], labels[usable], seed)
            print(json.dumps({"seed": seed, "count": made.count, "range": [made.low, made.high],
                              "rules": made.rules, "truth": count}), flush=True)  # fmt: skip
        return
    config = changed(CrkdConfig(gate="off", novel=count), parse_settings(args.set))
    if args.crops:
        source = crops(args.data, rows, config, args.crops)
    else:
        source = VectorSource(vectors, args.noise, config.views)
    for seed in seeds:
        out = trained(config, source, labels, usable, novel, y, seed)
        print(json.dumps({"truth": count, **out}), flush=True)


if __name__ == "__main__":
    main()
