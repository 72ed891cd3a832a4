"""Finding a category by what the expert types: prefixes, fuzzy, synonyms, vernacular names."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.records import Category, NameKind
from fgvc_studio.services.catalogue import Catalogue

LAST = "\U0010ffff"
WORDS = 90.0
MOST = 2000
"""Names looked at when several words were typed; beyond, only an odd order of words misses."""
SAME_WORD = 80.0
LIKELY = 70.0
"""Below this score the typed text rather is another name (Danaus chrysippus, not D. plexippus)."""


@dataclass(frozen=True, slots=True)
class Match:
    """One proposal of the type-ahead.

    Attributes
    ----------
    shown : str
        Current name of the category.
    matched : str
        The synonym or vernacular name that matched, empty when the name itself did.
    kind : NameKind or None
        What `matched` is.
    score : float
        0..100, best first.
    """

    category_id: int
    shown: str
    matched: str
    kind: NameKind | None
    score: float


class _Names:
    """Some of the folded names in alphabetical order, with what finds them fast."""

    def __init__(self, names: list[tuple[str, int]]) -> None:
        names.sort()
        self.folded = [name for name, _ in names]
        self.entries = [entry for _, entry in names]

    def beginning(self, query: str) -> Iterator[int]:
        """Entries whose name begins with `query`, alphabetically."""
        for at in range(bisect_left(self.folded, query), len(self.folded)):
            if not self.folded[at].startswith(query):
                return
            yield self.entries[at]

    def with_words(self, query: str, words: list[str]) -> Iterator[int]:
        """Entries in which every typed word begins a word, in order; alphabetically."""
        places: NDArray[np.int64] | None = None
        spelled, where = self._words
        for word in words:
            first, last = bisect_left(spelled, word), bisect_left(spelled, word + LAST)
            found = np.unique(where[first:last])
            places = found if places is None else np.intersect1d(places, found)
        for at in () if places is None else places[:MOST].tolist():
            if _prefix_score(query, words, self.folded[at]) >= WORDS:
                yield self.entries[at]

    def containing(self, query: str) -> Iterator[int]:
        """Entries with `query` anywhere in the name, alphabetically."""
        text, starts = self._text
        at = text.find(query)
        while at >= 0:
            line = bisect_right(starts, at) - 1
            yield self.entries[line]
            if line + 1 == len(starts):
                return
            at = text.find(query, starts[line + 1])

    @cached_property
    def _words(self) -> tuple[list[str], NDArray[np.int64]]:
        pairs = sorted((word, at) for at, name in enumerate(self.folded) for word in _parts(name))
        return [word for word, _ in pairs], np.array([at for _, at in pairs], np.int64)

    @cached_property
    def _text(self) -> tuple[str, list[int]]:
        lengths = [len(name) + 1 for name in self.folded]
        return "\0".join(self.folded), [0, *accumulate(lengths)][:-1]


class NameIndex:
    """All names of a tree, folded once; rebuilt when the tree changes.

    Parameters
    ----------
    categories : dict of int to Category
    """

    def __init__(self, categories: dict[int, Category]) -> None:
        self.source = categories
        self._folded: list[str] = []
        self._entries: list[tuple[int, str, NameKind | None]] = []
        for c in categories.values():
            self._put(c.name, c.id, None)
            for name in c.names:
                self._put(name.name, c.id, name.kind)
        kinds = [kind for _, _, kind in self._entries]
        self._accepted, self._further = (
            _Names([(f, e) for e, f in enumerate(self._folded) if (kinds[e] is None) == accepted])
            for accepted in (True, False)
        )

    def _put(self, name: str, category_id: int, kind: NameKind | None) -> None:
        self._folded.append(" ".join(name.casefold().split()))
        self._entries.append((category_id, name, kind))

    def search(self, text: str, limit: int, used: dict[int, int]) -> list[tuple[int, int, float]]:
        """Best entries as (entry, category id, score); `used` lifts what was used before.

        The kinds of likeness are asked for in falling order, each only while there are fewer than
        `limit` categories, and no more entries of each than can be shown.
        """
        query = " ".join(text.casefold().split())
        if not query:
            return []
        words = query.split()
        best: dict[int, tuple[float, int]] = {}

        def offer(entry: int, score: float) -> None:
            category_id, _, kind = self._entries[entry]
            score -= 1.0 if kind is not None else 0.0
            score += min(4.0, used.get(category_id, 0))
            if category_id not in best or best[category_id][0] < score:
                best[category_id] = (score, entry)

        def offer_all(find: Callable[[_Names], Iterator[int]]) -> None:
            for names in (self._accepted, self._further):
                enough = len(best) + limit
                for entry in find(names):
                    offer(entry, _prefix_score(query, words, self._folded[entry]))
                    if len(best) >= enough:
                        break

        offer_all(lambda names: names.beginning(query))
        if len(best) < limit:
            offer_all(lambda names: names.with_words(query, words))
        if len(best) < limit:
            offer_all(lambda names: names.containing(query))
        for entry in self._of_categories(used):
            if score := _prefix_score(query, words, self._folded[entry]):
                offer(entry, score)
        if len(best) < limit and len(query) >= 3:
            for entry, score in self._alike(query, limit * 2):
                offer(entry, score)
        ranked = sorted(best.items(), key=lambda kv: (-kv[1][0], self._folded[kv[1][1]], kv[0]))
        return [(entry, category_id, score) for category_id, (score, entry) in ranked[:limit]]

    def _alike(self, query: str, limit: int) -> list[tuple[int, float]]:
        from rapidfuzz import fuzz, process

        words = query.split()
        alike: list[tuple[int, float]] = []
        for _, score, entry in process.extract(
            query, self._folded, scorer=fuzz.ratio, limit=limit, score_cutoff=60.0
        ):
            parts = self._folded[entry].split()
            typed_badly = all(
                any(fuzz.ratio(word, part) >= SAME_WORD for part in parts) for word in words
            )
            likely = min(max(score, LIKELY), 79.0)
            alike.append((entry, likely if typed_badly else min(score, 65.0)))
        return alike

    def _of_categories(self, wanted: Iterable[int]) -> Iterator[int]:
        for category_id in wanted:
            yield from self._entries_of.get(category_id, ())

    @cached_property
    def _entries_of(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for entry, (category_id, _, _) in enumerate(self._entries):
            found.setdefault(category_id, []).append(entry)
        return found

    def match(self, entry: int, category_id: int, score: float) -> Match:
        """The `Match` of an entry."""
        _, name, kind = self._entries[entry]
        shown = self.source[category_id].name
        return Match(category_id, shown, name if kind is not None else "", kind, score)


def _parts(name: str) -> list[str]:
    return name.replace("-", " ").replace(".", " ").split()


def _prefix_score(query: str, words: list[str], name: str) -> float:
    """100 equal, 95 the name begins so, 90 every typed word begins a word, 80 inside; else 0."""
    if name == query:
        return 100.0
    if name.startswith(query):
        return 95.0
    parts = _parts(name)
    at = 0
    for word in words:
        while at < len(parts) and not parts[at].startswith(word):
            at += 1
        if at == len(parts):
            break
        at += 1
    else:
        return WORDS
    return 80.0 if query in name else 0.0


def search(
    catalogue: Catalogue,
    index: NameIndex | None,
    text: str,
    limit: int,
    used: dict[int, int],
) -> tuple[list[Match], NameIndex]:
    """Proposals for `text`; rebuilds `index` when the tree has changed since."""
    if index is None or index.source is not catalogue.categories:
        index = NameIndex(catalogue.categories)
    return [index.match(*hit) for hit in index.search(text, limit, used)], index
