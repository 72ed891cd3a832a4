"""Import timm in spite of a torchvision whose compiled operators do not fit torch."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType
from typing import Any

from fgvc_studio.domain.errors import UserError

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list[Any] = []


def import_timm() -> ModuleType:
    """Import and return timm, repairing torchvision's operator schemas only when needed.

    Raises
    ------
    UserError
        When torch or timm cannot be imported at all.
    """
    warnings.filterwarnings("ignore", message=r".*torch\.jit\.trace")
    try:
        try:
            import timm
        except RuntimeError as error:
            if "torchvision::" not in str(error):
                raise
            _define_missing_operators()
            import timm
    except (ImportError, RuntimeError, OSError) as error:
        raise UserError(
            f"The deep-learning libraries cannot be loaded ({error}).",
            "Install torch, torchvision and timm again.",
        ) from error
    return timm


def _define_missing_operators() -> None:
    """Declare the operators that torchvision registers fake kernels for, and forget its import.

    A torchvision built for another torch does not load its compiled operators; timm needs none
    of them, only that the import passes.
    """
    from torch.library import Library

    for name in [n for n in sys.modules if n.split(".")[0] in ("torchvision", "timm")]:
        del sys.modules[name]
    library = Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        try:
            library.define(schema)
        except RuntimeError as error:
            if "multiple times" not in str(error) and "duplicate" not in str(error):
                raise
    _kept.append(library)  # the definitions live as long as the library object
