"""Retrieval metrics against plain loops and golden arrays."""

from pathlib import Path

import numpy as np
import pytest

from fgvc_studio.analysis import metrics_retrieval
from fgvc_studio.analysis.metrics_retrieval import retrieval

GOLDEN = Path(__file__).parents[2] / "golden"


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def plain(gallery, gallery_labels, query, label, own):
    """The four numbers of one query, by the definitions."""
    order = sorted(
        (i for i in range(len(gallery)) if i != own), key=lambda i: -float(gallery[i] @ query)
    )
    hit = [gallery_labels[i] == label for i in order]
    total = sum(hit)
    if not total:
        return [np.nan] * 4
    precision = [sum(hit[: i + 1]) / (i + 1) for i in range(len(hit))]
    at_hits = [p for p, h in zip(precision, hit, strict=True) if h]
    in_r = sum(p for p, h in zip(precision[:total], hit, strict=False) if h) / total
    in_100 = [p for p, h in zip(precision[:100], hit, strict=False) if h]
    return [
        hit.index(True) + 1,
        in_r,
        sum(at_hits) / total,
        sum(in_100) / len(in_100) if in_100 else 0.0,
    ]


@pytest.mark.parametrize("block", [1 << 23, 500])
def test_equals_plain_loops(monkeypatch, block):
    monkeypatch.setattr(metrics_retrieval, "BLOCK", block)
    rng = np.random.default_rng(1)
    x = unit(rng.normal(size=(230, 6)))
    y = rng.integers(0, 9, 230)
    y[5] = 99  # nothing to find
    y[7:9] = 50  # one thing to find, perhaps beyond rank 100
    queries = np.sort(rng.choice(230, 60, replace=False))
    queries[:3] = [5, 7, 8]
    own = queries.copy()
    own[10:20] = -1
    found = retrieval(x, y, x[queries], y[queries], own)
    expected = np.array([plain(x, y, x[q], y[q], o) for q, o in zip(queries, own, strict=True)]).T
    np.testing.assert_allclose(found.first_hit, expected[0])
    np.testing.assert_allclose(found.map_at_r, expected[1])
    np.testing.assert_allclose(found.average_precision, expected[2])
    np.testing.assert_allclose(found.precision_100, expected[3])
    assert found.scored.sum() == len(queries) - 1
    assert np.isnan(found.recall_at(1)[0])


def test_copies_of_the_query_are_found_but_not_itself():
    x = unit(np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]]))
    y = np.array([0, 0, 1, 2])
    found = retrieval(x, y, x, y, np.arange(4))
    np.testing.assert_array_equal(found.recall_at(1), [1, 1, np.nan, np.nan])


def test_no_queries():
    found = retrieval(np.eye(3), np.arange(3), np.empty((0, 3)), np.empty(0, np.int64))
    assert len(found.recall_at(5)) == 0


def test_golden_query_is_test_gallery_is_train():
    g = np.load(GOLDEN / "cmd_retrieval.npz")
    for prefix, name in (("", "origin"), ("big_", "big_origin")):
        found = retrieval(
            unit(g[prefix + "trainfeat"]),
            g[prefix + "trainlabels"],
            unit(g[prefix + "testfeat"]),
            g[prefix + "testlabels"],
        )
        assert found.recall_at(1).mean() == pytest.approx(g[name + "_rank1"], abs=1e-9)
        assert found.recall_at(5).mean() == pytest.approx(g[name + "_rank5"], abs=1e-9)
        assert found.precision_100.mean() == pytest.approx(g[name + "_mAP100"], abs=1e-9)
    full = g["big_origin_mAP_full_OURS"]
    assert found.average_precision.mean() == pytest.approx(full, abs=1e-9)


def test_golden_every_ninth_is_a_query():
    g = np.load(GOLDEN / "cmd_retrieval.npz")
    chosen = g["query_index_ratio"]
    rest = np.setdiff1d(np.arange(len(g["testfeat"])), chosen)
    gallery = np.concatenate([g["trainfeat"], g["testfeat"][rest]])
    labels = np.concatenate([g["trainlabels"], g["testlabels"][rest]])
    found = retrieval(unit(gallery), labels, unit(g["testfeat"][chosen]), g["testlabels"][chosen])
    assert len(gallery) == g["ratio_n_gallery"]
    assert found.recall_at(1).mean() == pytest.approx(g["ratio_rank1"], abs=1e-9)
    assert found.recall_at(5).mean() == pytest.approx(g["ratio_rank5"], abs=1e-9)
    assert found.precision_100.mean() == pytest.approx(g["ratio_mAP100"], abs=1e-9)


def test_golden_leave_one_out():
    g = np.load(GOLDEN / "ecaml_pml.npz")
    x, y = unit(g["emb"]), g["emb_label"]
    found = retrieval(x, y, x, y, np.arange(len(x)))
    for k in (1, 2, 4, 8):
        assert np.nanmean(found.recall_at(k)) == pytest.approx(g[f"recall_at_{k}"], abs=1e-6)
    assert np.nanmean(found.map_at_r) == pytest.approx(g["ref_map_at_r"], abs=1e-6)
