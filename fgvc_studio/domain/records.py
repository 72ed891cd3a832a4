"""Images, items, categories, labels: the nouns of the program.

Item ids are dense: 1, 2, 3, ... in order of import and never deleted, so row ``id - 1`` of any
per-item column belongs to item ``id``. The same holds for images and categories.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag


class LabelSource(IntEnum):
    """Who or what proposed a label. 0 in a column means: no label."""

    HUMAN = 1
    MODEL = 2
    IMPORT = 3
    CLUSTER = 4


class Split(IntEnum):
    """The part of a data set that an item belongs to."""

    NONE = 0
    TRAIN = 1
    VAL = 2
    TEST = 3

    @classmethod
    def parse(cls, text: str) -> Split:
        """Read a split name; ``valid``/``validation``/``dev`` mean VAL; unknown words are NONE."""
        return _SPLIT_WORDS.get(text.strip().lower(), cls.NONE)


_SPLIT_WORDS = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "val": Split.VAL,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "dev": Split.VAL,
    "test": Split.TEST,
    "testing": Split.TEST,
    "holdout": Split.TEST,
}


class Mark(IntFlag):
    """Decisions about an item beside its label."""

    NONE = 0
    REVIEWED = 1
    UNCERTAIN = 2
    """The label is meant as "cf."."""
    FLAGGED = 4
    """Wants a second opinion."""


class NameKind(IntEnum):
    """What an additional name of a category is."""

    SYNONYM = 1
    VERNACULAR = 2


class Duplicate(IntEnum):
    """How an image relates to an earlier one."""

    NO = 0
    EXACT = 1
    """The same bytes as an earlier image."""
    NEAR = 2
    """The same picture, resized, mirrored or compressed again."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright image (after EXIF orientation)."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image as found by an import, before it has an id.

    Attributes
    ----------
    path : str
        Relative to its root, with ``/``; undecodable bytes as surrogates (``os.fsdecode``).
    width, height : int
        Pixels of the upright image.
    phash : int
        Signed 64-bit difference hash of the upright picture.
    boxes : tuple of Box
        Items in the image; empty: the whole image is the one item.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    sha256: bytes
    width: int
    height: int
    phash: int = 0
    format: str = ""
    note: str = ""
    duplicate: Duplicate = Duplicate.NO
    duplicate_of: int | None = None
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image of the project (see `NewImage` for the fields)."""

    id: int
    root_id: int
    path: str
    size_bytes: int
    mtime_ns: int
    sha256: bytes
    width: int
    height: int
    phash: int
    format: str
    note: str
    duplicate: Duplicate
    duplicate_of: int | None


@dataclass(frozen=True, slots=True)
class Item:
    """What gets a label: a whole image, or a box in one."""

    id: int
    image_id: int
    box: Box | None


@dataclass(frozen=True, slots=True)
class CategoryName:
    """A further name of a category: synonym or vernacular name."""

    id: int
    category_id: int
    name: str
    kind: NameKind
    language: str = ""


@dataclass(frozen=True, slots=True)
class Category:
    """A class, taxon or variant in a tree with free ranks."""

    id: int
    name: str
    parent_id: int | None = None
    rank: str = ""
    authorship: str = ""
    note: str = ""
    provisional: bool = False
    names: tuple[CategoryName, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """Item -> category, with source, confidence, run, who and when (Unix seconds)."""

    item_id: int
    category_id: int
    source: LabelSource
    confidence: float
    run_id: str | None
    who: str
    at: float


@dataclass(frozen=True, slots=True)
class Operation:
    """One named change of decisions in the log.

    Attributes
    ----------
    kind : str
        ``do``, ``undo`` or ``redo``; the last two carry ``target``, the operation they act on.
    verb : str
        Short machine name: ``label``, ``unlabel``, ``mark``, ``categories``, ``import``, ...
    count : int
        Rows changed.
    undone : bool
        Whether its effect is at present taken back.
    """

    id: int
    at: float
    who: str
    host: str
    kind: str
    verb: str
    summary: str
    count: int
    run_id: str | None
    target: int | None
    undone: bool


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that an import left out, with the reason in words."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a long job; the driver may stop after any with ``safe_point``.

    Attributes
    ----------
    total : int
        0 when unknown.
    rate : float
        Items per second; 0 when unknown.
    """

    done: int
    total: int
    text: str = ""
    rate: float = 0.0
    safe_point: bool = True
    detail: Mapping[str, object] = field(default_factory=dict)
