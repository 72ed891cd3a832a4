"""Properties of CMD's losses and network."""

import dataclasses

import pytest
import torch

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.adapter import Adapter
from fgvc_studio.methods.cmd.losses import bag, cmd_loss
from fgvc_studio.methods.cmd.model import CmdNetwork, View, pooled, student_and_teacher
from fgvc_studio.vision.split import cut
from tests.unit.methods.conftest import TINY, tiny_backbone

B, T, D, K = 3, 6, 5, 32
CENTRES = torch.zeros(1, K), torch.zeros(1, K)


def views(count, seed=0, grad=False):
    draw = torch.Generator().manual_seed(seed)

    def leaf(*shape):
        return torch.randn(*shape, generator=draw).requires_grad_(grad)

    return [View(leaf(B, K), leaf(B, T, K), leaf(B, T), torch.randn(B, T, D)) for _ in range(count)]


def loss(student, teacher, **more):
    options = {"tau_student": 0.1, "tau_teacher": 0.05, "inter": 0.1, **more}
    return cmd_loss(student, teacher, CENTRES, **options)


def network(**changes):
    split = cut(tiny_backbone(), "head")
    made = CmdNetwork(split, dataclasses.replace(TINY, **changes))
    return made, split.dim


@pytest.mark.parametrize("pool", ["attention", "gated", "mean"])
def test_attention_sums_to_one_and_starts_as_the_mean(pool):
    net, dim = network(pool=pool)
    features = torch.randn(2, dim, 3, 3)
    tokens, scores, _ = net.cells(net.look(features))
    assert torch.allclose(scores.softmax(-1).sum(-1), torch.ones(2))
    mean = torch.nn.functional.normalize(tokens.mean(1), dim=-1)
    assert torch.allclose(net.embed(features)[0], mean, atol=1e-6)


def test_the_adapter_starts_as_the_identity():
    x = torch.randn(2, 7, 20)
    assert torch.equal(Adapter(20)(x), x)


def test_permuting_cells_changes_nothing():
    student = views(2)[0]
    order = torch.randperm(T)
    moved = student._replace(region=student.region[:, order], scores=student.scores[:, order])
    assert torch.allclose(
        pooled(student.tokens, student.scores),
        pooled(student.tokens[:, order], student.scores[:, order]),
        atol=1e-6,
    )
    teacher = views(2, seed=1)
    first = loss([student, student], teacher).student
    assert torch.allclose(first, loss([moved, moved], teacher).student, atol=1e-6)


def test_lambda_0_gives_the_gradients_of_the_plain_loss():
    student, teacher = views(4, grad=True), views(2, seed=1)
    found = loss(student, teacher, inter=0.0)
    leaves = [x for s in student for x in (s.image, s.region)]
    plain = torch.autograd.grad(0.5 * found.image + 0.5 * found.region, leaves, retain_graph=True)
    total = torch.autograd.grad(found.total, leaves)
    assert all(torch.equal(a, b) for a, b in zip(plain, total, strict=True))
    assert float(found.student) > 0  # still measured


def test_image_only_gives_no_gradient_to_scores_and_cells_from_the_bag():
    student, teacher = views(4, grad=True), views(2, seed=1)
    term = loss(student, teacher, inter_grad="image").student
    leaves = [x for s in student for x in (s.scores, s.region)]
    assert all(
        g is None or not g.any() for g in torch.autograd.grad(term, leaves, allow_unused=True)
    )
    assert student[0].image.grad is None


@pytest.mark.parametrize(
    ("inter_grad", "image", "cells"),
    [("image", True, False), ("both", True, True), ("bag", False, True), ("teacher", True, False)],
)
def test_who_learns_from_the_inter_level_term(inter_grad, image, cells):
    student, teacher = views(3, grad=True), views(2, seed=1)
    loss_ = loss(student, teacher, inter_grad=inter_grad)
    term = loss_.student
    for leaf, learns in ((student[2].image, image), (student[2].region, cells)):
        (found,) = torch.autograd.grad(term, leaf, retain_graph=True, allow_unused=True)
        assert (found is not None and bool(found.any())) is learns


def test_the_student_term_is_0_when_the_image_equals_the_bag():
    student = views(2)
    region = [(s.region / 0.1).softmax(-1) for s in student]
    equal = [
        s._replace(image=0.1 * bag(s.scores, r).log()) for s, r in zip(student, region, strict=True)
    ]
    teacher = views(2, seed=1)
    assert abs(float(loss(equal, teacher).student)) < 1e-5
    assert float(loss(student, teacher).student) > 0.01


def test_extreme_logits_stay_finite():
    student = [s._replace(image=s.image * 1e4, region=s.region * 1e4) for s in views(3)]
    teacher = [t._replace(image=t.image * 1e4, region=t.region * 1e4) for t in views(2, seed=1)]
    assert all(torch.isfinite(x) for x in dataclasses.astuple(loss(student, teacher))[:5])


def test_the_teacher_starts_equal_and_has_no_gradients(backbone):
    student, teacher = student_and_teacher(cut(backbone, "last-stage"), TINY)
    assert not any(p.requires_grad for p in teacher.parameters())
    for a, b in zip(student.state_dict().values(), teacher.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_class_token_needs_a_transformer():
    split = cut(tiny_backbone("test_vit"), "last-stage")
    net = CmdNetwork(split, dataclasses.replace(TINY, pool="cls", whiten=0))
    stored = split.frozen(torch.randn(2, 3, 32, 32))
    features = split.rest(stored)
    wanted = torch.nn.functional.normalize(features[:, 0], dim=-1)
    assert torch.allclose(net.embed(stored)[0], wanted, atol=1e-6)
    with pytest.raises(UserError, match="class token"):
        network(pool="cls")
