"""Plate and report: what they hold, and what they refuse."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from prototypes_kit import EACH, KINDS, RUN, finish

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import Verdict
from fgvc_studio.services import prototypes_compare, prototypes_table


def test_a_plate_is_drawn_as_pdf_and_as_png(proto_studio, tmp_path):
    prototypes = proto_studio.prototypes
    prototypes.forbid(RUN, [0], "noise beside the bar")
    pdf = prototypes.plate(RUN, 1, tmp_path / "sheets" / "plate.pdf")
    assert pdf.read_bytes().startswith(b"%PDF")
    png = prototypes.plate(RUN, 1, tmp_path / "plate.png")
    with Image.open(png) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[0] > pixels.shape[1] > 1000 and pixels.std() > 5
    with pytest.raises(UserError, match="gif"):
        prototypes.plate(RUN, 1, tmp_path / "plate.gif")
    with pytest.raises(UserError, match="does not know"):
        prototypes.plate(RUN, 99, tmp_path / "plate.png")


def test_typical_photos_lead_and_border_photos_do_not(proto_studio):
    opened = proto_studio.prototypes.opened(RUN)
    typical, border = prototypes_compare.standing(opened, 1, [], 3)
    rows, logits = prototypes_table.logits_without(opened, [])
    own = int(opened.bundle.class_of(np.array([1]))[0])
    mine = rows[proto_studio.catalogue.category[rows] == 1]
    leads = {}
    for row in mine.tolist():
        of = logits[int(np.flatnonzero(rows == row)[0])]
        leads[row + 1] = float(of[own] - np.delete(of, own).max())
        if row + 1 in [s.item_id for s in border]:
            rival = next(s.rival for s in border if s.item_id == row + 1)
            assert of[int(opened.bundle.class_of(np.array([rival]))[0])] == np.delete(of, own).max()
    ranked = sorted(leads.values())
    assert [s.lead for s in typical] == pytest.approx(ranked[::-1][:3])
    assert [s.lead for s in border] == pytest.approx(ranked[: len(mine) // 2][:3])
    assert border
    assert not {s.item_id for s in typical} & {s.item_id for s in border}
    few = prototypes_compare.standing(opened, 1, [], 1000)
    assert len(few[0]) + len(few[1]) == len(mine)


def test_the_report_holds_every_prototype_and_who_judged_it(proto_studio, tmp_path):
    prototypes = proto_studio.prototypes
    prototypes.verdict(RUN, [2], Verdict.BACKGROUND, "<noise> & more")
    prototypes.forbid(RUN, [2, 5], "lies on the ground")
    _, files = finish(prototypes.report(RUN, tmp_path / "audit"))
    facts = json.loads((tmp_path / "audit" / "report.json").read_text("utf-8"))
    with (tmp_path / "audit" / "prototypes.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    page = (tmp_path / "audit" / "report.html").read_text("utf-8")
    table = prototypes.table(RUN)
    assert len(rows) == len(facts["prototypes"]) == len(table)
    assert len(files) == 3 + len(table) and all(f.is_file() for f in files)
    for row, one in zip(rows, table, strict=True):
        assert int(row["id"]) == one.id and row["branch"] == one.branch
        assert float(row["suspicion"]) == pytest.approx(one.suspicion, abs=1e-5)
        assert f"id=p{one.id}>" in page
    assert rows[2]["verdict"] == "background" and rows[2]["judged_by"] == "ana"
    assert [r["reason"] for r in rows if r["forbidden"] == "1"] == ["lies on the ground"] * 2
    assert "&lt;noise&gt; &amp; more" in page and "<noise>" not in page
    assert facts["quality"]["faithfulness"] < 1e-4
    assert facts["bans"]["accuracy_after"] == prototypes.effects(RUN).accuracy_after
    assert facts["run"]["model_sha256"] == prototypes.opened(RUN).bundle.model
    assert facts["history"][0]["what"].startswith("Forbade 2 prototypes")
    finish(prototypes.report(RUN, tmp_path / "audit"))  # its own folder may be written again
    other = tmp_path / "photos"
    other.mkdir()
    (other / "a.txt").write_text("mine")
    with pytest.raises(UserError, match="other files"):
        finish(prototypes.report(RUN, other))


def parts_file(folder):
    """Masks and a key point for the pictures of the kit: the left half is the object."""
    mask = {"shape": [24, 30], "runs": [v for _ in range(24) for v in (1, 15, 0, 15)]}
    entry = {"points": {"eye": [30.0, 48.0, True]}, "mask": mask,
             "confounders": {"label": [80, 10, 20, 20]}}  # fmt: skip
    images = {f"{kind}-{i}.png": entry for kind in range(KINDS) for i in range(EACH)}
    (folder / "parts.json").write_text(json.dumps({"mask_step": 4, "images": images}))


def test_known_masks_and_key_points_take_the_place_of_the_estimate(proto_studio, tmp_path):
    prototypes = proto_studio.prototypes
    root = proto_studio.store.images.roots()[0].path
    moved = tmp_path / "mine"
    shutil.copytree(root, moved)
    proto_studio.store.images.move_root(proto_studio.store.images.roots()[0].id, moved)
    parts_file(moved)
    finish(prototypes.prepare(RUN))
    opened = prototypes.opened(RUN)
    table = prototypes.table(RUN)
    assert all("outside" in p.parts and "outside_estimated" not in p.parts for p in table)
    assert all(0 <= p.purity <= 1 for p in table)
    _, files = finish(prototypes.report(RUN, tmp_path / "audit"))
    quality = json.loads(files[2].read_text("utf-8"))["quality"]
    assert {"iou", "content_heat", "consistency", "stability", "purity"} <= quality.keys()
    assert 0 <= quality["iou"] <= 1 and 0 <= quality["stability"] <= 100
    from fgvc_studio.services.prototypes_truth import Truths, coverage

    known = Truths(proto_studio).of(1)
    frame = opened.frames([1])[0]
    share = coverage(known, frame, opened.grid)
    middle = frame.to_input(60, 48)[0] / frame.geometry.size * opened.grid[1]
    assert (share[:, : int(middle)] == 1).all() and (share[:, int(middle) + 1 :] == 0).all()
    assert known.confounders["label"].x == 80
