"""The category tree and the favourites of Browse: shown, filtered by, edited."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QInputDialog, QSplitter, QWidget

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.events import OpChanges
from fgvc_studio.gui.widgets.category_tree import CategoryTree
from fgvc_studio.gui.widgets.favourites_bar import FavouritesBar
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.browse_controller import BrowseController
from fgvc_studio.gui.workspaces.browse_views import BrowseViews
from fgvc_studio.services.browsing import Filter

_SMALL_TREE = 60
"""Up to so many categories the tree opens unfolded."""


def colour_index(category_id: int) -> int:
    """Number of a category's colour, the same in grid, map, tree and favourites."""
    return int(category_id) - 1


class BrowseCategories(QObject):
    """Connects tree and favourites with the services."""

    def __init__(
        self, context: Context, views: BrowseViews, control: BrowseController, host: QWidget
    ) -> None:
        super().__init__(host)
        self._context = context
        self._views = views
        self._control = control
        self._host = host
        self.tree = CategoryTree()
        self.favourites = FavouritesBar()
        self._connect()
        self.refresh_tree()
        if len(context.studio.catalogue.categories) <= _SMALL_TREE:
            self.tree.view.expandAll()
        self.refresh_favourites()

    def refresh_tree(self) -> None:
        """Read the whole tree anew."""
        catalogue = self._context.studio.catalogue
        categories = catalogue.categories
        self.tree.set_categories(
            list(categories.values()), self._counts(), {c: colour_index(c) for c in categories}
        )

    def refresh_favourites(self) -> None:
        """Show what the keys 1-9 and Ctrl+D mean now."""
        labelling, catalogue = self._context.studio.labelling, self._context.studio.catalogue
        self.favourites.set_favourites(
            [(c, catalogue.short_name(c), colour_index(c)) if c else (0, "", -1)
             for c in labelling.favourites()]
        )  # fmt: skip
        self.favourites.set_armed(catalogue.name(labelling.last_category or 0))

    def decided(self, changes: OpChanges) -> None:
        """Show what an operation changed."""
        if changes.tables & {"categories", "category_names"}:
            self.refresh_tree()
        else:
            self.tree.set_counts(self._counts())
        self.refresh_favourites()

    def refresh_counts(self) -> None:
        """Counts anew (items were added)."""
        self.tree.set_counts(self._counts())

    def add(self, parent_id: int = 0) -> None:
        """Ask for the name of a new category and make it."""
        parent = self._context.studio.catalogue.name(parent_id)
        title = (
            self.tr("New category under {parent}").format(parent=parent)
            if parent
            else self.tr("New category")
        )
        name, agreed = QInputDialog.getText(self._host, title, self.tr("Name"))
        if agreed and name.strip():
            self._try(lambda: self._context.studio.labelling.add_category(name, parent_id or None))

    def _counts(self) -> dict[int, tuple[int, int, int]]:
        counts = self._context.studio.catalogue.counts()
        return {c: (n.own, n.total, n.reviewed) for c, n in counts.items()}

    def _connect(self) -> None:
        labelling = self._context.studio.labelling
        tree, favourites, control = self.tree, self.favourites, self._control
        tree.filter_requested.connect(self._filter)
        tree.items_dropped.connect(lambda ids, category: control.label(category, ids))
        tree.label_requested.connect(control.label)
        tree.moved.connect(
            lambda c, parent: self._try(lambda: labelling.move_category(c, parent or None))
        )
        tree.rename_requested.connect(
            lambda c, name: self._try(lambda: labelling.rename_category(c, name))
        )
        tree.add_requested.connect(self.add)
        tree.merge_requested.connect(self._merge)
        tree.remove_requested.connect(lambda c: self._try(lambda: labelling.remove_category(c)))
        tree.favourite_requested.connect(self._set_favourite)
        tree.grow_requested.connect(lambda c: self._context.grow(category=c))
        favourites.label_requested.connect(control.label)
        favourites.slot_set.connect(self._set_favourite)
        favourites.items_dropped.connect(lambda ids, category: control.label(category, ids))
        selection = self._context.selection
        selection.changed.connect(self._selection_changed)
        self._views.filter_changed.connect(self._follow_filter)

    def _filter(self, categories: frozenset[int]) -> None:
        old = self._views.filter
        self._views.set_filter(
            Filter(
                text=old.text,
                categories=frozenset(categories),
                state=old.state,
                sources=old.sources,
                splits=old.splits,
                duplicates=old.duplicates,
                metadata=old.metadata,
            )
        )

    def _follow_filter(self) -> None:
        if set(self.tree.selected()) != set(self._views.filter.categories):
            self.tree.select(self._views.filter.categories)

    def _merge(self, ids: list[int]) -> None:
        catalogue = self._context.studio.catalogue
        others = {
            catalogue.path_name(c): c for c in catalogue.categories if c not in set(ids)
        } if len(ids) == 1 else {catalogue.path_name(c): c for c in ids}  # fmt: skip
        name, agreed = QInputDialog.getItem(
            self._host,
            self.tr("Merge categories"),
            self.tr("Labels go to, and the other names become synonyms of:"),
            sorted(others),
            editable=False,
        )
        if agreed and name:
            target = others[name]
            self._try(lambda: self._context.studio.labelling.merge_categories(ids, target))

    def _set_favourite(self, slot: int, category: int) -> None:
        self._context.studio.labelling.set_favourite(slot - 1, category or None)
        self.refresh_favourites()

    def _selection_changed(self) -> None:
        self.favourites.set_selected(len(self._context.selection))

    def _try(self, act: Callable[[], object]) -> None:
        """Change the tree; a refusal is said in words and the tree shows the truth again."""
        try:
            changes = act()
        except UserError as error:
            self._context.show_fault(error)
            self.refresh_tree()
            return
        if isinstance(changes, OpChanges):
            operation = changes.operation
            self._context.toasts.show_message(
                operation.summary, self.tr("Undo"), lambda: self._control.take_back(operation)
            )


def splitter(
    orientation: Qt.Orientation, sizes: list[int], *widgets: QWidget, parent: QWidget | None = None
) -> QSplitter:
    """Widgets with movable borders; none can be dragged shut.

    Every change of parent goes through all widgets below (the style sheet asks each of them anew),
    so a splitter within others is told its parent before it takes its own widgets.
    """
    made = QSplitter(orientation, parent) if parent else QSplitter(orientation)
    made.setChildrenCollapsible(False)
    for widget in widgets:
        made.addWidget(widget)
    made.setSizes(sizes)
    return made
