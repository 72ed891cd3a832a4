import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from fgvc_studio.domain.errors import UserError
from fgvc_studio.vision import openvino_runtime, runtimes


def test_both_runtimes_agree(lite0, fast):
    plain = runtimes.make(lite0, "torch", threads=1)
    batch = runtimes.probe(lite0)
    vectors, features = fast.embed(batch), fast.features(batch)
    assert vectors.dtype == features.dtype == np.float32
    assert vectors.shape == (4, lite0.dim)
    assert features.shape == (4, *lite0.feature_shape)
    assert runtimes.agreement(plain.embed(batch), vectors) > 0.999
    assert runtimes.agreement(plain.features(batch), features) > 0.999
    assert np.allclose(features.mean((2, 3)), vectors, atol=1e-3)
    assert fast.embed(batch[:1]).shape == (1, lite0.dim)


def test_a_later_start_needs_no_torch_and_opens_no_socket(fast, cache):
    code = """
    import socket, sys
    tried = []
    def refuse(self, *where):
        tried.append(where)
        raise OSError("no network in this test")
    socket.socket.connect = socket.socket.connect_ex = refuse
    from fgvc_studio.vision import backbones, runtimes
    from pathlib import Path
    backbone = backbones.load()
    runtime = runtimes.make(backbone, "openvino", cache=Path(sys.argv[1]))
    assert runtime.embed(runtimes.probe(backbone)).shape == (4, 1280)
    loaded = [name for name in ("torch", "timm", "torchvision") if name in sys.modules]
    assert not loaded, loaded
    assert not tried, tried
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), os.fspath(cache)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_converting_opens_no_socket(tmp_path):
    code = """
    import socket, sys, time
    tried = []
    def refuse(self, *where):
        tried.append(where)
        raise OSError("no network in this test")
    socket.socket.connect = socket.socket.connect_ex = refuse
    from fgvc_studio.vision import backbones, runtimes
    from pathlib import Path
    backbone = backbones.load("random:resnet10t")
    runtime = runtimes.make(backbone, "openvino", cache=Path(sys.argv[1]))
    time.sleep(0.5)
    assert not tried, tried
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), os.fspath(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_a_damaged_copy_is_made_again(lite0, fast, cache, monkeypatch):
    folder = cache / lite0.key[:32]
    (folder / "model.xml").write_text("<net", encoding="utf-8")
    again = runtimes.make(lite0, "openvino", threads=1, cache=cache)
    assert again.embed(runtimes.probe(lite0)).shape == (4, 1280)
    assert (folder / "model.xml").stat().st_size > 1000


def test_auto_falls_back_to_torch_with_a_note(lite0, monkeypatch):
    def missing():
        raise ImportError("No module named openvino")

    monkeypatch.setattr(openvino_runtime, "import_openvino", missing)
    runtime = runtimes.make(lite0, "auto")
    assert runtime.name.startswith("torch")
    assert "OpenVINO is not used" in runtime.note
    with pytest.raises(UserError, match="cannot run"):
        runtimes.make(lite0, "openvino")


def test_a_runtime_that_disagrees_is_not_used(lite0, tmp_path, monkeypatch):
    monkeypatch.setattr(openvino_runtime, "agreement", lambda _first, _second: 0.5)
    runtime = runtimes.make(lite0, "auto", cache=tmp_path)
    assert "differ" in runtime.note


def test_unknown_runtime(lite0):
    with pytest.raises(UserError, match="no runtime"):
        runtimes.make(lite0, "abacus")
