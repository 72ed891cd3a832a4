"""Keeps Python's collector of cycles from stopping the window.

With the libraries loaded it has 340,000 objects to look through, which takes 200 ms: a stumble in
the middle of a gesture, and a training would cause it again and again. They are never garbage, so
they are taken out of its sight once loaded.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_set_apart = False


@contextmanager
def loading() -> Iterator[None]:
    """Around loading libraries: nothing is collected meanwhile, what is there then is kept."""
    global _set_apart
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        _set_apart = True
        gc.enable()


def before_training() -> None:
    """Load what a training needs and set it apart, with all that stands by then."""
    from fgvc_studio.vision.torch_setup import import_timm

    with loading():
        from fgvc_studio.methods import runtime  # noqa: F401

        import_timm()


def project_closed() -> None:
    """Let go of a project that was open while something was set apart."""
    if _set_apart:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
