"""Losses over pairs of the whole batch: two gloo processes on the CPU give what one gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from fgvc_studio.methods import checkpoints
from tests.unit.methods import ecaml_worker
from tests.unit.methods.test_cmd_processes import free_port

ROOT = Path(__file__).parents[3]


def started(*command):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_two_processes_equal_one(tmp_path):
    worker = (ecaml_worker.__file__, tmp_path)
    started(*worker)
    many = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    started(*many, "--master-port", free_port(), *worker)
    one, two = (json.loads((tmp_path / f"{n}.json").read_text()) for n in (1, 2))
    assert len(one) == len(two) >= 6
    for first, second in zip(one, two, strict=True):
        assert first.keys() == second.keys()
        assert "neighbours" in first
        for name, value in first.items():
            torch.testing.assert_close(second[name], value, atol=1e-5, rtol=1e-5)
    states = [checkpoints.load_state(tmp_path / f"{n}.safetensors") for n in (1, 2)]
    torch.testing.assert_close(states[0]["vectors"], states[1]["vectors"], atol=1e-5, rtol=0)
