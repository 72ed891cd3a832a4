"""Finding a category by what the expert types: prefixes, fuzzy, synonyms, vernacular names."""

from __future__ import annotations

from dataclasses import dataclass

from fgvc_studio.domain.records import Category, NameKind
from fgvc_studio.services.catalogue import Catalogue


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

    def _put(self, name: str, category_id: int, kind: NameKind | None) -> None:
        self._folded.append(name.casefold())
        self._entries.append((category_id, name, kind))

    def search(self, text: str, limit: int, used: dict[int, int]) -> list[tuple[int, int, float]]:
        """Best entries as (entry, category id, score); `used` lifts what was used before."""
        query = " ".join(text.casefold().split())
        if not query:
            return []
        best: dict[int, tuple[float, int]] = {}

        def offer(entry: int, score: float) -> None:
            category_id, _, kind = self._entries[entry]
            score -= 1.0 if kind is not None else 0.0
            score += min(4.0, used.get(category_id, 0))
            if category_id not in best or best[category_id][0] < score:
                best[category_id] = (score, entry)

        words = query.split()
        for entry, name in enumerate(self._folded):
            if words[0] in name:
                score = _prefix_score(query, words, name)
                if score:
                    offer(entry, score)
        if len(best) < limit and len(query) >= 3:
            from rapidfuzz import fuzz, process

            for _, score, entry in process.extract(
                query, self._folded, scorer=fuzz.ratio, limit=limit * 2, score_cutoff=60.0
            ):
                offer(entry, min(score, 79.0))
        ranked = sorted(best.items(), key=lambda kv: (-kv[1][0], self._folded[kv[1][1]], kv[0]))
        return [(entry, category_id, score) for category_id, (score, entry) in ranked[:limit]]

    def match(self, entry: int, category_id: int, score: float) -> Match:
        """The `Match` of an entry."""
        _, name, kind = self._entries[entry]
        shown = self.source[category_id].name
        return Match(category_id, shown, name if kind is not None else "", kind, score)


def _prefix_score(query: str, words: list[str], name: str) -> float:
    """100 equal, 95 the name begins so, 90 every typed word begins a word, 80 inside; else 0."""
    if name == query:
        return 100.0
    if name.startswith(query):
        return 95.0
    parts = name.replace("-", " ").replace(".", " ").split()
    at = 0
    for word in words:
        while at < len(parts) and not parts[at].startswith(word):
            at += 1
        if at == len(parts):
            break
        at += 1
    else:
        return 90.0
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
