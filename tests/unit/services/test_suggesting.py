"""Suggestions of a space: single, in bulk, abstaining, never rare categories."""

import numpy as np
import pytest
from studio_kit import new_images

from fgvc_studio.analysis.probes import unit
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import ItemsAdded, SpaceChanged
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.domain.runs import RunState, TrainingRun
from fgvc_studio.services import suggesting
from fgvc_studio.services.studio import Studio

EACH, KINDS, NAMED = 60, 4, 30
RARE = 5


def finish(job):
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


@pytest.fixture
def studio(tmp_path):
    """Four common categories half named, a rare one with five names, one that nobody named."""
    rng = np.random.default_rng(0)
    sizes = [EACH] * KINDS + [EACH, EACH]
    truth = np.repeat(np.arange(1, KINDS + 3), sizes)
    place = np.eye(KINDS + 2, 12)[truth - 1]
    vectors = unit(place + 0.08 * rng.normal(size=place.shape))
    with Studio.create(tmp_path / "p.fgvc", who="ana") as made:
        root = made.store.images.add_root(tmp_path)
        made.store.images.add(root, new_images([f"{i}.jpg" for i in range(len(truth))]))
        made.bus.publish(ItemsAdded(1, len(truth)))
        for kind in range(1, KINDS + 2):
            category = made.labelling.add_category(f"K{kind}")
            items = np.flatnonzero(truth == kind)[: NAMED if kind <= KINDS else RARE] + 1
            made.labelling.label(items, category, source=LabelSource.IMPORT)
        writer = made.store.arrays.create_space("s", "made", 12, "s", "test", {"run": "ecaml-1"})
        writer.append(np.arange(1, len(truth) + 1), vectors.astype(np.float32))
        writer.close()
        made.bus.publish(SpaceChanged("s"))
        made.truth = truth
        yield made


def test_bulk_names_the_common_and_leaves_the_rare_and_the_unknown(studio):
    bulk = finish(studio.suggesting.bulk(0.05))
    truth = studio.truth[bulk.item_ids - 1]
    assert len(bulk.item_ids) > 80
    assert np.mean(truth != bulk.categories) <= 0.05
    assert not (bulk.categories == KINDS + 1).any()
    assert bulk.asked == (EACH - NAMED) * KINDS + (EACH - RARE) + EACH
    assert bulk.strangers >= 0.2 * EACH
    rare = next(s for s in bulk.shares if s.category_id == KINDS + 1)
    assert rare.chosen == 0 and rare.known <= RARE and rare.needed == 19
    assert bulk.shares[0].chosen > 0 and bulk.confidence.min() > 0.5
    assert (np.diff(bulk.item_ids) > 0).all()


def test_commit_is_one_operation_of_the_model(studio):
    bulk = finish(studio.suggesting.bulk(0.05))
    sample = bulk.sample(10, seed=1)
    assert len(set(sample.tolist())) == 10 and set(sample) <= set(bulk.item_ids)
    wrong = sample[:2]
    before = len(studio.labelling.history())
    changes = studio.suggesting.commit(bulk, wrong)
    assert len(studio.labelling.history()) == before + 1
    assert "suggestions of s (error at most 5 %)" in changes.operation.summary
    assert changes.operation.run_id == "ecaml-1"
    named = studio.catalogue.columns.source == LabelSource.MODEL
    assert named.sum() == len(bulk.item_ids) - 2
    assert not named[wrong - 1].any()
    row = bulk.item_ids[~np.isin(bulk.item_ids, wrong)][0]
    at = int(np.flatnonzero(bulk.item_ids == row)[0])
    assert studio.catalogue.columns.confidence[row - 1] == pytest.approx(bulk.confidence[at])
    studio.labelling.undo()
    assert not (studio.catalogue.columns.source == LabelSource.MODEL).any()


def test_what_was_named_meanwhile_is_left_alone(studio):
    bulk = finish(studio.suggesting.bulk(0.05))
    first = int(bulk.item_ids[0])
    studio.labelling.label([first], 2)
    studio.suggesting.commit(bulk)
    assert studio.catalogue.columns.source[first - 1] == LabelSource.HUMAN
    with pytest.raises(UserError):
        studio.suggesting.commit(bulk)


def test_struck_out_items_are_not_named_so(studio):
    bulk = finish(studio.suggesting.bulk(0.05))
    item, category = int(bulk.item_ids[0]), int(bulk.categories[0])
    studio.labelling.reject([item], category)
    again = finish(studio.suggesting.bulk(0.05))
    assert item not in again.item_ids


def test_unchecked_model_labels_do_not_vouch_for_themselves(studio):
    studio.suggesting.commit(finish(studio.suggesting.bulk(0.05)))
    again = finish(studio.suggesting.bulk(0.05))
    assert max(s.known for s in again.shares) <= NAMED + 5


def test_one_item_gets_confidence_or_is_a_stranger(studio):
    known = int(np.flatnonzero(studio.truth == 1)[-1]) + 1
    advice = studio.suggesting.of_item(known)
    assert advice.calibrated and not advice.stranger
    assert advice.suggestions[0].category_id == 1 and advice.suggestions[0].confidence > 0.8
    assert sum(s.confidence for s in advice.suggestions) <= 1.01
    strange = np.flatnonzero(studio.truth == KINDS + 2) + 1
    told = [studio.suggesting.of_item(int(i)).stranger for i in strange[:20]]
    assert np.mean(told) > 0.2
    studio.labelling.reject([known], 1)
    assert all(s.category_id != 1 for s in studio.suggesting.of_item(known).suggestions)


def test_one_item_waits_for_a_sample_of_the_names_only(studio, monkeypatch):
    monkeypatch.setattr(suggesting, "AT_ONCE", 40)
    assert studio.suggesting.of_item(1).calibrated
    assert len(studio.suggesting._kept.checked) == 40
    finish(studio.suggesting.bulk(0.05))
    assert len(studio.suggesting._kept.checked) == NAMED * KINDS + RARE


def test_few_names_give_plain_shares_and_no_bulk(studio):
    studio.labelling.unlabel(np.arange(3, len(studio.truth) + 1))
    advice = studio.suggesting.of_item(40)
    assert not advice.calibrated and advice.suggestions[0].confidence == pytest.approx(1)
    with pytest.raises(UserError, match="Too few"):
        finish(studio.suggesting.bulk(0.05))


@pytest.mark.parametrize("error", [0, 0.9])
def test_bounds_that_make_no_sense(studio, error):
    with pytest.raises(UserError):
        finish(studio.suggesting.bulk(error))


def test_a_taught_space_needs_the_frozen_one_as_a_witness(studio):
    """The taught space has put the strangers right onto the first category."""
    frozen = np.array(studio.exploring.space("s").vectors)
    taught = frozen.copy()
    taught[studio.truth == KINDS + 2] = frozen[studio.truth == 1]
    meta = {"run": "ecaml-1", "method": "ecaml"}
    writer = studio.store.arrays.create_space("ecaml-1", "made", 12, "t", "test", meta)
    writer.append(np.arange(1, len(taught) + 1), taught)
    writer.close()
    studio.bus.publish(SpaceChanged("ecaml-1"))
    foreign = np.flatnonzero(studio.truth == KINDS + 2) + 1
    alone = finish(studio.suggesting.bulk(0.05, space="ecaml-1"))
    assert np.isin(foreign, alone.item_ids).all()  # no run is known, so no witness
    made = ("ecaml-1", "ecaml", RunState.FINISHED, "quick", "head", 0, "made", "ecaml-1", "s", 0.0)
    studio.training.runs.save(TrainingRun(*made))
    bulk = finish(studio.suggesting.bulk(0.05, space="ecaml-1"))
    assert not np.isin(foreign, bulk.item_ids).any() and len(bulk.item_ids) > 80
