"""Rebuilding every decision from the log, to prove that the log is complete."""

from __future__ import annotations

from dataclasses import dataclass, field

import apsw

from fgvc_studio.store.database import Database
from fgvc_studio.store.operations import Operations
from fgvc_studio.store.schema import DECISIONS


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """Whether the replayed decisions equal those of the project."""

    operations: int
    equal: bool
    differences: list[str] = field(default_factory=list)


def replay(source: Database, log: Operations, target: Database) -> ReplayReport:
    """Empty the decisions of `target` (a copy), apply every changeset in order, compare.

    Returns
    -------
    ReplayReport
        With one line for each table that differs, and one when changes did not fit.
    """
    count = unfit = 0

    def on_conflict(_reason: int, _change: apsw.TableChange) -> int:
        nonlocal unfit
        unfit += 1
        return apsw.SQLITE_CHANGESET_OMIT

    with target.transaction() as writer:
        for table in DECISIONS:
            writer.execute(f"DELETE FROM {table}")
        for changeset in log.changesets():
            apsw.Changeset.apply(changeset, writer, conflict=on_conflict)
            count += 1
    differences = [f"log: {unfit:,} changes do not fit"] if unfit else []
    for table in DECISIONS:
        mine = source.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
        again = target.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
        if mine != again:
            unequal = len(set(mine) ^ set(again))
            differences.append(f"{table}: {unequal:,} rows differ")
    return ReplayReport(count, not differences, differences)
