"""What may be wrong with a cluster: small, unsure, the same picture again, explained by a fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fgvc_studio.services.review_view import DiscoveryView
    from fgvc_studio.services.studio import Studio

Ids = NDArray[np.int64]
SMALL = 0.25
"""Part of the mean size below which a cluster is small."""
LEAST = 5
UNSURE = 0.6
"""Part of the usual confidence below which a cluster is unsure."""
ONE_VALUE = 0.9
"""Part of a cluster that shares a value."""
RARE = 0.5
"""Part of the discovery that may have the value at most."""
REPEATED = 0.2
_TABLE = 4_000_000
"""Entries of a table that are counted faster than keys are sorted."""
FACTS = ("camera", "date", "folder")


class Warner:
    """Warnings on the clusters of one discovery.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._codes: dict[str, tuple[Ids, list[str]]] = {}
        self._repeated: NDArray[np.bool_] | None = None
        self._for = -1

    def all(
        self,
        view: DiscoveryView,
        index: Ids,
        sizes: Ids,
        means: dict[str, NDArray[np.float64]],
    ) -> list[tuple[str, ...]]:
        """Warnings of each cluster; `index` gives the cluster (0 .. k-1, k none) of each item."""
        if self._for != len(view.items):
            self._codes, self._repeated, self._for = {}, None, len(view.items)
        found: list[list[str]] = [[] for _ in sizes]
        filled = sizes[sizes > 0]
        usual = float(filled.mean()) if len(filled) else 0.0
        known = means["confidence"][np.isfinite(means["confidence"])]
        middle = float(np.median(known)) if len(known) else float("nan")
        repeated = np.bincount(index, self._repeats(view.items), len(sizes) + 1)
        for i, size in enumerate(sizes.tolist()):
            if not size:
                continue
            if size < max(LEAST, SMALL * usual):
                found[i].append(f"Small: {size:,} of usually {usual:,.0f} items.")
            if means["confidence"][i] < UNSURE * middle:
                found[i].append(f"Low confidence: {means['confidence'][i]:.2f}.")
            if repeated[i] >= REPEATED * size:
                found[i].append(f"{int(repeated[i]):,} of {size:,} are near-duplicates.")
        for fact in FACTS:
            self._explained(view, fact, index, sizes, found)
        return [tuple(w) for w in found]

    def _repeats(self, items: Ids) -> NDArray[np.bool_]:
        """Whether each item's picture is, or has, a near-duplicate."""
        if self._repeated is None:
            columns = self._studio.catalogue.columns
            has = np.isin(columns.image_ids, columns.duplicate_of[columns.duplicate > 0])
            self._repeated = ((columns.duplicate > 0) | has)[items - 1]
        return self._repeated

    def _explained(
        self, view: DiscoveryView, fact: str, index: Ids, sizes: Ids, found: list[list[str]]
    ) -> None:
        """Warn where one camera, date or folder holds nearly all of a cluster and little else."""
        codes, names = self._values(view.items, fact)
        filled = codes >= 0
        if not filled.any():
            return
        counts = np.bincount(codes[filled])
        inside = filled & (index < len(sizes))
        keys, together = _counted(
            index[inside] * len(counts) + codes[inside], len(sizes) * len(counts)
        )
        cluster, code = keys // len(counts), keys % len(counts)
        share = together / sizes[cluster]
        usual = counts[code] / len(codes)
        telling = (share >= ONE_VALUE) & (usual <= RARE) & (sizes[cluster] > 1)
        for c, v, s in zip(cluster[telling], code[telling], share[telling], strict=True):
            found[c].append(
                f"Metadata explains the cluster: {s:.0%} are of one {fact} ({names[v]})."
            )

    def _values(self, items: Ids, fact: str) -> tuple[Ids, list[str]]:
        """A number for the value of each item, -1 without one, and the values."""
        if fact not in self._codes:
            numbers: dict[str, int] = {}
            codes = [
                numbers.setdefault(text, len(numbers)) if text else -1
                for text in self._texts(items, fact)
            ]
            self._codes[fact] = np.array(codes, np.int64), list(numbers)
        return self._codes[fact]

    def _texts(self, items: Ids, fact: str) -> list[str]:
        if fact == "folder":
            paths = self._studio.catalogue.columns.paths
            return [paths[i - 1].rpartition("/")[0] for i in items.tolist()]
        column = self._studio.store.metadata.column(fact)
        whole = 10 if fact == "date" else None  # the day of a time
        return [column.get(i, "")[:whole] for i in items.tolist()]


def _counted(keys: Ids, size: int) -> tuple[Ids, Ids]:
    """The keys (below `size`) that occur, ascending, and how often."""
    if size > _TABLE:
        found, counts = np.unique(keys, return_counts=True)
        return found, counts.astype(np.int64)
    counts = np.bincount(keys, minlength=size)
    found = np.flatnonzero(counts)
    return found, counts[found]
