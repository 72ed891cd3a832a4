"""The menu that adds a condition to the filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.widgets import filter_words as words
from fgvc_studio.services.browsing import Filter

_MOST_VALUES = 60


class FilterMenu(QMenu):
    """State, source, split, duplicates and metadata; ticked entries are in force."""

    wanted = Signal(object)
    """The new `Filter`."""

    def __init__(
        self, metadata: Callable[[], Mapping[str, Sequence[str]]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._metadata = metadata
        self._filter = Filter()
        self.aboutToShow.connect(self.build)

    def set_filter(self, shown: Filter) -> None:
        """The filter that conditions are added to."""
        self._filter = shown

    def build(self) -> None:
        """Fill the menu for the filter in force."""
        self.clear()
        f = self._filter
        for state, title in words.states().items():
            on = f.state == state
            self._add(self, title, on, replace(f, state="all" if on else state))
        self.addSeparator()
        menu = self.addMenu(icon("human"), self.tr("Source of the label"))
        for source, title in words.sources().items():
            self._add(menu, title, source in f.sources, replace(f, sources=f.sources ^ {source}))
        menu = self.addMenu(icon("tree"), self.tr("Split"))
        for split, title in words.splits().items():
            self._add(menu, title, split in f.splits, replace(f, splits=f.splits ^ {split}))
        menu = self.addMenu(icon("duplicate"), self.tr("Duplicates"))
        for key, title in words.duplicates().items():
            on = f.duplicates == key
            self._add(menu, title, on, replace(f, duplicates="all" if on else key))
        self._add_metadata()

    def _add_metadata(self) -> None:
        f, columns = self._filter, self._metadata()
        if not columns:
            return
        menu = self.addMenu(icon("info"), self.tr("Metadata"))
        for column, values in columns.items():
            sub = menu.addMenu(column.replace("&", "&&"))
            for value in values[:_MOST_VALUES]:
                pair = (column, value)
                rest = tuple(p for p in f.metadata if p[0] != column)
                on = pair in f.metadata
                left = replace(f, metadata=rest if on else (*rest, pair))
                self._add(sub, value.replace("&", "&&"), on, left)

    def _add(self, menu: QMenu, title: str, on: bool, result: Filter) -> None:
        action = menu.addAction(title)
        action.setCheckable(True)
        action.setChecked(on)
        action.triggered.connect(lambda _=False: self.wanted.emit(result))
