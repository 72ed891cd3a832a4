"""Focus colouring: with many categories only those in question and their like keep a colour."""

from __future__ import annotations

from PySide6.QtCore import QObject

from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.map_canvas import MapCanvas
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.browse_controller import BrowseController
from fgvc_studio.gui.workspaces.browse_map import BrowseMap
from fgvc_studio.gui.workspaces.browse_views import BrowseViews
from fgvc_studio.services.suggesting import Advice

MANY = 30
"""Beyond so many categories colours can no longer be told apart."""
_SLOT = "browse focus"


class BrowseFocus(QObject):
    """Keeps the map's focus on the categories that are filtered for, or on those suggested.

    A focus set by hand in the legend stays until it is taken away there.
    """

    def __init__(
        self,
        context: Context,
        canvas: MapCanvas,
        maps: BrowseMap,
        views: BrowseViews,
        control: BrowseController,
    ) -> None:
        super().__init__(canvas)
        self._context, self._canvas, self._maps, self._views = context, canvas, maps, views
        self._by_hand = self._setting = False
        self._asked: frozenset[int] = frozenset()
        canvas.focus_changed.connect(self._changed)
        canvas.colour_by_changed.connect(lambda _key: self._set(frozenset()))
        views.filter_changed.connect(self._filtered)
        control.suggested.connect(self._suggested)

    @property
    def wanted(self) -> bool:
        """Whether the map is coloured by more categories than can be told apart."""
        return not self._by_hand and self._maps.key == "category" and self._canvas.code_count > MANY

    def _changed(self, focus: frozenset[int]) -> None:
        if not self._setting:
            self._by_hand = bool(focus)

    def _filtered(self) -> None:
        catalogue = self._context.studio.catalogue
        chosen = self._views.filter.categories
        self._asked = frozenset(c for one in chosen for c in catalogue.descendants(one))
        if not self._asked:
            self._set(frozenset())
            return
        asked, studio = self._asked, self._context.studio

        def find(_ticket: Ticket) -> tuple[frozenset[int], list[int]]:
            from fgvc_studio.services.confusable import confusable

            return asked, confusable(studio, asked)

        self._context.tasks.submit(_SLOT, find, self._found, lambda _error: None)

    def _found(self, answer: tuple[frozenset[int], list[int]]) -> None:
        asked, like = answer
        if asked == self._asked and self.wanted:
            self._set(asked | frozenset(like))

    def _suggested(self, item: int, advice: Advice) -> None:
        if self._asked or not self.wanted:
            return
        own = int(self._context.studio.catalogue.category[item - 1]) if item else 0
        self._set(frozenset(c for c in (own, *(s.category_id for s in advice.suggestions)) if c))

    def _set(self, categories: frozenset[int]) -> None:
        if self._by_hand or (categories and not self.wanted):
            return
        self._setting = True
        try:
            self._canvas.set_focus([c - 1 for c in sorted(categories)])
        finally:
            self._setting = False
