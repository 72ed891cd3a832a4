import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from memory_store import MemoryStore
from PIL import Image

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import ItemsAdded, OpChanges
from fgvc_studio.domain.records import Duplicate, LabelSource, Split
from fgvc_studio.interchange.base import ColumnMapping
from fgvc_studio.services import import_images
from fgvc_studio.services.bus import Bus
from fgvc_studio.services.ingest import Ingest


@pytest.fixture
def studio():
    bus = Bus()
    made = SimpleNamespace(store=MemoryStore(), bus=bus, who="Ana", catalogue=None, events=[])
    bus.subscribe(made.events.append)
    return made


def picture(path, seed, size=(80, 60), **save):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (8, 9, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path, **save)
    return path


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    for i, name in enumerate(["A/1.png", "A/2.png", "B/3.png", "B/c/4.jpg"]):
        picture(root / name, i)
    (root / "A" / "bad.jpg").write_text("no picture")
    (root / "notes.txt").write_text("x")
    return root


def finish(job):
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def run(studio, source, **options):
    return finish(Ingest(studio).run(source, **options))


def labels_of(studio):
    """Path -> names of the category from the root."""
    store, found = studio.store, {}
    for item in store.images.items_:
        names = []
        category_id = store.labels.by_item.get(item.id, (0, 0))[0] or None
        while category_id:
            category = store.categories.get(category_id)
            names.insert(0, category.name)
            category_id = category.parent_id
        found[store.images.get(item.image_id).path] = tuple(names)
    return found


def test_a_folder_of_categories(studio, folder):
    result = run(studio, folder)
    assert (result.images, result.items, result.labelled, result.categories) == (4, 4, 4, 3)
    assert labels_of(studio) == {
        "A/1.png": ("A",),
        "A/2.png": ("A",),
        "B/3.png": ("B",),
        "B/c/4.jpg": ("B", "c"),
    }
    assert {s.path for s in result.skipped} == {"A/bad.jpg", "notes.txt"}
    assert all(s.reason for s in result.skipped)
    assert studio.store.images.skipped() == result.skipped
    record = studio.store.images.get(1)
    assert (record.width, record.height, len(record.sha256)) == (80, 60, 32)
    assert studio.store.thumbs.get(1)[:2] == b"\xff\xd8"
    assert [op.summary for op in studio.store.operations.history()] == [
        "Imported 4 labels from photos"
    ]
    assert {source for _, source in studio.store.labels.by_item.values()} == {LabelSource.IMPORT}
    added = [e for e in studio.events if isinstance(e, ItemsAdded)]
    assert sum(e.count for e in added) == 4
    assert isinstance(studio.events[-1], OpChanges)


def test_the_same_again_changes_nothing(studio, folder):
    run(studio, folder)
    studio.events.clear()
    again = run(studio, folder)
    assert (again.images, again.labelled, again.categories, again.unchanged) == (0, 0, 0, 4)
    assert studio.events == []
    assert len(studio.store.operations.history()) == 1


def test_changed_and_touched_files(studio, folder):
    run(studio, folder)
    before = studio.store.images.get(1)
    thumb = studio.store.thumbs.get(1)
    picture(folder / "A" / "1.png", 77, (120, 90))
    os.utime(folder / "A" / "2.png", (1, 1))
    picture(folder / "A" / "5.png", 78)
    result = run(studio, folder)
    assert (result.images, result.updated, result.unchanged) == (1, 1, 3)
    after = studio.store.images.get(1)
    assert after.sha256 != before.sha256
    assert (after.width, after.height) == (120, 90)
    assert studio.store.thumbs.get(1) != thumb
    assert studio.store.images.get(2).mtime_ns == 10**9
    assert result.labelled == 1


def test_a_labels_file_with_splits_and_a_list_of_categories(studio, folder, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(
        "name,genus,epithet,part,trap\nA/1.png,Danaus,one,train,T1\nA/2.png,Danaus,two,test,\n"
        "B/3.png,Vanessa,three,val,T2\nB/none.png,Vanessa,three,val,T2\n"
    )
    only = tmp_path / "known.txt"
    only.write_text("one\nThree\nseven\n")
    mapping = ColumnMapping(path="name", label=("genus", "epithet"), split="part")
    result = run(studio, folder, labels=table, mapping=mapping, only_categories=only)
    assert (result.images, result.labelled, result.categories) == (4, 2, 4)
    assert labels_of(studio) == {
        "A/1.png": ("Danaus", "one"),
        "A/2.png": (),
        "B/3.png": ("Vanessa", "three"),
        "B/c/4.jpg": (),
    }
    assert studio.store.labels.split_of == {1: Split.TRAIN, 2: Split.TEST, 3: Split.VAL}
    assert studio.store.metadata.of_item(1)["trap"] == "T1"
    assert "trap" not in studio.store.metadata.of_item(2)
    told = {w.text: w for w in result.warnings}
    assert told["1 row of labels.csv names no image of this source."].examples == ("B/none.png",)
    assert told["Categories of the list that no row has."].examples == ("seven",)
    assert studio.store.operations.history()[0].summary == "Imported 2 labels from labels.csv"


def test_decisions_made_before_are_kept(studio, folder, tmp_path):
    run(studio, folder, folders="none")
    with studio.store.operations.record("label", "by hand", who="Ana"):
        mine = studio.store.categories.add("mine")
        studio.store.labels.set(np.array([1, 2]), mine, source=LabelSource.HUMAN)
        studio.store.labels.set_splits(np.array([3]), np.array([Split.TEST]))
    table = tmp_path / "labels.csv"
    table.write_text("path,label,split\nA/1.png,Mine,\nA/2.png,other,\nB/3.png,other,train\n")
    result = run(studio, folder, labels=table)
    assert (result.labelled, result.kept) == (1, 1)
    assert labels_of(studio)["A/2.png"] == ("mine",)
    assert studio.store.labels.split_of == {3: Split.TEST}
    assert "1 item keeps its earlier label" in result.warnings[-1].text


def test_copies_are_marked(studio, tmp_path):
    root = tmp_path / "photos"
    first = picture(root / "a.png", 1, (320, 240))
    (root / "b.png").write_bytes(first.read_bytes())
    with Image.open(first) as image:
        image.resize((160, 120)).save(root / "c.jpg", quality=40)
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "d.png")
    picture(root / "e.png", 2, (320, 240))
    result = run(studio, root)
    assert (result.duplicates, result.near_duplicates) == (1, 2)
    kinds = [(r.duplicate, r.duplicate_of) for r in studio.store.images.records]
    assert kinds == [
        (Duplicate.NO, None),
        (Duplicate.EXACT, 1),
        (Duplicate.NEAR, 1),
        (Duplicate.NEAR, 1),
        (Duplicate.NO, None),
    ]
    more = tmp_path / "more"
    more.mkdir()
    (more / "z.png").write_bytes(first.read_bytes())
    assert run(studio, more).duplicates == 1
    assert studio.store.images.get(6).duplicate_of == 1


def test_stopped_anywhere_the_next_import_completes_it(studio, folder, monkeypatch):
    monkeypatch.setattr(import_images, "BATCH", 1)
    monkeypatch.setattr(import_images, "_GROUP", 1)
    monkeypatch.setattr(import_images, "_TICK", 0.0)
    job = Ingest(studio).run(folder)
    for _ in job:
        if studio.store.images.count() >= 2:
            break
    job.close()
    assert 2 <= studio.store.images.count() < 4
    assert studio.store.labels.by_item == {}
    result = run(studio, folder)
    assert result.images + result.unchanged == 4
    assert result.labelled == 4
    assert [r.path for r in studio.store.images.records] == [
        "A/1.png", "A/2.png", "B/3.png", "B/c/4.jpg",
    ]  # fmt: skip


def test_boxes_are_items_and_new_boxes_are_added(studio, folder, tmp_path):
    table = tmp_path / "boxes.csv"
    head = "path,label,x,y,width,height\n"
    table.write_text(head + "A/1.png,one,1,2,10,20\nA/2.png,two,,,,\nA/1.png,three,30,2,10,20\n")
    result = run(studio, table, images=folder)
    assert (result.images, result.items, result.labelled) == (2, 3, 3)
    boxes = [(item.image_id, item.box and item.box.x) for item in studio.store.images.items_]
    assert boxes == [(1, 1.0), (1, 30.0), (2, None)]
    table.write_text(table.read_text() + "A/1.png,four,50,2,10,20\n")
    again = run(studio, table, images=folder)
    assert (again.images, again.items, again.labelled) == (0, 1, 1)
    assert studio.store.images.items_[3].box.x == 50
    named = {
        i: studio.store.categories.get(c).name for i, (c, _) in studio.store.labels.by_item.items()
    }
    assert named == {1: "one", 2: "three", 3: "two", 4: "four"}


def test_camera_facts_and_the_table_above_them(studio, tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5"
    exif.get_ifd(0x8769)[0x9003] = "2021:07:04 23:15:00"
    exif.get_ifd(0x8825).update({1: "S", 2: (12.0, 30.0, 0.0), 3: "W", 4: (45.0, 0.0, 36.0)})
    picture(tmp_path / "in" / "a.jpg", 1, exif=exif)
    picture(tmp_path / "in" / "b.jpg", 2, exif=exif)
    table = tmp_path / "t.csv"
    table.write_text("path,date,place\nb.jpg,1999-01-01,Lyon\n")
    run(studio, tmp_path / "in", labels=table)
    facts = studio.store.metadata.of_item(1)
    assert facts == {
        "date": "2021-07-04T23:15:00",
        "camera": "Canon EOS R5",
        "latitude": "-12.5",
        "longitude": "-45.01",
    }
    assert studio.store.metadata.of_item(2)["date"] == "1999-01-01"
    assert studio.store.metadata.of_item(2)["place"] == "Lyon"


def test_files_that_vanish_or_cannot_be_opened_are_skipped(studio, folder, monkeypatch):
    real = Path.open

    def guarded(path, *args, **kwargs):
        if path.name == "2.png":
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", guarded)
    result = run(studio, folder)
    reasons = {s.path: s.reason for s in result.skipped}
    assert "permission" in reasons["A/2.png"]
    assert result.images == 3


def test_category_names_meet_what_is_there(studio, folder, tmp_path):
    with studio.store.operations.record("categories", "", who="Ana"):
        genus = studio.store.categories.add("Danaus")
        studio.store.categories.add("plexippus", genus)
    table = tmp_path / "t.csv"
    table.write_text("path,label\nA/1.png,PLEXIPPUS\nA/2.png,Danaus > plexippus\nB/3.png,danaus\n")
    result = run(studio, folder, labels=table)
    assert (result.labelled, result.categories) == (3, 0)
    assert labels_of(studio)["A/1.png"] == labels_of(studio)["A/2.png"] == ("Danaus", "plexippus")


def test_preview_tells_what_run_does_and_writes_nothing(studio, folder, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("path,label,split\nA/1.png,x,train\nA/2.png,y,val\n")
    preview = Ingest(studio).preview(folder, labels=table)
    assert (preview.rows, preview.labelled, preview.categories) == (5, 2, 2)
    assert preview.columns == ["path", "label", "split"]
    assert studio.store.images.count() == 0
    result = run(studio, folder, labels=table)
    assert result.labelled == preview.labelled


def test_progress_keeps_coming_while_files_are_slow(studio, folder, monkeypatch):
    from fgvc_studio.vision import decode

    real = decode.examine

    def slow(path):
        time.sleep(0.4)
        return real(path)

    monkeypatch.setattr(decode, "examine", slow)
    last, longest, texts = time.monotonic(), 0.0, []
    for report in Ingest(studio).run(folder):
        longest = max(longest, time.monotonic() - last)
        last = time.monotonic()
        texts.append(report.text)
    assert longest < 0.35
    assert texts[-1] == "Writing labels"


def test_a_source_that_cannot_be_read_is_an_error_in_words(studio, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        run(studio, tmp_path / "nothing")
    with pytest.raises(UserError, match="list of categories"):
        picture(tmp_path / "in" / "a.png", 1)
        run(studio, tmp_path / "in", only_categories=tmp_path / "none.txt")
