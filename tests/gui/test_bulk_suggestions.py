"""The dialog that accepts suggestions in bulk."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import Qt

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "services"))
from studio_kit import new_images

from fgvc_studio.analysis.probes import unit
from fgvc_studio.domain.events import ItemsAdded, SpaceChanged
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.gui.dialogs.bulk_suggestions import BulkSuggestions
from fgvc_studio.gui.job_thread import JobQueue
from fgvc_studio.gui.task_pool import TaskPool
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.services.studio import Studio

EACH, KINDS, NAMED = 60, 3, 40


@pytest.fixture
def context(qapp, tmp_path):
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(1, KINDS + 1), EACH)
    said = []
    with Studio.create(tmp_path / "p.fgvc", who="ana") as studio:
        root = studio.store.images.add_root(tmp_path)
        studio.store.images.add(root, new_images([f"{i}.jpg" for i in range(len(truth))]))
        studio.bus.publish(ItemsAdded(1, len(truth)))
        for kind in range(1, KINDS + 1):
            category = studio.labelling.add_category(f"Kind {kind}")
            items = np.flatnonzero(truth == kind)[:NAMED] + 1
            studio.labelling.label(items, category, source=LabelSource.IMPORT)
        vectors = unit(np.eye(KINDS, 8)[truth - 1] + 0.05 * rng.normal(size=(len(truth), 8)))
        writer = studio.store.arrays.create_space("s", "made", 8, "s", "test", {})
        writer.append(np.arange(1, len(truth) + 1), vectors.astype(np.float32))
        writer.close()
        studio.bus.publish(SpaceChanged("s"))
        made = SimpleNamespace(
            studio=studio,
            jobs=JobQueue(),
            tasks=TaskPool(),
            toasts=SimpleNamespace(show_message=lambda *told: said.append(told)),
            show_fault=lambda fault: pytest.fail(str(fault)),
            thumbnails=Thumbnails(lambda ids: {}),
            said=said,
        )
        yield made
        made.jobs.shut_down()
        made.tasks.shut_down()
        made.thumbnails.stop()


@pytest.fixture
def dialog(context, qtbot):
    made = BulkSuggestions(context, context.thumbnails)
    qtbot.addWidget(made)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    made.show()
    qtbot.waitUntil(lambda: made.bulk is not None, timeout=30_000)
    yield made
    made.reject()


def test_it_says_how_many_and_asks_to_look_first(dialog, context, qtbot):
    count = len(dialog.bulk.item_ids)
    assert count >= 50 and f"{count:,} of 60" in dialog.summary.text()
    assert len(dialog.sample.ids) == 30
    assert "0 wrong of 30: error at most 9.5 % at 95 %" in dialog.bound.text()
    assert dialog.table.model.rowCount() == KINDS
    assert not dialog.accept_button.isEnabled()
    qtbot.keyClicks(dialog.sample, "x")
    assert len(dialog.sample.wrong) == 1 and "1 wrong of 30" in dialog.bound.text()
    dialog.looked.setChecked(True)
    assert dialog.accept_button.isEnabled() and f"{count - 1:,}" in dialog.accept_button.text()


def test_it_names_all_but_the_crossed_out_as_one_operation(dialog, context, qtbot):
    qtbot.mouseClick(dialog.sample, Qt.MouseButton.LeftButton, pos=dialog.sample._tile(2).center())
    wrong, count = dialog.sample.wrong[0], len(dialog.bulk.item_ids)
    before = len(context.studio.labelling.history())
    dialog.looked.setChecked(True)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: bool(context.said), timeout=10_000)
    columns = context.studio.catalogue.columns
    assert (columns.source == LabelSource.MODEL).sum() == count - 1
    assert columns.category[wrong - 1] == 0
    assert len(context.studio.labelling.history()) == before + 1
    context.said[0][2]()
    assert not (columns.source == LabelSource.MODEL).any()


def test_another_bound_looks_anew(dialog, qtbot):
    first = dialog.bulk
    dialog.looked.setChecked(True)
    dialog.error.setValue(1)
    assert not dialog.looked.isChecked()
    qtbot.waitUntil(lambda: dialog.bulk not in (None, first), timeout=30_000)
    assert dialog.bulk.error == pytest.approx(0.01)
    assert not len(dialog.bulk.item_ids) and not dialog.accept_button.isEnabled()
    assert "40 of 99" in dialog.table.model.row(0).cells[3]


def test_too_few_names_are_said_in_words(context, qtbot):
    context.studio.labelling.unlabel(np.arange(5, EACH * KINDS + 1))
    made = BulkSuggestions(context, context.thumbnails)
    qtbot.addWidget(made)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.waitUntil(lambda: "Too few" in made.summary.text(), timeout=30_000)
    assert not made.accept_button.isEnabled()
    made.reject()


def test_pictures_that_come_late_find_nobody(context, qtbot):
    made = BulkSuggestions(context, context.thumbnails)
    made.show()
    with qtbot.waitSignal(made.destroyed, timeout=5000):
        made.reject()
    context.thumbnails.ready.emit([1, 2])
