"""What native libraries read once: set before they are loaded."""

from __future__ import annotations

import os
from pathlib import Path


def prepare(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """Help the OpenBLAS that faiss brings, which takes new processors for very old ones."""
    if "OPENBLAS_CORETYPE" in os.environ:
        return
    try:
        if " avx2" in cpuinfo.read_text(errors="replace"):
            os.environ["OPENBLAS_CORETYPE"] = "Haswell"
    except OSError:
        return
