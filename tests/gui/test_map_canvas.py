"""The map widget driven by mouse and keys."""

import threading

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPixmap, QPolygonF
from PySide6.QtWidgets import QApplication

from fgvc_studio.gui import theme
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets import map_overlay as overlay
from fgvc_studio.gui.widgets import map_raster as mr
from fgvc_studio.gui.widgets.map_canvas import MapCanvas
from fgvc_studio.gui.widgets.map_tools import Drag, Tool, polygon_mask

N = 600


@pytest.fixture
def scene(qtbot):
    mr.warm_up(wait=True)
    rng = np.random.default_rng(0)
    xy = rng.normal(size=(N, 2)).astype(np.float32)
    ids = rng.permutation(N) + 1
    selection = Selection()
    canvas = MapCanvas(selection, lambda i: QPixmap(32, 24), lambda i: f"item {i}")
    qtbot.addWidget(canvas)
    canvas.resize(900, 600)
    canvas.set_map(xy, ids, total=N + 5)
    canvas.set_colours(ids % 4, [(c, f"cat {c}", None, N // 4) for c in range(4)], "Category")
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.grab()
    yield canvas, selection, xy, ids
    canvas.stop()


def _screen(canvas, xy):
    xy = canvas.points.index.scale(xy)
    return np.array([canvas.surface.state.to_screen(x, y) for x, y in xy])


def _drag(qtbot, surface, corners, modifier=Qt.KeyboardModifier.NoModifier, release=True):
    points = [QPoint(*(int(v) for v in c)) for c in corners]
    qtbot.mousePress(surface, Qt.MouseButton.LeftButton, modifier, points[0])
    for p in points[1:]:
        qtbot.mouseMove(surface, p)
    if release:
        qtbot.mouseRelease(surface, Qt.MouseButton.LeftButton, modifier, points[-1])


def _inside_polygon(points, polygon):
    x, y = points[:, 0], points[:, 1]
    inside = np.zeros(len(points), bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        crosses = (ay > y) != (by > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


def _edge_distance(points, polygon):
    best = np.full(len(points), np.inf)
    for a, b in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        d = b - a
        t = np.clip(((points - a) @ d) / max(d @ d, 1e-9), 0, 1)[:, None]
        best = np.minimum(best, np.linalg.norm(points - a - t * d, axis=1))
    return best


def test_lasso_equals_the_exact_test_but_for_border_pixels(scene, qtbot):
    canvas, selection, xy, ids = scene
    canvas.set_tool(Tool.LASSO)
    w, h = canvas.surface.width(), canvas.surface.height()
    angles = np.linspace(0, 5.6, 40)
    polygon = np.stack([w / 2 + 150 * np.sin(angles), h / 2 + 130 * np.cos(2 * angles)], -1)
    polygon = polygon.astype(int).astype(float)
    _drag(qtbot, canvas.surface, polygon)
    at = _screen(canvas, xy)
    exact, far = _inside_polygon(at, polygon), _edge_distance(at, polygon) > 1.5
    np.testing.assert_array_equal(np.isin(ids, selection.ids)[far], exact[far])
    assert len(selection) > 3


def test_box_adds_removes_and_obeys_the_filter(scene, qtbot):
    canvas, selection, _xy, ids = scene
    canvas.set_tool(Tool.BOX)
    w, h = canvas.surface.width(), canvas.surface.height()
    whole = [(1, 1), (w // 2, h // 2), (w - 2, h - 2)]
    canvas.set_visible(ids[ids <= 100])
    canvas.grab()
    _drag(qtbot, canvas.surface, whole, release=False)
    qtbot.waitUntil(lambda: "100" in canvas.surface.note and "filter" in canvas.surface.note)
    qtbot.mouseRelease(canvas.surface, Qt.MouseButton.LeftButton, pos=QPoint(w - 2, h - 2))
    np.testing.assert_array_equal(selection.ids, np.arange(1, 101))
    canvas.set_visible(ids[(ids > 100) & (ids <= 150)])
    _drag(qtbot, canvas.surface, whole, Qt.KeyboardModifier.ShiftModifier)
    np.testing.assert_array_equal(selection.ids, np.arange(1, 151))
    canvas.set_visible(ids[ids <= 120])
    _drag(qtbot, canvas.surface, whole, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(selection.ids, np.arange(121, 151))
    assert "120 of 600" in canvas.bar.info.text() and "5 not on the map" in canvas.bar.info.text()


def test_escape_cancels_a_drag_then_clears(scene, qtbot):
    canvas, selection, _, _ = scene
    selection.set([3])
    canvas.set_tool(Tool.LASSO)
    _drag(qtbot, canvas.surface, [(10, 10), (400, 20), (300, 400)], release=False)
    assert canvas.surface.drag is not None
    qtbot.keyClick(canvas.surface, Qt.Key.Key_Escape)
    assert canvas.surface.drag is None and selection.ids.tolist() == [3]
    qtbot.keyClick(canvas.surface, Qt.Key.Key_Escape)
    assert len(selection) == 0


def test_click_selects_what_hover_shows(scene, qtbot):
    canvas, selection, xy, ids = scene
    row = int(np.argmax(xy[:, 0]))  # the outermost point stands alone
    at = QPoint(*(int(v) for v in _screen(canvas, xy)[row]))
    assert canvas.surface.pick(QPointF(at)) == ids[row]
    qtbot.mouseMove(canvas.surface, at)
    qtbot.waitUntil(canvas.card.isVisible, timeout=2000)
    assert canvas.card.item_id == ids[row]
    with qtbot.waitSignal(canvas.item_activated):
        qtbot.mouseClick(canvas.surface, Qt.MouseButton.LeftButton, pos=at)
    assert selection.ids.tolist() == [ids[row]] and selection.current == ids[row]
    qtbot.mouseClick(canvas.surface, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert len(selection) == 0


def test_wheel_keeps_the_point_under_the_cursor_and_keys_move(scene, qtbot):
    canvas, _, _, _ = scene
    state = canvas.surface.state
    before = state.to_map(200, 150)
    state.zoom_at(200, 150, 3)
    assert np.allclose(state.to_map(200, 150), before)
    canvas.surface.moved()
    x = state.x
    qtbot.keyClick(canvas.surface, Qt.Key.Key_Right)
    assert state.x > x
    zoom = state.zoom
    qtbot.keyClick(canvas.surface, Qt.Key.Key_Plus)
    assert state.zoom > zoom
    qtbot.keyClick(canvas.surface, Qt.Key.Key_0)
    qtbot.waitUntil(lambda: state.fitted, timeout=3000)
    for key, tool in ((Qt.Key.Key_O, Tool.LASSO), (Qt.Key.Key_Q, Tool.SELECT)):
        qtbot.keyClick(canvas.surface, key)
        assert canvas.gestures.tool is tool


def test_locate_centres_and_says_when_an_item_is_not_there(scene, qtbot):
    canvas, _, _, _ = scene
    assert not canvas.locate(99_999)
    assert canvas.locate(7)
    qtbot.waitUntil(lambda: not canvas.surface.animating, timeout=5000)
    at = canvas.surface.place_of(7)
    assert abs(at.x() - canvas.surface.width() / 2) < 1
    assert abs(at.y() - canvas.surface.height() / 2) < 1


def test_legend_focus_and_isolation(scene):
    canvas, _, _, ids = scene
    assert canvas.legend.model.rowCount() == 4
    canvas.legend.toggled.emit(2)
    canvas.legend.toggled.emit(3)
    assert canvas.points.focus == {2, 3}
    canvas.legend.isolated.emit(2)
    shown = canvas.points.ids_at(np.flatnonzero(canvas.points.layer != mr.HIDDEN))
    assert set(shown) == set(ids[ids % 4 == 2])
    canvas.legend.isolated.emit(2)
    assert not canvas.points.isolated and not canvas.points.focus


def test_next_map_of_the_same_items_travels_and_keeps_state(scene, qtbot):
    canvas, selection, xy, ids = scene
    selection.set(ids[:9])
    canvas.set_visible(ids[:300])
    canvas.surface.state.zoom_at(100, 100, 2)
    zoom = canvas.surface.state.zoom
    order = np.random.default_rng(1).permutation(N)
    canvas.set_map(xy[order][:, ::-1], ids[order])
    assert canvas.surface.animating and canvas.surface.state.zoom == zoom
    qtbot.waitUntil(lambda: not canvas.surface.animating, timeout=3000)
    canvas.grab()
    points = canvas.points
    assert set(points.ids_at(points.top)) == set(ids[:9])
    assert set(points.ids_at(np.flatnonzero(points.layer != mr.HIDDEN))) == set(ids[:300])
    np.testing.assert_array_equal(points.codes - 1, points.ids_at(np.arange(N)) % 4)


def test_large_map_is_sorted_in_a_thread_that_ends(scene, qtbot):
    canvas, _, _, _ = scene
    xy = np.random.default_rng(2).normal(size=(30_000, 2))
    ids = np.arange(1, 30_001)
    with qtbot.waitSignal(canvas.map_shown, timeout=10_000):
        canvas.set_map(xy + 5, ids)
        canvas.set_map(xy, ids)  # the newest wins
        canvas.set_colours(ids % 7, [(c, str(c), None, 1) for c in range(7)])
        canvas.set_visible(ids[:10])
    qtbot.waitUntil(lambda: not canvas._loader.busy, timeout=10_000)
    points = canvas.points
    assert len(points) == 30_000 and abs(points.index.centre[0]) < 2
    assert np.count_nonzero(points.layer) == 10
    np.testing.assert_array_equal(points.codes - 1, points.ids_at(np.arange(30_000)) % 7)
    assert not [t for t in threading.enumerate() if t.name == "map-kernels"]


def test_empty_state_offers_embeddings(scene, qtbot):
    canvas, _, _, _ = scene
    canvas.set_map(None)
    assert canvas.points is None and canvas.empty.isVisible()
    with qtbot.waitSignal(canvas.compute_requested):
        canvas.empty.button.click()
    canvas.surface.pick(QPointF(3, 3))
    qtbot.keyClick(canvas.surface, Qt.Key.Key_Plus)
    assert not canvas.locate(1)


def test_density_theme_and_continuous_colours_redraw(scene, qtbot):
    canvas, _, xy, _ids = scene

    def picture():
        image = canvas.surface.grab().toImage()
        return [image.pixel(x, y) for x in range(150, 600, 15) for y in range(100, 500, 15)]

    seen = [picture()]
    canvas.bar.density.setChecked(True)
    seen.append(picture())
    canvas.bar.density.setChecked(False)
    values = xy[:, 0].copy()
    values[0] = np.nan
    canvas.set_continuous(values, "Confidence")
    seen.append(picture())
    theme.apply(QApplication.instance(), "dark")
    seen.append(picture())
    theme.apply(QApplication.instance(), "light")
    assert len({tuple(s) for s in seen}) == 4
    assert canvas.legend.scale.isVisible() and not canvas.legend.list.isVisible()


def test_colour_by_tells_only_what_the_hand_chose(scene, qtbot):
    canvas, _, _, _ = scene
    told = []
    canvas.colour_by_changed.connect(told.append)
    canvas.set_colour_options([("label", "Category"), ("state", "State")], "state")
    assert told == []
    canvas.bar.colour_by.setCurrentIndex(0)
    assert told == ["label"]


def test_mask_is_the_polygon_at_the_device_pixel_ratio():
    drag = Drag(Tool.BOX, QPointF(10, 5), QPointF(20, 15))
    mask = polygon_mask(drag.polygon(), 50, 30, 2.0)
    jj, ii = np.nonzero(mask)
    assert mask.shape[0] == 60 and len(jj) == 400
    assert (ii.min(), ii.max(), jj.min(), jj.max()) == (20, 39, 10, 29)
    assert not polygon_mask(QPolygonF(), 50, 30, 1.0).any()


def test_mismatched_lengths_are_refused(scene):
    canvas, _, _, _ = scene
    with pytest.raises(ValueError, match="2 points for 3 items"):
        canvas.set_map(np.zeros((2, 2)), [1, 2, 3])
    with pytest.raises(ValueError, match="codes"):
        canvas.set_colours([1, 2], [])


def test_leaving_hides_the_card(scene, qtbot):
    canvas, _, _xy, _ = scene
    canvas.card.point_at(5, QPoint(20, 20))
    qtbot.waitUntil(canvas.card.isVisible, timeout=2000)
    QApplication.sendEvent(canvas.surface, QEvent(QEvent.Type.Leave))
    assert not canvas.card.isVisible() and canvas.surface.hovered_id == 0


def test_names_step_aside_from_points_and_stand_on_no_ringed_one(qtbot):
    area, pixmap, cache = QRectF(0, 0, 400, 300), QPixmap(400, 300), overlay.NameCache()
    cache.set_look("#ffffff", QApplication.font(), 1.0)

    def placed(**points):
        pixmap.fill()
        painter = QPainter(pixmap)
        names = [("Name", "#000000", 200, 150)]
        found = overlay.draw_names(painter, names, cache, area, **points)
        painter.end()
        return found

    def covers(room):
        return room[0] <= 200 <= room[2] and room[1] <= 150 <= room[3]

    (plain,) = placed()
    assert covers(plain)
    for kind in ("ringed", "others"):
        (moved,) = placed(**{kind: np.array([[200.0, 150.0]])})
        assert not covers(moved)
    crowd = np.stack(np.meshgrid(np.arange(0, 400, 4), np.arange(0, 300, 4)), -1).reshape(-1, 2)
    assert placed(ringed=crowd.astype(float)) == []
    assert placed(others=crowd.astype(float)) == [plain]
