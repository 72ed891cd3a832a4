"""The number of novel classes."""

from pathlib import Path

import numpy as np
import pytest

from fgvc_studio.analysis import class_count
from fgvc_studio.analysis.class_count import Curve, cluster_size, dense, from_layouts, silhouettes

GOLDEN = Path(__file__).parents[2] / "golden"


def blobs(classes, size=30, dims=10, seed=0, apart=4.0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((classes, dims)) * apart
    y = np.repeat(np.arange(classes), size)
    points = centres[y] + rng.standard_normal((len(y), dims)) * 0.3
    return points.astype(np.float32), y


@pytest.mark.parametrize("classes", [2, 7, 12])
def test_separate_regions_are_counted(classes):
    points, _ = blobs(classes)
    found = from_layouts(points, points, 8)
    assert found.rules == {
        "density": classes, "density_discriminant": classes, "silhouette": classes
    }  # fmt: skip
    assert (found.count, found.low, found.high) == (classes, classes, classes)
    assert len(found.stability) == class_count.DRAWS
    assert np.mean(found.stability == classes) > 0.8
    assert found.curve.best == classes


def test_the_range_spans_the_rules_and_splitting_takes_its_end():
    many, few = blobs(8)[0], blobs(8)[0]
    few[: 3 * 30] = few[:30].repeat(3, 0)
    found = from_layouts(many, few, 8)
    assert found.low < found.high == 8 == found.chosen()
    turned = from_layouts(few, many, 8)
    assert turned.count < turned.high == turned.chosen(prefer_splitting=True)


def test_one_cloud_and_next_to_nothing_give_one():
    assert dense(np.zeros((3, 2), np.float32), 5) == 1
    found = from_layouts(np.zeros((2, 2), np.float32), None, 5)
    assert found.count == 1
    assert not len(found.curve.counts)


def test_the_silhouette_of_many_points_looks_at_a_part(monkeypatch):
    monkeypatch.setattr(class_count, "_SILHOUETTE_ROWS", 60)
    points, _ = blobs(4, 100)
    assert silhouettes(points, 4).best == 4


def test_the_least_size_follows_the_labelled_classes():
    labels = np.repeat([0, 1, 2], [10, 40, 80])
    assert cluster_size(labels) == 10
    assert cluster_size(np.full(9, -1)) == 5
    assert cluster_size(np.repeat([0, 1], 4)) == 5


def test_labelled_accuracy_on_the_golden_set():
    g = np.load(GOLDEN / "crkd_estimate_k.npz", allow_pickle=False)
    labels = np.where(g["mask_lab"], g["y"], -1)
    found = class_count.labelled_accuracy(g["X"], labels, g["ks"])
    assert abs(found.count + 5 - int(g["true_K"])) <= 1
    near = np.abs(found.curve.scores - g["labelled_acc"])
    assert near[(g["ks"] >= 8) & (g["ks"] <= 10)].max() < 0.02
    assert np.corrcoef(found.curve.scores, g["labelled_acc"])[0, 1] > 0.8
    assert found.low <= found.count <= found.high


def test_all_the_way_from_vectors_and_its_calibration(monkeypatch):
    points, y = blobs(9, 24, 12, apart=1.5)
    vectors = points / np.linalg.norm(points, axis=1, keepdims=True)
    labels = np.where(y % 3 == 2, -1, y)
    seen = []

    def flat(rows, seed=0):
        seen.append(len(rows))
        return rows

    monkeypatch.setattr(class_count, "layout", flat)
    found = class_count.estimate(vectors, labels)
    assert found.count == 3
    assert seen == [72, 72]  # the pool, as it is and on discriminants
    labels = np.where(np.arange(len(y)) < 8 * 24, y, -1)
    tried = class_count.calibrate(vectors, labels)
    assert tried.truth == 2
    assert tried.error == tried.estimate.count - 2
    assert tried.estimate.count == 2


def test_nothing_to_count_is_refused():
    points, y = blobs(3)
    with pytest.raises(ValueError, match="label"):
        class_count.estimate(points, y)
    with pytest.raises(ValueError, match="label"):
        class_count.labelled_accuracy(points, y)
    with pytest.raises(ValueError, match="Three"):
        class_count.calibrate(points, np.minimum(y, 1))


def test_the_best_of_a_curve():
    assert Curve(np.array([3, 4, 5]), np.array([0.1, 0.4, 0.2])).best == 4
