"""From a folder of photos to a table of names, in the real window, and again after reopening."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys

import numpy as np
import pytest
from material import EACH, PHOTOS, SPECIES
from PySide6.QtCore import Qt
from window_driver import (
    LONG,
    SOON,
    answer_next_box,
    categories_of,
    child_environment,
    drag,
    focused,
    make_window,
    map_settled,
    open_in,
    outline,
    places,
)

from fgvc_studio.gui.dialogs.export_dialog import ExportDialog
from fgvc_studio.gui.dialogs.import_wizard import ImportWizard
from fgvc_studio.gui.job_thread import JobState
from fgvc_studio.gui.widgets.map_tools import Tool

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def window(qtbot):
    w = make_window(qtbot)
    yield w
    w.jobs.shut_down()
    w.close()


def items_of(species: int) -> np.ndarray:
    return np.arange(species, PHOTOS, len(SPECIES)) + 1


def key(qtbot, window, key_, modifier=NONE) -> None:
    qtbot.keyClick(focused(qtbot, window), key_, modifier)


def names(window) -> list[str]:
    """Name of every item's category, empty where it has none."""
    catalogue = window.session.studio.catalogue
    return [catalogue.name(int(c)) if c else "" for c in catalogue.category]


def new_project(qtbot, window, photos, place):
    """The import wizard by mouse and keyboard; returns the Browse page."""
    qtbot.mouseClick(window.start.folder_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.findChild(ImportWizard) is not None)
    wizard = window.findChild(ImportWizard)
    qtbot.keyClicks(wizard.source, str(photos))
    qtbot.waitUntil(lambda: wizard.go.isEnabled(), timeout=SOON)
    assert f"{PHOTOS} images" in wizard.facts.text()
    wizard.place.selectAll()
    qtbot.keyClicks(wizard.place, str(place))
    wizard.name.selectAll()
    qtbot.keyClicks(wizard.name, "Night catch")
    assert wizard.go.isEnabled()
    qtbot.mouseClick(wizard.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: (
            window.session is not None
            and window.session.studio.catalogue.n == PHOTOS
            and not window.jobs.busy
        ),
        timeout=SOON,
    )
    browse = window.workspaces["go.browse"]
    qtbot.waitUntil(lambda: len(browse.views.ids) == PHOTOS, timeout=SOON)
    return browse


def embed(qtbot, window, browse) -> None:
    """Embed and draw by the button of the empty map."""
    drawn = []
    window.session.bridge.map_changed.connect(lambda event: drawn.append(event.method))
    qtbot.mouseClick(browse.map.empty.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(drawn) == 2 and not window.jobs.busy, timeout=LONG)
    assert drawn == ["pca", "umap"]
    assert {job.state for job in window.jobs.jobs} == {JobState.DONE}
    map_settled(qtbot, browse, PHOTOS)


def lasso(qtbot, window, browse, species: int) -> np.ndarray:
    """Draw around one species on the map; returns what is selected."""
    surface = browse.map.surface
    browse.map.set_tool(Tool.LASSO)
    ours = places(surface, items_of(species))
    others = places(surface, np.setdiff1d(np.arange(1, PHOTOS + 1), items_of(species)))
    line = outline(ours, others, (surface.width(), surface.height()))
    drag(qtbot, surface, line)
    return window.selection.ids


def identify(qtbot, browse, text: str, confirm: bool = False) -> None:
    """I, the name, Enter."""
    browse.grid.setFocus()
    key(qtbot, browse.window(), Qt.Key.Key_I)
    qtbot.waitUntil(browse.identify_box.isVisible)
    qtbot.keyClicks(browse.identify_box.line, text)
    said = answer_next_box(qtbot, "Label") if confirm else None
    qtbot.keyClick(browse.identify_box.line, Qt.Key.Key_Return)
    assert not browse.identify_box.isVisible()
    if said is not None:
        assert said and str(EACH) in said[0]


def test_from_a_folder_of_photos_to_names_and_back(window, qtbot, photos, tmp_path):
    browse = new_project(qtbot, window, photos, tmp_path)
    embed(qtbot, window, browse)
    stripes = items_of(0)

    chosen = lasso(qtbot, window, browse, 0)
    assert np.isin(stripes, chosen).all()
    assert len(chosen) == EACH, "the map mixes the species"
    identify(qtbot, browse, "Striped tiger", confirm=True)  # a category that is not there yet
    assert [n for n in names(window) if n] == ["Striped tiger"] * EACH
    toast = window.toasts.toasts[-1]
    assert f"{EACH} items" in toast.text
    assert toast.button is not None

    key(qtbot, window, Qt.Key.Key_Z, CTRL)
    assert not any(names(window))
    qtbot.waitUntil(lambda: window.actions_["edit.redo"].isEnabled())
    key(qtbot, window, Qt.Key.Key_Z, CTRL | SHIFT)
    assert [n for n in names(window) if n] == ["Striped tiger"] * EACH
    assert window.selection.ids.tolist() == stripes.tolist()

    window.selection.clear()
    window.selection.set_current(2)
    browse.grid.setFocus()
    key(qtbot, window, Qt.Key.Key_1)  # the first category used took key 1
    assert names(window)[1] == "Striped tiger"
    key(qtbot, window, Qt.Key.Key_Z, CTRL)
    assert names(window)[1] == ""
    for item, typed, expected in ((2, "Dotted", "Dotted"), (3, "Ringed", "Ringed"),
                                  (5, "dott", "Dotted"), (6, "Riged", "Ringed"),
                                  (8, "Striped leopard", "Striped leopard")):  # fmt: skip
        window.selection.set_current(item)
        identify(qtbot, browse, typed)
        assert names(window)[item - 1] == expected
    labelled = {i + 1: n for i, n in enumerate(names(window)) if n}
    assert len(labelled) == EACH + 5
    history = [op.summary for op in window.session.studio.labelling.history()]
    project = window.session.path
    window.close()
    assert not window.isVisible()

    again = make_window(qtbot)
    browse = open_in(qtbot, again, project)
    try:
        assert {i + 1: n for i, n in enumerate(names(again)) if n} == labelled
        assert [op.summary for op in again.session.studio.labelling.history()] == history
        map_settled(qtbot, browse, PHOTOS)
        browse.grid.setFocus()
        qtbot.waitUntil(lambda: again.actions_["edit.undo"].isEnabled())
        key(qtbot, again, Qt.Key.Key_Z, CTRL)
        assert names(again)[7] == ""
        del labelled[8]
        assert {i + 1: n for i, n in enumerate(names(again)) if n} == labelled
        rows = export(qtbot, again, tmp_path / "names.csv")
        assert {int(r["item_id"]): r["category"] for r in rows if r["category"]} == labelled
        assert len(rows) == PHOTOS
    finally:
        again.close()
    assert categories_of(project) == labelled


def export(qtbot, window, target) -> list[dict[str, str]]:
    """The export dialog by key; the rows of the table."""
    key(qtbot, window, Qt.Key.Key_E, CTRL)
    qtbot.waitUntil(lambda: window.findChild(ExportDialog) is not None)
    dialog = window.findChild(ExportDialog)
    dialog.target.selectAll()
    qtbot.keyClicks(dialog.target, str(target))
    qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: target.exists() and not window.jobs.busy, timeout=SOON)
    with target.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


LABELLER = """
import sys
from fgvc_studio.__main__ import prepare_process
prepare_process()
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from fgvc_studio.gui.app import make_application
from fgvc_studio.gui.main_window import MainWindow

app = make_application()
window = MainWindow(crashed=lambda trace, doing: print(trace, file=sys.stderr, flush=True))
window.resize(1280, 800)
window.show()
window.open_project(sys.argv[1])
item = 0

def step():
    global item
    if window.session is None:
        return
    browse = window.workspaces["go.browse"]
    if not len(browse.views.ids) or not window.isActiveWindow():
        window.activateWindow()
        return
    item += 1
    window.selection.set_current(item)
    browse.grid.setFocus()
    QTest.keyClick(browse.grid, Qt.Key.Key_I)
    assert browse.identify_box.isVisible()
    name = "Odd" if item % 2 else "Even"
    QTest.keyClicks(browse.identify_box.line, name)
    QTest.keyClick(browse.identify_box.line, Qt.Key.Key_Return)
    print(item, name, flush=True)

def go_on():
    step()  # handles events, so it must not be called by a running timer
    QTimer.singleShot(0, go_on)

go_on()
app.exec()
"""


@pytest.mark.parametrize("acknowledged", [1, 17])
def test_what_the_window_acknowledged_survives_a_kill(qtbot, project, acknowledged):
    child = subprocess.Popen(
        [sys.executable, "-c", LABELLER, str(project)], env=child_environment(),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = {}
    try:
        for line in child.stdout:
            item, name = line.split()
            said[int(item)] = name
            if len(said) == acknowledged:
                break
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:  # what it had said before it died
            item, name = line.split()
            said[int(item)] = name
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert len(said) >= acknowledged

    window = make_window(qtbot)
    browse = open_in(qtbot, window, project)
    try:
        kept = {i + 1: n for i, n in enumerate(names(window)) if n}
        more = {len(said) + 1: "Even" if len(said) % 2 else "Odd"}  # done, but not said any more
        assert kept in (said, {**said, **more})
        browse.grid.setFocus()
        key(qtbot, window, Qt.Key.Key_Z, CTRL)
        last = max(kept)
        assert names(window)[last - 1] == ""
        assert sum(map(bool, names(window))) == len(kept) - 1
    finally:
        window.close()
