"""The fixed projection that CMD and Cr-KD start from, and what they do with it."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fgvc_studio.methods.cmd.trainer import CmdTrainer
from fgvc_studio.methods.crkd.model import KnownNetwork, Reduced
from fgvc_studio.methods.crkd.rounds import grouped
from fgvc_studio.methods.whitening import Whitening, near_projection, projection
from tests.unit.methods.conftest import TINY, drained

D = 12


def pile(n=300, noise=6.0, seed=0):
    """Five groups that differ in directions 0..3; direction 4 varies most and means nothing."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 5
    centres = torch.randn(5, D, generator=draw)
    centres[:, 4:] = 0
    inner = 0.1 * torch.randn(n, D, generator=draw)
    inner[:, 4] += noise * torch.randn(n, generator=draw)
    return centres[y] + inner, inner - inner.mean(0), y


def test_directions_that_should_not_matter_count_little():
    x, inner, _ = pile()
    mean, weight = projection(inner, x, 3, shrinkage=0.01)
    torch.testing.assert_close(mean, x.mean(0))
    assert weight.shape == (3, D)
    lengths = weight.abs().sum(0)
    assert lengths[4] < 0.1 * lengths[:4].max()


def test_without_shrinkage_the_inner_covariance_becomes_the_identity():
    x, inner, _ = pile()
    _, weight = projection(inner, x, D, shrinkage=0.0)
    made = inner @ weight.T
    torch.testing.assert_close(made.T @ made / len(made), torch.eye(D), atol=1e-3, rtol=0)


def test_neighbours_tell_what_views_do_not():
    """Direction 4 varies between the pictures and says nothing; no view of a picture shows that."""
    x, inner, y = pile(n=200, noise=1.5)
    inner[:, 4] = 0.1 * inner[:, 5]

    def separation(found):
        made = F.linear(x - found[0], found[1])
        means = torch.stack([made[y == k].mean(0) for k in range(5)])
        return float((means - means.mean(0)).square().sum() / (made - means[y]).square().sum())

    alone, near = projection(inner, x, 3), near_projection(inner, x, 3, 10)
    assert near[1].shape == (3, D)
    assert separation(near) > 2 * separation(alone)


def test_without_neighbours_the_views_decide():
    x, inner, _ = pile(n=20)
    for wanted, found in zip(projection(inner, x, 3), near_projection(inner, x, 3, 1), strict=True):
        assert torch.equal(wanted, found)


def test_few_and_equal_vectors_give_finite_numbers():
    mean, weight = projection(torch.zeros(2, D), torch.ones(2, D), 4)
    assert torch.isfinite(mean).all() and torch.isfinite(weight).all()


def test_projecting_cells_and_pooling_them_commute():
    made = Whitening(D, 5)
    x, inner, _ = pile()
    made.set(projection(inner, x, 5))
    cells = x[:40].view(4, 10, D)
    torch.testing.assert_close(made(cells).mean(1), made(cells.mean(1)), atol=1e-4, rtol=1e-4)
    assert not list(made.parameters())


def test_a_reduced_body_ignores_lengths():
    body = Reduced(nn.Identity(), D, 4)
    x, inner, _ = pile()
    body.whitening.set(projection(F.normalize(inner, dim=1), F.normalize(x, dim=1), 4))
    torch.testing.assert_close(body(x), body(3 * x), atol=1e-4, rtol=1e-4)
    assert torch.allclose(body(x).norm(dim=1), torch.full((len(x),), 2.0), atol=1e-4)
    assert KnownNetwork(nn.Identity(), D, 3, adapt=True, reduce=4).head.weight.shape == (3, 4)
    assert KnownNetwork(nn.Identity(), D, 3, adapt=True, reduce=99).head.weight.shape == (3, D)


@pytest.mark.parametrize("rule", ["kmeans", "umap"])
def test_groups_of_the_start_follow_the_classes(rule):
    x, _, y = pile(noise=0.0)
    found = drained(grouped(x, 5, rule)).numpy()
    assert found.dtype == np.int64
    pairs = {tuple(p) for p in zip(found, y.numpy(), strict=True)}
    assert len(pairs) == 5


@pytest.mark.parametrize("train", ["head", "last-stage", "all"])
def test_cmd_starts_from_the_same_projection_in_both_networks(
    train, backbone, pictures, runtime, tmp_path
):
    config = dataclasses.replace(TINY, train=train, whiten=3)
    made = CmdTrainer(
        config, backbone, pictures, tmp_path / "run", tmp_path / "views", runtime=runtime
    )
    list(made.prepare())
    list(made.steps())
    student, teacher = made.learner.student, made.learner.teacher
    assert student.whitening.weight.shape == (3, made.split.dim)
    assert float(student.whitening.weight.abs().sum()) > 0
    assert torch.equal(student.whitening.weight, teacher.whitening.weight)
    assert made.dim == teacher.dim == made.finish().dim == 3
