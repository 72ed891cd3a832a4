"""What of a run's prototypes is shown and in which order: numpy over columns, no widgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.prototypes import Flips, Prototype, Verdict

ORDERS = ("suspicion", "relevance", "purity", "duplicates", "category", "usage")
STATES = ("", "open", "judged", *(str(v) for v in Verdict), "off")
VERDICTS = tuple(Verdict)
_NOT_DUPLICATE = -1


@dataclass(frozen=True, slots=True)
class PrototypeFilter:
    """What passes.

    Attributes
    ----------
    category : int
        0: all.
    branch : str
        ``support``, ``trivial``, empty: both.
    state : str
        One of `STATES`: without a verdict, with one, with that one, forbidden.
    """

    category: int = 0
    branch: str = ""
    state: str = ""

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return bool(self.category or self.branch or self.state)


@dataclass(frozen=True, eq=False)
class Book:
    """The prototypes of a run as columns; row i is the prototype of id i."""

    run: str
    rows: list[Prototype]
    category: NDArray[np.int64]
    support: NDArray[np.bool_]
    suspicion: NDArray[np.float32]
    relevance: NDArray[np.float32]
    purity: NDArray[np.float32]
    duplicate: NDArray[np.int64]
    usage: NDArray[np.int64]
    verdict: NDArray[np.uint8]
    off: NDArray[np.bool_]

    @classmethod
    def of(cls, run: str, table: Sequence[Prototype]) -> Book:
        """Columns of a table whose ids are 0, 1, 2, ..."""
        rows = list(table)
        codes: dict[Verdict | None, int] = {None: 0, **{v: i for i, v in enumerate(VERDICTS, 1)}}
        return cls(
            run,
            rows,
            np.array([r.category_id for r in rows], np.int64),
            np.array([r.branch == "support" for r in rows], bool),
            np.array([r.suspicion for r in rows], np.float32),
            np.array([r.relevance for r in rows], np.float32),
            np.array([r.purity for r in rows], np.float32),
            np.array(
                [_NOT_DUPLICATE if r.duplicate_of is None else r.duplicate_of for r in rows],
                np.int64,
            ),
            np.array([r.usage for r in rows], np.int64),
            np.array([codes[r.verdict] for r in rows], np.uint8),
            np.array([r.forbidden for r in rows], bool),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def judged(self, ids: Sequence[int], verdict: Verdict | None, note: str) -> None:
        """Note a verdict that was just written; the table read next says the same."""
        for i in ids:
            self.rows[i] = replace(self.rows[i], verdict=verdict, note=note)
            self.verdict[i] = 0 if verdict is None else 1 + VERDICTS.index(verdict)

    @property
    def categories(self) -> list[int]:
        """Category ids that have prototypes."""
        return [int(c) for c in np.unique(self.category)]

    @property
    def bans(self) -> list[int]:
        """Ids of those that are switched off."""
        return [int(i) for i in np.flatnonzero(self.off)]

    def shown(self, wanted: PrototypeFilter, order: str = "suspicion") -> NDArray[np.int64]:
        """Ids that pass, in order; what is not known comes last."""
        passes = np.ones(len(self), bool)
        if wanted.category:
            passes &= self.category == wanted.category
        if wanted.branch:
            passes &= self.support == (wanted.branch == "support")
        if wanted.state == "open":
            passes &= self.verdict == 0
        elif wanted.state == "judged":
            passes &= self.verdict > 0
        elif wanted.state == "off":
            passes &= self.off
        elif wanted.state:
            passes &= self.verdict == 1 + VERDICTS.index(Verdict(wanted.state))
        ids = np.flatnonzero(passes).astype(np.int64)
        return ids[self._order(ids, order)]

    def open_from(self, ids: NDArray[np.int64], current: int, step: int) -> int:
        """The nearest of `ids` without a verdict after (+1) or before (-1) `current`; -1: none."""
        todo = np.flatnonzero(self.verdict[ids] == 0)
        here = np.flatnonzero(ids == current)
        at = int(here[0]) if len(here) else (-1 if step > 0 else len(ids))
        left = todo[todo > at] if step > 0 else todo[todo < at]
        return int(ids[left[0] if step > 0 else left[-1]]) if len(left) else -1

    def _order(self, ids: NDArray[np.int64], order: str) -> NDArray[np.int64]:
        if order == "duplicates":
            group = np.where(self.duplicate[ids] >= 0, self.duplicate[ids], ids)
            alone = ~np.isin(group, self.duplicate[self.duplicate >= 0])
            return np.lexsort((ids, group, alone))
        if order == "category":
            return np.lexsort((ids, ~self.support[ids], self.category[ids]))
        column = {
            "relevance": self.relevance,
            "purity": -self.purity,
            "usage": self.usage.astype(np.float32),
        }.get(order, self.suspicion)[ids]
        return np.lexsort((ids, -column, np.isnan(column)))


def grouped(flips: Flips) -> list[tuple[tuple[int, int], NDArray[np.int64]]]:
    """Items by (before, after), the largest group first."""
    pairs, group = np.unique(flips.columns[:, 1:3], axis=0, return_inverse=True)
    order = np.argsort(group.reshape(-1), kind="stable")
    counts = np.bincount(group.reshape(-1), minlength=len(pairs))
    members = np.split(flips.columns[order, 0], np.cumsum(counts)[:-1]) if len(pairs) else []
    found = [((a, b), items) for (a, b), items in zip(pairs.tolist(), members, strict=True)]
    return sorted(found, key=lambda pair: -len(pair[1]))


def trial(bans: Sequence[int], tried: Mapping[int, bool] | set[int]) -> list[int]:
    """What is off when the prototypes tried are the other way round than stored."""
    return sorted(set(bans) ^ set(tried))
