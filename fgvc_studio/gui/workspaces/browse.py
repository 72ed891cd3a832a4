"""Browse: categories at the left, grid and map side by side, inspector at the right."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, Qt
from PySide6.QtWidgets import QMenu, QSplitter, QVBoxLayout, QWidget

from fgvc_studio.domain.events import ItemsAdded, OpChanges
from fgvc_studio.domain.records import Mark
from fgvc_studio.gui import preferences, words
from fgvc_studio.gui.dialogs.bulk_suggestions import accept_in_bulk
from fgvc_studio.gui.dialogs.viewer import MOST, Viewer
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.command_palette import Entry
from fgvc_studio.gui.widgets.filter_bar import FilterBar
from fgvc_studio.gui.widgets.identify_box import IdentifyBox
from fgvc_studio.gui.widgets.image_grid import ImageGrid
from fgvc_studio.gui.widgets.map_canvas import MapCanvas
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces.base import Context, Workspace
from fgvc_studio.gui.workspaces.browse_badges import badges
from fgvc_studio.gui.workspaces.browse_categories import BrowseCategories, colour_index, splitter
from fgvc_studio.gui.workspaces.browse_controller import BrowseController
from fgvc_studio.gui.workspaces.browse_focus import BrowseFocus
from fgvc_studio.gui.workspaces.browse_inspector import BrowseInspector, pictures_of
from fgvc_studio.gui.workspaces.browse_map import BrowseMap
from fgvc_studio.gui.workspaces.browse_views import BrowseViews
from fgvc_studio.gui.workspaces.browse_why import BrowseWhy

_VIEWER_COMMANDS = (
    "label.accept", "label.repeat", "label.uncertain", "label.not_this", "label.reviewed",
    "label.flag", *(f"label.favourite{i}" for i in range(1, 10)), "edit.undo", "edit.redo",
)  # fmt: skip
_VALUES = 12
_SPLITTERS = ("across", "centre")
_TILE = 128


class BrowseWorkspace(Workspace):
    """Where most of the naming happens. Decisions are made by `BrowseController`."""

    command = "go.browse"
    scopes = ("items",)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        studio = context.studio
        self.thumbnails = Thumbnails(
            studio.store.thumbs.get_many,
            pictures=lambda ids: pictures_of(context, list(ids)),
            path_of=studio.store.images.path_of,
            parent=self,
        )
        self.views = BrowseViews(context, self)
        self.control = BrowseController(context, self.views, self)
        self.grid = ImageGrid(context.selection, self.thumbnails)
        self.grid.set_badges(lambda ids: badges(studio.catalogue, ids))
        self.inspector = BrowseInspector(context, self.thumbnails, self)
        self.why = BrowseWhy(context, self.inspector, self)
        tile = partial(self.thumbnails.pixmap, size=_TILE)
        self.map = MapCanvas(context.selection, tile, self.inspector.caption)
        self.maps = BrowseMap(context, self.map, self)
        self.focus = BrowseFocus(context, self.map, self.maps, self.views, self.control)
        self.categories = BrowseCategories(context, self.views, self.control, self)
        self.identify_box = IdentifyBox(
            studio.labelling.search_categories, studio.catalogue.path_name, colour_index, self
        )
        self.bar = FilterBar(studio.catalogue.name, lambda: self._metadata)
        self._metadata: dict[str, list[str]] = {}
        self._viewer: Viewer | None = None
        self._build()
        self._connect()
        self._connect_actions()
        self.views.refresh()
        self.maps.reload()
        self._read_metadata()

    # ---- workspace -------------------------------------------------------------------------
    def top_widget(self) -> QWidget | None:
        """The filter bar."""
        return self.bar

    def space_name(self) -> str:
        """The space in use."""
        return self.maps.space

    def space_menu(self) -> QMenu | None:
        """That of the map's bar."""
        return self.map.bar.offered()

    def shown_count(self) -> int | None:
        """How many items pass the filter."""
        return len(self.views.ids)

    def shown_ids(self) -> NDArray[Any] | None:
        """Ids of the items that pass the filter."""
        return self.views.ids

    def activated(self) -> None:
        """The keyboard goes to the grid; decisions made on other pages are taken in."""
        self.grid.setFocus()
        self.views.refresh()

    def close_project(self) -> None:
        """Remember the borders and end the threads."""
        store = preferences.store()
        for name in _SPLITTERS:
            store.setValue(f"browse/panes/{name}", getattr(self, name).saveState())
        preferences.remember("browse/legend", self.map.bar.legend.isChecked())
        if self._viewer:
            self._viewer.close()
        self.identify_box.hide()
        self.maps.close()
        self.inspector.pane.stop()
        self.why.stop()
        self.thumbnails.stop()

    def offer_files(self, paths: list[str]) -> bool:
        """A photo dropped on the window is searched by."""
        self.control.similar_to_file(Path(paths[0]))
        return True

    def show_items(self, ids: NDArray[Any], name: str) -> None:
        """Show these items alone."""
        self.views.show_only(np.asarray(ids, np.int64), name)

    def category_entries(self, text: str, limit: int) -> list[Entry]:
        """Categories for the command palette."""
        catalogue = self.context.studio.catalogue
        return [
            Entry(
                words.path(catalogue.path_name(m.category_id)),
                self.tr("show this category"),
                True,
                lambda c=m.category_id: self.categories.tree.filter_requested.emit(frozenset({c})),
            )
            for m in self.context.studio.labelling.search_categories(text, limit)
        ]

    # ---- commands --------------------------------------------------------------------------
    def identify(self) -> None:
        """Ask for a name for what is selected."""
        count = len(self.context.selection.acting())
        if count:
            recent = self.context.studio.labelling.search_categories("", 8)
            self.identify_box.open(
                count, over=self.grid, recent=recent, parent_name=self._parent_name()
            )

    def compare(self) -> None:
        """Show 2-4 selected items side by side."""
        chosen = self.context.selection.ids
        if len(chosen) < 2:
            self.context.toasts.show_message(
                self.tr("Select two to four photos to compare them (Ctrl+click adds one).")
            )
            return
        self._look(chosen[:MOST])

    def open_photo(self) -> None:
        """Show the current item in full."""
        if self.context.selection.current:
            self._look(np.array([self.context.selection.current], np.int64))

    def locate(self) -> None:
        """Show the current item in the map."""
        if not self.map.isVisible():
            self.show_panes(grid=True, map_=True)
        if not self.map.locate(self.context.selection.current):
            self.context.toasts.show_message(
                self.tr("This item is not on the map yet. Embed the images first.")
            )

    def go_unreviewed(self, step: int) -> None:
        """Move to the next or previous unreviewed item."""
        item = self.views.next_unreviewed(step)
        if item:
            self.context.selection.clear()
            self.context.selection.set_current(item)
            self.grid.scroll_to(item)
        else:
            self.context.toasts.show_message(self.tr("Nothing unreviewed further on."))

    def escape(self) -> None:
        """Clear the selection, then the filter."""
        if len(self.context.selection):
            self.grid.selector.none()
        elif self.views.filter.active:
            self.views.clear()

    def show_panes(self, *, grid: bool, map_: bool) -> None:
        """Grid, map or both."""
        self.grid.setVisible(grid)
        self.map.setVisible(map_)
        (self.grid if grid else self.map).setFocus()

    def _look(self, items: NDArray[np.int64]) -> None:
        actions = [self.context.actions[c] for c in _VIEWER_COMMANDS]
        self._viewer = Viewer(
            items, self.inspector.source(), self.context.selection, self.views.ids, actions,
            self.window(),
        )  # fmt: skip
        self._viewer.finished.connect(self._viewer_closed)
        self._viewer.open()

    def _viewer_closed(self) -> None:
        self._viewer = None
        self.grid.scroll_to(self.context.selection.current)

    def _parent_name(self) -> str:
        parent = self._new_parent()
        return self.context.studio.catalogue.name(parent) if parent else ""

    def _new_parent(self) -> int | None:
        chosen = self.categories.tree.selected()
        return chosen[0] if len(chosen) == 1 else None

    # ---- what is shown ---------------------------------------------------------------------
    def _show(self, ids: NDArray[np.int64], to_top: bool) -> None:
        total = self.context.studio.catalogue.n
        self.grid.set_items(ids, to_top=to_top)
        self.bar.set_count(len(ids), total)
        everything = len(ids) == total
        self.map.set_visible(None if everything else ids)
        if not total and self.context.jobs.busy:
            self.grid.set_empty_text(self.tr("The photos appear here as they are read..."))
        elif not total:
            self.grid.set_empty_text(self.tr("No images yet: add a folder (Ctrl+Shift+O)"))
        else:
            self.grid.set_empty_text(self.tr("Nothing passes the filter. Esc clears it."))

    def _filter_moved(self) -> None:
        self.bar.set_filter(self.views.filter)
        self.bar.set_order(self.views.order)

    def _read_metadata(self) -> None:
        store = self.context.studio.store.metadata

        def read(_ticket: Ticket) -> dict[str, list[str]]:
            return {
                name: [v for v, _ in Counter(store.column(name).values()).most_common(_VALUES)]
                for name in store.columns()
            }

        self.context.tasks.submit("metadata", read, self._metadata_read)

    def _metadata_read(self, found: dict[str, list[str]]) -> None:
        self._metadata = found

    def _decided(self, changes: OpChanges) -> None:
        self.categories.decided(changes)
        self.inspector.decided(changes)
        if "categories" in changes.tables:
            self.grid.refresh()
        else:
            self.grid.refresh_items(changes.items)
        if self._viewer:
            self._viewer.refresh()
        shown = self.views.filter
        moved = shown.active or self.views.order.key not in ("import", "given", "name")
        if moved and self.isVisible():  # another page in front keeps its current item
            self.views.refresh()

    def _items_added(self, _event: ItemsAdded) -> None:
        self.categories.refresh_counts()
        self.views.refresh()
        self._read_metadata()
        if not self.context.selection.current:
            self.context.selection.set_current(1)

    def _jump(self, item: int) -> None:
        self.context.selection.clear()
        self.context.selection.set_current(item)
        self.grid.scroll_to(item, centre=True)

    def _selected_on_map(self) -> None:
        """Bring what was selected on the map into sight in the grid."""
        item = self.views.first_selected()
        if item:
            self.context.selection.set_current(item)
            self.grid.scroll_to(item)

    # ---- building --------------------------------------------------------------------------
    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        across = Qt.Orientation.Horizontal
        self.centre = splitter(across, [], self.categories.tree, parent=self)
        self.across = splitter(across, [430, 430], self.grid, self.map, parent=self.centre)
        self.centre.addWidget(self.inspector.pane)
        self.centre.setSizes([216, 860, 300])
        self.centre.setStretchFactor(1, 1)
        self.categories.tree.setMinimumWidth(150)
        self.grid.setMinimumSize(220, 180)
        self.grid.set_tile_size(_TILE)
        self.map.setMinimumSize(220, 180)
        column.addWidget(self.centre, 1)
        column.addWidget(self.categories.favourites)
        self.map.bar.legend.setChecked(preferences.flag("browse/legend"))
        self.inspector.pane.findChild(QSplitter).setSizes([380, 420])
        for name in _SPLITTERS:
            saved = preferences.store().value(f"browse/panes/{name}")
            if isinstance(saved, QByteArray):
                getattr(self, name).restoreState(saved)

    def _connect(self) -> None:
        bridge = self.context.bridge
        bridge.decided.connect(self._decided)
        bridge.items_added.connect(self._items_added)
        self.views.shown.connect(self._show)
        self.views.filter_changed.connect(self._filter_moved)
        self.bar.filter_changed.connect(self.views.set_filter)
        self.bar.order_changed.connect(self.views.set_order)
        self.control.suggested.connect(self.inspector.show_suggestions)
        self.control.near.connect(self.inspector.show_neighbours)
        self.inspector.region_chosen.connect(self.control.similar_to_region)
        pane = self.inspector.pane
        pane.label_requested.connect(
            lambda item, category: self.control.label(category, np.array([item], np.int64))
        )
        pane.jump_requested.connect(self._jump)
        pane.duplicates_requested.connect(
            lambda item: self.views.show_only(
                self.inspector.twins(item), self.tr("duplicates of #{id}").format(id=item)
            )
        )
        self.grid.activated.connect(lambda _item: self.open_photo())
        self.map.item_activated.connect(self._jump)
        self.map.gestures.selected.connect(self._selected_on_map)
        self.map.gestures.escaped.connect(self.escape)
        self.categories.favourites.gather_requested.connect(self.views.gather)
        self.thumbnails.ready.connect(lambda ids: [self.map.thumbnail_ready(i) for i in ids])
        self.identify_box.chosen.connect(self.control.label)
        self.identify_box.create_requested.connect(
            lambda name: self.control.label_new(name, self._new_parent())
        )
        self.maps.wants_no_focus.connect(self.grid.setFocus)
        self.maps.space_changed.connect(self.context.status_changed)
        self.maps.space_changed.connect(
            lambda: self.control.look_at(self.context.selection.current)
        )

    def _connect_actions(self) -> None:
        actions, control, views = self.context.actions, self.control, self.views
        selection = self.context.selection
        table = {
            "label.identify": self.identify,
            "label.accept": control.accept,
            "label.suggestions": lambda: accept_in_bulk(self.context, self.thumbnails, self),
            "label.repeat": control.repeat,
            "label.remove": control.remove_label,
            "label.uncertain": lambda: control.mark(Mark.UNCERTAIN),
            "label.reviewed": lambda: control.mark(Mark.REVIEWED),
            "label.flag": lambda: control.mark(Mark.FLAGGED),
            "label.not_this": control.not_this,
            "categories.add": lambda: self.categories.add(self._new_parent() or 0),
            "select.all": self.grid.select_all,
            "select.none": self.grid.select_none,
            "select.invert": self.grid.invert_selection,
            "select.tick": self.grid.selector.tick,
            "filter.find": self.bar.focus_search,
            "view.escape": self.escape,
            "view.similar": control.similar,
            "view.compare": self.compare,
            "view.gather": views.gather,
            "view.locate": self.locate,
            "view.zoom": lambda: self.inspector.pane.image.toggle_zoom(),
            "view.open": self.open_photo,
            "view.next": lambda: self.go_unreviewed(1),
            "view.previous": lambda: self.go_unreviewed(-1),
            "view.back": views.back,
            "view.forward": views.forward,
            "view.grid": lambda: self.show_panes(grid=True, map_=False),
            "view.map": lambda: self.show_panes(grid=False, map_=True),
            "view.both": lambda: self.show_panes(grid=True, map_=True),
            "space.embed": self.maps.embed,
            "space.map": self.maps.draw,
        }
        for i in range(9):
            table[f"label.favourite{i + 1}"] = lambda i=i: control.favourite(i)
        for command, handler in table.items():
            actions.connect(command, handler)
        actions.set_condition("acting", lambda: len(selection.acting()) > 0)
        writable = not self.context.studio.store.read_only
        actions.set_condition("deciding", lambda: writable and len(selection.acting()) > 0)
        actions.set_condition("back", lambda: views.can_go_back)
        actions.set_condition("forward", lambda: views.can_go_forward)
        actions.set_condition("space", lambda: writable and bool(self.maps.space))
        for signal in (views.moved, selection.changed, selection.current_changed):
            signal.connect(actions.refresh)
        actions.attach_grid(self.grid)
