import subprocess
import sys
import textwrap

import numpy as np
import pytest

from fgvc_studio.domain.errors import UserError
from fgvc_studio.vision import backbones, lite0, runtimes, timm_models


def run(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120
    )


def test_the_default_loads_offline_and_strictly(lite0):
    import torch

    x = torch.from_numpy(runtimes.probe(lite0))
    with torch.inference_mode():
        features, vectors = lite0.forward_features(x), lite0.forward(x)
    assert tuple(features.shape) == (4, *lite0.feature_shape)
    assert tuple(vectors.shape) == (4, lite0.dim)
    assert torch.allclose(features.mean((2, 3)), vectors, atol=1e-5)
    assert len(lite0.key) == 64
    assert lite0.note == ""


def test_key_map_covers_every_block():
    assert lite0.timm_key("_conv_stem.weight") == "conv_stem.weight"
    assert lite0.timm_key("_bn1.bias") == "bn2.bias"
    assert lite0.timm_key("_blocks.0._project_conv.weight") == "blocks.0.0.conv_pw.weight"
    assert lite0.timm_key("_blocks.3._bn2.bias") == "blocks.2.0.bn3.bias"
    assert lite0.timm_key("_blocks.15._expand_conv.weight") == "blocks.6.0.conv_pw.weight"


def test_a_damaged_or_missing_weight_file_is_said_with_a_remedy(tmp_path, monkeypatch):
    damaged = tmp_path / lite0.FILE
    damaged.write_bytes(b"x" * 100)
    with pytest.raises(UserError, match="damaged") as caught:
        backbones.load("lite0", damaged)
    assert caught.value.remedy
    monkeypatch.setattr(lite0.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match="not installed") as caught:
        backbones.load("lite0")
    assert "pip install" in caught.value.remedy


def test_weights_of_another_kind_are_refused(tmp_path):
    import torch

    path = tmp_path / "other.pth"
    torch.save({"a.b": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="EfficientNet-Lite0"):
        _ = backbones.load("lite0", path).model
    with pytest.raises(UserError, match=r"belongs to another model|weights that fit"):
        backbones.load("timm:resnet10t", path)
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UserError, match="weights that fit"):
        backbones.load("timm:resnet10t", path)


def test_local_safetensors_without_config(tmp_path):
    from safetensors.torch import save_file

    made = backbones.load("random:resnet10t")
    assert made.note == backbones.RANDOM_NOTE
    path = tmp_path / "w.safetensors"
    save_file(dict(made.model.state_dict()), path)
    loaded = backbones.load("timm:resnet10t", path)
    assert loaded.key == made.key
    assert loaded.note == ""
    assert loaded.transform.mean == (0.485, 0.456, 0.406)
    assert loaded.dim == 512


def test_token_features_become_a_map():
    import torch

    made = backbones.load("random:test_vit")
    size = made.transform.size
    with torch.inference_mode():
        features = made.forward_features(torch.zeros(1, 3, size, size))
    assert tuple(features.shape[1:]) == made.feature_shape
    assert made.feature_shape[1] == made.feature_shape[2] > 1


def test_offline_download_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(timm_models, "_online", lambda: False)
    monkeypatch.setattr(timm_models, "_cached", lambda _repository: False)
    with pytest.raises(UserError, match="no network") as caught:
        backbones.load("dinov2-s")
    assert "lite0" in caught.value.remedy


def test_no_answer_means_offline(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert timm_models._online() is False


def test_unknown_names():
    with pytest.raises(UserError, match="no backbone"):
        backbones.load("best")
    with pytest.raises(UserError, match="timm knows no model"):
        backbones.load("random:no_such_net")
    assert backbones.names()[0].name == "lite0"
    assert backbones.names()[0].offline


def test_listing_and_loading_the_default_imports_no_torch():
    done = run(
        """
        import sys
        from fgvc_studio.vision import backbones
        backbones.names(), backbones.load()
        assert "torch" not in sys.modules and "timm" not in sys.modules
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_torchvision_of_another_torch_is_repaired():
    done = run(
        """
        import sys, types, importlib.abc, importlib.machinery
        import torch

        class Mismatch(importlib.abc.MetaPathFinder, importlib.abc.Loader):
            def find_spec(self, name, path, target=None):
                if name == "torchvision":
                    return importlib.machinery.ModuleSpec(name, self, is_package=True)
            def create_module(self, spec):
                return None
            def exec_module(self, module):
                try:
                    torch.ops.torchvision.nms
                except AttributeError:
                    raise RuntimeError("operator torchvision::nms does not exist")
                sys.meta_path.remove(self)
                raise SystemExit(7)  # the repair was enough to get here

        sys.meta_path.insert(0, Mismatch())
        from fgvc_studio.vision.torch_setup import import_timm
        import_timm()
        """
    )
    assert done.returncode == 7, done.stderr


def test_random_weights_are_the_same_each_time():
    first, second = (backbones.load("random:resnet10t") for _ in range(2))
    assert first.key == second.key
    assert np.isclose(
        float(next(first.model.parameters()).sum()), float(next(second.model.parameters()).sum())
    )
