"""Train over a small project: set up, run, stop and keep, go on, discard, compare, blind test."""

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QMessageBox, QRadioButton

from fgvc_studio.domain.records import Split
from fgvc_studio.domain.runs import RunState
from fgvc_studio.gui.main_window import MainWindow
from fgvc_studio.gui.widgets.blind_test import FIRST, SECOND
from fgvc_studio.gui.widgets.setting_editors import Number
from fgvc_studio.gui.workspaces.train_run import BLIND, NEIGHBOURS, PROGRESS, RESULT
from fgvc_studio.services.studio import Studio

BACKBONE = "random:test_resnet"
QUICK = {
    "train": "head", "epochs": "3", "batch": "8", "outputs": "32", "hidden": "16",
    "bottleneck": "8", "global_views": "2", "local_views": "2", "local_per_step": "2",
}  # fmt: skip
LONG = 240_000


def finish(job):
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def draw(folder):
    """Thirty pictures in three folders of one look each."""
    rng = np.random.default_rng(0)
    for kind in range(3):
        base = rng.integers(0, 256, (4, 4, 3))
        (folder / f"kind{kind}").mkdir(parents=True)
        for i in range(10):
            noisy = np.clip(base + rng.integers(-60, 61, base.shape), 0, 255).astype(np.uint8)
            big = Image.fromarray(noisy).resize((64, 48), Image.Resampling.BICUBIC)
            big.save(folder / f"kind{kind}" / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with a frozen space and a test split, made once."""
    folder = tmp_path_factory.mktemp("train")
    path = folder / "p.fgvc"
    with Studio.create(path, who="ana") as studio:
        finish(studio.ingest.run(draw(folder / "pictures")))
        finish(studio.embedding.run(BACKBONE, runtime="torch"))
        finish(studio.exploring.map(method="pca"))
        with studio.store.operations.record("split", "Split", who="ana") as recording:
            test = np.arange(1, 31)[::4]
            studio.store.labels.set_splits(test, np.full(len(test), Split.TEST, np.uint8))
        studio.bus.publish(recording.changes)
    return path


@pytest.fixture
def window(qtbot, made, tmp_path):
    import shutil

    project = tmp_path / "p.fgvc"
    shutil.copytree(made, project)
    w = MainWindow(crashed=lambda trace, doing: pytest.fail(f"{doing}: {trace}"))
    qtbot.addWidget(w)
    w.resize(1280, 800)
    w.show()
    w.open_project(project)
    qtbot.waitUntil(lambda: w.session is not None, timeout=LONG)
    w.go("go.train")
    yield w
    if w.jobs.busy:
        w.jobs.cancel_all()
        qtbot.waitUntil(lambda: not w.jobs.busy, timeout=LONG)
    w.close()


@pytest.fixture
def train(window):
    return window.workspaces["go.train"]


def start(train, **more):
    for name, value in {**QUICK, **more}.items():
        train.setup.form.set_value(name, value)
    train.setup.outlook.start.click()


def idle(qtbot, window):
    qtbot.waitUntil(lambda: not window.jobs.busy, timeout=LONG)
    qtbot.waitUntil(lambda: not window.tasks.waiting("train runs"), timeout=LONG)


def newest(train):
    return train.control.runs[-1]


def test_opens_empty_with_every_method_and_says_what_would_happen(window, train, qtbot):
    assert window.actions_["go.train"].isChecked()
    assert train.pages.currentWidget() is train.setup
    assert train.empty.isVisible() and not train.list.rows
    titles = [card.button.text() for card in train.setup.methods.cards.values()]
    assert len(titles) == 4 and "Teach it your eye" in titles
    outlook = train.setup.outlook
    qtbot.waitUntil(lambda: "22 items" in outlook.who.text(), timeout=LONG)
    assert "Labels are not used" in outlook.who.text()
    assert BACKBONE in outlook.backbone.text()
    qtbot.waitUntil(lambda: "13 views of each item" in outlook.disk.text(), timeout=LONG)
    assert "free" in outlook.disk.text()
    assert outlook.start.isEnabled()


def test_categories_that_are_too_small_are_named(window, train, qtbot):
    studio = window.session.studio
    with studio.store.operations.record("split", "Split", who="ana") as recording:
        odd = np.array([2, 3, 4, 5, 6, 7, 8, 9, 10], np.int64)
        studio.store.labels.set_splits(odd, np.full(len(odd), Split.TEST, np.uint8))
    studio.bus.publish(recording.changes)
    studio.labelling.unlabel(np.array([1], np.int64))
    studio.labelling.label(np.array([12], np.int64), studio.labelling.add_category("Rare one"))
    train.setup.methods.choose("ecaml")
    told = train.setup.outlook.categories
    qtbot.waitUntil(lambda: "Rare one (1)" in told.text(), timeout=LONG)
    assert "fewer than 2 labelled items" in told.text()
    assert "that take part: 2" in told.text()


def test_the_form_follows_the_preset_and_says_what_is_wrong(train, qtbot):
    form = train.setup.form
    train.setup.methods.choose("cmd")
    assert form.value("batch") == "64" and form.value("colour_matters") is True
    form.set_value("train", "last-stage")
    assert form.value("batch") == "32"
    form.set_value("epochs", "0")
    assert "from 1" in form.fault
    qtbot.waitUntil(lambda: "from 1" in train.setup.outlook.wrong.text(), timeout=LONG)
    assert not train.setup.outlook.start.isEnabled()
    form.set_value("epochs", "7")
    assert not form.fault
    assert train.setup.request().settings["epochs"] == "7"
    form.forget()
    assert not form.settings() and form.value("epochs") == "5"


def test_the_dial_sets_the_confusion(train):
    train.setup.methods.choose("ecaml")
    dial, form = train.setup.dial, train.setup.form
    assert dial.isVisibleTo(train.setup) and dial.automatic.isChecked()
    dial.automatic.setChecked(False)
    dial.dial.setValue(100)
    assert float(form.value("confusion")) == 10
    form.set_value("confusion", "0")
    assert dial.value() == 0 and "Plain" in dial.told.text()
    train.setup.methods.choose("cmd")
    assert not dial.isVisibleTo(train.setup)
    assert isinstance(train.setup.methods.cards["cmd"].button, QRadioButton)


def test_a_run_is_followed_kept_and_compared(window, train, qtbot):
    start(train)
    qtbot.waitUntil(lambda: bool(train.control.runs), timeout=LONG)
    run_id = newest(train).id
    qtbot.waitUntil(lambda: train.page.run_id == run_id, timeout=LONG)
    idle(qtbot, window)
    history = train.control.history(run_id)
    assert history.points() == 6 and history.frames
    assert np.isfinite(history.latest("spread"))
    card = train.control.cards[run_id]
    qtbot.waitUntil(lambda: train.page.result.verdict.text() == card.verdict, timeout=LONG)
    assert train.page.views.currentIndex() == RESULT
    assert train.page.buttons["use"].isVisible() and train.page.buttons["both"].isVisible()

    train.page.show_view(PROGRESS)
    qtbot.waitUntil(lambda: train.page.progress.curves.picture is not None, timeout=LONG)
    assert train.page.progress.curves.picture.panels[0].curves
    train.page.show_view(NEIGHBOURS)
    strips = train.page.neighbours.strips
    qtbot.waitUntil(lambda: all(len(s.cells) == 7 for s in strips), timeout=LONG)
    gone, new = (sum(bool(c.tile.mark) for c in s.cells) for s in strips)
    assert gone == new
    train.page.neighbours.attention.setChecked(True)
    qtbot.waitUntil(lambda: train.page.neighbours.image._heat is not None, timeout=LONG)

    train.page.show_view(BLIND)
    page = train.page.blind
    page.begin()
    qtbot.waitUntil(lambda: len(page.test.trials) > 3, timeout=LONG)
    for trial in page.test.trials:
        page.test.answer(FIRST if trial.trained_first else SECOND)
    kept = window.session.studio.training.runs.card
    qtbot.waitUntil(lambda: bool(kept(run_id).blind_test), timeout=LONG)
    assert kept(run_id).blind_test["frozen"] == 0 < kept(run_id).blind_test["trained"]
    qtbot.waitUntil(lambda: "preferred" in train.page.result.blind.text(), timeout=LONG)

    studio = window.session.studio
    train.page.buttons["use"].click()
    qtbot.waitUntil(lambda: studio.embedding.default_space() == run_id, timeout=LONG)
    browse = window.workspaces["go.browse"]
    qtbot.waitUntil(lambda: browse.maps.space == run_id, timeout=LONG)
    assert len(browse.map.bar.space.menu().actions()) == 2
    assert not browse.inspector.pane.attention.isHidden()
    idle(qtbot, window)  # the map of the new space was drawn
    assert studio.exploring.load_map(run_id) is not None
    menu = window.status.space.menu()
    assert [a.text() for a in menu.actions() if a.isChecked()] == [run_id]
    next(a for a in menu.actions() if a.text() == "random-test_resnet").trigger()
    qtbot.waitUntil(lambda: browse.maps.space == "random-test_resnet", timeout=LONG)


def test_stop_and_keep_makes_the_result_of_what_was_learned(window, train, qtbot):
    start(train, epochs="400")
    qtbot.waitUntil(lambda: bool(train.control.runs), timeout=LONG)
    run_id = newest(train).id
    qtbot.waitUntil(lambda: train.control.history(run_id).points() > 2, timeout=LONG)
    train.control.stop_and_keep(run_id)
    idle(qtbot, window)
    run = train.control.run_of(run_id)
    assert run.state is RunState.FINISHED and 2 < run.step < run.total
    assert any("Ended early" in note for note in train.control.cards[run_id].notes)


def test_a_stopped_run_goes_on_and_can_be_discarded(window, train, qtbot, monkeypatch):
    start(train, epochs="60")
    qtbot.waitUntil(lambda: bool(train.control.runs), timeout=LONG)
    run_id = newest(train).id
    qtbot.waitUntil(lambda: train.control.history(run_id).points() > 2, timeout=LONG)
    train.control.pause(run_id)
    assert train.page.buttons["pause"].text() == "Resume"
    train.control.pause(run_id)
    train.control.stop(run_id)
    idle(qtbot, window)
    qtbot.waitUntil(lambda: train.page.buttons["go_on"].isVisible(), timeout=LONG)
    stopped = train.control.run_of(run_id)
    assert stopped.state is RunState.RUNNING and 2 < stopped.step < stopped.total
    assert "go on" in train.page.told.text()
    train.page.buttons["go_on"].click()
    history = train.control.history(run_id)
    qtbot.waitUntil(lambda: history.points() > stopped.step, timeout=LONG)
    assert history.progress[0] > stopped.step
    asked = []

    def agree(box):
        asked.append(box.text())
        box.buttons()[0].click()

    monkeypatch.setattr(QMessageBox, "open", agree)
    train.page.buttons["drop"].click()
    idle(qtbot, window)
    qtbot.waitUntil(lambda: train.control.run_of(run_id).state is RunState.DISCARDED, timeout=LONG)
    assert run_id in asked[0]
    folder = window.session.studio.training.runs.folder(run_id)
    assert not (folder / "resume.safetensors").exists()


def test_the_time_is_measured_and_nothing_is_left(window, train, qtbot):
    for name, value in QUICK.items():
        train.setup.form.set_value(name, value)
    outlook = train.setup.outlook
    qtbot.waitUntil(outlook.measure.isEnabled, timeout=LONG)
    outlook.show_request(train.setup.request(), "")
    outlook.measure_time()
    idle(qtbot, window)
    qtbot.waitUntil(lambda: outlook.time.text().startswith("About"), timeout=LONG)
    assert "6 steps" in outlook.time.text()
    assert not window.session.studio.training.runs.all()
    left = [p.name for p in (window.session.path / "cache").iterdir()]
    assert not [name for name in left if name.startswith("plan-")]


def test_numbers_that_mean_automatic_stay_empty(train):
    train.setup.methods.choose("ecaml")
    editor = train.setup.form._rows["temperature"].editor
    assert isinstance(editor, Number)
    assert editor.value() == -1 and editor.line.text() == ""
