"""Runs made of other runs after an audit."""

import numpy as np
import pytest
from prototypes_kit import RUN, finish

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import Verdict


def test_a_refitted_run_keeps_the_prototypes_and_the_bans(proto_studio):
    prototypes = proto_studio.prototypes
    prototypes.forbid(RUN, [5], "noise")
    reports, name = finish(prototypes.refit(RUN))
    assert name == "st-protopnet-2" and reports
    old, new = prototypes.opened(RUN).bundle, prototypes.opened(name).bundle
    np.testing.assert_array_equal(old.vectors, new.vectors)
    np.testing.assert_array_equal(old.weights[:, 5], new.weights[:, 5])
    before, after = prototypes.effects(RUN), prototypes.effects(name)
    assert before.accuracy_after <= after.accuracy_after
    assert prototypes.bans(name) == [5]
    model = prototypes.models()[1]
    assert (model.parent, model.made_by, model.prepared) == (RUN, "refit", True)
    card = proto_studio.training.runs.card(name)
    assert RUN in card.verdict and card.diagnostics["final_accuracy"] >= 0
    assert not proto_studio.training.runs.views(name).exists()
    prototypes.restore(RUN, [5])
    _, again = finish(prototypes.refit(RUN))
    assert prototypes.bans(again) == [] and prototypes.bans(name) == [5]


def test_a_reselected_prototype_is_the_chosen_patch(proto_studio):
    prototypes = proto_studio.prototypes
    offers = prototypes.alternatives(RUN, 3)
    ranked = [p.score for p in offers]
    assert offers and ranked == sorted(ranked, reverse=True)
    _, name = finish(prototypes.reselect(RUN, 3, 1))
    chosen = prototypes.get(name, 3)
    assert (chosen.source.item_id, chosen.source.row, chosen.source.column) == (
        offers[1].item_id, offers[1].row, offers[1].column,
    )  # fmt: skip
    new = prototypes.opened(name)
    assert new.ready().scores[chosen.source.item_id - 1, 3] == pytest.approx(1, abs=1e-5)
    branch, _ = new.bundle.place(3)
    vector = new.classifier.patch_vector(
        new.input(chosen.source.item_id), branch, chosen.source.row, chosen.source.column
    )
    np.testing.assert_allclose(new.bundle.vectors[3], vector.numpy(), atol=1e-3)
    assert prototypes.alternatives(name, 3)[0].item_id == prototypes.get(RUN, 3).source.item_id
    same = [j for j in range(new.bundle.count) if j != 3]
    np.testing.assert_array_equal(
        new.bundle.vectors[same], prototypes.opened(RUN).bundle.vectors[same]
    )
    with pytest.raises(UserError, match="no alternative"):
        prototypes.reselect(RUN, 3, 99)


def places(prototypes, run):
    return [
        (p.source.item_id, p.source.row, p.source.column, p.branch) for p in prototypes.table(run)
    ]


def test_a_reprojected_run_leaves_forbidden_patches(proto_studio):
    prototypes = proto_studio.prototypes
    banned = places(prototypes, RUN)[2]
    prototypes.forbid(RUN, [2], "noise")
    _, name = finish(prototypes.reproject(RUN))
    assert banned[:3] not in [p[:3] for p in places(prototypes, name)]
    assert prototypes.bans(RUN) == [2]


def test_fine_tuning_moves_prototypes_off_what_is_forbidden(proto_studio):
    prototypes = proto_studio.prototypes
    with pytest.raises(UserError, match="nothing to learn"):
        finish(prototypes.fine_tune(RUN))
    table = prototypes.table(RUN)
    prototypes.forbid(RUN, [0], "noise")
    prototypes.verdict(RUN, [4], Verdict.BACKGROUND)
    prototypes.verdict(RUN, [6], Verdict.KEEP)
    prototypes.verdict(RUN, [7], Verdict.WRONG_PART)
    _, name = finish(prototypes.fine_tune(RUN))
    after = {p[:3] for p in places(prototypes, name)}
    for j in (0, 4):
        source = table[j].source
        assert (source.item_id, source.row, source.column) not in after
    assert {r.id for r in proto_studio.training.runs.all()} == {RUN, name}
    assert prototypes.models()[1].made_by == "fine-tune"
    assert not any((prototypes.opened(name).folder / "resume.safetensors").exists() for _ in "1")


def test_a_stopped_derivation_leaves_nothing(proto_studio):
    prototypes = proto_studio.prototypes
    job = prototypes.refit(RUN)
    next(job)
    next(job)
    job.close()
    assert [m.run for m in prototypes.models()] == [RUN]
    folder = proto_studio.training.runs.folder("st-protopnet-2")
    assert not folder.exists() and not proto_studio.training.runs.views("st-protopnet-2").exists()
