"""What is on show: filters and orders over the catalogue, as plain numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Duplicate, LabelSource, Mark, Split
from fgvc_studio.services.catalogue import Catalogue
from fgvc_studio.store.project import ProjectStore

State = Literal["all", "labelled", "unlabelled", "reviewed", "unreviewed", "uncertain", "flagged"]
Duplicates = Literal["all", "hide", "only"]
OrderKey = Literal["import", "name", "category", "confidence", "newest", "date", "given"]
STATES: tuple[State, ...] = get_args(State)
ORDER_KEYS: tuple[OrderKey, ...] = get_args(OrderKey)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items are on show; the conditions are joined by "and".

    Attributes
    ----------
    text : str
        Part of a file name, category name (synonyms and vernacular names too) or metadata value.
    categories : frozenset of int
        Any of these; empty: all.
    only : ndarray (K,) int64 or None
        Restrict to these items (a lasso, a result of "similar"); `only_name` says what it is.
    metadata : tuple of (column, value)
        Equal values, ignoring case.
    """

    text: str = ""
    categories: frozenset[int] = frozenset()
    include_children: bool = True
    state: State = "all"
    sources: frozenset[LabelSource] = frozenset()
    splits: frozenset[Split] = frozenset()
    only: NDArray[np.int64] | None = field(default=None, compare=False)
    only_name: str = ""
    duplicates: Duplicates = "all"
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def active(self) -> bool:
        """Whether anything is filtered out."""
        return self != Filter() or self.only is not None


@dataclass(frozen=True, slots=True)
class Order:
    """How the shown items are sorted.

    Attributes
    ----------
    key : str
        One of `ORDER_KEYS`; ``given`` keeps the order of `ids` (results of "similar").
    """

    key: OrderKey = "import"
    descending: bool = False
    ids: NDArray[np.int64] | None = field(default=None, compare=False)


def apply(
    catalogue: Catalogue, store: ProjectStore, shown: Filter, order: Order
) -> NDArray[np.int64]:
    """Ids of the items that pass `shown`, in `order`.

    Returns
    -------
    ndarray (K,) int64
    """
    ids = np.flatnonzero(mask(catalogue, store, shown)) + 1
    return sort(catalogue, store, ids.astype(np.int64), order)


def mask(catalogue: Catalogue, store: ProjectStore, shown: Filter) -> NDArray[np.bool_]:
    """Which items pass, as a mask over all rows ``(N,) bool``."""
    columns = catalogue.columns
    keep = np.ones(columns.n, bool)
    if shown.only is not None:
        inside = np.zeros(columns.n, bool)
        inside[shown.only[(shown.only > 0) & (shown.only <= columns.n)] - 1] = True
        keep &= inside
    if shown.categories:
        wanted = set(shown.categories)
        if shown.include_children:
            wanted = set().union(*(catalogue.descendants(c) for c in shown.categories))
        keep &= np.isin(columns.category, list(wanted))
    keep &= _state(catalogue, shown.state)
    if shown.sources:
        keep &= np.isin(columns.source, [int(s) for s in shown.sources])
    if shown.splits:
        keep &= np.isin(columns.split, [int(s) for s in shown.splits])
    if shown.duplicates != "all":
        repeated = columns.duplicate != Duplicate.NO
        keep &= repeated if shown.duplicates == "only" else ~repeated
    for column, value in shown.metadata:
        keep &= _metadata_equals(store, column, value, columns.n)
    if shown.text.strip():
        keep &= _text(catalogue, store, shown.text, keep)
    return keep


def sort(
    catalogue: Catalogue, store: ProjectStore, ids: NDArray[np.int64], order: Order
) -> NDArray[np.int64]:
    """`ids` in the wanted order; ties keep the order of import."""
    if order.key == "given" and order.ids is not None:
        rank = np.full(catalogue.n + 1, np.iinfo(np.int64).max)
        rank[order.ids[order.ids <= catalogue.n]] = np.arange(
            np.count_nonzero(order.ids <= catalogue.n)
        )
        return ids[np.argsort(rank[ids], kind="stable")]
    columns = catalogue.columns
    rows = ids - 1
    if order.key == "name":
        keys = np.array([columns.paths[r].rsplit("/", 1)[-1].casefold() for r in rows], object)
        index = np.array(sorted(range(len(rows)), key=keys.__getitem__), np.int64)
    elif order.key == "category":
        place = _category_places(catalogue)
        index = np.argsort(place[columns.category[rows]], kind="stable")
    elif order.key == "confidence":
        index = np.argsort(
            np.where(columns.source[rows] > 0, columns.confidence[rows], 2.0), kind="stable"
        )
    elif order.key == "newest":
        index = np.argsort(-columns.at[rows], kind="stable")
    elif order.key == "date":
        dates = store.metadata.column("date")
        index = np.array(
            sorted(range(len(ids)), key=lambda i: str(dates.get(int(ids[i]), "~"))), np.int64
        )
    else:
        index = np.arange(len(ids))
    if order.descending:
        index = index[::-1]
    return ids[index]


def _category_places(catalogue: Catalogue) -> NDArray[np.int64]:
    place = np.full(max(catalogue.categories, default=0) + 1, len(catalogue.categories) + 1)
    todo = list(reversed(catalogue.children.get(None, [])))
    at = 0
    while todo:
        c = todo.pop()
        place[c] = at
        at += 1
        todo.extend(reversed(catalogue.children.get(c, [])))
    place[0] = len(place) + at + 1
    return place


def _state(catalogue: Catalogue, state: State) -> NDArray[np.bool_]:
    columns = catalogue.columns
    if state == "labelled":
        return np.asarray(columns.category > 0)
    if state == "unlabelled":
        return np.asarray(columns.category == 0)
    if state == "reviewed":
        return columns.reviewed
    if state == "unreviewed":
        return ~columns.reviewed
    if state == "uncertain":
        return np.asarray((columns.marks & Mark.UNCERTAIN) != 0)
    if state == "flagged":
        return np.asarray((columns.marks & Mark.FLAGGED) != 0)
    return np.ones(columns.n, bool)


def _metadata_equals(store: ProjectStore, column: str, value: str, n: int) -> NDArray[np.bool_]:
    hit = np.zeros(n, bool)
    for item, text in store.metadata.column(column).items():
        if item <= n and text.casefold() == value.casefold():
            hit[item - 1] = True
    return hit


def _text(
    catalogue: Catalogue, store: ProjectStore, text: str, among: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    words = text.casefold().split()
    named = {
        c.id: " ".join([c.name, *(n.name for n in c.names)]).casefold()
        for c in catalogue.categories.values()
    }
    category = catalogue.category
    hit = np.zeros(catalogue.n, bool)
    paths = catalogue.columns.paths
    metadata = _metadata_texts(store) if len(words) else {}
    for row in np.flatnonzero(among):
        hay = f"{paths[row].casefold()} {named.get(int(category[row]), '')}"
        extra = metadata.get(int(row) + 1)
        if extra:
            hay = f"{hay} {extra}"
        hit[row] = all(w in hay for w in words)
    return hit


def _metadata_texts(store: ProjectStore) -> dict[int, str]:
    texts: dict[int, str] = {}
    for column in store.metadata.columns():
        for item, value in store.metadata.column(column).items():
            texts[item] = f"{texts[item]} {value.casefold()}" if item in texts else value.casefold()
    return texts
