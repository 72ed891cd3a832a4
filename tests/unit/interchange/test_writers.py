import csv
import os

import pytest

from fgvc_studio.domain.records import Box
from fgvc_studio.interchange import image_folder, table
from fgvc_studio.interchange.export_row import ExportRow
from fgvc_studio.interchange.folder_writer import safe_name
from fgvc_studio.interchange.image_folder import ImageFolderReader


def finish(steps):
    counts = []
    while True:
        try:
            counts.append(next(steps))
        except StopIteration as end:
            return end.value, counts


def row(tmp_path, i=1, name="a.jpg", category=("Danaus", "plexippus"), **more):
    path = tmp_path / "in" / str(i) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"image %d" % i)
    return ExportRow(i, path, f"{i}/{name}", category, **more)


def test_csv_with_provenance(tmp_path):
    full = row(
        tmp_path, rank="species", source="human", confidence=0.5, who="Ana", at=86400.0, run="r1",
        marks=("reviewed", "flagged"), split="train", box=Box(1, 2, 3.5, 4), sha256=b"\xab\xcd",
        metadata={"place": "Lyon\nEst", "who": "x"},
    )  # fmt: skip
    out = tmp_path / "out.csv"
    count, _ = finish(table.write_csv(out, [full, row(tmp_path, 2)], metadata=["place", "who"]))
    assert count == 2
    with out.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first["category"] == "plexippus"
    assert first["category_path"] == "Danaus > plexippus"
    assert first["when"] == "1970-01-02T00:00:00Z"
    assert first["box_width"] == "3.5"
    assert first["sha256"] == "abcd"
    assert (first["who"], first["who (metadata)"]) == ("Ana", "x")
    assert first["place"] == "Lyon\nEst"
    assert second["when"] == second["confidence"] == second["box_x"] == ""


def test_csv_can_be_read_back(tmp_path):
    latin = os.fsdecode(b"\xe9.jpg")
    rows = [row(tmp_path, 1, latin), row(tmp_path, 2, "=cmd|calc.jpg", ("A",), split="val")]
    for safe in (False, True):
        out = tmp_path / "out.csv"
        finish(table.write_csv(out, rows, formula_safe=safe))
        found = list(table.TableReader().rows(out, images=tmp_path / "in"))
        assert [r.path for r in found] == [r.path for r in rows]
        assert [r.category for r in found] == [("Danaus", "plexippus"), ("A",)]


def test_formulas_are_disarmed_only_when_asked(tmp_path):
    risky = row(
        tmp_path, category=("=1+1",), who="@x", metadata={"t": "-5.5", "n": "+a", "m": "-cmd"}
    )
    out = tmp_path / "out.tsv"
    finish(table.write_csv(out, [risky], metadata=["t", "n", "m"], formula_safe=True))
    cells = dict(zip(*csv.reader(out.read_text().splitlines(), delimiter="\t"), strict=True))
    assert (cells["category"], cells["who"], cells["n"], cells["m"]) == (
        "'=1+1",
        "'@x",
        "'+a",
        "'-cmd",
    )
    assert cells["t"] == "-5.5"
    finish(table.write_csv(out, [risky]))
    assert "\t=1+1\t" in out.read_text()


def test_a_stopped_or_failed_export_leaves_the_old_file(tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("old")

    def many():
        for i in range(10_000):
            yield ExportRow(i, tmp_path, "x.jpg")

    steps = table.write_csv(out, many())
    assert next(steps) > 0
    steps.close()

    def broken():
        yield ExportRow(1, tmp_path, "x.jpg")
        raise RuntimeError("fault")

    with pytest.raises(RuntimeError):
        finish(table.write_csv(out, broken()))
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert out.read_text() == "old"


def test_parquet_round_trip(tmp_path):
    pytest.importorskip("pyarrow")
    out = tmp_path / "out.parquet"
    finish(table.write_parquet(out, [row(tmp_path, box=Box(1, 2, 3.5, 4))], metadata=["place"]))
    found = list(table.TableReader().rows(out, images=tmp_path / "in"))
    assert found[0].category == ("Danaus", "plexippus")
    assert found[0].boxes == (Box(1, 2, 3.5, 4),)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Danaus plexippus", "Danaus plexippus"),
        ("a/b\\c:d*?", "a_b_c_d__"),
        ("CON", "CON_"),
        ("nul.jpg", "nul_.jpg"),
        ("ends. ", "ends"),
        ("..", "_"),
        ("", "_"),
        ("sp. 1", "sp. 1"),
        ("é" * 200 + ".jpg", "é" * 58 + ".jpg"),
        ("\udce9.jpg", "_.jpg"),
    ],
)
def test_safe_names(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize("mode", ["copy", "hardlink", "symlink"])
def test_folders(tmp_path, mode):
    rows = [
        row(tmp_path, 1),
        row(tmp_path, 2),
        row(tmp_path, 3, "A.JPG"),
        row(tmp_path, 4, category=("Danaus", "Plexippus")),
        row(tmp_path, 5, category=("a/b",)),
        row(tmp_path, 6, category=("a:b",)),
        row(tmp_path, 7, category=()),
        ExportRow(8, tmp_path / "gone.jpg", "gone.jpg", ("x",)),
    ]
    out = tmp_path / "out"
    counts, steps = finish(image_folder.write(rows, out, mode=mode))
    assert steps == list(range(1, 9))
    assert (counts.files, counts.folders, counts.renamed) == (7, 5, 2)
    assert [s.path for s in counts.skipped] == ["gone.jpg"]
    found = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert found == {
        "Danaus/plexippus/a.jpg": b"image 1",
        "Danaus/plexippus/a (2).jpg": b"image 2",
        "Danaus/plexippus/A (3).JPG": b"image 3",
        "Danaus/Plexippus (2)/a.jpg": b"image 4",
        "a_b/a.jpg": b"image 5",
        "a_b (2)/a.jpg": b"image 6",
        "unlabelled/a.jpg": b"image 7",
    }
    again, _ = finish(image_folder.write(rows[:1], out, mode=mode))
    assert again.renamed == 1
    assert (out / "Danaus/plexippus/a.jpg").read_bytes() == b"image 1"
    if mode == "copy":
        assert ImageFolderReader().preview(out).categories == 5


def test_folders_with_splits_and_a_refused_hard_link(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    rows = [row(tmp_path, 1, split="train"), row(tmp_path, 2, category=())]
    counts, _ = finish(
        image_folder.write(rows, tmp_path / "out", mode="hardlink", splits=True, unlabelled="")
    )
    assert (counts.files, counts.copied_instead) == (1, 1)
    assert counts.skipped[0].reason == "has no label"
    assert (tmp_path / "out/train/Danaus/plexippus/a.jpg").is_file()
