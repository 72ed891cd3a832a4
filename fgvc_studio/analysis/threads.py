"""Process-wide settings of the numerical libraries, all in one place.

faiss, numpy and scipy each bring an OpenBLAS; torch, faiss and scikit-learn each an OpenMP. All of
them read the environment once, when they are loaded, so `prepare` has to run before the first of
them is imported. The entry point calls it; the modules of this package that import faiss do too.
"""

from __future__ import annotations

import os
from types import ModuleType

import numpy as np


def prepare() -> None:
    """Set the environment for OpenMP and OpenBLAS; what the user set stays.

    ``OMP_WAIT_POLICY=PASSIVE`` keeps waiting threads from spinning on the core that the window
    needs. ``OPENBLAS_CORETYPE=Haswell`` gives the OpenBLAS of faiss its AVX2 kernels: it is too
    old to know newer processors and falls back to SSE on them, half as fast.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if _has_avx2():
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")


def faiss() -> ModuleType:
    """Return the faiss module, imported with the right environment."""
    prepare()
    import faiss as module

    return module


def _has_avx2() -> bool:
    """Whether this processor has AVX2, by numpy's own detection (numpy is loaded anyway)."""
    features: dict[str, bool] = getattr(
        getattr(np._core, "_multiarray_umath", None), "__cpu_features__", {}
    )
    return bool(features.get("AVX2") or features.get("X86_V3"))
