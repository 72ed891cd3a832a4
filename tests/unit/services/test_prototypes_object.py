"""Where objects seem to be, and suspicions of an earlier version."""

import numpy as np
import pytest
from prototypes_kit import RUN, draw, finish

from fgvc_studio.services import prototypes_measure, prototypes_object


def test_the_guess_is_made_once_for_all_runs(proto_studio, tmp_path):
    opened = proto_studio.prototypes.opened(RUN)
    kept = list((proto_studio.store.cache / prototypes_object.FOLDER).glob("*.npz"))
    assert len(kept) == 1  # made by the preparation
    kept[0].unlink()
    rows = np.array([3, 0, 7])
    reports, first = finish(prototypes_object.inside(opened, rows))
    assert next(r.text for r in reports) == "Learning what the objects look like"
    h, w = opened.backbone.feature_shape[1:]
    assert set(first) == {0, 3, 7}
    for found in first.values():
        assert found.shape == (h, w) and set(np.unique(found)) <= {0, 1}
    reports, again = finish(prototypes_object.inside(opened, rows))
    assert not reports
    assert all(np.array_equal(again[row], first[row]) for row in first)


def test_a_picture_that_cannot_be_read_has_no_object(proto_studio):
    opened = proto_studio.prototypes.opened(RUN)
    finish(prototypes_object.inside(opened, np.array([1])))
    (kept,) = (proto_studio.store.cache / prototypes_object.FOLDER).glob("*.npz")
    with np.load(kept) as before:
        axis = {"mean": before["mean"], "direction": before["direction"]}
        shape = before["inside"].shape[1:]
    np.savez(kept, rows=np.empty(0, np.int64), inside=np.empty((0, *shape), np.int8), **axis)
    (path,) = proto_studio.store.images.paths_of_items(np.array([3]))
    path.write_bytes(b"no picture")
    try:
        _, found = finish(prototypes_object.inside(opened, np.array([1, 2])))
    finally:
        path.unlink()
        fresh = draw(path.parent / "again") / path.name
        path.write_bytes(fresh.read_bytes())
    assert set(found) == {1}


def test_suspicions_of_an_earlier_version_are_not_shown(proto_studio):
    prototypes = proto_studio.prototypes
    opened = prototypes.opened(RUN)
    assert prototypes.models()[0].measured
    path = opened.folder / "activations" / prototypes_measure.FILE
    with np.load(path) as kept:
        values = {name: kept[name] for name in kept.files if name != "format"}
    np.savez(path, **values)
    opened.forget()
    model = prototypes.models()[0]
    assert model.prepared and not model.measured
    assert all(np.isnan(p.suspicion) and not p.parts for p in prototypes.table(RUN))
    finish(prototypes.prepare(RUN))
    assert prototypes.models()[0].measured
    assert not any(np.isnan(p.suspicion) for p in prototypes.table(RUN))


def test_cells_are_found_on_another_grid():
    cells = np.array([[1, 0], [0, 1]], np.int8)
    assert prototypes_measure.resized(cells, (4, 4)).tolist() == [
        [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]
    ]  # fmt: skip
    assert prototypes_measure.resized(cells, (1, 2)).tolist() == [[0, 1]]


def test_what_stays_on_takes_over_the_weight_of_what_is_off(proto_studio):
    from fgvc_studio.methods.st_protopnet.amending import take_over
    from fgvc_studio.services.prototypes_derive import fresh_model

    net = fresh_model(proto_studio.prototypes.opened(RUN)).net
    before = {name: net.branch(name).last.clone() for name in ("trivial", "support")}
    take_over(net, {"trivial": [0, 1], "support": [2]})  # all of class 0, one of class 1
    after = {name: net.branch(name).last for name in before}
    for c, off in ((0, {"trivial": [0, 1]}), (1, {"support": [2]})):
        own = range(2 * c, 2 * c + 2)
        stay = {n: [p for p in own if p not in off.get(n, ())] for n in before}
        left = sum(float(after[n][c, stay[n]].sum()) for n in before)
        assert left == pytest.approx(sum(float(before[n][c, list(own)].sum()) for n in before))
    np.testing.assert_array_equal(after["support"][2], before["support"][2])
    np.testing.assert_array_equal(after["trivial"][0, :2], before["trivial"][0, :2])
