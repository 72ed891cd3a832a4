"""Quality of ECAML on a labelled folder: retrieval among categories that it never saw.

python benchmarks/ecaml_quality.py DATA --cache FOLDER [--seeds 0,1,2] [--train head]
    [--variants ecaml,...] [--protocol novel|apart] [--validate 0] [--set key=value ...]

DATA holds labels.csv (path, fine, split) and splits.csv (class, role: known or novel). ECAML learns
from the labels of the known classes; each photo of a novel class then looks for its like among the
other novel photos ("novel"), or those of the split test among the others ("apart", where only
photos outside test are learned from). Lines of comparison: the frozen space, shrunken
discriminants fitted on the same labels, the same run without confusion (its row norm alone),
without either, without the neighbours among photos without a name, without the part of the space
that stays beside the metric, and the untrained start.
With --validate 0, 1 or 2 every third known class stands for the novel ones: all tuning is done so.
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

import common  # noqa: F401  (makes the package importable)
import numpy as np
import torch

from fgvc_studio.analysis import intervals, probes
from fgvc_studio.analysis.metrics_retrieval import retrieval
from fgvc_studio.methods.config import changed, parse_settings
from fgvc_studio.methods.ecaml.config import preset
from fgvc_studio.methods.ecaml.trainer import EcamlTrainer
from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision import backbones, runtimes
from fgvc_studio.vision.extract import embed_paths
from fgvc_studio.vision.views import Pictures

VARIANTS = {
    "ecaml": {},
    "row-norm-alone": {"confusion": 0.0},
    "base-loss-alone": {"confusion": 0.0, "row_norm": 0.0},
    "names-alone": {"neighbours": 0},
    "names-alone-no-confusion": {"neighbours": 0, "confusion": 0.0},
    "published-space": {"neighbours": 0, "keep": 0.0},
    "metric-alone": {"keep": 0.0},
    "start-alone": {"steps": 1, "lr_trunk": 0.0, "lr_head": 0.0},
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("data", type=Path)
    p.add_argument("--cache", type=Path, help="keeps views and frozen vectors between runs")
    p.add_argument("--train", default="head")
    p.add_argument("--seeds", default="0")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--validate", type=int, choices=(0, 1, 2))
    p.add_argument("--protocol", choices=("novel", "apart"), default="novel")
    p.add_argument("--variants", default="ecaml,row-norm-alone,base-loss-alone")
    p.add_argument("--set", action="append", default=[])
    return p.parse_args()


def main():
    a = arguments()
    torch.set_num_threads(a.threads)
    rows = list(csv.DictReader((a.data / "labels.csv").open()))
    role = {r["class"]: r["role"] for r in csv.DictReader((a.data / "splits.csv").open())}
    classes = sorted({r["fine"] for r in rows})
    y = np.array([classes.index(r["fine"]) + 1 for r in rows])
    asked = np.array([role[r["fine"]] == "novel" for r in rows])
    test = np.array([r["split"] == "test" for r in rows])
    everyone = np.arange(len(rows))
    if a.validate is not None:  # the novel classes do not exist here
        everyone = np.flatnonzero(~asked)
        known = np.unique(y[everyone])
        asked = np.isin(y, known[a.validate :: 3])
    fit = ~asked if a.protocol == "novel" else ~asked & ~test
    fit &= np.isin(np.arange(len(rows)), everyone)
    with tempfile.TemporaryDirectory() as kept:
        run(a, rows, y, asked, test, fit, everyone, a.cache or Path(kept))


def run(a, rows, y, asked, test, fit, everyone, cache):
    paths = [a.data / r["path"] for r in rows]
    backbone = backbones.load("lite0")
    frozen, seconds = vectors(paths, backbone, cache, a.threads)
    print(json.dumps({"embedding of all photos, s": round(seconds)}), flush=True)
    prints = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    pictures = Pictures(paths, [None] * len(paths), prints)
    labels = np.where(fit, y, 0)
    queries = np.flatnonzero(asked if a.protocol == "novel" else asked & test)
    gallery = np.flatnonzero(asked if a.protocol == "novel" else asked & ~test)

    def scored(space):
        own = np.arange(len(queries)) if a.protocol == "novel" else None
        return retrieval(space[gallery], y[gallery], space[queries], y[queries], own)

    small = probes.pca_space(frozen[everyone])
    components = np.zeros((len(rows), small.shape[1]), np.float32)
    components[everyone] = small
    separated = probes.lda_space(components, np.flatnonzero(fit), y[fit])
    base = {"frozen": scored(frozen), "lda": scored(separated)}
    print(json.dumps({"queries": len(queries), "fitted on": int(fit.sum())}), flush=True)
    for name, found in base.items():
        print(json.dumps({"space": name, **told(found)}), flush=True)
    config = changed(preset("quick", len(rows), a.train), parse_settings(a.set))
    for name in a.variants.split(","):
        results = []
        for seed in map(int, a.seeds.split(",")):
            variant = dataclasses.replace(config, **VARIANTS[name], compare=False)
            made, facts = trained(
                a, variant, backbone, pictures, labels, frozen, everyone, seed, cache
            )
            found = scored(made)
            results.append(found)
            line = {"space": name, "seed": seed, **told(found), **facts}
            line |= {f"map@r - {b}": paired(base[b].map_at_r, found.map_at_r) for b in base}
            line["recall@1 - frozen"] = paired(base["frozen"].recall_at(1), found.recall_at(1))
            print(json.dumps(line), flush=True)
        whole = [[float(np.nanmean(v)) for v in (f.map_at_r, f.recall_at(1))] for f in results]
        mean, sd = np.mean(whole, 0).round(4), np.std(whole, 0, ddof=len(whole) > 1).round(4)
        print(json.dumps({"space": name, "mean": mean.tolist(), "sd": sd.tolist()}), flush=True)


def trained(a, config, backbone, pictures, labels, frozen, everyone, seed, cache):
    """Embeddings of all photos by one run, and how long it took."""
    watch, cpu = time.monotonic(), time.process_time()
    places = np.full(len(labels), -1)
    places[everyone] = np.arange(len(everyone))
    with tempfile.TemporaryDirectory() as folder:
        trainer = EcamlTrainer(
            config, backbone, pictures, Path(folder), cache / f"views-{int((labels > 0).sum())}",
            labels=labels, everything=frozen[everyone], places=places, seed=seed,
            threads=a.threads,
            runtime=Runtime("float32", cpu=True),
        )  # fmt: skip
        for _ in trainer.prepare():
            pass
        filled = time.monotonic() - watch
        for _ in trainer.steps():
            pass
        made = trainer.finish()
        seconds = time.monotonic() - watch
        hidden = trainer.findings()
        if config.train == "head":  # frozen vectors are what the trunk gets
            space = made.from_pooled(frozen)
        else:
            parts = embed_paths(pictures.paths, None, made, backbone.transform)
            space = np.concatenate([v for _, v, _ in parts])
        facts = {
            "looks": {name: r["looks"] for name, r in trainer.results.items()},
            "views_s": round(filled),
            "run_s": round(seconds),
            "cpu_s": round(time.process_time() - cpu),
        }
        if hidden is not None:
            change = hidden.difference["map@r - lda"]
            facts["hidden map@r"] = round(hidden.metrics["map@r"]["value"], 4)
            facts["hidden - lda"] = [round(change[k], 4) for k in ("low", "high")]
    return space, facts


def vectors(paths, backbone, cache, threads):
    """Frozen vectors of all photos, l2-normalised, kept in the cache; and the seconds they took."""
    file = cache / "frozen.npy"
    started = time.monotonic()
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        fast = runtimes.make(backbone, "auto", threads)
        parts = embed_paths(paths, None, fast, backbone.transform)
        np.save(file, np.concatenate([v for _, v, _ in parts]))
    return np.load(file), time.monotonic() - started


def told(found):
    return {
        "map@r": round(float(np.nanmean(found.map_at_r)), 4),
        "recall@1": round(float(np.nanmean(found.recall_at(1))), 4),
    }


def paired(first, second):
    both = ~(np.isnan(first) | np.isnan(second))
    low, high = intervals.paired_difference(first[both], second[both])
    middle = float(np.mean(second[both] - first[both]))
    return [round(v, 4) for v in (middle, low, high)]


if __name__ == "__main__":
    main()
