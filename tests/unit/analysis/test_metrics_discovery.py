"""Scores of discovery against golden arrays."""

from pathlib import Path

import numpy as np
import pytest

from fgvc_studio.analysis.metrics_discovery import VARIANTS, task_agnostic, task_aware

GOLDEN = Path(__file__).parents[2] / "golden"


def golden(name):
    return np.load(GOLDEN / f"{name}.npz", allow_pickle=False)


@pytest.mark.parametrize(
    ("key", "clusters"), [("task_aware", "novel_pred"), ("task_aware7", "novel_pred_7clusters")]
)
def test_task_aware(key, clusters):
    g = golden("crkd_eval")
    found = task_aware(g[clusters], g["novel_true"])
    assert found.accuracy == pytest.approx(float(g[f"{key}.novel"]), abs=1e-9)
    assert found.nmi == pytest.approx(float(g[f"{key}.novel_nmi"]), abs=1e-9)
    assert found.ari == pytest.approx(float(g[f"{key}.novel_ari"]), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "predicted"),
    [("crkd_eval", "y_pred_known_fixed"), ("crkd_eval_disagree", "y_pred")],
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_task_agnostic(name, predicted, variant):
    g = golden(name)
    found = task_agnostic(g[predicted], g["y_true"], int(g["num_seen"]), variant)
    for part in ("all", "seen", "novel"):
        assert getattr(found, part) == pytest.approx(float(g[f"{variant}.{part}"]), abs=1e-9)


def test_permuting_the_novel_numbers_changes_nothing():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 8, (2, 200))
    p = np.where(rng.random(200) < 0.6, y, p)
    moved = np.concatenate([np.arange(3), 3 + rng.permutation(5)])[p]
    for variant in VARIANTS:
        assert task_agnostic(p, y, 3, variant) == task_agnostic(moved, y, 3, variant)
    assert task_aware(p, y).accuracy == task_aware(moved, y).accuracy
    assert task_aware(p, y).nmi == pytest.approx(task_aware(moved, y).nmi, abs=1e-12)


def test_no_items_of_a_kind_give_nan_and_none_at_all_is_refused():
    found = task_agnostic(np.array([0, 1]), np.array([0, 1]), 5)
    assert found.all == 1.0
    assert np.isnan(found.novel)
    with pytest.raises(ValueError, match="no items"):
        task_aware(np.empty(0, int), np.empty(0, int))
    with pytest.raises(ValueError, match="variant"):
        task_agnostic(np.array([0]), np.array([0]), 1, "v9")
