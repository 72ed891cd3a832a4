"""GUI tests run offscreen, with settings of their own, and must leave no thread behind."""

import os
import threading

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QSettings, QThread


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    """Neither read nor write the settings of the person who runs the tests."""
    monkeypatch.setenv("FGVC_STUDIO_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    QSettings.setPath(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "config")
    )


@pytest.fixture(autouse=True)
def no_thread_left(request):
    """Fail a test that leaves one of its threads running."""
    before = set(threading.enumerate())
    yield
    left = [
        t
        for t in threading.enumerate()
        if t not in before and t.is_alive() and t.name.startswith("reader")
    ]
    assert not left
    assert QThread.currentThread() is not None
