"""Properties of Cr-KD's assignment, losses, network, gate and proposals."""

import numpy as np
import pytest
import torch
from torch import nn

from fgvc_studio.methods.crkd import gate
from fgvc_studio.methods.crkd.losses import joint_targets, known_loss, relation_loss, swap_loss
from fgvc_studio.methods.crkd.model import CrkdNetwork, KnownNetwork, joint
from fgvc_studio.methods.crkd.proposals import Logits, alignment, anywhere, propose
from fgvc_studio.methods.crkd.rounds import kept_ids, start_at_centres
from fgvc_studio.methods.crkd.sinkhorn import assign, sinkhorn
from tests.unit.methods.conftest import drained

C, K, B, D = 4, 3, 10, 8


def cosines(*shape, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=draw, dtype=torch.float64) * 2 - 1


def network(**more):
    torch.manual_seed(0)
    base = KnownNetwork(nn.Identity(), D, C, adapt=True)
    return CrkdNetwork(base, K, hidden=12, projection=6, **more)


def test_sinkhorn_balances_rows_and_columns():
    z = cosines(60, 5)
    assert torch.allclose(sinkhorn(z).sum(1), torch.ones(60, dtype=torch.float64))
    many = sinkhorn(z, iterations=20)
    wanted = torch.full((5,), 12.0, dtype=torch.float64)
    assert torch.allclose(many.sum(0), wanted, atol=0.5)
    assert torch.allclose(sinkhorn(z, iterations=500).sum(0), wanted, atol=1e-3)
    assert torch.allclose(sinkhorn(z + 0.3), sinkhorn(z), atol=1e-12)


def test_sinkhorn_does_not_overflow():
    z = torch.ones(8, 4)
    z[0] = -1
    for values in (z, z.half(), z.bfloat16()):
        found = sinkhorn(values)
        assert found.dtype == torch.float32
        assert torch.isfinite(found).all()
        assert torch.allclose(found.sum(1), torch.ones(8), atol=1e-5)


def test_a_mixed_prior_lets_clusters_differ_in_size():
    units = torch.eye(4, dtype=torch.float64)
    rows = units[torch.tensor([0] * 30 + [1] * 6 + [2] * 2 + [3] * 2)]
    z = rows @ units
    even, own = sinkhorn(z, 0.2), sinkhorn(z, 0.2, mix=1.0)
    assert own[:, 0].sum() > even[:, 0].sum() + 2
    assert torch.equal(sinkhorn(z, mix=0.0), sinkhorn(z))


def test_the_queue_balances_but_gives_no_rows():
    units = nn.functional.normalize(cosines(4, 6), dim=1)
    prototypes = nn.functional.normalize(cosines(3, 6, seed=1), dim=1)
    queue = nn.functional.normalize(cosines(20, 6, seed=2), dim=1)
    found = assign(units, prototypes, queue)
    whole = sinkhorn(torch.cat([units, queue]) @ prototypes.mT)
    assert torch.equal(found, whole[:4])
    assert torch.equal(assign(units, prototypes), sinkhorn(units @ prototypes.mT))


def test_prototypes_are_unit_after_normalise():
    net = network(overcluster=2)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(3.0).add_(0.1)
    net.normalise()
    every = [net.base.head, *(h.prototypes for h in net.heads)]
    assert [len(p.weight) for p in every] == [C, K, K, 2 * K, 2 * K]
    for prototypes in every:
        assert torch.allclose(prototypes.weight.norm(dim=1), torch.ones(len(prototypes.weight)))


def test_the_adapter_is_the_identity_at_the_start():
    net, x = network(), torch.randn(5, D)
    assert torch.equal(net.base.features(x), x)
    seen = net.eval().see(x)
    assert seen.known.shape == (5, C)
    assert all(torch.allclose(u.norm(dim=1), torch.ones(5)) for u in seen.units)


def test_each_view_is_a_batch_of_its_own():
    net = network().train()
    a, b = torch.randn(6, D), torch.randn(6, D) + 3
    first = net([a, b])
    again = network().train()([a, b + 5])
    assert torch.equal(joint(first[:1], [0, 1]), joint(again[:1], [0, 1]))


def test_without_distillation_the_total_is_the_swap_loss():
    from fgvc_studio.methods.crkd.config import CrkdConfig
    from fgvc_studio.methods.crkd.learner import DiscoverLearner
    from fgvc_studio.methods.loop import Clock
    from fgvc_studio.methods.runtime import Runtime

    x = torch.randn(2, 12, D)
    labels = torch.tensor([0, 1, 2, 3] + [-1] * 8)

    def learner(alpha):
        config = CrkdConfig(alpha=alpha, hidden=12, projection=6, views=2, feature_dropout=0)
        return DiscoverLearner(
            network(),
            config,
            Runtime("float32", cpu=True),
            lambda rows, views, step: list(x[:, torch.from_numpy(rows)]),
            lambda rows, views, inputs: torch.zeros(2, len(rows), C),
            labels,
            lambda net, best: torch.ones(K),
            seed=0,
            epochs=1,
            warmup=0,
        )

    rows, clock = np.arange(12), Clock(0, 1, 1)
    plain = learner(0.0).losses(rows, slice(None), clock)
    assert torch.equal(plain["total"], plain["swap"])
    full = learner(0.1).losses(rows, slice(None), clock)
    assert torch.equal(full["swap"], plain["swap"])
    assert torch.allclose(full["total"], full["swap"] + 0.1 * full["relation"])
    # no unlabelled item, then a single one: finite losses all the same
    for some in (np.arange(4), np.arange(5)):
        found = learner(0.1).losses(some, slice(None), clock)
        found["total"].backward()
        assert all(torch.isfinite(v) for v in found.values())
        if len(some) == 4:
            assert not found["relation"].detach().any()


def test_a_detached_weight_gives_novel_logits_no_gradient():
    teacher = cosines(2, 1, 6, C)
    for detached in (True, False):
        leaf = cosines(2, 2, 6, C + K, seed=1).requires_grad_()
        relation_loss(teacher, leaf, detach_weight=detached).per_head.sum().backward()
        assert bool(leaf.grad[..., C:].any()) is not detached


def test_the_weight_has_a_floor_under_it():
    leaf = torch.full((2, 1, 3, C + K), -1.0, dtype=torch.float64)
    leaf[..., C:] = 1.0
    leaf.requires_grad_()
    found = relation_loss(cosines(2, 1, 3, C), leaf, tau=0.01, temperature=1.0)
    assert float(found.mass.max()) < 1e-6
    found.per_head.sum().backward()
    assert torch.isfinite(leaf.grad).all()


def test_permuting_novel_ids_permutes_targets_and_keeps_losses():
    order = torch.tensor([2, 0, 1])
    whole = torch.cat([torch.arange(C), C + order])
    labels = torch.tensor([0, 3] + [-1] * 8)
    logits = cosines(2, 2, B, C + K)
    teacher = cosines(2, 1, 8, C, seed=3)

    def all_losses(z):
        assigned = torch.stack(
            [torch.stack([sinkhorn(h[labels < 0, C:]) for h in view]) for view in z]
        )
        targets = joint_targets(labels, assigned, C)
        relation = relation_loss(teacher, z[:, :, labels < 0]).per_head
        return targets, swap_loss(z, targets), relation

    first, moved = all_losses(logits), all_losses(logits[..., whole])
    assert torch.allclose(first[0][..., whole], moved[0])
    assert torch.allclose(first[1], moved[1])
    assert torch.allclose(first[2], moved[2])
    assert torch.allclose(first[0].sum(-1), torch.ones(2, 2, B, dtype=torch.float64))


def test_the_loss_of_known_classes_is_the_mean_over_views():
    z, y = cosines(2, 5, C), torch.arange(5) % C
    each = [nn.functional.cross_entropy(v / 0.1, y) for v in z]
    assert torch.allclose(known_loss(z, y), torch.stack(each).mean())


def pile(classes, each, unlabelled, novel, seed=0):
    """Blobs: `each` items of known classes, the first of them without a label, then new classes."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(classes + novel), each)
    centres = rng.normal(size=(classes + novel, 24))
    x = centres[y] + 0.5 * rng.normal(size=(len(y), 24))
    labels = np.where(y < classes, y, -1)
    labels[(y < classes) & (np.arange(len(y)) % each < unlabelled)] = -1
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x.astype(np.float32), y, labels.astype(np.int64)


def test_the_gate_tells_known_items_from_those_of_new_classes():
    for unlabelled in (3, 12):
        x, y, labels = pile(20, 16, unlabelled, 8)
        found = drained(gate.known(x, labels, error=0.05, part=0.1))
        pool = labels < 0
        assert not found[~pool].any()
        assert found[pool & (y < 20)].mean() > 0.9
        assert found[y >= 20].mean() <= 0.05


def test_an_item_alone_in_the_pool_and_small_classes_can_be_judged():
    x, _, labels = pile(4, 2, 0, 1)
    found = drained(gate.known(x[:-1], labels[:-1], error=0.05, part=0.5))
    assert found.shape == (8 + 1,)
    assert not found[:8].any()


def test_every_known_class_is_hidden_once_and_two_are_always_left():
    assert gate.rounds(2, 0.2, 0) == []
    for classes, part in ((3, 0.5), (4, 0.5), (50, 0.05), (50, 0.5)):
        groups = gate.rounds(classes, part, 0)
        assert np.array_equal(np.sort(np.concatenate(groups)), np.arange(classes))
        assert classes - max(len(g) for g in groups) >= 2
    assert len(gate.rounds(50, 0.05, 0)) == 20


def test_at_most_its_part_exceeds_both_thresholds():
    rng = np.random.default_rng(0)
    for n in (1, 7, 100, 333):
        near, lead = rng.random((2, n))
        least_near, least_lead = gate.thresholds(near, lead, 0.05)
        passed = (near > least_near) & (lead > least_lead)
        assert passed.mean() <= 0.05 * gate.SPENT
        assert (near > least_near).mean() <= 0.05 * gate.ALONE


def test_items_that_are_alone_of_their_class_do_not_pass():
    x, y, labels = pile(20, 16, 6, 12)
    alone = (y < 20) | (np.arange(len(y)) % 16 == 0)
    found = drained(gate.known(x[alone], labels[alone], error=0.05, part=0.1))
    assert found[y[alone] >= 20].mean() < 0.2


def clustered(n=30, heads=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % K
    novel = np.empty((heads, n, K), np.float32)
    for h in range(heads):
        order = rng.permutation(K)
        novel[h] = np.eye(K)[order[y]] * 0.8 + rng.normal(0, 0.02, (n, K))
    known = rng.uniform(-0.5, 0.0, (n, C)).astype(np.float32)
    known[:, 1] = 0.3 + 0.1 * (y == 0)
    return y, Logits(known, novel, known)


def test_heads_are_aligned_before_they_are_averaged():
    y, found = clustered()
    made = propose(np.arange(30), found, 1)
    assert (found.novel.argmax(2) != found.novel[1].argmax(1)).any()
    assert (made.by_head == made.assignment).all()
    assert (made.agreement == 1).all()
    assert len({tuple(p) for p in zip(y, made.assignment, strict=True)}) == K
    assert np.allclose(made.probabilities.sum(1), 1, atol=1e-5)
    assert np.allclose(made.confidence, made.probabilities.max(1))
    assert (made.runner_up != made.assignment).all()
    assert (made.margin > 0.9).all()
    assert made.relation.shape == (K, C)
    assert np.allclose(made.relation.sum(1), 1, atol=1e-5)
    assert (made.relation.argmax(1) == 1).all()
    assert made.relation_cosine.max() == pytest.approx(0.4, abs=1e-6)
    assert made.sizes.tolist() == [10, 10, 10]


def test_disagreeing_heads_and_empty_clusters_show():
    y, found = clustered()
    found.novel[:, y == 2] = found.novel[:, np.flatnonzero(y == 1)]
    found.novel[0, 0] = found.novel[0, 1]
    made = propose(np.arange(30), found, 1)
    assert made.agreement[0] == pytest.approx(2 / 3)
    assert sorted(made.sizes.tolist()) == [0, 10, 20]
    empty = int(made.sizes.argmin())
    assert np.isnan(made.relation[empty]).all()


def test_anywhere_takes_known_and_novel_together():
    _, found = clustered()
    found.known[:5] = -1
    found.known[np.arange(5), 2] = 1.0
    orders = alignment(found.novel, 1)
    whole = anywhere(found, orders)
    assert (whole[:5] == 2).all()
    assert (whole[5:] >= C).all()
    made = propose(np.arange(30), found, 1, orders=orders)
    assert (whole[5:] - C == made.assignment[5:]).all()


def test_accepted_clusters_keep_their_ids_over_two_rounds():
    rng = np.random.default_rng(1)
    old = np.repeat([10, 4, 7], 20)
    names = np.array([2, 3, 0])  # round 2 numbers the same clusters otherwise and has one more
    new = names[np.repeat([0, 1, 2], 20)]
    new[rng.permutation(60)[:6]] = 1
    ids = kept_ids(old, new)
    assert ids[names].tolist() == [10, 4, 7]
    assert ids[1] == 11
    again = kept_ids(ids[new], new)
    assert (again == ids).all()
    # an accepted cluster has left the pool: its id is not given again
    left = np.where(old == 10, -1, new)
    assert 10 not in kept_ids(np.where(old == 10, -1, old), left, 12)
    assert kept_ids(np.full(4, -1), np.array([0, 0, 1, 1])).tolist() == [0, 1]


def test_prototypes_may_start_at_the_centres():
    net = network()
    rng = np.random.default_rng(0)
    y = np.arange(60) % K
    centres = rng.standard_normal((K, D)) * 5
    features = torch.tensor(centres[y] + rng.normal(0, 0.1, (60, D)), dtype=torch.float32)
    before = {k: v.clone() for k, v in net.state_dict().items() if "running" in k}
    start_at_centres(net, features)
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in before.items())
    for head in net.train().heads:
        found = head(features)[1].argmax(1).numpy()
        assert len({tuple(p) for p in zip(y, found, strict=True)}) == K
