"""Runs of Cr-KD on tiny pictures and on made-up vectors."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.config import changed
from fgvc_studio.methods.crkd import discovery, gate, stages
from fgvc_studio.methods.crkd.config import CrkdConfig, preset
from fgvc_studio.methods.crkd.source import PictureSource, view_spec
from fgvc_studio.methods.crkd.stages import Stages
from fgvc_studio.methods.crkd.trainer import RESUME, CrkdTrainer
from tests.unit.methods.conftest import drained, write_pictures

TINY = CrkdConfig(
    novel=2,
    gate="off",
    known_epochs=2,
    known_warmup=1,
    epochs=2,
    warmup=1,
    least_steps=1,
    hidden=12,
    projection=6,
    views=3,
)
LABELS = np.array([5, 5, 5, 9, 9, 9, 7, 7, -1, -1, -1, -1, -1, -1])


class Vectors:
    """A source of noisy vectors around class centres."""

    adapt, fixed = True, True

    def __init__(self, y, dim=16, views=3, noise=0.5, seed=0):
        rng = np.random.default_rng(seed)
        centres = np.linalg.qr(rng.standard_normal((dim, dim)))[0][: y.max() + 1] * 6
        clean = centres[y] + rng.normal(0, noise, (len(y), dim))
        made = clean[:, None] + rng.normal(0, noise, (len(y), views, dim))
        self.dim = dim
        self._clean = torch.tensor(clean, dtype=torch.float32)
        self._views = torch.tensor(made, dtype=torch.float32)

    def body(self):
        return nn.Identity()

    def fetch(self, rows, views, step):
        return list(self._views[torch.from_numpy(rows)[:, None], views].transpose(0, 1))

    def clean(self, rows):
        yield from self._clean[torch.from_numpy(rows)].split(32)


def of_vectors(config, y, known, runtime, tmp_path, unlabelled=(), **more):
    labels = np.where(y < known, y, -1)
    labels[list(unlabelled)] = -1
    source = Vectors(y, views=config.views)
    return Stages(
        config, source, labels, np.arange(len(y)), runtime, path=tmp_path / RESUME, **more
    )


def trainer(config, backbone, pictures, folder, runtime, **more):
    options = {"labels": LABELS, "runtime": runtime, **more}
    return CrkdTrainer(config, backbone, pictures, folder, folder.parent / "views", **options)


def run(made, steps=None):
    list(made.prepare())
    reports = []
    for report in made.steps():
        reports.append(report)
        if steps and report.step >= steps:
            made.save()
            break
    return reports


@pytest.fixture
def pile(tmp_path):
    return write_pictures(tmp_path / "pictures", len(LABELS))


def weights(made):
    return {**made.stages.done["discover"]["network"]}


@pytest.mark.parametrize(
    ("train", "stop"), [("head", 2), ("head", 7), ("last-stage", 5), ("all", 7)]
)
def test_a_resumed_run_equals_an_uninterrupted_one(train, stop, backbone, pile, runtime, tmp_path):
    config = dataclasses.replace(TINY, train=train, batch=5)
    whole = trainer(config, backbone, pile, tmp_path / "whole", runtime)
    reports = run(whole)
    assert [r.step for r in reports] == list(range(1, reports[-1].total + 1))
    first = run(trainer(config, backbone, pile, tmp_path / "cut", runtime), steps=stop)
    second = trainer(config, backbone, pile, tmp_path / "cut", runtime)
    rest = run(second)
    assert [r.step for r in first + rest] == [r.step for r in reports]
    a, b = weights(whole), weights(second)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)
    mine, theirs = (m.stages.propose() for m in (whole, second))
    assert np.array_equal(mine.probabilities, theirs.probabilities)
    assert mine.best_head == theirs.best_head


@pytest.mark.parametrize("stop", [1, 5, 9])
def test_every_stage_can_be_resumed(stop, runtime, tmp_path):
    y = np.repeat(np.arange(5), 8)
    config = dataclasses.replace(TINY, gate="on", batch=12, known_epochs=2)
    made = []
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
        made.append(of_vectors(config, y, 3, runtime, tmp_path / name))
    whole, cut = made
    reports = [r for r in whole.steps() if r.losses]
    for report in cut.steps():
        if report.step == stop:
            cut.save()
            break
    again = of_vectors(config, y, 3, runtime, tmp_path / "cut")
    rest = [r for r in again.steps() if r.losses]
    assert [r.step for r in rest] == [r.step for r in reports][stop:]
    a, b = (m.done["discover"]["network"] for m in (whole, again))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_finished_run_can_be_loaded_and_predicts(backbone, pile, runtime, tmp_path):
    made = trainer(TINY, backbone, pile, tmp_path / "run", runtime)
    run(made)
    found = made.finish()
    assert found.proposals.rows.tolist() == list(range(8, 14))
    assert found.model.classes.tolist() == [5, 7, 9]
    assert found.proposals.relation.shape == (2, 3)
    assert found.novel == found.low == found.high == 2
    for head in [found.model.network.base.head, *(h.prototypes for h in found.model.network.heads)]:
        assert torch.allclose(head.weight.norm(dim=1), torch.ones(len(head.weight)), atol=1e-6)
    loaded = discovery.load(tmp_path / "run", backbone)
    assert np.array_equal(loaded.proposals.probabilities, found.proposals.probabilities)
    assert np.isnan(loaded.known_accuracy) or loaded.known_accuracy == found.known_accuracy
    made.cache.open()
    clean = [x.clone() for x in made.source.clean(np.arange(14))]
    predicted = loaded.model.predict(clean)
    assert np.array_equal(predicted, found.model.predict(clean))
    assert predicted.shape == (14,)
    assert predicted.max() < 5
    made.drop_cache()
    assert not made.cache.folder.exists()
    (tmp_path / "run" / "config.json").unlink()
    with pytest.raises(UserError, match="settings"):
        discovery.load(tmp_path / "run", backbone)


def test_unreadable_pictures_are_left_out(backbone, pile, runtime, tmp_path):
    pile.paths[10].write_bytes(b"no picture")
    made = trainer(TINY, backbone, pile, tmp_path / "run", runtime)
    run(made)
    assert [s.path for s in made.skipped] == [str(pile.paths[10])]
    assert 10 not in made.finish().proposals.rows


def test_clear_classes_are_found_and_the_teacher_rests(runtime, tmp_path):
    y = np.repeat(np.arange(7), 24)
    config = dataclasses.replace(
        TINY,
        novel=3,
        known_epochs=15,
        epochs=40,
        warmup=3,
        hidden=32,
        projection=16,
        batch=64,
        lr=0.02,
        min_lr=0.002,
    )
    made = of_vectors(config, y, 4, runtime, tmp_path)
    teacher = None
    diagnostics = []
    for report in made.steps():
        if "known" in made.done and teacher is None:
            teacher = {k: v.clone() for k, v in made.teacher.state_dict().items()}
            assert made.propose().probabilities.shape == (72, 3)  # a preview while it trains
        if report.diagnostics:
            diagnostics.append(report.diagnostics)
    assert all(torch.equal(v, made.teacher.state_dict()[k]) for k, v in teacher.items())
    assert made.done["known"]["accuracy"] == 1.0
    found = made.propose()
    assert len({tuple(p) for p in zip(y[72 + 24 :], found.assignment, strict=True)}) == 3
    assert found.confidence.mean() > 0.8
    assert {"mean_eta", "best_head", "largest_cluster", "empty_clusters"} <= set(diagnostics[-1])
    masses = [d["mean_eta"] for d in diagnostics if "mean_eta" in d]
    assert masses[-1] < masses[0]


def test_the_gate_sets_known_items_apart_and_changes_nothing_else(runtime, tmp_path):
    y = np.repeat(np.arange(15), 12)
    hidden_known = np.arange(0, 144, 6)  # known classes without a label in the pile
    config = dataclasses.replace(TINY, novel=3, known_epochs=20, epochs=2, batch=64, lr=0.02)
    found = {}
    for state in ("on", "off"):
        folder = tmp_path / state
        folder.mkdir()
        made = of_vectors(
            dataclasses.replace(config, gate=state), y, 12, runtime, folder, hidden_known
        )
        list(made.steps())
        found[state] = made
    on, off = found["on"], found["off"]
    assert len(off.done["known"]["gated"]) == 0
    gated = on.done["known"]["gated"].numpy()
    assert np.mean(np.isin(hidden_known, gated)) >= 0.95
    assert (y[gated] >= 12).sum() <= 3  # 5 % of 36 are asked for; more would be rare by chance
    named = on.done["known"]["gated_class"].numpy()
    right = np.isin(gated, hidden_known)
    assert (named[right] == y[gated[right]]).all()
    a, b = on.done["known"]["network"], off.done["known"]["network"]
    assert all(torch.allclose(a[k], b[k], atol=1e-5) for k in a)
    assert set(on.pool) | set(gated) == set(off.pool)


def test_a_run_can_be_left_while_another_process_groups(runtime, tmp_path):
    left = []

    def group(vectors, count, rule, seed):
        assert (vectors.shape, count) == ((24, 16), 2)
        try:
            while True:
                yield "at work"
        finally:
            left.append(rule)

    y = np.repeat(np.arange(5), 8)
    made = of_vectors(dataclasses.replace(TINY, start="umap"), y, 2, runtime, tmp_path, group=group)
    at_work = made.steps()
    reports = [next(at_work)]
    while reports[-1].losses:
        reports.append(next(at_work))
    reports += [next(at_work), next(at_work)]
    assert [r.losses for r in reports[-3:]] == [{}] * 3
    assert {r.step for r in reports[-3:]} == {reports[-4].step}
    assert not left
    at_work.close()
    assert left == ["umap"]
    made.save()
    again = of_vectors(TINY, y, 2, runtime, tmp_path)
    first = next(again.steps())
    assert "swap" in first.losses
    assert first.step == reports[-1].step + 1  # stage 1 is kept
    assert first.total == reports[-1].total


def test_the_gate_keeps_to_its_error_over_many_piles():
    y = np.repeat(np.arange(15), 12)
    labels = np.where(y < 12, y, -1)
    labels[::6][:24] = -1  # known classes without a label
    found, passed = [], []
    for seed in range(20):
        vectors = torch.cat(list(Vectors(y, seed=seed).clean(np.arange(len(y)))))
        units = nn.functional.normalize(vectors, dim=1).numpy()
        job = gate.known(units, labels, error=0.05, part=0.05)
        known = drained(job)
        found.append(known[(labels < 0) & (y < 12)].mean())
        passed.append(known[y >= 12].mean())
    assert min(found) >= 0.95
    assert np.mean(passed) <= 0.05


def test_twenty_items_make_steps(runtime, tmp_path):
    y = np.repeat(np.arange(4), 5)
    config = dataclasses.replace(TINY, least_steps=40)
    reports = list(of_vectors(config, y, 2, runtime, tmp_path).steps())
    assert sum("swap" in r.losses for r in reports) >= 40
    assert all(np.isfinite(v) for r in reports for v in r.losses.values())
    assert reports[-1].step == reports[-1].total


def test_the_number_is_asked_for_once_and_kept(runtime, tmp_path):
    y = np.repeat(np.arange(5), 8)
    asked = []

    def count(vectors, labels, rule):
        asked.append((vectors.shape, int((labels < 0).sum()), rule))
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        return 3, 2, 4

    config = dataclasses.replace(TINY, novel=0, prefer_splitting=True)
    made = of_vectors(config, y, 2, runtime, tmp_path, count=count)
    for report in made.steps():
        if "swap" in report.losses:
            made.save()
            break
    again = of_vectors(config, y, 2, runtime, tmp_path)
    list(again.steps())
    assert asked == [((40, 16), 24, "density")]
    assert again.novel == 4
    assert again.done["known"]["novel_low"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"overcluster_factor": 3},
        {"sinkhorn_rows": "batch"},
        {"prior_mix": 0.5},
        {"alpha": 0.0},
        {"kl": True, "detach_weight": True},
        {"start": "kmeans"},
        {"heads": 1},
    ],
)
def test_every_option_trains(changes, runtime, tmp_path):
    y = np.repeat(np.arange(5), 8)
    made = of_vectors(dataclasses.replace(TINY, **changes), y, 3, runtime, tmp_path)
    reports = list(made.steps())
    assert all(np.isfinite(v) for r in reports for v in r.losses.values())
    assert made.propose().sizes.sum() == 16


def test_the_queue_holds_at_most_five_rows_for_each_prototype(runtime, tmp_path):
    y = np.repeat(np.arange(5), 20)
    config = dataclasses.replace(TINY, batch=8, epochs=3)
    made = of_vectors(config, y, 3, runtime, tmp_path)
    sizes = []
    for report in made.steps():
        if "swap" in report.losses:
            sizes.append(len(made.learner._queues[0]))
    assert max(sizes) == 10
    assert sizes[0] <= 8


def test_few_images_for_many_categories_are_warned_of(runtime, tmp_path):
    y = np.repeat(np.arange(4), 4)
    made = of_vectors(dataclasses.replace(TINY, novel=4, gate="on"), y, 2, runtime, tmp_path)
    alarms = [a for r in made.steps() for a in r.alarms]
    assert any("few for 4" in a for a in alarms)
    assert any("gate is off" in a for a in alarms)


def test_what_cannot_be_done_is_said(backbone, pile, runtime, tmp_path):
    y = np.repeat(np.arange(4), 5)
    with pytest.raises(UserError, match="known ones"):
        of_vectors(TINY, y, 1, runtime, tmp_path)
    with pytest.raises(UserError, match="unlabelled"):
        of_vectors(TINY, y, 4, runtime, tmp_path)
    with pytest.raises(UserError, match="not known"):
        list(of_vectors(dataclasses.replace(TINY, novel=0), y, 2, runtime, tmp_path).steps())
    with pytest.raises(UserError, match="Ask for fewer"):
        made, more = dataclasses.replace(TINY, novel=11), tmp_path / "more"
        more.mkdir()
        list(of_vectors(made, y, 2, runtime, more).steps())
    unfinished = trainer(TINY, backbone, pile, tmp_path / "run", runtime)
    run(unfinished, steps=1)
    with pytest.raises(UserError, match="not over"):
        unfinished.finish()


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(runtime, tmp_path, monkeypatch):
    y = np.repeat(np.arange(5), 8)
    made = of_vectors(TINY, y, 3, runtime, tmp_path)
    steps = made.steps()
    for report in steps:
        if "swap" in report.losses:
            break
    made.save()
    kept = (tmp_path / RESUME).read_bytes()
    made.learner._labels = made.learner._labels.clone()
    monkeypatch.setattr(made.source, "_views", made.source._views * float("nan"))
    with pytest.raises(UserError, match="no number"):
        list(steps)
    assert (tmp_path / RESUME).read_bytes() == kept
    assert stages.DISCOVER not in made.done


def test_views_are_weak_and_keep_hues_where_colour_matters(backbone):
    spec = view_spec(CrkdConfig(), backbone.transform)
    assert spec.scale == (0.5, 1.0)
    assert (spec.colour.hue, spec.colour.grey, spec.colour.brightness) == (0.0, 0.0, 0.2)
    assert view_spec(CrkdConfig(colour_matters=False), backbone.transform).colour.hue > 0


def test_the_last_stage_is_a_copy_for_each_network(backbone, pile, tmp_path):
    source = PictureSource(
        dataclasses.replace(TINY, train="last-stage"),
        backbone,
        pile,
        tmp_path,
        torch.device("cpu"),
        seed=0,
        threads=1,
    )
    first, second = source.body(), source.body()
    mine = {p.data_ptr() for p in first.parameters()}
    assert mine
    assert not mine & {p.data_ptr() for p in second.parameters()}


def test_presets_and_settings():
    assert preset("quick", 100).train == "head"
    full = preset("full", 100)
    assert (full.train, full.hidden) == ("last-stage", 2048)
    assert preset("full", 100, "head").train == "head"
    assert changed(full, {"novel": "27", "gate": "off"}).novel == 27
    with pytest.raises(UserError, match="gate"):
        changed(full, {"gate": "perhaps"})
