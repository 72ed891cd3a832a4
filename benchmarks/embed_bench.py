"""End-to-end embedding rate against the plain loop, in one process over the same files.

    python benchmarks/embed_bench.py [FOLDER_WITH_labels.csv] [--count 512] [--recall]

Plain loop: Pillow open + convert, timm's create_transform, torch eager float32 in batches of 32,
the same weights. Without a folder (and without shared/data/grocery81 beside the repository)
pictures are generated. --recall embeds all files both ways and prints Recall@1 cross-store
(gallery train + val, queries test).
"""

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from fgvc_studio.vision import backbones, extract, runtimes
from fgvc_studio.vision.torch_setup import import_timm

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "grocery81"


def generated(folder, count):
    rng = np.random.default_rng(0)
    for index in range(count):
        small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        small.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{index:05}.jpg")
    return sorted(folder.glob("*.jpg"))


def plain(paths, backbone):
    import_timm()
    import torch
    from timm.data import create_transform

    transform = create_transform(
        (3, 224, 224), interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3, crop_pct=0.875
    )
    model = backbone.build().eval()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(paths), 32):
            images = [transform(Image.open(p).convert("RGB")) for p in paths[start : start + 32]]
            rows.append(model(torch.stack(images)).numpy())
    return extract.normalised(np.concatenate(rows))


def ours(paths, backbone, runtime):
    run = extract.embed_paths(paths, None, runtime, backbone.transform)
    return np.concatenate([vectors for _, vectors, _ in run])


def recall(vectors, labels, gallery):
    scores = vectors[~gallery] @ vectors[gallery].T
    return float((labels[gallery][scores.argmax(1)] == labels[~gallery]).mean() * 100)


def timed(function, *given):
    start = time.perf_counter()
    vectors = function(*given)
    return vectors, len(vectors) / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED if SHARED.exists() else None)
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--recall", action="store_true")
    given = parser.parse_args()
    backbone = backbones.load()
    runtime = runtimes.make(backbone)
    with tempfile.TemporaryDirectory() as name:
        rows = []
        if given.folder:
            with (given.folder / "labels.csv").open(encoding="utf-8", newline="") as table:
                rows = list(csv.DictReader(table))
            paths = [given.folder / row["path"] for row in rows]
        else:
            paths = generated(Path(name), given.count)
        some = paths[:: max(1, len(paths) // given.count)][: given.count]
        ours(some[:32], backbone, runtime), plain(some[:32], backbone)
        ratios = []
        for _ in range(given.repeats):
            fast, rate = timed(ours, some, backbone, runtime)
            slow, base = timed(plain, some, backbone)
            ratios.append(rate / base)
            print(f"{runtime.name}: {rate:.0f} images/s, plain loop {base:.0f}: {ratios[-1]:.1f}x")
        cosine = (fast * slow).sum(1)
        print(
            f"median {np.median(ratios):.1f}x; cosine to the plain loop: least {cosine.min():.5f}"
        )
        if given.recall and rows:
            labels = np.array([row["fine"] for row in rows])
            gallery = np.array([row["split"] != "test" for row in rows])
            fast, slow = ours(paths, backbone, runtime), plain(paths, backbone)
            print(f"Recall@1 ours {recall(fast, labels, gallery):.2f}", end=", ")
            print(f"plain loop {recall(slow, labels, gallery):.2f}")


if __name__ == "__main__":
    main()
