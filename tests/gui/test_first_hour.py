"""Tour, guide, doctor, named undo, settings, log: what a newcomer meets in the first hour."""

import importlib.util
import logging
import re
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtWidgets import QApplication, QPushButton

from fgvc_studio.gui import guide_html, guide_pages, log_file, preferences, theme, words
from fgvc_studio.gui.actions import BY_ID
from fgvc_studio.gui.dialogs.crash import CrashDialog, CrashHook
from fgvc_studio.gui.dialogs.doctor import DoctorDialog
from fgvc_studio.gui.dialogs.guide import GuideWindow
from fgvc_studio.gui.dialogs.settings import SettingsDialog
from fgvc_studio.gui.main_window import MainWindow
from fgvc_studio.gui.task_pool import TaskPool
from fgvc_studio.gui.widgets.prototype_empty import PrototypeEmpty
from fgvc_studio.services import demo
from fgvc_studio.services.studio import Studio

SOON = 20_000


@pytest.fixture
def project(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(6):
        Image.new("RGB", (90, 60), (40 * i, 90, 120)).save(photos / f"{i}.jpg")
    path = tmp_path / "Moths.fgvc"
    with Studio.create(path, name="Moths", who="me") as studio:
        for _ in studio.ingest.run(photos):
            pass
        studio.labelling.add_category("Arctia caja")
    return path


@pytest.fixture
def empty_window(qtbot):
    theme.apply(QApplication.instance(), "light", 1.0)
    w = MainWindow(crashed=lambda trace, doing: pytest.fail(trace))
    qtbot.addWidget(w)
    w.resize(1280, 800)
    w.show()
    yield w
    w.close()


@pytest.fixture
def window(qtbot, empty_window, project):
    w = empty_window
    w.open_project(project)
    qtbot.waitUntil(lambda: w.session is not None, timeout=SOON)
    return w


@pytest.fixture
def tasks():
    pool = TaskPool()
    yield pool
    pool.shut_down()


# ---- tour --------------------------------------------------------------------------------------
def overlay_of(window):
    return window.commands.helping.tour._overlay


def test_five_steps_point_at_controls_that_are_there(window, qtbot):
    tour = window.commands.helping.tour
    assert window.actions_.run("app.tour")
    assert len(tour.steps()) == 5
    for i in range(5):
        overlay = overlay_of(window)
        assert overlay.target is not None and overlay.target.isVisible()
        hole = overlay._hole
        corner = overlay.target.mapTo(window, QPoint(0, 0))
        assert hole.contains(corner) or hole.intersects(window.rect())
        bubble = overlay.bubble.geometry()
        assert window.rect().contains(bubble)
        assert not bubble.intersects(hole)
        assert not overlay._arrow().isEmpty()
        assert overlay.bubble.place.text() == f"{i + 1} of 5"
        qtbot.mouseClick(overlay.bubble.next, Qt.MouseButton.LeftButton)
    assert not tour.running
    assert preferences.flag("tour/seen")


def test_tour_goes_back_is_skipped_and_comes_by_itself_only_once(window, qtbot):
    tour = window.commands.helping.tour
    tour.offer()
    overlay = overlay_of(window)
    assert overlay is not None and not overlay.bubble.back.isVisible()
    qtbot.keyClick(overlay.bubble.next, Qt.Key.Key_Right)
    assert overlay.bubble.place.text() == "2 of 5"
    qtbot.mouseClick(overlay.bubble.back, Qt.MouseButton.LeftButton)
    assert overlay.bubble.place.text() == "1 of 5"
    qtbot.keyClick(overlay.bubble.next, Qt.Key.Key_Escape)
    assert not tour.running
    tour.offer()
    assert not tour.running
    tour.start()
    assert tour.running
    tour.stop()


def test_keys_of_commands_rest_during_the_tour(window, qtbot):
    window.commands.helping.tour.start()
    labelled = window.session.studio.catalogue.labelled
    for key in (Qt.Key.Key_1, Qt.Key.Key_I, Qt.Key.Key_A):
        qtbot.keyClick(overlay_of(window).bubble.next, key)
    assert window.session.studio.catalogue.labelled == labelled
    assert not window.workspaces["go.browse"].identify_box.isVisible()
    window.resize(1440, 860)
    assert overlay_of(window).geometry() == window.rect()
    window.close_project()
    assert not window.commands.helping.tour.running


def test_the_sample_shows_a_newcomer_around(empty_window, qtbot, project, monkeypatch, tmp_path):
    folder = tmp_path / "sample"
    folder.mkdir()
    project.rename(folder / demo.PROJECT)
    monkeypatch.setattr(demo, "default_folder", lambda: folder)
    qtbot.mouseClick(empty_window.start.sample_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: empty_window.commands.helping.tour.running, timeout=SOON)
    empty_window.commands.helping.tour.stop()


# ---- undo and saving ---------------------------------------------------------------------------
def test_undo_is_always_in_sight_and_says_what_it_takes_back(window, qtbot):
    bar, labelling = window.undo_bar, window.session.studio.labelling
    assert bar.isVisible()
    labelling.label([1, 2], 1)
    qtbot.waitUntil(lambda: "Arctia" in bar.undo.toolTip())
    assert bar.undo.isEnabled() and not bar.redo.isEnabled()
    qtbot.mouseClick(bar.undo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Arctia" in bar.redo.toolTip())
    assert window.session.studio.catalogue.labelled == 0
    qtbot.mouseClick(bar.redo, Qt.MouseButton.LeftButton)
    assert window.session.studio.catalogue.labelled == 2
    right = bar.redo.mapTo(window, QPoint(bar.redo.width(), 0)).x()
    assert right <= window.width()
    for page in ("go.history", "go.train"):
        window.go(page)
        assert bar.isVisible()
    window.close_project()
    assert not bar.isVisible()


def test_who_presses_save_learns_that_it_is_saved(window):
    assert "saved" in window.status.label.text()
    assert window.actions_.run("project.saved")
    assert "Already saved" in window.toasts.toasts[-1].text
    assert BY_ID["project.saved"].keys == ("Ctrl+S",)


def test_messages_cover_neither_grid_nor_map(window):
    for text in ("Labelled 2 items as Arctia caja", "long " * 60):
        toast = window.toasts.show_message(text, "Undo", lambda: None)
        assert toast.isVisible()
        corner = window.toasts.mapTo(window, QPoint(0, 0))
        assert window.rect().contains(corner + window.toasts.rect().bottomRight())
        if len(text) < 60:
            status = window.status.geometry()
            assert status.adjusted(0, -1, 0, 1).contains(window.toasts.geometry())
        toast.dismiss()


def test_something_is_shown_from_the_start(window, qtbot):
    pane = window.workspaces["go.browse"].inspector.pane
    qtbot.waitUntil(lambda: pane.item_id == 1)


# ---- guide -------------------------------------------------------------------------------------
def test_every_workspace_has_its_page_with_pictures_that_exist():
    files = {page.file: page for page in guide_pages.pages()}
    assert set(guide_pages.OF_WORKSPACE.values()) <= set(files)
    assert list(files)[: len(guide_pages.ORDER)] == list(guide_pages.ORDER)
    for page in files.values():
        for picture in guide_pages.pictures(page.text):
            assert (guide_pages.folder() / picture).is_file(), (page.file, picture)
        assert page.headings[0][0] == 1


@pytest.mark.parametrize(("command", "file"), guide_pages.OF_WORKSPACE.items())
def test_f1_opens_the_page_of_the_workspace(window, qtbot, command, file):
    window.go(command)
    assert window.actions_.run("app.help")
    guide = window.commands.helping._guide
    assert guide.view.file == file
    qtbot.waitUntil(lambda: bool(guide.view._pictures), timeout=SOON)
    assert guide.contents.currentItem().data(0, Qt.ItemDataRole.UserRole)[0] == file
    guide.close()
    assert window.commands.helping._guide is None


def test_guide_links_contents_search_and_way_back(qtbot, tasks):
    guide = GuideWindow(tasks)
    qtbot.addWidget(guide)
    guide.open_for("")
    guide.show()
    first = guide.view.file
    assert first == guide_pages.ORDER[0]
    guide._follow(QUrl("train.md"))
    assert guide.view.file == "train.md"
    guide.find_field.setText("no such words anywhere")
    assert guide.left.currentWidget() is guide.nothing
    guide.find_field.setText("lasso")
    assert guide.left.currentWidget() is guide.hits
    assert guide.hits.topLevelItemCount() >= 2
    qtbot.keyClick(guide.find_field, Qt.Key.Key_Return)
    assert guide.view.textCursor().selectedText().lower() == "lasso"
    guide.find_field.clear()
    assert guide.left.currentWidget() is guide.contents
    while guide.back.isEnabled():
        guide.go_back()
    assert guide.view.file == first


def test_guide_is_read_as_written():
    page = guide_html.render(
        "# A *b*\n\ntext\nruns on `a|b <c>`\n\n| k | w |\n|---|---|\n| I, **A** | [x](y.md) |\n\n"
        "1. one\n   goes on\n\n   | t | u |\n   |---|---|\n   | v | w |\n2. two\n   - deep\n\n"
        "```sh\nls <d>\n```\n![cap](images/a.jpg)\n",
        500,
    )
    assert '<h1><a name="a-b"></a>A <i>b</i></h1>' in page
    assert "text runs on <code>a|b &lt;c&gt;</code>" in page
    assert page.count("<table") == 2 and '<a href="y.md">x</a>' in page
    assert page.count("<li>") == 3 and "one goes on" in page and "<ol>" in page
    assert "<pre>ls &lt;d&gt;</pre>" in page
    assert 'src="images/a.jpg" width="500"' in page and "cap</span>" in page


def test_every_page_of_the_guide_is_drawn_in_both_themes(qtbot, tasks):
    guide = GuideWindow(tasks)
    qtbot.addWidget(guide)
    guide.resize(700, 500)
    guide.show()
    for mode in ("dark", "light"):
        theme.apply(QApplication.instance(), mode)
        for page in guide_pages.pages():
            guide.open_page(page.file)
            shown = guide.view.toPlainText()
            assert page.title in shown
            assert "**" not in shown and "](" not in shown, page.file
            assert guide.view.horizontalScrollBar().maximum() <= 40


# ---- doctor, log, settings ---------------------------------------------------------------------
def test_doctor_speaks_in_sentences_and_can_be_copied(window, qtbot, monkeypatch):
    from fgvc_studio.services import health

    monkeypatch.setattr(health, "gpu_name", lambda: "")
    assert window.actions_.run("app.doctor")
    dialog = window.findChild(DoctorDialog)
    qtbot.waitUntil(lambda: bool(dialog.report), timeout=SOON)
    assert dialog.rows.count() > 3
    assert "photos of this project are where they were" in dialog.report
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == dialog.report
    dialog.close()


def test_faults_are_written_down_and_the_report_says_where(qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(log_file, "path", lambda: tmp_path / "logs" / "studio.log")
    assert log_file.start() == tmp_path / "logs" / "studio.log"
    try:
        hook = CrashHook(lambda: None)
        hook.show_report("Traceback: boom", "trying")
        dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, CrashDialog))
        qtbot.addWidget(dialog)
        text = (tmp_path / "logs" / "studio.log").read_text("utf-8")
        assert "Traceback: boom" in text and "trying" in text
        assert "Copy the report" in [w.text() for w in dialog.findChildren(QPushButton)]
        dialog.reject()
    finally:
        logger = logging.getLogger(log_file.NAME)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
            handler.close()


def test_settings_check_the_orcid_and_remember_everything(qtbot, tmp_path):
    dialog = SettingsDialog()
    qtbot.addWidget(dialog)
    dialog.name.setText("Ada")
    dialog.orcid.setText("0000-0002-1825-0098")
    assert not dialog.ok.isEnabled() and dialog.orcid_note.property("role") == "danger"
    dialog.orcid.setText("https://orcid.org/0000-0002-1825-0097")
    assert dialog.ok.isEnabled() and dialog.orcid_note.property("role") == "good"
    dialog.text_size.setCurrentIndex(dialog.text_size.findData(130))
    dialog.device.setCurrentIndex(dialog.device.findData("cpu"))
    dialog.place.setText(str(tmp_path))
    dialog._accept()
    known = preferences.machine()
    assert preferences.who() == "Ada (0000-0002-1825-0097)"
    assert (known.device, known.cache, known.text_size) == ("cpu", str(tmp_path), 130)
    assert preferences.text_scale() == 1.3


def test_larger_text_reaches_style_and_font(qtbot):
    app = QApplication.instance()
    try:
        theme.apply(app, "light", 1.5)
        assert app.font().pixelSize() == theme.px(13) == 20
        assert "font-size: 33px" in app.styleSheet()
    finally:
        theme.apply(app, "light", 1.0)
    assert app.font().pixelSize() == 13


# ---- what looked poor --------------------------------------------------------------------------
def test_every_picture_of_the_guide_is_taken_by_the_one_command():
    root = guide_pages.folder().parents[1]
    spec = importlib.util.spec_from_file_location(
        "guide_pictures", root / "packaging" / "guide_pictures.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    shown = {
        picture.removeprefix("images/").removesuffix(".jpg")
        for page in guide_pages.pages()
        for picture in guide_pages.pictures(page.text)
    }
    assert shown == set(script.PICTURES)
    for name in script.PICTURES:
        assert callable(getattr(script.Photographer, name.replace("-", "_")))


def test_painted_text_follows_the_size_of_text():
    folder = Path(theme.__file__).parent
    fixed = [
        str(file.relative_to(folder))
        for file in folder.rglob("*.py")
        if re.search(r"setPixelSize\(\d", file.read_text("utf-8"))
    ]
    assert not fixed


def test_words_of_the_empty_pages_are_not_cut(window, qtbot):
    window.go("go.prototypes")
    page = window.workspaces["go.prototypes"]
    empty = page.findChild(PrototypeEmpty)
    qtbot.waitUntil(empty.isVisible)
    for label in (empty.text, empty.needs):
        assert label.height() >= label.heightForWidth(label.width())


def test_no_chooser_stands_empty_before_there_is_a_map(window):
    canvas = window.workspaces["go.browse"].map
    assert not canvas.bar.isVisible()
    assert canvas.empty.button.isVisible()
    pane = window.workspaces["go.browse"].inspector.pane
    assert "embeddings" in pane.accepts.text() or pane.item_id == 0


def test_a_filter_moves_nothing(window, qtbot):
    browse = window.workspaces["go.browse"]
    before = browse.grid.mapTo(window, QPoint(0, 0))
    window.selection.set([1, 2])
    browse.views.gather()
    qtbot.waitUntil(lambda: len(browse.views.ids) == 2)
    QApplication.sendPostedEvents()
    assert browse.bar.chips.isVisible()
    assert browse.grid.mapTo(window, QPoint(0, 0)) == before


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("Striganea > Striganea fimbriaria", "Striganea fimbriaria"),
        ("Insecta > Striganea > Striganea fimbriaria", "Insecta › Striganea fimbriaria"),
        ("Fish > Salmon", "Fish › Salmon"),
        ("Moth", "Moth"),
    ],
)
def test_paths_do_not_say_a_name_twice(path, shown):
    assert words.path(path) == shown
