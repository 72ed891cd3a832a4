"""What scoring compares with: the project's labels, or a truth file that is never written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.records import Split
from fgvc_studio.services import batch

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

PATH_COLUMNS = ("path", "image", "file", "filename", "file_name", "image_path", "filepath")
LABEL_COLUMNS = ("label", "category", "species", "fine", "class", "name")


@dataclass(frozen=True, slots=True)
class Truth:
    """True categories and splits of all items of a project.

    Attributes
    ----------
    label : ndarray (N,) int64
        Index in `names`, -1 where nothing is known.
    names : list of str
    split : ndarray (N,) of str
        Lower case; the standard names are ``train``, ``val``, ``test``; empty for none.
    labelled : ndarray (len(names),) bool
        Whether the project has a label of the category (or of one below it).
    unmatched : int
        Lines of the truth file that belong to no item.
    """

    label: NDArray[np.int64]
    names: list[str]
    split: NDArray[np.str_]
    labelled: NDArray[np.bool_]
    unmatched: int = 0


def of_project(studio: Studio) -> Truth:
    """The labels that the project holds now."""
    catalogue = studio.catalogue
    used, coded = np.unique(catalogue.category, return_inverse=True)
    offset = int(len(used) > 0 and used[0] == 0)
    return Truth(
        label=(coded - offset).astype(np.int64),
        names=[catalogue.path_name(int(c)) for c in used[offset:]],
        split=_project_splits(studio),
        labelled=np.ones(len(used) - offset, bool),
    )


def of_file(
    studio: Studio,
    path: Path,
    label_column: str | None = None,
    split_column: str | None = None,
) -> Truth:
    """Categories from a table, matched by path; all items of a picture get its category.

    Without `split_column` the splits are those of the project.

    Raises
    ------
    UserError
        Not a table, a column is missing, no line matches, or two lines contradict each other.
    """
    rows = batch.read_table(path)
    path_column = _column(rows, None, PATH_COLUMNS, path)
    label_name = _column(rows, label_column, LABEL_COLUMNS, path)
    split_name = _column(rows, split_column, (), path) if split_column else None
    rows = [row for row in rows if row[path_column] and row[label_name]]
    found = _items(studio, [row[path_column] for row in rows], path.parent)
    image_ids = studio.catalogue.columns.image_ids
    names, coded = np.unique([row[label_name] for row in rows], return_inverse=True)
    of_image = np.full(int(image_ids.max(initial=0)) + 1, -1, np.int64)
    split_of_image = np.full(len(of_image), "", object)
    matched = 0
    for row, label in zip(rows, coded.tolist(), strict=True):
        item = found.get(row[path_column])
        if item is None:
            continue
        image = image_ids[item - 1]
        if of_image[image] not in (-1, label):
            raise UserError(
                f"{path.name} gives two categories for {row[path_column]}.",
                "Keep one line for each image.",
            )
        matched += 1
        of_image[image] = label
        split_of_image[image] = split_word(row[split_name]) if split_name else ""
    if not matched:
        raise UserError(
            f"No line of {path.name} names an image of this project.",
            f"Its column {path_column} must hold paths relative to the imported folder.",
        )
    return Truth(
        label=of_image[image_ids],
        names=names.tolist(),
        split=split_of_image[image_ids].astype(str) if split_name else _project_splits(studio),
        labelled=_labelled(studio, names.tolist()),
        unmatched=len(rows) - matched,
    )


def names_of(studio: Studio, truth: Truth, category_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index in ``truth.names`` of categories of the project, -1 where it is not there; (C,).

    By path, name or synonym.
    """
    place = {_plain(name).casefold(): i for i, name in enumerate(truth.names)}
    found = []
    for category_id in category_ids.tolist():
        category = studio.catalogue.categories.get(category_id)
        words = [studio.catalogue.path_name(category_id)] if category else []
        if category:
            words += [category.name, *(n.name for n in category.names)]
        found.append(next((place[w.casefold()] for w in words if w.casefold() in place), -1))
    return np.array(found, np.int64)


def split_word(text: str) -> str:
    """A split name in its standard form; other words stay as they are, in lower case."""
    known = Split.parse(text)
    return known.name.lower() if known else text.strip().lower()


def _project_splits(studio: Studio) -> NDArray[np.str_]:
    words = np.array([split.name.lower() if split else "" for split in Split])
    return np.asarray(words[studio.catalogue.columns.split])


def _items(studio: Studio, paths: list[str], folder: Path) -> dict[str, int]:
    """Items of paths relative to a root, absolute, or relative to the truth file."""
    images = studio.store.images
    found = images.items_of_paths(paths)
    rest = {str(folder.resolve() / p): p for p in paths if p not in found}
    if rest:
        beside = images.items_of_paths(list(rest))
        found |= {rest[full]: item for full, item in beside.items()}
    return found


def _column(
    rows: list[dict[str, str]], wanted: str | None, usual: Sequence[str], path: Path
) -> str:
    if not rows:
        raise UserError(f"{path.name} has no rows.", "It needs a header line and rows.")
    for name in (wanted.strip().lower(),) if wanted else usual:
        if name in rows[0]:
            return name
    raise UserError(
        f"{path.name} has no column {wanted or ' or '.join(usual)}.",
        f"Its columns are {', '.join(rows[0])}.",
    )


def _labelled(studio: Studio, names: list[str]) -> NDArray[np.bool_]:
    """Which truth names have labels in the project, by name, path or synonym."""
    catalogue = studio.catalogue
    counts = catalogue.counts()
    with_label: set[str] = set()
    for category in catalogue.categories.values():
        if counts[category.id].total:
            with_label.add(category.name.casefold())
            with_label.add(catalogue.path_name(category.id).casefold())
            with_label.update(n.name.casefold() for n in category.names)
    return np.array([_plain(name).casefold() in with_label for name in names], bool)


def _plain(name: str) -> str:
    return f" {batch.PATH_MARK} ".join(batch.split_path(name))
