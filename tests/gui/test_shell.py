"""The window without a project: first screen, messages, dialogs, entry point."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QWidget

from fgvc_studio import __main__ as entry
from fgvc_studio.domain.errors import UserError
from fgvc_studio.gui import preferences, theme, words
from fgvc_studio.gui.dialogs.about import AboutDialog, used_packages
from fgvc_studio.gui.dialogs.crash import CrashDialog, CrashHook
from fgvc_studio.gui.dialogs.help import HelpDialog
from fgvc_studio.gui.dialogs.messages import confirm_bulk, needs_asking, show_fault
from fgvc_studio.gui.dialogs.settings import SettingsDialog
from fgvc_studio.gui.dialogs.start_page import RecentRow, StartPage
from fgvc_studio.gui.main_window import MainWindow
from fgvc_studio.gui.widgets.status_line import Status, StatusLine
from fgvc_studio.gui.widgets.toasts import ToastStack
from fgvc_studio.gui.workspaces import Workspaces

ROOT = Path(entry.__file__).parents[1]


@pytest.fixture
def window(qtbot):
    theme.apply(QApplication.instance(), "light")
    w = MainWindow()
    qtbot.addWidget(w)
    w.show()
    yield w
    w.close()


def test_window_stands_without_the_heavy_libraries():
    code = (
        "import sys; from fgvc_studio.gui.app import make_application;"
        "from fgvc_studio.gui.main_window import MainWindow;"
        "a = make_application(); w = MainWindow(); w.show(); a.processEvents();"
        "heavy = {'torch', 'timm', 'openvino', 'umap', 'sklearn', 'faiss', 'matplotlib'};"
        "print('loaded', sorted(heavy & set(sys.modules))); w.close()"
    )
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120
    )
    assert "loaded []" in done.stdout, done.stdout + done.stderr


def test_ten_thousand_texts_cost_no_reference_to_none(qtbot):
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for i in range(10_000):
        label.setText(str(i))
    assert sys.getrefcount(None) > before - 1000


def test_pages_are_made_while_mouse_and_keys_rest(qtbot):
    host, made = QWidget(), []
    qtbot.addWidget(host)
    host.show()

    def maker(number):
        return lambda: made.append(number) or QLabel(str(number), host)

    pages = Workspaces({str(i): maker(i) for i in range(3)}, lambda page: None, host)
    pages.make_rest()
    for _ in range(30):  # longer than the time after which the first would be made
        qtbot.keyClick(host, Qt.Key.Key_Right)
        qtbot.wait(80)
        assert made == []
    qtbot.waitUntil(lambda: made == [0, 1, 2], timeout=20_000)
    pages.clear()


def test_entry_point_tells_window_from_verbs(tmp_path):
    project = tmp_path / "moths"
    project.mkdir()
    (project / "project.toml").write_text("")
    assert entry.wants_window([])
    assert entry.wants_window([str(project)])
    assert entry.wants_window(["Moths 2026.fgvc"])
    assert not entry.wants_window(["demo"])
    assert not entry.wants_window(["--help"])
    assert not entry.wants_window(["info", str(project)])


def test_process_is_prepared_but_the_users_choice_stands(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    monkeypatch.setattr(entry, "has_avx2", lambda: True)
    before = sys.getswitchinterval()
    try:
        entry.prepare_process()
        assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
        assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"
        joblib = importlib.import_module("joblib.externals.loky.backend.context")
        monkeypatch.setattr(
            joblib, "_count_physical_cores", lambda: pytest.fail("asked the system")
        )
        assert joblib.cpu_count(only_physical_cores=True) >= 1
        assert sys.getswitchinterval() == pytest.approx(5e-4)
    finally:
        sys.setswitchinterval(before)


def test_avx2_is_read_from_the_system(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("flags : fpu sse2 avx avx2 bmi1\n")
    assert entry.has_avx2(info)
    info.write_text("flags : fpu sse2\n")
    assert not entry.has_avx2(info)
    assert not entry.has_avx2(tmp_path / "none")


def test_first_screen_offers_three_ways_in(window, qtbot):
    assert window.frames.currentWidget() is window.start
    page = window.start
    for button in (page.folder_button, page.sample_button, page.open_button):
        assert button.isVisible()
        assert button.focusPolicy() != Qt.FocusPolicy.NoFocus
    assert not window.actions_["label.identify"].isEnabled()
    assert window.actions_["project.new"].isEnabled()


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900)])
def test_window_fits_small_screens(window, size):
    window.resize(*size)
    assert (window.width(), window.height()) == size
    assert window.minimumSizeHint().width() <= 1280
    assert window.minimumSizeHint().height() <= 800


def test_recent_projects_are_listed_and_gone_ones_can_be_removed(qtbot, tmp_path):
    there = tmp_path / "Moths 2026.fgvc"
    there.mkdir()
    (there / "project.toml").write_text("")
    preferences.add_recent(preferences.RecentProject(str(tmp_path / "gone.fgvc"), "Gone"))
    preferences.add_recent(preferences.RecentProject(str(there), "Moths 2026", 51230, 18402))
    page = StartPage()
    qtbot.addWidget(page)
    page.show()
    rows = page.findChildren(RecentRow)
    assert [r.project.name for r in rows] == ["Moths 2026", "Gone"]
    assert "36" in rows[0].accessibleName()
    with qtbot.waitSignal(page.project_chosen) as chosen:
        rows[0].click()
    assert chosen.args == [str(there)]
    rows[1].removed.emit(rows[1].project.path)
    assert [p.name for p in preferences.recent()] == ["Moths 2026"]


def test_recent_list_is_newest_first_without_repeats():
    for name in ("a", "b", "a"):
        preferences.add_recent(preferences.RecentProject(f"/x/{name}", name))
    assert [p.name for p in preferences.recent()] == ["a", "b"]


def test_dropped_folder_starts_a_project_and_a_project_opens(qtbot, tmp_path):
    page = StartPage()
    qtbot.addWidget(page)
    got = []
    page.folder_wanted.connect(lambda p: got.append(("folder", p)))
    page.project_chosen.connect(lambda p: got.append(("project", p)))
    folder = tmp_path / "photos"
    folder.mkdir()
    drop(page, folder)
    (folder / "project.toml").write_text("")
    drop(page, folder)
    assert got == [("folder", str(folder)), ("project", str(folder))]


def drop(widget, path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    widget.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


def test_toasts_stack_up_to_three_and_act_by_button_or_key(window):
    undone = []
    for i in range(4):
        window.toasts.show_message(f"message {i}", "Undo", lambda i=i: undone.append(i))
    assert [t.text for t in window.toasts.toasts] == ["message 1", "message 2", "message 3"]
    assert window.actions_.run("toast.act") is False  # no project is open
    window.toasts.act_on_newest()
    assert undone == [3]
    window.toasts.toasts[0].button.click()
    assert undone == [3, 1]
    assert [t.text for t in window.toasts.toasts] == ["message 2"]


def test_toast_stays_inside_its_host_and_undo_acts_once(qtbot):
    host = QLabel()
    qtbot.addWidget(host)
    host.resize(400, 300)
    host.show()
    stack = ToastStack(host)
    undone = []
    toast = stack.show_message("x" * 300, "Undo", lambda: undone.append(1), tone="danger")
    assert host.rect().contains(stack.geometry())
    toast.act()
    toast.act()
    assert undone == [1]
    assert not stack.isVisible()
    assert not stack.act_on_newest()


def test_bulk_acts_ask_above_one_percent(qtbot, monkeypatch):
    assert not needs_asking(500, 51_230)
    assert needs_asking(812, 51_230)
    assert not needs_asking(5, 100)
    host = QLabel()
    qtbot.addWidget(host)
    seen = []

    def answer(self):
        seen.append(self.text())
        button = self.defaultButton()
        self.checkBox().setChecked(True)
        button.click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)
    assert confirm_bulk(host, "Label {n} as Danaus plexippus?", 812, 51_230, "Label")
    assert seen == [f"Label {812:,} items (1.6 %) as Danaus plexippus?"]
    assert not needs_asking(812, 51_230)
    assert confirm_bulk(host, "Label {n}?", 9000, 51_230, "Label")
    assert len(seen) == 1


def test_fault_shows_sentence_and_remedy(qtbot):
    host = QLabel()
    qtbot.addWidget(host)
    box = show_fault(host, UserError("The project is locked.", "Close it there."))
    assert box.text() == "The project is locked."
    assert box.informativeText() == "Close it there."
    box.close()


def test_crash_report_can_be_copied(qtbot):
    dialog = CrashDialog("Traceback ...\nValueError: x", "Embed")
    qtbot.addWidget(dialog)
    assert "ValueError: x" in dialog.report
    assert "while: Embed" in dialog.report
    dialog.copy.click()
    assert QApplication.clipboard().text() == dialog.report


def test_uncaught_exception_becomes_one_dialog(qtbot, monkeypatch):
    hook = CrashHook(lambda: None)
    monkeypatch.setattr(sys, "__excepthook__", lambda *_: None)
    shown = []
    monkeypatch.setattr(CrashDialog, "open", lambda self: shown.append(self))
    for _ in range(3):
        try:
            raise RuntimeError("boom")
        except RuntimeError as error:
            hook._hook(type(error), error, error.__traceback__)
    qtbot.waitUntil(lambda: bool(shown))
    assert len(shown) == 1
    assert hook.count == 3
    shown[0].deleteLater()


def test_settings_are_remembered(qtbot):
    dialog = SettingsDialog(lambda: 412_000_000, lambda: None)
    qtbot.addWidget(dialog)
    dialog.name.setText("Maria Sibylla Merian")
    dialog.theme.setCurrentIndex(dialog.theme.findData("dark"))
    dialog.threads.setValue(1)
    dialog.confirm.setChecked(False)
    assert "412" in dialog.cache.text()
    with qtbot.waitSignal(dialog.applied):
        dialog._accept()
    assert preferences.who() == "Maria Sibylla Merian"
    assert preferences.theme() == "dark"
    assert preferences.cores_for_jobs() == 1
    assert not needs_asking(900, 1000)


def test_theme_switch_repaints_and_is_remembered(window):
    assert not theme.current().dark
    window.commands.switch_theme()
    assert theme.current().dark
    assert preferences.theme() == "dark"
    window.commands.switch_theme()
    assert not theme.current().dark


def test_about_names_licences_and_help_names_keys(window, qtbot):
    rows = {name.lower(): licence for name, _version, licence in used_packages()}
    assert "pyside6-essentials" in {n.replace("_", "-") for n in rows}
    assert all(rows.values())
    about = AboutDialog()
    qtbot.addWidget(about)
    page = HelpDialog(window.actions_)
    qtbot.addWidget(page)
    text = page.page.toPlainText()
    assert "{" not in text
    assert "Ctrl+K" in text


def test_status_line_words(qtbot):
    line = StatusLine()
    qtbot.addWidget(line)
    line.show_status(Status(51_230, 18_402, 1240.4, 0.0, "lite0", 312))
    text = line.label.text()
    for part in (words.count(51_230), words.count(18_402), "36 %", words.count(1240), "312"):
        assert part in text
    assert line.space.text() == "space lite0"
    line.show_status(None)
    assert line.label.text() == ""


def test_sureness_claims_no_more_than_was_measured():
    assert [words.sureness(p) for p in (0.0, 0.049, 0.05, 0.834)] == [
        "< 0.05", "< 0.05", "0.05", "0.83",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "0 %"), (1, 10_000, "0.1 %"), (812, 51_230, "1.6 %"), (999, 1000, "99 %"),
     (1000, 1000, "100 %"), (18_402, 51_230, "36 %")],
)  # fmt: skip
def test_percent(part, whole, text):
    assert words.percent(part, whole) == text


def test_durations():
    assert words.duration(40) == "40 s"
    assert words.duration(200) == "3 min"
    assert words.duration(7800) == "2 h 10 min"


def test_opening_something_that_is_no_project_says_so(window, qtbot, tmp_path):
    window.open_project(tmp_path)
    qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox)), timeout=20_000)
    box = window.findChildren(QMessageBox)[0]
    assert "project" in box.text()
    assert window.session is None
    box.close()
