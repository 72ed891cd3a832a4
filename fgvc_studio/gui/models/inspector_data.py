"""What the inspector shows of one item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fgvc_studio.domain.records import Box, LabelSource, Mark


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A category proposed for the item, with a score 0..1."""

    category_id: int
    name: str
    score: float
    colour: int = -1


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """An operation that touched the item: when (Unix seconds), who, and what in a sentence."""

    at: float
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class InspectorData:
    """One item, ready to be shown.

    Attributes
    ----------
    path : Path or None
        The file; None when it cannot be found.
    category : str
        Path name of the category; empty for unlabelled items.
    at : float
        Unix seconds of the label, 0 for none.
    duplicates : int
        Other items with the same or nearly the same picture.
    """

    item_id: int
    path: Path | None
    shown_path: str = ""
    width: int = 0
    height: int = 0
    size_bytes: int = 0
    box: Box | None = None
    category: str = ""
    colour: int = -1
    source: LabelSource | None = None
    confidence: float = 1.0
    who: str = ""
    at: float = 0.0
    marks: Mark = Mark.NONE
    duplicates: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    history: Sequence[HistoryLine] = ()
