"""GUI tests run offscreen, with settings of their own, and must leave no thread behind."""

import os
import threading

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QSettings, QThread


@pytest.fixture(autouse=True)
def own_settings(tmp_path_factory, monkeypatch):
    """Neither read nor write the settings of the person who runs the tests."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FGVC_STUDIO_CONFIG", str(home / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(home))


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
