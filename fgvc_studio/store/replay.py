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
        With one line for each table that differs.
    """
    count = 0
    with target.transaction() as writer:
        for table in DECISIONS:
            writer.execute(f"DELETE FROM {table}")
        for changeset in log.changesets():
            apsw.Changeset.apply(changeset, writer)
            count += 1
    differences = []
    for table in DECISIONS:
        mine = source.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
        again = target.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
        if mine != again:
            unequal = len(set(mine) ^ set(again))
            differences.append(f"{table}: {unequal:,} rows differ")
    return ReplayReport(count, not differences, differences)
