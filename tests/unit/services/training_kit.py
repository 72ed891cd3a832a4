"""A small project to train on."""

import numpy as np
from PIL import Image

from fgvc_studio.domain.records import Split
from fgvc_studio.services.studio import Studio

BACKBONE = "random:test_resnet"
KINDS, EACH = 3, 8


def draw(folder, kinds=KINDS, each=EACH):
    """Pictures in folders of one look each."""
    rng = np.random.default_rng(0)
    for kind in range(kinds):
        base = rng.integers(0, 256, (4, 4, 3))
        (folder / f"kind{kind}").mkdir(parents=True)
        for i in range(each):
            noisy = np.clip(base + rng.integers(-60, 61, base.shape), 0, 255).astype(np.uint8)
            big = Image.fromarray(noisy).resize((64, 48), Image.Resampling.BICUBIC)
            big.save(folder / f"kind{kind}" / f"{i}.png")
    return folder


def finish(job):
    """All reports and the result of a job."""
    reports = []
    while True:
        try:
            reports.append(next(job))
        except StopIteration as end:
            return reports, end.value


def stop_at(job, step):
    """Close a run's job after a step of its training."""
    for report in job:
        if report.detail.get("losses") is not None and report.done == step:
            job.close()
            return
    raise AssertionError(f"no step {step}")


def project(path, kinds=KINDS, each=EACH):
    """A project of labelled pictures with a frozen space; every fourth item is in test."""
    made = Studio.create(path / "p.fgvc", who="ana")
    finish(made.ingest.run(draw(path / "pictures", kinds, each)))
    finish(made.embedding.run(BACKBONE, runtime="torch"))
    set_split(made, np.arange(1, made.catalogue.n + 1)[::4], Split.TEST)
    return made


def set_split(studio, items, split):
    with studio.store.operations.record("split", "Split", who="ana") as recording:
        studio.store.labels.set_splits(items, np.full(len(items), split, np.uint8))
    studio.bus.publish(recording.changes)
