"""Configuration, checkpoints, sampler and diagnostics."""

import numpy as np
import pytest
import torch

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods import checkpoints, diagnostics, registry
from fgvc_studio.methods.cmd.config import CmdConfig, preset
from fgvc_studio.methods.config import changed, form, parse_settings
from fgvc_studio.methods.loop import Sampler
from fgvc_studio.methods.optimising import clip_each


def test_every_setting_can_be_shown_and_set():
    for method in registry.methods():
        for field in form(method.config):
            about = field.parameter
            assert about.help.endswith(".") and field.name in field.line()
            assert changed(method.config(), {field.name: str(field.default)}) == method.config()
            if field.kind in ("int", "float"):
                assert about.low <= field.default <= about.high


@pytest.mark.parametrize(
    "wrong",
    ["epochs=0", "epochs=2.5", "epochs=many", "inter=1.1", "inter=nan", "pool=max", "colour=1"],
)
def test_wrong_settings_are_refused_in_words(wrong):
    with pytest.raises(UserError) as caught:
        changed(CmdConfig(), parse_settings([wrong]))
    assert caught.value.remedy
    with pytest.raises(UserError, match="no setting"):
        parse_settings(["epochs"])


def test_settings_from_text():
    made = changed(CmdConfig(), parse_settings(["epochs=3", "colour-matters=no", "lr=2e-3"]))
    assert (made.epochs, made.colour_matters, made.lr) == (3, False, 2e-3)


def test_presets_follow_the_number_of_items():
    quick = preset("quick", 100)
    assert (quick.train, quick.batch, quick.whiten) == ("head", 64, 128)
    assert preset("full", 100).whiten == 0
    assert [preset("quick", n).train for n in (999, 1000, 4000, 4001)] == [
        "head", "last-stage", "last-stage", "head",
    ]  # fmt: skip
    some = preset("quick", 6000, "last-stage")
    assert (some.batch, some.epochs) == (32, 5)
    full = preset("full", 100)
    assert (full.train, full.outputs, full.epochs) == ("all", 8192, 100)


def test_a_state_comes_back_as_it_was(tmp_path):
    tensor = torch.randn(3, 4).to(torch.float16)
    state = {
        "step": 7,
        "scaler": None,
        "optimiser": {"state": {0: {"step": torch.tensor(2.0), "m": tensor}}, "betas": (0.9, 0.99)},
        "names": ["a", True, 1.5],
    }
    checkpoints.save_state(tmp_path / "x.safetensors", state)
    found = checkpoints.load_state(tmp_path / "x.safetensors")
    assert torch.equal(found["optimiser"]["state"][0]["m"], tensor)
    assert found["optimiser"]["betas"] == (0.9, 0.99)
    assert (found["step"], found["scaler"], found["names"]) == (7, None, ["a", True, 1.5])
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_damaged_checkpoints_are_refused_in_words(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(UserError, match="cannot be read"):
        checkpoints.load_state(path)
    checkpoints.save_state(path, {"w": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UserError, match="cannot be read"):
        checkpoints.load_state(path)
    with pytest.raises(TypeError):
        checkpoints.save_state(path, {"f": print})


def test_an_epoch_shows_each_item_once():
    sampler = Sampler(10, 3, seed=0)
    assert sampler.steps_per_epoch == 3
    epochs = [np.concatenate([sampler.rows(3 * e + i) for i in range(3)]) for e in range(2)]
    assert all(len(set(rows.tolist())) == 9 for rows in epochs)
    assert not np.array_equal(*epochs)
    assert Sampler(2, 64, 0).steps_per_epoch == 1
    assert Sampler(9, 8, 0, world=3).batch == 6
    with pytest.raises(UserError, match="shared"):
        Sampler(1, 4, 0, world=2)


def test_each_gradient_is_clipped_by_itself():
    big, small = (torch.nn.Parameter(torch.zeros(4)) for _ in range(2))
    big.grad, small.grad = torch.full((4,), 10.0), torch.full((4,), 0.1)
    clip_each([big, small], 3.0)
    assert float(big.grad.norm()) == pytest.approx(3.0, rel=1e-4)
    assert torch.equal(small.grad, torch.full((4,), 0.1))


def test_diagnostics_of_known_embeddings():
    eye = torch.eye(16).repeat(4, 1)
    assert diagnostics.rank_me(eye) == pytest.approx(16, rel=0.01)
    same = torch.nn.functional.normalize(torch.ones(32, 16), dim=-1)
    assert diagnostics.spread(same) == pytest.approx(0, abs=1e-6)
    assert diagnostics.spread(eye) == pytest.approx(0.98, abs=0.02)
    assert diagnostics.attention_entropy(torch.full((2, 7), 1 / 7)) == pytest.approx(1)
    assert diagnostics.attention_entropy(torch.eye(7)) == pytest.approx(0)
    assert not diagnostics.collapse_alarms(0.5, 0.6, 40, 100)
    assert len(diagnostics.collapse_alarms(0.01, 0.01, 1.2, 100)) == 3
    assert len(diagnostics.collapse_alarms(0.999, 0.6, 40, 100)) == 1
