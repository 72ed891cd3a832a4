"""ECAML, ST-ProtoPNet and Cr-KD over small projects."""

import pytest

from tests.unit.services.training_kit import finish, project

QUICK = {
    "ecaml": {"steps": 10, "categories_per_batch": 4, "per_category": 2, "views": 1},
}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Thirteen categories of eight pictures."""
    with project(tmp_path_factory.mktemp("many"), kinds=13, each=8) as made:
        yield made


def test_ecaml_makes_a_space_and_tells_what_hidden_categories_say(many):
    reports, result = finish(many.training.run("ecaml", settings=QUICK["ecaml"]))
    assert many.exploring.space(result.space).info.complete
    card = many.training.runs.card(result.run)
    assert card == result.card
    assert card.data["items"] == 78 == card.data["labelled"]
    hidden = card.findings["Categories hidden from training"]
    assert {"map@r", "recall@1", "lda_map@r", "plain_map@r"} <= hidden.baseline.keys()
    assert card.verdict == hidden.verdict and card.better == hidden.better
    assert ("keep the old space" in card.verdict) is (not card.better)
    assert card.metrics["knn10_weighted"]["n"] == 26
    assert any("hidden" in note for note in card.notes)
    assert reports[0].detail["categories_hidden"] == 3
