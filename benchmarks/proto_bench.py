"""Times of the prototype audit: effects of a ban over 50,000 items, the table of 4,000 prototypes.

The project, its run and the activations are made up; the services are those of the program.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import common
import numpy as np

REPEATS = 7


def make_studio(folder, items):
    """A project of so many items without pictures."""
    from fgvc_studio.domain.records import NewImage
    from fgvc_studio.services.studio import Studio

    studio = Studio.create(folder / "p.fgvc", who="bench")
    root = studio.store.images.add_root(folder / "photos")
    new = [
        NewImage(f"d{i // 1000}/{i:06}.jpg", 1, i, i.to_bytes(32, "big"), 800, 600, i)
        for i in range(items)
    ]
    studio.store.images.add(root, new)
    studio.close()
    return Studio.open(folder / "p.fgvc", who="bench")


def make_run(studio, name, classes, per_class, rng):
    """A finished run with random prototypes and activations of every item."""
    from safetensors.numpy import save_file

    from fgvc_studio.domain.records import LabelSource
    from fgvc_studio.domain.runs import RunState, TrainingRun
    from fgvc_studio.services import prototypes_cache, prototypes_measure, training_material
    from fgvc_studio.vision.transforms import EvalTransform

    n, half, dim, grid = studio.catalogue.n, classes * per_class, 8, 7
    if not studio.catalogue.categories:
        with studio.store.operations.record("categories", "Add", who="bench") as recording:
            for c in range(classes):
                studio.store.categories.add(f"species {c}", None)
            some = np.arange(1, n + 1, 2)
            studio.store.labels.set(
                some, 1 + some % classes, source=LabelSource.IMPORT, confidence=1.0
            )
        studio.bus.publish(recording.changes)
    learned = np.arange(1, min(n, 20 * classes) + 1)
    folder = studio.training.runs.folder(name)
    training_material.Snapshot(
        learned, 1 + learned % classes, np.zeros(len(learned), np.uint8),
        np.zeros(len(learned), np.int64), {}, learned,
    ).save(folder)  # fmt: skip
    studio.training.runs.save(
        TrainingRun(name, "st-protopnet", RunState.FINISHED, "quick", "head", 0, "lite0", "", "",
                    time.time(), items=len(learned))
    )  # fmt: skip
    own = np.repeat(np.eye(classes, dtype=bool), per_class, 1)
    tensors, prototypes = {}, []
    for branch in ("trivial", "support"):
        tensors[f"/net/branches.{branch}.prototypes"] = rng.normal(size=(half, dim)).astype("f4")
        weights = np.where(own, 1.0, -0.5) + rng.normal(0, 0.05, own.shape)
        tensors[f"/net/branches.{branch}.last"] = weights.astype("f4")
        tensors[f"/net/branches.{branch}.on"] = np.ones(half, "f4")
        for j in range(half):
            source = {"image": int(rng.integers(len(learned))), "row": 1, "column": 2, "score": 1}
            prototypes.append({"branch": branch, "prototype": j, "source": source,
                               "runners_up": [], "relaxed": "", "fingerprint": ""})  # fmt: skip
    save_file(tensors, str(folder / "model.safetensors"))
    rows = list(range(len(learned)))
    facts = {
        "format": 1, "names": [f"species {c}" for c in range(classes)],
        "category_ids": list(range(1, classes + 1)),
        "training": rows[::2], "validation": rows[1::2],
        "shape": {"per_class": per_class, "dim": dim},
        "config": {"variant": "full", "train": "head", "map_upsample": 1},
        "calibration": {"temperature": 1.0, "error": 0.0, "images": "validation",
                        "unknown": [0.1] * classes},
        "evaluation": {}, "prototypes": prototypes,
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(facts), encoding="utf-8")
    opened = studio.prototypes.opened(name)
    opened.__dict__["backbone"] = SimpleNamespace(transform=EvalTransform())
    layout = prototypes_cache.Layout(opened.bundle.model, 2 * half, 1, (1, 1), (grid, grid))
    files = prototypes_cache.make(folder, layout, n)
    for at in range(0, n, 1000):
        part = np.arange(at, min(n, at + 1000))
        files.put(part, scores=rng.random((len(part), 2 * half), np.float32))
    files.flush()
    m = 2 * half
    top = np.tile(np.arange(10), (m, 1))
    np.savez(
        folder / "activations" / prototypes_measure.FILE, format=prototypes_measure.FORMAT,
        stamp="", top=top, top_labelled=top,
        boxes=np.tile([0.2, 0.5, 0.2, 0.5], (m, 1)), outside=rng.random(m),
        tied=rng.random(m), border=rng.random(m),
        disparate=rng.random(m), relevance=rng.random(m), part_purity=np.full(m, np.nan),
        usage=np.zeros(m, np.int64), estimated=np.array(True),
    )  # fmt: skip
    opened.forget()
    return opened


def median(work):
    """Milliseconds, wall and of this process."""
    times, cpu = [], []
    for _ in range(REPEATS):
        began, spent = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - began) * 1e3)
        cpu.append((time.process_time() - spent) * 1e3)
    return float(np.median(times)), float(np.median(cpu))


def exact(studio, opened, off):
    """Largest distance of the quick answer from one computed anew in float64, some items."""
    from fgvc_studio.services import prototypes_table

    rows, found = prototypes_table.logits_without(opened, off)
    some = np.linspace(0, len(rows) - 1, 2000).astype(int)
    weights = opened.bundle.weights.astype(np.float64)
    weights[:, off] = 0
    whole = opened.ready().scores[rows[some]].astype(np.float64) @ weights.T
    return float(np.abs(found[some] - whole).max())


def main():
    """Measure, print the rows."""
    parser = common.arguments(__doc__, project=False)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    args = parser.parse_args()
    common.private_home()
    common.like_the_program()
    folder = args.keep or Path(tempfile.mkdtemp(prefix="proto-bench-"))
    rng = np.random.default_rng(0)
    rows = []
    try:
        (folder / "large").mkdir(parents=True)
        studio = make_studio(folder / "large", args.items)
        opened = make_run(studio, "st-protopnet-1", 81, 5, rng)
        began = time.perf_counter()
        studio.prototypes.effects(opened.name, [3])
        first = (time.perf_counter() - began) * 1e3
        rows.append(common.Row(
            f"first effects, {args.items:,} items x {opened.bundle.count} prototypes", "", first,
            note="reads the activations from disk once"))  # fmt: skip
        for many in (1, 10, 100, 405, 600, 800):
            drawn = iter([rng.permutation(opened.bundle.count)[:many] for _ in range(REPEATS)])
            last = []

            def other(drawn=drawn, last=last):  # every time other ones: nothing is remembered
                last[:] = sorted(next(drawn).tolist())
                studio.prototypes.effects(opened.name, last)

            wall, cpu = median(other)
            rows.append(common.Row(
                f"effects, {many} off", "< 100 ms", wall, cpu=cpu,
                note=f"largest error {exact(studio, opened, last):.1e}"))  # fmt: skip
        wall, cpu = median(lambda: studio.prototypes.explain(opened.name, 77))
        rows.append(common.Row("explain one item", "< 100 ms", wall, cpu=cpu))
        studio.close()
        (folder / "wide").mkdir()
        studio = make_studio(folder / "wide", 2000)
        opened = make_run(studio, "st-protopnet-1", 400, 5, rng)
        began = time.perf_counter()
        count = len(studio.prototypes.table(opened.name))
        rows.append(common.Row(f"first table of {count:,} prototypes", "",
                               (time.perf_counter() - began) * 1e3))  # fmt: skip
        store = studio.store.verdicts

        def again():
            from fgvc_studio.services import prototypes_table

            prototypes_table.table(opened, store.of_run(opened.name), [])

        wall, cpu = median(again)
        rows.append(common.Row("the table after a verdict", "< 100 ms", wall, cpu=cpu))
        wall, cpu = median(lambda: studio.prototypes.table(opened.name))
        rows.append(common.Row("the table once more", "< 100 ms", wall, cpu=cpu))
        studio.close()
    finally:
        if args.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    for row in rows:
        cpu = f", {row.cpu:.0f} ms of CPU" if row.cpu is not None else ""
        print(f"{row.what}: {row.measured:.0f} ms{cpu} {row.target} {row.note}".rstrip())
    if args.json:
        from dataclasses import asdict

        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
