"""The workspace of prototypes in the main window, over a classifier trained on tiny pictures."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from fitting import pages_fit_while_a_job_runs
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QFileDialog

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "services"))
import prototypes_kit as kit

from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.prototypes import Effects, Flip, Flips, Verdict
from fgvc_studio.domain.records import Box
from fgvc_studio.gui import theme
from fgvc_studio.gui.job_thread import JobState
from fgvc_studio.gui.main_window import MainWindow
from fgvc_studio.gui.models.prototype_view import PrototypeFilter
from fgvc_studio.gui.workspaces.prototypes import CHANGES, EXPLAIN, GALLERY, PAIR, QUEUE

SOON = 30_000
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A project with a prepared classifier; to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FGVC_STUDIO_CONFIG", str(folder / "config"))
        with kit.make_studio(folder) as studio:
            kit.train(studio)
            kit.finish(studio.prototypes.prepare(kit.RUN))
    return folder


@pytest.fixture
def project(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "copy")) / "p.fgvc"


@pytest.fixture
def window(qtbot):
    w = MainWindow(crashed=lambda trace, doing: pytest.fail(f"{doing}: {trace}"))
    qtbot.addWidget(w)
    w.resize(1280, 800)
    w.show()
    w.activateWindow()
    yield w
    w.jobs.shut_down()
    w.close()
    theme.apply(QApplication.instance(), "light")


def opened(qtbot, window, project, *, read_only=False):
    """The workspace in front, its gallery filled."""
    window.open_project(project, read_only=read_only)
    qtbot.waitUntil(lambda: window.session is not None, timeout=SOON)
    window.go("go.prototypes")
    page = window.workspaces["go.prototypes"]
    qtbot.waitUntil(lambda: page.state.ready, timeout=SOON)
    return page


@pytest.fixture
def page(qtbot, window, project):
    found = opened(qtbot, window, project)
    qtbot.waitUntil(lambda: len(found.grid.ids) == 12, timeout=SOON)
    found.grid.setFocus()
    return found


def press(qtbot, page, key, modifier=Qt.KeyboardModifier.NoModifier):
    page.grid.setFocus()
    qtbot.keyClick(page.grid, key, modifier)


def service(window):
    return window.session.studio.prototypes


def row(window, number):
    return service(window).get(kit.RUN, number)


def read(qtbot, page, number):
    """Go to a prototype and wait until all about it is there."""
    page.state.show_prototype(number)
    qtbot.waitUntil(
        lambda: bool(page.detail.train.cells) and bool(page.detail.without.text()), timeout=SOON
    )


def effects_known(qtbot, page):
    qtbot.waitUntil(lambda: page.state.effects is not None, timeout=SOON)


def test_every_page_fits_a_small_window_while_a_job_runs(qtbot, window, page):
    pages_fit_while_a_job_runs(qtbot, window)


# ---- before there is a classifier --------------------------------------------------------------
def test_without_a_classifier_the_page_says_what_it_needs(qtbot, window, tmp_path):
    with kit.make_studio(tmp_path) as studio:
        studio.labelling.unlabel(np.arange(1, 28))
    page = opened(qtbot, window, tmp_path / "p.fgvc")
    assert page.empty.isVisible()
    assert "No photo is named yet" in page.empty.needs.text()
    assert not page.empty.button.isEnabled()
    assert not window.actions_["proto.train"].isEnabled()
    labelling = window.session.studio.labelling
    labelling.label(np.array([1, 2, 3]), 1)
    qtbot.waitUntil(lambda: "1 of 1" in page.empty.needs.text(), timeout=SOON)
    assert not page.empty.button.isEnabled()
    labelling.label(np.array([4, 5, 6]), 2)
    qtbot.waitUntil(page.empty.button.isEnabled, timeout=SOON)
    window.actions_.refresh()
    assert window.actions_["proto.train"].isEnabled()


def test_the_button_trains_and_the_gallery_fills(qtbot, window, tmp_path, monkeypatch):
    kit.make_studio(tmp_path).close()
    page = opened(qtbot, window, tmp_path / "p.fgvc")
    training = window.session.studio.training
    whole = training.run
    monkeypatch.setattr(
        training, "run",
        lambda method: whole(
            method, train="head", threads=1,
            settings={"epochs": 2, "warm_epochs": 1, "batch": 8, "prototypes": 2, "dim": 8,
                      "last_layer_epochs": 1, "random_views": 1},
        ),
    )  # fmt: skip
    qtbot.mouseClick(page.empty.button, Qt.MouseButton.LeftButton)
    assert page.empty.bar.isVisible() and not page.empty.button.isVisible()
    qtbot.waitUntil(lambda: page.state.book is not None, timeout=120_000)
    qtbot.waitUntil(
        lambda: page.state.model is not None and page.state.model.prepared, timeout=SOON
    )
    assert {job.state for job in window.jobs.jobs} == {JobState.DONE}
    assert len(page.grid.ids) == 12
    assert not page.progress.banner.isVisible()


def of_an_earlier_version(project):
    (path,) = project.glob("runs/*/activations/measures.npz")
    with np.load(path) as kept:
        values = {name: kept[name] for name in kept.files if name != "format"}
    np.savez(path, **values)
    return project


def test_suspicions_of_an_earlier_version_are_not_shown(qtbot, window, project):
    page = opened(qtbot, window, of_an_earlier_version(project), read_only=True)
    assert page.progress.banner.isVisible() and "earlier version" in page.progress.text.text()
    assert np.isnan(page.state.book.suspicion).all()


def test_suspicions_of_an_earlier_version_are_worked_out_again(qtbot, window, project):
    page = opened(qtbot, window, of_an_earlier_version(project))
    qtbot.waitUntil(lambda: not np.isnan(page.state.book.suspicion).any(), timeout=SOON)
    qtbot.waitUntil(lambda: not page.progress.banner.isVisible(), timeout=SOON)
    first = int(page.state.ids[0])
    assert page.state.book.suspicion[first] == max(page.state.book.suspicion)
    qtbot.waitUntil(lambda: page.state.current.id == first, timeout=SOON)
    assert page.grid.verticalScrollBar().value() == 0


# ---- the gallery -------------------------------------------------------------------------------
def test_the_gallery_sorts_and_filters(qtbot, window, page):
    suspicion = [page.state.book.suspicion[i] for i in page.state.ids]
    assert suspicion == sorted(suspicion, reverse=True)
    assert "12 prototypes" in page.bar.count.text()
    page.bar.branch.setCurrentIndex(page.bar.branch.findData("support"))
    page.bar.branch.activated.emit(1)
    assert page.grid.ids.tolist() and all(page.state.book.support[page.grid.ids - 1])
    assert "6 of 12" in page.bar.count.text()
    page.bar.category.setCurrentIndex(page.bar.category.findData(2))
    page.bar.category.activated.emit(1)
    assert len(page.grid.ids) == 2
    qtbot.mouseClick(page.bar.clear, Qt.MouseButton.LeftButton)
    assert len(page.grid.ids) == 12 and page.bar.filter == PrototypeFilter()
    page.bar.order.setCurrentIndex(page.bar.order.findData("usage"))
    page.bar.order.activated.emit(0)
    usage = [page.state.book.usage[i] for i in page.state.ids]
    assert usage == sorted(usage, reverse=True)


def test_tiles_say_branch_state_and_where_it_looks(qtbot, window, page):
    qtbot.waitUntil(lambda: len(page.tiles._outlines) == 12, timeout=SOON)
    page.acts.judge(Verdict.KEEP)
    number = page.state.current.id
    qtbot.waitUntil(lambda: page.state.book.verdict[number] == 1, timeout=SOON)
    badges = page.tiles.badges(page.grid.ids)
    at = page.grid.ids.tolist().index(number + 1)
    assert badges.verdict[at] == 1 and np.count_nonzero(badges.verdict) == 1
    assert badges.support.tolist() == [i > 6 for i in page.grid.ids]
    assert all(o is not None and o.min() >= 0 and o.max() <= 1 for o in badges.outlines)
    assert page.grid.accessibleDescription()
    page.close_ups()
    close = page.tiles.badges(page.grid.ids)
    assert np.allclose(close.aspect, 1) and not np.allclose(close.outlines[0], badges.outlines[0])


def test_the_pane_shows_one_prototype(qtbot, window, page):
    read(qtbot, page, 3)
    p, detail = row(window, 3), page.detail
    assert detail.picture.item_id == p.source.item_id
    assert [b.value for b in detail.suspicion.rows] == [p.suspicion, *p.parts.values()]
    assert detail.weights.rows[0].strong and detail.weights.rows[0].value == pytest.approx(p.weight)
    train, rest = service(window).top_patches(kit.RUN, 3)
    assert [c.data for c in detail.train.cells] == train
    assert [c.data for c in detail.rest.cells] == rest
    assert [c.data for c in detail.sisters.cells] == [2]
    effects = service(window).effects(kit.RUN, [3])
    assert f"{100 * effects.accuracy_before:.1f} %" in detail.without.text()
    qtbot.waitUntil(lambda: detail.picture.has_heat, timeout=SOON)
    press(qtbot, page, Qt.Key.Key_H)
    assert detail.heat == "gradient"
    qtbot.waitUntil(lambda: not window.tasks.waiting("prototype look"), timeout=SOON)
    assert detail.picture.has_heat
    press(qtbot, page, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: not detail.picture.has_heat, timeout=SOON)


def test_another_photo_in_the_picture_and_back(qtbot, window, page):
    read(qtbot, page, 3)
    cell = page.detail.rest.cells[0]
    qtbot.mouseClick(page.detail.rest.buttons[0], Qt.MouseButton.LeftButton)
    assert page.detail.picture.item_id == cell.item_id
    assert page.detail.back.isVisible()
    qtbot.mouseClick(page.detail.back, Qt.MouseButton.LeftButton)
    assert page.detail.picture.item_id == row(window, 3).source.item_id
    assert not page.detail.back.isVisible()
    page.detail.sister_chosen.emit(2)
    assert page.state.current.id == 2


def test_answers_about_another_prototype_are_dropped(qtbot, window, page):
    read(qtbot, page, 3)
    late = page.detail.train.cells
    facts = []
    original = page.feeder._facts_read
    page.feeder._facts_read = facts.append
    page.state.show_prototype(5)
    qtbot.waitUntil(lambda: bool(facts), timeout=SOON)
    page.state.show_prototype(7)
    assert page.detail.train.cells == []  # nothing of another one stays in its places
    original(facts[0])
    assert page.detail.train.cells == [] and late
    page.feeder._without_known((5, False, Effects(1, 1, (), Flips.of([]), 1, "training")))
    assert page.detail.without.text() == ""


# ---- verdicts ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("key", "verdict"),
    [
        (Qt.Key.Key_K, Verdict.KEEP),
        (Qt.Key.Key_B, Verdict.BACKGROUND),
        (Qt.Key.Key_D, Verdict.DUPLICATE),
        (Qt.Key.Key_W, Verdict.WRONG_PART),
        (Qt.Key.Key_U, Verdict.UNSURE),
    ],
)
def test_one_key_gives_a_verdict_and_takes_it_back(qtbot, window, page, key, verdict):
    page.state.show_prototype(4)
    press(qtbot, page, key)
    assert row(window, 4).verdict is verdict
    qtbot.waitUntil(page.detail.verdicts.buttons[verdict].isChecked, timeout=SOON)
    press(qtbot, page, key)
    assert row(window, 4).verdict is None
    qtbot.waitUntil(lambda: window.actions_["edit.undo"].isEnabled(), timeout=SOON)
    press(qtbot, page, Qt.Key.Key_Z, CTRL)
    assert row(window, 4).verdict is verdict


def test_many_at_once_with_a_message_that_undoes(qtbot, window, page):
    page.state.selection.set([1, 2, 3])
    press(qtbot, page, Qt.Key.Key_B)
    assert [row(window, i).verdict for i in range(4)] == [Verdict.BACKGROUND] * 3 + [None]
    window.toasts.toasts[-1].button.click()
    assert row(window, 0).verdict is None
    operations = window.session.studio.store.operations.history(limit=2)
    assert all(o.who == window.session.studio.who for o in operations)


def test_a_note_is_typed_not_judged(qtbot, window, page):
    page.state.show_prototype(4)
    press(qtbot, page, Qt.Key.Key_C)
    note = page.detail.verdicts.note
    assert QApplication.focusWidget() is note
    qtbot.keyClicks(note, "kbx pin")
    assert row(window, 4).verdict is None and not page.state.tried
    qtbot.keyClick(note, Qt.Key.Key_Return)
    p = row(window, 4)
    assert (p.note, p.verdict) == ("kbx pin", Verdict.UNSURE)
    press(qtbot, page, Qt.Key.Key_B)
    assert (row(window, 4).note, row(window, 4).verdict) == ("kbx pin", Verdict.BACKGROUND)


def test_a_note_goes_to_the_prototype_it_was_typed_for(qtbot, window, page):
    page.state.show_prototype(4)
    press(qtbot, page, Qt.Key.Key_C)
    qtbot.keyClicks(page.detail.verdicts.note, "scale bar")
    page.state.show_prototype(5)  # the note has the focus still
    assert page.detail.verdicts.note.text() == ""
    assert (row(window, 4).note, row(window, 5).note) == ("scale bar", "")
    page.grid.setFocus()
    assert row(window, 5).note == "" and row(window, 5).verdict is None


def test_next_without_a_verdict(qtbot, window, page):
    ids = page.state.ids.tolist()
    page.state.show_prototype(ids[0])
    page.state.selection.set([ids[1] + 1])
    press(qtbot, page, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: page.state.book.verdict[ids[1]] == 1, timeout=SOON)
    page.state.show_prototype(ids[0])
    press(qtbot, page, Qt.Key.Key_N)
    assert page.state.current.id == ids[2]
    press(qtbot, page, Qt.Key.Key_N, SHIFT)
    assert page.state.current.id == ids[0]
    press(qtbot, page, Qt.Key.Key_N, SHIFT)
    assert "have a verdict" in window.toasts.toasts[-1].text


# ---- forbid and see ----------------------------------------------------------------------------
def test_trying_writes_nothing_and_shows_at_once_what_changes(qtbot, window, page):
    before = len(window.session.studio.store.operations.history())
    off = [int(i) for i in np.flatnonzero(page.state.book.category == 1)]
    page.state.selection.set([i + 1 for i in off])
    press(qtbot, page, Qt.Key.Key_X)
    effects_known(qtbot, page)
    wanted = service(window).effects(kit.RUN, off)
    assert page.state.effects == wanted and wanted.flips
    assert page.effects.isVisible()
    assert f"without {len(off)}" in page.effects.text.text()
    assert f"({len(wanted.flips)})" in page.tabs.tabText(CHANGES)
    press(qtbot, page, Qt.Key.Key_2, CTRL)
    assert page.tabs.currentIndex() == CHANGES
    assert sorted(page.flips.grid.ids.tolist()) == sorted(f.item_id for f in wanted.flips)
    assert len(page.flips.changes.rows) == len(wanted.per_category)
    assert service(window).bans(kit.RUN) == []
    assert len(window.session.studio.store.operations.history()) == before
    assert window.actions_.run("proto.put_back")
    assert not page.state.tried and not page.effects.isVisible()
    assert len(page.flips.grid.ids) == 0


def test_a_ban_is_kept_with_its_reason_and_undone(qtbot, window, page):
    page.state.show_prototype(2)
    press(qtbot, page, Qt.Key.Key_W)
    qtbot.waitUntil(lambda: page.state.book.verdict[2] > 0, timeout=SOON)
    press(qtbot, page, Qt.Key.Key_X)
    press(qtbot, page, Qt.Key.Key_X, SHIFT)
    assert page.effects.reason.text() == "Wrong part"  # the verdict is the first guess
    page.effects.reason.setText("looks at the pin")
    qtbot.keyClick(page.effects.reason, Qt.Key.Key_Return)
    assert service(window).bans(kit.RUN) == [2]
    assert row(window, 2).reason == "looks at the pin"
    assert not page.state.tried
    qtbot.waitUntil(lambda: bool(page.state.book.off[2]), timeout=SOON)
    effects_known(qtbot, page)
    assert "1 prototype is switched off" in page.effects.text.text()
    assert QApplication.focusWidget() is page.grid  # the next key judges
    assert page.detail.try_button.text() == "Try with it"
    window.toasts.toasts[-1].button.click()
    assert service(window).bans(kit.RUN) == []
    qtbot.waitUntil(lambda: not page.effects.isVisible(), timeout=SOON)


def test_a_reason_is_asked_for(qtbot, window, page):
    page.state.show_prototype(2)
    press(qtbot, page, Qt.Key.Key_X)
    qtbot.mouseClick(page.effects.keep, Qt.MouseButton.LeftButton)
    assert service(window).bans(kit.RUN) == [] and page.state.tried == {2}
    assert "why" in window.toasts.toasts[-1].text
    assert QApplication.focusWidget() is page.effects.reason


def test_what_is_off_is_tried_with_and_switched_on_again(qtbot, window, page):
    service(window).forbid(kit.RUN, [2, 3], "pin")
    qtbot.waitUntil(lambda: page.state.book.bans == [2, 3], timeout=SOON)
    page.state.show_prototype(3)
    press(qtbot, page, Qt.Key.Key_X)
    effects_known(qtbot, page)
    assert page.state.effects == service(window).effects(kit.RUN, [2], against=[2, 3])
    assert page.effects.keep.text() == "Switch on again" and not page.effects.reason.isVisible()
    assert window.actions_.run("proto.forbid")
    assert service(window).bans(kit.RUN) == [2]


def test_changes_that_become_right_or_wrong_are_told_apart(qtbot, window, page):
    flips = Flips.of([Flip(1, 2, 1, 1), Flip(2, 1, 2, 1), Flip(20, 1, 2, 0), Flip(3, 2, 3, 1)])
    effects = Effects(0.5, 0.6, ((1, 1.0, 0.5, 2),), flips, 2, "validation", 1, 1)
    page.flips.show_effects(effects, "title")
    badges = page.flips._badges(page.flips.grid.ids)
    said = dict(zip(page.flips.grid.ids.tolist(), badges.captions, strict=True))
    assert said == {
        1: "becomes right", 2: "becomes wrong", 20: "no label", 3: "stays wrong",
    }  # fmt: skip
    assert page.flips.numbers.text() == (
        "Right on 2 checked photos: 50.0 % → 60.0 % (1 becomes right, 1 becomes wrong). "
        "2 other photos would get another name."
    )
    page.flips.browse_requested.emit(page.flips.grid.ids)
    browse = window.workspaces["go.browse"]
    qtbot.waitUntil(lambda: set(browse.views.ids.tolist()) == {1, 2, 3, 20}, timeout=SOON)
    assert window.workspace is browse


# ---- explaining --------------------------------------------------------------------------------
def test_e_in_browse_explains_and_the_sums_are_exact(qtbot, window, page):
    window.go("go.browse")
    browse = window.workspaces["go.browse"]
    window.selection.set_current(9)
    browse.grid.setFocus()
    qtbot.keyClick(browse.grid, Qt.Key.Key_E)
    assert window.workspace is page and page.tabs.currentIndex() == EXPLAIN
    view = page.evidence
    qtbot.waitUntil(lambda: view.explanation is not None, timeout=SOON)
    found = view.explanation
    assert found.item_id == 9 and view.picture.item_id == 9
    for column, category in zip(view.columns, (found.first, found.second), strict=True):
        *parts, whole = [b.value for b in column.branches.rows]
        assert sum(parts) == pytest.approx(whole) == pytest.approx(found.logits[category])
        shown = [r.contribution.product for r in column.rows[: column._shown]]
        rest = float(column.others.text().split(":")[1].replace("−", "-"))
        assert sum(shown) + rest == pytest.approx(whole, abs=0.01)
    assert view.chosen is view.columns[0].rows[0].contribution
    source = row(window, view.chosen.prototype).source
    assert view.source.item_id == source.item_id
    qtbot.waitUntil(lambda: view.picture.has_heat and view.source.has_heat, timeout=SOON)
    qtbot.mouseClick(view.prototype, Qt.MouseButton.LeftButton)
    assert page.tabs.currentIndex() == GALLERY
    assert page.state.current.id == view.chosen.prototype


def test_e_without_a_classifier_is_not_offered(qtbot, window, tmp_path):
    kit.make_studio(tmp_path).close()
    opened(qtbot, window, tmp_path / "p.fgvc")
    window.go("go.browse")
    window.selection.set_current(2)
    assert not window.actions_.run("view.explain")


def test_browse_says_why_in_three_lines(qtbot, window, page):
    window.go("go.browse")
    browse = window.workspaces["go.browse"]
    window.selection.set_current(7)
    part = browse.why.part
    qtbot.waitUntil(part.isVisible, timeout=SOON)
    found = service(window).explain(kit.RUN, 7)
    assert [r.contribution for r in part.rows] == sorted(
        found.contributions[found.first], key=lambda c: -abs(c.product)
    )[:3]
    window.selection.set_current(8)
    assert not part.isVisible()  # never the reasons of the photo before
    qtbot.waitUntil(part.isVisible, timeout=SOON)
    qtbot.mouseClick(part.more, Qt.MouseButton.LeftButton)
    assert window.workspace is page
    qtbot.waitUntil(lambda: page.evidence.explanation is not None, timeout=SOON)
    assert page.evidence.explanation.item_id == 8


# ---- two categories, the queue -----------------------------------------------------------------
def test_two_categories_against_each_other(qtbot, window, page):
    page.show_page(PAIR)
    page.pairs.set_pair(1, 3)
    found = service(window).confusion(kit.RUN, 1, 3)
    qtbot.waitUntil(
        lambda: (
            [r.prototype.id for r in page.pairs.rows[: page.pairs._shown] if r.prototype]
            == [j for j, _, _ in found.tell_apart[:8]]
        ),
        timeout=SOON,
    )
    assert [c.item_id for c in page.pairs.border.cells] == [i for i, _ in found.border[:24]]
    qtbot.mouseClick(page.pairs.rows[1], Qt.MouseButton.LeftButton)
    assert page.state.current.id == found.tell_apart[1][0]
    page.pairs.border.chosen.emit(page.pairs.border.cells[0])
    assert page.tabs.currentIndex() == EXPLAIN
    qtbot.waitUntil(
        lambda: (
            page.evidence.explanation is not None
            and page.evidence.explanation.item_id == found.border[0][0]
        ),
        timeout=SOON,
    )


def test_the_queue_opens_photos_in_browse(qtbot, window, page):
    page.show_page(QUEUE)
    wanted = window.session.studio.opinions.second_opinion(300)
    qtbot.waitUntil(lambda: page.opinions.ids.tolist() == [o.item_id for o in wanted], timeout=SOON)
    qtbot.mouseClick(page.opinions._queues.button(1), Qt.MouseButton.LeftButton)
    wanted = window.session.studio.opinions.uncertain(300)
    qtbot.waitUntil(lambda: page.opinions.ids.tolist() == [o.item_id for o in wanted], timeout=SOON)
    assert wanted and all(o.why for o in wanted)
    qtbot.keyClick(page.opinions.view, Qt.Key.Key_Return)
    assert window.workspace is window.workspaces["go.browse"]
    assert window.selection.current == wanted[0].item_id


# ---- models, plate, report ---------------------------------------------------------------------
def test_a_refitted_model_is_used_compared_and_left_again(qtbot, window, page):
    service(window).forbid(kit.RUN, [2], "pin")
    qtbot.waitUntil(lambda: page.state.book.bans == [2], timeout=SOON)
    assert window.actions_.run("proto.refit")
    qtbot.waitUntil(lambda: len(page.state.models) == 2 and not window.jobs.busy, timeout=120_000)
    new = page.state.run
    assert new != kit.RUN and page.state.model.parent == kit.RUN
    page.dialogs.compare()
    qtbot.waitUntil(lambda: page.dialogs.open is not None, timeout=SOON)
    dialog = page.dialogs.open
    assert dialog.pair == (kit.RUN, new)
    qtbot.waitUntil(lambda: "after changes" in dialog.flips.title.text(), timeout=SOON)
    dialog._use(dialog.old)
    qtbot.waitUntil(lambda: page.state.run == kit.RUN, timeout=SOON)


def test_another_patch_is_offered(qtbot, window, page):
    read(qtbot, page, 3)
    patches = service(window).alternatives(kit.RUN, 3)
    press(qtbot, page, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: page.dialogs.open is not None, timeout=SOON)
    dialog = page.dialogs.open
    assert len(dialog.strip.cells) == len(patches) > 0
    chosen = []
    page.acts.reselect = lambda number, choice: chosen.append((number, choice))
    dialog.strip.buttons[0].click()
    assert chosen == [(3, 0)]


def test_the_plate_is_shown_and_saved(qtbot, window, page, tmp_path):
    page.state.show_prototype(2)
    assert window.actions_.run("proto.plate")
    dialog = page.dialogs.open
    assert dialog.chosen == row(window, 2).category_id
    qtbot.waitUntil(dialog.save.isEnabled, timeout=120_000)
    qtbot.waitUntil(lambda: dialog.view.sharp, timeout=SOON)
    dialog._ask = lambda *_args: (str(tmp_path / "plate"), "PDF (*.pdf)")
    qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    target = tmp_path / "plate.pdf"
    qtbot.waitUntil(target.is_file, timeout=SOON)
    qtbot.waitUntil(lambda: "saved" in dialog.note.text(), timeout=SOON)
    assert target.read_bytes().startswith(b"%PDF")
    dialog.reject()


def test_the_audit_report_is_written(qtbot, window, page, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_a: str(tmp_path))
    assert window.actions_.run("proto.report")
    qtbot.waitUntil(lambda: bool(window.toasts.toasts), timeout=120_000)
    (folder,) = [f for f in tmp_path.iterdir() if f.name.startswith("audit")]
    kinds = {f.suffix for f in folder.rglob("*") if f.is_file()}
    assert {".html", ".csv", ".json"} <= kinds


# ---- manners -----------------------------------------------------------------------------------
def test_read_only_judges_nothing(qtbot, window, project):
    page = opened(qtbot, window, project, read_only=True)
    qtbot.waitUntil(lambda: page.state.book is not None, timeout=SOON)
    page.state.show_prototype(2)
    assert not any(b.isEnabled() for b in page.detail.verdicts.buttons.values())
    assert not window.actions_.run("proto.keep") and not window.actions_.run("proto.refit")
    press(qtbot, page, Qt.Key.Key_X)  # looking is allowed
    effects_known(qtbot, page)
    assert page.effects.isVisible() and not page.effects.keep.isVisible()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_fits_a_small_screen(qtbot, window, page, colours):
    theme.apply(QApplication.instance(), colours)
    read(qtbot, page, 3)
    page.acts.turn()
    for number in range(5):
        page.show_page(number)
        hint = window.minimumSizeHint()
        assert hint.width() <= 1280 and hint.height() <= 800, (number, hint)
        assert (window.width(), window.height()) == (1280, 800)
        dark = window.grab().toImage().pixelColor(window.width() // 2, 44).lightness() < 128
        assert dark == (colours == "dark")
    corner = page.tabs.mapTo(window, QPoint(0, 0))
    assert corner.x() >= 0 and corner.x() + page.tabs.width() <= window.width()


def test_keys_of_browse_do_not_act_here(qtbot, window, page):
    window.selection.set_current(20)
    before = len(window.session.studio.store.operations.history())
    for key in (Qt.Key.Key_A, Qt.Key.Key_F, Qt.Key.Key_1):
        press(qtbot, page, key)
    assert len(window.session.studio.store.operations.history()) == before


def test_decisions_elsewhere_are_followed(qtbot, window, page):
    heard = []
    window.session.bridge.decided.connect(heard.append)
    service(window).verdict(kit.RUN, [5], Verdict.KEEP)
    qtbot.waitUntil(lambda: page.state.book.verdict[5] == 1, timeout=SOON)
    assert isinstance(heard[0], OpChanges)
    window.session.studio.labelling.rename_category(1, "Arctia caja")
    qtbot.waitUntil(lambda: page.bar.category.findText("Arctia caja") >= 0, timeout=SOON)


def test_patches_are_numbered_once(page):
    box = Box(1, 2, 3, 4)
    first = page.patches.key(3, box)
    assert page.patches.key(3, box) == first != page.patches.key(3)
