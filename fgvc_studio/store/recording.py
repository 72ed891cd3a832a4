"""The block inside which decisions are written."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import apsw
import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.events import LabelPatch, OpChanges
from fgvc_studio.store.changesets import TABLE, LabelChange
from fgvc_studio.store.columns import ascending
from fgvc_studio.store.schema import DECISIONS

_WITH_LABELS = b"L1"


class Recording:
    """One operation in the making.

    Attributes
    ----------
    summary : str
        May be set inside the block, once counts are known.
    operation_id : int
        Id that the operation will have.
    changes : OpChanges or None
        After the block: what was committed; None when nothing changed.
    """

    def __init__(
        self, summary: str, who: str, run_id: str | None, at: float, operation_id: int
    ) -> None:
        self.summary = summary
        self.who = who
        self.run_id = run_id
        self.at = at
        self.operation_id = operation_id
        self.changes: OpChanges | None = None
        self._items: list[NDArray[np.int64]] = []
        self._labels: list[LabelPatch | None] = []

    def labelled(self, patch: LabelPatch | None) -> None:
        """Note a change of labels; None when the items got different labels, or lost theirs."""
        self._labels.append(patch)

    def patch(self) -> LabelPatch | None:
        """What all label changes together come to, if that is one patch."""
        return self._labels[0] if len(self._labels) == 1 else None

    def touch(self, item_ids: NDArray[np.int64]) -> None:
        """Note items whose decisions this operation may change."""
        ids = np.asarray(item_ids, np.int64).ravel()
        if not self._items or not np.array_equal(ids, self._items[-1]):
            self._items.append(ids)

    def items(self) -> NDArray[np.int64]:
        """Touched items, sorted and unique."""
        if not self._items:
            return np.empty(0, np.int64)
        return ascending(np.concatenate(self._items))


@dataclass(frozen=True, slots=True)
class Changes:
    """What an operation changed: labels as columns where possible, and a changeset of the rest."""

    labels: LabelChange | None
    rest: bytes

    def __bool__(self) -> bool:
        return self.labels is not None or bool(self.rest)

    def changeset(self) -> bytes:
        """All of it for SQLite."""
        return self.rest + (self.labels.changeset() if self.labels is not None else b"")

    def pack(self) -> bytes:
        """As it is kept in the log; `unpack` reads it, and a plain zlib stream too."""
        rest = zlib.compress(self.rest, 1) if self.rest or self.labels is None else b""
        if self.labels is None:
            return rest
        labels = self.labels.pack()
        return _WITH_LABELS + len(labels).to_bytes(4, "little") + labels + rest

    @classmethod
    def unpack(cls, data: bytes) -> Changes:
        """What `pack` wrote."""
        if not data.startswith(_WITH_LABELS):
            return cls(None, zlib.decompress(data))
        start = len(_WITH_LABELS) + 4
        end = start + int.from_bytes(data[start - 4 : start], "little")
        rest = zlib.decompress(data[end:]) if len(data) > end else b""
        return cls(LabelChange.unpack(data[start:end]), rest)


class Watch:
    """Takes down what changes in the tables of decisions.

    Changes of labels may be handed in ready made, see `written`, as long as no other ones were
    taken down before.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._labels = apsw.Session(connection, "main")
        self._labels.attach(TABLE)
        self._others = apsw.Session(connection, "main")
        for table in DECISIONS:
            if table != TABLE:
                self._others.attach(table)
        self._ready: list[LabelChange] = []

    @contextmanager
    def written(self) -> Iterator[list[LabelChange] | None]:
        """Labels changed inside the block are not taken down, their change is put in the list.

        None instead of a list where that cannot be done: then they are taken down as ever.
        """
        if not self._labels.is_empty:
            yield None
            return
        self._labels.enabled = False
        try:
            yield self._ready
        finally:
            self._labels.enabled = True

    def changes(self) -> Changes:
        """All changes so far."""
        rest = b"" if self._others.is_empty else self._others.changeset()
        if self._labels.is_empty and len(self._ready) < 2:
            return Changes(self._ready[0] if self._ready else None, rest)
        parts = [change.changeset() for change in self._ready]
        if not self._labels.is_empty:
            parts.append(self._labels.changeset())
        group = apsw.ChangesetBuilder()  # type: ignore[no-untyped-call]  # items stand in several
        for part in parts:
            group.add(part)
        labels = group.output()
        group.close()
        return Changes(None, rest + labels)

    def close(self) -> None:
        """Look away."""
        self._labels.close()
        self._others.close()


class Current:
    """Holds the recording of the moment, so that repositories refuse to write outside one."""

    def __init__(self) -> None:
        self._recording: Recording | None = None
        self._watch: Watch | None = None
        self._thread = 0

    def hold(self, recording: Recording | None, watch: Watch | None = None) -> None:
        """Let this thread write into `recording`, or (None) end that."""
        self._recording, self._watch = recording, watch
        self._thread = threading.get_ident()

    @property
    def watch(self) -> Watch:
        """What takes down the changes of the moment; raises as `require`."""
        self.require()
        if self._watch is None:
            raise RuntimeError("a recording without a watch")
        return self._watch

    def require(self) -> Recording:
        """The recording of the moment.

        Raises
        ------
        RuntimeError
            Outside a recording of this thread: a decision would not be undoable.
        """
        if self._recording is None or self._thread != threading.get_ident():
            raise RuntimeError("decisions are written inside operations.record() only")
        return self._recording
