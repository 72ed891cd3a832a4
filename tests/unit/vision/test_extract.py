import threading

import numpy as np
import pytest

from fgvc_studio.domain.records import Box
from fgvc_studio.vision import decode, extract
from fgvc_studio.vision.transforms import EvalTransform

from .conftest import scene

TRANSFORM = EvalTransform(size=32)


class Means:
    """A runtime whose vector is the mean colour of the input's four quarters."""

    name, note = "means", ""

    def embed(self, batch):
        quarters = batch.reshape(len(batch), 3, 2, 16, 2, 16).mean((3, 5))
        return quarters.reshape(len(batch), -1)

    def features(self, batch):
        return batch.reshape(len(batch), 3, 8, 4, 8, 4).mean((3, 5))


@pytest.fixture
def folder(tmp_path):
    for index in range(11):
        scene(90 + index, 70, seed=index).save(tmp_path / f"{index:02}.png")
    return tmp_path


def test_order_errors_and_batches(folder):
    (folder / "03.png").write_bytes(b"")
    (folder / "10.png").write_text("words")
    paths = sorted(folder.glob("*.png"))
    starts, errors, rows = [], [], []
    for start, vectors, wrong in extract.embed_paths(paths, None, Means(), TRANSFORM, batch=4):
        starts.append(start)
        rows.append(vectors)
        errors += wrong
    vectors = np.concatenate(rows)
    assert starts == [0, 4, 8]
    assert [index for index, _ in errors] == [3, 10]
    assert "empty" in errors[0][1]
    assert "text" in errors[1][1]
    assert np.isnan(vectors[[3, 10]]).all()
    good = [index for index in range(11) if index not in (3, 10)]
    assert np.allclose(np.linalg.norm(vectors[good], axis=1), 1, atol=1e-5)
    for index in good:
        image = decode.open_image(paths[index]).image
        alone = extract.normalised(Means().embed(TRANSFORM(image)[None]))[0]
        assert np.allclose(vectors[index], alone, atol=1e-6)


@pytest.mark.parametrize("last_is_good", [True, False])
def test_a_beginning_of_unreadable_files_has_rows_of_the_right_width(folder, last_is_good):
    paths = [folder / "none.jpg"] * 5 + ([folder / "00.png"] if last_is_good else [])
    got = list(extract.embed_paths(paths, None, Means(), TRANSFORM, batch=2))
    assert [start for start, _, _ in got] == [0, 2, 4]
    vectors = np.concatenate([rows for _, rows, _ in got])
    assert vectors.shape == (len(paths), 12)
    assert np.isnan(vectors[:5]).all()
    assert sum(len(errors) for _, _, errors in got) == 5


def test_boxes_of_one_image_are_decoded_once(folder, monkeypatch):
    opened = []
    original = decode.open_image
    monkeypatch.setattr(
        decode, "open_image", lambda path, **rest: opened.append(path) or original(path, **rest)
    )
    boxes = [Box(0, 0, 40, 30), Box(20, 10, 50, 40), None]
    paths = [folder / "00.png"] * 3
    ((_, vectors, errors),) = extract.embed_paths(paths, boxes, Means(), TRANSFORM)
    assert len(opened) == 1
    assert not errors
    image = original(paths[0]).image
    expected = Means().embed(TRANSFORM(image.crop((20, 10, 70, 50)))[None])
    assert np.allclose(vectors[1], extract.normalised(expected)[0], atol=1e-6)
    assert not np.allclose(vectors[1], vectors[2])


def test_stopping_early_leaves_no_thread(folder):
    paths = sorted(folder.glob("*.png")) * 20
    run = extract.embed_paths(paths, None, Means(), TRANSFORM, batch=4)
    next(run)
    run.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]


def test_scaled_decoding_keeps_the_vector(tmp_path):
    path = tmp_path / "big.jpg"
    scene(2400, 1800).save(path, quality=92)
    ((_, vectors, _),) = extract.embed_paths([path], None, Means(), TRANSFORM)
    full = Means().embed(TRANSFORM(decode.open_image(path).image)[None])
    assert float(vectors[0] @ extract.normalised(full)[0]) > 0.9999


@pytest.mark.parametrize("box", [Box(-5, -5, 3, 3), Box(500, 500, 9, 9), Box(3, 3, 0, 0)])
def test_a_box_outside_still_gives_pixels(picture, box):
    assert min(extract.crop(picture, box).size) >= 1
