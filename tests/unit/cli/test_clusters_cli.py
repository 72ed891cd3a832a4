"""The verb clusters as scripts use it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from fgvc_studio.cli.app import main

sys.path.insert(0, str(Path(__file__).parents[1] / "services"))
from review_kit import found_of, review_studio


def call(capsys, *args):
    capsys.readouterr()
    code = main([*map(str, args), "--json"])
    return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def ok(capsys, *args):
    code, answer = call(capsys, "clusters", *args)
    assert (code, answer["ok"]) == (0, True), answer
    return answer["result"]


@pytest.fixture
def project(tmp_path):
    studio, truth = review_studio(tmp_path)
    studio.review.propose(found_of(truth))
    studio.close()
    return tmp_path / "p", truth


def test_list_show_and_decide(project, capsys):
    folder, _ = project
    listed = ok(capsys, "list", folder)
    assert [c["size"] for c in listed["clusters"]] == [12, 12, 12]
    assert listed["clusters"][0]["state"] == "proposed" and listed["discovery"] == 1
    a, b, c = (x["id"] for x in listed["clusters"])
    shown = ok(capsys, "show", folder, a)
    assert len(shown["items"]) == 12 and shown["nearest"][0]["name"].startswith("Genus ")
    strays = shown["items"][-2:]
    assert ok(capsys, "strike", folder, a, *strays)["clusters"][0]["size"] == 10
    assert ok(capsys, "move", folder, a, *strays)["clusters"][0]["size"] == 12
    ok(capsys, "rename", folder, a, "The spotted one")
    named = ok(capsys, "accept", folder, a, "--qualifier", "cf.")
    assert named["clusters"][0]["category"] == "The cf. spotted one"
    sent = ok(capsys, "send", folder, b, "--to", "Genus bbb")
    assert sent["clusters"][1]["state"] == "known"
    parts = ok(capsys, "split", folder, c, "--preview")["parts"]
    assert sum(map(len, parts)) == 12
    split = ok(capsys, "split", folder, c)["clusters"]
    assert [x["size"] for x in split[2:]] == [len(p) for p in parts]
    merged = ok(capsys, "merge", folder, split[2]["id"], split[3]["id"])["clusters"]
    assert [x["size"] for x in merged] == [12, 12, 12]
    ok(capsys, "undecided", folder, merged[2]["id"])
    assert ok(capsys, "reject", folder, merged[2]["id"])["clusters"][2]["state"] == "rejected"
    assert "pairs" in ok(capsys, "suggest", folder)
    assert ok(capsys, "choose", folder, 1)["discovery"] == 1
    beside = ok(capsys, "compare", folder)
    assert beside["current"] == 1
    assert [d["discovery"] for d in beside["discoveries"]] == [1]


def test_a_spot_check(project, capsys):
    folder, _ = project
    drawn = ok(capsys, "check", folder, 1, "-n", 10)["items"]
    assert len(drawn) == 10
    noted = ok(capsys, "check", folder, 1, "-n", 10, "--right", 10)
    assert noted["purity_at_least"] == pytest.approx(0.762, abs=1e-3)


def test_growing_by_answers_then_audit_and_commit(project, capsys):
    folder, truth = project
    seeds = np.flatnonzero(truth == 3)[:4] + 1
    listed = folder.parent / "seeds.txt"
    listed.write_text("\n".join(map(str, seeds)))
    start = ["grow", folder, "--items", f"@{listed}", "--page", 4]
    first = ok(capsys, *start)
    assert not first["settled"] and first["page"] == 0 and len(first["items"]) == 4
    assert set(truth[np.array(first["items"]) - 1]) == {3}
    assert ok(capsys, *start, "--answers", "f")["page"] == 1
    done = ok(capsys, *start, "--answers", "ffjjjj")
    assert done["settled"] and len(done["proposed"]) == 8
    assert done["committed"] == 0 and done["sentence"].startswith("Not checked yet")
    end = ok(capsys, *start, "--answers", "ffjjjj", "--wrong", "none", "--commit", "--to", "Novus")
    assert end["committed"] == 8 and "0 wrong of 8" in end["sentence"]
    code, answer = call(capsys, "clusters", *start, "--answers", "fx")
    assert code == 1 and "answers" in answer["error"]


def test_an_audit_of_a_category(project, capsys):
    folder, _ = project
    found = ok(capsys, "audit", folder, "--category", "Genus aaa", "-n", 6)
    assert len(found["sample"]) == 6 and found["items"] == 12
    again = ok(
        capsys, "audit", folder, "--category", "Genus aaa", "-n", 6, "--wrong", found["sample"][0]
    )
    assert again["error_at_most"] == pytest.approx(0.582, abs=1e-3)
    code, _ = call(capsys, "clusters", "audit", folder)
    assert code == 2


def test_placing_what_is_left(project, capsys):
    folder, _ = project
    code, _ = call(capsys, "unlabel", folder, 1, 13)
    assert code == 0
    page = ok(capsys, "place", folder, 1, 13)
    assert [x["category"] for x in page["items"]] == ["Genus aaa", "Genus bbb"]
    done = ok(capsys, "place", folder, 1, 13, "--wrong", 13, "--commit")
    assert done["placed"] == 1


def test_mistakes_are_told(project, capsys):
    folder, _ = project
    for words in (("show", folder, 99), ("accept", folder, 99), ("merge", folder, 1)):
        code, answer = call(capsys, "clusters", *words)
        assert code == 1 and answer["remedy"], words


def test_what_was_set_apart_is_listed_confirmed_and_denied(tmp_path, capsys):
    studio, truth = review_studio(tmp_path)
    mine = np.flatnonzero(truth == 3)[:3] + 1
    rest = truth.copy()
    rest[mine - 1] = 0
    ids = {c.name: i for i, c in studio.catalogue.categories.items()}
    gated = np.array([ids["Genus aaa"], ids["Genus aaa"], ids["Genus bbb"]])
    studio.review.propose(found_of(rest, gated=mine, gated_category=gated))
    studio.close()
    folder = tmp_path / "p"
    listed = ok(capsys, "known", folder)["items"]
    assert [(r["id"], r["category"]) for r in listed] == [
        (int(mine[0]), "Genus aaa"),
        (int(mine[1]), "Genus aaa"),
        (int(mine[2]), "Genus bbb"),
    ]
    one = ok(capsys, "known", folder, mine[0], "--category", "Genus aaa", "--accept")
    assert one["decided"] == 1
    assert ok(capsys, "known", folder, "--category", "Genus aaa", "--reject")["decided"] == 1
    assert [r["id"] for r in ok(capsys, "known", folder)["items"]] == [int(mine[2])]
    code, answer = call(capsys, "clusters", "known", folder, "--accept")
    assert code != 0 and "category" in answer["error"]
