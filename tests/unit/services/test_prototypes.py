"""The audit of prototypes: exact sums, exact effects, decisions that can be undone."""

import time

import numpy as np
import pytest
from prototypes_kit import EACH, KINDS, RUN, UNNAMED, finish, train

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import ESTIMATED, PARTS, Verdict
from fgvc_studio.services.studio import Studio

M = 2 * KINDS * 2


def test_the_models_of_a_project(proto_studio):
    (model,) = proto_studio.prototypes.models()
    assert (model.run, model.categories, model.prototypes) == (RUN, KINDS, M)
    assert model.prepared and model.made_by == "train" and 0 <= model.accuracy <= 1
    assert proto_studio.prototypes.current() == RUN


def test_the_table_has_every_prototype_with_every_part_of_its_suspicion(proto_studio):
    table = proto_studio.prototypes.table(RUN)
    assert [p.id for p in table] == list(range(M))
    assert [p.branch for p in table] == ["trivial"] * (M // 2) + ["support"] * (M // 2)
    columns = proto_studio.catalogue.columns
    for p in table:
        assert set(p.parts) == {ESTIMATED, *PARTS[1:]}
        assert all(0 <= v <= 1 for v in p.parts.values()), p.parts
        assert p.suspicion == pytest.approx(np.sqrt(p.parts[ESTIMATED] * p.parts["tied"]))
        assert columns.category[p.source.item_id - 1] == p.category_id
        assert p.source.score == pytest.approx(1, abs=1e-4) or p.source.score < 1
        box = p.source.box
        assert box.x >= 0 and box.x + box.width <= 120 and box.width > 0
        assert box.y >= 0 and box.y + box.height <= 96 and box.height > 0
    predicted = sum(p.usage for p in table if p.branch == "support")
    assert predicted == proto_studio.catalogue.n
    assert proto_studio.prototypes.get(RUN, 3) == table[3]


def test_contributions_add_up_to_the_logit(proto_studio):
    prototypes = proto_studio.prototypes
    opened = prototypes.opened(RUN)
    for item in (1, 12, 27):
        found = prototypes.explain(RUN, item)
        network = opened.classifier.predict(opened.input(item)[None]).logits[0]
        for c in (found.first, found.second):
            total = sum(one.product for one in found.contributions[c])
            assert total == pytest.approx(found.logits[c], abs=1e-5)
            assert total == pytest.approx(
                network[list(opened.bundle.category_ids).index(c)], abs=1e-4
            )
            branches = found.per_branch[c]
            assert sum(branches.values()) == pytest.approx(total, abs=1e-5)
            for one in found.contributions[c]:
                assert one.product == pytest.approx(one.score * one.weight, abs=1e-6)
                assert one.patch.item_id == item
        assert found.margin >= 0 and 0 < found.probability <= 1


def test_a_ban_changes_logits_by_exactly_what_it_switches_off(proto_studio):
    from fgvc_studio.services import prototypes_table

    opened = proto_studio.prototypes.opened(RUN)
    rows, whole = prototypes_table.logits(opened)
    for off in ([3], [0, 5, 7], list(range(9))):
        _, rest = prototypes_table.logits_without(opened, off)
        scores = np.asarray(opened.ready().scores, np.float64)[rows]
        gone = scores[:, off] @ opened.bundle.weights[:, off].astype(np.float64).T
        np.testing.assert_allclose(rest, whole - gone, atol=1e-5)
        network = opened.classifier
        for p in off:
            branch, number = opened.bundle.place(p)
            network.switch(branch, [number], on=False)
        live = network.predict(np.stack([opened.input(int(r) + 1) for r in rows[:6]])).logits
        np.testing.assert_allclose(rest[:6], live, atol=1e-4)
        for p in off:
            branch, number = opened.bundle.place(p)
            network.switch(branch, [number], on=True)


def test_effects_name_every_prediction_that_flips(proto_studio):
    prototypes = proto_studio.prototypes
    own = [p.id for p in prototypes.table(RUN) if p.category_id == 1]
    found = prototypes.effects(RUN, own)
    assert found.on == "validation" and found.items == KINDS
    assert found.accuracy_before == pytest.approx(
        np.mean([before for _, before, _, _ in found.per_category])
    )
    opened = prototypes.opened(RUN)
    from fgvc_studio.services import prototypes_table

    rows, before = prototypes_table.logits_without(opened, [])
    after = prototypes_table.logits_without(opened, own)[1]
    changed = set((rows[before.argmax(1) != after.argmax(1)] + 1).tolist())
    assert {f.item_id for f in found.flips} == changed
    for flip in found.flips:
        assert flip.before != flip.after
        assert flip.truth == proto_studio.catalogue.category[flip.item_id - 1]
    same = prototypes.effects(RUN, own, against=own)
    assert not same.flips and same.accuracy_before == same.accuracy_after


def test_verdicts_are_operations(proto_studio):
    prototypes = proto_studio.prototypes
    changes = prototypes.verdict(RUN, [2, 4], Verdict.BACKGROUND, "a pin")
    assert changes.tables == {"verdicts"} and changes.operation.run_id == RUN
    assert "a pin" in changes.operation.summary
    assert [(p.id, p.note) for p in prototypes.table(RUN) if p.verdict] == [
        (2, "a pin"),
        (4, "a pin"),
    ]
    prototypes.verdict(RUN, [4], None)
    assert prototypes.get(RUN, 4).verdict is None
    proto_studio.labelling.undo()
    assert prototypes.get(RUN, 4).verdict is Verdict.BACKGROUND
    proto_studio.labelling.undo()
    assert not any(p.verdict for p in prototypes.table(RUN))


def test_bans_are_operations_and_take_part_in_everything(proto_studio):
    prototypes = proto_studio.prototypes
    first = prototypes.explain(RUN, 1)
    top = first.contributions[first.first][0].prototype
    prototypes.forbid(RUN, [top], "a paper label")
    assert prototypes.get(RUN, top).forbidden
    assert prototypes.get(RUN, top).reason == "a paper label"
    assert prototypes.bans(RUN) == [top]
    without = prototypes.explain(RUN, 1)
    contributions = without.contributions[without.first]
    assert top not in [one.prototype for one in contributions]
    assert sum(o.product for o in contributions) == pytest.approx(
        without.logits[without.first], abs=1e-5
    )
    assert prototypes.effects(RUN).flips == prototypes.effects(RUN, [top]).flips
    prototypes.restore(RUN, [top])
    assert prototypes.bans(RUN) == []
    proto_studio.labelling.undo()
    assert prototypes.bans(RUN) == [top]
    proto_studio.labelling.undo()
    assert prototypes.bans(RUN) == []
    again = prototypes.explain(RUN, 1)
    assert again.logits == first.logits


def test_top_patches_leave_out_the_source_and_keep_the_two_sides_apart(proto_studio):
    prototypes = proto_studio.prototypes
    opened = prototypes.opened(RUN)
    scores = opened.ready().scores
    for p in prototypes.table(RUN)[::4]:
        train_side, rest = prototypes.top_patches(RUN, p.id, 5)
        assert len(train_side) == 5 and len(rest) == 5
        assert p.source.item_id not in [patch.item_id for patch in train_side]
        assert all(patch.item_id in opened.training for patch in train_side)
        assert not any(patch.item_id in opened.training for patch in rest)
        ranked = [patch.score for patch in train_side]
        assert ranked == sorted(ranked, reverse=True)
        others = np.setdiff1d(opened.training, [p.source.item_id])
        assert ranked[0] == pytest.approx(scores[others - 1, p.id].max())
        edges, own, other = prototypes.histogram(RUN, p.id)
        assert own.sum() == EACH - UNNAMED and other.sum() == 2 * (EACH - UNNAMED)
        assert len(edges) == len(own) + 1
        assert len(prototypes.weights(RUN, p.id)) == KINDS
        assert [j for j, _ in prototypes.sisters(RUN, p.id)] == [p.id ^ 1]


def test_a_prototype_is_found_at_its_peak(proto_studio):
    prototypes = proto_studio.prototypes
    for p in prototypes.table(RUN)[::5]:
        found = prototypes.localise(RUN, p.id, p.source.item_id)
        assert found.heat.shape == (96, 120)
        assert found.heat.min() >= 0 and found.heat.max() == pytest.approx(1, abs=0.01)
        assert (found.row, found.column) == (p.source.row, p.source.column)
        assert found.score == pytest.approx(1, abs=1e-3)
        peak = np.unravel_index(found.heat.argmax(), found.heat.shape)
        assert found.box.y - 1 <= peak[0] <= found.box.y + found.box.height + 1
        assert found.box.x - 1 <= peak[1] <= found.box.x + found.box.width + 1
        x, y = found.contour.T
        assert x.min() == pytest.approx(found.box.x, abs=0.51)
        assert y.max() == pytest.approx(found.box.y + found.box.height, abs=0.51)
    heat = prototypes.smooth_grad(RUN, 0, 1)
    assert heat.shape == (96, 120) and 0 <= heat.min() < heat.max() <= 1


def test_preparing_goes_on_where_it_was_and_takes_new_items(proto_studio, tmp_path):
    import shutil

    prototypes = proto_studio.prototypes
    opened = prototypes.opened(RUN)
    before = np.array(opened.ready().scores)
    shutil.rmtree(opened.folder / "activations")
    opened.forget()
    assert not prototypes.prepared(RUN)
    assert all(np.isnan(p.suspicion) for p in prototypes.table(RUN))
    with pytest.raises(UserError, match="not yet compared"):
        prototypes.effects(RUN, [1])
    job = prototypes.prepare(RUN)
    for report in job:
        if report.done:
            break
    job.close()
    opened.forget()
    finish(prototypes.prepare(RUN))
    np.testing.assert_allclose(opened.ready().scores, before, atol=1e-6)
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(tmp_path / "copy" / "pictures" / "0-0.png", more / "again.png")
    (more / "broken.jpg").write_bytes(b"no picture")
    finish(proto_studio.ingest.run(more))
    assert proto_studio.catalogue.n == KINDS * EACH + 1 and not prototypes.prepared(RUN)
    finish(prototypes.prepare(RUN))
    assert prototypes.prepared(RUN) and len(opened.ready()) == KINDS * EACH + 1


def test_an_item_that_was_not_compared_is_explained_from_its_picture(proto_studio):
    import shutil

    opened = proto_studio.prototypes.opened(RUN)
    kept = proto_studio.prototypes.explain(RUN, 9)
    shutil.rmtree(opened.folder / "activations")
    opened.forget()
    live = proto_studio.prototypes.explain(RUN, 9)
    assert live.logits == pytest.approx(kept.logits, abs=1e-5)
    with pytest.raises(UserError, match="no item 99"):
        proto_studio.prototypes.explain(RUN, 99)


def test_confusion_and_differences(proto_studio):
    prototypes = proto_studio.prototypes
    found = prototypes.confusion(RUN, 1, 2)
    margins = [abs(m) for _, m in found.border]
    assert margins == sorted(margins) and found.tell_apart
    others = np.flatnonzero(proto_studio.catalogue.category == 2) + 1
    told = prototypes.differences(RUN, others, 1)
    assert {d.prototype for d in told} == {
        p.id for p in prototypes.table(RUN) if p.category_id == 1
    }
    assert [abs(d.effect) for d in told] == sorted((abs(d.effect) for d in told), reverse=True)
    own = np.flatnonzero(proto_studio.catalogue.category == 1)[:2] + 1
    same = prototypes.differences(RUN, own, 1)
    assert np.mean([d.effect for d in same]) < np.mean([d.effect for d in told])
    with pytest.raises(UserError, match="not known"):
        prototypes.differences(RUN, others, 77)


def test_wrong_numbers_and_runs_are_told(proto_studio):
    prototypes = proto_studio.prototypes
    with pytest.raises(UserError, match="no prototype 99"):
        prototypes.verdict(RUN, [99], Verdict.KEEP)
    with pytest.raises(UserError, match="no run"):
        prototypes.table("st-protopnet-9")
    with pytest.raises(UserError, match="No prototype"):
        prototypes.forbid(RUN, [], "nothing")


def test_a_project_without_runs_says_what_to_do(tmp_path):
    with Studio.create(tmp_path / "p.fgvc", who="ana") as studio:
        assert studio.prototypes.models() == [] and studio.prototypes.current() == ""
        with pytest.raises(UserError, match="No run") as error:
            studio.prototypes.table()
        assert "train" in error.value.remedy


def test_verdicts_are_found_again_after_training_anew(proto_studio):
    prototypes = proto_studio.prototypes
    prototypes.verdict(RUN, [1], Verdict.KEEP, "the bar")
    prototypes.verdict(RUN, [7], Verdict.BACKGROUND)
    prototypes.forbid(RUN, [7], "noise")
    time.sleep(0.01)
    train(proto_studio, "st-protopnet-2")  # the same seed: the same patches
    finish(prototypes.prepare("st-protopnet-2"))
    again = [p for p in prototypes.table("st-protopnet-2") if p.verdict]
    assert [(p.id, p.verdict, p.note) for p in again] == [
        (1, Verdict.KEEP, "the bar"),
        (7, Verdict.BACKGROUND, ""),
    ]
    assert prototypes.bans("st-protopnet-2") == [7]
    judged = proto_studio.store.verdicts.of_run("st-protopnet-2")
    assert {j.who for j in judged} == {"ana"}
    proto_studio.labelling.undo()
    assert prototypes.bans("st-protopnet-2") == []
    finish(prototypes.prepare("st-protopnet-2"))
    assert prototypes.bans("st-protopnet-2") == []  # what was undone is not done again
