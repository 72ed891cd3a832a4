"""The drift report in its view: tables, maps, neighbours, the decision."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "services"))
from studio_kit import new_images

from fgvc_studio.domain.events import ItemsAdded, SpaceChanged
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.gui import theme
from fgvc_studio.gui.bus_bridge import BusBridge
from fgvc_studio.gui.job_thread import JobQueue
from fgvc_studio.gui.task_pool import TaskPool
from fgvc_studio.gui.widgets.drift_points import colours_of, on_one_scale
from fgvc_studio.gui.widgets.drift_view import DriftReportView
from fgvc_studio.services.studio import Studio

EACH, KINDS = 10, 5
N = EACH * KINDS


@pytest.fixture
def context(qapp, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(KINDS), EACH)
    shown, said = [], []
    with Studio.create(tmp_path / "p.fgvc", who="ana") as studio:
        root = studio.store.images.add_root(tmp_path)
        studio.store.images.add(root, new_images([f"{i}.jpg" for i in range(N)]))
        studio.bus.publish(ItemsAdded(1, N))
        for kind in range(KINDS):
            category = studio.labelling.add_category(f"Kind {kind}")
            items = np.flatnonzero(labels == kind) + 1
            studio.labelling.label(items, category, source=LabelSource.IMPORT)
        for name, mixed in (("old", (0, 1)), ("new", (3, 4))):
            place = np.eye(KINDS)[labels]
            place[np.isin(labels, mixed)] = np.eye(KINDS)[mixed[0]]
            vectors = place + 0.05 * rng.normal(size=place.shape)
            meta = {"run": "ecaml-1"} if name == "new" else {}
            writer = studio.store.arrays.create_space(name, "made", KINDS, name, "test", meta)
            writer.append(np.arange(1, N + 1), vectors.astype(np.float32))
            writer.close()
            studio.bus.publish(SpaceChanged(name))
        studio.choosing.accept("old")
        made = SimpleNamespace(
            studio=studio,
            bridge=BusBridge(studio.bus),
            jobs=JobQueue(),
            tasks=TaskPool(),
            toasts=SimpleNamespace(show_message=lambda *told: said.append(told)),
            show_fault=lambda fault: pytest.fail(str(fault)),
            show_items=lambda ids, name: shown.append((ids.tolist(), name)),
            shown=shown,
            said=said,
        )
        yield made
        made.jobs.shut_down()
        made.tasks.shut_down()
        made.bridge.close()


@pytest.fixture
def view(context, qtbot):
    made = DriftReportView(context, "old", "new")
    qtbot.addWidget(made)
    made.resize(1000, 640)
    with qtbot.waitSignal(made.shown, timeout=20_000):
        made.show()
    qtbot.waitUntil(lambda: made.map.ready, timeout=10_000)
    yield made
    made.stop()


def test_tables_say_what_changed(view):
    worse = view.tables["worse"].model
    assert {worse.row(i).categories[0] for i in range(2)} == {4, 5}
    assert view.tables["better"].model.rowCount() >= 2
    assert view.tables["collapsed"].model.row(0).categories == (4, 5)
    assert view.tables["apart"].model.row(0).categories == (1, 2)
    assert view.tables["trouble"].model.row(0).categories == (4, 5)
    assert view.tabs["worse"].text().startswith("Worse ")
    assert "hold together better in new" in view.sentence.text()


def test_a_table_sorts_and_finds_back_to_its_order(view):
    table = view.tables["moved"]
    given = [table.model.row(i).keys for i in range(table.model.rowCount())]
    table.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    items = [table.model.row(i).keys[1] for i in range(table.model.rowCount())]
    assert items == sorted(items)
    table.model.sort(-1)
    assert [table.model.row(i).keys for i in range(table.model.rowCount())] == given


def test_a_row_shows_neighbours_and_categories(view, context, qtbot):
    view.show_table("labels")
    row = view.tables["labels"].model.row(0)
    view.tables["labels"].table.selectRow(0)
    panel = view.neighbours
    qtbot.waitUntil(lambda: panel.own.ids == [int(row.items[0])], timeout=5000)
    assert len(panel.before.ids) == len(panel.after.ids) == 10
    assert not set(panel.after.marked) & set(panel.before.ids)
    assert view.all.isVisible()
    view.all.click()
    assert not view.all.isVisible()
    view.tables["worse"].opened.emit(view.tables["worse"].model.row(0))
    ids, name = context.shown[0]
    assert len(ids) == EACH and name == view.tables["worse"].model.row(0).cells[0]


def test_a_click_on_the_map_chooses_the_item_there(view, qtbot):
    rows = np.array([7])
    _, after = view.map._ends(rows)
    at = QPointF(*after[0])
    item = view.map.item_at(at)
    with qtbot.waitSignal(view.item_chosen, timeout=5000) as seen:
        qtbot.mouseClick(view.map, Qt.MouseButton.LeftButton, pos=at.toPoint())
    assert abs(seen.args[0] - item) < N
    assert view.map.item_at(QPointF(-500, -500)) == 0
    view.beside.click()
    qtbot.waitUntil(lambda: view.map.ready, timeout=5000)
    assert len(view.map._pictures) == 2
    before, after = view.map._ends(rows)
    assert before[0][0] < view.map.width() / 2 < after[0][0]


def test_zoom_keeps_the_middle(view, qtbot):
    qtbot.keyClicks(view.map, "++")
    assert view.map._zoom > 1.5
    qtbot.keyClicks(view.map, "0")
    assert view.map._zoom == 1


def test_each_decision_is_one_operation_and_can_be_undone(view, context, qtbot):
    studio = context.studio
    default, kept = studio.embedding.default_space, lambda: studio.choosing.kept("ecaml-1")
    count = len(studio.labelling.history())
    assert not view.back.isEnabled() and view.accept.isEnabled() and view.both.isEnabled()
    view.accept.click()
    assert default() == "new" and kept() and not view.accept.isEnabled()
    assert len(studio.labelling.history()) == count + 1
    text, word, undo = context.said[0]
    assert text == "Use the space new" and word == "Undo"
    undo()
    assert default() == "old" and not kept()
    qtbot.waitUntil(view.accept.isEnabled, timeout=5000)
    view.both.click()
    assert default() == "old" and kept() and not view.both.isEnabled()
    view.accept.click()
    view.back.click()
    assert default() == "old" and not kept()


def test_changed_labels_offer_a_new_report(view, context, qtbot):
    assert not view.again.isVisible()
    context.studio.labelling.label([1, 2], 3)
    qtbot.waitUntil(view.again.isVisible, timeout=5000)
    with qtbot.waitSignal(view.shown, timeout=20_000):
        view.again.click()
    assert not view.again.isVisible()


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_it_paints_in_both_themes(view, qapp, qtbot, choice):
    theme.apply(qapp, choice)
    view.choose_item(3)
    qtbot.waitUntil(lambda: bool(view.neighbours.own.ids), timeout=5000)
    assert view.minimumSizeHint().width() <= 1000
    picture = view.grab().toImage()
    assert picture.width() == 1000
    theme.apply(qapp, "light")


def test_places_share_a_scale_and_focus_greys_the_rest():
    old = np.array([[0, 0], [4, 2]], np.float32)
    new = np.array([[0, 0], [8, 2]], np.float32)
    a, b = on_one_scale(old, new)
    assert a.min() >= 0 and b.max() <= 1
    np.testing.assert_allclose((b[1] - b[0])[0], 2 * (a[1] - a[0])[0])
    table = colours_of(np.array([-1, 0, 1]), frozenset({1}), theme.LIGHT)
    assert len(table) == 3 and (table[1] != table[2]).any()
