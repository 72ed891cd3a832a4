"""Members of a cluster in strips of two rows, or all of them, in one grid with one selection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from fgvc_studio.domain.clusters import Members
from fgvc_studio.gui.selection import Selection
from fgvc_studio.gui.widgets.grid_layout import CAPTION_FROM, LARGEST, Section
from fgvc_studio.gui.widgets.image_grid import ImageGrid
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

Ids = NDArray[np.int64]
Part = tuple[str, Ids]
"""A heading and the items under it."""

ROWS = 2
_TILE = 84
_NONE: Ids = np.empty(0, np.int64)


class SectionGrid(ImageGrid):
    """An `ImageGrid` of headed parts; `columns_changed` tells that other numbers fit in a row.

    Without captions: what is shown here has no label yet.
    """

    columns_changed = Signal()

    def __init__(
        self,
        selection: Selection,
        thumbnails: Thumbnails,
        *,
        client: str,
        tile: int = _TILE,
        caption_from: int = LARGEST + 1,
    ) -> None:
        super().__init__(selection, thumbnails, client=client, caption_from=caption_from)
        self._columns = 0
        self.set_tile_size(tile)
        self.setMinimumSize(220, 160)
        self.tile_size_changed.connect(lambda _size: self._look_at_columns())

    def show_parts(self, parts: Sequence[Part], *, to_top: bool = False) -> None:
        """Show these parts; an item that comes twice stays where it came first."""
        sections, runs, seen = [], [], _NONE
        for title, ids in parts:
            fresh = np.asarray(ids, np.int64)
            fresh = fresh[~np.isin(fresh, seen)]
            if not len(fresh):
                continue
            if title:
                sections.append(Section(len(seen), title))
            runs.append(fresh)
            seen = np.concatenate([seen, fresh])
        self.set_items(seen, sections, to_top=to_top)

    @property
    def columns(self) -> int:
        """Tiles in a row at present."""
        return self.layout_.columns

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell when another number of tiles fits."""
        super().resizeEvent(event)
        self._look_at_columns()

    def _look_at_columns(self) -> None:
        if self.columns != self._columns:
            self._columns = self.columns
            self.columns_changed.emit()


class MemberGrid(SectionGrid):
    """The members of one cluster.

    Overview: two rows each of the least typical members, of those that nearly went to another
    cluster, and of the most typical ones. A cluster that fits is shown as one list.
    """

    def __init__(
        self,
        selection: Selection,
        thumbnails: Thumbnails,
        cluster_name: Callable[[int], str],
    ) -> None:
        super().__init__(selection, thumbnails, client="members", caption_from=CAPTION_FROM + 40)
        self.setAccessibleName(self.tr("Members of the cluster"))
        self._cluster_name = cluster_name
        self._members: Members | None = None
        self._everything = False
        self._arranged: Ids = _NONE
        self._fixed: list[Part] | None = None
        self.columns_changed.connect(self._arrange)

    @property
    def members(self) -> Ids:
        """All members, most typical first."""
        return self._members.ordered if self._members is not None else _NONE

    @property
    def everything(self) -> bool:
        """Whether all members are listed."""
        return self._everything

    def set_members(self, members: Members | None, *, to_top: bool = False) -> None:
        """Show another cluster; None: nothing."""
        self._members = members
        self._fixed = None
        self._arrange(to_top=to_top)

    def show_everything(self, on: bool) -> None:
        """All members instead of the overview."""
        self._everything = on
        self._arrange(to_top=True)

    def set_arranged(self, ids: Ids) -> None:
        """Another order for all members: like beside like."""
        self._arranged = ids
        if self._everything and self._fixed is None:
            self._arrange(to_top=False)

    def show_fixed(self, parts: list[Part] | None) -> None:
        """Show these parts (of a split, of a check) until None gives the members back."""
        self._fixed = parts
        self._arrange(to_top=True)

    def overview(self) -> list[Part]:
        """The parts of the overview."""
        members = self._members
        if members is None:
            return []
        room = ROWS * max(1, self.columns)
        if len(members.ordered) <= 2 * room:
            return [(self.tr("All members, the least typical first"), members.ordered[::-1])]
        extreme = members.extreme[:room]
        keep = ~np.isin(members.boundary, extreme)
        near, others = members.boundary[keep][:room], members.boundary_with[keep][:room]
        names = list(dict.fromkeys(self._cluster_name(int(c)) for c in others if c))
        said = ", ".join(names[:3]) + ("..." if len(names) > 3 else "")
        inner = members.central[~np.isin(members.central, np.concatenate([extreme, near]))]
        inner = np.concatenate([inner, members.ordered[~np.isin(members.ordered, inner)]])
        inner = inner[~np.isin(inner, np.concatenate([extreme, near]))]
        return [
            (self.tr("Least typical"), extreme),
            (self.tr("Nearly in {names}").format(names=said) if said else self.tr("On the border"),
             near),
            (self.tr("Most typical"), inner[:room]),
        ]  # fmt: skip

    def _arrange(self, *, to_top: bool = False) -> None:
        if self._fixed is not None:
            parts = self._fixed
        elif self._everything:
            ordered = self.members[::-1]
            same = len(self._arranged) == len(ordered) and np.isin(self._arranged, ordered).all()
            parts = [("", self._arranged if same else ordered)]
        else:
            parts = self.overview()
        self.show_parts(parts, to_top=to_top)


def counted(widget: QWidget, title: str, count: int) -> str:
    """``Part 1: 20 items``."""
    if count == 1:
        return widget.tr("{title}: 1 item").format(title=title)
    return widget.tr("{title}: {n} items").format(title=title, n=f"{count:,}")
