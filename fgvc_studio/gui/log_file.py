"""The log of the window: faults with their traces, in one small file that can be sent along."""

from __future__ import annotations

import faulthandler
import logging
import platform
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from platformdirs import user_log_path

from fgvc_studio import __version__

NAME = "fgvc_studio"
_BYTES = 500_000
_KEPT = 2
_native: IO[str] | None = None


def path() -> Path:
    """Where the log lies; it need not exist."""
    return user_log_path("fgvc-studio") / "studio.log"


def start() -> Path | None:
    """Write to the log from now on; None where the folder cannot be written.

    A crash of a native library leaves its stack in ``native.log`` beside it.
    """
    global _native
    target = path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            target, maxBytes=_BYTES, backupCount=_KEPT, encoding="utf-8", delay=True
        )
        if _native is None:
            _native = target.with_name("native.log").open("a", encoding="utf-8")
            faulthandler.enable(_native)
    except OSError:
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger(NAME)
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.info("FGVC Studio %s on %s", __version__, platform.platform())
    return target


def note(trace: str, doing: str = "") -> None:
    """Write one fault down."""
    logging.getLogger(NAME).error("%s\n%s", doing or "fault", trace.strip())
