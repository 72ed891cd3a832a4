"""Runs of CMD on tiny pictures."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.cmd import embedder, learner
from fgvc_studio.methods.cmd.trainer import CmdTrainer
from fgvc_studio.methods.single_run import RESUME
from fgvc_studio.vision.split import Rest
from tests.unit.methods.conftest import TINY, tiny_backbone, write_pictures


def trainer(config, backbone, pictures, folder, runtime, **more):
    cache = folder.parent / "views"
    return CmdTrainer(config, backbone, pictures, folder, cache, runtime=runtime, **more)


def run(made, steps=None):
    """Prepare and train; returns the reports."""
    list(made.prepare())
    reports = []
    for report in made.steps():
        reports.append(report)
        if steps and report.step >= steps:
            made.save()
            break
    return reports


def weights(made):
    return {k: v.clone() for k, v in made.learner.state()["student"].items()} | {
        f"teacher.{k}": v.clone() for k, v in made.learner.state()["teacher"].items()
    }


def same(a, b):
    assert a.keys() == b.keys()
    return all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("train", ["head", "last-stage", "all"])
def test_a_resumed_run_equals_an_uninterrupted_one(train, backbone, pictures, runtime, tmp_path):
    config = dataclasses.replace(TINY, train=train, lr_tail=1e-3, drop_path=0.1)
    whole = trainer(config, backbone, pictures, tmp_path / "whole", runtime)
    assert run(whole)[-1].step == 4
    run(trainer(config, backbone, pictures, tmp_path / "cut", runtime), steps=2)
    second = trainer(config, backbone, pictures, tmp_path / "cut", runtime)
    reports = run(second)
    assert [r.step for r in reports] == [3, 4]
    assert same(weights(whole), weights(second))


def test_the_teacher_follows_the_student(backbone, pictures, runtime, tmp_path):
    config = dataclasses.replace(TINY, momentum=0.9)
    made = trainer(config, backbone, pictures, tmp_path / "run", runtime)
    list(made.prepare())
    steps = made.steps()
    next(steps)
    old = {k: v.clone() for k, v in made.learner.teacher.named_parameters()}
    at = made.loop.step
    next(steps)
    m = made.learner._momentum[at]
    for name, new in made.learner.student.named_parameters():
        wanted = m * old[name] + (1 - m) * new.detach()
        found = dict(made.learner.teacher.named_parameters())[name]
        assert torch.allclose(found, wanted, atol=1e-7)
        assert found.grad is None


def test_last_layers_rest_in_epoch_0(backbone, pictures, runtime, tmp_path):
    made = trainer(TINY, backbone, pictures, tmp_path / "run", runtime)
    list(made.prepare())
    steps = made.steps()
    report = next(steps)
    first = made.learner.student.head.last_layer.weight_v.detach().clone()
    assert report.epoch == 0
    next(steps)
    assert torch.equal(first, made.learner.student.head.last_layer.weight_v.detach())
    next(steps)
    assert not torch.equal(first, made.learner.student.head.last_layer.weight_v.detach())


def test_it_learns_one_batch(backbone, pictures, runtime, tmp_path):
    config = dataclasses.replace(
        TINY,
        epochs=120,
        batch=9,
        token_dropout=0.0,
        local_views=0,
        lr=1e-2,
        lr_tail=0.0,
        whiten=256,
    )
    made = trainer(config, backbone, pictures, tmp_path / "run", runtime)
    made.split = dataclasses.replace(made.split, rest=Rest())
    shape = (9, made.split.dim, 1, 1)
    objects = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0))

    def fetch(rows, large, small, step):  # two noisy looks at nine clearly different things
        noise = torch.randn(2, *shape, generator=torch.Generator().manual_seed(step))
        return (objects[rows] + 0.3 * noise[:, rows]).flatten(0, 1), None

    made._fetch = fetch
    made._clean_sample = lambda: objects
    reports = run(made)
    assert reports[-1].losses["image"] < 0.5 * np.log(TINY.outputs)
    assert reports[-1].losses["region"] < 0.5 * np.log(TINY.outputs)
    diagnosed = {"spread", "rank", "target_entropy", "attention_entropy"}
    assert diagnosed <= reports[-1].diagnostics.keys()


def test_fewer_items_than_a_batch_still_make_a_step(backbone, runtime, tmp_path):
    pictures = write_pictures(tmp_path / "few", 3)
    reports = run(trainer(TINY, backbone, pictures, tmp_path / "run", runtime))
    assert [r.epoch for r in reports] == [0, 1]


@pytest.mark.parametrize("train", ["head", "last-stage"])
def test_the_kept_model_gives_the_teachers_embeddings(train, backbone, pictures, runtime, tmp_path):
    config = dataclasses.replace(TINY, train=train)
    made = trainer(config, backbone, pictures, tmp_path / "run", runtime)
    run(made)
    batch = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    before = made.finish()
    after = embedder.load(tmp_path / "run", backbone)
    np.testing.assert_allclose(before.embed(batch), after.embed(batch), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(after.embed(batch), axis=1), 1, atol=1e-5)
    attention = after.attention(batch)
    assert attention.shape == (2, 1, 1)
    assert attention.dtype == np.float16
    np.testing.assert_allclose(attention.sum((1, 2)), 1, atol=1e-2)
    assert after.features(batch).shape == (2, made.dim, 1, 1)


def test_training_leaves_the_backbone_as_it_was(backbone, pictures, runtime, tmp_path):
    before = {k: v.clone() for k, v in backbone.model.state_dict().items()}
    config = dataclasses.replace(TINY, train="all", batch=9)
    run(trainer(config, backbone, pictures, tmp_path / "run", runtime))
    assert same(before, backbone.model.state_dict())


def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(
    backbone, pictures, runtime, tmp_path, monkeypatch
):
    run(trainer(TINY, backbone, pictures, tmp_path / "run", runtime), steps=2)
    kept = (tmp_path / "run" / RESUME).read_bytes()
    made = trainer(TINY, backbone, pictures, tmp_path / "run", runtime, save_every=0)
    real = learner.cmd_loss

    def broken(*args, **kwargs):
        terms = real(*args, **kwargs)
        return dataclasses.replace(terms, total=terms.total * float("nan"))

    monkeypatch.setattr(learner, "cmd_loss", broken)
    with pytest.raises(UserError, match="no number"):
        run(made)
    assert (tmp_path / "run" / RESUME).read_bytes() == kept


def test_another_seed_cannot_go_on(backbone, pictures, runtime, tmp_path):
    run(trainer(TINY, backbone, pictures, tmp_path / "run", runtime), steps=1)
    other = trainer(TINY, backbone, pictures, tmp_path / "run", runtime, seed=1)
    with pytest.raises(UserError, match="another seed"):
        run(other)


def test_a_picture_that_cannot_be_read_is_left_out(backbone, runtime, tmp_path):
    pictures = write_pictures(tmp_path / "some", 6)
    pictures.paths[2].write_bytes(b"no picture")
    made = trainer(TINY, backbone, pictures, tmp_path / "run", runtime)
    run(made)
    assert [s.path for s in made.skipped] == [str(pictures.paths[2])]
    assert 2 not in made._usable
    shutil.rmtree(made.cache.folder)


def test_a_transformer_trains(pictures, runtime, tmp_path):
    vit = tiny_backbone("test_vit")
    config = dataclasses.replace(TINY, train="last-stage", epochs=1)
    reports = run(trainer(config, vit, pictures, tmp_path / "run", runtime))
    assert np.isfinite(reports[-1].losses["total"])
