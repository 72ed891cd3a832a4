"""What the writers need to know of one item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fgvc_studio.domain.records import Box


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One item with its label and where that came from.

    Attributes
    ----------
    path : Path
        The image file, absolute.
    image : str
        Its path as written into files, relative to its root.
    category : tuple of str
        Names from the root of the tree; empty: unlabelled.
    source : str
        ``human``, ``model``, ``import``, ``cluster`` or "".
    at : float
        Unix seconds of the decision; 0 when there is none.
    marks : tuple of str
        ``reviewed``, ``uncertain``, ``flagged``.
    """

    item_id: int
    path: Path
    image: str
    category: tuple[str, ...] = ()
    rank: str = ""
    source: str = ""
    confidence: float | None = None
    who: str = ""
    at: float = 0.0
    run: str = ""
    marks: tuple[str, ...] = ()
    split: str = ""
    box: Box | None = None
    sha256: bytes = b""
    metadata: Mapping[str, str] = field(default_factory=dict)
