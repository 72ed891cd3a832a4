import json
from pathlib import Path

import numpy as np
import pytest

from fgvc_studio.analysis import localisation as loc
from fgvc_studio.analysis import prototype_metrics as metrics

GOLDEN = Path(__file__).parents[2] / "golden"


def arrays(name):
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as file:
        return {k: file[k] for k in file.files}


@pytest.mark.parametrize("i", range(4))
def test_enlarged_maps_and_boxes(i):
    g = arrays("stproto_localisation")
    large = loc.upsampled(g[f"map{i}"], 224, 224)
    np.testing.assert_allclose(large, g[f"up{i}"], rtol=1e-5, atol=2e-6)
    assert loc.percentile_box(large) == tuple(g[f"box{i}"])
    assert loc.percentile_box(large, 98) == tuple(g[f"box98_{i}"])


def test_two_blobs_give_the_region_of_the_higher_one():
    map_ = np.zeros((14, 14), np.float32)
    map_[2, 2], map_[11, 10] = 1.0, 0.9
    large = loc.upsampled(map_, 112, 112)
    found = loc.region(large)
    assert found.mask[found.peak] and not found.mask[88:96, 80:88].any()
    assert found.box.bottom <= 40 < loc.percentile_box(large).bottom
    x, y = found.contours[0].T
    assert np.array_equal(found.contours[0][0], found.contours[0][-1])
    assert found.box.left <= x.min() and x.max() <= found.box.right
    assert found.box.top <= y.min() and y.max() <= found.box.bottom
    with pytest.raises(ValueError):
        loc.around(np.zeros((3, 3), bool))


def test_receptive_fields():
    for name, facts in json.loads((GOLDEN / "stproto_receptive_fields.json").read_text()).items():
        field = loc.ReceptiveField(*facts["n_jump_size_start"])
        for key, box in facts.items():
            if key.startswith("box_at_"):
                row, column = eval(key.removeprefix("box_at_"))
                assert field.box(row, column, 224) == tuple(box), name
    with pytest.raises(IndexError):
        loc.ReceptiveField(7, 32, 435, 0.5).box(7, 0, 224)


def test_heat_is_the_mean_of_both_branches():
    rng = np.random.default_rng(0)
    maps = [rng.random((3, 7, 7)), rng.random((3, 7, 7))]
    heat = loc.heat_map(maps, 28, 28)
    assert heat.shape == (28, 28) and heat.min() == 0 and heat.max() == 1
    mean = (maps[0].mean(0) + maps[1].mean(0)) / 2
    np.testing.assert_allclose(heat, loc.normalised(loc.upsampled(mean, 28, 28)), atol=1e-6)
    assert not loc.normalised(np.ones((2, 2))).any()


@pytest.mark.parametrize("i", [0, 1])
def test_heat_against_masks(i):
    g = arrays("stproto_heatmap_metrics")
    heat, mask = g[f"heat{i}"], g[f"mask{i}"].astype(bool)
    assert metrics.heat_iou(heat, mask) == pytest.approx(float(g[f"iou{i}"]), abs=1e-9)
    assert metrics.content_heat(heat, mask) == pytest.approx(float(g[f"ch{i}"]), abs=1e-9)
    assert metrics.outside_inside(heat, mask) == pytest.approx(float(g[f"oirr{i}"]), abs=1e-9)
    assert np.isnan(metrics.content_heat(heat, ~np.ones_like(mask)))


def test_deletion():
    g = arrays("stproto_heatmap_metrics")
    assert metrics.area(g["auc_in"]) == pytest.approx(float(g["auc_out"]), abs=1e-12)
    saliency = np.random.default_rng(int(g["del_saliency_seed"])).random((224, 224))
    image, weights = g["del_x"][0].astype(np.float32), g["del_w"].astype(np.float64)

    def logits(x):
        pooled = x.reshape(3, 7, 32, 7, 32).mean((2, 4), dtype=np.float64).reshape(-1)
        return 20 * weights @ pooled

    best = int(np.argmax(logits(image).sum(0)))

    def probability(x):
        values = np.exp(logits(x))
        return float((values / values.sum(1, keepdims=True)).mean(0)[best])

    scores = metrics.deletion_scores(image, saliency, probability)
    np.testing.assert_allclose(scores, g["del_scores"], rtol=1e-4)
    assert metrics.area(scores) == pytest.approx(float(g["del_auc"]), rel=1e-4)


def test_parts():
    g = arrays("stproto_part_metrics")
    assert metrics.consistency(g["hits"], g["masks"]) == pytest.approx(float(g["consistency"]))
    assert metrics.stability(g["hits"], g["hits_noise"]) == pytest.approx(float(g["stability"]))
    mean, deviation = metrics.purity(g["hits"])
    assert mean == pytest.approx(float(g["purity_top10"]))
    assert deviation == pytest.approx(float(g["purity_top10_std"]))
    drawn = metrics.noise((3, 8, 8))
    assert np.abs(drawn).max() <= 0.25 and np.array_equal(drawn, metrics.noise((3, 8, 8)))


def test_duplicates():
    axes = np.eye(4)[[0, 0, 1, 2, 3, 1]]
    assert metrics.duplicates(axes, 3).tolist() == [True, True, False, False, False, False]
    same = metrics.duplicates(axes, 3, [0, 1, 2, 5, 5, 6])
    assert same.tolist() == [True, True, False, True, True, False]


def test_suspicion():
    parts = np.array([[0.9, 0.5, np.nan, np.nan], [0.4, 0.0, 0.3, np.nan]])
    assert metrics.suspicion(parts)[:3] == pytest.approx([0.6, 0.0, 0.3])
    assert np.isnan(metrics.suspicion(parts)[3])
    assert np.isnan(metrics.suspicion(np.empty((0, 2)))).all()
    assert metrics.disparity(np.eye(4)) == 1 and metrics.disparity(np.ones((5, 1))) == 0
    assert metrics.disparity(np.eye(1)) is None
    assert metrics.irrelevance(np.array([3.0, 1.0, 2.0])).tolist() == [0, 1, 0.5]
    scores = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    weights = np.array([[1.0, -0.5], [-0.5, 2.0]])
    found = metrics.relevance(scores, weights, np.array([0, 0, 1]), 1)
    assert found.tolist() == [2.0, 12.0]


def test_an_estimated_object_is_where_the_centre_is():
    rng = np.random.default_rng(0)
    object_ = np.zeros((5, 7, 7))
    object_[:, 2:5, 2:5] = 1
    direction = rng.normal(size=8)
    cells = object_[:, None] * direction[:, None, None] + 0.05 * rng.normal(size=(5, 8, 7, 7))
    assert np.array_equal(metrics.estimated_object(cells), object_)
