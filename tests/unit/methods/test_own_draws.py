"""Random numbers of a training are its own, whatever other threads draw meanwhile."""

import dataclasses
import threading

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fgvc_studio.methods.cmd.trainer import CmdTrainer
from fgvc_studio.methods.crkd.trainer import CrkdTrainer
from fgvc_studio.vision import backbones
from fgvc_studio.vision.own_draws import OwnDraws, draws
from tests.unit.methods.conftest import TINY, write_pictures
from tests.unit.methods.test_crkd_training import LABELS
from tests.unit.methods.test_crkd_training import TINY as TINY_CRKD


def drawn():
    layer, norm = nn.Linear(5, 3), torch.empty(4, 4)
    nn.init.trunc_normal_(norm, std=0.02)
    return [
        layer.weight.detach(), layer.bias.detach(), norm,
        nn.init.kaiming_normal_(torch.empty(3, 4)), nn.init.normal_(torch.empty(7)),
        torch.rand(3), torch.randn(2, 2), torch.randint(9, (4,)), torch.randperm(6),
        torch.bernoulli(torch.full((8,), 0.5)), torch.empty(5).uniform_(-1, 1),
        F.dropout(torch.ones(20), 0.4), nn.Dropout(0.2)(torch.ones(20)),
    ]  # fmt: skip


def test_a_block_draws_what_the_global_generator_would_and_leaves_it_alone():
    before = torch.get_rng_state()
    with OwnDraws(7):
        own = drawn()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    wanted = drawn()
    assert all(torch.equal(a, b) for a, b in zip(own, wanted, strict=True))


def test_who_draws_is_known():
    assert not draws(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)))
    assert draws(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)))


class Disturbance(threading.Thread):
    """Loads a second backbone again and again, and draws and seeds as anybody may."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.rounds = threading.Event(), 0

    def run(self):
        while not self.over.is_set():
            _ = backbones.load("random:test_vit").model
            torch.manual_seed(self.rounds)
            torch.rand(11)
            self.rounds += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def of_cmd(backbone, folder, runtime):
    config = dataclasses.replace(TINY, train="last-stage", lr_tail=1e-3, drop_path=0.2)
    pictures = write_pictures(folder / "pictures", 9)
    made = CmdTrainer(config, backbone, pictures, folder / "run", folder / "v", runtime=runtime)
    list(made.prepare())
    list(made.steps())
    return made.learner.state()["teacher"]


def of_crkd(backbone, folder, runtime):
    pictures = write_pictures(folder / "pictures", len(LABELS))
    config = dataclasses.replace(TINY_CRKD, start="random", feature_dropout=0.3)
    made = CrkdTrainer(
        config, backbone, pictures, folder / "run", folder / "v", labels=LABELS, runtime=runtime
    )
    list(made.prepare())
    found = [dict(report.losses) for report in made.steps()]
    return {str(i): torch.tensor(list(losses.values())) for i, losses in enumerate(found)}


@pytest.mark.parametrize("run", [of_cmd, of_crkd])
def test_loading_a_second_backbone_disturbs_no_training(run, backbone, runtime, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    torch.manual_seed(1)
    alone = run(backbone, tmp_path / "a", runtime)
    torch.manual_seed(2)
    with Disturbance() as other:
        disturbed = run(backbone, tmp_path / "b", runtime)
    assert other.rounds > 0
    assert alone.keys() == disturbed.keys()
    assert all(torch.equal(alone[k], disturbed[k]) for k in alone)
