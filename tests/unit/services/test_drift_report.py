"""Two spaces compared through a project, and the choice between them."""

import numpy as np
import pytest
from studio_kit import new_images

from fgvc_studio.analysis.probes import unit
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import ItemsAdded, SpaceChanged
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.services import drift
from fgvc_studio.services.studio import Studio

EACH, KINDS = 12, 6


def finish(job):
    reports = []
    while True:
        try:
            reports.append(next(job))
        except StopIteration as end:
            return reports, end.value


def write_space(studio, name, vectors):
    writer = studio.store.arrays.create_space(name, "made", vectors.shape[1], name, "test", {})
    writer.append(np.arange(1, len(vectors) + 1), vectors.astype(np.float32))
    writer.close()
    studio.bus.publish(SpaceChanged(name))


@pytest.fixture
def studio(tmp_path):
    """Six categories: `new` mends the first two, which `old` mixes, and mixes the last two."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(KINDS), EACH)
    centres = np.eye(KINDS)
    with Studio.create(tmp_path / "p.fgvc", who="ana") as made:
        root = made.store.images.add_root(tmp_path)
        made.store.images.add(root, new_images([f"{i}.jpg" for i in range(len(labels))]))
        made.bus.publish(ItemsAdded(1, len(labels)))
        for kind in range(KINDS):
            category = made.labelling.add_category(f"K{kind}")
            items = np.flatnonzero(labels == kind) + 1
            made.labelling.label(items, category, source=LabelSource.IMPORT)
        for name, mixed in (("old", (0, 1)), ("new", (4, 5))):
            place = centres[labels].copy()
            place[np.isin(labels, mixed)] = centres[mixed[0]]
            write_space(made, name, unit(place + 0.05 * rng.normal(size=place.shape)))
        yield made


def test_a_report_says_what_was_bought_and_what_broke(studio):
    reports, found = finish(drift.report(studio, "old", "new"))
    assert reports[-1].done == reports[-1].total
    n = EACH * KINDS
    assert len(found.item_ids) == len(found.compared) == n and found.method == "pca"
    assert found.old_xy.shape == found.new_xy.shape == (n, 2)
    gained = {c.category_id for c in found.better if c.certain}
    lost = {c.category_id for c in found.worse if c.certain}
    assert gained == {1, 2} and lost == {5, 6}
    assert (found.pulled_apart[0].first, found.pulled_apart[0].second) == (1, 2)
    assert (found.collapsed[0].first, found.collapsed[0].second) == (5, 6)
    first = found.trouble[0]
    assert (first.first, first.second) == (5, 6) and first.probability > 0.05
    assert found.trouble[1].probability < 0.05
    assert {d.category_id for d in found.disagreements} <= {5, 6}
    assert all(d.voted != d.category_id for d in found.disagreements)
    changed = set(found.changed_most(40).tolist())
    mended = set(range(1, 2 * EACH + 1)) | set(range(4 * EACH + 1, n + 1))
    assert len(changed & mended) > 30
    assert found.moved_most(3).shape == (3,)
    assert "2 of 6 categories hold together better" in found.sentence


def test_large_projects_are_sampled_and_say_so(studio, monkeypatch):
    monkeypatch.setattr(drift, "MOST_COMPARED", 20)
    monkeypatch.setattr(drift, "MOST_LABELLED", 60)
    monkeypatch.setattr(drift, "MOST_QUERIES", 30)
    _, found = finish(drift.report(studio, "old", "new"))
    assert len(found.compared) == 20 and len(found.item_ids) == EACH * KINDS
    assert len(found.notes) == 3
    assert sum(c.items for c in found.categories) <= 30


def test_without_labels_places_are_compared_all_the_same(studio):
    studio.labelling.unlabel(np.arange(1, EACH * KINDS + 1))
    _, found = finish(drift.report(studio, "old", "new"))
    assert not found.categories and not found.trouble
    assert "Too few labels" in found.sentence


def test_items_in_one_space_only_are_left_out(studio):
    vectors = np.array(studio.exploring.space("new").vectors[:40])
    write_space(studio, "part", vectors)
    _, found = finish(drift.report(studio, "old", "part"))
    assert found.item_ids.tolist() == list(range(1, 41))


def test_a_kept_map_is_used_when_both_have_one(studio):
    for name in ("old", "new"):
        finish(studio.exploring.map(name, "pca"))
    _, found = finish(drift.report(studio, "old", "new"))
    np.testing.assert_array_equal(found.old_xy, studio.exploring.load_map("old", "pca").xy)


def test_strips_mark_what_changed(studio):
    found = drift.strips(studio, 1, "old", "new", k=8)
    assert len(found.old) == len(found.new) == 8
    assert set(found.new.tolist()) <= set(range(1, EACH + 1))
    assert found.lost.tolist() == [i not in found.new for i in found.old.tolist()]
    assert found.gained.sum() == found.lost.sum()


@pytest.mark.parametrize(("old", "new"), [("old", "old"), ("old", "none")])
def test_what_cannot_be_compared(studio, old, new):
    with pytest.raises(UserError):
        finish(drift.report(studio, old, new))


# ---- the choice ----------------------------------------------------------------------------
def test_the_choice_of_a_space_is_an_operation(studio):
    seen = []
    studio.bus.subscribe(lambda e: seen.append(e.name) if isinstance(e, SpaceChanged) else None)
    choosing, default = studio.choosing, studio.embedding.default_space
    choosing.accept("old", "run-1")
    assert default() == "old" and choosing.kept("run-1") and seen == ["old"]
    choosing.accept("new", "run-2")
    assert default() == "new"
    studio.labelling.undo()
    assert default() == "old" and not choosing.kept("run-2") and choosing.kept("run-1")
    studio.labelling.redo()
    assert default() == "new" and seen == ["old", "new", "old", "new"]
    choosing.roll_back("new", "old", "run-2")
    assert default() == "old" and not choosing.kept("run-2")
    choosing.keep_both("new", "run-2")
    assert default() == "old" and choosing.kept("run-2")
    summaries = [op.summary for op in studio.labelling.history(limit=3)]
    assert "Keep the space new beside old" in summaries
    with pytest.raises(UserError):
        choosing.accept("none")
    assert choosing.accept("old") is None  # nothing changes


def test_replay_rebuilds_the_choice(studio, tmp_path):
    studio.choosing.accept("new", "run-1")
    studio.choosing.accept("old")
    studio.labelling.undo()
    assert studio.store.replay(tmp_path / "again.fgvc").equal
