"""Clustering metrics against plain loops, scikit-learn and golden arrays."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from fgvc_studio.analysis.metrics_clustering import Cells, ari, matched, matching, nmi, pairwise_f1

GOLDEN = Path(__file__).parents[2] / "golden"


def one(function, groups, categories):
    cells = Cells.of(groups, categories)
    return float(function(cells, cells.counts())[0])


def test_matching_is_the_best_permutation():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 60)
    p = np.where(rng.random(60) < 0.5, (y + 1) % 4, rng.integers(0, 4, 60))
    best = max(np.mean(np.array(m)[p] == y) for m in permutations(range(4)))
    assert matched(p, y).mean() == pytest.approx(best)


def test_groups_without_a_partner_are_wrong():
    y = np.array([-1, -1, 5, 5])
    p = np.array([7, 8, 9, 9])
    right = matched(p, y)
    assert right.tolist() in ([True, False, True, True], [False, True, True, True])


def test_nmi_and_ari_equal_scikit_learn():
    rng = np.random.default_rng(3)
    for classes in (2, 5, 30):
        y = rng.integers(0, classes, 200) * 7 - 3
        p = np.where(rng.random(200) < 0.4, y, rng.integers(0, classes, 200))
        assert one(nmi, p, y) == pytest.approx(normalized_mutual_info_score(y, p), abs=1e-12)
        assert one(ari, p, y) == pytest.approx(adjusted_rand_score(y, p), abs=1e-12)


def test_several_samples_at_once_equal_one_by_one():
    rng = np.random.default_rng(4)
    y, p = rng.integers(0, 4, (2, 80))
    cells = Cells.of(p, y)
    drawn = rng.integers(0, 80, (6, 80))
    counts = np.stack(
        [np.bincount(cells.of_item[d], minlength=len(cells.group)) for d in drawn]
    ).astype(float)
    for function, reference in ((nmi, normalized_mutual_info_score), (ari, adjusted_rand_score)):
        expected = [reference(y[d], p[d]) for d in drawn]
        np.testing.assert_allclose(function(cells, counts), expected, atol=1e-12)


def test_one_group_and_one_category_agree():
    same = np.zeros(5, int)
    assert one(nmi, same, same) == 1.0
    assert one(ari, same, same) == 1.0


def test_golden_pairwise_f1_and_nmi():
    g = np.load(GOLDEN / "ecaml_pml.npz")
    assert one(pairwise_f1, g["cl_pred"], g["cl_true"]) == pytest.approx(g["cl_pair_f1"], abs=1e-6)
    assert one(nmi, g["cl_pred"], g["cl_true"]) == pytest.approx(g["cl_nmi"], abs=1e-6)


@pytest.mark.parametrize("suffix", ["", "_7clusters"])
def test_golden_task_aware(suffix):
    g = np.load(GOLDEN / "crkd_eval.npz")
    key = "task_aware7" if suffix else "task_aware"
    y, p = g["novel_true"], g["novel_pred" + suffix]
    assert matched(p, y).mean() == pytest.approx(g[f"{key}.novel"], abs=1e-9)
    assert one(nmi, p, y) == pytest.approx(g[f"{key}.novel_nmi"], abs=1e-9)
    assert one(ari, p, y) == pytest.approx(g[f"{key}.novel_ari"], abs=1e-9)


def test_golden_whole():
    g = np.load(GOLDEN / "crkd_eval.npz")
    assert matched(g["y_pred"], g["y_true"]).mean() == pytest.approx(g["cluster_acc"], abs=1e-9)


def test_golden_task_agnostic_one_matching_over_all():
    g = np.load(GOLDEN / "crkd_eval_disagree.npz")
    y, p = g["y_true"], g["y_pred"]
    right, seen = matched(p, y), y < g["num_seen"]
    assert right.mean() == pytest.approx(g["v2.all"], abs=1e-9)
    assert right[seen].mean() == pytest.approx(g["v2.seen"], abs=1e-9)
    assert right[~seen].mean() == pytest.approx(g["v2.novel"], abs=1e-9)
    assert one(nmi, p, y) == pytest.approx(g["v2.all_nmi"], abs=1e-9)
    assert one(ari, p, y) == pytest.approx(g["v2.all_ari"], abs=1e-9)
    assert matching(p, y) == dict(g["mapping_pred_to_true"].tolist())
