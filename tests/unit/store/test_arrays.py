"""Spaces and maps: resuming, kills, order, damage."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest

from fgvc_studio.domain.embeddings import Map2D
from fgvc_studio.domain.errors import UserError
from fgvc_studio.store import arrays as module
from fgvc_studio.store.arrays import Arrays
from fgvc_studio.store.npy_log import NpyLog

DIM = 6
WORK = """
import sys
from pathlib import Path
import numpy as np
from fgvc_studio.store import arrays
arrays.COMMIT_EVERY = 0.0
writer = arrays.Arrays(Path(sys.argv[1]), lambda: 10**6).create_space("s", "b", 6, "k", "torch", {})
at = 1 + len(writer._ids.read())
print("ready", flush=True)
while True:
    ids = np.arange(at, at + 7)
    writer.append(ids, np.repeat(ids[:, None], 6, 1).astype(np.float32))
    print(ids[-1], flush=True)
    at += 7
"""


def vectors(ids):
    return np.repeat(np.asarray(ids)[:, None], DIM, 1).astype(np.float32) + np.arange(DIM) / 8


def holds(space, expected):
    """Unit vectors, and with their lengths what was appended."""
    assert np.allclose(np.linalg.norm(space.vectors, axis=1), 1, atol=1e-6)
    return np.allclose(space.vectors * space.norms[:, None], expected, rtol=1e-6)


@pytest.fixture
def spaces(tmp_path):
    return Arrays(tmp_path / "arrays", lambda: 20)


def make(spaces, name="s", key="k"):
    return spaces.create_space(name, "lite0", DIM, key, "torch", {"size": 224})


def fill(spaces, *parts, name="s"):
    writer = make(spaces, name)
    for part in parts:
        writer.append(np.array(part, np.int64), vectors(part))
    writer.close()


def test_write_and_read(spaces):
    fill(spaces, [1, 2, 3], [4, 5])
    space = spaces.open_space("s")
    assert space.item_ids.tolist() == [1, 2, 3, 4, 5]
    assert holds(space, vectors([1, 2, 3, 4, 5]))
    assert isinstance(space.vectors, np.memmap)
    (info,) = spaces.spaces()
    assert (info.name, info.backbone, info.dim, info.key) == ("s", "lite0", DIM, "k")
    assert (info.done, info.total, info.runtime, info.maps) == (5, 20, "torch", ())
    assert spaces.meta("s")["size"] == 224


def test_resume_asks_for_the_rest_only(spaces):
    fill(spaces, [1, 2, 9])
    writer = make(spaces)
    assert writer.missing(np.arange(1, 11)).tolist() == [3, 4, 5, 6, 7, 8, 10]
    writer.append(np.array([3, 4]), vectors([3, 4]))
    assert writer.missing(np.arange(1, 5)).tolist() == []
    writer.close()
    space = spaces.open_space("s")
    assert space.item_ids.tolist() == [1, 2, 3, 4, 9]
    assert holds(space, vectors([1, 2, 3, 4, 9]))


def test_any_order_is_sorted_on_close_and_the_first_of_two_counts(spaces):
    fill(spaces, [7, 3, 5], [1, 3])
    space = spaces.open_space("s")
    assert space.item_ids.tolist() == [1, 3, 5, 7]
    assert holds(space, vectors([1, 3, 5, 7]))
    assert not list(spaces._path("s").glob("*sorted*"))


def test_readers_beside_a_writer_see_sorted_committed_rows(spaces):
    writer = make(spaces)
    with pytest.raises(UserError, match="no vectors yet"):
        spaces.open_space("s")
    writer.append(np.array([4, 2]), vectors([4, 2]))
    writer.commit()
    writer.append(np.array([9]), vectors([9]))
    space = spaces.open_space("s")
    assert space.item_ids.tolist() == [2, 4]
    assert holds(space, vectors([2, 4]))
    writer.close()
    assert spaces.open_space("s").item_ids.tolist() == [2, 4, 9]
    assert space.item_ids.tolist() == [2, 4]


def test_other_weights_need_another_name(spaces):
    fill(spaces, [1])
    with pytest.raises(UserError, match="other weights"):
        make(spaces, key="other")
    assert spaces.open_space("s").item_ids.tolist() == [1]
    make(spaces, "t", "other").close()
    assert [s.name for s in spaces.spaces()] == ["s", "t"]
    spaces.drop_space("s")
    assert [s.name for s in spaces.spaces()] == ["t"]
    with pytest.raises(UserError, match="no space s"):
        spaces.open_space("s")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 81, "a\n"])
def test_names_stay_inside_the_folder(spaces, name):
    with pytest.raises(UserError, match="cannot be the name"):
        make(spaces, name)


def test_killed_between_vectors_and_ids(spaces):
    writer = make(spaces)
    writer.append(np.array([1, 2]), vectors([1, 2]))
    writer.commit()
    writer.append(np.array([3, 4]), vectors([3, 4]))
    writer._vectors.commit()
    for log in writer._logs:
        log._file.close()
    writer._ids._file.close()
    assert spaces.open_space("s").item_ids.tolist() == [1, 2]
    again = make(spaces)
    assert again.missing(np.arange(1, 6)).tolist() == [3, 4, 5]
    again.append(np.array([5, 3]), vectors([5, 3]))
    again.close()
    space = spaces.open_space("s")
    assert space.item_ids.tolist() == [1, 2, 3, 5]
    assert holds(space, vectors([1, 2, 3, 5]))


@pytest.mark.parametrize("cut", ["vectors.npy", "norms.npy", "item_ids.npy"])
@pytest.mark.parametrize("left", [0, 60, 140, 141, 150])
def test_files_cut_short_keep_what_is_whole(spaces, cut, left):
    fill(spaces, range(1, 9))
    with (spaces._path("s") / cut).open("r+b") as file:
        file.truncate(left)
    writer = make(spaces)
    missing = writer.missing(np.arange(1, 9))
    writer.append(missing, vectors(missing))
    writer.close()
    space = spaces.open_space("s")
    assert space.item_ids.tolist() == list(range(1, 9))
    assert holds(space, vectors(range(1, 9)))


def test_a_space_cut_short_is_read_as_far_as_it_goes(spaces):
    fill(spaces, range(1, 9))
    with (spaces._path("s") / "vectors.npy").open("r+b") as file:
        file.truncate(128 + 3 * DIM * 4 + 5)
    space = spaces.open_space("s")
    assert space.item_ids.tolist() == [1, 2, 3]
    assert holds(space, vectors([1, 2, 3]))
    assert spaces.spaces()[0].done == 3


@pytest.mark.parametrize("stop", ["vectors", "marker", "ids"])
def test_killed_while_sorting(spaces, monkeypatch, stop):
    def killed(*_args):
        raise KeyboardInterrupt

    writer = make(spaces)
    writer.append(np.array([5, 1, 3]), vectors([5, 1, 3]))
    with monkeypatch.context() as patch:
        if stop == "vectors":
            patch.setattr(module.np, "save", killed)
        elif stop == "marker":
            patch.setattr(module, "finish_sort", killed)
        else:
            patch.setattr(module, "finish_sort", half)
        with pytest.raises(KeyboardInterrupt):
            writer.close()
    assert holds(spaces.open_space("s"), vectors([1, 3, 5]))
    fill(spaces, [2])
    space = spaces.open_space("s")
    assert space.item_ids.tolist() == [1, 2, 3, 5]
    assert holds(space, vectors([1, 2, 3, 5]))
    assert not list(spaces._path("s").glob("*sorted*"))


def half(folder):
    (folder / "sorted-vectors.npy").replace(folder / "vectors.npy")
    raise KeyboardInterrupt


def test_a_killed_process_loses_nothing_it_committed(tmp_path):
    folder = tmp_path / "arrays"
    spaces = Arrays(folder, lambda: 10**6)
    committed = 0
    for wait in (3, 17, 40):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORK, folder], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout.readline() == "ready\n"
        for _ in range(wait):
            line = worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
        rest, _ = worker.communicate()
        told = [line, *(x for x in rest.splitlines(keepends=True) if x.endswith("\n"))]
        committed = max(committed, *(int(x) for x in told))
        space = spaces.open_space("s")
        assert len(space.item_ids) >= committed
        assert space.item_ids.tolist() == list(range(1, len(space.item_ids) + 1))
        assert np.allclose(space.vectors[:, 0] * space.norms, space.item_ids, rtol=1e-6)
    assert committed >= 60 * 7


def test_a_log_of_rows_ignores_what_was_never_committed(tmp_path):
    log = NpyLog(tmp_path / "a.npy", np.dtype(np.int64), None)
    log.append(np.arange(5))
    log.commit()
    log.append(np.arange(100))
    log._file.flush()
    log.close()
    assert NpyLog.rows_of(tmp_path / "a.npy") == 5
    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2, 3, 4]
    again = NpyLog(tmp_path / "a.npy", np.dtype(np.int64), None)
    again.append(np.array([9]))
    again.commit()
    again.close()
    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2, 3, 4, 9]
    assert NpyLog.rows_of(tmp_path / "none.npy") == 0


def test_damaged_descriptions(spaces):
    fill(spaces, [1])
    fill(spaces, [1], name="good")
    meta = spaces._path("s") / "meta.json"
    for text in (b"{", b"[]", b"{}"):
        meta.write_bytes(text)
        with pytest.raises(UserError, match="damaged") as caught:
            spaces.open_space("s")
        assert "embed again" in caught.value.remedy
        assert [s.name for s in spaces.spaces()] == ["good"]


def test_maps(spaces):
    fill(spaces, [1, 2])
    assert spaces.load_map("s", "umap") is None
    xy = np.array([[0, 1], [2, 3]], np.float32)
    spaces.save_map(Map2D("s", "umap", xy, np.array([1, 2]), np.array([0, -1])))
    spaces.save_map(Map2D("s", "pca", xy + 1, np.array([1, 2]), None))
    found = spaces.load_map("s", "umap")
    assert np.array_equal(found.xy, xy) and found.groups.tolist() == [0, -1]
    assert spaces.load_map("s", "pca").groups is None
    assert spaces.spaces()[0].maps == ("pca", "umap")
    path = spaces._path("s") / "map-umap.npz"
    path.write_bytes(path.read_bytes()[:90])
    assert spaces.load_map("s", "umap") is None
    path.write_bytes(b"")
    assert spaces.load_map("s", "umap") is None
