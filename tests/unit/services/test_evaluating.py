"""Evaluation of a space in a real project: who is scored against whom, and the numbers."""

import csv
import sys

import numpy as np
import pytest
from PIL import Image

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Box, LabelSource, NewImage, Progress, Split
from fgvc_studio.services import scoring
from fgvc_studio.services.studio import Studio
from fgvc_studio.vision import decode

NAMES = ("Aglais", "Boloria", "Colias", "Danaus", "Erebia")
EACH = 24
PARTS = (Split.TRAIN, Split.TRAIN, Split.VAL, Split.TEST)


class SameProcess:
    """Stands for the helper process."""

    def run(self, function, *arguments, title=""):
        yield Progress(0, 0, title)
        return function(*arguments)


def drive(job):
    reports = []
    try:
        while True:
            reports.append(next(job))
    except StopIteration as stop:
        return stop.value, reports


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Five categories of 24 items in 16 dimensions; coloured thumbnails; splits by turns."""
    studio = Studio.create(tmp_path / "p.fgvc", who="tester")
    photos = tmp_path / "photos"
    photos.mkdir()
    n = len(NAMES) * EACH
    true = np.repeat(np.arange(len(NAMES)), EACH)
    root = studio.store.images.add_root(photos)
    ids = studio.store.images.add(
        root,
        [NewImage(f"{NAMES[true[i]]}/{i:03}.jpg", 9, 9, bytes([i]) * 32, 40, 30) for i in range(n)],
    )
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(5, 16))[true] + rng.normal(0, 1.1, (n, 16)))
    writer = studio.store.arrays.create_space("blobs", "lite0", 16, "key", "torch", {})
    writer.append(ids, vectors * rng.uniform(5, 20, (n, 1)).astype(np.float32))
    writer.close()
    colours = [(c * 50, 255 - c * 50, 90) for c in range(5)]
    studio.store.thumbs.put_many(
        [
            (int(i), decode.thumbnail_jpeg(Image.new("RGB", (40, 30), colours[c])))
            for i, c in zip(ids, true, strict=True)
        ]
    )
    with studio.store.operations.record("import", "Labels", who="tester"):
        categories = np.array([studio.store.categories.add(name) for name in NAMES])
        studio.store.labels.set(ids, categories[true], source=LabelSource.IMPORT)
        split = np.array([PARTS[i % 4] for i in range(n)], np.uint8)
        studio.store.labels.set_splits(ids, split)
    studio.close()
    with Studio.open(tmp_path / "p.fgvc", who="tester") as studio:
        monkeypatch.setattr(studio.exploring, "lane", SameProcess)
        monkeypatch.setattr("fgvc_studio.services.scoring.UMAP_LEAST", 1000)
        monkeypatch.setattr("fgvc_studio.services.scoring.QUERY_BLOCK", 50)
        yield studio, vectors, true, split


def write_truth(path, rows, header=("path", "fine", "split")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def truth_rows(true, split):
    words = {1: "train", 2: "valid", 3: "test"}
    return [
        (f"{NAMES[c]}/{i:03}.jpg", NAMES[c], words[int(s)])
        for i, (c, s) in enumerate(zip(true, split, strict=True))
    ]


def test_everything_is_gallery_and_query(made):
    studio, x, true, _ = made
    report, reports = drive(studio.evaluating.run("blobs"))
    scores = x @ x.T
    np.fill_diagonal(scores, -9)
    recall = np.mean(true[scores.argmax(1)] == true)
    assert 0.5 < recall < 1
    metrics = report["metrics"]
    assert metrics["recall@1"]["value"] == pytest.approx(recall)
    assert metrics["recall@1"]["n"] == report["items"] == 120
    assert metrics["recall@1"]["low"] < recall < metrics["recall@1"]["high"]
    assert metrics["recall@5"]["value"] > recall
    assert metrics["kmeans_accuracy"]["value"] > 0.6
    assert metrics["kmeans_nmi"]["low"] < metrics["kmeans_nmi"]["value"]
    assert metrics["colour_histogram_recall@1"]["value"] == 1
    missing = report["not_scored"]
    assert set(missing) >= {"linear_probe", "lda_map@r", "umap_kmeans_accuracy"}
    assert not set(missing) & set(metrics)
    assert [r.done for r in reports] == sorted(r.done for r in reports)
    assert reports[-1].done == reports[-1].total


def test_gallery_and_queries_by_split(made):
    studio, x, true, split = made
    report, _ = drive(
        studio.evaluating.run(None, gallery=["train", "validation"], queries=["test"])
    )
    test = split == Split.TEST
    near = (x[test] @ x[~test].T).argmax(1)
    metrics = report["metrics"]
    assert metrics["recall@1"]["value"] == pytest.approx(np.mean(true[~test][near] == true[test]))
    assert metrics["recall@1"]["n"] == test.sum()
    assert report["items"] == 120
    assert metrics["lda_recall@1"]["n"] == test.sum()
    again, _ = drive(studio.evaluating.run(None, gallery=["train", "validation"], queries=["test"]))
    assert again == report


def test_a_query_in_the_gallery_does_not_find_itself(made):
    studio, x, true, split = made
    report, _ = drive(studio.evaluating.run("blobs", queries=["val"]))
    scores = x @ x.T
    np.fill_diagonal(scores, -9)
    chosen = split == Split.VAL
    expected = np.mean(true[scores.argmax(1)] == true, where=chosen)
    assert report["metrics"]["recall@1"]["value"] == pytest.approx(expected)
    assert "linear_probe" not in report["metrics"]


def test_novel_categories_come_from_the_truth_file(made, tmp_path):
    studio, x, true, split = made
    file = write_truth(tmp_path / "truth.csv", truth_rows(true, split))
    with pytest.raises(UserError, match="without a label"):
        drive(studio.evaluating.run("blobs", truth=file, categories="novel"))
    studio.labelling.unlabel(np.flatnonzero(true >= 3) + 1)
    report, _ = drive(
        studio.evaluating.run("blobs", truth=file, label_column="fine", categories="novel")
    )
    novel = true >= 3
    scores = x[novel] @ x[novel].T
    np.fill_diagonal(scores, -9)
    expected = np.mean(true[novel][scores.argmax(1)] == true[novel])
    assert report["items"] == novel.sum()
    assert report["metrics"]["recall@1"]["value"] == pytest.approx(expected)
    assert report["metrics"]["lda_map@r"]["n"] == novel.sum()
    known, _ = drive(studio.evaluating.run("blobs", truth=file, categories="known"))
    assert known["items"] == (~novel).sum()


def test_truth_is_matched_by_path_and_brings_its_own_splits(made, tmp_path):
    studio, _, true, split = made
    rows = truth_rows(true, split)
    rows = [
        (str(tmp_path / "photos" / p), c, "shop" if i % 2 else "field")
        for i, (p, c, _) in enumerate(rows[:80])
    ]
    rows.append(("Aglais/unknown.jpg", "Aglais", "shop"))
    file = write_truth(tmp_path / "t.csv", rows, ("Image", "Species", "Place"))
    report, _ = drive(
        studio.evaluating.run(
            "blobs", truth=file, split_column="place", gallery=["Shop"], queries=["field"]
        )
    )
    assert report["items"] == 80
    assert report["unmatched"] == 1
    assert report["metrics"]["recall@1"]["n"] == 40
    labels = studio.catalogue.category.copy()
    np.testing.assert_array_equal(studio.catalogue.category, labels)
    assert not studio.store.read_only


def test_truth_beside_the_pictures_and_items_that_are_boxes(made, tmp_path):
    studio, _, true, split = made
    studio.store.images.add_boxes(1, [Box(0, 0, 10, 10)])
    file = write_truth(tmp_path / "photos" / "truth.csv", truth_rows(true, split))
    from fgvc_studio.services import truth

    again = Studio(studio.store, "tester")
    found = truth.of_file(again, file)
    assert [found.names[i] for i in found.label[[0, -1]]] == ["Aglais", "Aglais"]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"categories": "new"}, "no choice"),
        ({"gallery": ["holdout7"]}, "No item"),
        ({"label_column": "fine"}, "truth file"),
    ],
)
def test_faults_are_said_plainly(made, options, what):
    studio, *_ = made
    with pytest.raises(UserError, match=what):
        drive(studio.evaluating.run("blobs", **options))


@pytest.mark.parametrize(
    ("rows", "header", "what"),
    [
        ([("x.jpg", "A")], ("path", "fine"), "names an image"),
        ([("Aglais/000.jpg", "A")], ("path", "kind"), "no column"),
        ([("Aglais/000.jpg", "A"), ("Aglais/000.jpg", "B")], ("path", "fine"), "two categories"),
        ([], ("path", "fine"), "no rows"),
    ],
)
def test_bad_truth_files(made, tmp_path, rows, header, what):
    studio, *_ = made
    file = write_truth(tmp_path / "t.csv", rows, header)
    with pytest.raises(UserError, match=what):
        drive(studio.evaluating.run("blobs", truth=file))


@pytest.mark.parametrize("categories", ["all", "known", "novel"])
def test_without_labels_there_is_nothing_to_score(made, categories):
    studio, _, true, _ = made
    studio.labelling.unlabel(np.arange(len(true)) + 1)
    with pytest.raises(UserError):
        drive(studio.evaluating.run("blobs", categories=categories))


def test_many_queries_are_sampled(made, monkeypatch):
    studio, *_ = made
    monkeypatch.setattr(scoring, "QUERY_LIMIT", 30)
    report, _ = drive(studio.evaluating.run("blobs", seed=3))
    assert report["metrics"]["knn10_weighted"]["n"] == 30
    assert report["items"] == 120


def test_stopping_is_possible_after_any_report(made):
    studio, *_ = made
    job = studio.evaluating.run("blobs")
    next(job)
    next(job)
    job.close()
    with pytest.raises(StopIteration):
        next(job)


def test_nothing_heavy_at_import():
    import subprocess

    code = (
        "import sys, fgvc_studio.services.evaluating as e;"
        "print([m for m in ('torch','sklearn','umap','faiss','scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
