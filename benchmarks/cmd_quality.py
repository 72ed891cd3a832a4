"""Quality of CMD on a labelled folder: cross-store retrieval of the frozen and the trained space.

python benchmarks/cmd_quality.py DATA --train head --seeds 0 [--validate] [--set key=value ...]

DATA holds labels.csv with path, fine, split. Training sees train + val (with --validate: train
only, and the queries are val: all tuning is done so).
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
from fgvc_studio.analysis.metrics_retrieval import retrieval
from fgvc_studio.methods.cmd.config import preset
from fgvc_studio.methods.cmd.trainer import CmdTrainer
from fgvc_studio.methods.config import changed, parse_settings
from fgvc_studio.vision import backbones, runtimes
from fgvc_studio.vision.extract import embed_paths
from fgvc_studio.vision.views import Pictures


def vectors(paths, runtime, transform):
    return np.concatenate([v for _, v, _ in embed_paths(paths, None, runtime, transform)])


def scores(gallery, g, queries, q, probe):
    found = retrieval(gallery, g, queries, q)
    named = probes.weighted_knn(gallery, g, queries)
    out = {
        "knn10_weighted": float(np.mean(named == q)) * 100,
        "recall@1": float(np.nanmean(found.recall_at(1))) * 100,
        "map@r": float(np.nanmean(found.map_at_r)) * 100,
    }
    if probe:
        out["linear_probe"] = float(np.mean(probes.linear_probe(gallery, g, queries) == q)) * 100
    return {k: round(v, 2) for k, v in out.items()}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("data", type=Path)
    p.add_argument("--train", default=None)
    p.add_argument("--preset", default="quick")
    p.add_argument("--seeds", default="0")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--validate", action="store_true")
    p.add_argument("--transductive", action="store_true")
    p.add_argument("--probe", action="store_true")
    p.add_argument("--every", type=int, default=0, help="score every N epochs (diagnosis only)")
    p.add_argument("--cache", type=Path)
    p.add_argument("--view-seed", type=int, help="the same stored views for all seeds")
    p.add_argument("--set", nargs="*", default=[])
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    rows = list(csv.DictReader((a.data / "labels.csv").open()))
    fit, ask = (("train",), "val") if a.validate else (("train", "val"), "test")
    gallery = [r for r in rows if r["split"] in fit]
    queries = [r for r in rows if r["split"] == ask]
    seen = gallery + queries if a.transductive else gallery
    names = sorted({r["fine"] for r in rows})
    g, q = (np.array([names.index(r["fine"]) for r in part]) for part in (gallery, queries))

    def paths(part):
        return [a.data / r["path"] for r in part]

    backbone = backbones.load("lite0")
    fast = runtimes.make(backbone, "auto", a.threads)
    base = [vectors(paths(x), fast, backbone.transform) for x in (gallery, queries)]
    print(json.dumps({"frozen": scores(base[0], g, base[1], q, a.probe)}), flush=True)
    prints = [hashlib.sha256(path.read_bytes()).digest() for path in paths(seen)]
    pictures = Pictures(paths(seen), [None] * len(seen), prints)
    config = changed(preset(a.preset, len(seen), a.train), parse_settings(a.set))
    print(json.dumps(dataclasses.asdict(config)), flush=True)
    for seed in map(int, a.seeds.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            run(a, seed, config, backbone, pictures, Path(folder), (gallery, queries, g, q, paths))


def run(a, seed, config, backbone, pictures, folder, data):
    gallery, queries, g, q, paths = data
    started, cpu = time.monotonic(), time.process_time()
    cache = a.cache or folder / "views"
    trainer = CmdTrainer(
        config, backbone, pictures, folder / "run", cache, seed=seed, threads=a.threads
    )
    if a.view_seed is not None:  # all seeds look at the same stored views
        other = CmdTrainer(config, backbone, pictures, folder / "none", cache, seed=a.view_seed)
        trainer.cache = other.cache
    for _ in trainer.prepare():
        pass
    filled, filled_cpu = time.monotonic() - started, time.process_time() - cpu

    def trained():
        made = trainer.finish() if a.every == 0 else None
        if made is None:
            from fgvc_studio.methods.cmd.embedder import CmdEmbedder

            made = CmdEmbedder(trainer.split, trainer.learner.teacher, trainer.runtime.device)
        found = [vectors(paths(x), made, backbone.transform) for x in (gallery, queries)]
        return scores(found[0], g, found[1], q, a.probe)

    for report in trainer.steps():
        if report.diagnostics:
            line = {"epoch": report.epoch, **report.losses, **report.diagnostics}
            print(json.dumps({k: round(v, 4) for k, v in line.items()}), report.alarms, flush=True)
            if a.every and (report.epoch + 1) % a.every == 0:
                print(json.dumps({"epoch": report.epoch, **trained()}), flush=True)
    facts = {
        "seed": seed,
        "cache_s": round(filled),
        "cache_cpu_s": round(filled_cpu),
        "train_s": round(time.monotonic() - started - filled),
        "cpu_s": round(time.process_time() - cpu),
    }
    a.every = 0
    print(json.dumps({**facts, "trained": trained()}), flush=True)


if __name__ == "__main__":
    main()
