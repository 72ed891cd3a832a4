"""Trains a tiny ECAML in as many processes as started it; rank 0 writes what came of it.

python -m torch.distributed.run --nproc-per-node 2 ecaml_worker.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from fgvc_studio.methods import checkpoints
from fgvc_studio.methods.ecaml.config import EcamlConfig
from fgvc_studio.methods.ecaml.trainer import EcamlTrainer
from fgvc_studio.methods.runtime import Runtime, end_processes
from tests.unit.methods.conftest import tiny_backbone, write_categories

CONFIG = EcamlConfig(steps=3, categories_per_batch=4, per_category=2, views=2, lr_trunk=1e-3)


def unnamed(pictures: int, dim: int = 256) -> np.ndarray:
    """Vectors of so many pictures, and of 60 items without a name in 6 heaps."""
    rng = np.random.default_rng(0)
    heaps = rng.normal(size=(6, dim)).repeat(10, 0) + 0.3 * rng.normal(size=(60, dim))
    return np.concatenate([rng.normal(size=(pictures, dim)), heaps]).astype(np.float32)


def train(folder: Path) -> None:
    runtime = Runtime("float32", cpu=True)
    # The same bytes everywhere; the views are those of the first run, so that what is compared is
    # the training and not the rounding of differently batched features to half precision.
    pictures, labels = write_categories(folder / f"pictures-{runtime.rank}", [3] * 11)
    made = EcamlTrainer(
        CONFIG,
        tiny_backbone(),
        pictures,
        folder / f"run-{runtime.world}",
        folder / "views",
        labels=labels,
        everything=unnamed(len(labels)),
        places=np.arange(len(labels)),
        runtime=runtime,
    )
    for _ in made.prepare():
        pass
    losses = [dict(report.losses) for report in made.steps()]
    made.finish()
    if runtime.main:
        name = f"{runtime.world}"
        (folder / f"{name}.json").write_text(json.dumps(losses))
        network = made.results["trained"]["network"]
        vectors = made.results["trained"]["vectors"]
        checkpoints.save_state(
            folder / f"{name}.safetensors", {"network": network, "vectors": vectors}
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]))
    end_processes()
