"""The auditor's loop in the real window: train, judge, forbid, see what flips, keep, undo."""

from __future__ import annotations

import numpy as np
import pytest
from material import PHOTOS, SPECIES
from PySide6.QtCore import Qt
from window_driver import LONG, SOON, focused, make_window, open_in

from fgvc_studio.domain.prototypes import Verdict
from fgvc_studio.services.studio import Studio

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
NAMED = 12
SETTINGS = {
    "epochs": 6, "warm_epochs": 2, "batch": 12, "prototypes": 2, "dim": 16, "random_views": 1,
    "last_layer_epochs": 2,
}  # fmt: skip


@pytest.fixture
def window(qtbot):
    w = make_window(qtbot, (1440, 900))
    yield w
    w.jobs.shut_down()
    w.close()


def key(qtbot, window, key_, modifier=NONE) -> None:
    qtbot.keyClick(focused(qtbot, window), key_, modifier)


def named(project) -> None:
    """Twelve photos of each species get their names."""
    with Studio.open(project, who="Ada") as studio:
        for number, name in enumerate(SPECIES):
            category = studio.labelling.add_category(name)
            items = np.arange(number, PHOTOS, len(SPECIES))[:NAMED] + 1
            studio.labelling.label(items, category)


def trained(qtbot, window, monkeypatch):
    """Press the button of the empty page and wait until the photos are compared."""
    page = window.workspaces["go.prototypes"]
    training = window.session.studio.training
    whole = training.run
    monkeypatch.setattr(
        training, "run", lambda m: whole(m, train="head", threads=1, settings=SETTINGS)
    )
    assert "3 of 3" in page.empty.needs.text()
    qtbot.mouseClick(page.empty.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: (
            page.state.model is not None
            and page.state.model.prepared
            and not window.jobs.busy
            and not np.isnan(page.state.book.suspicion).any()
        ),
        timeout=LONG,
    )
    return page


def test_judge_forbid_see_what_flips_keep_undo_and_find_it_again(
    qtbot, window, project, monkeypatch
):
    named(project)
    open_in(qtbot, window, project)
    key(qtbot, window, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    page = trained(qtbot, window, monkeypatch)
    service, run = window.session.studio.prototypes, page.state.run
    assert len(page.grid.ids) == 12

    # judge the most suspicious one, with a note
    page.grid.setFocus()
    key(qtbot, window, Qt.Key.Key_Home)
    first = page.state.current.id
    key(qtbot, window, Qt.Key.Key_B)
    key(qtbot, window, Qt.Key.Key_C)
    qtbot.keyClicks(page.detail.verdicts.note, "paper, not pattern")
    key(qtbot, window, Qt.Key.Key_Return)
    judged = service.get(run, first)
    assert (judged.verdict, judged.note) == (Verdict.BACKGROUND, "paper, not pattern")

    # switch off all of the last category by way of the filter, and see what flips
    page.bar.category.setCurrentIndex(page.bar.category.findText(SPECIES[-1]))
    page.bar.category.activated.emit(page.bar.category.currentIndex())
    off = page.state.ids.tolist()
    assert len(off) == 4
    page.grid.setFocus()
    key(qtbot, window, Qt.Key.Key_A, CTRL)
    key(qtbot, window, Qt.Key.Key_X)
    qtbot.waitUntil(lambda: page.state.effects is not None, timeout=SOON)
    effects = page.state.effects
    assert effects == service.effects(run, off)
    assert effects.flips and effects.accuracy_after <= effects.accuracy_before
    assert service.bans(run) == []
    key(qtbot, window, Qt.Key.Key_2, CTRL)
    assert sorted(page.flips.grid.ids.tolist()) == sorted(f.item_id for f in effects.flips)
    assert page.flips.isVisible() and not page.flips.grab().isNull()

    # why does the first of them flip: the sums are exact, and change with the ban
    item = int(page.flips.grid.ids[0])
    page.flips.selection.set_current(item)
    page.flips.grid.setFocus()
    key(qtbot, window, Qt.Key.Key_E)
    qtbot.waitUntil(
        lambda: page.evidence.explanation is not None and page.evidence.explanation.item_id == item,
        timeout=SOON,
    )
    before = page.evidence.explanation
    assert sum(c.product for c in before.contributions[before.first]) == pytest.approx(
        before.logits[before.first], abs=1e-4
    )

    # keep the ban with a reason; undo; redo
    key(qtbot, window, Qt.Key.Key_1, CTRL)
    key(qtbot, window, Qt.Key.Key_X, SHIFT)
    page.effects.reason.selectAll()
    qtbot.keyClicks(page.effects.reason, "colour of the paper")
    key(qtbot, window, Qt.Key.Key_Return)
    assert service.bans(run) == sorted(off)
    assert "colour of the paper" in window.toasts.toasts[-1].text
    qtbot.waitUntil(lambda: page.state.book.bans == sorted(off), timeout=SOON)
    qtbot.waitUntil(lambda: page.state.effects is not None, timeout=SOON)
    assert page.state.effects == effects  # what was tried is what came
    after = service.explain(run, item)
    assert after.first != before.first
    page.grid.setFocus()
    key(qtbot, window, Qt.Key.Key_Z, CTRL)
    assert service.bans(run) == []
    qtbot.waitUntil(lambda: page.state.book.bans == [], timeout=SOON)
    assert not page.effects.isVisible()
    key(qtbot, window, Qt.Key.Key_Z, CTRL | SHIFT)
    assert service.bans(run) == sorted(off)

    # the decisions are in the history and in the project after reopening
    key(qtbot, window, Qt.Key.Key_5, Qt.KeyboardModifier.AltModifier)
    history = window.workspaces["go.history"]
    qtbot.waitUntil(
        lambda: any("colour of the paper" in o.summary for o in history._operations), timeout=SOON
    )
    window.actions_.run("project.close")
    with Studio.open(project, read_only=True) as studio:
        table = studio.prototypes.table(run)
        assert [p.id for p in table if p.forbidden] == sorted(off)
        assert {p.reason for p in table if p.forbidden} == {"colour of the paper"}
        assert table[first].note == "paper, not pattern"
