"""Names for clusters that nobody has named, parents for them, and what to say of the nearest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fgvc_studio.domain.clusters import Nearest

if TYPE_CHECKING:
    from fgvc_studio.services.catalogue import Catalogue

TIGHT = 0.6
"""Share of the nearest category from which it alone explains the cluster."""
AKIN = 0.4
"""Share from which the name says "aff."."""
_COVER = 0.6
_MOST = 3
_NUMBERED = re.compile(r"^(?P<stem>.+) (?P<number>\d{3,})$")
NO_PARENT = "New category"


def parent_of(catalogue: Catalogue, nearest: Sequence[Nearest]) -> int | None:
    """Lowest common ancestor of the categories that make up most of the resemblance."""
    shared: list[int] | None = None
    covered = 0.0
    for near in nearest[:_MOST]:
        if near.category_id not in catalogue.categories:
            continue
        above = catalogue.ancestors(near.category_id)[1:]
        shared = above if shared is None else [c for c in shared if c in above]
        covered += near.share
        if covered >= _COVER:
            break
    return shared[0] if shared else None


def stem(catalogue: Catalogue, nearest: Sequence[Nearest], parent: int | None) -> str:
    """What stands before the number: ``Papilio sp.``"""
    if parent is not None:
        return f"{catalogue.name(parent)} sp."
    genera = {
        words[0]
        for near in nearest[:_MOST]
        if len(words := catalogue.name(near.category_id).split()) > 1 and words[0][:1].isupper()
    }
    binomial = len(genera) == 1 and len(nearest) > 1
    return f"{genera.pop()} sp." if binomial else NO_PARENT


def placeless(name: str) -> bool:
    """Whether the program gave this name when it knew no parent."""
    found = _NUMBERED.match(name)
    return found is not None and found["stem"] == NO_PARENT


class Numbering:
    """Gives ``Papilio sp. 001``, ``002``, ... without ever giving a number twice.

    Parameters
    ----------
    taken : iterable of str
        Names of all categories and clusters.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._last: dict[str, int] = {}
        for name in taken:
            found = _NUMBERED.match(name)
            if found:
                key = found["stem"].casefold()
                self._last[key] = max(self._last.get(key, 0), int(found["number"]))

    def next(self, stem: str) -> str:
        """The next name of a stem."""
        number = self._last[stem.casefold()] = self._last.get(stem.casefold(), 0) + 1
        return f"{stem} {number:03}"


def qualified(name: str, qualifier: str) -> str:
    """The name with "aff." or "cf." in its place: ``Papilio aff. machaon``."""
    if not qualifier:
        return name
    genus, space, rest = name.partition(" ")
    return f"{genus} {qualifier} {rest}" if space else f"{qualifier} {name}"


def sentence(catalogue: Catalogue, nearest: Sequence[Nearest], tight: bool) -> str:
    """The resemblance in words."""
    named = [n for n in nearest if catalogue.name(n.category_id)]
    if not named:
        return "No category is named yet, so nothing can be compared."
    first = catalogue.name(named[0].category_id)
    if tight:
        return f"Maybe simply {first}: {named[0].share:.0%} of the resemblance is to it alone."
    said = ", ".join(f"{catalogue.name(n.category_id)} {n.share:.2f}" for n in named[:3])
    return f"Most like {said}."
