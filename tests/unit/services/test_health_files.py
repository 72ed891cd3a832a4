"""Missing files and disk use of a project."""

from __future__ import annotations

import shutil

from PIL import Image

from fgvc_studio.services import health
from fgvc_studio.services.studio import Studio


def test_missing_files_are_found_by_folder(tmp_path):
    photos = tmp_path / "photos"
    for name in ("a/1.png", "a/2.png", "b/1.png", "top.png"):
        path = photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (len(name), 3, 40)).save(path)
    with Studio.create(tmp_path / "p.fgvc") as studio:
        for _ in studio.ingest.run(photos):
            pass
        assert health.missing_files(studio) == []
        (photos / "a/2.png").unlink()
        shutil.rmtree(photos / "b")
        found = {p.relative_to(photos).as_posix() for p in health.missing_files(studio)}
        assert found == {"a/2.png", "b/1.png"}
        facts = health.facts(studio)
        assert facts["missing"] == 2 and facts["runs"] == []


def test_size_of_a_folder(tmp_path):
    (tmp_path / "x/y").mkdir(parents=True)
    (tmp_path / "x/y/1").write_bytes(b"12345")
    (tmp_path / "2").write_bytes(b"123")
    (tmp_path / "link").symlink_to(tmp_path / "missing")
    assert 8 <= health.folder_bytes(tmp_path) < 8 + 4096
    assert health.folder_bytes(tmp_path / "nowhere") == 0
