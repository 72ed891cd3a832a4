"""What the expert decides on clusters. Every method is one operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgvc_studio.domain.clusters import GONE, NAMED, ClusterState
from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import LabelSource
from fgvc_studio.services.review_names import Numbering, qualified
from fgvc_studio.services.review_view import DiscoveryView
from fgvc_studio.store.clusters import ClusterRow
from fgvc_studio.store.columns import ascending

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]


class ReviewActs:
    """The acts of `Review`, which adds the looking.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def _view_of(self, cluster: int) -> DiscoveryView:
        raise NotImplementedError

    # ---- naming ----------------------------------------------------------------------------
    def accept(
        self,
        ids: Iterable[int] | int,
        *,
        name: str = "",
        parent_id: int | None = None,
        rank: str = "species",
        qualifier: str = "",
    ) -> OpChanges | None:
        """Make clusters categories and name their members after them.

        Parameters
        ----------
        name : str
            For all of `ids` together; each takes its own provisional name without it. The name of
            a category that is there sends the clusters to it.
        parent_id : int, optional
            None takes the proposed parent, 0 the top of the tree.
        qualifier : str
            "aff." or "cf.", put into `name`.

        Raises
        ------
        UserError
            No such cluster, an empty one, or one that was merged or split.
        """
        view, rows = self._open(ids)
        mark, clean = qualifier.strip(), " ".join(name.split())
        if parent_id:
            self._category(parent_id)

        def write() -> str:
            said = []
            for row in rows:
                self._withdraw(view, [row])
                wanted = qualified(clean or row.name, mark)
                parent = (parent_id or None) if parent_id is not None else row.parent_id
                # Inside the block, so that one name for several clusters is made once.
                category, made = self._category_named(
                    wanted, parent, rank, mark, anywhere=bool(clean) and parent_id is None
                )
                self._name(view, row, category, made)
                said.append(wanted)
            names = ", ".join(dict.fromkeys(said))
            what = _clusters(rows)
            return f"Accepted {what}" if what == names else f"Accepted {what} as {names}"

        return self._do("cluster-accept", write)

    def send_to(self, ids: Iterable[int] | int, category_id: int) -> OpChanges | None:
        """Say that clusters belong to a known category."""
        view, rows = self._open(ids)
        name = self._category(category_id)

        def write() -> str:
            self._withdraw(view, [r for r in rows if r.category_id != category_id])
            for row in rows:
                self._name(view, row, category_id, made=False)
            return f"Sent {_clusters(rows)} to {name}"

        return self._do("cluster-known", write)

    def rename(self, cluster: int, name: str) -> OpChanges | None:
        """Give a cluster, and the category made of it, another name."""
        _, (row,) = self._open([cluster], empty=True)
        clean = " ".join(name.split())
        if not clean:
            raise UserError("A cluster needs a name.", "Type a name.")
        owned = row.state == ClusterState.ACCEPTED and row.category_id
        if owned:
            parent = self._studio.catalogue.categories[int(owned)].parent_id
            twin = self._studio.labelling.child(parent, clean)
            if twin not in (None, owned):
                raise UserError(
                    f"{clean} is already there.", "Send the cluster to it, or use another name."
                )

        def write() -> str:
            if owned:
                self._studio.store.categories.rename(int(owned), clean)
            self._studio.store.clusters.change([cluster], name=clean)
            return f"Renamed {row.name} to {clean}"

        return self._do("cluster-rename", write)

    def reject(self, ids: Iterable[int] | int) -> OpChanges | None:
        """Say that clusters are no categories; their members are free again."""
        return self._set_state(ids, ClusterState.REJECTED, "Rejected")

    def undecided(self, ids: Iterable[int] | int) -> OpChanges | None:
        """Put clusters off."""
        return self._set_state(ids, ClusterState.UNDECIDED, "Put off")

    def _set_state(
        self, ids: Iterable[int] | int, state: ClusterState, word: str
    ) -> OpChanges | None:
        view, rows = self._open(ids, empty=True)

        def write() -> str:
            self._withdraw(view, rows)
            self._studio.store.clusters.change([r.id for r in rows], state=state, category_id=None)
            return f"{word} {_clusters(rows)}"

        return self._do("cluster-state", write)

    # ---- membership ------------------------------------------------------------------------
    def strike(self, cluster: int, item_ids: ArrayLike) -> OpChanges | None:
        """Take strays out of a cluster, back to the pool.

        From a named cluster they lose its label and are known not to be of its category.
        """
        view, (row,) = self._open([cluster])
        items = self._of(view, row, item_ids)

        def write() -> str:
            if row.state in NAMED and row.category_id:
                self._studio.store.labels.reject(items, row.category_id)
            self._unlabel(items, row)
            self._studio.store.clusters.take_out(view.discovery.id, items)
            return f"Struck {_items(len(items))} out of {row.name}"

        return self._do("cluster-strike", write)

    def move(self, item_ids: ArrayLike, cluster: int) -> OpChanges | None:
        """Put items into a cluster, from wherever they are."""
        view, (row,) = self._open([cluster], empty=True)
        items = ascending(np.asarray(item_ids, np.int64).ravel())
        if not len(items):
            raise UserError("No item is selected.", "Select one or more items first.")
        if items[0] < 1 or items[-1] > self._studio.catalogue.n:
            raise UserError("Some of these items do not exist.", "Choose items of this project.")
        before = view.clusters_of(items)

        def write() -> str:
            for other in np.unique(before[(before > 0) & (before != cluster)]).tolist():
                self._unlabel(items[before == other], view.rows[other])
            self._studio.store.clusters.put(view.discovery.id, items, cluster)
            if row.state in NAMED and row.category_id:
                self._label(view, items, row.category_id)
            return f"Moved {_items(len(items))} to {row.name}"

        return self._do("cluster-move", write)

    def merge(self, ids: Iterable[int]) -> OpChanges | None:
        """Join clusters; a named one survives, else the largest."""
        view, rows = self._open(ids, empty=True)
        if len(rows) < 2:
            raise UserError("Nothing to merge.", "Choose two or more clusters.")
        sizes = {r.id: int(np.count_nonzero(view.cluster == r.id)) for r in rows}
        keep = max(rows, key=lambda r: (r.state in NAMED, sizes[r.id], -r.id))
        others = [r for r in rows if r is not keep]

        def write() -> str:
            store = self._studio.store
            self._withdraw(view, others)
            items = view.items[np.isin(view.cluster, [r.id for r in others])]
            store.clusters.put(view.discovery.id, items, keep.id)
            store.clusters.change(
                [r.id for r in others], state=ClusterState.MERGED, category_id=None
            )
            store.clusters.change([keep.id], correct=None, shown=None)
            if keep.state in NAMED and keep.category_id:
                self._label(view, items, keep.category_id)
            return f"Merged {_clusters(others)} into {keep.name}"

        return self._do("cluster-merge", write)

    def split(self, cluster: int, groups: ArrayLike) -> OpChanges | None:
        """Replace a cluster by its groups, one number for each member of ``members().ordered``.

        A name that it had is taken off.
        """
        view, (row,) = self._open([cluster])
        ordered = view.members(cluster, 1).ordered
        numbers = np.asarray(groups, np.int64).ravel()
        if len(numbers) != len(ordered):
            raise UserError(
                f"{len(numbers):,} groups are given for {len(ordered):,} items.",
                "Make the preview again; the cluster has changed.",
            )
        parts = [ordered[numbers == g] for g in np.unique(numbers)]
        if len(parts) < 2:
            raise UserError("All items are in one group.", "Choose another way to split.")

        def write() -> str:
            self._withdraw(view, [row])
            self._part(view, row, sorted(parts, key=len, reverse=True))
            self._studio.store.clusters.change(
                [cluster], state=ClusterState.SPLIT, category_id=None
            )
            return f"Split {row.name} into {len(parts)} clusters"

        return self._do("cluster-split", write)

    def split_off(self, cluster: int, item_ids: ArrayLike) -> OpChanges | None:
        """Make some members a cluster of their own."""
        view, (row,) = self._open([cluster])
        items = self._of(view, row, item_ids)
        if len(items) == int(np.count_nonzero(view.cluster == cluster)):
            raise UserError("That would leave nothing behind.", "Choose a part of the cluster.")

        def write() -> str:
            self._unlabel(items, row)
            self._part(view, row, [items])
            return f"Split {_items(len(items))} off {row.name}"

        return self._do("cluster-split", write)

    def record_check(self, cluster: int, right: int, shown: int) -> OpChanges | None:
        """Note that `right` of `shown` members, drawn at random, belong together."""
        _, (row,) = self._open([cluster])
        if not 0 <= right <= shown or not shown:
            raise UserError(f"{right} right of {shown} cannot be.", "Count the items shown again.")

        def write() -> str:
            self._studio.store.clusters.change([cluster], correct=right, shown=shown)
            return f"Checked {row.name}: {right} of {shown} right"

        return self._do("cluster-check", write)

    # ---- inside an operation ---------------------------------------------------------------
    def _name(self, view: DiscoveryView, row: ClusterRow, category: int, made: bool) -> None:
        self._label(view, view.members_of(row.id), category)
        kept = self._studio.store.categories.get(category)
        self._studio.store.clusters.change(
            [row.id],
            state=ClusterState.ACCEPTED if made else ClusterState.KNOWN,
            category_id=category,
            name=kept.name,
            parent_id=kept.parent_id,
        )

    def _label(self, view: DiscoveryView, items: Ids, category: int) -> None:
        """Name items by their cluster; what was decided otherwise of one elsewhere stays."""
        here = [row.category_id for row in view.rows.values() if row.category_id]
        columns = self._studio.catalogue.columns
        other = (columns.category[items - 1] > 0) & (columns.category[items - 1] != category)
        said = columns.source[items - 1] != LabelSource.CLUSTER
        said |= ~np.isin(columns.category[items - 1], here)
        refused = np.isin(items, self._studio.store.labels.refused(category))
        free = items[~((other & said) | refused)]
        sure = view.values["confidence"][np.searchsorted(view.items, free)] if len(free) else None
        if sure is not None:
            sure = np.nan_to_num(sure, nan=1.0).astype(np.float32)
            labels = self._studio.store.labels
            labels.set(free, category, source=LabelSource.CLUSTER, confidence=sure)

    def _unlabel(self, items: Ids, row: ClusterRow) -> None:
        """Take off the labels that a cluster gave."""
        if row.category_id is None:
            return
        columns = self._studio.catalogue.columns
        given = columns.category[items - 1] == row.category_id
        given &= columns.source[items - 1] == LabelSource.CLUSTER
        if given.any():
            self._studio.store.labels.clear(items[given])

    def _withdraw(self, view: DiscoveryView, rows: Iterable[ClusterRow]) -> None:
        """Undo the naming of clusters; a category that was made of one and is empty goes."""
        store = self._studio.store
        for row in rows:
            if row.category_id is None:
                continue
            self._unlabel(view.members_of(row.id), row)
            if row.state == ClusterState.ACCEPTED:
                store.clusters.change([row.id], category_id=None)
                store.categories.remove_if_unused(row.category_id)

    def _part(self, view: DiscoveryView, row: ClusterRow, parts: list[Ids]) -> None:
        store = self._studio.store
        numbers = Numbering(self._names())
        last = max(r.number for r in view.rows.values())
        stem = row.name.rpartition(" ")[0] or row.name
        for i, items in enumerate(parts, 1):
            made = store.clusters.add(
                view.discovery.id, last + i, row.row, numbers.next(stem), row.parent_id
            )
            store.clusters.put(view.discovery.id, items, made)

    def _category_named(
        self, name: str, parent: int | None, rank: str, qualifier: str, *, anywhere: bool
    ) -> tuple[int, bool]:
        """A category of a name under a parent (or anywhere), and whether it was made now."""
        store = self._studio.store
        everything = store.categories.all()
        wanted = name.casefold()
        for c in everything:
            if c.name.casefold() == wanted and (anywhere or c.parent_id == parent):
                return c.id, False
        new = store.categories.add(
            name, parent, rank=rank, provisional=bool(qualifier) or name[-3:].isdigit()
        )
        return new, True

    # ---- helpers ---------------------------------------------------------------------------
    def _names(self) -> list[str]:
        categories = [c.name for c in self._studio.store.categories.all()]
        return [*categories, *self._studio.store.clusters.names()]

    def _open(
        self, ids: Iterable[int] | int, *, empty: bool = False
    ) -> tuple[DiscoveryView, list[ClusterRow]]:
        """Clusters of one discovery that stand for themselves."""
        wanted = [ids] if isinstance(ids, int | np.integer) else list(dict.fromkeys(ids))
        if not wanted:
            raise UserError("No cluster is chosen.", "Choose one or more clusters.")
        view = self._view_of(int(wanted[0]))
        rows = []
        for cluster in wanted:
            row = view.rows.get(int(cluster))
            if row is None:
                raise UserError(
                    f"Cluster {cluster} is of another discovery.", "Choose clusters of one."
                )
            if row.state in GONE:
                raise UserError(f"{row.name} was {row.state}.", "Choose another cluster.")
            if not empty and not (view.cluster == row.id).any():
                raise UserError(f"{row.name} is empty.", "Choose another cluster.")
            rows.append(row)
        return view, rows

    def _of(self, view: DiscoveryView, row: ClusterRow, item_ids: ArrayLike) -> Ids:
        items = ascending(np.asarray(item_ids, np.int64).ravel())
        if not len(items):
            raise UserError("No item is selected.", "Select one or more items first.")
        if (view.clusters_of(items) != row.id).any():
            raise UserError(f"Some of these items are not in {row.name}.", "Select its members.")
        return items

    def _category(self, category_id: int) -> str:
        category = self._studio.catalogue.categories.get(int(category_id))
        if category is None:
            raise UserError(
                f"There is no category {category_id}.", "Choose one from the tree or add it."
            )
        return category.name

    def _do(self, verb: str, write: Callable[[], str]) -> OpChanges | None:
        studio = self._studio
        with studio.store.operations.record(verb, "", who=studio.who) as recording:
            recording.summary = write()
        if recording.changes is not None:
            studio.bus.publish(recording.changes)
        return recording.changes


def _items(n: int) -> str:
    return "1 item" if n == 1 else f"{n:,} items"


def _clusters(rows: list[ClusterRow]) -> str:
    return rows[0].name if len(rows) == 1 else f"{len(rows)} clusters"
