"""Discoveries, their clusters and who is in them. Decisions.

What a discovery measured on its items is kept with it as one compressed block of arrays and never
changes; states, names and membership are rows, so that every act of the review is a small change.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.clusters import ClusterState, Discovery
from fgvc_studio.store.database import Database, storable
from fgvc_studio.store.images import carray
from fgvc_studio.store.recording import Current

Ids = NDArray[np.int64]
Facts = dict[str, NDArray[Any]]
_DISCOVERY = "id, source, title, space, run, at, who, items, clusters, low, estimate, high"
_CLUSTER = "id, discovery_id, number, row, name, state, category_id, parent_id, correct, shown"
_CHANGEABLE = frozenset({"number", "name", "state", "category_id", "parent_id", "correct", "shown"})


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster without what is computed from its members.

    Attributes
    ----------
    row : int
        Its row in the arrays of the discovery; parts and unions keep that of their origin.
    """

    id: int
    discovery: int
    number: int
    row: int
    name: str
    state: ClusterState
    category_id: int | None
    parent_id: int | None
    right: int | None
    shown: int | None


class Clusters:
    """Discoveries of a project; writing happens inside ``operations.record()``."""

    def __init__(self, database: Database, current: Current) -> None:
        self._db = database
        self._current = current

    # ---- reading ---------------------------------------------------------------------------
    def discoveries(self) -> list[Discovery]:
        """Every discovery, oldest first; without its curve."""
        rows = self._db.rows(f"SELECT {_DISCOVERY} FROM discoveries ORDER BY id")
        return [Discovery(*row) for row in rows]

    def facts(self, discovery: int) -> Facts:
        """The arrays that a discovery was proposed with.

        Raises
        ------
        KeyError
            No such discovery.
        """
        blob = self._db.value("SELECT facts FROM discoveries WHERE id=?", (discovery,))
        if blob is None:
            raise KeyError(discovery)
        with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def rows(self, discovery: int) -> list[ClusterRow]:
        """The clusters of a discovery by number."""
        return [
            ClusterRow(*row[:5], ClusterState(row[5]), *row[6:])  # type: ignore[call-arg]
            for row in self._db.rows(
                f"SELECT {_CLUSTER} FROM clusters WHERE discovery_id=? ORDER BY number, id",
                (discovery,),
            )
        ]

    def discovery_of(self, cluster: int) -> int | None:
        """The discovery that a cluster belongs to; None for no such cluster."""
        found = self._db.value("SELECT discovery_id FROM clusters WHERE id=?", (cluster,))
        return None if found is None else int(found)

    def names(self) -> list[str]:
        """Names that clusters of any discovery have, or were given when they were made."""
        return [r[0] for r in self._db.rows("SELECT name FROM clusters UNION SELECT given FROM "
                                            "clusters")]  # fmt: skip

    def members(self, discovery: int, item_ids: Ids | None = None) -> tuple[Ids, Ids]:
        """Items ``(n,)`` ascending and the cluster of each; `item_ids`: of these only."""
        sql = "SELECT item_id, cluster_id FROM cluster_members WHERE discovery_id=?"
        values: tuple[Any, ...] = (discovery,)
        if item_ids is not None:
            sql += " AND item_id IN (SELECT value FROM carray(?))"
            values = (discovery, carray(item_ids))
        found = self._db.numbers(f"{sql} ORDER BY item_id", values, width=2)
        return found[0].astype(np.int64), found[1].astype(np.int64)

    # ---- writing ---------------------------------------------------------------------------
    def add_discovery(
        self,
        about: Mapping[str, str | int],
        facts: Mapping[str, NDArray[Any]],
    ) -> int:
        """Keep a discovery; `about` holds the columns of the table by name. Returns its id."""
        recording = self._current.require()
        block = io.BytesIO()
        np.savez_compressed(block, **facts)  # type: ignore[arg-type]
        names = ("source", "title", "space", "run", "items", "clusters", "low", "estimate", "high")
        values = [about[n] for n in names]
        self._db.writer.execute(
            f"INSERT INTO discoveries ({', '.join(names)}, at, who, facts) "
            f"VALUES ({','.join('?' * (len(names) + 3))})",
            (
                *(storable(v) if isinstance(v, str) else v for v in values),
                recording.at, recording.who, block.getvalue(),
            ),
        )  # fmt: skip
        return int(self._db.writer.last_insert_rowid())

    def add(
        self, discovery: int, number: int, row: int, name: str, parent_id: int | None = None
    ) -> int:
        """Add a proposed cluster without members; returns its id."""
        self._current.require()
        self._db.writer.execute(
            "INSERT INTO clusters (discovery_id, number, row, given, name, state, parent_id) "
            "VALUES (?1,?2,?3,?4,?4,?5,?6)",
            (discovery, number, row, storable(name), ClusterState.PROPOSED, parent_id),
        )
        return int(self._db.writer.last_insert_rowid())

    def change(self, clusters: Iterable[int], **values: object) -> None:
        """Set columns of clusters: number, name, state, category_id, parent_id, correct, shown."""
        self._current.require()
        if not values or set(values) - _CHANGEABLE:
            raise ValueError(f"cannot change {sorted(values)}")
        plain = [storable(v) if isinstance(v, str) else v for v in values.values()]
        self._db.writer.executemany(
            f"UPDATE clusters SET {', '.join(f'{n}=?' for n in values)} WHERE id=?",
            [(*plain, c) for c in clusters],
        )

    def put(self, discovery: int, item_ids: Ids, clusters: Sequence[int] | Ids | int) -> None:
        """Put items into clusters (one for all, or one each); they leave their former ones."""
        self._current.require().touch(item_ids)
        wanted = np.broadcast_to(np.asarray(clusters, np.int64), np.shape(item_ids)).tolist()
        self._db.writer.executemany(
            "INSERT INTO cluster_members VALUES (?,?,?) ON CONFLICT (discovery_id, item_id) "
            "DO UPDATE SET cluster_id=excluded.cluster_id WHERE cluster_id<>excluded.cluster_id",
            [(discovery, i, c) for i, c in zip(item_ids.tolist(), wanted, strict=True)],
        )

    def take_out(self, discovery: int, item_ids: Ids) -> None:
        """Take items out of whatever cluster of the discovery they are in."""
        self._current.require().touch(item_ids)
        self._db.writer.execute(
            "DELETE FROM cluster_members WHERE discovery_id=? AND item_id IN "
            "(SELECT value FROM carray(?))",
            (discovery, carray(item_ids)),
        )
