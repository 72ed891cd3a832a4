import numpy as np
import pytest

from fgvc_studio.analysis import clustering, neighbours, projection


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    centres = 3 * rng.standard_normal((4, 12))
    names = np.repeat(np.arange(4), [60, 50, 40, 30])
    x = (centres[names] + 0.3 * rng.standard_normal((180, 12))).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True), names


@pytest.mark.parametrize("work", [5e10, 0])
def test_pca_equals_the_singular_value_decomposition(blobs, work, monkeypatch):
    monkeypatch.setattr(projection, "_COVARIANCE_WORK", work)
    x, _ = blobs
    centred = x.astype(np.float64) - x.mean(0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    found = projection.pca(x, 3)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :3] * size[:3]), atol=2e-4)


def test_pca_of_fewer_points_than_dimensions_is_padded_with_zeros():
    found = projection.pca(np.eye(2, 5, dtype=np.float32), 4)
    assert found.shape == (2, 4) and not found[:, 2:].any()


def test_a_new_point_goes_where_its_copy_lies(blobs):
    x, names = blobs
    xy = projection.pca(x, 2)
    placed = projection.place(x[:5], x, xy, k=5)
    assert np.abs(placed - xy[names == 0].mean(0)).max() < 0.2


def test_umap_keeps_blobs_together_and_repeats_itself(blobs):
    x, names = blobs
    rows, scores = neighbours.knn_graph(x, 10)
    seen = []
    xy = projection.umap_map(
        x, rows, scores, epochs=50, progress=lambda done, total: seen.append((done, total))
    )
    assert xy.shape == (180, 2) and np.isfinite(xy).all()
    assert seen[-1] == (50, 50)
    again = projection.umap_map(x, rows, scores, epochs=50)
    np.testing.assert_array_equal(xy, again)
    apart = ((xy[:, None] - xy[None]) ** 2).sum(2) + 1e9 * np.eye(len(xy))
    assert (names[apart.argmin(1)] == names).mean() > 0.99


def test_kmeans_and_density_find_the_blobs(blobs):
    x, names = blobs
    for found in (
        clustering.kmeans(x, 4, 0, starts=3),
        clustering.groups(projection.pca(x, 3), 10),
    ):
        kept = found >= 0
        assert kept.mean() > 0.9
        assert len({(a, b) for a, b in zip(found[kept], names[kept], strict=True)}) == 4
        assert (np.diff(np.bincount(found[kept])) <= 0).all()


def test_small_inputs_make_no_groups_up():
    assert clustering.kmeans(np.ones((1, 3), np.float32), 5).tolist() == [0]
    assert clustering.hdbscan(np.zeros((3, 2), np.float32), 5).tolist() == [-1, -1, -1]
