"""Runs over a small project: space, card, resume, keep and discard, the verbs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fgvc_studio.cli.app import main
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.runs import RunState
from tests.unit.services.training_kit import finish, project

ROOT = Path(__file__).parents[3]
QUICK = {"epochs": 2, "batch": 8, "outputs": 32, "hidden": 16, "bottleneck": 8}


@pytest.fixture
def studio(tmp_path):
    with project(tmp_path) as made:
        yield made


def test_a_run_makes_a_space_and_a_card(studio):
    reports, result = finish(studio.training.run("cmd", train="head", settings=QUICK))
    frozen = studio.embedding.spaces()[0].name
    space = studio.exploring.space(result.space)
    assert space.info.complete and len(space.item_ids) == 24
    np.testing.assert_allclose(np.linalg.norm(space.vectors, axis=1), 1, atol=1e-4)
    card = studio.training.runs.card(result.run)
    assert card.data["items"] == 18 and card.data["splits"] == ["train", "val"]
    assert card.metrics.keys() == card.baseline.keys() >= {"knn10_weighted", "recall@1", "map@r"}
    assert card.metrics["knn10_weighted"]["n"] == 6
    for metric in [*card.metrics.values(), *card.baseline.values()]:
        assert metric["low"] <= metric["value"] <= metric["high"]
    assert card.difference["knn10_weighted"]["value"] == pytest.approx(
        card.metrics["knn10_weighted"]["value"] - card.baseline["knn10_weighted"]["value"]
    )
    assert ("not better" in card.verdict) is (not card.better)
    assert studio.embedding.default_space() == frozen  # until the run is kept
    assert [r["step"] for r in studio.training.runs.metrics(result.run)] == [1, 2, 3, 4]
    assert any("losses" in r.detail and "seconds_left" in r.detail for r in reports)
    folder = studio.training.runs.folder(result.run)
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "run.json", "card.json", "config.json", "live-map.npz", "material.npz", "metrics.jsonl",
        "model.safetensors",
    }  # fmt: skip


def test_keep_and_discard(studio):
    _, result = finish(studio.training.run("cmd", train="head", settings=QUICK))
    studio.training.runs.keep(result.run)
    assert studio.embedding.default_space() == result.space
    near = studio.exploring.similar_to_file(studio.store.images.path_of(1), 3)
    assert near.item_ids[0, 0] == 1 and near.scores[0, 0] > 0.999
    studio.training.runs.discard(result.run)
    assert studio.training.runs.get(result.run).state is RunState.DISCARDED
    assert result.space not in [s.name for s in studio.embedding.spaces()]
    assert studio.embedding.default_space() != result.space
    assert studio.training.runs.card(result.run).run == result.run
    with pytest.raises(UserError, match="discarded"):
        studio.training.runs.keep(result.run)


def test_a_stopped_run_goes_on_and_equals_a_whole_one(studio):
    _, whole = finish(studio.training.run("cmd", train="head", settings=QUICK))
    job = studio.training.run("cmd", train="head", settings=QUICK)
    for report in job:
        if report.detail.get("losses") and report.done == 2:
            job.close()
            break
    (stopped,) = [r for r in studio.training.runs.all() if r.state is RunState.RUNNING]
    assert (stopped.step, stopped.total) == (2, 4)
    with pytest.raises(UserError, match="not finished"):
        studio.training.runs.card(stopped.id)
    _, result = finish(studio.training.run("cmd", resume=stopped.id))
    first, second = (
        (studio.training.runs.folder(name) / "model.safetensors").read_bytes()
        for name in (whole.run, result.run)
    )
    assert first == second
    with pytest.raises(UserError, match="finished"):
        finish(studio.training.run("cmd", resume=result.run))


def test_without_labels_nothing_is_claimed(studio):
    studio.labelling.unlabel(studio.catalogue.item_ids)
    _, result = finish(studio.training.run("cmd", train="head", splits=["all"], settings=QUICK))
    assert result.card.better is None and not result.card.metrics
    assert "cannot be measured" in result.card.verdict
    assert any("test" in note for note in result.card.notes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "none"},
        {"method": "cmd", "preset": "slow"},
        {"method": "cmd", "splits": ["odd"]},
        {"method": "cmd", "settings": {"epochs": 0}},
        {"method": "cmd", "space": "nowhere"},
        {"method": "cmd", "resume": "cmd-9"},
    ],
)
def test_wrong_wishes_are_refused_in_words(studio, wrong):
    with pytest.raises(UserError) as caught:
        finish(studio.training.run(**wrong))
    assert caught.value.remedy
    assert not studio.training.runs.all()


def verb(capsys, *args):
    code = main([*map(str, args), "--json"])
    return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_the_verbs(studio, capsys):
    path, frozen = studio.store.path, studio.embedding.default_space()
    studio.close()
    settings = [word for k, v in QUICK.items() for word in ("--set", f"{k}={v}")]
    code, answer = verb(capsys, "train", "cmd", path, "--train", "head", *settings)
    assert code == 0, answer
    assert {"run", "space", "card", "seconds"} <= answer["result"].keys()
    _, answer = verb(capsys, "runs", path)
    (found,) = answer["result"]["runs"]
    assert {"run": "cmd-1", "method": "cmd", "space": "cmd-1", "state": "finished"}.items() <= (
        found.items()
    )
    assert verb(capsys, "runs", path, "show", "cmd-1")[1]["result"]["card"]["run"] == "cmd-1"
    assert verb(capsys, "runs", path, "keep", "cmd-1")[1]["result"]["state"] == "kept"
    code, answer = verb(capsys, "runs", path, "compare", frozen, "cmd-1")
    assert code == 0 and answer["result"]["drift"]["items"] == 24
    assert 0 <= answer["result"]["drift"]["neighbours_kept"] <= 1
    assert verb(capsys, "runs", path, "compare", "cmd-1", "cmd-1")[0] == 1
    assert verb(capsys, "runs", path, "discard", "cmd-1")[1]["result"]["state"] == "discarded"
    assert verb(capsys, "runs", path, "show", "cmd-7")[0] == 1
    code, answer = verb(capsys, "train", "cmd", "--settings")
    assert code == 0 and "epochs" in [s["name"] for s in answer["result"]["settings"]]


def test_a_killed_run_goes_on_to_the_same_weights(studio, capsys):
    _, whole = finish(studio.training.run("cmd", train="head", settings=QUICK | {"epochs": 40}))
    kept = (studio.training.runs.folder(whole.run) / "model.safetensors").read_bytes()
    path = studio.store.path
    studio.close()
    settings = [w for k, v in (QUICK | {"epochs": 40}).items() for w in ("--set", f"{k}={v}")]
    command = [sys.executable, "-m", "fgvc_studio", "train", "cmd", str(path), "--train", "head"]
    process = subprocess.Popen([*command, *settings, "--quiet"], cwd=ROOT, env=os.environ)
    log = path / "runs" / "cmd-2" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert log.exists() and not (path / "runs" / "cmd-2" / "card.json").exists()
    code, _ = verb(capsys, "train", "cmd", path, "--resume", "cmd-2")
    assert code == 0
    assert (path / "runs" / "cmd-2" / "model.safetensors").read_bytes() == kept
