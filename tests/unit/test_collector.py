"""What is loaded is out of the collector's sight; what a project leaves behind is not kept."""

from __future__ import annotations

import gc
import weakref

import pytest

from fgvc_studio.gui import collector


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self):
        self.own = self


@pytest.fixture(autouse=True)
def _put_back():
    yield
    collector._set_apart = False
    gc.unfreeze()


def test_a_library_is_set_apart_and_a_closed_project_collected():
    with collector.loading():
        assert not gc.isenabled()
        ring = Ring()
    assert gc.isenabled() and gc.get_freeze_count() > 1000
    seen = weakref.ref(ring)
    del ring
    gc.collect()
    assert seen() is not None  # set apart with the libraries
    collector.project_closed()
    assert seen() is None and gc.get_freeze_count() > 1000


def test_what_a_training_needs_is_set_apart():
    collector.before_training()
    assert gc.isenabled() and gc.get_freeze_count() > 100_000  # torch and timm alone


def test_a_fault_while_loading_leaves_the_collector_at_work():
    with pytest.raises(ImportError), collector.loading():
        raise ImportError
    assert gc.isenabled()


def test_nothing_is_done_before_libraries_were_loaded():
    collector.project_closed()
    assert gc.get_freeze_count() == 0
