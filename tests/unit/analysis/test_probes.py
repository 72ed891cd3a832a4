"""Votes, linear probe and discriminant space on blobs, by plain loops and golden arrays."""

from pathlib import Path

import numpy as np
import pytest

from fgvc_studio.analysis import probes
from fgvc_studio.analysis.metrics_retrieval import retrieval

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def blobs():
    """Six categories in 24 dimensions whose differences lie in few, weak directions."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(6), 40)
    centres = rng.normal(size=(6, 24)) * np.linspace(1.5, 0, 24)
    noise = rng.normal(size=(240, 24)) * np.linspace(0.3, 3, 24)
    return probes.unit(centres[y] + noise), y


def plain_vote(gallery, labels, query, k, own):
    order = sorted(
        (i for i in range(len(gallery)) if i != own), key=lambda i: -float(gallery[i] @ query)
    )
    weight = {}
    for i in order[:k]:
        weight[labels[i]] = weight.get(labels[i], 0) + np.exp(float(gallery[i] @ query) / 0.07)
    return max(weight, key=weight.get)


@pytest.mark.parametrize("inside", [True, False])
def test_vote_equals_plain_loops(blobs, monkeypatch, inside):
    monkeypatch.setattr(probes, "VOTE_BLOCK", 70)
    x, y = blobs
    names = y * 10 + 3
    rows = np.arange(0, 240, 4)
    own = rows if inside else None
    gallery = np.arange(240) if inside else np.setdiff1d(np.arange(240), rows)
    found = probes.weighted_knn(x[gallery], names[gallery], x[rows], own=own)
    expected = [plain_vote(x[gallery], names[gallery], x[r], 10, r if inside else -1) for r in rows]
    assert found.tolist() == expected


def test_fewer_neighbours_than_asked_for():
    x = probes.unit(np.array([[1.0, 0], [0.9, 0.1], [0, 1]], np.float32))
    found = probes.weighted_knn(x, np.array([4, 4, 9]), x, own=np.arange(3))
    assert found.tolist() == [4, 4, 4]
    assert probes.weighted_knn(x[:1], np.array([4]), x[:1], own=np.array([0])).tolist() == [-1]


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_golden_vote(k):
    g = np.load(GOLDEN / "cmd_knn.npz")
    gallery, queries = probes.unit(g["trainfeat"]), probes.unit(g["testfeat"])
    found = probes.weighted_knn(gallery, g["trainlabels"], queries, k)
    assert 100 * np.mean(found == g["testlabels"]) == pytest.approx(g[f"k{k}_top1"], abs=1e-9)


def test_shares_sum_to_one_and_missing_neighbours_do_not_vote():
    shares = probes.votes(np.array([[2, 2, 0], [1, -1, -1]]), np.array([[0.9, 0.8, 0.9]] * 2), 4)
    np.testing.assert_allclose(shares.sum(1), 1)
    assert shares[1].tolist() == [0, 1, 0, 0]
    assert shares[0, 2] > shares[0, 0] > shares[0, 1] == 0


def test_probe_learns_what_neighbours_miss(blobs):
    x, y = blobs
    train = np.arange(240) % 2 == 0
    probe = probes.linear_probe(x[train], y[train], x[~train], c=1.0)
    vote = probes.weighted_knn(x[train], y[train], x[~train])
    assert np.mean(probe == y[~train]) > np.mean(vote == y[~train]) + 0.05


def test_discriminants_carry_over_to_categories_not_fitted_on():
    """The directions that tell the known categories apart, and the noise, are shared."""
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(16), 20)
    signal = rng.normal(size=(16, 5))[y] + rng.normal(0, 0.4, (320, 5))
    x = probes.unit(np.hstack([signal, rng.normal(0, 1.5, (320, 15))]))
    components = probes.pca_space(x, 20)
    assert components.shape == (320, 20)
    rows = np.flatnonzero(y < 10)
    space = probes.lda_space(components, rows, y[rows])
    assert space.shape == (320, 9)
    np.testing.assert_allclose(np.linalg.norm(space, axis=1), 1, rtol=1e-5)
    novel = np.flatnonzero(y >= 10)
    own = np.arange(len(novel))

    def map_at_r(v):
        return retrieval(v[novel], y[novel], v[novel], y[novel], own).map_at_r.mean()

    assert map_at_r(space) > map_at_r(components) + 0.1


def test_discriminants_need_two_categories(blobs):
    x, _ = blobs
    with pytest.raises(ValueError, match="two classes"):
        probes.lda_space(x, np.arange(10), np.zeros(10, np.int64))


def test_components_never_exceed_what_there_is():
    x = probes.unit(np.random.default_rng(0).normal(size=(20, 200)).astype(np.float32))
    assert probes.pca_space(x).shape == (20, 20)


def test_components_in_blocks_and_from_a_sample(monkeypatch):
    x = probes.unit(np.random.default_rng(0).normal(size=(300, 8)) * np.arange(1, 9))
    whole = probes.pca_space(x)
    monkeypatch.setattr(probes, "TRANSFORM_BLOCK", 70)
    np.testing.assert_allclose(probes.pca_space(x), whole, atol=1e-6)
    monkeypatch.setattr(probes, "PCA_SAMPLE", 200)
    assert probes.pca_space(x).shape == (300, 8)
    np.testing.assert_allclose(np.linalg.norm(probes.pca_space(x), axis=1), 1, rtol=1e-5)
