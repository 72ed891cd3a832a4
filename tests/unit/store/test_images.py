from __future__ import annotations

import os

import numpy as np
import pytest
from store_kit import new_images

from fgvc_studio.domain.records import Box, Duplicate, NewImage, Skipped

ODD = [os.fsdecode(b"\xe9.jpg"), "two\nlines.jpg", "tab\t'quote\".jpg", "日本/蝶.jpg", " lead .jpg"]


def odd(path, **facts):
    return NewImage(path, 1, 2, path.encode("utf-8", "surrogateescape")[:32], 10, 20, **facts)


def test_ids_are_dense_and_columns_follow(shop):
    images = shop.store.images
    assert images.add(1, new_images(5, 60)).tolist() == [61, 62, 63, 64, 65]
    columns = images.columns()
    assert columns.item_ids.tolist() == list(range(1, 66))
    assert columns.image_ids.dtype == np.int64
    assert columns.width[:3].tolist() == [40, 41, 42]
    assert columns.paths[64] == "a/000064.jpg"
    assert columns.mtime[1] == pytest.approx(1_700_000_000.000000001)
    later = images.columns(61)
    assert later.item_ids.tolist() == [61, 62, 63, 64, 65]
    assert later.paths == columns.paths[60:]
    assert images.count() == 65
    none = images.columns(99)
    assert len(none.item_ids) == 0 and none.paths == [] and none.has_box.dtype == bool


def test_odd_names_round_trip(shop):
    images = shop.store.images
    ids = images.add(1, [odd(p) for p in ODD])
    assert images.columns(int(ids[0])).paths == ODD
    assert [images.get(61 + k).path for k in range(len(ODD))] == ODD
    assert images.items_of_paths(ODD) == dict(zip(ODD, ids.tolist(), strict=True))
    assert set(ODD) <= set(images.known(1))
    assert [p.name for p in images.paths_of_items(ids)] == [p.rsplit("/")[-1] for p in ODD]
    images.note_skipped(1, [Skipped(p, f"bad: {p}") for p in ["x" + o for o in ODD]])
    assert {s.path for s in images.skipped()} == {"x" + o for o in ODD}


def test_a_root_whose_name_is_no_utf8(shop, tmp_path):
    images = shop.store.images
    strange = tmp_path / os.fsdecode(b"caf\xe9")
    root = images.add_root(strange)
    assert images.add_root(strange) == root
    item = images.add(root, [odd("b.jpg")])
    assert images.paths_of_items(item) == [strange / "b.jpg"]
    inside = shop.store.path / os.fsdecode(b"in\xff")
    assert images.add_root(inside) != root
    assert images.roots()[-1].relative and images.roots()[-1].path == inside


def test_roots_move_and_inside_ones_are_relative(shop, tmp_path):
    images = shop.store.images
    inside = images.add_root(shop.store.path / "photos")
    assert [r.relative for r in images.roots()] == [False, True]
    images.move_root(1, tmp_path / "elsewhere")
    assert images.path_of(1) == tmp_path / "elsewhere" / "a/000000.jpg"
    assert images.add_root(shop.store.path / "photos") == inside


def test_boxes_are_items_of_their_image(shop):
    images = shop.store.images
    boxes = (Box(1, 2, 8, 9), Box(3.5, 4, 5, 6))
    ids = images.add(1, [odd("boxed.jpg", boxes=boxes)])
    more = images.add_boxes(61, [Box(0, 0, 2, 3)])
    assert ids.tolist() == [61, 62] and more.tolist() == [63]
    assert [i.box for i in images.items([62, 1, 63])] == [boxes[1], None, Box(0, 0, 2, 3)]
    columns = images.columns(61)
    assert columns.width.tolist() == [8, 5, 2] and columns.height.tolist() == [9, 6, 3]
    assert columns.has_box.all() and columns.image_ids.tolist() == [61, 61, 61]
    assert images.add_boxes(61, []).tolist() == []


def test_duplicates_point_to_the_first_item_of_the_other_image(shop):
    images = shop.store.images
    images.add(1, [odd("boxed.jpg", boxes=(Box(0, 0, 1, 1), Box(1, 1, 1, 1)))])
    images.add(1, [odd("copy.jpg", duplicate=Duplicate.EXACT, duplicate_of=61)])
    images.note_duplicates([(2, Duplicate.NEAR, 1)])
    columns = images.columns()
    assert columns.duplicate[[1, 62]].tolist() == [Duplicate.NEAR, Duplicate.EXACT]
    assert columns.duplicate_of[[0, 1, 62]].tolist() == [0, 1, 61]


def test_fingerprints_hashes_and_look_ups(shop):
    images = shop.store.images
    images.update_fingerprint(3, 9, 8, b"n" * 32, -(2**63), 70, 71)
    record = images.get(3)
    assert (record.size_bytes, record.mtime_ns, record.phash) == (9, 8, -(2**63))
    ids, hashes = images.hashes()
    assert hashes[ids == 3].tolist() == [-(2**63)]
    assert images.by_sha256([b"n" * 32, b"?" * 32]) == {b"n" * 32: 3}
    many = [i.sha256 for i in new_images(60)] * 20
    assert len(images.by_sha256(many)) == 59
    assert [r.id for r in images.of_items([9, 4, 9])] == [9, 4, 9]
    with pytest.raises(KeyError):
        images.get(999)
    with pytest.raises(KeyError):
        images.items([999])


def test_paths_absolute_relative_and_unknown(shop, tmp_path):
    images = shop.store.images
    absolute = str(tmp_path / "photos" / "a/000004.jpg")
    other = images.add_root(tmp_path / "other")
    images.add(other, new_images(3))
    found = images.items_of_paths([absolute, "a/000001.jpg", "nowhere.jpg", "/nowhere.jpg"])
    assert found == {absolute: 5, "a/000001.jpg": 2}
    assert images.items_of_paths([str(tmp_path / "other/a/000001.jpg")]).popitem()[1] == 62
    assert images.items_of_paths([]) == {}


def test_an_image_that_was_skipped_once_is_no_longer(shop):
    images = shop.store.images
    images.note_skipped(1, [Skipped("late.jpg", "cut off"), Skipped("b.txt", "no image")])
    images.add(1, [odd("late.jpg")])
    assert images.skipped() == [Skipped("b.txt", "no image")]


def test_a_failing_add_adds_nothing(shop):
    import apsw

    with pytest.raises(apsw.ConstraintError):
        shop.store.images.add(1, [odd("fresh.jpg"), odd("fresh.jpg")])
    assert shop.store.images.count() == 60
    assert "fresh.jpg" not in shop.store.images.known(1)
