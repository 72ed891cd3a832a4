"""Runs of ECAML on tiny pictures."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.ecaml import embedder, plan
from fgvc_studio.methods.ecaml.config import EcamlConfig
from fgvc_studio.methods.ecaml.trainer import READOUT, RESUME, EcamlTrainer
from tests.unit.methods.conftest import tiny_backbone, write_categories

TINY = EcamlConfig(
    steps=4, categories_per_batch=4, per_category=2, views=2, lr_head=1e-3, lr_trunk=1e-3
)
SIZES = [4] * 11 + [1, 2]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return write_categories(tmp_path_factory.mktemp("labelled") / "pictures", SIZES)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("views")


def trainer(config, backbone, labelled, folder, cache, runtime, **more):
    pictures, labels = labelled
    more.setdefault("labels", labels)
    return EcamlTrainer(config, backbone, pictures, folder, cache, runtime=runtime, **more)


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


def same(a, b):
    assert a.keys() == b.keys()
    return all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(
    ("train", "steps", "stops"),
    [("head", 4, (3, 7)), ("last-stage", 2, (3,)), ("all", 1, (1,))],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    train, steps, stops, backbone, labelled, runtime, tmp_path, cache
):
    config = dataclasses.replace(TINY, train=train, steps=steps)
    whole = trainer(config, backbone, labelled, tmp_path / "whole", cache, runtime)
    total = run(whole)[-1].step
    for stop in stops:
        run(trainer(config, backbone, labelled, tmp_path / f"{stop}", cache, runtime), stop)
        second = trainer(config, backbone, labelled, tmp_path / f"{stop}", cache, runtime)
        reports = run(second)
        assert [r.step for r in reports] == list(range(stop + 1, total + 1))
        last = plan.FINAL if plan.FINAL in whole.results else plan.TRAINED
        assert same(whole.results[last]["network"], second.results[last]["network"])
        for name in (plan.TRAINED, plan.PLAIN):
            assert torch.equal(whole.results[name]["vectors"], second.results[name]["vectors"])


@pytest.mark.parametrize("step", [1, 6, 9])
def test_a_run_ended_early_tells_what_there_is(step, backbone, labelled, runtime, tmp_path, cache):
    """Also in the second training, whose half is nothing to compare with."""
    made = trainer(TINY, backbone, labelled, tmp_path / "run", cache, runtime)
    list(made.prepare())
    for report in made.steps():
        if report.step == step:
            made.enough()
    assert made.finish().dim == made.dim
    told = made.findings()
    assert "map@r - lda" in told.difference
    assert ("map@r - plain" in told.difference) is (step == 9)


def test_a_run_tells_what_hidden_categories_say(backbone, labelled, runtime, tmp_path, cache):
    made = trainer(TINY, backbone, labelled, tmp_path / "run", cache, runtime)
    assert made.left_out.tolist() == [12]
    assert made.estimate["categories"] == 12
    assert made.estimate["categories_hidden"] == 3
    reports = run(made)
    assert {"total", "metric", "log_energy", "row_norm"} == reports[0].losses.keys()
    assert {"hidden_map@r", "hidden_recall@1", "row_length"} <= reports[0].diagnostics.keys()
    assert all(r.step <= r.total for r in reports)
    hidden = set(made.labels[made.parts.hidden])
    assert not hidden & set(made.labels[made.parts.learned])
    made.finish()
    found = made.findings()
    assert found.metrics["map@r"]["n"] == len(made.parts.hidden)
    wanted = {"map@r", "recall@1", "map@r - lda", "map@r - plain"}
    assert wanted <= found.difference.keys()
    assert {"nmi", "pairwise_f1", "r_precision", "recall@8"} <= found.metrics.keys()
    assert "hidden from training" in found.verdict
    told = json.loads((tmp_path / "run" / READOUT).read_text())
    gains = [entry["after"] - entry["before"] for entry in told["hidden"]]
    assert gains == sorted(gains)
    assert {entry["category"] for entry in told["hidden"]} == hidden
    assert len(told["known"]["categories"]) == 12


@pytest.mark.parametrize("train", ["head", "last-stage"])
def test_the_kept_model_gives_the_same_embeddings(
    train, backbone, labelled, runtime, tmp_path, cache
):
    config = dataclasses.replace(TINY, train=train, hide=0.0, steps=2)
    made = trainer(config, backbone, labelled, tmp_path / "run", cache, runtime)
    run(made)
    assert made.findings() is None
    assert any("no honest estimate" in note for note in made.notes)
    before = made.finish()
    after = embedder.load(tmp_path / "run", backbone)
    batch = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(before.embed(batch), after.embed(batch), atol=1e-6)
    assert after.embed(batch).shape == (2, made.dim)
    np.testing.assert_allclose(np.linalg.norm(after.embed(batch), axis=1), 1, atol=1e-5)
    assert after.features(batch).shape[:2] == (2, backbone.dim)


def test_the_last_stage_starts_at_the_discriminants_too(
    backbone, labelled, runtime, tmp_path, cache
):
    vectors = []
    for train in ("head", "last-stage"):
        config = dataclasses.replace(
            TINY, train=train, compare=False, refit=False, steps=1, neighbours=0, keep=0.0,
            lr_head=0.0, lr_trunk=0.0,
        )  # fmt: skip
        made = trainer(config, backbone, labelled, tmp_path / train, cache, runtime)
        run(made)
        vectors.append(made.results[plan.TRAINED]["vectors"])
    first, second = (v @ v.T for v in vectors)
    torch.testing.assert_close(first, second, atol=0.02, rtol=0)


def test_few_categories_start_at_principal_directions(backbone, runtime, tmp_path, cache):
    few = write_categories(tmp_path / "few", [3, 3])
    made = trainer(TINY, backbone, few, tmp_path / "run", cache, runtime)
    reports = run(made)
    assert len(reports) == TINY.steps
    assert made.learner.config.init == "pca"
    made.finish()
    assert made.dim == min(128, 6)


def test_the_search_keeps_the_best_strength(
    backbone, labelled, runtime, tmp_path, cache, monkeypatch
):
    monkeypatch.setattr(plan, "SEARCHED", (0.0, 5.0))
    monkeypatch.setattr(plan, "SEARCH_SEEDS", 2)
    config = dataclasses.replace(TINY, steps=1, tune=True)
    made = trainer(config, backbone, labelled, tmp_path / "run", cache, runtime)
    run(made)
    means = {
        s: np.mean([made.results[f"search-{s:g}-{t}"]["score"] for t in (0, 1)]) for s in (0.0, 5.0)
    }
    assert plan.strength(config, made.results) == max(means, key=means.get)


def test_one_category_is_refused(backbone, runtime, tmp_path, cache):
    one = write_categories(tmp_path / "one", [4, 1])
    with pytest.raises(UserError, match="two categories"):
        trainer(TINY, backbone, one, tmp_path / "run", cache, runtime)


def test_a_picture_that_cannot_be_read_is_left_out(backbone, runtime, tmp_path):
    pictures, labels = write_categories(tmp_path / "some", [3, 3, 2])
    pictures.paths[7].write_bytes(b"no picture")
    made = trainer(TINY, backbone, (pictures, labels), tmp_path / "run", tmp_path / "v", runtime)
    run(made)
    assert [s.path for s in made.skipped] == [str(pictures.paths[7])]
    assert set(made.parts.everyone) == set(range(6))  # its category has one item left
    made.drop_cache()
    assert not made.features.cache.folder.exists()


def test_the_other_losses_and_starts_train(backbone, labelled, runtime, tmp_path, cache):
    for base, init, pairs in (
        ("multisim", "pca", "sampled"),
        ("binomial", "xavier", "all"),
        ("npair", "lda", "all"),
        ("triplet", "lda", "sampled"),
    ):
        config = dataclasses.replace(
            TINY, base=base, init=init, pairs=pairs, steps=1, dim=6, compare=False, keep=0.0
        )
        made = trainer(config, backbone, labelled, tmp_path / base, cache, runtime)
        assert np.isfinite(run(made)[-1].losses["total"])
        made.finish()
        assert made.dim == 6
        assert "map@r - lda" in made.findings().difference


def test_a_transformer_trains(labelled, runtime, tmp_path, cache):
    vit = tiny_backbone("test_vit")
    config = dataclasses.replace(TINY, train="last-stage", steps=1, compare=False)
    made = trainer(config, vit, labelled, tmp_path / "run", cache, runtime)
    assert np.isfinite(run(made)[-1].losses["total"])
    assert (tmp_path / "run" / RESUME).is_file()
    made.finish()
