"""Manners of the window: sizes, keys, themes, long words, nothing left behind, no network."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import shiboken6
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, QSize, Qt, QThread, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from window_driver import (
    SOON,
    child_environment,
    focused,
    make_window,
    map_settled,
    open_in,
    run_job,
)

from fgvc_studio.domain.errors import ProjectLockedError
from fgvc_studio.domain.records import Mark
from fgvc_studio.gui import preferences, theme
from fgvc_studio.gui.dialogs.export_dialog import ExportDialog
from fgvc_studio.gui.dialogs.import_wizard import ImportWizard
from fgvc_studio.gui.widgets import map_raster as mr
from fgvc_studio.services.studio import Studio

PAGES = ("go.browse", "go.prototypes", "go.history")
SMALL = QSize(1280, 800)
LONG_NAME = "Pseudopanthera " + "subalpinoides-" * 13 + "ix"


@pytest.fixture
def empty(tmp_path):
    """A project without images."""
    path = tmp_path / "Empty.fgvc"
    Studio.create(path, name="Empty", who="Ada").close()
    return path


@pytest.fixture
def wordy(tmp_path):
    """A project whose photos, folders and categories have names of 200 characters."""
    folder = tmp_path / ("folder " * 28) / ("deeper " * 28)
    folder.mkdir(parents=True)
    for i in range(6):
        Image.new("RGB", (90, 60), (40 * i, 90, 120)).save(folder / f"{i}{'x' * 190}.png")
    path = tmp_path / "Wordy.fgvc"
    with Studio.create(path, name="W" * 200, who="A" * 200) as studio:
        run_job(studio.ingest.run(tmp_path / ("folder " * 28)))
        for i in range(3):
            category = studio.labelling.add_category(f"{LONG_NAME}{i}")
            studio.labelling.label(np.array([i + 1]), category)
    return path


@pytest.fixture
def window(qtbot):
    w = make_window(qtbot)
    yield w
    w.close()
    QApplication.instance().setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    theme.apply(QApplication.instance(), "light")


def fits(window, what: str) -> None:
    """The window keeps 1280 x 800 and paints."""
    hint = window.minimumSizeHint()
    assert hint.width() <= SMALL.width() and hint.height() <= SMALL.height(), (what, hint)
    window.resize(SMALL)
    QApplication.processEvents()
    assert window.size() == SMALL, what
    assert not window.grab().isNull()


def inside(window, widget: QWidget) -> bool:
    """Whether a widget lies within the window."""
    corner = widget.mapTo(window, QPoint(0, 0))
    far = corner + QPoint(widget.width(), widget.height())
    return corner.x() >= 0 and corner.y() >= 0 and far.x() <= window.width() + 1


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("kind", ["empty", "project"])
def test_every_pane_opens_and_fits_a_small_screen(window, qtbot, request, kind, colours):
    preferences.set_theme(colours)
    theme.apply(QApplication.instance(), colours)
    fits(window, "first screen")
    project = request.getfixturevalue(kind)
    open_in(qtbot, window, project)
    for page in PAGES:
        assert window.actions_.run(page)
        fits(window, page)
        background = window.grab().toImage().pixelColor(window.width() // 2, 40).lightness()
        assert (background < 128) == (colours == "dark")


def test_long_names_widen_nothing(window, qtbot, wordy):
    browse = open_in(qtbot, window, wordy)
    for page in PAGES:
        window.go(page)
        fits(window, page)
    window.go("go.browse")
    for item in (1, 4):
        window.selection.set_current(item)
        qtbot.waitUntil(lambda item=item: browse.inspector.pane.item_id == item, timeout=SOON)
        fits(window, f"item {item}")
    browse.identify()
    qtbot.keyClicks(browse.identify_box.line, "pseudo")
    assert browse.identify_box.width() <= 460
    assert browse.identify_box.list.count() == 4
    qtbot.keyClick(browse.identify_box.line, Qt.Key.Key_Escape)
    window.selection.set([4, 5])
    browse.control.label(1)
    assert inside(window, window.toasts.toasts[-1])
    fits(window, "message")
    for open_dialog in (window.commands.export, lambda: window.commands.add_images(str(wordy))):
        open_dialog()
        dialog = QApplication.activeModalWidget()
        assert dialog.minimumSizeHint().width() <= SMALL.width()
        dialog.reject()


def test_right_to_left_is_mirrored_and_works(window, qtbot, project):
    QApplication.instance().setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    browse = open_in(qtbot, window, project)
    map_settled(qtbot, browse, window.session.studio.catalogue.n)
    for page in PAGES:
        window.go(page)
        fits(window, page)
    window.go("go.browse")
    QApplication.processEvents()
    assert window.rail.mapTo(window, QPoint(0, 0)).x() > window.width() // 2
    grid = browse.grid
    for item in (1, 2, 5):
        qtbot.mouseClick(
            grid.viewport(), Qt.MouseButton.LeftButton, pos=grid.tile_rect(item).center()
        )
        assert window.selection.ids.tolist() == [item]
    surface = browse.map.surface
    at = [surface.place_of(item).toPoint() for item in (1, 2, 3)]
    drawn = [surface.pick(QPointF(p)) for p in at]
    assert all(drawn)
    qtbot.mouseClick(surface, Qt.MouseButton.LeftButton, pos=at[0])
    assert window.selection.ids.tolist() == drawn[:1]
    for p in at[1:]:
        control = Qt.KeyboardModifier.ControlModifier
        qtbot.mouseClick(surface, Qt.MouseButton.LeftButton, control, p)
    assert window.selection.ids.tolist() == sorted(drawn)
    assert window.selection.current == drawn[-1]


def reached_by_tab(qtbot, window, steps: int) -> list[QWidget]:
    """Widgets that get the focus one after the other."""
    found = []
    for _ in range(steps):
        widget = focused(qtbot, window)
        found.append(widget)
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    return found


def covers(found: list[QWidget], wanted: QWidget) -> bool:
    return any(w is wanted or wanted.isAncestorOf(w) for w in found)


def test_tab_reaches_the_main_controls(window, qtbot, project):
    start = window.start
    found = reached_by_tab(qtbot, window, 8)
    for button in (start.folder_button, start.sample_button, start.open_button):
        assert covers(found, button)

    browse = open_in(qtbot, window, project)
    map_settled(qtbot, browse, window.session.studio.catalogue.n)
    window.selection.set_current(1)
    browse.grid.setFocus()
    found = reached_by_tab(qtbot, window, 60)
    wanted = {
        "rail": window.rail,
        "search": browse.bar.line,
        "grid": browse.grid,
        "map bar": browse.map.bar,
        "map": browse.map.surface,
        "categories": browse.categories.tree,
        "favourites": browse.categories.favourites,
        "inspector": browse.inspector.pane,
    }
    assert {name for name, widget in wanted.items() if not covers(found, widget)} == set()

    browse.control.mark(Mark.REVIEWED)
    window.go("go.history")
    page = window.workspaces["go.history"]
    qtbot.waitUntil(lambda: page.model.rowCount() > 0, timeout=SOON)
    page.text.setFocus()
    found = reached_by_tab(qtbot, window, 40)
    for widget in (page.text, page.verb, page.who, page.table):
        assert covers(found, widget)


def test_tab_reaches_the_controls_of_the_dialogs(window, qtbot, project, photos):
    window.commands.new_project(str(photos))
    wizard = window.findChild(ImportWizard)
    qtbot.waitUntil(lambda: wizard.go.isEnabled(), timeout=SOON)
    found = reached_by_tab(qtbot, wizard, 20)
    for widget in (wizard.source, wizard.format, wizard.name, wizard.place, wizard.go):
        assert covers(found, widget)
    wizard.reject()
    open_in(qtbot, window, project)
    window.commands.export()
    dialog = window.findChild(ExportDialog)
    found = reached_by_tab(qtbot, dialog, 20)
    for widget in (dialog.format, dialog.labelled, dialog.target, dialog.go):
        assert covers(found, widget)
    dialog.reject()


def alive(kind: type) -> list:
    """Qt objects of a kind that still exist."""
    return [o for o in gc.get_objects() if isinstance(o, kind) and shiboken6.isValid(o)]


def test_nothing_of_a_project_outlives_it(window, qtbot, project):
    mr.warm_up(wait=True)
    tops = set(QApplication.topLevelWidgets())
    threads = set(threading.enumerate())
    timers = {t for t in alive(QTimer) if t.isActive()}
    browse = open_in(qtbot, window, project)
    map_settled(qtbot, browse, window.session.studio.catalogue.n)
    window.selection.set_current(1)
    qtbot.waitUntil(lambda: browse.inspector.pane.item_id == 1, timeout=SOON)
    browse.identify()
    qtbot.keyClick(browse.identify_box.line, Qt.Key.Key_Escape)
    browse.open_photo()
    browse._viewer.close()
    browse.compare()
    window.actions_.run("project.close")
    qtbot.waitUntil(lambda: not shiboken6.isValid(browse), timeout=SOON)
    gc.collect()
    QApplication.processEvents()
    assert [t for t in alive(QThread) if t.isRunning() and t is not QThread.currentThread()] == []
    own = {t for t in alive(QTimer) if t.isActive()} - timers
    assert [(t.parent(), t.interval()) for t in own] == []
    assert [w for w in QApplication.topLevelWidgets() if w not in tops and w.isVisible()] == []
    left = [t.name for t in set(threading.enumerate()) - threads if t.is_alive()]
    assert [n for n in left if not n.startswith("reader")] == []
    assert not window.actions_.run("label.identify")
    with Studio.open(project, who="next") as studio:  # the lock is free
        assert studio.catalogue.n > 0


def test_projects_can_be_opened_and_closed_in_haste(window, qtbot, project, empty):
    for _ in range(4):
        for path in (project, empty):
            window.open_project(path)
            qtbot.waitUntil(lambda: window.session is not None, timeout=SOON)
            window.actions_.run("project.close")
            assert window.session is None
    window.open_project(empty)
    window.open_project(project)  # before the first one is there
    qtbot.waitUntil(lambda: window.session is not None, timeout=SOON)
    assert window.session.path == project
    window.actions_.run("project.close")
    for path in (project, empty):
        qtbot.waitUntil(lambda path=path: _free(path), timeout=SOON)
    assert window.findChildren(QMessageBox) == []


def _free(path) -> bool:
    try:
        Studio.open(path, who="next").close()
    except ProjectLockedError:
        return False
    return True


WATCHED = """
import json, sys, threading
from pathlib import Path

seen = {"torch": [], "network": []}

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            seen["torch"].append(threading.current_thread() is threading.main_thread())
        return None

def audit(event, args):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname",
                 "urllib.Request"):
        seen["network"].append([event, repr(args[-1])])
    elif event == "socket.__new__" and args[1] not in (-1, 1):  # 1: pipes on this machine
        seen["network"].append([event, str(args[1])])

sys.meta_path.insert(0, Watch())
sys.addaudithook(audit)

from fgvc_studio import __main__ as entry
entry.prepare_process()
from PySide6.QtCore import QTimer
from fgvc_studio.gui import app as program
from fgvc_studio.gui.job_thread import JobState
from fgvc_studio.gui.main_window import MainWindow

def native_sockets():
    numbers = {p.readlink().name for p in Path("/proc/self/fd").iterdir() if p.is_symlink()}
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        table = Path("/proc/self/net") / kind
        for row in table.read_text().splitlines()[1:] if table.exists() else ():
            if f"socket:[{row.split()[9]}]" in numbers:
                seen["network"].append([kind, row])

class Watched(MainWindow):
    def showEvent(self, event):
        super().showEvent(event)
        self.watch = QTimer(self, interval=100)
        self.watch.timeout.connect(self.look)
        self.watch.start()
        self.job = None

    def look(self):
        try:
            native_sockets()
        except FileNotFoundError:
            pass  # a file was closed while the list was read
        if self.session is None:
            return
        if self.job is None:
            if "torch" not in sys.modules:
                return  # the warm-up comes first
            self.job = self.workspaces["go.browse"].maps.embed()
        elif self.job.state.ended and not self.jobs.shut_down(0):
            return
        elif self.job.state.ended:
            self.watch.stop()
            seen["job"] = self.job.state.value
            seen["crash"] = self.job.crash + str(self.job.error or "")
            self.close()

program.MainWindow = Watched
seen["code"] = program.run(sys.argv[1:])
print(json.dumps(seen))
"""


def test_start_and_embedding_open_no_socket_and_load_torch_beside_the_window(
    imported, tmp_path, isolated_settings
):
    project = shutil.copytree(imported, tmp_path / imported.name)
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(project)],
        env=child_environment(HOME=str(home)),
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    assert seen["job"] == "done", seen
    assert seen["code"] == 0
    assert seen["torch"] and not any(seen["torch"])
    assert seen["network"] == []
    assert list(home.iterdir()) == []
    with Studio.open(project, read_only=True) as studio:
        assert studio.embedding.spaces()[0].done == studio.catalogue.n
