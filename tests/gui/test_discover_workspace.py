"""Discover over a project of generated blobs: the table, the keys, the modes, growing, undo."""

import shutil

import numpy as np
import pytest
from discover_kit import EACH, KNOWN, NOVEL, make_project
from fitting import pages_fit_while_a_job_runs
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QInputDialog

from fgvc_studio.domain.clusters import ClusterState, CountCurve
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.gui import preferences
from fgvc_studio.gui.main_window import MainWindow

SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier
WAIT = 60_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("discover") / "Moths.fgvc"
    return path, make_project(path)


@pytest.fixture
def truth(made):
    return made[1]


@pytest.fixture
def window(qtbot, made, tmp_path):
    preferences.remember("confirm/bulk_off", True)
    path = tmp_path / "Moths.fgvc"
    shutil.copytree(made[0], path)
    w = MainWindow(crashed=lambda trace, doing: pytest.fail(trace))
    qtbot.addWidget(w)
    w.resize(1280, 800)
    w.show()
    w.activateWindow()
    w.open_project(path)
    qtbot.waitUntil(lambda: w.session is not None, timeout=WAIT)
    w.go("go.discover")
    page = w.workspaces["go.discover"]
    qtbot.waitUntil(lambda: page.desk.details is not None, timeout=WAIT)
    settle(qtbot, w)
    yield w
    w.jobs.shut_down()
    w.close()


@pytest.fixture
def page(window):
    return window.workspaces["go.discover"]


def settle(qtbot, window):
    """Wait until nothing is read, written or on its way to the window."""
    page = window.workspaces["go.discover"]

    def quiet():
        return not page.control.deciding.busy and not window.tasks._open

    qtbot.waitUntil(quiet, timeout=WAIT)
    qtbot.wait(30)  # what the bus has published may only now ask for a new list
    qtbot.waitUntil(quiet, timeout=WAIT)


def press(qtbot, window, key, modifier=NONE):
    page = window.workspaces["go.discover"]
    if not window.isActiveWindow():  # else its keys are dead
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)
    target = {"review": page.grid, "known": page.queue.grid, "grow": page.pane.grid}[page._page]
    target.setFocus()
    qtbot.keyClick(target, key, modifier)
    settle(qtbot, window)


def states(page):
    return {c.id: c.state for c in page.desk.listing.clusters}


def category(window, items):
    return window.session.studio.catalogue.category[np.asarray(items) - 1]


def test_shows_clusters_with_what_is_known_of_them(window, page):
    assert page._page == "review"
    assert len(page.table.model.clusters) == NOVEL
    first = page.desk.cluster()
    assert first is not None
    assert page.header.name.toolTip() == first.name
    assert first.nearest
    assert page.table.model.nearest_text(first) in page.table.model.sentence(first) or first.nearest
    assert len(page.grid.ids) == first.size
    assert page.side.card.bars[0].nearest == first.nearest[0]
    assert page.maps._of_point.max() > 0
    assert (window.width(), window.height()) == (1280, 800)


def test_every_page_fits_a_small_window_while_a_job_runs(window, page, qtbot):
    pages_fit_while_a_job_runs(qtbot, window)


def test_no_pane_is_pushed_out_of_the_window(window, page, qtbot):
    for enter in ("cluster.split", "cluster.merge", "cluster.check"):
        assert window.actions_.run(enter)
        settle(qtbot, window)
        window.selection.set(page.grid.ids[:3])
        qtbot.wait(20)
        assert window.width() == 1280
        assert page.side.mapTo(window, page.side.rect().bottomRight()).x() < 1280
        assert page.side.horizontalScrollBar().maximum() == 0
        assert window.actions_.run("cluster.escape")
        window.selection.clear()
        assert not page.modes.mode


def test_table_sorts_filters_and_keeps_the_current_cluster(page):
    model, current = page.table.model, page.table.current
    page.table.order.setCurrentIndex(page.table.order.findText("By name"))
    page.table._order_chosen()
    names = [c.name for c in model.clusters]
    assert names == sorted(names)
    assert page.table.current == current
    page.table._heading_clicked(1)
    sizes = [c.size for c in model.clusters]
    assert sizes == sorted(sizes, reverse=True)
    page.table._heading_clicked(1)
    assert [c.size for c in model.clusters] == sorted(sizes)
    page.table.find.setText(names[2])
    assert [c.name for c in model.clusters] == [names[2]]
    page.table.find.setText("no such thing")
    assert page.table.empty.isVisibleTo(page)
    assert page.table.current == 0
    page.table.find.clear()
    assert len(model.clusters) == NOVEL


def test_accept_asks_for_a_name_labels_and_goes_on(window, page, qtbot):
    first = page.desk.cluster()
    members = page.desk.members.copy()
    press(qtbot, window, Qt.Key.Key_A)
    box = page.control.naming_box
    assert box.isVisible()
    assert box.name.text() == page.desk.details.card.provisional_name
    assert box.parent_line.text() == "Arctia"
    box.name.setText("Arctia nova")
    qtbot.keyClick(box.name, Qt.Key.Key_Return)
    settle(qtbot, window)
    studio = window.session.studio
    found = category(window, members)
    assert len(set(found.tolist())) == 1
    assert studio.catalogue.path_name(int(found[0])).endswith("Arctia nova")
    assert studio.catalogue.categories[int(found[0])].parent_id is not None
    assert (studio.catalogue.columns.source[members - 1] == LabelSource.CLUSTER).all()
    assert states(page)[first.id] == ClusterState.ACCEPTED
    assert page.desk.current != first.id
    assert page.desk.cluster().state == ClusterState.PROPOSED
    toast = window.toasts.toasts[-1]
    assert toast.text == f"Labelled {len(members)} items as Arctia nova"
    toast.button.click()
    settle(qtbot, window)
    assert not category(window, members).any()
    assert states(page)[first.id] == ClusterState.PROPOSED
    assert page.desk.current == first.id


def test_a_qualifier_is_put_into_the_nearest_name(page):
    box = page.control.naming_box
    box.open(3, "Arctia sp. 002", 1, akin="Arctia aaaa")
    box.qualifier.setCurrentIndex(1)
    box._qualify()
    assert box.name.text() == "Arctia aff. aaaa"
    said = []
    box.accepted.connect(lambda *what: said.append(what))
    box.accept()
    assert said == [("Arctia aaaa", 1, "species", "aff.")]
    box.open(3, "Arctia sp. 002", 1, akin="Arctia aaaa")
    box._qualify()
    assert box.name.text() == "Arctia sp. 002"
    box.hide()


def test_typing_a_known_name_offers_to_send_the_cluster_there(window, page, qtbot):
    first, members = page.desk.current, page.desk.members.copy()
    press(qtbot, window, Qt.Key.Key_A)
    box = page.control.naming_box
    box.name.clear()
    qtbot.keyClicks(box.name, "arctia bb")
    assert "Arctia bbbb" in box.list.item(0).text()
    qtbot.keyClick(box.name, Qt.Key.Key_Down)
    qtbot.keyClick(box.name, Qt.Key.Key_Return)
    settle(qtbot, window)
    assert not box.isVisible()
    name = window.session.studio.catalogue.name
    assert {name(int(c)) for c in category(window, members)} == {"Arctia bbbb"}
    assert states(page)[first] == ClusterState.KNOWN


def test_nearest_known_category_by_key_and_by_the_card(window, page, qtbot):
    first = page.desk.cluster()
    members = page.desk.members.copy()
    press(qtbot, window, Qt.Key.Key_K)
    assert set(category(window, members).tolist()) == {first.nearest[0].category_id}
    second = page.desk.cluster()
    assert second.id != first.id
    members = page.desk.members.copy()
    other = page.side.card.bars[1]
    other.click()
    page.side.card.known.click()
    settle(qtbot, window)
    assert set(category(window, members).tolist()) == {other.nearest.category_id}


def test_strike_reject_and_put_off(window, page, qtbot):
    first, members = page.desk.current, page.desk.members.copy()
    window.selection.set([*page.grid.ids[:2].tolist(), 1])  # item 1 is no member
    assert page.header.strike.isVisible()
    press(qtbot, window, Qt.Key.Key_X)
    assert len(page.desk.members) == len(members) - 2
    assert page.desk.current == first
    assert "2 items" in window.toasts.toasts[-1].text
    press(qtbot, window, Qt.Key.Key_U)
    assert states(page)[first] == ClusterState.UNDECIDED
    second = page.desk.current
    press(qtbot, window, Qt.Key.Key_Delete)
    assert states(page)[second] == ClusterState.REJECTED
    for _ in range(3):
        press(qtbot, window, Qt.Key.Key_Z, CTRL)
    assert set(states(page).values()) == {ClusterState.PROPOSED}
    page.table.go(first)
    settle(qtbot, window)
    assert np.array_equal(np.sort(page.desk.members), np.sort(members))


def test_rename_changes_the_name_only(window, page, qtbot, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getText", lambda *_a, **_k: ("Small grey one", True))
    press(qtbot, window, Qt.Key.Key_F2)
    assert page.desk.cluster().name == "Small grey one"
    assert page.header.name.toolTip() == "Small grey one"


def test_merge_with_a_suggested_twin(window, page, qtbot):
    first = page.desk.cluster()
    press(qtbot, window, Qt.Key.Key_M)
    assert page.modes.mode == "merge"
    partner = page.desk.cluster(page.modes.merge_bar.partner)
    assert partner.id != first.id
    titles = [s.title for s in page.grid._sections]
    assert titles == [first.name, partner.name]
    press(qtbot, window, Qt.Key.Key_M)
    assert len(page.desk.listing.clusters) == NOVEL - 1
    merged = max(page.desk.listing.clusters, key=lambda c: c.size)
    assert merged.size == first.size + partner.size
    assert page.desk.current == merged.id


def test_merge_of_several_chosen_rows(window, page, qtbot):
    ids = [c.id for c in page.table.model.clusters[:3]]
    size = sum(c.size for c in page.table.model.clusters[:3])
    picked = page.table.view.selectionModel()
    for row in range(3):
        flag = picked.SelectionFlag
        picked.select(page.table.model.index(row, 0), flag.Select | flag.Rows)
    assert sorted(page.table.chosen()) == sorted(ids)
    press(qtbot, window, Qt.Key.Key_M)
    assert len(page.desk.listing.clusters) == NOVEL - 2
    assert max(c.size for c in page.desk.listing.clusters) == size


def test_split_previews_moves_and_writes(window, page, qtbot):
    first = page.desk.cluster()
    press(qtbot, window, Qt.Key.Key_M, SHIFT)
    assert page.modes.mode == "split"
    assert len(page.grid._sections) == 2
    assert not window.session.studio.labelling.history()[0].summary.startswith("Split")
    moved = page.grid.ids[:1]
    window.selection.set(moved)
    assert page.modes.split_bar.move_button.isVisible()
    before = int((page.modes._parts == 0).sum())
    page.modes.split_bar.move_button.click()
    assert int((page.modes._parts == 0).sum()) == before - 1
    press(qtbot, window, Qt.Key.Key_M, SHIFT)
    assert not page.modes.mode
    assert len(page.desk.listing.clusters) == NOVEL + 1
    assert first.id not in states(page)
    assert page.desk.current in states(page)
    sizes = sum(c.size for c in page.desk.listing.clusters)
    assert sizes == NOVEL * EACH - 2


def test_split_off_what_was_lassoed(window, page, qtbot):
    first = page.desk.current
    press(qtbot, window, Qt.Key.Key_M, SHIFT)
    window.selection.set(page.desk.members[:4])
    page.modes.split_bar.off.click()
    settle(qtbot, window)
    sizes = sorted(c.size for c in page.desk.listing.clusters)
    assert len(sizes) == NOVEL + 1
    assert sizes[0] == 4
    assert first in states(page)


def test_spot_check_prints_the_bound_and_keeps_it(window, page, qtbot):
    press(qtbot, window, Qt.Key.Key_C)
    assert page.modes.mode == "check"
    assert len(page.grid.ids) == 10
    assert "10 of 10 right: at least 76 %" in page.modes.check_bar.text.text()
    window.selection.set(page.grid.ids[:1])
    assert "9 of 10 right: at least 64 %" in page.modes.check_bar.text.text()
    press(qtbot, window, Qt.Key.Key_C)
    assert page.desk.cluster().checked == (9, 10)
    assert "9 of 10" in page.side.checked.text()


def test_escape_leaves_a_mode_without_writing(window, page, qtbot):
    count = len(window.session.studio.labelling.history())
    for key, modifier in ((Qt.Key.Key_M, NONE), (Qt.Key.Key_M, SHIFT), (Qt.Key.Key_C, NONE)):
        press(qtbot, window, key, modifier)
        assert page.modes.mode
        press(qtbot, window, Qt.Key.Key_Escape)
        assert not page.modes.mode
    assert len(window.session.studio.labelling.history()) == count
    assert len(page.grid.ids) == page.desk.cluster().size


def test_map_selection_brings_its_cluster(window, page, qtbot):
    other = next(c for c in page.desk.listing.clusters if c.id != page.desk.current)
    members = window.session.studio.review.members(other.id).ordered
    window.selection.set(members[:5])
    page.map.gestures.selected.emit()
    settle(qtbot, window)
    assert page.desk.current == other.id
    assert len(window.selection) == 5
    window.selection.clear()
    back = next(c for c in page.desk.listing.clusters if c.id != other.id)
    item = int(window.session.studio.review.members(back.id).ordered[0])
    page.map.item_activated.emit(item)
    settle(qtbot, window)
    assert page.desk.current == back.id


def test_next_and_previous_pass_what_is_decided(window, page, qtbot):
    order = [c.id for c in page.table.model.clusters]
    press(qtbot, window, Qt.Key.Key_N)
    assert page.desk.current == order[1]
    press(qtbot, window, Qt.Key.Key_N, SHIFT)
    assert page.desk.current == order[0]
    press(qtbot, window, Qt.Key.Key_U)
    assert page.desk.current == order[1]
    press(qtbot, window, Qt.Key.Key_N, SHIFT)
    assert page.desk.current == order[-1]


def test_grow_audit_and_commit(window, page, qtbot, truth):
    studio = window.session.studio
    target = int(studio.catalogue.category[0])
    window.grow(category=target)
    settle(qtbot, window)
    assert page._page == "grow"
    assert page.growing.growing
    assert len(page.pane.examples.ids) == EACH
    shown = page.pane.grid.ids
    window.selection.set(shown[:2])
    press(qtbot, window, Qt.Key.Key_X)
    assert len(page.pane.grid.ids) == len(shown) - 2
    for _ in range(3):
        press(qtbot, window, Qt.Key.Key_F)
    while page.growing.growing:
        press(qtbot, window, Qt.Key.Key_J)
    assert "of 30: error at most 9.5 %" in page.pane.bound.text()
    assert not studio.labelling.history()[0].summary.startswith("Labelled")
    sample = page.pane.grid.ids
    window.selection.set(sample[:1])
    assert "1 wrong of 30" in page.pane.bound.text()
    count = len(page.growing._audit.items) - 1
    assert f"Label {count} as Arctia aaaa" in page.pane.write.text()
    page.pane.write.click()
    settle(qtbot, window)
    given = np.flatnonzero(studio.catalogue.category == target) + 1
    assert len(given) == EACH + count
    assert not np.isin([*shown[:2], int(sample[0])], given).any()
    assert page._page == "review"
    assert "error at most" in window.toasts.toasts[-1].text
    window.toasts.toasts[-1].button.click()
    settle(qtbot, window)
    assert int((studio.catalogue.category == target).sum()) == EACH


def test_grown_cluster_takes_the_items_in_and_shrinking_halves(window, page, qtbot):
    first = page.desk.cluster()
    press(qtbot, window, Qt.Key.Key_G)
    assert page.pane.title.text() == f"Grow {first.name}"
    press(qtbot, window, Qt.Key.Key_F)
    while page.growing.growing:
        press(qtbot, window, Qt.Key.Key_J)
    before = len(page.growing._audit.items)
    page.pane.less.click()
    after = len(page.growing._audit.items)
    assert after == before // 2
    page.pane.write.click()
    settle(qtbot, window)
    assert page.desk.cluster(first.id).size == first.size + after


def test_growing_a_selection_asks_for_the_category(window, page, qtbot, truth):
    window.selection.set(np.flatnonzero(truth == KNOWN)[:3] + 1)
    assert window.actions_.run("grow.selection")
    settle(qtbot, window)
    press(qtbot, window, Qt.Key.Key_F)
    while page.growing.growing:
        press(qtbot, window, Qt.Key.Key_J)
    page.pane.write.click()
    box = page.growing.identify_box
    assert box.isVisible()
    qtbot.keyClicks(box.line, "Arctia brandnew")
    count = len(page.growing._audit.items)
    qtbot.keyClick(box.line, Qt.Key.Key_Return, SHIFT)
    settle(qtbot, window)
    studio = window.session.studio
    made = max(studio.catalogue.categories)
    assert studio.catalogue.name(made) == "Arctia brandnew"
    assert int((studio.catalogue.category == made).sum()) == count


def test_leaving_the_growing_writes_nothing(window, page, qtbot):
    count = len(window.session.studio.labelling.history())
    press(qtbot, window, Qt.Key.Key_G)
    press(qtbot, window, Qt.Key.Key_F)
    press(qtbot, window, Qt.Key.Key_Escape)
    assert page._page == "review"
    assert len(window.session.studio.labelling.history()) == count


def test_probably_known_items_are_confirmed_or_denied(window, page, qtbot):
    assert "2" in page.bar.known.text()
    page.bar.known.click()
    assert page._page == "known"
    target, items = page.queue.category, page.queue.acting()
    assert len(items) == 2
    assert len(page.queue.examples.ids) == EACH
    assert (category(window, page.queue.examples.ids) == target).all()
    window.selection.set(items[:1])
    press(qtbot, window, Qt.Key.Key_X)
    assert len(page.queue.acting()) == 1
    window.selection.clear()
    press(qtbot, window, Qt.Key.Key_A)
    assert int(category(window, items[1:])[0]) == target
    assert int(category(window, items[:1])[0]) == 0
    assert not page.queue.category
    assert not page.bar.known.isVisible()
    press(qtbot, window, Qt.Key.Key_Escape)
    assert page._page == "review"


def test_start_page_counts_the_pools_and_the_expert_cuts(window, page, qtbot, truth):
    page.find_groups()
    start = page.start
    n = int((truth >= KNOWN).sum())
    assert f"{n}" in start.pools["unlabelled"].text()
    assert not start.pools["selection"].isEnabled()
    window.selection.set([1, len(truth)])
    assert start.pools["selection"].isEnabled()
    assert page.jobs.pool("selection").tolist() == [len(truth)]
    assert start.request().count == 0
    points = tuple((k, 0.5 - abs(k - 5) / 10, 0.9) for k in range(2, 12))
    start.show_curve(CountCurve(4, 5, 7, points, (5, 5, 6), {"density": 5}))
    assert start.request().count == 5
    start.splitting.setChecked(True)
    assert start.request().count == 7
    start.chart.setFocus()
    qtbot.keyClick(start.chart, Qt.Key.Key_Left)
    assert start.count.value() == 6
    start.count.setValue(9)
    assert start.chart.cut == 9
    assert start.grab().toImage().width() > 0


def test_k_means_finds_groups_as_a_job_and_both_can_be_looked_at(window, page, qtbot):
    first = page.desk.listing.discovery.id
    page.bar.beside_wanted.emit("kmeans")
    qtbot.waitUntil(lambda: not window.jobs.busy, timeout=240_000)
    assert window.jobs.jobs[-1].error is None
    assert window.jobs.jobs[-1].crash == ""
    qtbot.waitUntil(lambda: page.bar.discoveries.count() == 2, timeout=WAIT)
    qtbot.waitUntil(lambda: page.comparing.dialog is not None, timeout=WAIT)
    settle(qtbot, window)
    assert page.desk.listing.discovery.id == first, "another one is a choice"
    dialog = page.comparing.dialog
    assert dialog.table.rowCount() == 2
    dialog.table.selectRow(0)
    dialog.use.click()
    qtbot.waitUntil(lambda: page.desk.listing.discovery.id != first, timeout=WAIT)
    qtbot.waitUntil(lambda: page.comparing.dialog is None, timeout=WAIT)
    page.bar.discovery_chosen.emit(first)
    qtbot.waitUntil(lambda: page.desk.listing.discovery.id == first, timeout=WAIT)


def test_keys_of_other_pages_are_not_live_here(window, page):
    actions = window.actions_
    assert actions["cluster.accept"].isEnabled()
    assert not actions["label.accept"].isEnabled()
    window.go("go.browse")
    assert not actions["cluster.accept"].isEnabled()
    assert actions["view.next"].isEnabled()
    window.go("go.discover")
    assert actions["cluster.next"].isEnabled()


def test_category_tree_of_browse_starts_the_growing(window, page, qtbot):
    window.go("go.browse")
    browse = window.workspaces["go.browse"]
    browse.categories.tree.grow_requested.emit(2)
    settle(qtbot, window)
    assert window.workspace is page
    assert page.growing.growing
    assert page.pane.title.text() == "Grow Arctia aaaa"


def test_reads_only_projects_can_be_looked_at_but_not_decided(window, page, qtbot):
    path = window.session.path
    window.close_project()
    window.open_project(path, read_only=True)
    qtbot.waitUntil(lambda: window.session is not None, timeout=WAIT)
    window.go("go.discover")
    again = window.workspaces["go.discover"]
    qtbot.waitUntil(lambda: again.desk.details is not None, timeout=WAIT)
    assert not window.actions_["cluster.accept"].isEnabled()
    assert window.actions_["cluster.next"].isEnabled()


def test_everything_is_named_for_screen_readers(window, page):
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit

    assert QApplication.instance() is not None
    for widget in page.findChildren(QAbstractButton):
        if widget.isVisible() and widget.metaObject().className() != "QAbstractButton":
            assert widget.text() or widget.accessibleName() or widget.toolTip(), widget
    for kind in (QComboBox, QLineEdit):
        for widget in page.findChildren(kind):
            if widget.isVisible() and widget.parent() not in page.findChildren(QComboBox):
                assert widget.accessibleName() or widget.placeholderText(), widget


def test_parts_of_a_split_can_be_merged_again(window, page, qtbot):
    first = page.desk.cluster()
    press(qtbot, window, Qt.Key.Key_M, SHIFT)
    press(qtbot, window, Qt.Key.Key_M, SHIFT)
    parts = [c for c in page.desk.listing.clusters if c.id > NOVEL]
    assert sum(c.size for c in parts) == first.size
    other = next(c.id for c in parts if c.id != page.desk.current)
    page.side.merge_requested.emit(other)
    settle(qtbot, window)
    assert page.modes.merge_bar.partner == other
    press(qtbot, window, Qt.Key.Key_M)
    assert page.desk.cluster().size == first.size
    assert page.desk.current in {c.id for c in parts}


def test_what_is_left_is_placed_by_category(window, page, qtbot, truth):
    assert window.actions_.run("clusters.place")
    settle(qtbot, window)
    assert page._page == "known"
    n = int((truth >= KNOWN).sum())
    assert 0 < sum(len(ids) for ids in page.queue._queue.values()) <= n
    target, items = page.queue.category, page.queue.acting()
    press(qtbot, window, Qt.Key.Key_A)
    assert set(category(window, items).tolist()) == {target}
    left = np.concatenate(list(page.queue._queue.values()))
    assert not np.isin(items, left).any()
    press(qtbot, window, Qt.Key.Key_Escape)
    assert page._page == "review"


def test_what_is_named_in_browse_meanwhile_is_seen_on_return(window, page, qtbot):
    items = page.desk.members[:3].copy()
    window.go("go.browse")
    settle(qtbot, window)
    window.session.studio.labelling.label(items, 2)
    settle(qtbot, window)
    assert page.desk._stale
    window.go("go.discover")
    settle(qtbot, window)
    assert not page.desk._stale
    assert not np.isin(items, page.jobs.pool("unlabelled")).any()


def test_no_heading_stands_over_missing_twins(window, page):
    side = page.side
    side.show_twins([])
    assert side.same.isHidden()
    side.show_twins([(3, "Felis nova", 0.5)])
    assert not side.same.isHidden()
    assert side.twins.count() == 1
    side.show_twins([])
    assert side.same.isHidden()
    assert side.twins.count() == 0
