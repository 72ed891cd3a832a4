"""The widgets with generated pictures: selection, layout, late results, tree, identify, filters."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import itertools
import threading

import numpy as np
import pytest
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRect, Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QApplication, QLabel

from fgvc_studio.domain.records import Box, Category, CategoryName, LabelSource, NameKind
from fgvc_studio.gui import icons, theme
from fgvc_studio.gui.models.category_model import CategoryModel
from fgvc_studio.gui.models.inspector_data import InspectorData, Suggestion
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets import mime
from fgvc_studio.gui.widgets.category_tree import CategoryTree
from fgvc_studio.gui.widgets.favourites_bar import FavouritesBar
from fgvc_studio.gui.widgets.filter_bar import FilterBar
from fgvc_studio.gui.widgets.grid_layout import GridLayout, Section
from fgvc_studio.gui.widgets.identify_box import IdentifyBox
from fgvc_studio.gui.widgets.image_grid import ImageGrid
from fgvc_studio.gui.widgets.image_view import ImageView
from fgvc_studio.gui.widgets.inspector import Inspector
from fgvc_studio.gui.widgets.picture_decode import Picture, decode_bytes
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.services.browsing import Filter
from fgvc_studio.services.naming import Match

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def jpeg(width=256, height=192, colour=0xFF336699):
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(colour)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "JPEG", 85)
    return bytes(data.data())


@pytest.fixture
def thumbs(qtbot):
    lane = Thumbnails(lambda ids: {i: b"not a picture" if i == 9 else jpeg() for i in ids})
    yield lane
    lane.stop()
    assert not any(w.isRunning() for w in lane._workers)


@pytest.fixture
def grid(qtbot, thumbs):
    view = ImageGrid(Selection(), thumbs)
    qtbot.addWidget(view)
    view.resize(4 * 168 + 40, 620)
    view.set_items(np.arange(101, 201))
    view.show()
    assert view.layout_.columns == 4
    return view


def click(qtbot, grid, item, mods=Qt.KeyboardModifier.NoModifier):
    place = grid.tile_rect(item).center()
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, mods, place)


def test_layout_agrees_with_a_plain_loop():
    sections = [Section(0, "a"), Section(7, "b"), Section(8, "c"), Section(30, "d")]
    for parts in ((), sections):
        for width in (100, 500, 903):
            layout = GridLayout(57, 96, width, parts)
            rects = [layout.rect(i) for i in range(57)]
            assert layout.height >= max(r.bottom() for r in rects)
            for a, b in itertools.pairwise(rects):
                assert not a.intersects(b)
            for top in range(0, layout.height, 61):
                first, last = layout.visible(top, top + 230)
                hit = [i for i, r in enumerate(rects) if r.bottom() >= top and r.top() < top + 230]
                assert set(hit) <= set(range(first, last))
                assert last - first <= len(hit) + 2 * layout.columns
            for i, r in enumerate(rects):
                assert layout.index_at(r.center()) == i
            area = QRect(60, 150, 200, 330)
            assert layout.within(area).tolist() == [
                i for i, r in enumerate(rects) if r.intersects(area)
            ]


def test_steps_cross_sections_and_stop_at_the_ends():
    layout = GridLayout(12, 96, 4 * 104 + 20, [Section(0, "a"), Section(6, "b")])
    assert layout.columns == 4
    assert layout.step(1, 1) == 5
    assert layout.step(3, 1) == 5
    assert layout.step(5, 1) == 7
    assert layout.step(7, -1) == 5
    assert layout.step(7, -5) == 1
    assert layout.step(2, 50) == 11


def test_a_million_items_are_set_at_once_and_visible_rows_are_few(grid):
    grid.set_items(np.arange(1, 1_000_001))
    grid.scroll_to(999_999)
    assert 999_999 in grid.visible_ids()
    assert len(grid.visible_ids()) < 40


def test_arrow_keys_move_the_clicked_selection_along(qtbot, grid):
    click(qtbot, grid, 102)
    assert grid.selection.ids.tolist() == [102]
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    qtbot.keyClick(grid, Qt.Key.Key_Down)
    assert grid.selection.current == 107
    assert grid.selection.ids.tolist() == [107]
    qtbot.keyClick(grid, Qt.Key.Key_End)
    assert grid.selection.current == 200
    assert 200 in grid.visible_ids()
    qtbot.keyClick(grid, Qt.Key.Key_Home)
    assert grid.selection.current == 101


def test_space_ticks_stay_while_moving(qtbot, grid):
    click(qtbot, grid, 101)
    qtbot.keyClick(grid, Qt.Key.Key_Space)
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    qtbot.keyClick(grid, Qt.Key.Key_Space)
    assert grid.selection.ids.tolist() == [101, 102]
    qtbot.keyClick(grid, Qt.Key.Key_Space)
    assert grid.selection.ids.tolist() == [101]


def test_ranges_toggles_all_none_invert(qtbot, grid):
    click(qtbot, grid, 102)
    click(qtbot, grid, 105, SHIFT)
    assert grid.selection.ids.tolist() == [102, 103, 104, 105]
    click(qtbot, grid, 103, CTRL)
    assert grid.selection.ids.tolist() == [102, 104, 105]
    qtbot.keyClick(grid, Qt.Key.Key_Right, SHIFT)
    assert grid.selection.ids.tolist() == [102, 103, 104, 105]
    qtbot.keyClick(grid, Qt.Key.Key_A, CTRL)
    assert len(grid.selection) == 100
    qtbot.keyClick(grid, Qt.Key.Key_A, CTRL | SHIFT)
    assert len(grid.selection) == 0
    click(qtbot, grid, 101)
    qtbot.keyClick(grid, Qt.Key.Key_I, CTRL)
    assert len(grid.selection) == 99
    assert 101 not in grid.selection


def test_rubber_band_selects_what_it_meets(qtbot, grid):
    port, left = grid.viewport(), Qt.MouseButton.LeftButton
    start, end = QPoint(2, 2), grid.tile_rect(106).center()
    qtbot.mousePress(port, left, pos=start)
    qtbot.mouseMove(port, QPoint(60, 60))
    event_points = [QPoint(60, 60), end]
    for point in event_points:
        _drag_to(port, point)
    qtbot.mouseRelease(port, left, pos=end)
    assert grid.selection.ids.tolist() == [101, 102, 105, 106]
    assert grid.band.isNull()


def _drag_to(port, point):
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent

    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    at = QPointF(point)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        at,
        port.mapToGlobal(at),
        none,
        left,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(port, event)


def test_zoom_keeps_the_item_under_the_cursor(grid):
    grid.set_items(np.arange(1, 5001))
    grid.scroll_to(2500, centre=True)
    point = QPoint(200, 300)
    before = grid.layout_.nearest(point + QPoint(0, grid.offset()))
    grid.set_tile_size(208, point)
    rect = grid.layout_.rect(before)
    y = point.y() + grid.offset()
    assert rect.top() - 10 <= y <= rect.bottom() + 10


def test_items_that_leave_the_list_hand_the_cursor_to_their_successor(grid):
    grid.selection.set_current(110)
    grid.set_items(np.array([i for i in range(101, 201) if i != 110]))
    assert grid.selection.current == 111


def test_enter_and_double_click_open(qtbot, grid):
    click(qtbot, grid, 103)
    with qtbot.waitSignal(grid.activated) as caught:
        qtbot.keyClick(grid, Qt.Key.Key_Return)
    assert caught.args == [103]


def test_thumbnails_arrive_and_broken_ones_are_known(qtbot, thumbs):
    arrived = set()
    thumbs.ready.connect(arrived.update)
    thumbs.want([1, 2, 9], 160)
    qtbot.waitUntil(lambda: arrived == {1, 2, 9}, timeout=3000)
    assert thumbs.pixmap(1, 160).width() == 160
    assert thumbs.broken(9)
    assert not thumbs.broken(1)


def test_pictures_scrolled_away_are_never_decoded(qtbot):
    asked, gate = [], threading.Event()

    def get_many(ids):
        asked.extend(ids)
        gate.wait(2)
        return {i: jpeg() for i in ids}

    lane = Thumbnails(get_many, threads=1)
    try:
        lane.want([1], 100)
        qtbot.waitUntil(lambda: asked == [1])
        lane.want(list(range(100, 200)), 100)
        lane.want([7], 100)
        with qtbot.waitSignal(lane.ready):
            gate.set()
        qtbot.waitUntil(lambda: lane.pixmap(7, 100) is not None)
        assert asked == [1, 7]
    finally:
        lane.stop()


def test_the_cache_stays_within_its_budget(qtbot):
    lane = Thumbnails(lambda ids: {i: jpeg() for i in ids}, budget_bytes=500_000)
    try:
        lane.want(list(range(1, 41)), 160)
        qtbot.waitUntil(lambda: lane.pixmap(40, 160) is not None)
        assert lane.used_bytes <= 500_000
    finally:
        lane.stop()


def test_items_in_boxes_are_cropped():
    image = decode_bytes(jpeg(200, 100), Picture(1, Box(0, 0, 200, 400), 800, 400), 100)
    assert (image.width(), image.height()) == (50, 100)


def test_a_late_picture_of_another_item_is_dropped(qtbot):
    view = ImageView()
    qtbot.addWidget(view)
    gate = threading.Event()

    def slow():
        gate.wait(2)
        return jpeg(300, 200)

    view.set_item(1, None, loader=slow)
    view.set_item(2, None, loader=lambda: jpeg(64, 32))
    gate.set()
    qtbot.waitUntil(lambda: view.sharp)
    assert view.item_id == 2
    assert view._full.width() == 64
    view.stop()


def test_a_region_is_given_in_image_pixels(qtbot):
    view = ImageView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.set_item(5, None, loader=lambda: jpeg(800, 600))
    qtbot.waitUntil(lambda: view.sharp)
    view.set_region_mode(True)
    with qtbot.waitSignal(view.region_selected) as caught:
        qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(100, 50))
        _drag_to(view, QPoint(200, 150))
        qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(200, 150))
    item, box = caught.args
    assert item == 5
    assert (box.x, box.y, box.width, box.height) == pytest.approx((200, 100, 200, 200))
    view.stop()


def tree_data():
    return [
        Category(1, "Danaus"),
        Category(
            2,
            "Danaus plexippus",
            1,
            "species",
            names=(CategoryName(1, 2, "Monarch", NameKind.VERNACULAR),),
        ),
        Category(3, "Danaus chrysippus", 1, "species", provisional=True),
        Category(4, "Vanessa"),
        Category(5, "Vanessa atalanta", 4, "species"),
    ]


def test_tree_filter_finds_common_names_and_keeps_ancestors(qtbot):
    model = CategoryModel()
    model.set_categories(tree_data())
    model.set_filter("monar")
    assert model.matches == [2]
    assert model.rowCount() == 1
    top = model.index(0, 0)
    assert top.data() == "Danaus"
    assert [model.index(r, 0, top).data() for r in range(model.rowCount(top))] == ["D. plexippus"]
    child = model.index(0, 0, top)
    assert child.data(Qt.ItemDataRole.EditRole) == "Danaus plexippus"
    model.set_filter("")
    assert model.rowCount() == 2


def test_counts_update_only_what_changed(qtbot):
    model = CategoryModel()
    model.set_categories(tree_data(), {2: (4, 4, 1)})
    touched = []
    model.dataChanged.connect(lambda a, b, *_: touched.append(a.internalId()))
    model.set_counts({2: (5, 5, 1), 3: (0, 0, 0)})
    assert 2 in touched
    assert model.index_of(2, 1).data() == "1 / 5"


def test_dropping_on_the_tree_labels_or_moves(qtbot):
    model = CategoryModel()
    model.set_categories(tree_data())
    copy = Qt.DropAction.CopyAction
    got = []
    model.items_dropped.connect(lambda ids, c: got.append((ids.tolist(), c)))
    model.moved.connect(lambda c, p: got.append((c, p)))
    model.dropMimeData(mime.of_items(np.array([3, 8])), copy, -1, -1, model.index_of(5))
    model.dropMimeData(mime.of_category(5), copy, -1, -1, model.index_of(1))
    model.dropMimeData(mime.of_category(1), copy, -1, -1, model.index_of(2))
    assert got == [([3, 8], 5), (5, 1)]


def test_tree_filters_by_click_and_find(qtbot):
    tree = CategoryTree()
    qtbot.addWidget(tree)
    tree.set_categories(tree_data())
    tree.show()
    with qtbot.waitSignal(tree.filter_requested) as caught:
        qtbot.keyClicks(tree.find, "atalanta")
        qtbot.keyClick(tree.find, Qt.Key.Key_Return)
    assert caught.args == [frozenset({5})]
    tree.set_categories(tree_data())
    assert tree.selected() == [5]


def search(text, limit):
    hits = [
        Match(2, "Danaus plexippus", "Monarch", NameKind.VERNACULAR, 95.0),
        Match(3, "Danaus chrysippus", "", None, 90.0),
    ]
    return [m for m in hits if text in (m.shown + m.matched).casefold()][:limit]


def test_identify_chooses_creates_and_closes(qtbot):
    box = IdentifyBox(search)
    qtbot.addWidget(box)
    box.open(312)
    assert "312" in box.title.text()
    qtbot.keyClicks(box.line, "dan")
    qtbot.keyClick(box.line, Qt.Key.Key_Down)
    with qtbot.waitSignal(box.chosen) as caught:
        qtbot.keyClick(box.line, Qt.Key.Key_Return)
    assert caught.args == [3]
    assert not box.isVisible()
    box.open(1, text="new one")
    with qtbot.waitSignal(box.create_requested) as created:
        qtbot.keyClick(box.line, Qt.Key.Key_Return)
    assert created.args == ["new one"]
    box.open(1)
    qtbot.keyClick(box.line, Qt.Key.Key_Escape)
    assert not box.isVisible()


def test_filter_bar_types_adds_and_removes(qtbot):
    bar = FilterBar(category_name=lambda c: f"cat {c}")
    qtbot.addWidget(bar)
    got = []
    bar.filter_changed.connect(got.append)
    qtbot.keyClicks(bar.line, "moth")
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert got[-1].text == "moth"
    bar.menu.build()
    next(a for a in bar.menu.actions() if a.text() == "Unlabelled").trigger()
    assert got[-1].state == "unlabelled"
    bar.set_filter(Filter(text="moth", categories=frozenset({4}), state="flagged"))
    assert [c.text() for c in bar.chips.chips] == ["Flagged", "cat 4", "Clear all"]
    bar.chips.chips[1].click()
    assert got[-1] == Filter(text="moth", state="flagged")
    bar.set_count(1204, 51230)
    assert bar.count.text() == "1,204 of 51,230"


def test_favourites_label_and_empty_slots_do_nothing(qtbot):
    bar = FavouritesBar()
    qtbot.addWidget(bar)
    bar.set_favourites([(4, "Vanessa", 1)])
    got = []
    bar.label_requested.connect(got.append)
    bar.buttons[0].click()
    bar.buttons[1].click()
    assert got == [4]


def test_inspector_drops_answers_about_an_earlier_item(qtbot, thumbs):
    pane = Inspector(thumbs)
    qtbot.addWidget(pane)
    pane.set_item(InspectorData(7, None, category="Danaus", source=LabelSource.HUMAN, who="Ann"))
    pane.set_suggestions(6, [Suggestion(1, "late", 0.9)])
    pane.set_neighbours(6, np.array([1]), ["late"])
    assert not pane.suggestions.rows
    assert not pane.neighbours.cells
    pane.set_suggestions(7, [Suggestion(2, "Danaus plexippus", 0.8)])
    assert "Danaus plexippus" in pane.accepts.text()
    with qtbot.waitSignal(pane.label_requested) as caught:
        pane.suggestions.rows[0].click()
    assert caught.args == [7, 2]
    pane.stop()


def test_every_icon_draws_in_both_themes(qtbot):
    try:
        for choice in ("dark", "light"):
            theme.apply(QApplication.instance(), choice)
            for name in icons.names():
                image = icons.icon(name).pixmap(24, 24).toImage()
                alphas = {image.pixelColor(x, y).alpha() for x in range(24) for y in range(24)}
                assert max(alphas) > 100, name
    finally:
        theme.apply(QApplication.instance(), "light")
    assert len(icons.names()) >= 51


def test_ten_thousand_qt_calls_survive(qtbot):
    label = QLabel()
    qtbot.addWidget(label)
    for i in range(10_000):
        label.setText(str(i))
    assert label.text() == "9999"
    assert QPixmap(1, 1).width() == 1
