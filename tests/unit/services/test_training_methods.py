"""ECAML, ST-ProtoPNet and Cr-KD over small projects."""

import json
from pathlib import Path

import numpy as np
import pytest

from fgvc_studio.cli.app import main
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import LabelSource, Split
from fgvc_studio.domain.runs import RunState
from fgvc_studio.methods import registry
from fgvc_studio.methods.st_protopnet import bundle, data
from fgvc_studio.services import training_material
from tests.unit.services.training_kit import finish, project, set_split, stop_at

ECAML = {"steps": 3, "categories_per_batch": 4, "per_category": 2, "views": 1}
PROTO = {
    "epochs": 2, "warm_epochs": 1, "batch": 6, "prototypes": 1, "dim": 8, "last_layer_epochs": 1,
    "random_views": 1,
}  # fmt: skip
ALL_OF_THEM = PROTO | {"audit_share": 0.0}
"""The last fit learns from every validation image."""
CRKD = {
    "novel": 1, "gate": "off", "known_epochs": 2, "known_warmup": 1, "epochs": 2, "warmup": 1,
    "least_steps": 1, "start": "random", "hidden": 12, "projection": 6, "views": 2, "batch": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Thirteen categories of four pictures."""
    with project(tmp_path_factory.mktemp("many"), kinds=13, each=4) as made:
        yield made


@pytest.fixture
def few(tmp_path):
    """Three categories of eight pictures, six of each to learn from."""
    with project(tmp_path) as made:
        yield made


def test_ecaml_makes_a_space_and_tells_what_hidden_categories_say(many):
    reports, result = finish(many.training.run("ecaml", settings=ECAML))
    assert many.exploring.space(result.space).info.complete
    card = many.training.runs.card(result.run)
    assert card == result.card
    assert card.data["items"] == 39 == card.data["labelled"]
    hidden = card.findings["Categories hidden from training"]
    assert {"map@r", "recall@1", "lda_map@r", "plain_map@r"} <= hidden.baseline.keys()
    assert card.verdict == hidden.verdict and card.better == hidden.better
    assert ("keep the old space" in card.verdict) is (not card.better)
    assert card.metrics["knn10_weighted"]["n"] == 13
    assert any("hidden" in note for note in card.notes)
    assert reports[0].detail["categories_hidden"] == 3
    # made from the vectors of the untouched backbone, it is what the pictures give
    space = many.exploring.space(result.space)
    ids = space.item_ids[::5]
    paths = many.store.images.paths_of_items(ids)
    seen = many.embedding.engine_of(result.space).embed(paths, [None] * len(ids))
    vectors = np.concatenate([made for _, made, _ in seen])
    np.testing.assert_allclose(space.vectors[space.rows_of(ids)], vectors, atol=1e-5)


def test_the_split_test_teaches_nothing_unless_chosen(few):
    space = finish(few.embedding.run())[1].space
    method = registry.get("ecaml")
    of_test = np.flatnonzero(few.catalogue.columns.split == Split.TEST) + 1
    assert len(of_test)
    for splits, wanted in ((("train", "val"), 24 - len(of_test)), (("all",), 24)):
        items = training_material.chosen_items(few, method, splits)
        kept = training_material.snapshot(few, items, space)
        assert len(kept.embedded) == wanted
        found = training_material.material(few, kept, space, few.store.path / "runs" / "x")
        assert len(found.everything) == wanted
        np.testing.assert_array_equal(kept.embedded[found.places], items)
        own = few.exploring.space(space)
        np.testing.assert_array_equal(
            found.everything[found.places], own.vectors[own.rows_of(items)]
        )


def test_st_protopnet_makes_a_classifier_and_is_judged_on_test(few):
    _, result = finish(few.training.run("st-protopnet", train="head", settings=PROTO))
    card = few.training.runs.card(result.run)
    assert result.space == "" and card.data["items"] == 18
    names = {
        "accuracy", "accuracy_trivial", "accuracy_support", "accuracy_before_projection",
        "balanced_accuracy", "ece",
    }  # fmt: skip
    assert card.metrics.keys() == names
    assert {"linear_probe", "knn10_weighted"} <= card.baseline.keys()
    for metric in [*card.metrics.values(), *card.baseline.values()]:
        assert 0 <= metric["low"] <= metric["value"] <= metric["high"] and metric["n"] == 6
    assert ("not better" in card.verdict) is (not card.better)
    folder = few.training.runs.folder(result.run)
    assert {"model.safetensors", "model.json", "unprojected.safetensors"} <= {
        path.name for path in folder.iterdir()
    }
    assert not (folder / "resume.safetensors").exists()


def test_crkd_proposes_clusters_of_the_unlabelled(few):
    unnamed = np.arange(17, 25)
    few.labelling.unlabel(unnamed)
    _, result = finish(few.training.run("crkd", settings=CRKD))
    card = few.training.runs.card(result.run)
    assert card.metrics["novel_categories"] == {"value": 1, "low": 1, "high": 1, "n": 6}
    (discovery,) = few.review.discoveries()
    assert (discovery.run, discovery.source, discovery.items) == (result.run, "crkd", 6)
    (cluster,) = few.review.clusters()
    assert set(few.review.members(cluster.id).ordered) == {18, 19, 20, 22, 23, 24}
    assert {n.category_id for n in cluster.nearest} <= set(few.catalogue.category.tolist())
    few.labelling.undo()
    assert few.review.current() is None


def test_a_discovery_is_scored_with_truth(few, tmp_path):
    unnamed = np.arange(17, 25)
    few.labelling.unlabel(unnamed)
    _, result = finish(few.training.run("crkd", settings=CRKD))
    truth = tmp_path / "truth.csv"
    lines = [f"{Path(p).parent.name}/{Path(p).name},{Path(p).parent.name}"
             for p in few.catalogue.columns.paths]  # fmt: skip
    truth.write_text("path,label\n" + "\n".join(lines))
    report = finish(few.evaluating.run(run=result.run, truth=truth, label_column="label"))[1]
    metrics = report["metrics"]
    assert metrics["cluster_accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 6}
    assert metrics["novel_categories"]["value"] == 1
    assert {"kmeans_accuracy", "kmeans_nmi"} <= report["baseline"].keys()
    assert metrics["accuracy_all"]["n"] == 6  # those of the split test
    assert (metrics["accuracy_seen"]["n"], metrics["accuracy_novel"]["n"]) == (4, 2)
    assert "k-means" in report["verdict"]
    report = finish(few.evaluating.run(run=result.run))[1]
    assert "cluster_accuracy" in report["not_scored"] and "accuracy_all" in report["metrics"]


def stopped_and_resumed(studio, method, steps, **options):
    """Models of an uninterrupted run, and of one that was stopped at some steps."""
    _, whole = finish(studio.training.run(method, train="head", **options))
    job, names = studio.training.run(method, train="head", **options), []
    for step in steps:
        stop_at(job, step)
        (run,) = [r for r in studio.training.runs.all() if r.state is RunState.RUNNING]
        assert run.step == step and 0 < run.step < run.total
        names.append(run.id)
        job = studio.training.run(method, resume=run.id)
    _, result = finish(job)
    assert set(names) == {result.run} and result.run != whole.run
    model = [studio.training.runs.folder(r.run) / "model.safetensors" for r in (whole, result)]
    assert not (model[1].parent / "resume.safetensors").exists()
    return [path.read_bytes() for path in model]


def test_ecaml_goes_on_with_the_labels_and_vectors_of_its_start(many):
    job = many.training.run("ecaml", train="head", settings=ECAML)
    stop_at(job, 2)
    named = np.flatnonzero(many.catalogue.category == 1) + 1
    many.labelling.label(named, 2)
    _, result = finish(many.training.run("ecaml", resume="ecaml-2"))
    assert result.card.data["labelled"] == 39
    many.labelling.undo()
    _, whole = finish(many.training.run("ecaml", train="head", settings=ECAML))
    folders = [many.training.runs.folder(r.run) for r in (result, whole)]
    first, second = ((folder / "model.safetensors").read_bytes() for folder in folders)
    assert first == second


@pytest.mark.parametrize("steps", [(2,), (4, 11)])
def test_st_protopnet_goes_on_in_either_fit(few, steps):
    set_split(few, np.array([2, 10, 18]), Split.VAL)
    first, second = stopped_and_resumed(few, "st-protopnet", steps, settings=ALL_OF_THEM)
    assert first == second


@pytest.mark.parametrize("step", [3, 6])
def test_crkd_goes_on_and_proposes_once(few, step):
    few.labelling.unlabel(np.arange(17, 25))
    first, second = stopped_and_resumed(few, "crkd", [step], settings=CRKD)
    assert first == second
    assert [d.run for d in few.review.discoveries()] == ["crkd-1", "crkd-2"]


def test_the_last_fit_learns_from_validation_images_too(few):
    set_split(few, np.array([2, 3, 10, 11, 18, 19]), Split.VAL)
    _, result = finish(few.training.run("st-protopnet", train="head", settings=ALL_OF_THEM))
    found = bundle.read(few.training.runs.folder(result.run))
    assert len(found.training) == 18 and not len(found.validation)
    assert found.calibrated_on == "validation" and found.evaluation["final"]["accuracy"] >= 0
    assert found.category_ids.tolist() == [1, 2, 3]
    settings = PROTO | {"final_fit": "no"}
    _, result = finish(few.training.run("st-protopnet", train="head", settings=settings))
    found = bundle.read(few.training.runs.folder(result.run))
    assert (len(found.training), len(found.validation)) == (12, 6)
    assert result.card.metrics["accuracy"]["n"] == 6


def test_the_last_fit_leaves_validation_images_to_judge_bans_with(few, monkeypatch):
    set_split(few, np.array([2, 3, 10, 11, 18, 19]), Split.VAL)
    monkeypatch.setattr(data, "AUDIT_LEAST", 3)
    _, result = finish(few.training.run("st-protopnet", train="head", settings=PROTO))
    found = bundle.read(few.training.runs.folder(result.run))
    assert (len(found.training), len(found.validation)) == (15, 3)
    opened = few.prototypes.opened(result.run)
    assert few.catalogue.category[opened.validation - 1].tolist() == [1, 2, 3]
    finish(few.prototypes.prepare(result.run))
    effects = few.prototypes.effects(result.run, [0])
    assert (effects.on, effects.items) == ("validation", 3)
    assert effects.accuracy_before == pytest.approx(found.evaluation["final"]["accuracy"])
    _, child = finish(few.prototypes.refit(result.run))
    derived = few.prototypes.opened(child)
    assert derived.validation.tolist() == opened.validation.tolist()
    assert len(derived.bundle.training) == 15
    assert few.prototypes.effects(child, [0]).on == "validation"


def test_a_few_validation_images_all_stay_out_of_the_last_fit(few):
    set_split(few, np.array([2, 3, 10, 11, 18, 19]), Split.VAL)
    _, result = finish(few.training.run("st-protopnet", train="head", settings=PROTO))
    found = bundle.read(few.training.runs.folder(result.run))
    assert (len(found.training), len(found.validation)) == (12, 6)


def test_few_test_items_and_validation_judge_a_run_together(few):
    some = np.flatnonzero(few.catalogue.columns.split == Split.TEST) + 1
    set_split(few, some[:4], Split.VAL)
    _, result = finish(few.training.run("st-protopnet", train="head", settings=PROTO))
    assert result.card.metrics["accuracy"]["n"] == 6
    assert "the few labelled items of the split test" in result.card.data["protocol"]


def test_without_test_items_validation_judges_the_fit_that_did_not_see_it(few):
    columns = few.catalogue.columns
    set_split(few, np.flatnonzero(columns.split == Split.TEST) + 1, Split.VAL)
    _, result = finish(few.training.run("st-protopnet", train="head", settings=ALL_OF_THEM))
    card = result.card
    assert card.metrics["accuracy"]["n"] == 6 and "validation" in card.data["protocol"]
    assert any("before the last" in note for note in card.notes)
    assert not (few.training.runs.folder(result.run) / "first").exists()


def test_the_first_fit_is_the_last_when_it_was_enough(few):
    set_split(few, np.array([2, 3, 10, 11, 18, 19]), Split.VAL)
    job = few.training.run("st-protopnet", train="head", settings=ALL_OF_THEM | {"epochs": 8})
    for report in job:
        if report.detail.get("losses") and report.done == 2:
            few.training.enough(report.detail["run"])
            break
    _, result = finish(job)
    found = bundle.read(few.training.runs.folder(result.run))
    assert (len(found.training), len(found.validation)) == (12, 6)
    assert result.card.metrics["accuracy"]["n"] == 6
    assert any("Ended early" in note for note in result.card.notes)


def test_small_categories_are_left_out_and_unreviewed_proposals_teach_nothing(few):
    few.labelling.unlabel(np.arange(17, 25))
    rare, proposed = np.array([18, 19]), np.array([20])
    few.labelling.label(rare, 3)
    few.labelling.label(proposed, 1, source=LabelSource.MODEL, confidence=0.9)
    _, result = finish(few.training.run("st-protopnet", train="head", settings=PROTO))
    assert result.card.data["items"] == 12
    assert any("left out: kind2" in note for note in result.card.notes)
    _, result = finish(few.training.run("crkd", settings=CRKD))
    assert result.card.data["items"] == 17
    (discovery,) = few.review.discoveries()
    assert discovery.items == 3


def test_a_classifier_is_scored_against_a_truth_file(few, tmp_path):
    _, result = finish(few.training.run("st-protopnet", train="head", settings=PROTO))
    few.labelling.unlabel(few.catalogue.item_ids)
    truth = tmp_path / "truth.csv"
    names = [f"{Path(p).parent.name}/{Path(p).name}" for p in few.catalogue.columns.paths]
    lines = [f"{n},{'other' if i == 0 else n.split('/')[0]}" for i, n in enumerate(names)]
    truth.write_text("path,label\n" + "\n".join(lines))
    report = finish(few.evaluating.run(run=result.run, truth=truth))[1]
    assert report["metrics"]["accuracy"]["n"] == 5
    assert "1 items" in report["not_scored"]["accuracy"]
    assert report["metrics"].keys() == result.card.metrics.keys()
    assert "probe" in report["verdict"]
    report = finish(few.evaluating.run(run=result.run, truth=truth, queries=["test", "none"]))[1]
    assert report["metrics"]["accuracy"]["n"] == 5


@pytest.mark.parametrize("method", ["ecaml", "st-protopnet", "crkd"])
def test_a_run_that_cannot_begin_leaves_nothing(few, method):
    few.labelling.unlabel(np.arange(9, 25))
    with pytest.raises(UserError) as caught:
        finish(few.training.run(method))
    assert caught.value.remedy and not few.training.runs.all()


def test_the_verbs(few, capsys):
    few.labelling.unlabel(np.arange(17, 25))
    path = few.store.path
    few.close()

    def verb(*words):
        code = main([*map(str, words), "--json"])
        return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])["result"]

    given = [word for k, v in CRKD.items() for word in ("--set", f"{k}={v}")]
    code, answer = verb("train", "crkd", path, *given)
    assert code == 0 and answer["run"] == "crkd-1" and answer["space"] == ""
    assert answer["card"]["metrics"]["novel_categories"]["value"] == 1
    given = [word for k, v in PROTO.items() for word in ("--set", f"{k}={v}")]
    code, answer = verb("train", "st-protopnet", path, "--train", "head", *given)
    assert code == 0 and answer["run"] == "st-protopnet-1"
    code, answer = verb("evaluate", path, "--run", "st-protopnet-1", "--queries", "test")
    assert code == 0 and answer["metrics"]["accuracy"]["n"] == 4
    _, answer = verb("runs", path)
    assert [r["run"] for r in answer["runs"]] == ["crkd-1", "st-protopnet-1"]
    assert verb("runs", path, "discard", "st-protopnet-1")[1]["state"] == "discarded"
    assert not (path / "runs" / "st-protopnet-1" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("method", "word", "settings"),
    [("st-protopnet", "Judging with", PROTO), ("crkd", "Judging the", CRKD)],
)
def test_a_run_stopped_after_its_training_is_concluded(few, method, word, settings):
    if method == "crkd":
        few.labelling.unlabel(np.arange(17, 25))
    job = few.training.run(method, train="head", settings=settings)
    leave_at(job, word)
    (run,) = few.training.runs.all()
    assert run.state is RunState.RUNNING and not few.review.discoveries()
    _, result = finish(few.training.run(method, resume=run.id))
    assert result.card.metrics and few.training.runs.get(run.id).state is RunState.FINISHED
    assert len(few.review.discoveries()) == (method == "crkd")


def test_ecaml_stopped_while_it_embeds_is_concluded(many):
    job = many.training.run("ecaml", train="head", settings=ECAML)
    leave_at(job, "Embedding")
    run = many.training.runs.all()[-1]
    assert run.state is RunState.RUNNING
    _, result = finish(many.training.run("ecaml", resume=run.id))
    assert result.card.findings and many.exploring.space(run.id).info.complete


def leave_at(job, word):
    """Close a run's job at the first report that begins so."""
    for report in job:
        if report.text.startswith(word):
            job.close()
            return
    raise AssertionError(word)
