"""Quality of Cr-KD on frozen vectors: clustering of novel classes beside k-means baselines.

python benchmarks/crkd_quality.py VECTORS.npy DATA [--seeds 0,1,2] [--pseudo] [--set key=value ...]

VECTORS.npy holds one l2-normalised row per line of DATA/labels.csv (path, fine); DATA/splits.csv
(class, role) says which classes are novel. With --pseudo every third known class is hidden in
place of the novel ones: all tuning is done so. Views of a vector differ by noise, since no
pictures are looked at; a run on pictures has real crops.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fgvc_studio.analysis import class_count, frozen_groups, probes
from fgvc_studio.analysis.metrics_discovery import task_aware
from fgvc_studio.methods.config import changed, parse_settings
from fgvc_studio.methods.crkd.config import CrkdConfig
from fgvc_studio.methods.crkd.stages import Stages
from fgvc_studio.methods.runtime import Runtime


class VectorSource:
    """See `crkd.source.Source`; `noise` is its length relative to the vector's."""

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


def main():
    p = argparse.ArgumentParser()
    p.add_argument("vectors", type=Path)
    p.add_argument("data", type=Path)
    p.add_argument("--seeds", default="0")
    p.add_argument("--pseudo", action="store_true")
    p.add_argument("--noise", type=float, default=0.3)
    p.add_argument("--pollute", type=float, default=0.0, help="part of the pool that is known")
    p.add_argument("--baselines", action="store_true")
    p.add_argument("--set", nargs="*", default=[])
    args = p.parse_args()
    rows = list(csv.DictReader((args.data / "labels.csv").open()))
    role = {r["class"]: r["role"] for r in csv.DictReader((args.data / "splits.csv").open())}
    y = np.unique([r["fine"] for r in rows], return_inverse=True)[1].astype(np.int64)
    novel = np.array([role[r["fine"]] == "novel" for r in rows])
    vectors = np.load(args.vectors).astype(np.float32)
    if args.pseudo:
        vectors, y = vectors[~novel], np.unique(y[~novel], return_inverse=True)[1]
        novel = y % 3 == 2
    labels = np.full(len(y), -1, np.int64)
    labels[~novel] = np.unique(y[~novel], return_inverse=True)[1]
    count = len(np.unique(y[novel]))
    if args.pollute:  # labels of known items are taken away until they make this part of the pool
        known = np.random.default_rng(0).permutation(np.flatnonzero(~novel))
        labels[known[: round(args.pollute / (1 - args.pollute) * novel.sum())]] = -1
    if args.baselines:
        truth = y[novel]
        reduced = probes.pca_space(vectors)
        separated = probes.lda_space(reduced, np.flatnonzero(~novel), labels[~novel])
        for name, groups in (
            ("pca128_kmeans", frozen_groups.kmeans_runs(reduced[novel], count, 3)),
            ("umap10_kmeans", frozen_groups.umap_kmeans_runs(vectors[novel], count, 3)),
            ("lda_kmeans", frozen_groups.kmeans_runs(separated[novel], count, 3)),
        ):
            scores = [round(task_aware(g, truth).accuracy, 4) for g in groups]
            print(json.dumps({name: scores, "mean": round(float(np.mean(scores)), 4)}), flush=True)
    config = changed(CrkdConfig(gate="off", novel=count), parse_settings(args.set))

    def counter(found, known, rule):
        made = class_count.estimate(found, known)
        return made.count, made.low, made.high

    source = VectorSource(vectors, args.noise, config.views)
    runtime = Runtime("float32", cpu=True)
    for seed in map(int, args.seeds.split(",")):
        started = time.perf_counter()
        stages = Stages(
            config, source, labels, np.arange(len(y)), runtime, seed=seed, count=counter
        )
        last = None
        for report in stages.steps():
            last = report if report.diagnostics else last
        found = stages.propose()
        kept = novel[found.rows]
        truth = y[found.rows][kept]
        heads = [task_aware(h[kept], truth).accuracy for h in found.by_head]
        scores = dataclasses.asdict(task_aware(found.assignment[kept], truth))
        if args.pollute:
            gated = stages.done["known"]["gated"].numpy()
            right = int((~novel[gated]).sum())
            scores["gated"] = len(gated)
            scores["gate_precision"] = right / max(1, len(gated))
            scores["gate_recall"] = right / int(((labels < 0) & ~novel).sum())
            named = stages.done["known"]["gated_class"].numpy()
            own = np.unique(y[~novel], return_inverse=True)[1]
            of_all = np.full(len(y), -1)
            of_all[~novel] = own
            scores["gate_names_right"] = float(np.mean(of_all[gated] == named)) if right else 0.0
        out = {
            "seed": seed,
            "k": stages.novel,
            "truth": count,
            **{k: round(v, 4) for k, v in scores.items()},
            "mean_heads": round(float(np.mean(heads)), 4),
            "best_head": round(heads[found.best_head], 4),
            "known_accuracy": round(stages.done["known"]["accuracy"], 4),
            "eta": round(last.diagnostics["mean_eta"], 4),
            "seconds": round(time.perf_counter() - started),
        }
        print(json.dumps(out), flush=True)


if __name__ == "__main__":
    main()
