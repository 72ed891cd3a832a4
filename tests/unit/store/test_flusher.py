"""Decisions reach the disk behind the back of who made them; a disk that refuses is noticed."""

from __future__ import annotations

import os
import threading

import pytest

from fgvc_studio.store.flusher import Flusher


def test_every_request_is_followed_by_a_flush(tmp_path, monkeypatch):
    file = tmp_path / "log"
    file.write_bytes(b"x")
    flushed, gate = [], threading.Event()
    monkeypatch.setattr(os, "fsync", lambda f: (gate.wait(5), flushed.append(f)))
    flusher = Flusher(file)
    flusher.request()
    flusher.request()
    gate.set()
    flusher.request()
    flusher.close()
    assert 1 <= len(flushed) <= 3 and not flusher.failed
    flusher.request()  # too late: the last commit was flushed before the file was let go
    assert len(flushed) <= 3


@pytest.mark.parametrize("missing", [False, True])
def test_a_refusal_makes_commits_wait_for_the_disk(shop, monkeypatch, missing):
    def refuse(_file):
        raise OSError(5, "the disk")

    if missing:
        monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "fsync", refuse)
    database = shop.store._db
    mode = "PRAGMA synchronous"
    assert database.writer.execute(mode).fetchall() == [(1,)]
    shop.category("a")
    database._flusher._thread.join()
    assert database._flusher.failed
    shop.category("b")
    assert database.writer.execute(mode).fetchall() == [(2,)]
