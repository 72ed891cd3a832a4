from __future__ import annotations

import threading

import numpy as np
import pytest

from fgvc_studio.store.thumbs import Thumbs


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "thumbs.db"


def test_put_get_missing_clear(path):
    thumbs = Thumbs(path)
    thumbs.put_many([(1, b"one"), (2, b"two"), (2, b"second")])
    assert thumbs.get(1) == b"one" and thumbs.get(9) is None
    assert thumbs.get_many([2, 5, 2]) == {2: b"second", 5: None}
    assert thumbs.get_many([]) == {}
    assert thumbs.missing(np.arange(1, 5)).tolist() == [3, 4]
    assert thumbs.size_bytes() > 0
    thumbs.clear()
    assert thumbs.missing(np.arange(1, 3)).tolist() == [1, 2]
    thumbs.close()
    again = Thumbs(path)
    assert again.get(1) is None
    again.close()


def test_a_damaged_file_is_begun_anew(path):
    thumbs = Thumbs(path)
    thumbs.put_many([(i, bytes(3000)) for i in range(200)])
    thumbs.close()
    path.write_bytes(b"no database at all" * 99)
    thumbs = Thumbs(path)
    assert thumbs.get(1) is None
    thumbs.put_many([(1, b"x")])
    assert thumbs.get(1) == b"x"
    thumbs.close()


@pytest.mark.parametrize(
    "use",
    [
        lambda t: t.get_many(range(200)),
        lambda t: t.missing(np.arange(200)),
        lambda t: t.put_many([(50, b"y")]),
        lambda t: t.clear(),
    ],
)
def test_damage_found_while_reading_is_mended_too(path, use):
    thumbs = Thumbs(path)
    thumbs.put_many([(i, bytes(3000)) for i in range(200)])
    thumbs.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xaa" * (path.stat().st_size - 4096))
    thumbs = Thumbs(path)
    use(thumbs)
    thumbs.put_many([(1, b"x")])
    assert thumbs.get(1) == b"x" and thumbs.get(150) is None
    thumbs.close()


def test_reading_only_leaves_no_file(path):
    thumbs = Thumbs(path, read_only=True)
    thumbs.put_many([(1, b"x")])
    assert thumbs.get(1) == b"x" and thumbs.size_bytes() == 0
    thumbs.close()
    assert not path.parent.exists()


def test_a_folder_that_cannot_be_made_keeps_them_in_memory(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    thumbs = Thumbs(tmp_path / "cache" / "thumbs.db")
    thumbs.put_many([(1, b"x")])
    assert thumbs.get(1) == b"x"
    thumbs.close()


def test_many_threads(path):
    thumbs = Thumbs(path)
    wrong = []

    def work(first):
        for i in range(first, first + 20):
            thumbs.put_many([(i, str(i).encode())])
            if thumbs.get(i) != str(i).encode():
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(k * 100,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(thumbs.missing(np.arange(600))) == 600 - 120
    thumbs.close()
