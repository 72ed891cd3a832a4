"""Focus colouring on the map of a project with more categories than colours."""

import numpy as np
import pytest
from PIL import Image

from fgvc_studio.domain.embeddings import Map2D
from fgvc_studio.gui.main_window import MainWindow
from fgvc_studio.services.browsing import Filter
from fgvc_studio.services.confusable import confusable
from fgvc_studio.services.studio import Studio
from fgvc_studio.services.suggested import Advice, Suggestion

CATEGORIES, EACH = 36, 2
N = CATEGORIES * EACH


@pytest.fixture
def project(tmp_path):
    """Categories on a ring: neighbours by number are neighbours in the space."""
    root = tmp_path / "photos"
    root.mkdir()
    for i in range(N):
        Image.new("RGB", (8, 8), (i, 255 - i, 40)).save(root / f"{i:03}.png")
    path = tmp_path / "Ring.fgvc"
    angle = np.repeat(np.arange(CATEGORIES) * 2 * np.pi / CATEGORIES, EACH)
    xy = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    with Studio.create(path, name="Ring", who="me") as studio:
        for _ in studio.ingest.run(root):
            pass
        ids = np.arange(1, N + 1)
        writer = studio.store.arrays.create_space("ring", "lite0", 2, "k", "torch", {})
        writer.append(ids, xy)
        writer.close()
        studio.store.arrays.save_map(Map2D(space="ring", method="umap", item_ids=ids, xy=xy))
        for c in range(CATEGORIES):
            made = studio.labelling.add_category(f"Species {c:02}")
            studio.labelling.label(ids[c * EACH : c * EACH + EACH], made)
    return path


@pytest.fixture
def window(qtbot, project):
    w = MainWindow(crashed=lambda trace, doing: pytest.fail(trace))
    qtbot.addWidget(w)
    w.show()
    w.open_project(project)
    qtbot.waitUntil(lambda: w.session is not None, timeout=20_000)
    browse = w.workspaces["go.browse"]
    qtbot.waitUntil(lambda: browse.map.points is not None and browse.map.code_count > 30)
    yield w
    w.close()


def advice(*pairs):
    return Advice(tuple(Suggestion(c, p) for c, p in pairs), stranger=False, calibrated=True)


def test_categories_that_lie_side_by_side_are_confusable(project):
    with Studio.open(project) as studio:
        assert set(confusable(studio, [10], 2)) == {9, 11}
        assert set(confusable(studio, [1, 2], 2)) >= {CATEGORIES, 3}
        assert confusable(studio, range(1, CATEGORIES + 1)) == []


def test_focus_follows_the_suggestions_the_filter_and_the_hand(window, qtbot):
    browse = window.workspaces["go.browse"]
    window.selection.set_current(EACH * 9 + 1)  # an item of the tenth category
    browse.control.suggested.emit(EACH * 9 + 1, advice((10, 0.6), (11, 0.3)))
    assert browse.map.points.focus == {9, 10}
    browse.views.set_filter(Filter(categories=frozenset({20})))
    qtbot.waitUntil(lambda: {18, 19, 20} <= browse.map.points.focus)
    assert len(browse.map.points.focus) == 4  # the chosen one and three like it
    browse.control.label(21, np.array([1]))  # a decision repaints and keeps the focus
    qtbot.waitUntil(lambda: window.session.studio.catalogue.category[0] == 21)
    qtbot.wait(50)
    assert len(browse.map.points.focus) == 4
    browse.views.clear()
    qtbot.waitUntil(lambda: not browse.map.points.focus)
    browse.map.toggle_focus(5)  # by hand, in the legend
    browse.control.suggested.emit(EACH * 9 + 1, advice((10, 0.6)))
    assert browse.map.points.focus == {5}
    browse.map.clear_focus()
    browse.control.suggested.emit(EACH * 9 + 1, advice((10, 0.6)))
    assert browse.map.points.focus == {9}
