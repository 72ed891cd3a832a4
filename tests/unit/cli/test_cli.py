"""The command line as scripts use it: results, exit codes, errors in words."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgvc_studio.cli.app import main

ROOT = Path(__file__).parents[3]


def picture(path: Path, colour: tuple[int, int, int], seed: int) -> None:
    """A smooth picture around a colour, different for each seed."""
    rng = np.random.default_rng(seed)
    small = np.clip(np.array(colour) + rng.normal(0, 40, (5, 6, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(small).resize((120, 100), Image.Resampling.BICUBIC).save(path, quality=92)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    colours = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 200)}
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "fine", "split"])
        for n, (name, colour) in enumerate(colours.items()):
            for i in range(6):
                picture(folder / name / f"{i}.jpg", colour, 10 * n + i)
                table.writerow([f"{name}/{i}.jpg", name, "test" if i % 3 == 2 else "train"])
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    return folder


def call(capsys, *args: object) -> tuple[int, dict]:
    """Run a verb with --json; the exit code and the last object."""
    capsys.readouterr()
    code = main([*map(str, args), "--json"])
    lines = capsys.readouterr().out.strip().splitlines()
    for line in lines:
        assert isinstance(json.loads(line), dict)
    return code, json.loads(lines[-1])


def ok(capsys, *args: object) -> dict:
    code, answer = call(capsys, *args)
    assert (code, answer["ok"]) == (0, True), answer
    return answer["result"]


def test_from_photos_to_export(photos, tmp_path, capsys):
    project, labels = tmp_path / "p.fgvc", photos / "labels.csv"
    seen = ok(capsys, "preview", photos)
    assert seen["rows"] >= 18
    made = ok(
        capsys, "new", project, "--images", photos, "--labels", labels, "--path-column", "path",
        "--label-column", "fine", "--split-column", "split", "--who", "Ada",
    )  # fmt: skip
    assert (made["images"], made["items"], made["labelled"], made["categories"]) == (18, 18, 18, 3)
    assert any("broken.jpg" in s["path"] and s["reason"] for s in made["skipped"])
    again = ok(capsys, "add", project, photos, "--labels", labels, "--path-column", "path",
               "--label-column", "fine", "--split-column", "split")  # fmt: skip
    assert (again["images"], again["labelled"], again["unchanged"]) == (0, 0, 18)
    assert ok(capsys, "info", project)["labelled"] == 18

    space = ok(capsys, "embed", project)
    assert (space["space"], space["items"], space["dim"]) == ("lite0", 18, 1280)
    assert ok(capsys, "embed", project)["embedded"] == 0
    drawn = ok(capsys, "map", project, "--space", "lite0", "--method", "pca")
    assert drawn["items"] == 18

    red = "red/0.jpg"
    near = ok(capsys, "similar", project, "--space", "lite0", "--item", red, "-k", 5)["items"]
    assert len(near) == 5
    assert near == sorted(near, key=lambda h: -h["score"])
    assert red not in {h["path"] for h in near}
    by_file = ok(capsys, "similar", project, "--file", photos / red, "-k", 1)["items"]
    assert by_file[0]["path"] == red
    assert by_file[0]["score"] == pytest.approx(1.0, abs=1e-3)
    region = ok(capsys, "similar", project, "--item", red, "--box", "10,10,50,50", "-k", 3)
    assert len(region["items"]) == 3
    assert all(len(h["box"]) == 4 for h in region["items"])

    changed = ok(capsys, "label", project, "--category", "Warm > crimson", red, "2")
    assert changed["changed"] == 2
    assert changed["created"] == ["Warm", "Warm > crimson"]
    assert ok(capsys, "undo", project)["changed"] == 2
    assert ok(capsys, "redo", project)["changed"] == 2
    assert ok(capsys, "unlabel", project, red)["changed"] == 1
    history = ok(capsys, "history", project)["operations"]
    assert [o["verb"] for o in history[:2]] == ["unlabel", "label"]
    assert history[-1]["who"] == "Ada"

    tree = ok(capsys, "categories", "list", project)["categories"]
    assert {c["path"] for c in tree} >= {"Warm", "Warm > crimson", "red"}
    ok(capsys, "categories", "rename", project, "crimson", "scarlet")
    ok(capsys, "categories", "merge", project, "red", "--into", "scarlet")
    merged = next(
        c for c in ok(capsys, "categories", "list", project)["categories"]
        if c["name"] == "scarlet"
    )  # fmt: skip
    assert "red" in merged["synonyms"]

    out = tmp_path / "out.csv"
    assert ok(capsys, "export", project, out, "--format", "csv")["rows"] == 18
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {r["who"] for r in rows if r["category"]} >= {"Ada"}
    folders = ok(capsys, "export", project, tmp_path / "tree", "--format", "imagefolder")
    assert folders["files"] == 17
    replayed = ok(capsys, "replay", project, tmp_path / "again.fgvc")
    assert replayed["equal"] is True


def test_only_listed_categories_are_labelled(photos, tmp_path, capsys):
    listed = tmp_path / "known.txt"
    listed.write_text("red\nblue\n")
    made = ok(
        capsys, "new", tmp_path / "p", "--images", photos, "--labels", photos / "labels.csv",
        "--path-column", "path", "--label-column", "fine", "--only-categories", listed,
    )  # fmt: skip
    assert (made["items"], made["labelled"], made["categories"]) == (18, 12, 2)


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["info", "nowhere"], "no project"),
        (["new", "x", "--images", "nowhere"], "not there"),
        (["undo", "@P"], "nothing to undo"),
        (["similar", "@P", "--item", "1"], "embed"),
        (["label", "@P", "--category", "a", "999"], "item 999"),
        (["label", "@P", "--category", "a", "no.jpg"], "no.jpg"),
        (["export", "@P", "out.csv", "--format", "docx"], "docx"),
        (["map", "@P"], "embed"),
        (["history", "@P", "--since", "yesterday"], "no date"),
    ],
)
def test_the_worlds_faults_are_a_sentence_and_a_remedy(args, word, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "photos" / "a.jpg", (9, 9, 200), 1)
    ok(capsys, "new", tmp_path / "p", "--images", tmp_path / "photos")
    code, answer = call(capsys, *[str(tmp_path / "p") if a == "@P" else a for a in args])
    assert code == 1
    assert word in (answer["error"] + answer["remedy"]).lower()
    assert "Traceback" not in answer["error"]


def test_usage_errors_exit_with_2(capsys):
    assert main(["embed"]) == 2
    assert main(["no-such-verb"]) == 2


def test_ctrl_c_exits_with_130_and_keeps_what_was_imported(tmp_path):
    for i in range(400):
        picture(tmp_path / "photos" / f"{i}.jpg", (i % 255, 90, 90), i)
    command = [sys.executable, "-m", "fgvc_studio", "new", str(tmp_path / "p"), "--images",
               str(tmp_path / "photos"), "--json"]  # fmt: skip
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ})
    assert run.stdout is not None
    for line in run.stdout:
        if json.loads(line).get("done", 0) >= 1:
            break
    time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    rest = run.stdout.read().strip().splitlines()
    code = run.wait(30)
    answer = json.loads(rest[-1])
    if answer["ok"]:  # the import was quicker than the signal
        assert answer["result"]["images"] == 400
        return
    assert code == 130
    done = subprocess.run(
        [*command[:3], "add", str(tmp_path / "p"), str(tmp_path / "photos"), "--json"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout.strip().splitlines()[-1])["result"]
    assert answer["images"] + answer["unchanged"] == 400


@pytest.fixture(scope="module")
def small(photos, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "p.fgvc"
    assert main(["new", str(folder), "--quiet"]) == 0
    assert main(["add", str(folder), str(photos), "--quiet"]) == 0
    return folder


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("label",), 2, "Say what to label"),
        (("label", "--category", "red", "--from", "x.csv"), 2, "Say what to label"),
        (("label", "--category", "red", "999"), 1, "Item 999 is not in this project"),
        (("label", "--category", "red", "²"), 1, "²"),
        (("similar",), 2, "Say what to compare with"),
    ],
)
def test_what_is_misused_differs_from_what_can_be_mended(capsys, small, words, code, text):
    found, answer = call(capsys, words[0], small, *words[1:])
    assert found == code and not answer["ok"]
    assert text in answer["error"] and answer["remedy"]


def test_a_project_may_come_before_the_verb(capsys, small):
    assert ok(capsys, "categories", small, "list") == ok(capsys, "categories", "list", small)
    assert ok(capsys, "categories", small) == ok(capsys, "categories", "list", small)


def test_who_needs_a_name(capsys, small):
    code, answer = call(capsys, "label", small, "1", "--category", "red", "--who", "")
    assert code == 2 and "--who" in answer["error"]


def test_without_a_display_the_window_says_so():
    bare = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    bare.pop("QT_QPA_PLATFORM", None)
    done = subprocess.run(
        [sys.executable, "-m", "fgvc_studio"], cwd=ROOT, env=bare, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    if sys.platform == "linux":
        assert done.returncode == 1 and "no display" in done.stderr


def test_a_closed_pipe_is_no_fault(small):
    line = f"{sys.executable} -m fgvc_studio history {small} --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr
