"""From unnamed photos to named groups in the real window: find, review, grow, undo, export."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from material import PHOTOS, SPECIES
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog
from window_driver import LONG, SOON, categories_of, focused, make_window, open_in

from fgvc_studio.domain.clusters import ClusterState
from fgvc_studio.gui import preferences
from fgvc_studio.gui.dialogs.export_dialog import ExportDialog
from fgvc_studio.gui.job_thread import JobState

SHIFT, CTRL, ALT = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)
NONE = Qt.KeyboardModifier.NoModifier
GROUPS = 5


@pytest.fixture
def window(qtbot, project):
    preferences.remember("confirm/bulk_off", True)
    w = make_window(qtbot)
    open_in(qtbot, w, project)
    yield w
    w.jobs.shut_down()
    w.close()


@pytest.fixture
def page(window):
    return window.workspaces["go.discover"]


def settle(qtbot, window) -> None:
    """Wait until nothing is read, written or on its way to the window."""
    deciding = window.workspaces["go.discover"].control.deciding

    def quiet() -> bool:
        return not deciding.busy and not window.tasks._open and not window.session.bridge._events

    for _ in range(4):  # what has arrived may only now ask for a new list
        qtbot.waitUntil(quiet, timeout=SOON)
        qtbot.wait(30)
    qtbot.waitUntil(quiet, timeout=SOON)


def press(qtbot, window, key, modifier=NONE) -> None:
    page = window.workspaces["go.discover"]
    target = page.pane.grid if page._page == "grow" else page.grid
    target.setFocus()
    focused(qtbot, window)
    qtbot.keyClick(target, key, modifier)
    settle(qtbot, window)


def named(window) -> dict[int, str]:
    catalogue = window.session.studio.catalogue
    return {i + 1: catalogue.name(int(c)) for i, c in enumerate(catalogue.category) if c}


def states(page) -> dict[str, ClusterState]:
    return {c.name: c.state for c in page.desk.listing.clusters}


def find_groups(qtbot, window, page) -> None:
    """The start page by mouse: k-means, five groups."""
    window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_2, ALT)
    assert window.workspace is page
    settle(qtbot, window)
    assert page._page == "start"
    assert f"{PHOTOS}" in page.start.pools["unlabelled"].text()
    page.start.methods["kmeans"].setChecked(True)
    page.start.count.setValue(GROUPS)
    qtbot.mouseClick(page.start.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page._page == "review" and not window.jobs.busy, timeout=LONG)
    assert window.jobs.jobs[-1].state is JobState.DONE
    settle(qtbot, window)
    clusters = page.desk.listing.clusters
    assert len(clusters) == GROUPS
    assert sum(c.size for c in clusters) == PHOTOS


def accept(qtbot, window, page, name: str) -> np.ndarray:
    """A, the name, Enter; returns the items of the cluster."""
    members = page.desk.members.copy()
    press(qtbot, window, Qt.Key.Key_A)
    box = page.control.naming_box
    assert box.isVisible()
    box.name.selectAll()
    qtbot.keyClicks(box.name, name)
    qtbot.keyClick(box.name, Qt.Key.Key_Return)
    settle(qtbot, window)
    return members


def test_review_every_act_and_all_of_it_undone(window, page, qtbot, monkeypatch, tmp_path):
    find_groups(qtbot, window, page)
    history = window.session.studio.labelling.history
    started = len(history())

    def acts() -> int:
        return len(history()) - started

    # accept and name; the next one comes by itself
    first = page.desk.current
    members = accept(qtbot, window, page, "Felis nova")
    assert {named(window)[int(i)] for i in members} == {"Felis nova"}
    assert page.desk.current != first
    assert acts() == 1

    # rename
    monkeypatch.setattr(QInputDialog, "getText", lambda *_a, **_k: ("Leftovers", True))
    press(qtbot, window, Qt.Key.Key_F2)
    assert states(page)["Leftovers"] == ClusterState.PROPOSED

    # strike out a stray: it is in no cluster any more
    before = page.desk.cluster().size
    window.selection.set(page.grid.ids[:1])
    press(qtbot, window, Qt.Key.Key_X)
    assert page.desk.cluster().size == before - 1
    assert sum(c.size for c in page.desk.listing.clusters) == PHOTOS - 1

    # split in two, merge the parts again
    press(qtbot, window, Qt.Key.Key_M, SHIFT)
    assert page.modes.mode == "split"
    press(qtbot, window, Qt.Key.Key_M, SHIFT)
    assert len(page.desk.listing.clusters) == GROUPS + 1
    press(qtbot, window, Qt.Key.Key_M)
    assert page.modes.mode == "merge"
    press(qtbot, window, Qt.Key.Key_M)
    assert len(page.desk.listing.clusters) == GROUPS

    # reject
    page.table.go_open(1)
    settle(qtbot, window)
    press(qtbot, window, Qt.Key.Key_Delete)
    assert ClusterState.REJECTED in states(page).values()
    assert acts() == 6

    # grow what was named, audit, commit
    target = int(window.session.studio.catalogue.category[int(members[0]) - 1])
    window.grow(category=target)
    settle(qtbot, window)
    press(qtbot, window, Qt.Key.Key_F)
    while page.growing.growing:
        press(qtbot, window, Qt.Key.Key_J)
    assert "wrong of" in page.pane.bound.text()
    assert acts() == 6
    count = len(page.growing._audit.items)
    qtbot.mouseClick(page.pane.write, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    assert acts() == 7
    assert sum(n == "Felis nova" for n in named(window).values()) == len(members) + count

    # export says the same
    rows = export(qtbot, window, tmp_path / "names.csv")
    assert {int(r["item_id"]): r["category"] for r in rows if r["category"]} == named(window)

    # seven times Ctrl+Z: as it was when the groups were found
    for _ in range(7):
        press(qtbot, window, Qt.Key.Key_Z, CTRL)
    assert named(window) == {}
    assert set(states(page).values()) == {ClusterState.PROPOSED}
    assert len(page.desk.listing.clusters) == GROUPS
    assert sum(c.size for c in page.desk.listing.clusters) == PHOTOS


def test_names_of_groups_survive_closing_the_window(window, page, qtbot, project):
    find_groups(qtbot, window, page)
    members = accept(qtbot, window, page, "Felis nova")
    found = {int(i): "Felis nova" for i in members}
    kept = states(page)
    window.close()
    assert categories_of(project) == found

    again = make_window(qtbot)
    open_in(qtbot, again, project)
    try:
        again.go("go.discover")
        other = again.workspaces["go.discover"]
        qtbot.waitUntil(lambda: other.desk.details is not None, timeout=SOON)
        settle(qtbot, again)
        assert states(other) == kept
        assert len(set(kept)) == GROUPS
        assert len(SPECIES) < GROUPS
        press(qtbot, again, Qt.Key.Key_Z, CTRL)
        assert named(again) == {}
    finally:
        again.jobs.shut_down()
        again.close()


def export(qtbot, window, target) -> list[dict[str, str]]:
    """The export dialog by key; the rows of the table."""
    press(qtbot, window, Qt.Key.Key_E, CTRL)
    qtbot.waitUntil(lambda: window.findChild(ExportDialog) is not None)
    dialog = window.findChild(ExportDialog)
    dialog.target.selectAll()
    qtbot.keyClicks(dialog.target, str(target))
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: target.exists() and not window.jobs.busy, timeout=SOON)
    with target.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))
