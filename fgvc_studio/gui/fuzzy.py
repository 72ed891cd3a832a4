"""Fuzzy search over short titles (commands)."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz import fuzz, process, utils

_WORTH_SHOWING = 55


def best_matches(text: str, titles: Sequence[str], limit: int) -> list[int]:
    """Indices of `titles` that resemble `text`, best first.

    Initials count ("pv" finds "Previous view"), then the start of a word, then likeness.
    """
    wanted = utils.default_process(text)
    scored = []
    for title, score, i in process.extract(
        wanted, titles, scorer=fuzz.WRatio, processor=utils.default_process, limit=None
    ):
        words = utils.default_process(title).split()
        if any(word.startswith(wanted) for word in words):
            score += 60
        elif "".join(word[0] for word in words).startswith(wanted.replace(" ", "")):
            score += 40
        if score >= _WORTH_SHOWING:
            scored.append((-score, i))
    return [i for _score, i in sorted(scored)[:limit]]
