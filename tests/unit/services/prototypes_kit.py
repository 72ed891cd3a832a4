"""A small project with a trained prototype classifier, made by the trainer itself."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
from PIL import Image

from fgvc_studio.domain.records import LabelSource, Split
from fgvc_studio.domain.runs import RunState, TrainingRun
from fgvc_studio.services import run_pictures
from fgvc_studio.services.studio import Studio

BACKBONE = "random:test_resnet"
KINDS, EACH, UNNAMED = 3, 9, 4
RUN = "st-protopnet-1"


def finish(job):
    """All reports and the result of a job."""
    reports = []
    while True:
        try:
            reports.append(next(job))
        except StopIteration as end:
            return reports, end.value


def draw(folder):
    """Pictures of three looks: a coloured bar on noise, at another place each."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for kind in range(KINDS):
        for i in range(EACH):
            pixels = np.full((48, 60, 3), 90.0) + rng.normal(0, 20, (48, 60, 3))
            top, left = rng.integers(4, 24, 2)
            pixels[top : top + 16, left : left + 24] += np.eye(3)[kind] * 150 - 30
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.resize((120, 96)).save(folder / f"{kind}-{i}.png")
    return folder


def make_studio(folder):
    """Items 1 .. 27, nine of each kind; of each kind the last four have no label."""
    studio = Studio.create(folder / "p.fgvc", who="ana")
    finish(studio.ingest.run(draw(folder / "pictures")))
    finish(studio.embedding.run(BACKBONE, runtime="torch"))
    for kind in range(KINDS):
        category = studio.labelling.add_category(f"kind {kind}")
        ids = np.arange(kind * EACH, (kind + 1) * EACH - UNNAMED) + 1
        studio.labelling.label(ids, category, source=LabelSource.IMPORT)
        studio.labelling.set_split(ids[:1], Split.VAL)
    return studio


def train(studio, run_id=RUN, seed=0, **settings):
    """A run by the trainer, with the files that the training service keeps."""
    from fgvc_studio.methods.runtime import Runtime
    from fgvc_studio.methods.st_protopnet.config import StProtoConfig
    from fgvc_studio.methods.st_protopnet.data import Labels
    from fgvc_studio.methods.st_protopnet.trainer import StProtoTrainer
    from fgvc_studio.services import training_material

    config = StProtoConfig(
        **{
            "train": "head", "epochs": 6, "warm_epochs": 3, "batch": 8, "prototypes": 2,
            "dim": 8, "map_upsample": 2, "last_layer_epochs": 2, "random_views": 1,
            "lr_last": 0.02, **settings,
        }
    )  # fmt: skip
    columns = studio.catalogue.columns
    items = np.flatnonzero(columns.category) + 1
    categories = columns.category[items - 1].astype(np.int64)
    known = np.unique(categories)
    space = studio.embedding.default_space()
    runs = studio.training.runs
    run = TrainingRun(
        id=run_id, method="st-protopnet", state=RunState.FINISHED, preset="quick",
        train=config.train, seed=seed, backbone=BACKBONE, space="", base_space=space,
        created=time.time(), items=len(items), splits=("train", "val"),
        config=dataclasses.asdict(config),
    )  # fmt: skip
    training_material.snapshot(studio, items, space).save(runs.folder(run_id))
    runs.save(run)
    labels = Labels(
        np.searchsorted(known, categories),
        tuple(studio.catalogue.name(int(c)) for c in known),
        np.asarray(columns.split[items - 1] == Split.VAL),
        ids=tuple(int(c) for c in known),
    )
    trainer = StProtoTrainer(
        config,
        training_material.backbone_of(studio, space),
        run_pictures.of_items(studio, items),
        runs.folder(run_id),
        runs.views(run_id),
        labels=labels,
        seed=seed,
        runtime=Runtime("float32", cpu=True),
    )
    finish(trainer.prepare())
    finish(trainer.steps())
    trainer.finish()
    trainer.drop_cache()
    return run_id
