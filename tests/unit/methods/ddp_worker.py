"""Trains a tiny CMD in as many processes as started it; rank 0 writes losses and weights.

python -m torch.distributed.run --nproc-per-node 2 ddp_worker.py FOLDER BATCH_PER_PROCESS TRAIN
"""

import dataclasses
import json
import sys
from pathlib import Path

import torch

from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.cmd.trainer import CmdTrainer
from fgvc_studio.methods.runtime import Runtime, end_processes
from tests.unit.methods.conftest import TINY, tiny_backbone, write_pictures


def train(folder: Path, batch: int, mode: str) -> None:
    runtime = Runtime("float32", cpu=True)
    name = f"{mode}-{runtime.world}"
    if runtime.main:
        write_pictures(folder / name, 9)
    runtime.wait()
    pictures = write_pictures(folder / name, 9) if runtime.world == 1 else listed(folder / name)
    config = dataclasses.replace(TINY, train=mode, batch=batch, lr_tail=1e-3)
    trainer = CmdTrainer(
        config,
        tiny_backbone(),
        pictures,
        folder / f"run-{name}",
        folder / f"views-{name}",
        runtime=runtime,
    )
    for _ in trainer.prepare():
        pass
    losses = [report.losses["total"] for report in trainer.steps()]
    trainer.finish()
    if runtime.main:
        (folder / f"{name}.json").write_text(json.dumps(losses))
        state = trainer.learner.state()
        checkpoints.save_state(folder / f"{name}.safetensors", {"student": state["student"]})


def listed(folder: Path):
    import hashlib

    from fgvc_studio.vision.views import Pictures

    paths = sorted(folder.glob("*.png"))
    prints = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    return Pictures(paths, [None] * len(paths), prints)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for mode in sys.argv[3].split(","):
        train(Path(sys.argv[1]), int(sys.argv[2]), mode)
    end_processes()
