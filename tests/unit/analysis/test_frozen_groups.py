"""The groups by which a space is judged, on blobs."""

import numpy as np

from fgvc_studio.analysis import frozen_groups, probes
from fgvc_studio.analysis.metrics_clustering import matched


def test_runs_find_blobs_and_repeat():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(5), 30)
    x = probes.unit(rng.normal(size=(5, 12))[y] + rng.normal(0, 0.1, (150, 12)))
    runs = frozen_groups.kmeans_runs(x, 5, 3)
    assert runs.shape == (3, 150)
    assert all(matched(run, y).mean() == 1 for run in runs)
    np.testing.assert_array_equal(runs, frozen_groups.kmeans_runs(x, 5, 3))
    np.testing.assert_array_equal(runs[1:], frozen_groups.kmeans_runs(x, 5, 2, first=1))


def test_umap_unrolls_what_k_means_cuts():
    """Long thin groups, side by side: a graph follows them, centres do not."""
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(3), 60)
    along = np.tile(np.linspace(-1, 1, 60), 3)
    x = np.stack([along, y * 0.25, np.ones(180)], 1) + rng.normal(0, 0.005, (180, 3))
    x = probes.unit(x.astype(np.float32))
    umap = frozen_groups.umap_kmeans_runs(x, 3, 1)[0]
    plain = frozen_groups.kmeans_runs(x, 3, 1)[0]
    assert matched(umap, y).mean() > matched(plain, y).mean() + 0.2


def test_more_groups_than_items():
    assert frozen_groups.kmeans_runs(np.eye(3, dtype=np.float32), 9, 1).shape == (1, 3)
