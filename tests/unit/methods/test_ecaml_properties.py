"""What must hold of ECAML whatever the numbers."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from fgvc_studio.analysis import probes
from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.ecaml import batches, losses, plan, readout
from fgvc_studio.methods.ecaml.config import EcamlConfig, preset, resolved
from fgvc_studio.methods.ecaml.learner import EcamlLearner
from fgvc_studio.methods.ecaml.model import EcamlNetwork
from fgvc_studio.methods.ecaml.start import start
from fgvc_studio.vision.split import cut

DIM = 24


@pytest.fixture(scope="module")
def world():
    """Pooled features of 14 categories, and of unnamed items."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(1, 15), rng.integers(4, 9, 14))
    centres = rng.normal(size=(15, DIM))
    named = centres[labels] + 0.7 * rng.normal(size=(len(labels), DIM)) + 0.5
    everything = np.concatenate([named, rng.normal(size=(40, DIM)) + 0.5])
    return named.astype(np.float32), labels.astype(np.int64), everything.astype(np.float32)


def batch(seed=0, sizes=(2, 3, 4, 1), dim=6):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    labels = labels[torch.randperm(len(labels), generator=draw)]
    return torch.randn(len(labels), dim, generator=draw, dtype=torch.float64), labels


def brute(x, labels):
    n = len(x)
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if labels[i] != labels[j]]
    return sum((x[i] - x[j]).square().sum() / 2 for i, j in pairs) / len(pairs)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [(2, 3, 4, 1), (1, 1), (7, 2), (5, 5, 5)])
def test_the_closed_form_is_the_sum_over_pairs(seed, sizes):
    x, labels = batch(seed, sizes)
    x.requires_grad_(True)
    found, wanted = losses.energy(x, labels), brute(x, labels)
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=0)
    gradients = [torch.autograd.grad(v.log(), x)[0] for v in (found, wanted)]
    torch.testing.assert_close(*gradients, atol=1e-9, rtol=0)


def test_a_far_origin_costs_no_precision():
    x, labels = batch(1)
    moved = losses.energy_confusion((x + 1e3).float(), labels)
    torch.testing.assert_close(
        moved.double(), losses.energy_confusion(x, labels), atol=1e-3, rtol=0
    )


def test_log_energy_under_translation_and_scaling():
    x, labels = batch(2)
    value = losses.energy_confusion(x, labels)
    torch.testing.assert_close(losses.energy_confusion(x + 3.0, labels), value)
    torch.testing.assert_close(
        losses.energy_confusion(x / 4, labels), value - 2 * math.log(4), atol=1e-9, rtol=0
    )


def test_equal_embeddings_stay_finite():
    x = torch.ones(6, 4, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    for pairs in (None, losses.draw_pairs(6, 2, torch.Generator().manual_seed(0))):
        value = losses.energy_confusion(x, labels, pairs)
        assert torch.isfinite(value)
        assert torch.isfinite(torch.autograd.grad(value, x)[0]).all()
    for name in ("ntxent", "multisim", "binomial", "npair", "triplet"):
        assert torch.isfinite(losses.base_loss(name)(x, labels))


def test_drawn_pairs_are_later_and_different():
    draw = torch.Generator().manual_seed(0)
    pairs = losses.draw_pairs(40, 10, draw)
    assert len(pairs) == 20 * 10
    assert bool((pairs[:, 1] >= pairs[:, 0] + 2).all())
    assert int(pairs.max()) <= 39
    assert len(set(map(tuple, pairs.tolist()))) == len(pairs)
    assert len(losses.draw_pairs(4, 10, draw)) > 0


# ---- the step ------------------------------------------------------------------------------
def network_of(backbone, world, config=None, keep=0.0, **more):
    named, labels, everything = world
    config = resolved(dataclasses.replace(config or EcamlConfig(), **more), 14)
    split = dataclasses.replace(cut(backbone, "head", pooled=True), dim=DIM)
    made = start(config, named, labels, everything)
    network = EcamlNetwork(split, made, confuse_trunk=config.confuse_trunk, keep=keep)
    return network, config


def learner_of(backbone, world, runtime, **more):
    named, labels, _ = world
    network, config = network_of(backbone, world, **more)
    features = torch.from_numpy(named)
    return EcamlLearner(
        network,
        config,
        runtime,
        torch.from_numpy(labels),
        lambda rows, views, step: features[rows],
        lambda: features[:20],
        None,
        seed=0,
        total=10,
    )


def moved(network):
    """Moves the adapter off the identity, so that its inner layer gets gradients too."""
    with torch.no_grad():
        network.adapter.outer.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("reaches", [False, True])
def test_confusion_reaches_the_trunk_only_when_told(backbone, world, reaches):
    network, _ = network_of(backbone, world, confuse_trunk=reaches)
    moved(network)
    outputs = network(torch.from_numpy(world[0]))
    losses.energy_confusion(outputs.confused, torch.from_numpy(world[1])).backward()
    for name, parameter in network.named_parameters():
        nothing = parameter.grad is None or not parameter.grad.any()
        assert nothing == (name.startswith("adapter.") and not reaches), name


@pytest.mark.parametrize("base", ["ntxent", "binomial", "multisim"])
def test_without_its_terms_it_is_the_base_loss_bit_for_bit(backbone, world, runtime, base):
    made = learner_of(backbone, world, runtime, confusion=0.0, row_norm=0.0, base=base)
    f = made.network(torch.from_numpy(world[0]))
    labels = torch.from_numpy(world[1])
    found = made.terms(f.embedding, f.confused, f.rows, labels, torch.Generator())
    wanted = losses.base_loss(base, made.config.temperature)(f.embedding, labels)
    assert torch.equal(found["total"], wanted)
    assert not found["log_energy"].requires_grad
    first, second = (
        torch.autograd.grad(v, f.embedding, retain_graph=True)[0] for v in (found["total"], wanted)
    )
    assert torch.equal(first, second)


def test_a_batch_of_one_category_has_no_confusion(backbone, world, runtime):
    made = learner_of(backbone, world, runtime)
    f = made.network(torch.from_numpy(world[0][:4]))
    labels = torch.ones(4, dtype=torch.int64)
    found = made.terms(f.embedding, f.confused, f.rows, labels, torch.Generator())
    assert "log_energy" not in found
    assert torch.isfinite(found["total"])


def test_weight_decay_spares_vectors(backbone, world, runtime):
    made = learner_of(backbone, world, runtime)
    for group in made.optimiser.param_groups:
        flat = {p.ndim > 1 for p in group["params"]}
        assert len(flat) == 1
        assert group["weight_decay"] == (2e-4 if flat.pop() else 0.0)


def test_a_shrunken_metric_raises_an_alarm(backbone, world, runtime):
    made = learner_of(backbone, world, runtime)
    with torch.no_grad():
        made.network.head.weight.mul_(0.1)
        made.network.head.bias.fill_(9.0)
    from fgvc_studio.methods.loop import Clock

    found, alarms = made.diagnose(Clock(0, 1, 1))
    assert found["row_length"] < 0.5 and found["mean_cosine"] > 0.95
    assert len(alarms) == 2


# ---- the start -----------------------------------------------------------------------------
def test_step_0_is_the_discriminant_space(backbone, world):
    named, labels, everything = world
    network, config = network_of(backbone, world)
    assert config.init == "lda" and config.dim == 13
    found = network.embed(torch.from_numpy(named)).numpy()
    components = probes.pca_space(probes.unit(everything))
    wanted = probes.lda_space(components, np.arange(len(named)), labels)[: len(named)]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=1e-4)


@pytest.mark.parametrize("init", ["lda", "pca"])
def test_rows_have_length_1_at_the_start(backbone, world, init):
    network, _ = network_of(backbone, world, init=init)
    gram = (network.head.weight @ network.head.weight.T).detach()
    torch.testing.assert_close(gram, torch.eye(len(gram)), atol=1e-4, rtol=0)


def test_what_is_left_open_is_chosen():
    quick = resolved(preset("quick", 100), 54)
    assert (quick.init, quick.dim, quick.confusion, quick.temperature) == ("lda", 48, 2.0, 0.3)
    assert (quick.lr_trunk, quick.lr_head, quick.steps) == (3e-4, 1e-4, 400)
    tail = resolved(preset("quick", 100, "last-stage"), 54)
    assert (tail.confusion, tail.temperature, tail.lr_head, tail.steps) == (0.1, 0.1, 1e-4, 600)
    few = resolved(preset("quick", 100), 9)
    assert (few.init, few.dim, few.confusion, few.lr_head) == ("pca", 128, 0.1, 1e-3)
    whole = resolved(preset("full", 100, "all"), 54)
    assert (whole.init, whole.dim, whole.lr_trunk, whole.steps) == ("pca", 128, 1e-5, 5000)
    assert resolved(preset("full", 100), 20).dim == 19
    kept = resolved(EcamlConfig(confusion=0.0), 54)
    assert kept.confusion == 0.0


# ---- batches -------------------------------------------------------------------------------
def test_batches_hold_equal_parts_of_categories():
    labels = np.repeat([3, 5, 9, 11], [6, 2, 4, 9])
    made = batches.CategorySampler(labels, 4, 3, seed=0, steps_per_epoch=10)
    assert made.batch == 12
    drawn = [made.rows(step) for step in range(20)]
    for rows in drawn:
        _, counts = np.unique(labels[rows], return_counts=True)
        assert counts.tolist() == [4, 4, 4]
    assert {int(c) for rows in drawn for c in labels[rows]} == {3, 5, 9, 11}
    assert np.array_equal(drawn[7], made.rows(7))
    assert not np.array_equal(drawn[0], drawn[1])


def test_two_small_categories_make_a_batch():
    labels = np.array([1, 1, 2, 2, 2])
    made = batches.CategorySampler(labels, 4, 32, seed=0, steps_per_epoch=1)
    rows = made.rows(0)
    assert np.bincount(labels[rows]).tolist() == [0, 4, 4]
    views = batches.drawn_views(rows, 5, torch.Generator().manual_seed(0))
    seen = set(zip(rows.tolist(), views.tolist(), strict=True))
    assert len(seen) == len(rows)  # repeated items show different views


def test_batches_are_shared_evenly_or_refused():
    labels = np.repeat(np.arange(5), 3)
    assert batches.CategorySampler(labels, 3, 5, 0, 1, world=2).batch == 12
    with pytest.raises(UserError, match="shared"):
        batches.CategorySampler(labels, 3, 5, 0, 1, world=7)
    with pytest.raises(UserError, match="two categories"):
        batches.CategorySampler(np.zeros(8, np.int64), 4, 2, 0, 1)


def test_repeats_are_counted_in_order():
    rows = np.array([4, 1, 4, 4, 0, 1])
    assert batches.repeats(rows).tolist() == [0, 0, 1, 2, 0, 1]


def test_single_items_and_unnamed_ones_are_not_learned():
    labels = np.array([0, 2, 2, 7, 0, 9, 9])
    assert batches.learned_rows(labels).tolist() == [1, 2, 5, 6]


def test_hidden_categories_are_a_seeded_fifth():
    labels = np.repeat(np.arange(1, 41), 2)
    found = batches.hidden_categories(labels, 0.2, 0, 10)
    assert len(found) == 8
    assert np.array_equal(found, batches.hidden_categories(labels, 0.2, 0, 10))
    assert not np.array_equal(found, batches.hidden_categories(labels, 0.2, 1, 10))
    assert len(batches.hidden_categories(labels[:20], 0.2, 0, 10)) == 3
    assert len(batches.hidden_categories(labels[:18], 0.2, 0, 10)) == 0


# ---- the read-out --------------------------------------------------------------------------
def test_distances_of_categories():
    rng = np.random.default_rng(0)
    x, labels = probes.unit(rng.normal(size=(9, 4))), np.array([4, 4, 4, 1, 1, 8, 8, 8, 8])
    names, found = readout.of_categories(x, labels)
    assert names.tolist() == [1, 4, 8]
    square = ((x[:, None] - x[None]) ** 2).sum(-1)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            part = square[labels == a][:, labels == b]
            n = len(part)
            wanted = part.mean() if i != j else part.sum() / (n * (n - 1))
            assert found[i, j] == pytest.approx(wanted, abs=1e-6)
    told = readout.table_of_categories(x, labels)
    distances = [pair["distance"] for pair in told["closest_pairs"]]
    assert len(distances) == 3 and distances == sorted(distances)


def test_a_space_that_is_no_better_is_not_praised():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 5)
    noise = probes.unit(rng.normal(size=(30, 8)))
    good = probes.unit(np.eye(8)[labels] + 0.05 * rng.normal(size=(30, 8)))
    one, other = readout.scores(noise, labels), readout.scores(good, labels)
    worse = readout.findings({"frozen": other, "trained": one}, 6)
    assert not worse.better and "not better" in worse.verdict
    better = readout.findings({"frozen": one, "lda": other, "trained": other}, 6)
    assert better.better and "not better than shrunken discriminants" in better.verdict
    assert better.metrics["map@r"]["value"] == pytest.approx(other.mean("map@r"))


def test_the_last_training_is_as_long_as_nothing_tells_against_it():
    def enough(*curve):
        best = max(range(len(curve)), key=curve.__getitem__)
        return plan.enough({"epoch": best, "score": curve[best], "curve": list(curve)})

    assert enough(0.7, 0.75, 0.748, 0.745) == 3
    assert enough(0.7, 0.75, 0.745, 0.70) == 2
    assert enough(0.7, 0.6, 0.5) == 0
    assert plan.enough({"epoch": 4, "score": None, "curve": []}) == 4
