"""What must hold for ST-ProtoPNet whatever the numbers."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.st_protopnet import evaluation, initialise, last_layer, losses
from fgvc_studio.methods.st_protopnet.audit import Audit, Cover, Cutout
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.data import BalancedSampler, Labels, divide, evenly, per_class
from fgvc_studio.methods.st_protopnet.model import Shape, StProtoNet
from fgvc_studio.methods.st_protopnet.projection import choose, project, ranked
from fgvc_studio.methods.st_protopnet.views import FlippedView, TurnedView
from fgvc_studio.vision.transforms import EvalTransform


def net(classes=3, per=2, dim=6, channels=5, **more):
    torch.manual_seed(0)
    made = StProtoNet(nn.Identity(), Shape(classes, per, dim, channels), **more)
    made.renormalise()
    return made


def maps(n=9, channels=5, side=4):
    return torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(1))


def test_enlarging_before_or_behind_the_add_on_is_the_same():
    behind, before = net(upsample=2), net()
    before.load_state_dict(behind.state_dict())
    x = maps()
    large = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    for name in losses.BRANCHES:
        torch.testing.assert_close(
            behind.branch(name).features(x),
            before.branch(name).features(large),
            rtol=0,
            atol=1e-4,
        )


@pytest.mark.parametrize("variant", ["full", "cropped"])
def test_hidden_cells_count_for_nothing(variant):
    made, x = net(variant=variant), maps()
    hidden = torch.zeros(9, 4, 4, dtype=torch.bool)
    hidden[:, 1:, 2] = True
    hidden[0] = False
    changed = x.clone()
    changed.movedim(1, 3)[hidden] += 5.0
    for name in losses.BRANCHES:
        branch = made.branch(name)
        found, other, bare = branch(x, hidden), branch(changed, hidden), branch(x)
        for one, same in zip(found, other, strict=True):
            torch.testing.assert_close(one, same)
        torch.testing.assert_close(found.scores[0], bare.scores[0])
        assert bool((found.maxima <= bare.maxima + 1e-6).all())
        assert bool((found.maxima[1:] < bare.maxima[1:] - 1e-3).any())


def test_a_cover_follows_mirrored_views_and_leaves_something_of_every_picture():
    whole = [Cutout(7, r, c) for r in range(2) for c in range(3)]
    cover = Cover.of([Cutout(4, 0, 2), Cutout(4, 1, 2), *whole], (2, 3))
    found = cover.masks(np.array([4, 4, 5, 7]), np.array([False, True, True, False])).numpy()
    left = np.array([[False, False, True]] * 2)
    np.testing.assert_array_equal(found[0], left)
    np.testing.assert_array_equal(found[1], left[:, ::-1])
    assert not found[2].any() and not found[3].any()


@pytest.mark.parametrize("variant", ["full", "cropped"])
def test_permuting_classes_permutes_results(variant):
    first, second = net(variant=variant), net(variant=variant)
    order = torch.tensor([2, 0, 1])
    prototypes = (order[:, None] * 2 + torch.arange(2)).flatten()
    labels = torch.arange(9) % 3
    renamed = torch.argsort(order)[labels]
    with torch.no_grad():
        for name in losses.BRANCHES:
            mine = second.branch(name)
            mine.prototypes.copy_(first.branch(name).prototypes[prototypes])
            mine.last.copy_(first.branch(name).last[order][:, prototypes])
    for name in losses.BRANCHES:
        a, b = first(maps(), (name,))[name], second(maps(), (name,))[name]
        torch.testing.assert_close(a.logits[:, order], b.logits)
        for exact in (False, True):
            config = StProtoConfig(exact=exact)
            one, two = (
                losses.branch_loss(
                    name,
                    out.logits,
                    out.maxima,
                    n.branch(name).prototypes,
                    n.branch(name).last,
                    y,
                    config,
                )
                for out, n, y in ((a, first, labels), (b, second, renamed))
            )
            torch.testing.assert_close(one.total, two.total)


def test_orthogonality_does_not_grow_with_the_classes():
    def pull(classes):
        prototypes = F.normalize(torch.ones(classes * 2, 4), dim=1)
        weights = torch.ones(classes, classes * 2)
        zeros = torch.zeros(2, classes), torch.zeros(2, classes * 2)
        values = [
            losses.branch_loss(
                "trivial",
                *zeros,
                prototypes,
                weights,
                torch.zeros(2, dtype=torch.int64),
                StProtoConfig(orthogonality=o, cluster=0, l1=0, discrimination=0),
            ).total
            for o in (0.0, 1e-3)
        ]
        return float(values[1] - values[0])

    assert pull(3) == pytest.approx(pull(30), rel=1e-3) and pull(3) > 0


def test_closeness_of_the_nearest_pairs_only():
    prototypes = F.normalize(torch.tensor([[1.0, 0, 0], [0.9, 0.1, 0], [0, 0, 1.0]]), dim=1)
    near = losses.closeness(prototypes, 1, nearest=1)
    torch.testing.assert_close(near, -(prototypes[0] @ prototypes[1]))
    assert losses.closeness(prototypes, 1, nearest=3) == losses.closeness(prototypes, 1)


def test_a_start_from_the_data():
    x = maps(24) + torch.arange(24)[:, None, None, None] % 3
    classes = np.arange(24) % 3
    for kind in ("pca", "lda", "kaiming"):
        made = net(dim=8)
        initialise.start(
            made,
            lambda rows: x[torch.as_tensor(rows)],
            classes,
            add_on=kind,
            prototypes="kmeans",
            seed=0,
        )
        branches = [made.branch(name) for name in losses.BRANCHES]
        for branch in branches:
            length = branch.prototypes.norm(dim=1)
            torch.testing.assert_close(length, torch.ones_like(length))
            scores = branch(x).scores.view(24, 3, 2)
            own = scores[torch.arange(24), torch.as_tensor(classes)]
            assert float(own.detach().max(0).values.min()) > 0  # no dead prototype
        if kind == "kaiming":
            continue
        torch.testing.assert_close(branches[0].first.weight, branches[1].first.weight)
        centred = branches[0].features(x).mean((0, 2, 3))
        torch.testing.assert_close(centred, torch.zeros_like(centred), rtol=0, atol=1e-3)


def test_sisters_keep_apart_and_prefer_other_images():
    scores = np.zeros((2, 2, 4, 4), np.float32)
    scores[0, 0, 1, 1], scores[1, 0, 1, 2] = 0.9, 0.89  # neighbours on one image
    scores[1, 0, 3, 3], scores[1, 1, 0, 0] = 0.8, 0.76  # the second is another image
    assert choose(scores) == [((0, 1, 1), ""), ((1, 0, 0), "")]
    scores[1, 1, 0, 0] = 0.7
    assert choose(scores) == [((0, 1, 1), ""), ((0, 3, 3), "")]
    groups = np.array([7, 7])
    scores[1, 1, 0, 0] = 0.76
    assert choose(scores, groups)[1] == ((0, 3, 3), "")  # the other image is the same picture
    banned = np.zeros((2, 4, 4), bool)
    banned[0, 1, 1] = True
    assert choose(scores, forbidden=banned)[0][0] != (0, 1, 1)


def test_ties_go_to_the_lower_image_row_and_column():
    assert choose(np.zeros((1, 3, 2, 2), np.float32)) == [((0, 0, 0), "")]


def test_rules_are_relaxed_one_by_one_and_named():
    scores = np.random.default_rng(0).random((4, 2, 2, 2)).astype(np.float32)
    found = choose(scores, np.array([0, 0]))
    assert [r for _, r in found].count("equal pictures") == 1
    assert [r for _, r in found].count("distance") == 2
    assert len({p for p, _ in found}) == 4
    banned = np.zeros((1, 2, 2), bool)
    banned[0, 0] = True
    tight = choose(scores[:3, :1], forbidden=banned)
    assert [r for _, r in tight].count("forbidden patch") == 1
    assert len({p for p, _ in tight}) == 3
    crowded = choose(np.zeros((3, 1, 1, 1), np.float32))
    assert [r for _, r in crowded] == ["", "forbidden patch", "forbidden patch"]


def test_runners_up_are_apart():
    scores = np.arange(32, dtype=np.float32).reshape(2, 4, 4)
    found = ranked(scores, (1, 3, 3))
    assert found[0] == (1, 3, 1) and (1, 2, 2) not in found and len(found) <= 10
    for i, (image, row, column) in enumerate(found):
        for other in found[:i]:
            far = max(abs(row - other[1]), abs(column - other[2])) > 1
            assert image != other[0] or far


def test_projection_respects_bans_and_duplicates_by_hash():
    made, x = net(), maps()
    labels = np.arange(9) % 3
    made.eval()
    copies = x.clone()
    copies[3] = copies[0]
    free = [p for part in project(made, lambda r: copies[torch.as_tensor(r)], labels) for p in part]
    banned = [p.source.place for p in free]
    again = net()
    twice = project(
        again,
        lambda r: copies[torch.as_tensor(r)],
        labels,
        forbidden=banned,
        hashes=[0, 1, 2, 0, 4, 5, 6, 7, 8],
    )
    found = [p for part in twice for p in part]
    assert not {p.source.place for p in found} & set(banned)
    assert all(p.relaxed == "" for p in found)


def test_the_last_layer_keeps_the_best_and_its_start():
    made = net()
    scores = {
        name: torch.rand(12, 6, generator=torch.Generator().manual_seed(2))
        for name in losses.BRANCHES
    }
    labels = torch.arange(12) % 3
    config = StProtoConfig(lr_last=0.5, last_layer_epochs=6, batch=4)
    before = last_layer.accuracy(made, scores, labels)
    found = [
        e.accuracy for e in last_layer.train(made, [scores], labels, scores, labels, config, 0)
    ]
    assert last_layer.accuracy(made, scores, labels) == pytest.approx(max(before, *found))
    kept = made.branch("trivial").last.clone()
    worse = (labels + 1) % 3  # what is learned makes validation worse: the start stays
    start = last_layer.accuracy(made, scores, labels)
    list(last_layer.train(made, [scores], worse, scores, labels, config, 0))
    assert last_layer.accuracy(made, scores, labels) >= start
    assert start < 1 or torch.equal(kept, made.branch("trivial").last)


def test_divisions():
    classes = np.array([0] * 20 + [1] * 4 + [-1] * 3)
    none = np.zeros(27, bool)
    made = divide(Labels(classes, ("a", "b"), none), np.arange(27), 0)
    assert np.bincount(classes[made.validation]).tolist() == [3, 1]
    assert not set(made.train) & set(made.validation) and len(made.train) == 20
    mine = none.copy()
    mine[[0, 20]] = True
    assert divide(Labels(classes, ("a", "b"), mine), np.arange(27), 0).validation.tolist() == [
        0,
        20,
    ]
    mine[20:24] = True
    with pytest.raises(UserError, match="val"):
        divide(Labels(classes, ("a", "b"), mine), np.arange(27), 0)
    with pytest.raises(UserError, match="two categories"):
        divide(Labels(np.zeros(9, int), ("a",), np.zeros(9, bool)), np.arange(9), 0)
    config = StProtoConfig()
    assert per_class(config, classes[:24]) == 3 and per_class(config, np.arange(30) % 2) == 5
    assert not evenly(config, classes[:24]) and evenly(config, np.array([0] * 21 + [1] * 4))
    assert evenly(dataclasses.replace(config, balanced="yes"), np.array([0, 1]))


def test_even_draws():
    classes = np.array([0] * 30 + [1] * 3 + [2] * 3)
    sampler = BalancedSampler(classes, 6, seed=0)
    for epoch in range(2):
        drawn = np.concatenate(
            [
                sampler.rows(epoch * sampler.steps_per_epoch + s)
                for s in range(sampler.steps_per_epoch)
            ]
        )
        counts = np.bincount(classes[drawn])
        assert counts.max() - counts.min() <= 1 and len(drawn) == 36
    assert np.array_equal(sampler.rows(3), BalancedSampler(classes, 6, seed=0).rows(3))


def test_calibration():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 4000)
    sure = rng.dirichlet(np.ones(3), 4000)
    labels = np.array([rng.choice(3, p=p) for p in sure])
    half = np.log(sure) * 2.5 / 2
    scores = {name: rng.random((4000, 6)) for name in losses.BRANCHES}
    found = evaluation.calibrate(
        {"trivial": half, "support": half}, scores, labels, per_class=2, images="validation"
    )
    assert found.temperature == pytest.approx(2.5, rel=0.1) and found.error < 0.04
    best = evaluation.own_best(scores, labels, 2)
    right = half.argmax(1) == labels
    assert found.unknown[1] == pytest.approx(np.percentile(best[right & (labels == 1)], 5))
    perfect = evaluation.accuracies(
        {"trivial": np.eye(3), "support": -0.5 * np.eye(3)}, np.arange(3)
    )
    assert perfect["accuracy"] == perfect["worst_class"] == perfect["trivial"] == 1
    assert perfect["support"] == 0
    assert evaluation.accuracies({}, np.empty(0, int)) == {}


def test_views():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
    transform = EvalTransform(size=32)
    clean = transform(image)
    np.testing.assert_array_equal(FlippedView(transform)(image, 0, 0), clean[..., ::-1])
    turned = TurnedView(transform)
    np.testing.assert_array_equal(turned(image, 0, 5), turned(image, 1, 5))
    assert turned(image, 0, 5).shape == (3, 32, 32)
    assert not np.array_equal(turned(image, 0, 5), turned(image, 0, 6))
    still = TurnedView(transform, angle=0, shear=0, scale=(1, 1))
    same = [np.abs(still(image, 0, s) - clean).max() for s in range(8)]
    assert min(same) < 0.02  # not flipped, and otherwise as it was
    specs = [turned.spec(), still.spec(), FlippedView(transform).spec()]
    assert len({str(s) for s in specs}) == 3


def test_the_audit_term():
    made, x = net(), maps()
    forbidden, kept = Cutout(0, 1, 1, category=1), Cutout(2, 0, 3, branch="support")

    def stored(rows):
        return x[torch.as_tensor(rows)]

    def sums(branch, cutout, own):
        part = made.branch(branch)
        z = F.normalize(part.features(x[cutout.image][None]), dim=1)[
            0, :, cutout.row, cutout.column
        ]
        return float((part.prototypes[own] @ z).relu().sum().detach())

    audit = Audit((forbidden,), (kept,))
    found = audit.loss(made, "trivial", stored)
    assert found.item() == pytest.approx(5 * sums("trivial", forbidden, slice(2, 4)), abs=1e-5)
    found.backward()
    gradient = made.branch("trivial").prototypes.grad
    assert not gradient[:2].any() and not gradient[4:].any()
    wanted = 5 * sums("support", forbidden, slice(2, 4)) - sums("support", kept, slice(0, 6))
    assert audit.loss(made, "support", stored).item() == pytest.approx(wanted, abs=1e-5)
    assert audit.places == {(0, 1, 1)}
    many = Audit(tuple(Cutout(i % 9, i % 4, i // 9 % 4) for i in range(40)))
    steps = [many.loss(made, "trivial", stored, step).item() for step in (1, 2)]
    assert steps[0] != steps[1]
