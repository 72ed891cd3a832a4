"""Write the labels and splits of an import as one operation; decisions made before it stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Category, LabelSource, Split
from fgvc_studio.interchange.audit import counted
from fgvc_studio.services.import_plan import Want

Path_ = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelsWritten:
    """Items labelled, categories made, and items whose other label was kept."""

    labelled: int = 0
    categories: int = 0
    kept: int = 0


class CategoryFinder:
    """Finds the category of a path of names, and makes what is missing.

    A path of one name means the category of that name wherever it stands, synonyms included.
    """

    def __init__(self, store: Any) -> None:
        self._categories = store.categories
        self._children: dict[tuple[int | None, str], int] = {}
        for category in self._categories.all():
            self._enter(category)
        self._found: dict[Path_, int | None] = {}
        self.made = 0

    def _enter(self, category: Category) -> None:
        self._children.setdefault((category.parent_id, category.name.casefold()), category.id)

    def find(self, path: Path_) -> int | None:
        """Return the id of the category at `path`, None if it is not there."""
        key = tuple(name.casefold() for name in path)
        if key in self._found:
            return self._found[key]
        found = self._look_up(path)
        self._found[key] = found
        return found

    def _look_up(self, path: Path_) -> int | None:
        if len(path) == 1:
            at_root = self._children.get((None, path[0].casefold()))
            if at_root is not None:
                return at_root
            anywhere = self._categories.find(path[0])
            return anywhere.id if anywhere is not None else None
        parent = self.find(path[:-1])
        return None if parent is None else self._children.get((parent, path[-1].casefold()))

    def make(self, path: Path_) -> int:
        """Return the id of the category at `path`, made if needed; only inside an operation."""
        found = self.find(path)
        if found is not None:
            return found
        parent = self.make(path[:-1]) if len(path) > 1 else None
        made: int = self._categories.add(path[-1], parent)
        self._children[parent, path[-1].casefold()] = made
        self._found[tuple(name.casefold() for name in path)] = made
        self.made += 1
        return made


def write_labels(studio: Any, wants: Sequence[tuple[int, Want]], name: str) -> LabelsWritten:
    """Label the items that have no label yet, and set the splits that are not set."""
    store = studio.store
    told = [(item, want) for item, want in wants if want.category or want.split]
    if not told:
        return LabelsWritten()
    told.sort(key=lambda pair: pair[0])
    items = np.fromiter((item for item, _ in told), np.int64, len(told))
    columns = store.labels.columns(items)
    order = np.argsort(columns.item_ids)
    rows = order[np.searchsorted(columns.item_ids, items, sorter=order)]
    category, split = columns.category[rows], columns.split[rows]
    paths: list[Path_] = [want.category for _, want in told]
    fresh = [i for i, path in enumerate(paths) if path and category[i] == 0]
    finder = CategoryFinder(store)
    kept = sum(
        1
        for i, path in enumerate(paths)
        if path and category[i] and finder.find(path) != int(category[i])
    )
    wanted = np.array([want.split for _, want in told], np.uint8)
    unset = (split == Split.NONE) & (wanted != Split.NONE)
    with store.operations.record("import", _summary(len(fresh), unset, name), who=studio.who) as op:
        if fresh:
            made: NDArray[np.int64] = np.array([finder.make(paths[i]) for i in fresh], np.int64)
            store.labels.set(items[fresh], made, source=LabelSource.IMPORT)
        if unset.any():
            store.labels.set_splits(items[unset], wanted[unset])
    if op.changes is not None:
        studio.bus.publish(op.changes)
    return LabelsWritten(len(fresh), finder.made, kept)


def _summary(labels: int, unset: NDArray[np.bool_], name: str) -> str:
    if labels:
        return f"Imported {counted(labels, 'label', 'labels')} from {name}"
    splits = int(unset.sum())
    return f"Imported the splits of {counted(splits, 'item', 'items')} from {name}"
