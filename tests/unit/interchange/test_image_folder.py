import os
import time

import pytest

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Skipped, Split
from fgvc_studio.interchange.image_folder import ImageFolderReader
from fgvc_studio.interchange.registry import reader, sniff


def fill(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def rows(root, **options):
    found = list(ImageFolderReader(**options).rows(root))
    skipped = {s.path: s.reason for s in found if isinstance(s, Skipped)}
    return {r.relative: r for r in found if not isinstance(r, Skipped)}, skipped


def test_nested_folders_are_a_tree(tmp_path):
    fill(tmp_path, "Danaus/plexippus/1.jpg", "Danaus/chrysippus/1.jpg", "Vanessa/1.jpg", "x.jpg")
    found, _ = rows(tmp_path)
    assert found["Danaus/plexippus/1.jpg"].category == ("Danaus", "plexippus")
    assert found["Vanessa/1.jpg"].category == ("Vanessa",)
    assert found["x.jpg"].category == ()
    preview = ImageFolderReader().preview(tmp_path)
    assert (preview.rows, preview.labelled, preview.categories) == (4, 3, 3)
    assert preview.folders == "categories"
    assert any("beside the category folders" in w.text for w in preview.warnings)


def test_split_folders_and_a_common_folder(tmp_path):
    fill(tmp_path, "all/train/A/1.jpg", "all/valid/A/1.jpg", "all/test/B/1.jpg")
    found, _ = rows(tmp_path)
    assert [(r.category, r.split) for r in found.values()] == [
        (("B",), Split.TEST),
        (("A",), Split.TRAIN),
        (("A",), Split.VAL),
    ]


def test_dates_and_cameras_are_no_categories(tmp_path):
    fill(tmp_path, "2024-05-01/1.jpg", "2024-05-02 trap/1.jpg", "100CANON/1.jpg")
    found, _ = rows(tmp_path)
    assert {r.category for r in found.values()} == {()}
    preview = ImageFolderReader().preview(tmp_path)
    assert preview.folders == "none"
    assert "dates or cameras" in preview.warnings[0].text
    assert rows(tmp_path, folders="categories")[0]["100CANON/1.jpg"].category == ("100CANON",)
    assert rows(tmp_path, folders="tags")[0]["100CANON/1.jpg"].metadata == {"folder": "100CANON"}


def test_one_folder_is_no_category(tmp_path):
    fill(tmp_path, "photos of june/1.jpg", "photos of june/2.jpg")
    assert {r.category for r in rows(tmp_path)[0].values()} == {()}
    assert rows(tmp_path, folders="categories")[0]["photos of june/1.jpg"].category == (
        "photos of june",
    )


def test_everything_else_is_left_out_with_a_reason(tmp_path):
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"x")
    root = tmp_path / "root"
    fill(root, "a.jpg", ".hidden.jpg", "._a.jpg", "Thumbs.db", "n.txt", "r.CR2", "v.MP4", "LICENSE")
    fill(root, ".git/x.jpg", "p.fgvc/cache/x.jpg", "folder.jpg/inside.jpg", "newline\nname.jpg")
    (root / "loop").symlink_to(".")
    (root / "dangling.jpg").symlink_to("nowhere.jpg")
    (root / "in.jpg").symlink_to("a.jpg")
    (root / "out.jpg").symlink_to(outside)
    os.mkfifo(root / "pipe.jpg")
    latin = os.fsdecode(b"latin1_\xe9.jpg")
    fill(root, latin)
    found, skipped = rows(root)
    assert set(found) == {"a.jpg", "folder.jpg/inside.jpg", "newline\nname.jpg", latin}
    expected = {
        ".hidden.jpg": "hidden",
        "._a.jpg": "macOS",
        "Thumbs.db": "operating system",
        "n.txt": "text",
        "LICENSE": "text",
        "r.CR2": "raw",
        "v.MP4": "video",
        ".git": "hidden folder",
        "p.fgvc": "project",
        "loop": "link to something in this folder",
        "dangling.jpg": "does not exist",
        "in.jpg": "link to something in this folder",
        "out.jpg": "out of the folder",
        "pipe.jpg": "named pipe",
    }
    assert set(skipped) == set(expected)
    for path, words in expected.items():
        assert words in skipped[path], path


def test_an_unreadable_folder_does_not_stop_the_walk(tmp_path, monkeypatch):
    fill(tmp_path, "closed/a.jpg", "open/b.jpg")
    real = os.scandir

    def guarded(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found, skipped = rows(tmp_path)
    assert set(found) == {"open/b.jpg"}
    assert skipped == {"closed": "folder cannot be read (permission denied)"}


def test_names_that_differ_little_are_told(tmp_path):
    fill(tmp_path, "Danaus/1.jpg", "danaus/2.jpg", "Vanessa /1.jpg", "Vanessa /2.jpg")
    preview = ImageFolderReader().preview(tmp_path)
    texts = {w.text.partition(";")[0]: w for w in preview.warnings}
    assert "Danaus / danaus" in texts["Category names that differ only in capitals"].examples
    assert "'Vanessa '" in texts["Category names with spaces at an end or doubled"].examples
    assert preview.categories == 2


def test_preview_of_many_files_reports_and_can_be_stopped(tmp_path):
    for i in range(3000):
        (tmp_path / f"{i}.jpg").touch()
    steps = ImageFolderReader().preview_steps(tmp_path)
    assert next(steps).text.endswith("files found")
    steps.close()
    started = time.monotonic()
    assert ImageFolderReader().preview(tmp_path).rows == 3000
    assert time.monotonic() - started < 2


def test_registry(tmp_path):
    assert sniff(tmp_path).format == "image_folder"
    assert reader("table").title
    with pytest.raises(UserError, match="no import format"):
        reader("nonsense")
    with pytest.raises(UserError, match="does not exist"):
        sniff(tmp_path / "nothing")
    fill(tmp_path, "a.xyz")
    with pytest.raises(UserError, match="neither"):
        sniff(tmp_path / "a.xyz")
