"""What a run learns from: its items, their labels at the start, the frozen space it starts from."""

from __future__ import annotations

import io
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import LabelSource, Mark, Progress, Split
from fgvc_studio.methods.registry import LABELLED
from fgvc_studio.services.counting import Counter, Grouper
from fgvc_studio.store.arrays import write_atomic

if TYPE_CHECKING:
    from fgvc_studio.methods.material import Material
    from fgvc_studio.methods.registry import Method
    from fgvc_studio.services.studio import Studio
    from fgvc_studio.vision.backbones import Backbone

MATERIAL = "material.npz"
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a run was started with, as kept in its folder.

    Attributes
    ----------
    item_ids : ndarray (n,) int64
    categories : ndarray (n,) int64
        0: no label.
    splits : ndarray (n,) uint8
    hashes : ndarray (n,) int64
    names : dict
        Category id -> name, of the categories used and of those too small for it.
    embedded : ndarray (N,) int64
        Items that the frozen space held, ascending; without the split test where the run has none
        of it.
    """

    item_ids: Ids
    categories: Ids
    splits: NDArray[np.uint8]
    hashes: Ids
    names: dict[int, str]
    embedded: Ids

    def save(self, folder: Path) -> None:
        """Keep it with the run.

        Raises
        ------
        UserError
            The folder cannot be written.
        """
        made = io.BytesIO()
        np.savez(
            made,
            items=self.item_ids,
            categories=self.categories,
            splits=self.splits,
            hashes=self.hashes,
            name_ids=np.array(list(self.names), np.int64),
            names=np.array(list(self.names.values()), np.str_),
            embedded=self.embedded,
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / MATERIAL, made.getvalue())
        except OSError as error:
            raise UserError(
                f"The run {folder.name} cannot be written: {error.strerror}.",
                "Check the rights of the project folder and the space on its disk.",
            ) from error

    @classmethod
    def load(cls, folder: Path) -> Snapshot:
        """Read what `save` kept.

        Raises
        ------
        UserError
            Missing or damaged.
        """
        try:
            with np.load(folder / MATERIAL, allow_pickle=False) as kept:
                names = zip(kept["name_ids"].tolist(), kept["names"].tolist(), strict=True)
                return cls(
                    kept["items"],
                    kept["categories"],
                    kept["splits"],
                    kept["hashes"],
                    dict(names),
                    kept["embedded"],
                )
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"The items of the run {folder.name} cannot be read.", "Start a new run."
            ) from error


def usable_labels(studio: Studio) -> Ids:
    """Category of each item that a person or a file gave, 0 for none; (N,).

    What a model proposed and nobody reviewed teaches no model.
    """
    columns = studio.catalogue.columns
    return np.where(_proposed(studio), 0, columns.category).astype(np.int64)


def _proposed(studio: Studio) -> NDArray[np.bool_]:
    columns = studio.catalogue.columns
    reviewed = (columns.marks & Mark.REVIEWED) != 0
    return np.asarray((columns.source == LabelSource.MODEL) & ~reviewed)


def chosen_items(
    studio: Studio, method: Method, splits: Sequence[str], items: Ids | None = None
) -> Ids:
    """Items of the chosen splits that a method takes; those without a split always.

    With `items` only these. Of a method that learns from labels, categories with fewer labelled
    items than it needs stay out.

    Raises
    ------
    UserError
        An unknown split, or too few items.
    """
    columns = studio.catalogue.columns
    wanted = {Split.NONE}
    for word in splits:
        found = Split.parse(word)
        if word.strip().lower() == "all":
            wanted |= set(Split)
        elif found is Split.NONE:
            raise UserError(f"There is no split {word!r}.", "Use train, val, test or all.")
        wanted.add(found)
    taken = np.isin(columns.split, [int(s) for s in wanted])
    if method.items == LABELLED:
        taken &= usable_labels(studio) > 0
    elif method.uses_labels:
        taken &= ~_proposed(studio)
    if items is not None:
        allowed = np.zeros(len(taken), bool)
        allowed[np.asarray(items, np.int64) - 1] = True
        taken &= allowed
    if method.items == LABELLED and method.least > 1:
        category = np.where(taken, usable_labels(studio), 0)
        taken &= np.bincount(category)[category] >= method.least
    rows = np.flatnonzero(taken)
    if len(rows) < 2:
        if method.items == LABELLED and columns.n > 1:
            raise UserError(
                "There are no labelled images to learn from.",
                "Label images of at least two categories, or choose more splits.",
            )
        raise UserError("There are no images to learn from.", "Add images, or choose more splits.")
    return (rows + 1).astype(np.int64)


def snapshot(studio: Studio, item_ids: Ids, base: str, every: Ids | None = None) -> Snapshot:
    """How things stand now for the items of a run.

    Parameters
    ----------
    every : ndarray int64, optional
        Those items, and others whose categories are to be named though they are too small.
    """
    columns = studio.catalogue.columns
    rows = item_ids - 1
    usable = usable_labels(studio)
    categories = usable[rows]
    named = categories if every is None else usable[every - 1]
    image_ids, hashes = studio.store.images.hashes()
    embedded = np.array(studio.exploring.space(base).item_ids)
    if not (columns.split[rows] == Split.TEST).any():  # what is left out teaches nothing
        embedded = embedded[columns.split[embedded - 1] != Split.TEST]
    return Snapshot(
        item_ids,
        categories,
        columns.split[rows].astype(np.uint8),
        hashes[np.searchsorted(image_ids, columns.image_ids[rows])],
        {int(c): studio.catalogue.name(int(c)) for c in np.unique(named) if c},
        embedded,
    )


def material(studio: Studio, kept: Snapshot, base: str, folder: Path) -> Material:
    """What a trainer gets of a snapshot; `folder` is that of the run."""
    from fgvc_studio.methods.material import Material

    space = studio.exploring.space(base)
    rows = space.rows_of(kept.embedded)
    whole = len(rows) == len(space.vectors) and bool((rows == np.arange(len(rows))).all())
    vectors = space.vectors if whole else space.vectors[rows[rows >= 0]]
    held = kept.embedded[rows >= 0]
    places = np.searchsorted(held, kept.item_ids)
    there = held[np.minimum(places, len(held) - 1)] == kept.item_ids if len(held) else places < 0
    places = np.where(there, places, -1)
    helpers = Counter(studio, folder), Grouper(studio)
    return Material(
        kept.categories, kept.names, kept.splits, kept.hashes, vectors, places, *helpers
    )


def frozen_space(studio: Studio, space: str | None) -> Generator[Progress, None, str]:
    """A complete space of an untrained backbone; made or finished when needed.

    Raises
    ------
    UserError
        There is no such space, or it is that of a run.
    """
    arrays, embedding = studio.store.arrays, studio.embedding
    if space is not None:
        name = embedding.space(space)
        if arrays.meta(name).get("run"):
            raise UserError(f"{name} is the space of a run.", "Start from the space of a backbone.")
    else:
        frozen = [s.name for s in embedding.spaces() if not arrays.meta(s.name).get("run")]
        name = frozen[-1] if frozen else ""
    if not name:
        return (yield from embedding.run()).space
    info = next(s for s in embedding.spaces() if s.name == name)
    if not info.complete:
        weights = str(arrays.meta(name).get("weights") or "")
        yield from embedding.run(
            info.backbone, weights=Path(weights) if weights else None, space=name
        )
    return name


def backbone_of(studio: Studio, space: str) -> Backbone:
    """The backbone that made a frozen space.

    Raises
    ------
    UserError
        Its weights are no longer the same.
    """
    from fgvc_studio.vision import backbones

    meta = studio.store.arrays.meta(space)
    weights = Path(str(meta["weights"])) if meta.get("weights") else None
    backbone = backbones.load(str(meta["backbone"]), weights)
    if backbone.key != meta["key"]:
        raise UserError(
            f"The weights of {backbone.name} are not those that made the space {space}.",
            "Make a new space with the present weights.",
        )
    return backbone
