"""The block inside which decisions are written."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from fgvc_studio.domain.events import LabelPatch, OpChanges
from fgvc_studio.store.columns import ascending


class Recording:
    """One operation in the making.

    Attributes
    ----------
    summary : str
        May be set inside the block, once counts are known.
    changes : OpChanges or None
        After the block: what was committed; None when nothing changed.
    """

    def __init__(self, summary: str, who: str, run_id: str | None, at: float) -> None:
        self.summary = summary
        self.who = who
        self.run_id = run_id
        self.at = at
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


class Current:
    """Holds the recording of the moment, so that repositories refuse to write outside one."""

    def __init__(self) -> None:
        self._recording: Recording | None = None
        self._thread = 0

    def hold(self, recording: Recording | None) -> None:
        """Let this thread write into `recording`, or (None) end that."""
        self._recording, self._thread = recording, threading.get_ident()

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
