"""Suggestions of a model and the queues of items to look at."""

import numpy as np
import pytest
from prototypes_kit import RUN, finish, make_studio

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import LabelSource, Mark
from fgvc_studio.services.opinions import Voice, disagreement
from fgvc_studio.services.studio import Studio


def test_suggestions_are_the_predictions_with_calibrated_confidence(proto_studio):
    prototypes = proto_studio.prototypes
    _, found = finish(prototypes.suggest(RUN))
    open_items = np.flatnonzero(proto_studio.catalogue.category == 0) + 1
    assert [s.item_id for s in found] == open_items.tolist()
    for s in found:
        told = prototypes.explain(RUN, s.item_id)
        assert s.category_id == told.first and s.unknown == told.unknown
        assert s.confidence == pytest.approx(told.probability, abs=1e-4)


def test_accepted_suggestions_are_labels_of_the_model_in_one_operation(proto_studio):
    prototypes = proto_studio.prototypes
    _, found = finish(prototypes.suggest(RUN, np.arange(1, 28)))
    before = proto_studio.catalogue.category.copy()
    changes = prototypes.accept(RUN, found, 0.34)
    good = [
        s for s in found if not s.unknown and s.confidence >= 0.34 and not before[s.item_id - 1]
    ]
    assert sorted(changes.items.tolist()) == sorted(s.item_id for s in good)
    assert changes.operation.run_id == RUN
    columns = proto_studio.catalogue.columns
    for s in good:
        assert columns.category[s.item_id - 1] == s.category_id
        assert columns.source[s.item_id - 1] == LabelSource.MODEL
        assert columns.confidence[s.item_id - 1] == pytest.approx(s.confidence, abs=1e-6)
        assert proto_studio.store.labels.get(s.item_id).run_id == RUN
    proto_studio.labelling.undo()
    assert np.array_equal(proto_studio.catalogue.category, before)
    assert prototypes.accept(RUN, found, 1.01) is None


def test_a_struck_out_category_is_not_suggested_again(proto_studio):
    prototypes = proto_studio.prototypes
    _, (first, *_) = finish(prototypes.suggest(RUN))
    proto_studio.labelling.reject([first.item_id], first.category_id)
    _, (again, *_) = finish(prototypes.suggest(RUN, [first.item_id]))
    assert again.category_id != first.category_id and again.confidence <= first.confidence
    with pytest.raises(UserError, match="not there"):
        finish(prototypes.suggest(RUN, [999]))


def voice(category, share):
    n = len(category)
    return Voice("{name} {share}", np.array(category), np.array(share, float), np.zeros(n))


def test_disagreement_is_the_chance_that_two_voices_differ():
    one = voice([1, 1, 1, 1], [1.0, 1.0, 1.0, 0.5])
    two = voice([1, 2, 0, 2], [0.9, 0.8, 0.0, 0.8])
    three = voice([1, 2, 0, 3], [1.0, 1.0, 0.0, 0.5])
    found = disagreement([one, two, three])
    assert found[0] == 0 and found[2] == 0
    assert found[1] == pytest.approx((0.8 + 1.0) / 3)
    assert found[3] == pytest.approx((0.4 + 0.25 + 0.4) / 3)


def test_a_wrong_label_rises_in_the_second_opinion_queue(proto_studio):
    opinions = proto_studio.opinions
    assert proto_studio.catalogue.category[1] == 1
    before = {o.item_id: o.score for o in opinions.second_opinion(50)}
    proto_studio.labelling.label([2], 3)
    found = opinions.second_opinion(50)
    assert 2 in [o.item_id for o in found]
    assert before.get(2, 0) < next(o.score for o in found if o.item_id == 2)
    scores = [o.score for o in found]
    assert scores == sorted(scores, reverse=True) and all(0 < s <= 1 for s in scores)
    mine = next(o for o in found if o.item_id == 2)
    assert mine.why[0] == "Labelled kind 2."
    assert any(w.startswith("The prototypes") for w in mine.why)
    assert any(w.startswith("Its look-alikes say") for w in mine.why)
    assert len(opinions.second_opinion(1)) == 1


def test_uncertain_items_have_no_name_by_a_person(proto_studio):
    found = proto_studio.opinions.uncertain(100)
    assert found and not any(proto_studio.catalogue.columns.reviewed[o.item_id - 1] for o in found)
    told = [proto_studio.prototypes.explain(RUN, o.item_id) for o in found]
    scores = [o.score for o in found]
    assert scores == sorted(scores, reverse=True)
    for o, t in zip(found, told, strict=True):
        if t.unknown:
            assert o.score >= 0.75 and "nothing like it" in o.why[0]
        else:
            assert f"({t.probability:.2f})" in o.why[0]


def test_unreviewed_items_are_those_nobody_confirmed(proto_studio):
    columns = proto_studio.catalogue.columns
    named = set((np.flatnonzero(columns.category) + 1).tolist())
    assert {o.item_id for o in proto_studio.opinions.unreviewed(100)} == named
    proto_studio.labelling.mark([1, 2], Mark.REVIEWED)
    found = proto_studio.opinions.unreviewed(100)
    assert {o.item_id for o in found} == named - {1, 2}
    assert "an import" in found[0].why[0]


def test_queues_do_without_a_prototype_model(tmp_path):
    with make_studio(tmp_path) as studio:
        found = studio.opinions.uncertain(5)
        assert len(found) == 5 and found[0].why[0].startswith("Its look-alikes say")
        studio.labelling.label([1], 2)
        assert 1 in [o.item_id for o in studio.opinions.second_opinion(5)]
    with Studio.create(tmp_path / "empty.fgvc", who="ana") as empty:
        assert empty.opinions.second_opinion() == [] and empty.opinions.unreviewed() == []
        with pytest.raises(UserError, match="nothing yet"):
            empty.opinions.uncertain()
