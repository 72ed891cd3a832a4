"""The verbs prototypes, queue and label --suggest, on a copy of the prepared project."""

import json
import sys
from pathlib import Path

import pytest

from fgvc_studio.cli.app import main

sys.path.insert(0, str(Path(__file__).parents[1] / "services"))
from prototypes_project import make_prepared

RUN = "st-protopnet-1"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_prepared(tmp_path_factory.mktemp("cli")) / "p.fgvc"


@pytest.fixture
def call(project, capsys):
    def run(*words, code=0):
        capsys.readouterr()
        assert main(["--json", *map(str, words)]) == code
        lines = capsys.readouterr().out.strip().splitlines()
        found = json.loads(lines[-1])
        return found["result"] if code == 0 else found

    return run


def test_list_show_and_models(call, project):
    found = call("prototypes", project, "list")
    ranked = [p["suspicion"] for p in found["prototypes"]]
    assert found["run"] == RUN and ranked == sorted(ranked, reverse=True)
    some = call("prototypes", project, "list", "--category", "kind 1", "--limit", 2)
    assert {p["category"] for p in some["prototypes"]} == {"kind 1"}
    (shown,) = call("prototypes", project, "show", 3)["prototypes"]
    assert shown["id"] == 3 and shown["weights"] and shown["alternatives"]
    assert call("prototypes", project, "models")["models"][0]["prepared"]


def test_verdict_forbid_effects_restore_and_undo(call, project):
    assert call("prototypes", project, "verdict", "background", "2-3", "--note", "pin")["changed"]
    (shown,) = call("prototypes", project, "show", 3)["prototypes"]
    assert (shown["verdict"], shown["note"]) == ("background", "pin")
    call("prototypes", project, "verdict", "none", "2-3")
    assert call("prototypes", project, "forbid", 2, "--reason", "pin")["forbidden"] == [2]
    effects = call("prototypes", project, "effects")
    assert effects["off"] == [2] and effects["on"] == "validation"
    assert call("prototypes", project, "effects", 2, 5)["off"] == [2, 5]
    assert call("prototypes", project, "restore", 2)["forbidden"] == []
    call("undo", project)
    assert call("prototypes", project, "effects")["off"] == [2]
    call("prototypes", project, "restore", 2)


def test_explain_confusion_differences(call, project):
    found = call("prototypes", project, "explain", 4)
    first = found["contributions"][str(found["first"])]
    assert sum(c["product"] for c in first) == pytest.approx(
        found["logits"][str(found["first"])], abs=1e-5
    )
    assert call("prototypes", project, "confusion", "kind 0", "kind 1")["border"]
    assert call("prototypes", project, "differences", "kind 0", 15, 16)["differences"]


def test_plate_report_and_refit(call, project, tmp_path):
    assert Path(
        call("prototypes", project, "plate", "kind 0", tmp_path / "p.svg")["file"]
    ).is_file()
    files = call("prototypes", project, "report", tmp_path / "audit")["files"]
    assert all(Path(f).is_file() for f in files)
    made = call("prototypes", project, "refit", "--run", RUN)
    assert made["from"] == RUN and made["run"] == "st-protopnet-2"


def test_queues_and_suggested_labels(call, project):
    for kind in ("second-opinion", "uncertain", "unreviewed"):
        assert call("queue", project, kind)["queue"] == kind
    found = call("label", project, "--suggest", "--run", RUN, "--least", 0.0)
    strange = sum(s["unknown"] for s in found["suggestions"])
    assert found["unknown"] == strange
    assert found["changed"] == len(found["suggestions"]) - strange


def test_mistakes_are_told(call, project):
    assert "no verdict" in call("prototypes", project, "verdict", "bad", 1, code=1)["error"]
    assert "cannot 'dance'" in call("prototypes", project, "dance", code=2)["error"]
    assert "no prototype" in call("prototypes", project, "forbid", "x", code=1)["error"]
    assert "no queue" in call("queue", project, "long", code=2)["error"]
