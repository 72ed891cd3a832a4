"""The doctor's findings in words, caches in another place, names with an ORCID."""

from PIL import Image

from fgvc_studio.services import health, settings
from fgvc_studio.services.studio import Studio


def facts(**more):
    return {
        "versions": {"torch": "2.6", "numpy": "2.1"}, "qt_missing": [], "qt_remedy": "",
        "weights": {"lite0": "/w"}, "disk_free_gb": 80.0, "cores": 8, "gpu": "",
    } | more  # fmt: skip


def test_faults_come_first_and_say_what_to_do():
    found = health.findings(
        facts(versions={"torch": None}, disk_free_gb=0.4, qt_missing=["libEGL.so.1"],
              qt_remedy="sudo apt-get install -y libegl1")
    )  # fmt: skip
    levels = [f.level for f in found]
    assert levels == sorted(levels, key=["bad", "note", "good"].index)
    assert levels.count("bad") == 3
    assert all(f.remedy for f in found if f.level == "bad")
    assert any("apt-get" in f.remedy for f in found)


def test_a_machine_in_order_has_no_fault():
    assert {f.level for f in health.findings(facts(gpu="H100"))} == {"good"}
    little = health.findings(facts(disk_free_gb=3.0, gpu="H100"))
    assert [f.level for f in little].count("note") == 1


def test_photos_that_are_gone_are_named(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        Image.new("RGB", (40, 30), (60 * i, 90, 120)).save(photos / f"{i}.png")
    with Studio.create(tmp_path / "P.fgvc", who="Ada") as studio:
        for _ in studio.ingest.run(photos):
            pass
        assert [f.level for f in health.of_project(studio)] == ["good"]
        gone = photos / "1.png"
        gone.unlink()
        worst = health.of_project(studio)[0]
        assert worst.level == "bad" and str(gone) in worst.what and worst.remedy


def test_caches_lie_where_the_settings_say(tmp_path):
    inside = Studio.create(tmp_path / "A.fgvc", who="Ada")
    inside.close()
    assert inside.store.cache == tmp_path / "A.fgvc" / "cache"
    settings.save(settings.AppSettings(cache=str(tmp_path / "fast disk")))
    with Studio.open(tmp_path / "A.fgvc") as studio:
        assert studio.store.cache.parent == tmp_path / "fast disk"
        assert studio.training.runs.views("r-1").is_relative_to(studio.store.cache)
    with Studio.create(tmp_path / "B.fgvc") as other:
        assert other.store.cache != studio.store.cache


def test_a_place_that_cannot_be_made_leaves_the_cache_inside(tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings.save(settings.AppSettings(cache=str(tmp_path / "file" / "below")))
    with Studio.create(tmp_path / "A.fgvc") as studio:
        assert studio.store.cache == tmp_path / "A.fgvc" / "cache"


def test_the_orcid_stands_behind_the_name():
    settings.save(settings.AppSettings(who="Ada", orcid="0000-0002-1825-0097"))
    assert settings.default_who() == "Ada (0000-0002-1825-0097)"
