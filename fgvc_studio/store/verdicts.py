"""What experts say of prototypes: verdicts and bans. Decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fgvc_studio.domain.prototypes import Ban, Judgement, Verdict
from fgvc_studio.store.database import Database, storable
from fgvc_studio.store.recording import Current

_PLACE = "who, at, item_id, x, y, branch, category_id, model, vector"
VERDICT_TABLES = frozenset({"verdicts", "bans"})


def _place(row: Sequence[Any]) -> tuple[Any, ...]:
    return (*row[:-1], np.frombuffer(row[-1], "<f4"))


class Verdicts:
    """Verdicts and bans of prototypes; writing happens inside ``operations.record()``.

    Each is kept with the patch it was made on, so that it can be found again in another run.
    """

    def __init__(self, database: Database, current: Current) -> None:
        self._db = database
        self._current = current

    def of_run(self, run: str) -> list[Judgement]:
        """Verdicts on the prototypes of a run."""
        return self._judgements("WHERE run=? ORDER BY prototype", (run,))

    def all(self) -> list[Judgement]:
        """Verdicts of every run, the oldest first."""
        return self._judgements("ORDER BY at, run, prototype", ())

    def bans_of_run(self, run: str) -> list[Ban]:
        """Bans of prototypes of a run."""
        return self._bans("WHERE run=? ORDER BY prototype", (run,))

    def all_bans(self) -> list[Ban]:
        """Bans of every run, the oldest first."""
        return self._bans("ORDER BY at, run, prototype", ())

    def _judgements(self, where: str, values: tuple[Any, ...]) -> list[Judgement]:
        rows = self._db.rows(
            f"SELECT run, prototype, verdict, note, {_PLACE} FROM verdicts {where}", values
        )
        return [Judgement(r[0], r[1], Verdict(r[2]), r[3], *_place(r[4:])) for r in rows]

    def _bans(self, where: str, values: tuple[Any, ...]) -> list[Ban]:
        rows = self._db.rows(f"SELECT run, prototype, reason, {_PLACE} FROM bans {where}", values)
        return [Ban(*r[:3], *_place(r[3:])) for r in rows]

    def judge(self, judgements: Iterable[Judgement]) -> None:
        """Keep verdicts; a prototype's former one goes."""
        self._current.require()
        self._db.writer.executemany(
            f"INSERT OR REPLACE INTO verdicts (run, prototype, verdict, note, {_PLACE}) "
            f"VALUES ({','.join('?' * 13)})",
            [(j.run, j.prototype, str(j.verdict), storable(j.note), *_kept(j)) for j in judgements],
        )

    def withdraw(self, run: str, prototypes: Iterable[int]) -> None:
        """Take verdicts back."""
        self._current.require()
        self._db.writer.executemany(
            "DELETE FROM verdicts WHERE run=? AND prototype=?", [(run, p) for p in prototypes]
        )

    def forbid(self, bans: Iterable[Ban]) -> None:
        """Keep bans."""
        self._current.require()
        self._db.writer.executemany(
            f"INSERT OR REPLACE INTO bans (run, prototype, reason, {_PLACE}) "
            f"VALUES ({','.join('?' * 12)})",
            [(b.run, b.prototype, storable(b.reason), *_kept(b)) for b in bans],
        )

    def restore(self, run: str, prototypes: Iterable[int]) -> None:
        """Lift bans."""
        self._current.require()
        self._db.writer.executemany(
            "DELETE FROM bans WHERE run=? AND prototype=?", [(run, p) for p in prototypes]
        )


def _kept(one: Judgement | Ban) -> tuple[Any, ...]:
    vector = np.asarray(one.vector, "<f4").tobytes()
    place = (one.item_id, one.x, one.y, one.branch, one.category_id)
    return (storable(one.who), one.at, *place, one.model, vector)
