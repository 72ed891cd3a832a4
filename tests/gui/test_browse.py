"""The main window over a real project of generated photos: keys, filter, undo, history."""

import threading

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QInputDialog, QMessageBox

from fgvc_studio.domain.embeddings import Neighbours
from fgvc_studio.domain.errors import ProjectLockedError
from fgvc_studio.domain.records import LabelSource, Mark
from fgvc_studio.gui import window_commands
from fgvc_studio.gui.dialogs.export_dialog import ExportDialog
from fgvc_studio.gui.dialogs.import_plan import ImportPlan, sentence
from fgvc_studio.gui.job_thread import JobState
from fgvc_studio.gui.main_window import MainWindow
from fgvc_studio.services.browsing import Filter
from fgvc_studio.services.studio import Studio
from fgvc_studio.services.suggested import Advice, Suggestion

PHOTOS = 24


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    root.mkdir()
    rng = np.random.default_rng(0)
    for i in range(PHOTOS):
        tile = rng.integers(0, 255, (6, 8, 3), np.uint8)
        Image.fromarray(tile).resize((160, 120)).save(root / f"{i:02}.jpg")
    return root


@pytest.fixture
def project(tmp_path, photos):
    path = tmp_path / "Moths.fgvc"
    with Studio.create(path, name="Moths", who="me") as studio:
        for _ in studio.ingest.run(photos):
            pass
        for name in ("Arctia caja", "Deilephila elpenor"):
            studio.labelling.add_category(name)
    return path


@pytest.fixture
def window(qtbot, project):
    w = MainWindow(crashed=lambda trace, doing: pytest.fail(trace))
    qtbot.addWidget(w)
    w.resize(1280, 800)
    w.show()
    w.activateWindow()
    w.open_project(project)
    qtbot.waitUntil(lambda: w.session is not None, timeout=20_000)
    browse = w.workspaces["go.browse"]
    qtbot.waitUntil(lambda: len(browse.views.ids) == PHOTOS)
    w.selection.set_current(1)
    browse.grid.setFocus()
    yield w
    w.close()


@pytest.fixture
def browse(window):
    return window.workspaces["go.browse"]


def category(window, item):
    return int(window.session.studio.catalogue.category[item - 1])


def press(qtbot, browse, key, modifier=Qt.KeyboardModifier.NoModifier):
    browse.grid.setFocus()
    qtbot.keyClick(browse.grid, key, modifier)


def advice(*pairs):
    return Advice(tuple(Suggestion(c, p) for c, p in pairs), stranger=False, calibrated=True)


def test_opens_with_everything_in_place_and_fits(window, browse):
    assert window.windowTitle().startswith("Moths")
    assert "24 images" in window.status.label.text()
    assert window.actions_["go.browse"].isChecked()
    assert (window.width(), window.height()) == (1280, 800)
    assert browse.grid.isVisible()
    assert browse.map.isVisible()


class ShownWindows(QObject):
    """The top-level windows that were shown."""

    def __init__(self):
        super().__init__()
        self.names = []
        QApplication.instance().installEventFilter(self)

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Show and watched.isWidgetType() and watched.isWindow():
            self.names.append(type(watched).__name__)
        return False


def test_a_page_made_while_somebody_types_leaves_the_box_open(window, browse, qtbot):
    press(qtbot, browse, Qt.Key.Key_I)
    shown = ShownWindows()
    for command in window.workspaces:
        window.workspaces[command]
    QApplication.instance().removeEventFilter(shown)
    assert len(window.workspaces.made()) == len(window.workspaces)
    assert browse.identify_box.isVisible()
    assert shown.names == []


def test_identify_labels_the_item_under_the_cursor(window, browse, qtbot):
    window.selection.set_current(5)
    press(qtbot, browse, Qt.Key.Key_I)
    assert browse.identify_box.isVisible()
    browse.identify_box.line.setText("arct")
    qtbot.keyClick(browse.identify_box.line, Qt.Key.Key_Return)
    assert category(window, 5) == 1
    assert not window.toasts.toasts  # one item is no bulk act
    qtbot.waitUntil(lambda: "1 labelled" in window.status.label.text())


def test_bulk_label_shows_a_toast_whose_undo_takes_back_that_act(window, browse, qtbot):
    window.selection.set([2, 3, 4])
    browse.control.label(1)
    assert [category(window, i) for i in (2, 3, 4)] == [1, 1, 1]
    toast = window.toasts.toasts[-1]
    assert "3 items" in toast.text
    window.selection.set([7])
    browse.control.label(2)
    toast.button.click()
    assert [category(window, i) for i in (2, 3, 4, 7)] == [0, 0, 0, 2]


def test_more_than_one_percent_asks_and_no_means_no(window, browse, monkeypatch):
    asked = []

    def refuse(self):
        asked.append(self.text())
        return 0

    monkeypatch.setattr(QMessageBox, "exec", refuse)
    window.selection.set(np.arange(1, 22))
    browse.control.label(1)
    assert asked
    assert "21 items" in asked[0]
    assert category(window, 1) == 0


def test_favourites_repeat_and_unlabel_by_key(window, browse, qtbot):
    browse.control.label(2)  # takes the first free key
    window.selection.set_current(8)
    press(qtbot, browse, Qt.Key.Key_1)
    assert category(window, 8) == 2
    window.selection.set_current(9)
    press(qtbot, browse, Qt.Key.Key_Period)
    assert category(window, 9) == 2
    press(qtbot, browse, Qt.Key.Key_Delete)
    assert category(window, 9) == 0
    press(qtbot, browse, Qt.Key.Key_5)
    assert "free" in window.toasts.toasts[-1].text


def test_marks_and_rejection_by_key(window, browse, qtbot):
    marks = window.session.studio.catalogue.columns.marks
    for key, mark in (
        (Qt.Key.Key_R, Mark.REVIEWED),
        (Qt.Key.Key_U, Mark.UNCERTAIN),
        (Qt.Key.Key_F, Mark.FLAGGED),
    ):
        press(qtbot, browse, key)
        assert marks[0] & mark
        press(qtbot, browse, key)
        assert not marks[0] & mark
    browse.control.label(1)
    press(qtbot, browse, Qt.Key.Key_X)
    assert category(window, 1) == 0
    assert window.session.studio.store.labels.rejected(1) == [1]


def test_undo_and_redo_by_key_and_their_buttons_state(window, browse, qtbot):
    assert not window.actions_["edit.redo"].isEnabled()
    browse.control.label(1)
    qtbot.waitUntil(lambda: window.actions_["edit.undo"].isEnabled())
    press(qtbot, browse, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert category(window, 1) == 0
    qtbot.waitUntil(lambda: window.actions_["edit.redo"].isEnabled())
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    press(qtbot, browse, Qt.Key.Key_Z, both)
    assert category(window, 1) == 1


def test_large_steps_of_undo_leave_the_gui_thread(window, browse, qtbot, monkeypatch):
    threads = []
    labelling = window.session.studio.labelling
    browse.control.label(1, np.array([1, 2, 3]))
    qtbot.waitUntil(lambda: window.actions_["edit.undo"].isEnabled())
    undo, pressed = labelling.undo, threading.Event()
    monkeypatch.setattr(window_commands, "_AT_ONCE", 2)

    def slow_undo():
        threads.append(threading.current_thread())
        assert pressed.wait(30)
        return undo()

    monkeypatch.setattr(labelling, "undo", slow_undo)
    press(qtbot, browse, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(qtbot, browse, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)  # one at a time
    pressed.set()
    qtbot.waitUntil(lambda: "Taken back" in window.toasts.toasts[-1].text)
    assert category(window, 1) == 0
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_accept_takes_only_the_suggestion_of_the_item_shown(window, browse, qtbot):
    browse.control._found_suggestions((1, advice((2, 0.9)), []))
    window.selection.set_current(2)
    press(qtbot, browse, Qt.Key.Key_A)
    assert category(window, 2) == 0
    assert category(window, 1) == 0
    browse.control._found_suggestions((1, advice((2, 0.9)), []))  # late answer for item 1
    press(qtbot, browse, Qt.Key.Key_A)
    assert category(window, 2) == 0
    browse.control._found_suggestions((2, advice((2, 0.9)), []))
    press(qtbot, browse, Qt.Key.Key_A)
    assert category(window, 2) == 2


def test_filter_and_the_way_back(window, browse, qtbot):
    browse.control.label(1, np.array([3, 4]))
    browse.views.set_filter(Filter(state="unlabelled"))
    qtbot.waitUntil(lambda: len(browse.views.ids) == PHOTOS - 2)
    browse.control.label(1, np.array([5]))
    qtbot.waitUntil(lambda: len(browse.views.ids) == PHOTOS - 3)
    assert browse.bar.filter.state == "unlabelled"
    press(qtbot, browse, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: len(browse.views.ids) == PHOTOS)
    press(qtbot, browse, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: len(browse.views.ids) == PHOTOS - 3)
    press(qtbot, browse, Qt.Key.Key_Escape)
    if len(browse.views.ids) != PHOTOS:
        press(qtbot, browse, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(browse.views.ids) == PHOTOS)


def test_similar_becomes_an_ordered_filter_with_a_name(window, browse, qtbot, monkeypatch):
    found = Neighbours(np.array([[9, 7, 8, -1]]), np.array([[0.9, 0.8, 0.7, 0.0]], np.float32))
    exploring = window.session.studio.exploring
    monkeypatch.setattr(exploring, "similar_to_item", lambda item, k: found)
    window.selection.set_current(3)
    press(qtbot, browse, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: len(browse.views.ids) == 4)
    assert browse.views.ids.tolist() == [3, 9, 7, 8]
    assert browse.views.filter.only_name == "similar to #3"
    assert browse.bar.order_shown.key == "given"


def test_next_unreviewed_skips_what_is_done(window, browse, qtbot):
    window.session.studio.labelling.mark(np.array([2, 3]), Mark.REVIEWED)
    press(qtbot, browse, Qt.Key.Key_N)
    assert window.selection.current == 4
    press(qtbot, browse, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert window.selection.current == 1


def test_panes_can_be_shown_alone(window, browse):
    window.actions_.run("view.grid")
    assert browse.grid.isVisible()
    assert not browse.map.isVisible()
    window.actions_.run("view.map")
    assert not browse.grid.isVisible()
    assert browse.map.isVisible()
    window.actions_.run("view.both")
    assert browse.grid.isVisible()
    assert browse.map.isVisible()


def test_compare_needs_two_and_shows_up_to_four(window, browse, qtbot):
    window.selection.set([1])
    browse.compare()
    assert "two to four" in window.toasts.toasts[-1].text
    window.selection.set([1, 2, 3, 4, 5])
    browse.compare()
    viewer = browse._viewer
    assert viewer.items == [1, 2, 3, 4]
    viewer.close()
    qtbot.waitUntil(lambda: browse._viewer is None)


def test_viewer_steps_with_space_and_labels_with_keys(window, browse, qtbot):
    browse.control.label(2)
    window.selection.set_current(4)
    browse.open_photo()
    viewer = browse._viewer
    qtbot.waitUntil(viewer.isActiveWindow)
    qtbot.keyClick(viewer, Qt.Key.Key_Space)
    assert viewer.items == [5]
    assert window.selection.current == 5
    qtbot.keyClick(viewer, Qt.Key.Key_1)
    assert category(window, 5) == 2
    qtbot.waitUntil(lambda: "Deilephila" in viewer._captions[0].text())
    viewer.close()
    qtbot.waitUntil(lambda: browse._viewer is None)


def test_dropped_items_and_a_new_category(window, browse, qtbot, monkeypatch):
    browse.categories.tree.items_dropped.emit(np.array([10, 11]), 1)
    assert category(window, 10) == 1
    monkeypatch.setattr(QInputDialog, "getText", lambda *a, **k: ("Macroglossum", True))
    window.actions_.run("categories.add")
    qtbot.waitUntil(
        lambda: (
            "Macroglossum" in [c.name for c in window.session.studio.catalogue.categories.values()]
        )
    )


def test_inspector_follows_the_current_item(window, browse, qtbot):
    browse.control.label(1)
    window.selection.set_current(2)
    qtbot.waitUntil(lambda: browse.inspector.pane.item_id == 2)
    window.selection.set_current(1)
    qtbot.waitUntil(lambda: browse.inspector.pane.item_id == 1)
    assert "Arctia caja" in browse.inspector.caption(1)


def test_history_lists_filters_and_reverses(window, browse, qtbot):
    browse.control.label(1, np.array([1, 2]))
    browse.control.label(2, np.array([3]))
    window.go("go.history")
    page = window.workspaces["go.history"]
    qtbot.waitUntil(lambda: page.model.rowCount() >= 4)
    page.text.setText("arctia 2 items")
    assert page.model.rowCount() == 1
    qtbot.waitUntil(lambda: page._items.tolist() == [1, 2])
    operation = page.current().id
    page.reverse()
    assert category(window, 1) == 0
    assert category(window, 3) == 2
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)  # the reversal is in the log as well
    assert page.current().id == operation
    assert page.model.state(page.current()) == "taken back"
    assert not page.reverse_button.isEnabled()


def test_history_refuses_what_later_decisions_rest_on(window, browse, qtbot, monkeypatch):
    faults = []
    browse.control.label(1, np.array([1]))
    browse.control.label(2, np.array([1]))
    window.go("go.history")
    page = window.workspaces["go.history"]
    qtbot.waitUntil(lambda: page.model.rowCount() >= 4)
    page.text.setText("1 item as arctia")
    object.__setattr__(page.context, "show_fault", faults.append)
    page.reverse()
    assert faults
    assert category(window, 1) == 2


def test_history_shows_its_items_in_browse(window, browse, qtbot):
    browse.control.label(1, np.array([4, 6]))
    window.go("go.history")
    page = window.workspaces["go.history"]
    qtbot.waitUntil(lambda: page._items.tolist() == [4, 6])
    page.show_items_of_current()
    assert window.workspace is browse
    qtbot.waitUntil(lambda: browse.views.ids.tolist() == [4, 6])


def test_import_job_adds_items_to_the_open_project(window, browse, qtbot, tmp_path):
    more = tmp_path / "more"
    for name in ("Smerinthus", "Laothoe"):
        (more / name).mkdir(parents=True)
        for i in range(2):
            shade = 40 * i + len(name) * 9
            Image.effect_noise((90, 70), shade).convert("RGB").save(more / name / f"{i}.png")
    window.commands._run_import(ImportPlan(more, "image_folder"))
    qtbot.waitUntil(lambda: not window.jobs.busy, timeout=20_000)
    job = window.jobs.jobs[-1]
    assert job.state is JobState.DONE, job.crash
    assert "4 images" in sentence(job.result).replace("Imported ", "")
    qtbot.waitUntil(lambda: len(browse.views.ids) == PHOTOS + 4)
    assert window.session.studio.catalogue.columns.source[-1] == LabelSource.IMPORT


def test_new_project_is_made_from_a_plan(window, qtbot, tmp_path, photos):
    target = tmp_path / "New.fgvc"
    window.commands._create(ImportPlan(photos, "image_folder", project=target, name="New"))
    qtbot.waitUntil(lambda: window.session is not None and window.session.name == "New")
    qtbot.waitUntil(lambda: not window.jobs.busy, timeout=20_000)
    assert window.session.studio.catalogue.n == PHOTOS


def test_export_dialog_plans_and_the_job_writes(window, browse, qtbot, tmp_path):
    browse.control.label(1, np.array([1, 2]))
    studio = window.session.studio
    dialog = ExportDialog(studio, np.arange(1, 6), np.array([1, 2]), window)
    target = tmp_path / "out.csv"
    dialog.target.setText(str(target))
    dialog._choice.button(2).setChecked(True)
    plan = dialog.plan()
    assert plan.items.tolist() == [1, 2]
    dialog.planned.connect(window.commands._run_export)
    dialog.accept()
    qtbot.waitUntil(lambda: not window.jobs.busy, timeout=20_000)
    assert window.jobs.jobs[-1].state is JobState.DONE
    assert len(target.read_text().splitlines()) == 3


def test_locked_project_can_be_looked_at_but_not_changed(window, qtbot, project):
    error = ProjectLockedError("It is open elsewhere.", "Close it there.")
    window.actions_.run("project.close")
    holder = Studio.open(project, who="other")
    window._not_opened(project, error)
    box = window.findChildren(QMessageBox)[0]
    look = next(b for b in box.buttons() if "read-only" in b.text())
    look.click()
    qtbot.waitUntil(lambda: window.session is not None, timeout=20_000)
    window.selection.set_current(1)
    assert "read only" in window.status.label.text()
    assert window.actions_["view.locate"].isEnabled()
    for command in ("label.identify", "label.favourite1", "project.add", "edit.undo"):
        assert not window.actions_[command].isEnabled()
    window.actions_.run("project.close")
    holder.close()


def test_close_returns_to_the_first_screen_with_the_project_listed(window, qtbot, project):
    window.actions_.run("project.close")
    assert window.frames.currentWidget() is window.start
    assert window.session is None
    assert not window.actions_["label.identify"].isEnabled()
    from fgvc_studio.gui import preferences

    first = preferences.recent()[0]
    assert (first.path, first.images) == (str(project), PHOTOS)
    window.open_project(project)
    qtbot.waitUntil(lambda: window.session is not None, timeout=20_000)


def test_closing_during_a_job_asks_and_waits(window, qtbot, monkeypatch):
    import time

    from fgvc_studio.domain.records import Progress

    def work():
        while True:
            time.sleep(0.01)
            yield Progress(1, 2)

    window.jobs.add("Endless", work)
    answers = []

    def agree(self):
        answers.append(self.text())
        self.defaultButton().click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", agree)
    window.close()
    assert window.isVisible()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert "Endless" in answers[0]
    assert window.session is None


def test_pages_are_made_when_asked_for_and_the_rest_afterwards(qtbot, project):
    w = MainWindow(crashed=lambda trace, doing: pytest.fail(trace))
    qtbot.addWidget(w)
    w.resize(1280, 800)
    w.show()
    w.open_project(project)
    qtbot.waitUntil(lambda: w.session is not None, timeout=20_000)
    assert [page.command for page in w.workspaces.made()] == ["go.browse"]
    w.actions_.run("go.history")
    assert w.workspace is w.workspaces["go.history"]
    assert len(w.workspaces.made()) == 2
    qtbot.waitUntil(lambda: len(w.workspaces.made()) == len(w.workspaces), timeout=20_000)
    assert w.workspace is w.workspaces["go.history"]
    w.close()
    assert not w.workspaces.made() and "go.browse" not in w.workspaces


def test_a_grid_that_is_not_seen_leaves_the_current_item_alone(window, browse):
    grid = window.workspaces["go.discover"].grid
    grid.set_items(np.array([7, 8], np.int64))
    window.selection.set_current(3)
    grid.set_items(np.array([9], np.int64), to_top=True)
    window.grab()  # lays hidden pages out
    assert window.selection.current == 3
    browse.grid.set_items(np.array([5, 6], np.int64))
    assert window.selection.current == 6  # the one that took its place


def test_ticks_leave_tiles_that_came_into_sight_after_the_choice(window, qtbot, monkeypatch):
    browse = window.workspaces["go.browse"]
    window.selection.set([20, 21, 22])
    browse.views.gather()
    qtbot.waitUntil(lambda: len(browse.grid.visible_ids()) == 3)
    drawn = []
    monkeypatch.setattr(browse.grid, "refresh_items", lambda ids: drawn.extend(ids.tolist()))
    window.selection.clear()
    assert {20, 21, 22} <= set(drawn)


def test_a_name_that_is_replaced_is_said_before(window, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "fgvc_studio.gui.workspaces.browse_controller.confirm_bulk",
        lambda _host, question, *_rest: asked.append(question) or True,
    )
    control = window.workspaces["go.browse"].control
    control.label(1, np.array([1, 2, 3]))
    control.label(2, np.array([2, 3, 4]))
    assert "another name" not in asked[0]
    assert "2 of them have another name now" in asked[1]
