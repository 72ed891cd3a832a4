"""The raster without Qt: kernels, numpy and a plain loop agree; edge cases of the index."""

import numpy as np
import pytest

from fgvc_studio.gui.widgets import map_raster as mr
from fgvc_studio.gui.widgets.map_points import MapPoints

W, H = 90, 70


@pytest.fixture(scope="module", autouse=True)
def _kernels():
    mr.warm_up(wait=True)


def _scene(n=400, seed=0):
    rng = np.random.default_rng(seed)
    xy = rng.normal(size=(n, 2)).astype(np.float32)
    index = mr.PointIndex.build(xy)
    layer = rng.integers(0, 3, n).astype(np.uint8)
    codes = rng.integers(0, 5, n).astype(np.int32)
    lut = (rng.integers(0, 2**24, (5, 5)) | 0xFF000000).astype(np.uint32)
    rings = np.array([0, 0, 0, 0xFF000000, 0xFFFF8800], np.uint32)
    top = np.sort(rng.choice(n, n // 10, replace=False)).astype(np.int32)
    top_layer = np.zeros(n, np.uint8)
    top_layer[top] = rng.integers(3, 5, len(top))
    return xy, index, layer, codes, lut, rings, top, top_layer


def _view(zoom):
    s = 60.0 * zoom
    return mr.View(s, W / 2 - 0.1 * s, -s, H / 2 + 0.05 * s)


@pytest.mark.parametrize("zoom", [0.5, 1, 6])
@pytest.mark.parametrize("diameter", [1, 2, 3, 4.5, 8])
def test_kernels_and_numpy_draw_the_same_picture(zoom, diameter):
    _, index, layer, codes, lut, rings, top, top_layer = _scene()
    view = _view(zoom)
    ranges = index.ranges(view, W, H)
    style = mr.Style(lut, rings, 0xFFECECEA, diameter)
    fast, slow = mr.Raster(W, H), mr.Raster(W, H)
    slow.use_numpy = True
    for raster in (fast, slow):
        raster.draw(index.x, index.y, layer, codes, view, ranges, style, top, top_layer)
    np.testing.assert_array_equal(fast.ids, slow.ids)
    np.testing.assert_array_equal(fast.image, slow.image)
    a, b = (r.count(index.x, index.y, layer, view, ranges, 4.0) for r in (fast, slow))
    np.testing.assert_array_equal(a, b)
    assert a.sum() > 0


@pytest.mark.parametrize("numpy_only", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_squares_equal_a_plain_loop(size, numpy_only):
    _, index, layer, codes, lut, rings, _, _ = _scene(150)
    view = _view(1.5)
    raster = mr.Raster(W, H)
    raster.use_numpy = numpy_only
    style = mr.Style(lut, rings, 0xFF101010, size)
    ranges = index.ranges(view, W, H)
    raster.draw(index.x, index.y, layer, codes, view, ranges, style)
    best = np.full((H, W), -1)  # layer first, then position
    for p in range(len(index)):
        sx = np.float32(index.x[p]) * np.float32(view.ax) + np.float32(view.bx)
        sy = np.float32(index.y[p]) * np.float32(view.ay) + np.float32(view.by)
        left, upper = (int(np.floor(v - (size - 1) / 2)) for v in (sx, sy))
        for j in range(upper, upper + size):
            for i in range(left, left + size):
                if 0 <= j < H and 0 <= i < W:
                    best[j, i] = max(best[j, i], int(layer[p]) * 1000 + p)
    image = np.full((H, W), 0xFF101010, np.uint32)
    for j, i in zip(*np.nonzero(best >= 0), strict=True):
        level, p = divmod(int(best[j, i]), 1000)
        image[j, i] = lut[level, codes[p]]
    np.testing.assert_array_equal(raster.image, image)


def test_pick_returns_the_topmost_point_and_never_a_hidden_one():
    xy = np.array([[0, 0], [0, 0], [0, 0], [1, 1], [-1, -1]], np.float32)
    points = MapPoints(xy, np.array([10, 20, 30, 40, 50]))
    view = _view(1)
    ranges = points.index.ranges(view, W, H)
    px, py = (
        int(v) for v in points.index.scale(xy[:1])[0] * [view.ax, view.ay] + [view.bx, view.by]
    )
    raster = mr.Raster(W, H)

    def hit():
        raster.splat(points.index.x, points.index.y, points.layer, view, ranges, 5.0)
        p = raster.pick(px, py)
        return int(points.ids_at(np.array([p]))[0]) if p >= 0 else 0

    assert hit() == 30
    points.set_visible(np.array([10, 40]))
    assert hit() == 10
    points.set_visible(np.array([40]))
    assert hit() == 0


@pytest.mark.parametrize("numpy_only", [False, True])
def test_gather_takes_points_of_the_mask_and_the_filter(numpy_only):
    xy, index, layer, *_ = _scene(500)
    view = _view(1)
    mask = np.zeros((H, W), np.uint8)
    mask[20:50, 30:60] = 255
    raster = mr.Raster(W, H)
    raster.use_numpy = numpy_only
    got = raster.gather(index.x, index.y, layer, view, index.ranges(view, W, H), mask)
    sx, sy = view.to_screen(index.x, index.y)
    inside = (sx >= 30) & (sx < 60) & (sy >= 20) & (sy < 50) & (layer != mr.HIDDEN)
    np.testing.assert_array_equal(got, np.flatnonzero(inside))
    assert 0 < len(got) < len(xy)


def test_ranges_hold_every_point_in_view():
    _, index, *_ = _scene(3000)
    for zoom in (0.3, 1, 4, 30):
        view = _view(zoom)
        got = mr.positions_of(index.ranges(view, W, H))
        assert (np.diff(got) > 0).all()
        sx, sy = view.to_screen(index.x, index.y)
        seen = np.flatnonzero((sx > -8) & (sx < W + 8) & (sy > -8) & (sy < H + 8))
        assert np.isin(seen, got).all()
    assert len(got) < len(index) / 4


def test_rows_survive_sorting():
    xy, index, *_ = _scene(300)
    np.testing.assert_allclose(index.x, index.scale(xy)[index.rows, 0], atol=1e-6)
    np.testing.assert_array_equal(index.positions[index.rows], np.arange(300))
    assert sorted(index.rows) == list(range(300))
    ids = np.random.default_rng(1).permutation(300) * 7 + 3
    points = MapPoints(xy, ids)
    np.testing.assert_array_equal(points.ids_at(points.index.positions), ids)
    some = ids[[5, 9, 200]]
    assert set(points.ids_at(points.positions_of(some))) == set(some)
    assert list(points.rows_of(np.array([ids[17], 2]))) == [17, -1]


def test_not_a_number_empty_and_single_points():
    xy = np.array([[0, 0], [np.nan, 1], [1, np.inf], [2, 2]], np.float32)
    points = MapPoints(xy, np.array([1, 2, 3, 4]))
    assert (len(points), points.missing) == (2, 2)
    assert points.point_of(2) is None and points.point_of(4) is not None
    points.set_codes(np.array([3, 3, 3, -1]))
    assert sorted(points.codes) == [0, 4]
    for n in (0, 1):
        few = MapPoints(np.zeros((n, 2), np.float32), np.arange(1, n + 1))
        assert len(few) == n
        raster = mr.Raster(W, H)
        view = _view(1)
        style = mr.Style(
            np.full((5, 1), 0xFF123456, np.uint32), np.zeros(5, np.uint32), 0xFF000000, 5
        )
        ranges = few.index.ranges(view, W, H)
        raster.draw(few.index.x, few.index.y, few.layer, few.codes, view, ranges, style)
        assert (raster.image == 0xFF123456).any() == bool(n)
        assert len(few.anchors(ranges)[0]) == 0


def test_focus_isolation_and_filter_set_layers():
    points = MapPoints(np.random.default_rng(0).normal(size=(6, 2)), np.arange(1, 7))
    points.set_codes(np.array([0, 0, 1, 1, 2, -1]))
    by_row = lambda: points.layer[points.index.positions].tolist()  # noqa: E731
    assert by_row() == [2, 2, 2, 2, 2, 1]
    points.set_focus({1})
    assert by_row() == [1, 1, 2, 2, 1, 1]
    points.set_visible(np.array([1, 3]))
    assert by_row() == [1, 0, 2, 0, 0, 0]
    points.set_focus({1}, {1})
    assert by_row() == [0, 0, 2, 0, 0, 0]
    points.set_visible(None)
    points.set_focus(())
    assert by_row() == [2, 2, 2, 2, 2, 1]


def test_anchor_is_a_point_of_the_category_near_its_median():
    rng = np.random.default_rng(3)
    xy = np.concatenate([rng.normal([0, 0], 0.1, (50, 2)), rng.normal([5, 5], 0.1, (30, 2))])
    points = MapPoints(xy, np.arange(1, 81))
    points.set_codes(np.repeat([7, 2], [50, 30]))
    codes, at, counts = points.anchors((np.array([0], np.int32), np.array([80], np.int32)))
    assert codes.tolist() == [7, 2] and counts.tolist() == [50, 30]
    medians = points.index.scale(np.array([np.median(xy[:50], 0), np.median(xy[50:], 0)]))
    assert np.abs(at - medians).max() < 0.02


def test_state_is_carried_to_another_map_of_the_same_items():
    rng = np.random.default_rng(4)
    ids = rng.permutation(40) + 1
    old = MapPoints(rng.normal(size=(40, 2)), ids)
    old.set_codes((ids % 3).astype(np.int32))
    old.set_visible(ids[ids > 10])
    old.set_selected(ids[:5])
    order = rng.permutation(40)
    new = MapPoints(rng.normal(size=(40, 2)), ids[order])
    assert new.take_state(old)
    np.testing.assert_array_equal(new.codes, new.ids_at(np.arange(40)) % 3 + 1)
    np.testing.assert_array_equal(new.layer == 0, new.ids_at(np.arange(40)) <= 10)
    assert set(new.ids_at(new.top)) == set(ids[:5])
    x, _ = new.coordinates_in(old)
    at = {int(i): v for i, v in zip(old.ids_at(np.arange(40)), old.index.x, strict=True)}
    assert [at[int(i)] for i in new.ids_at(np.arange(40))] == x.tolist()
    assert not MapPoints(np.zeros((2, 2)), np.array([1, 2])).take_state(old)
