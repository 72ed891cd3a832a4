"""What items without a name teach ECAML."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fgvc_studio.analysis import probes
from fgvc_studio.analysis.metrics_retrieval import retrieval
from fgvc_studio.methods.ecaml import alike, losses, plan
from fgvc_studio.methods.ecaml.config import EcamlConfig, resolved
from fgvc_studio.methods.ecaml.learner import EcamlLearner
from fgvc_studio.methods.ecaml.model import EcamlNetwork, rebuilt
from fgvc_studio.methods.ecaml.start import Start, at_start, discriminants, start, with_neighbours
from fgvc_studio.methods.ecaml.trainer import EcamlTrainer
from fgvc_studio.methods.mutual import mutual_pairs, scatter_and_means
from fgvc_studio.vision.split import cut
from tests.unit.methods.conftest import write_categories

DIM = 24


@pytest.fixture(scope="module")
def world():
    """Named items of 12 categories, that differ in the first half of the directions only, and 8
    categories without a name, that differ in the second half only."""
    rng = np.random.default_rng(0)

    def items(categories, own):
        centres = np.zeros((categories, DIM))
        centres[:, own] = 1.5 * rng.normal(size=(categories, DIM // 2))
        labels = np.repeat(np.arange(categories), 12)
        return (centres[labels] + rng.normal(size=(len(labels), DIM))).astype(np.float32), labels

    named, labels = items(12, slice(0, DIM // 2))
    others, theirs = items(8, slice(DIM // 2, DIM))
    return named, labels + 1, others, theirs


@pytest.fixture
def groups_of(world):
    named, labels, others, _ = world
    made = with_neighbours(named, labels, np.concatenate([named, others]), others, 5)
    both = torch.from_numpy(np.concatenate([named, others]))
    return made, alike.Alike(both[len(named) :], made.pairs, at_start(made, both))


def test_mutual_pairs_by_hand():
    angles = np.radians([0, 1, 2.5, 90, 93, 180])
    space = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert mutual_pairs(space, 1).tolist() == [[0, 1], [3, 4]]
    assert mutual_pairs(space, 2).tolist() == [[0, 1], [0, 2], [1, 2], [3, 4], [4, 5]]
    assert mutual_pairs(space, 50).shape == (15, 2)
    assert mutual_pairs(space[:1], 3).shape == (0, 2)


def test_scatter_and_means_are_sums_over_the_pairs():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6, 3))
    pairs = np.array([[0, 1], [0, 2], [1, 2], [3, 4]])
    scatter, means = scatter_and_means(x, pairs)
    wanted = sum(np.outer(x[i] - x[j], x[i] - x[j]) for i, j in pairs) / (2 * len(pairs))
    np.testing.assert_allclose(scatter, wanted, atol=1e-12)
    np.testing.assert_allclose(means[0], x[:3].mean(0), atol=1e-12)
    np.testing.assert_allclose(means[4], x[3:5].mean(0), atol=1e-12)
    np.testing.assert_allclose(means[5], x[5], atol=1e-12)


def test_unnamed_items_are_those_not_learned_from(monkeypatch):
    everything = np.arange(20, dtype=np.float32).reshape(10, 2)
    everything[9] = np.nan
    found = alike.unnamed(everything, np.array([0, 4, -1]), seed=0)
    np.testing.assert_array_equal(found, everything[[1, 2, 3, 5, 6, 7, 8]])
    monkeypatch.setattr(alike, "MOST", 4)
    first, again = (alike.unnamed(everything[:9], np.array([0]), seed=3) for _ in range(2))
    assert len(first) == 4
    np.testing.assert_array_equal(first, again)


def test_groups_are_an_item_and_its_mutual_neighbours(groups_of):
    made, found = groups_of
    mates = {tuple(p) for p in made.pairs.tolist()}
    drawn = found.groups(16, torch.Generator().manual_seed(0))
    assert drawn.shape == (16, alike.GROUP)
    assert len(drawn[:, 0].unique()) == 16
    for first, *rest in drawn.tolist():
        assert all((min(first, mate), max(first, mate)) in mates for mate in rest)
    assert found.groups(500, torch.Generator().manual_seed(0)).shape == (500, alike.GROUP)
    again = found.groups(16, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, again)


def test_only_what_is_far_at_the_start_is_pushed_away(world, groups_of, monkeypatch):
    named, _, others, _ = world
    monkeypatch.setattr(alike, "UNSURE", 6)
    made, _ = groups_of
    both = torch.from_numpy(np.concatenate([named, others]))
    space = at_start(made, both)
    found = alike.Alike(both[len(named) :], made.pairs, space)
    rows = np.arange(0, len(named), 5)
    groups = found.groups(6, torch.Generator().manual_seed(2))
    far = found.foreign(rows, groups)
    places = np.concatenate([rows, len(named) + groups.flatten().numpy()])
    cosine = (space @ space.T).numpy()
    np.fill_diagonal(cosine, -9)
    near = np.zeros(cosine.shape, bool)
    np.put_along_axis(near, np.argsort(-cosine, 1)[:, :6], True, 1)
    near |= near.T
    np.fill_diagonal(near, True)
    wanted = ~near[places[len(rows) :][:, None], places]
    one = np.arange(len(groups)).repeat(alike.GROUP)
    wanted[:, len(rows) :] &= one[:, None] != one
    np.testing.assert_array_equal(far.numpy(), wanted)
    assert far.any() and not far.all()


def test_group_contrast_is_ntxent_where_everything_else_is_foreign():
    x = torch.randn(8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(4).repeat_interleave(2)
    foreign = labels[:, None] != labels
    wanted = losses.ntxent(x, labels, 0.3)
    torch.testing.assert_close(losses.group_contrast(x, 2, foreign, 0.3), wanted)
    more = torch.cat([torch.ones(3, 5, dtype=torch.float64), x])
    wide = torch.cat([torch.zeros(8, 3, dtype=torch.bool), foreign], 1)
    torch.testing.assert_close(losses.group_contrast(more, 2, wide, 0.3), wanted)
    wide[:, 0] = True
    assert losses.group_contrast(more, 2, wide, 0.3) > wanted
    alone = losses.group_contrast(x, 2, torch.zeros_like(foreign), 0.3)
    torch.testing.assert_close(alone, torch.zeros_like(alone))


def map_at_r(space, labels):
    found = retrieval(space, labels, space, labels, np.arange(len(space)))
    return float(np.nanmean(found.map_at_r))


def test_the_start_tells_apart_what_no_name_does(world):
    named, labels, others, theirs = world
    everything = np.concatenate([named, others])
    plain = discriminants(named, labels, everything, 11)
    both = with_neighbours(named, labels, everything, others, 5)
    before, after = (
        map_at_r(at_start(m, torch.from_numpy(others)).numpy(), theirs) for m in (plain, both)
    )
    assert after > before + 0.05
    gram = both.weight @ both.weight.T
    torch.testing.assert_close(gram, torch.eye(len(gram)), atol=1e-4, rtol=0)
    assert len(with_neighbours(named, labels, everything, others, 5, 7).weight) == 7


def test_few_items_without_a_name_leave_the_discriminants(world):
    named, labels, others, _ = world
    assert with_neighbours(named, labels, named, others[:20], 5) is None
    config = resolved(EcamlConfig(), 12)
    plain = discriminants(named, labels, named, config.dim)
    for few in (None, others[:20]):
        found = start(config, named, labels, named, unnamed=few)
        assert found.pairs is None
        assert torch.equal(found.weight, plain.weight)
    off = dataclasses.replace(config, neighbours=0)
    assert start(off, named, labels, named, unnamed=others).pairs is None


def network_of(backbone, made: Start, keep):
    split = dataclasses.replace(cut(backbone, "head", pooled=True), dim=DIM)
    return EcamlNetwork(split, made, keep=keep), split


def test_the_space_before_the_metric_stays_beside_it(backbone, world, groups_of):
    made, _ = groups_of
    network, split = network_of(backbone, made, 0.5)
    inputs = torch.from_numpy(world[0])
    found = network.embed(inputs)
    assert found.shape[1] == network.dim == len(made.weight) + DIM
    metric = F.normalize(network.head(network.trunk(inputs)), dim=1)
    before = F.normalize(network.features(inputs), dim=1)
    wanted = (metric @ metric.T + 0.25 * before @ before.T) / 1.25
    torch.testing.assert_close(found @ found.T, wanted, atol=1e-5, rtol=0)
    assert torch.equal(rebuilt(split, network.state_dict()).embed(inputs), found)
    plain, _ = network_of(backbone, made, 0.0)
    old = rebuilt(split, plain.state_dict())  # as runs before there was such a part kept it
    torch.testing.assert_close(old.embed(inputs), metric)


def test_neighbours_teach_as_much_as_names(backbone, world, groups_of, runtime):
    named, labels, _, _ = world
    made, others = groups_of

    def learner(alike_):
        network, _ = network_of(backbone, made, 0.5)
        config = resolved(EcamlConfig(groups=8), 12)
        features = torch.from_numpy(named)
        return EcamlLearner(
            network,
            config,
            runtime,
            torch.from_numpy(labels),
            lambda rows, views, step: features[rows],
            lambda: features,
            None,
            seed=0,
            total=10,
            alike=alike_,
        )

    from fgvc_studio.methods.loop import Clock

    rows, clock = np.arange(0, 48), Clock(0, 0, 10)
    plain = learner(None).losses(rows, slice(0, 48), clock)
    found = learner(others).losses(rows, slice(0, 48), clock)
    assert "neighbours" not in plain
    for name in ("metric", "log_energy", "row_norm"):
        torch.testing.assert_close(found[name], plain[name])
    wanted = plain["total"] + (found["neighbours"] - plain["metric"]) / 2
    torch.testing.assert_close(found["total"], wanted)


def test_a_run_learns_from_items_without_a_name(backbone, runtime, tmp_path):
    pictures, labels = write_categories(tmp_path / "pictures", [3] * 11)
    rng = np.random.default_rng(0)
    heaps = rng.normal(size=(6, backbone.dim)).repeat(12, 0)
    heaps += 0.3 * rng.normal(size=heaps.shape)
    own = rng.normal(size=(len(labels), backbone.dim))
    everything = np.concatenate([heaps, own]).astype(np.float32)
    config = EcamlConfig(
        steps=2, categories_per_batch=4, per_category=2, views=1, groups=4, compare=False
    )

    def run(places, folder):
        made = EcamlTrainer(
            config, backbone, pictures, tmp_path / folder, tmp_path / "views", labels=labels,
            everything=everything, places=places, runtime=runtime,
        )  # fmt: skip
        list(made.prepare())
        reports = list(made.steps())
        return made, reports, made.finish()

    made, reports, embedder = run(np.arange(len(heaps), len(everything)), "with")
    assert all("neighbours" in r.losses for r in reports)
    away = len(made.parts.hidden)
    assert made.results[plan.TRAINED]["unnamed"] == len(heaps) + away
    assert made.results[plan.FINAL]["unnamed"] == len(heaps)
    assert any(f"among {len(heaps) + away} items without a name" in n for n in made.notes)
    assert embedder.dim == made.dim == embedder.from_pooled(everything).shape[1]
    assert {"map@r - lda", "map@r - frozen"} & made.findings().difference.keys()
    made, reports, _ = run(None, "without")
    assert not any("neighbours" in r.losses for r in reports)
    assert not any("without a name" in n for n in made.notes)


def test_the_baseline_stays_the_discriminants_of_the_names_alone(backbone, runtime, tmp_path):
    pictures, labels = write_categories(tmp_path / "pictures", [4] * 11)
    config = EcamlConfig(steps=1, categories_per_batch=4, per_category=2, views=1, compare=False)
    made = EcamlTrainer(
        config, backbone, pictures, tmp_path / "run", tmp_path / "views", labels=labels,
        runtime=runtime,
    )  # fmt: skip
    list(made.prepare())
    list(made.steps())
    pooled = made.features.clean(np.arange(len(labels))).float().numpy()
    made.finish()
    rows, hidden = made.parts.learned, made.parts.hidden
    components = probes.pca_space(probes.unit(pooled[made.parts.everyone]))
    wanted = probes.lda_space(components, rows, made.labels[rows])[hidden]
    assert made._scored["lda"].mean("map@r") == pytest.approx(
        map_at_r(wanted, made.labels[hidden]), abs=1e-6
    )
