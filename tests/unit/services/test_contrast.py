"""Two spaces by eye, the live map, attention, what a run would take, and ending one early."""

import dataclasses

import numpy as np
import pytest
from training_kit import finish, project

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.runs import RunState
from fgvc_studio.methods import registry
from fgvc_studio.services import attending, contrast, live_map, planning
from fgvc_studio.services.contrast import Trial

QUICK = {"epochs": 2, "batch": 8, "outputs": 32, "hidden": 16, "bottleneck": 8}
SPLITS = ("train", "val")


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A project with a frozen and a trained space, made once; tests only look."""
    made = project(tmp_path_factory.mktemp("contrast"))
    finish(made.training.run("cmd", train="head", settings=QUICK))
    yield made
    made.close()


def base(studio):
    return planning.frozen_spaces(studio)[0]


def test_strips_tell_what_both_spaces_share(studio):
    old, new = contrast.strips(studio, 1, base(studio), "cmd-1", 5)
    assert old.space == base(studio) and new.space == "cmd-1"
    assert len(old.item_ids) == len(new.item_ids) == 5 and 1 not in old.item_ids
    assert set(old.item_ids[old.shared]) == set(new.item_ids[new.shared])
    assert old.shared.sum() == new.shared.sum()
    ranked = contrast.most_changed(studio, base(studio), "cmd-1", k=5)
    shared = [contrast.strips(studio, i, base(studio), "cmd-1", 5)[0].shared.sum() for i in ranked]
    assert shared == sorted(shared)


def test_a_blind_test_hides_whose_strip_is_which_and_is_kept(studio):
    trials = contrast.blind_trials(studio, base(studio), "cmd-1", count=8, k=3, seed=3)
    assert 0 < len(trials) <= 8
    for trial in trials:
        old, new = contrast.strips(studio, trial.item_id, base(studio), "cmd-1", 3)
        first, second = (new, old) if trial.trained_first else (old, new)
        assert np.array_equal(trial.first, first.item_ids)
        assert np.array_equal(trial.second, second.item_ids)
    score = contrast.blind_score(trials, [1 if t.trained_first else 2 for t in trials], "ana")
    assert (score.trained, score.frozen, score.equal) == (len(trials), 0, 0)
    contrast.keep_score(studio, "cmd-1", score)
    kept = studio.training.runs.card("cmd-1").blind_test
    assert kept["trained"] == len(trials) and kept["who"] == "ana"
    with pytest.raises(UserError, match="same neighbours"):
        contrast.blind_trials(studio, base(studio), base(studio))


def test_scores_are_counted_by_space_not_by_place():
    none = np.empty(0, np.int64)
    trials = [Trial(i, none, none, i % 2 == 0) for i in range(6)]
    score = contrast.blind_score(trials, [1, 1, 2, 0, 1, 2])
    assert (score.trained, score.frozen, score.equal) == (3, 2, 1)
    assert score.low < 0.6 < score.high and "Too close" in score.sentence
    clear = contrast.blind_score([dataclasses.replace(t, trained_first=True) for t in trials] * 3,
                                 [2] * 18)  # fmt: skip
    assert clear.frozen == 18 and "frozen space was preferred" in clear.sentence


def test_the_live_map_is_kept_and_turned_to_the_frame_before(studio, tmp_path):
    frames = live_map.load(studio.training.runs.folder("cmd-1"))
    assert frames and set(frames[-1].item_ids) <= set(studio.training.runs.items("cmd-1"))
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(60, 6)).astype(np.float32) * [3, 2, 0.1, 0.1, 0.1, 0.1]
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    made = live_map.LiveMap(tmp_path)
    ids = np.arange(1, 61)
    first = made.add(10, ids, cloud)
    second = made.add(20, ids, cloud @ turn)
    np.testing.assert_allclose(first.xy, second.xy, atol=1e-3)
    made.add(15, ids, cloud)  # a resumed run
    assert [f.step for f in live_map.load(tmp_path)] == [10, 15]
    assert live_map.load(tmp_path / "none") == []
    assert [e for e in range(1, 21) if live_map.due(e, 20)] == list(range(2, 21, 2))


def test_attention_lies_over_what_the_model_saw(studio):
    assert attending.possible(studio, "cmd-1") and not attending.possible(studio, base(studio))
    found = attending.of_item(studio, "cmd-1", 1)
    assert found.values.ndim == 2 and 0 <= found.values.min() <= found.values.max() <= 1
    assert found.box.x >= 0 and found.box.x + found.box.width <= 64 + 1e-6
    assert found.box.y + found.box.height <= 48 + 1e-6
    with pytest.raises(UserError, match="does not tell"):
        attending.of_item(studio, base(studio), 1)
    nothing = dataclasses.replace(found, values=np.full_like(found.values, 0.02))
    shown = dataclasses.replace(found, values=np.eye(*found.values.shape, dtype=np.float32))
    assert nothing.even and not shown.even


def test_a_region_finds_items_in_a_trained_space(studio):
    from fgvc_studio.domain.records import Box

    near, boxes = studio.exploring.similar_to_region(1, Box(16, 8, 24, 24), 5, space="cmd-1")
    assert len(near.item_ids[0]) == 5 and set(near.item_ids[0]) <= set(boxes)


def test_who_takes_part_and_what_it_takes(studio):
    cmd, ecaml = registry.get("cmd"), registry.get("ecaml")
    who = planning.participants(studio, cmd, SPLITS)
    assert (who.items, who.test) == (18, False)
    assert planning.participants(studio, cmd, ("all",)).test
    few = np.array([2, 3, 4, 10], np.int64)
    some = planning.participants(studio, ecaml, SPLITS, few)
    assert [n for _, n in some.taking] == [3] and [n for _, n in some.left_out] == [1]
    assert some.items == 3 and some.least == 2
    asked = {"preset": "quick", "train": "head", "splits": SPLITS, "space": base(studio)}
    disk = planning.disk(studio, "cmd", settings=QUICK, **asked)
    assert disk.views_per_item == 13 and disk.total == disk.to_write > 0 and disk.fits
    with studio.training.working():
        assert planning.disk(studio, "cmd", settings=QUICK, **asked) is None
    _, plan = finish(planning.measure(studio, "cmd", settings=QUICK, threads=1, **asked))
    assert plan.steps == 4 and plan.disk == dataclasses.replace(disk, free=plan.disk.free)
    assert min(plan.views_s, plan.training_s, plan.embedding_s) > 0
    assert not list((studio.store.path / "cache").glob("plan-*"))
    facts = planning.backbone_facts(studio, "")
    assert facts.licence == "Apache-2.0"


def test_a_run_told_that_it_is_enough_ends_and_says_so(tmp_path):
    made = project(tmp_path)
    job = made.training.run(
        "cmd", train="head", settings=QUICK | {"epochs": 500}, items=np.arange(2, 13)
    )
    for report in job:
        if report.detail.get("losses") and report.done == 3:
            made.training.enough("cmd-1")
            break
    _, result = finish(job)
    run = made.training.runs.get("cmd-1")
    assert run.state is RunState.FINISHED and (run.step, run.total) == (3, 500)
    assert run.items == 9  # of items 2 to 12 those outside the split test
    assert any("Ended early" in note for note in result.card.notes)
    made.training.runs.keep("cmd-1", use=False)
    assert made.training.runs.get("cmd-1").state is RunState.KEPT
    assert made.embedding.default_space() == planning.frozen_spaces(made)[0]
    made.close()
