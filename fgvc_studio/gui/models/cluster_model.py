"""Proposed clusters as rows: filtered, sorted, by id."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from fgvc_studio.domain.clusters import GONE, Cluster, ClusterState

_Index = QModelIndex | QPersistentModelIndex
CLUSTER = Qt.ItemDataRole.UserRole
"""The `Cluster` of a row."""


class Column(IntEnum):
    """What stands in which column."""

    NAME = 0
    SIZE = 1
    CONFIDENCE = 2
    AGREEMENT = 3
    STABILITY = 4
    PURITY = 5


SORT_KEYS: dict[str, Callable[[Cluster], float | str]] = {
    "number": lambda c: c.number,
    "name": lambda c: c.name.casefold(),
    "state": lambda c: list(ClusterState).index(c.state),
    "size": lambda c: c.size,
    "confidence": lambda c: c.confidence,
    "agreement": lambda c: c.agreement,
    "stability": lambda c: c.stability,
    "purity": lambda c: c.purity[1] if c.purity else math.nan,
    "nearest": lambda c: c.nearest[0].share if c.nearest else math.nan,
    "warnings": lambda c: len(c.warnings),
}
_DOWN, _UP = "\N{BLACK DOWN-POINTING SMALL TRIANGLE}", "\N{BLACK UP-POINTING SMALL TRIANGLE}"
COLUMN_KEYS = ("name", "size", "confidence", "agreement", "stability", "purity")


def state_word(state: ClusterState) -> str:
    """A state as the expert reads it."""
    words = {
        ClusterState.PROPOSED: QCoreApplication.translate("ClusterModel", "to review"),
        ClusterState.UNDECIDED: QCoreApplication.translate("ClusterModel", "undecided"),
        ClusterState.ACCEPTED: QCoreApplication.translate("ClusterModel", "accepted"),
        ClusterState.REJECTED: QCoreApplication.translate("ClusterModel", "rejected"),
        ClusterState.KNOWN: QCoreApplication.translate("ClusterModel", "known"),
        ClusterState.MERGED: QCoreApplication.translate("ClusterModel", "merged"),
        ClusterState.SPLIT: QCoreApplication.translate("ClusterModel", "split"),
    }
    return words[state]


def share(value: float) -> str:
    """A number from 0 to 1 as written in the field: ``.93``; a dash where it is not known."""
    if math.isnan(value):
        return "\N{EN DASH}"
    return "1.0" if value >= 0.995 else f"{value:.2f}".lstrip("0")


def abbreviated(name: str) -> str:
    """A name of two or more words with the first as an initial: ``P. machaon``."""
    first, space, rest = name.partition(" ")
    return f"{first[0]}. {rest}" if space and len(first) > 2 and rest[:1].islower() else name


class ClusterModel(QAbstractTableModel):
    """The clusters that pass the filter, in the wanted order.

    Parameters
    ----------
    category_name : callable
        Category id -> name, for the nearest known categories.
    """

    def __init__(self, category_name: Callable[[int], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.category_name = category_name
        self._all: list[Cluster] = []
        self._shown: list[Cluster] = []
        self._rows: dict[int, int] = {}
        self._text = ""
        self._states: frozenset[ClusterState] = frozenset()
        self._key, self._descending = "size", True

    # ---- what is in it ---------------------------------------------------------------------
    @property
    def clusters(self) -> Sequence[Cluster]:
        """Clusters shown, in order."""
        return self._shown

    @property
    def sort_key(self) -> tuple[str, bool]:
        """Name of the order, and whether it descends."""
        return self._key, self._descending

    def set_clusters(self, clusters: Iterable[Cluster]) -> None:
        """Show these instead."""
        self._all = [c for c in clusters if c.state not in GONE]
        self._arrange()

    def set_filter(self, text: str, states: Iterable[ClusterState] = ()) -> None:
        """Only clusters with all words in name, nearest categories or warnings, in any of these
        states (none: all).
        """
        self._text, self._states = text, frozenset(states)
        self._arrange()

    def set_order(self, key: str, *, descending: bool) -> None:
        """Sort by one of `SORT_KEYS`; unknown values come last in both directions."""
        self._key, self._descending = key, descending
        self._arrange()

    def counts(self) -> dict[ClusterState, int]:
        """Clusters of each state, whatever the filter."""
        found = dict.fromkeys(ClusterState, 0)
        for cluster in self._all:
            found[cluster.state] += 1
        return found

    def cluster(self, cluster_id: int) -> Cluster | None:
        """A cluster, shown or not."""
        return next((c for c in self._all if c.id == cluster_id), None)

    def row_of(self, cluster_id: int) -> int:
        """Row of a cluster, -1 where it is not shown."""
        return self._rows.get(cluster_id, -1)

    def next_open(self, after: int, step: int = 1) -> int:
        """The next cluster that waits for review, going round once; 0 for none.

        Parameters
        ----------
        after : int
            Cluster to start from; not shown: from the top.
        """
        n = len(self._shown)
        start = self._rows.get(after, -1 if step > 0 else 0)
        for far in range(1, n + 1):
            found = self._shown[(start + step * far) % n]
            if found.state == ClusterState.PROPOSED and found.id != after:
                return found.id
        return 0

    def _arrange(self) -> None:
        self.beginResetModel()
        words = self._text.casefold().split()
        shown = [
            c
            for c in self._all
            if (not self._states or c.state in self._states)
            and (not words or all(w in self._hay(c) for w in words))
        ]
        value = SORT_KEYS[self._key]
        shown.sort(key=lambda c: c.number)
        known = [c for c in shown if not _missing(value(c))]
        known.sort(key=value, reverse=self._descending)
        self._shown = known + [c for c in shown if _missing(value(c))]
        self._rows = {c.id: i for i, c in enumerate(self._shown)}
        self.endResetModel()

    def _hay(self, cluster: Cluster) -> str:
        near = " ".join(self.category_name(n.category_id) for n in cluster.nearest)
        return " ".join((cluster.name, near, *cluster.warnings)).casefold()

    # ---- Qt --------------------------------------------------------------------------------
    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Number of clusters shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Number of columns."""
        return 0 if parent.isValid() else len(Column)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text for readers and tests; the delegate paints from the `Cluster`."""
        cluster = self._shown[index.row()]
        if role == CLUSTER:
            return cluster
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text_of(cluster, index.column())
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.sentence(cluster)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Words over the columns; what they mean as tool tips."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        words, tips = _headings()
        if role == Qt.ItemDataRole.DisplayRole:
            if COLUMN_KEYS[section] != self._key:
                return words[section]
            return f"{words[section]} {_DOWN if self._descending else _UP}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return tips[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            left = section == Column.NAME
            side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def nearest_text(self, cluster: Cluster, most: int = 2) -> str:
        """``Papilio machaon .61, P. hospiton .22``."""
        said, before = [], ""
        for near in cluster.nearest[:most]:
            name = self.category_name(near.category_id)
            first = name.partition(" ")[0]
            said.append(f"{abbreviated(name) if first == before else name} {share(near.share)}")
            before = first
        return ", ".join(said)

    def sentence(self, cluster: Cluster) -> str:
        """Everything about a cluster in lines, for the tool tip and screen readers."""
        lines = [
            self.tr("{name}: {n} items, {state}").format(
                name=cluster.name, n=cluster.size, state=state_word(cluster.state)
            ),
            self.tr("confidence {c}, margin {m}").format(
                c=share(cluster.confidence), m=share(cluster.margin)
            ),
        ]
        if not math.isnan(cluster.agreement):
            lines.append(self.tr("agreement {v}").format(v=share(cluster.agreement)))
        if not math.isnan(cluster.stability):
            lines.append(self.tr("stability {v}").format(v=share(cluster.stability)))
        if cluster.purity:
            low, middle, high = (share(v) for v in cluster.purity)
            lines.append(
                self.tr("purity about {p} ({low} to {high})").format(p=middle, low=low, high=high)
            )
        if cluster.checked:
            right, shown = cluster.checked
            lines.append(self.tr("spot check: {k} of {n} right").format(k=right, n=shown))
        if cluster.nearest:
            lines.append(self.tr("most like {names}").format(names=self.nearest_text(cluster, 5)))
        return "\n".join([*lines, *cluster.warnings])

    def _text_of(self, cluster: Cluster, column: int) -> str:
        if column == Column.NAME:
            return cluster.name
        if column == Column.SIZE:
            return f"{cluster.size:,}"
        if column == Column.PURITY:
            return share(cluster.purity[1]) if cluster.purity else share(math.nan)
        values = {
            Column.CONFIDENCE: cluster.confidence,
            Column.AGREEMENT: cluster.agreement,
            Column.STABILITY: cluster.stability,
        }
        return share(values[Column(column)])


def _missing(value: float | str) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _headings() -> tuple[list[str], list[str]]:
    titles = [
        QCoreApplication.translate("ClusterModel", "Cluster"),
        QCoreApplication.translate("ClusterModel", "Size"),
        QCoreApplication.translate("ClusterModel", "Conf."),
        QCoreApplication.translate("ClusterModel", "Agree"),
        QCoreApplication.translate("ClusterModel", "Stable"),
        QCoreApplication.translate("ClusterModel", "Purity"),
    ]
    tips = [
        QCoreApplication.translate(
            "ClusterModel", "Name, state, and the known categories that it is most like"
        ),
        QCoreApplication.translate("ClusterModel", "Items in the cluster"),
        QCoreApplication.translate(
            "ClusterModel", "Confidence: how sure the method is of the members (0 to 1)"
        ),
        QCoreApplication.translate(
            "ClusterModel", "How many heads or repetitions put the members into this cluster"
        ),
        QCoreApplication.translate(
            "ClusterModel", "How much of the cluster comes back when the search is repeated"
        ),
        QCoreApplication.translate(
            "ClusterModel", "Share of members expected to be of one kind, with its range"
        ),
    ]
    return titles, tips
