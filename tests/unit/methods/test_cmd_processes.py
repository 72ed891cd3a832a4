"""Two gloo processes on the CPU give what one gives with the same batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from fgvc_studio.methods import checkpoints
from tests.unit.methods import ddp_worker

ROOT = Path(__file__).parents[3]
MODES = ("head", "last-stage")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_two_processes_equal_one(tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as below: the start turns on directions that rounding decides
    try:
        for mode in MODES:
            ddp_worker.train(tmp_path, 4, mode)
    finally:
        torch.set_num_threads(threads)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-port", str(free_port()), ddp_worker.__file__]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(tmp_path), "2", ",".join(MODES)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for mode in MODES:
        one, two = (json.loads((tmp_path / f"{mode}-{n}.json").read_text()) for n in (1, 2))
        np.testing.assert_allclose(one, two, rtol=1e-5)
        first, second = (
            checkpoints.load_state(tmp_path / f"{mode}-{n}.safetensors")["student"] for n in (1, 2)
        )
        for name, value in first.items():
            # AdamW turns the rounding of gradients near 0 into steps: compare means, not entries.
            assert float((value - second[name]).double().abs().mean()) < 1e-6, name
