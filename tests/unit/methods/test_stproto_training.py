"""Runs of ST-ProtoPNet on tiny pictures."""

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from fgvc_studio.domain.errors import UserError
from fgvc_studio.methods.single_run import RESUME
from fgvc_studio.methods.st_protopnet import classifier, losses
from fgvc_studio.methods.st_protopnet.audit import Audit, Cutout
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.data import Labels
from fgvc_studio.methods.st_protopnet.trainer import StProtoTrainer
from fgvc_studio.vision.views import Pictures

TINY = StProtoConfig(
    train="head",
    epochs=2,
    warm_epochs=1,
    batch=4,
    prototypes=2,
    dim=8,
    map_upsample=2,
    last_layer_epochs=2,
    random_views=1,
)
CLASSES, EACH = 3, 5


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three kinds of coloured stripes, five pictures each."""
    folder = tmp_path_factory.mktemp("stripes")
    rng = np.random.default_rng(0)
    paths, classes = [], []
    for c in range(CLASSES):
        colour = np.eye(3)[c] * 160
        for i in range(EACH):
            pixels = np.full((24, 24, 3), 60.0) + rng.normal(0, 12, (24, 24, 3))
            pixels[4 + 3 * i : 10 + 3 * i] += colour
            path = folder / f"{c}{i}.png"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
            paths.append(path)
            classes.append(c)
    prints = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    pictures = Pictures(paths, [None] * len(paths), prints)
    names = tuple(f"class {c}" for c in range(CLASSES))
    return pictures, Labels(np.array(classes), names, np.zeros(len(paths), bool))


def trainer(config, backbone, data, folder, runtime, **more):
    pictures, labels = data
    more = {"labels": labels, **more}
    return StProtoTrainer(
        config, backbone, pictures, folder, folder.parent / "views", runtime=runtime, **more
    )


def run(made, steps=None):
    list(made.prepare())
    reports = []
    for report in made.steps():
        reports.append(report)
        if steps and report.step >= steps:
            made.save()
            break
    return reports


def weights(made):
    return {k: v.clone() for k, v in made.model.net.state_dict().items()}


def same(a, b):
    assert a.keys() == b.keys()
    return all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(
    ("train", "stop"), [("head", 1), ("last-stage", 3), ("last-stage", 6), ("all", 2)]
)
def test_a_resumed_run_equals_an_uninterrupted_one(train, stop, backbone, data, runtime, tmp_path):
    config = dataclasses.replace(TINY, train=train, lr_tail=1e-3, batch=6)
    whole = trainer(config, backbone, data, tmp_path / "whole", runtime)
    reports = run(whole)
    assert [r.step for r in reports] == list(range(1, reports[-1].total + 1))
    assert reports[-1].total == 4 + CLASSES + 2 + 1
    run(trainer(config, backbone, data, tmp_path / "cut", runtime), steps=stop)
    assert (tmp_path / "cut" / RESUME).is_file()
    second = trainer(config, backbone, data, tmp_path / "cut", runtime)
    rest = run(second)
    assert rest[0].step == min(stop, 4) + 1
    assert same(weights(whole), weights(second))


def test_a_head_run_leaves_the_backbone_bit_identical(backbone, data, runtime, tmp_path):
    before = {k: v.clone() for k, v in backbone.model.state_dict().items()}
    made = trainer(TINY, backbone, data, tmp_path / "run", runtime)
    run(made)
    assert same(before, dict(backbone.model.state_dict()))
    kept = {k for k in weights(made) if k.startswith("body.")}
    assert all(not p.requires_grad for p in made.model.net.body.parameters()) and kept


def test_a_last_stage_run_trains_a_copy_after_the_warm_stage(backbone, data, runtime, tmp_path):
    before = {k: v.clone() for k, v in backbone.model.state_dict().items()}
    config = dataclasses.replace(TINY, train="last-stage", lr_tail=1e-2)
    made = trainer(config, backbone, data, tmp_path / "run", runtime)
    list(made.prepare())
    start = {k: v.clone() for k, v in made.split.rest.state_dict().items()}
    steps = made.steps()
    per_epoch = next(steps).total - CLASSES - 3
    for _ in range(per_epoch // 2 - 1):
        next(steps)
    assert same(start, dict(made.split.rest.state_dict()))
    next(steps)
    changed = made.split.rest.state_dict()
    assert not same(start, dict(changed))
    for key, value in changed.items():  # statistics of batch-norm stay fixed
        if "running" in key:
            assert torch.equal(value, start[key])
    assert same(before, dict(backbone.model.state_dict()))


def test_one_branch_at_a_time_and_parity_goes_on_over_epochs(backbone, data, runtime, tmp_path):
    config = dataclasses.replace(TINY, epochs=4, batch=64)  # one step an epoch
    made = trainer(config, backbone, data, tmp_path / "run", runtime)
    list(made.prepare())
    steps = made.steps()
    last = None
    for number in range(4):
        report = next(steps)
        net = made.learner.net
        now = {k: v.clone() for k, v in net.state_dict().items()}
        active, idle = losses.BRANCHES[number % 2], losses.BRANCHES[1 - number % 2]
        assert f"{active}_cross_entropy" in report.losses
        for name in losses.BRANCHES:
            length = net.branch(name).prototypes.norm(dim=1)
            torch.testing.assert_close(length, torch.ones_like(length))
            assert not torch.equal(now[f"branches.{active}.prototypes"], torch.zeros(1))
        if last is not None:
            key = f"branches.{idle}."
            for k in now:
                if k.startswith(key):
                    torch.testing.assert_close(now[k], last[k], rtol=0, atol=1e-6)
            assert not torch.equal(
                now[f"branches.{active}.prototypes"], last[f"branches.{active}.prototypes"]
            )
        last = now


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    from fgvc_studio.methods.runtime import Runtime
    from tests.unit.methods.conftest import tiny_backbone

    folder = tmp_path_factory.mktemp("finished") / "run"
    backbone = tiny_backbone(size=96)  # 3 x 3 cells
    config = dataclasses.replace(TINY, train="last-stage", epochs=4, map_upsample=2)
    made = trainer(config, backbone, data, folder, Runtime("float32", cpu=True))
    reports = run(made)
    stored = {i: made.feed.clean(np.array([i])) for i in range(len(data[0]))}
    return made, reports, made.finish(), folder, backbone, stored


def test_every_prototype_is_a_patch_of_its_class(finished, data):
    made, _, found, _, _, stored = finished
    net, labels = found.model.net, data[1].classes
    assert len(found.model.table) == 2 * CLASSES * 2
    places = set()
    for one, fingerprint in zip(found.model.table, found.model.fingerprints, strict=True):
        branch, source = net.branch(one.branch), one.source
        assert labels[source.image] == one.prototype // 2
        assert source.image in made.division.train
        assert fingerprint == data[0].fingerprints[source.image].hex()
        with torch.no_grad():
            z = branch.features(net.maps(stored[source.image]))
            units = torch.nn.functional.normalize(z, dim=1)
            out = branch(net.maps(stored[source.image]))
        torch.testing.assert_close(
            units[0, :, source.row, source.column],
            branch.prototypes[one.prototype],
            rtol=0,
            atol=1e-5,
        )
        assert float(out.scores[0, one.prototype]) == pytest.approx(1, abs=1e-5)
        places.add((one.branch, one.prototype // 2, *source.place))
        assert source.place not in [p.place for p in one.runners_up]
        scores = [p.score for p in one.runners_up]
        assert scores == sorted(scores, reverse=True)
    assert len(places) == len(found.model.table)


def test_the_reports_tell_every_stage(finished):
    made, reports, found, *_ = finished
    last = reports[-1].diagnostics
    for stage in ("before_projection", "after_projection", "final"):
        for name in ("accuracy", "balanced", "worst_class", "trivial", "support"):
            assert 0 <= last[f"{stage}_{name}"] <= 1
    assert last["projection_duplicates"] == 0
    assert last["final_accuracy"] >= last["after_projection_accuracy"]
    assert found.model.calibration.images == "validation"
    assert 0 <= found.model.calibration.error <= 1
    assert {"accuracy"} <= made.evaluation["final"].keys()


def pictures_of(data, backbone, count=4):
    from fgvc_studio.vision import decode

    paths = data[0].paths[:: len(data[0].paths) // count]
    return np.stack([backbone.transform(decode.open_image(p).image) for p in paths])


def test_evidence_adds_up(finished, data):
    _, _, found, _, backbone, _ = finished
    batch = pictures_of(data, backbone)
    predicted = found.predict(batch)
    np.testing.assert_allclose(predicted.probabilities.sum(1), 1, rtol=1e-9)
    scores = found.scores(batch)
    for image, logits in zip(batch, predicted.logits, strict=True):
        evidence = found.explain(image)
        total = sum(c.sum(1) for c in evidence.contributions.values())
        np.testing.assert_allclose(total, logits, atol=1e-5)
        np.testing.assert_allclose(evidence.logits, logits, atol=1e-5)
        assert evidence.best[0] == int(logits.argmax()) and evidence.best[2] >= 0
        for name in losses.BRANCHES:
            rows, columns = evidence.cells[name].T
            best = evidence.maps[name][np.arange(len(rows)), rows, columns]
            np.testing.assert_allclose(best, evidence.maps[name].max((1, 2)))
    both = found.logits(scores, "trivial") + found.logits(scores, "support")
    np.testing.assert_allclose(both, predicted.logits, atol=1e-5)


def test_a_prototype_that_is_off_takes_away_its_contribution(finished, data):
    _, _, found, _, backbone, _ = finished
    image = pictures_of(data, backbone)[0]
    scores, before = found.scores(image[None]), found.explain(image)
    found.switch("support", [3], on=False)
    assert found.model.off() == {"trivial": [], "support": [3]}
    without = found.judge(scores).logits[0]
    wanted = before.logits - before.contributions["support"][:, 3]
    found.switch("support", [3], on=True)
    np.testing.assert_allclose(without, wanted, atol=1e-6)
    np.testing.assert_array_equal(found.judge(scores).logits[0], found.logits(scores)[0])


@pytest.mark.parametrize("train", ["head", "last-stage"])
def test_the_kept_model_says_the_same(train, data, backbone, runtime, tmp_path, finished):
    if train == "head":
        made = trainer(TINY, backbone, data, tmp_path / "run", runtime)
        run(made)
        found, folder = made.finish(), tmp_path / "run"
    else:
        _, _, found, folder, backbone, _ = finished
    batch = pictures_of(data, backbone)
    again = classifier.load(folder, backbone)
    np.testing.assert_array_equal(found.predict(batch).logits, again.predict(batch).logits)
    assert again.model.table == found.model.table
    assert again.model.calibration == found.model.calibration
    other = dataclasses.replace(backbone, key="other")
    with pytest.raises(UserError, match="fit"):
        classifier.load(folder, other)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="read"):
        classifier.load(tmp_path / "empty", backbone)


def test_smooth_grad_looks_at_the_image(finished, data):
    _, _, found, _, backbone, _ = finished
    image = pictures_of(data, backbone)[0]
    seen = found.smooth_grad(image, "trivial", 0)
    assert seen.shape == image.shape[1:] and seen.min() >= 0 and seen.max() > 0
    np.testing.assert_array_equal(seen, found.smooth_grad(image, "trivial", 0))


def test_it_learns(backbone, data, runtime, tmp_path):
    config = dataclasses.replace(
        TINY, epochs=60, batch=16, lr_add_on=0.03, lr_prototypes=0.03, add_on_init="pca",
        proto_init="kmeans",
    )  # fmt: skip
    made = trainer(config, backbone, data, tmp_path / "run", runtime)
    key = "trivial_cross_entropy"
    values = [r.losses[key] for r in run(made) if key in r.losses]
    assert values[-1] < 0.7 * values[0]


def test_an_audit_moves_prototypes_off_forbidden_patches(finished, data, tmp_path):
    made, _, found, _, backbone, _ = finished
    made.cache.open()
    before = found.model
    banned = before.table[0]
    place, c = banned.source, banned.prototype // 2
    cutout = Cutout(place.image, place.row, place.column, c)
    audit = Audit(forbidden=(cutout,), forbidden_weight=50.0)
    start = audit.loss(before.net, "trivial", lambda rows: made.feed.clean(rows)).item()
    config = dataclasses.replace(made.config, epochs=10, warm_epochs=10)
    again = trainer(
        config, backbone, data, tmp_path / "run", made.runtime, start=before, audit=audit
    )
    run(again)
    assert place.place not in [one.source.place for one in again.model.table]
    assert audit.loss(again.model.net, "trivial", again.feed.clean).item() < start
    wrong = dataclasses.replace(config, prototypes=1)
    other = trainer(wrong, backbone, data, tmp_path / "x", made.runtime, start=before)
    with pytest.raises(UserError, match="other categories"):
        run(other)


def test_what_is_forbidden_for_every_class_is_hidden_while_it_learns(finished, data, tmp_path):
    made, _, found, _, backbone, _ = finished
    made.cache.open()
    image = int(made.division.train[0])
    cells = [(r, c) for r in range(6) for c in range(4)]  # the left of 6 x 6
    everywhere = Audit(tuple(Cutout(image, r, c) for r, c in cells))
    own = Audit(tuple(Cutout(image, r, c, 0) for r, c in cells))
    config = dataclasses.replace(made.config, epochs=2, warm_epochs=2, random_views=0)
    options = {"start": found.model, "audit": everywhere}
    again = trainer(config, backbone, data, tmp_path / "run", made.runtime, **options)
    run(again, steps=1)
    rows = np.array([image, int(made.division.train[1])])
    drawn = [again.feed.drawn(rows, torch.full((2,), at), 0) for at in (0.2, 0.7)]
    for views, kind, columns in (
        (drawn[0], "clean", slice(0, 4)),
        (drawn[1], "flipped", slice(2, 6)),
    ):
        torch.testing.assert_close(views.stored, again.feed.view(rows, kind))
        expected = np.zeros((2, 6, 6), bool)
        expected[0, :, columns] = True
        np.testing.assert_array_equal(views.hidden.numpy(), expected)
        np.testing.assert_array_equal(again.feed.hidden(rows, kind).numpy(), expected)
    finisher = again._finisher(again.learner.net)
    whole, some = finisher.scores(rows), finisher.scores(rows, hide=True)
    for name in losses.BRANCHES:
        torch.testing.assert_close(some[name][1], whole[name][1])
        assert bool((some[name][0] < whole[name][0] - 1e-4).any())
    options["audit"] = own  # for one category alone: to be left by its prototypes, not hidden
    other = trainer(config, backbone, data, tmp_path / "own", made.runtime, **options)
    run(other, steps=1)
    assert other.feed.drawn(rows, torch.zeros(2), 0).hidden is None


def test_a_refit_trains_on_all_labelled_images(backbone, data, runtime, tmp_path):
    config = dataclasses.replace(TINY, refit=True, audit_share=0.0, temperature=0.5)
    made = trainer(config, backbone, data, tmp_path / "run", runtime)
    run(made)
    assert len(made.division.train) == CLASSES * EACH and not len(made.division.validation)
    assert made.model.calibration.temperature == 0.5
    assert made.model.calibration.images == "training"


def test_two_classes_and_one_prototype_each(backbone, data, runtime, tmp_path):
    _, labels = data
    two = dataclasses.replace(labels, classes=np.where(labels.classes == 2, -1, labels.classes))
    two = dataclasses.replace(two, names=labels.names[:2])
    for variant in ("full", "cropped"):
        config = dataclasses.replace(TINY, prototypes=1, variant=variant)
        made = trainer(config, backbone, data, tmp_path / variant, runtime, labels=two)
        reports = run(made)
        assert np.isfinite(reports[-1].diagnostics["final_accuracy"])
        assert {one.prototype for one in made.model.table} == {0, 1}


def test_an_unreadable_picture_is_left_out(backbone, data, runtime, tmp_path):
    pictures, labels = data
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    paths = [*pictures.paths, broken]
    prints = [*pictures.fingerprints, hashlib.sha256(b"no picture").digest()]
    more = Labels(np.append(labels.classes, 0), labels.names, np.zeros(len(paths), bool))
    given = Pictures(paths, [None] * len(paths), prints), more
    made = trainer(TINY, backbone, given, tmp_path / "run", runtime)
    run(made)
    assert [s.path for s in made.skipped] == [str(broken)]
    rows = [*made.division.train, *made.division.validation]
    assert len(paths) - 1 not in rows and len(rows) == len(pictures)


def test_small_classes_are_refused_by_name(backbone, data, runtime, tmp_path):
    _, labels = data
    classes = labels.classes.copy()
    classes[np.flatnonzero(classes == 1)[2:]] = -1
    few = dataclasses.replace(labels, classes=classes)
    with pytest.raises(UserError, match="class 1"):
        trainer(TINY, backbone, data, tmp_path / "run", runtime, labels=few)
