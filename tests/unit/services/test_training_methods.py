"""ECAML, ST-ProtoPNet and Cr-KD over small projects."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.services.training_kit import finish, project

ECAML = {"steps": 3, "categories_per_batch": 4, "per_category": 2, "views": 1}
PROTO = {
    "epochs": 2, "warm_epochs": 1, "batch": 6, "prototypes": 1, "dim": 8, "last_layer_epochs": 1,
    "random_views": 1,
}  # fmt: skip
CRKD = {
    "novel": 1, "gate": "off", "known_epochs": 2, "known_warmup": 1, "epochs": 2, "warmup": 1,
    "least_steps": 1, "hidden": 12, "projection": 6, "views": 2, "batch": 8,
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
