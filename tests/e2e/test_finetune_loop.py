"""Name, fine-tune in the background while naming goes on, keep, re-rank, name more."""

from __future__ import annotations

import numpy as np
import pytest
from material import PHOTOS, SPECIES
from PySide6.QtCore import Qt
from window_driver import LONG, SOON, focused, make_window, open_in

from fgvc_studio.domain.records import LabelSource
from fgvc_studio.domain.runs import RunState
from fgvc_studio.gui.dialogs.bulk_suggestions import BulkSuggestions
from fgvc_studio.gui.workspaces.train_control import Request

NAMED = 9
QUICK = {"steps": 10, "views": 1, "compare": False}


@pytest.fixture
def window(qtbot):
    w = make_window(qtbot)
    yield w
    w.jobs.shut_down()
    w.close()


def items_of(species: int) -> np.ndarray:
    return np.arange(species, PHOTOS, len(SPECIES)) + 1


def name(qtbot, window, browse, items, text) -> None:
    """Select, I, the name, Enter."""
    window.selection.set(items)
    browse.grid.setFocus()
    qtbot.keyClick(focused(qtbot, window), Qt.Key.Key_I)
    qtbot.waitUntil(browse.identify_box.isVisible)
    qtbot.keyClicks(browse.identify_box.line, text)
    qtbot.keyClick(browse.identify_box.line, Qt.Key.Key_Return)


def accept(qtbot, window, browse, item) -> None:
    """Go to an item, wait for its suggestion, A."""
    window.selection.set(np.array([item]))
    window.selection.set_current(item)
    pane = browse.inspector.pane
    qtbot.waitUntil(lambda: pane.item_id == item and bool(pane.suggestions.rows), timeout=LONG)
    browse.grid.setFocus()
    qtbot.keyClick(focused(qtbot, window), Qt.Key.Key_A)


def test_the_whole_circle(window, qtbot, project):
    browse = open_in(qtbot, window, project)
    studio = window.session.studio
    frozen = studio.embedding.default_space()
    for species, text in enumerate(SPECIES):
        name(qtbot, window, browse, items_of(species)[:NAMED], text)
    assert studio.catalogue.labelled == NAMED * len(SPECIES)

    # Fine-tuning in the background, and naming goes on.
    window.go("go.train")
    train = window.workspaces["go.train"]
    train.start(Request("ecaml", "quick", "head", ("train", "val"), "", settings=QUICK))
    qtbot.waitUntil(lambda: window.jobs.busy, timeout=SOON)
    window.go("go.browse")
    item = int(items_of(1)[NAMED])
    accept(qtbot, window, browse, item)
    assert studio.catalogue.name(int(studio.catalogue.category[item - 1])) == SPECIES[1]
    qtbot.waitUntil(
        lambda: (
            not window.jobs.busy
            and [r.state for r in studio.training.runs.all()] == [RunState.FINISHED]
        ),
        timeout=LONG,
    )
    assert studio.embedding.default_space() == frozen

    # The report, and the decision: one operation that can be taken back.
    window.go("go.train")
    train.page.drift.show_run(studio.training.runs.get("ecaml-1"))
    view = train.page.drift.view
    qtbot.waitUntil(lambda: view.report is not None, timeout=LONG)
    assert len(view.report.item_ids) == PHOTOS
    view.accept.click()
    assert studio.embedding.default_space() == "ecaml-1"
    assert studio.training.runs.get("ecaml-1").state is RunState.KEPT
    studio.labelling.undo()
    assert studio.embedding.default_space() == frozen
    studio.labelling.redo()
    assert studio.embedding.default_space() == "ecaml-1"

    # The suggestions now come from the new space; name more, singly and in bulk.
    window.go("go.browse")
    qtbot.waitUntil(lambda: browse.maps.space == "ecaml-1", timeout=SOON)
    accept(qtbot, window, browse, int(items_of(2)[NAMED + 1]))
    before = studio.catalogue.labelled
    window.actions_["label.suggestions"].trigger()
    dialog = window.findChild(BulkSuggestions)
    dialog.error.setValue(20)
    qtbot.waitUntil(
        lambda: dialog.bulk is not None and dialog.bulk.error == pytest.approx(0.2), timeout=LONG
    )
    count = len(dialog.bulk.item_ids)
    assert count > 0
    dialog.looked.setChecked(True)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: studio.catalogue.labelled == before + count, timeout=SOON)
    columns = studio.catalogue.columns
    by_model = np.flatnonzero(columns.source == LabelSource.MODEL)
    assert len(by_model) == count
    right = [studio.catalogue.name(int(columns.category[r])) == SPECIES[r % 3] for r in by_model]
    assert np.mean(right) >= 0.8
    studio.labelling.undo()
    assert studio.catalogue.labelled == before
