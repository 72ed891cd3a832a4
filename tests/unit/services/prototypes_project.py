"""The prepared project of `prototypes_kit`, made once per process."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import prototypes_kit as kit


@lru_cache(maxsize=1)
def _original() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fgvc-prototypes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with kit.make_studio(folder) as studio:
        kit.train(studio)
        kit.finish(studio.prototypes.prepare(kit.RUN))
    return folder


def make_prepared(folder: Path) -> Path:
    """A copy of its own of the prepared project, in a new folder below `folder`."""
    shutil.copytree(_original(), folder / "copy")
    return folder / "copy"
