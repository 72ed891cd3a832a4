"""Processor time of one training step against the bare networks in it, for three methods.

Run: ``python benchmarks/step_bench.py [--steps 8] [--only cmd-head ...]``

Real trainers of the quick preset run on view caches filled with noise (the content of a map costs
nothing), one thread. After each step the same batch goes once more through the bare networks:

``trained``
    forward and backward of everything that learns by gradient, with ready-made gradients of its
    outputs instead of losses.
``whole``
    the same, and what the method computes without gradient by definition: the forward pass of
    CMD's teacher on the large views, and frozen layers after the cut (``head``).

What the ratio to ``whole`` leaves over 1 is the program's own: reading views, losses, matching,
clipping, optimiser, moving average, loop. Diagnoses at the end of an epoch and checkpoints are
left out (the caches are large enough that no epoch ends). Medians; processor time of the thread.
"""

# ruff: noqa: E402  (the environment is set before the libraries are loaded)

from __future__ import annotations

import argparse
import json
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import dataclasses
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import common
import numpy as np
import torch
from common import Row

from fgvc_studio.methods.runtime import Runtime
from fgvc_studio.vision import backbones
from fgvc_studio.vision.split import laid_out
from fgvc_studio.vision.views import Pictures

TARGET = 1.2
CLASSES = 20
SKIPPED = 3


def pictures(n: int) -> Pictures:
    """Names only: the caches are filled with noise."""
    prints = [hashlib.sha256(str(i).encode()).digest() for i in range(n)]
    return Pictures([Path(f"{i}.jpg") for i in range(n)], [None] * n, prints)


def filled(trainer, cache) -> None:
    """Noise instead of views."""
    rng = np.random.default_rng(0)

    def noise(rows):
        for row in rows:
            yield (
                int(row),
                {
                    k.name: rng.standard_normal((k.views, *k.shape), np.float32)
                    for k in cache.kinds.values()
                },
            )

    cache._produce = noise
    for _ in trainer.prepare():
        pass


def cpu(call) -> float:
    """Milliseconds of this thread."""
    begun = time.thread_time()
    call()
    return (time.thread_time() - begun) * 1e3


def backward(outputs) -> None:
    """Backward with ready-made gradients of everything that has one."""
    found = [o for o in outputs if o.requires_grad]
    torch.autograd.backward(found, [torch.ones_like(o) for o in found])


class Cmd:
    """One method at work: `step`, and its bare networks on the batch of that step."""

    def __init__(self, backbone, folder: Path, train: str, steps: int) -> None:
        from fgvc_studio.methods.cmd.config import preset
        from fgvc_studio.methods.cmd.trainer import CmdTrainer

        config = preset("quick", 0, train)
        config = dataclasses.replace(config, epochs=2)
        n = config.batch * (steps + SKIPPED + 2)
        self.trainer = CmdTrainer(
            config, backbone, pictures(n), folder / "run", folder / "views",
            runtime=Runtime(cpu=True), save_every=1e9,
        )  # fmt: skip
        filled(self.trainer, self.trainer.cache)
        self.batch = config.batch
        self._steps = self.trainer.steps()
        self._seen: list = []

    def step(self) -> None:
        next(self._steps)
        if not self._seen:
            learner = self.trainer.learner
            keep, inner = learner._keep, learner.model.forward

            def watched(inputs, *rest):
                self._seen[:] = [inputs, *rest]
                return inner(inputs, *rest)

            learner.model.forward = watched
            self._keep = keep

    def bare(self) -> dict[str, float]:
        learner, (inputs, *rest) = self.trainer.learner, self._seen
        forward = type(learner.model).forward

        def student() -> None:
            with torch.enable_grad():
                views = forward(learner.model, inputs, *rest)
                backward([part for view in views for part in (view.image, view.region)])
            learner.optimiser.zero_grad(set_to_none=True)

        def teacher() -> None:
            with torch.no_grad():
                forward(learner.teacher, inputs[:1])

        trained = cpu(student)
        looking = cpu(teacher)
        frozen = 0.0
        split = self.trainer.split
        if not split.trained:
            stored = [
                laid_out(torch.rand(len(x.tokens), *self.trainer.cache.kinds[kind].shape))
                for x, kind in zip(inputs, ("global", "local"), strict=True)
            ]
            with torch.no_grad():
                frozen = cpu(lambda: [learner.teacher.look(split.rest(x)) for x in stored])
        return {"trained": trained, "whole": trained + looking + frozen}


class StProto:
    """A joint step of ST-ProtoPNet; ``trained`` is the tail alone (`last-stage`)."""

    def __init__(self, backbone, folder: Path, train: str, steps: int) -> None:
        from fgvc_studio.methods.st_protopnet.config import preset
        from fgvc_studio.methods.st_protopnet.data import Labels
        from fgvc_studio.methods.st_protopnet.trainer import StProtoTrainer

        config = dataclasses.replace(preset("quick", 0, train), epochs=4, warm_epochs=0)
        n = max(CLASSES * 6, config.batch * (steps + SKIPPED + 6))
        classes = np.arange(n) % CLASSES
        labels = Labels(
            classes.astype(np.int64),
            tuple(f"c{i}" for i in range(CLASSES)),
            np.zeros(n, bool),
        )
        self.trainer = StProtoTrainer(
            config, backbone, pictures(n), folder / "run", folder / "views",
            labels=labels, runtime=Runtime(cpu=True), save_every=1e9,
        )  # fmt: skip
        filled(self.trainer, self.trainer.cache)
        self.batch = config.batch
        self._train = train
        self._steps = self.trainer.steps()
        self._seen: list = []

    def step(self) -> None:
        next(self._steps)
        if not self._seen:
            model = self.trainer.learner.model
            inner = model.forward

            def watched(stored, names, tail):
                self._seen[:] = [stored, names, tail]
                return inner(stored, names, tail)

            model.forward = watched

    def bare(self) -> dict[str, float]:
        learner, (stored, names, tail) = self.trainer.learner, self._seen
        model = learner.model

        def body() -> None:
            made = model.body(stored)
            backward([made])

        def network() -> None:
            out = type(model).forward(model, stored, names, tail)[names[0]]
            backward([out.logits, out.maxima])

        found = {}
        if tail:
            found["tail"] = cpu(body)
            learner.optimiser.zero_grad(set_to_none=True)
        found["trained"] = cpu(network)
        learner.optimiser.zero_grad(set_to_none=True)
        found["whole"] = found.get("tail", found["trained"])
        return found


class Ecaml:
    """A step of ECAML."""

    def __init__(self, backbone, folder: Path, train: str, steps: int) -> None:
        from fgvc_studio.methods.ecaml.config import preset
        from fgvc_studio.methods.ecaml.trainer import EcamlTrainer

        config = preset("quick", 0, train)
        n = CLASSES * 3 * 8
        self.trainer = EcamlTrainer(
            config, backbone, pictures(n), folder / "run", folder / "views",
            labels=(np.arange(n) % (CLASSES * 3) + 1).astype(np.int64),
            runtime=Runtime(cpu=True), save_every=1e9,
        )  # fmt: skip
        filled(self.trainer, self.trainer.features.cache)
        self.batch = config.per_category * config.categories_per_batch
        self._steps = self.trainer.steps()
        self._seen: list = []

    def step(self) -> None:
        next(self._steps)
        if not self._seen:
            model = self.trainer.learner.model
            inner = model.forward

            def watched(inputs):
                self._seen[:] = [inputs]
                return inner(inputs)

            model.forward = watched

    def bare(self) -> dict[str, float]:
        learner, (inputs,) = self.trainer.learner, self._seen
        model = learner.model

        def network() -> None:
            out = type(model).forward(model, inputs)
            backward([out.embedding, out.confused])

        spent = cpu(network)
        learner.optimiser.zero_grad(set_to_none=True)
        return {"trained": spent, "whole": spent}


CASES = {
    "cmd-head": (Cmd, "head"),
    "cmd-last-stage": (Cmd, "last-stage"),
    "st-protopnet-head": (StProto, "head"),
    "st-protopnet-last-stage": (StProto, "last-stage"),
    "ecaml-head": (Ecaml, "head"),
    "ecaml-last-stage": (Ecaml, "last-stage"),
}


def measure(name: str, backbone, steps: int) -> list[Row]:
    kind, train = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        case = kind(backbone, Path(folder), train, steps)
        whole: list[float] = []
        bare: dict[str, list[float]] = {}
        for turn in range(steps + SKIPPED):
            spent = cpu(case.step)
            found = case.bare() if turn else {}
            if turn < SKIPPED:
                continue
            whole.append(spent)
            for key, value in found.items():
                bare.setdefault(key, []).append(value)
        if hasattr(case.trainer, "cache"):
            case.trainer.cache.close()
    step = statistics.median(whole)
    middle = {key: statistics.median(values) for key, values in bare.items()}
    ratios = ", ".join(f"{step / v:.2f} x {key} ({v:.0f})" for key, v in middle.items())
    return [
        Row(f"step of {name}, {case.batch} items", f"<= {TARGET} x", step, cpu=step,
            baseline=middle["whole"], against="bare", note=ratios)
    ]  # fmt: skip


def main() -> None:
    parser = common.arguments(__doc__, project=False)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--only", nargs="*", choices=tuple(CASES), default=tuple(CASES))
    args = parser.parse_args()
    torch.set_num_threads(1)
    backbone = backbones.load("lite0")
    rows = []
    for name in args.only:
        rows += measure(name, backbone, args.steps)
        common.show(rows[-1:], argparse.Namespace(json=None))
    if args.json:
        args.json.write_text(json.dumps([dataclasses.asdict(r) for r in rows]))


if __name__ == "__main__":
    main()
