"""The right pane: the current item large, its label, suggestions, neighbours, details, history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fgvc_studio.domain.records import Box, LabelSource, Mark
from fgvc_studio.gui import words
from fgvc_studio.gui.icons import icon
from fgvc_studio.gui.models.inspector_data import InspectorData, Suggestion
from fgvc_studio.gui.widgets.image_view import ImageView, Overlay
from fgvc_studio.gui.widgets.inspector_parts import (
    ElidedLabel,
    FactsTable,
    Heading,
    NeighbourStrip,
    SuggestionList,
)
from fgvc_studio.gui.widgets.picture_loader import Loader
from fgvc_studio.gui.widgets.thumbnails import Thumbnails

_MIN_WIDTH = 300


class Inspector(QWidget):
    """Shows one item; late answers about an earlier item are dropped."""

    label_requested = Signal("qlonglong", int)
    """Item and the category of the suggestion that was clicked."""
    jump_requested = Signal("qlonglong")
    """Show this item (a neighbour was clicked)."""
    duplicates_requested = Signal("qlonglong")
    region_selected = Signal("qlonglong", object)
    attention_wanted = Signal("qlonglong")
    """Show where the model of the space looked in this item."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._data: InspectorData | None = None
        self.setMinimumWidth(_MIN_WIDTH)
        self.setAccessibleName(self.tr("Inspector"))
        self.image = ImageView()
        self.image.region_selected.connect(self.region_selected)
        self.category = ElidedLabel()
        self.category.setProperty("role", "heading")
        self.by = QLabel(wordWrap=True)
        self.by.setProperty("role", "muted")
        self.suggestions = SuggestionList()
        self.suggestions.chosen.connect(self._accept)
        self.accepts = QLabel(wordWrap=True)
        self.accepts.setProperty("role", "muted")
        self.neighbours = NeighbourStrip(thumbnails)
        self.neighbours.clicked.connect(self.jump_requested)
        self.facts = FactsTable()
        self.history = FactsTable()
        self._suggestions_heading = Heading(self.tr("Suggestions"))
        self._neighbours_heading = Heading(self.tr("Nearest labelled"))
        self._history_heading = Heading(self.tr("History"))
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self._top())
        split.addWidget(self._lower())
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 3)
        split.setChildrenCollapsible(False)
        split.setSizes([320, 480])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(split)
        self.set_item(None)

    def _top(self) -> QWidget:
        tools = QHBoxLayout()
        tools.setContentsMargins(6, 2, 6, 2)
        tools.setSpacing(2)
        self._region = _tool("box", self.tr("Search by a region: drag a box on the photo"))
        self._region.setCheckable(True)
        self._region.toggled.connect(self.image.set_region_mode)
        self.image.region_mode_changed.connect(self._region.setChecked)
        self.attention = _tool("model", self.tr("Show where the model looked"))
        self.attention.setCheckable(True)
        self.attention.toggled.connect(self._attention_toggled)
        self.attention.hide()
        fit = _tool("fit", self.tr("Fit or 100 % (Z)"))
        fit.clicked.connect(lambda: self.image.toggle_zoom())
        closer = _tool("zoom-in", self.tr("Zoom in"))
        closer.clicked.connect(lambda: self.image.zoom_by(1.25))
        farther = _tool("zoom-out", self.tr("Zoom out"))
        farther.clicked.connect(lambda: self.image.zoom_by(0.8))
        self._zoom = QLabel()
        self._zoom.setProperty("role", "muted")
        self.image.zoom_changed.connect(
            lambda scale: self._zoom.setText(self.tr("{share} %").format(share=round(scale * 100)))
        )
        for widget in (farther, closer, fit, self._region, self.attention):
            tools.addWidget(widget)
        tools.addStretch(1)
        tools.addWidget(self._zoom)
        top = QWidget()
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.image, 1)
        column.addLayout(tools)
        return top

    def _lower(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(12, 8, 12, 12)
        column.setSpacing(6)
        column.addWidget(self.category)
        column.addWidget(self.by)
        for widget in (
            self._suggestions_heading,
            self.suggestions,
            self.accepts,
            self._neighbours_heading,
            self.neighbours,
        ):
            column.addWidget(widget)
        self.extras = QVBoxLayout()
        """Where a workspace puts parts of its own."""
        column.addLayout(self.extras)
        column.addLayout(self._details())
        column.addWidget(self.facts)
        column.addWidget(self._history_heading)
        column.addWidget(self.history)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        self._body = body
        return area

    def _details(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addWidget(Heading(self.tr("Details")), 1)
        self._duplicates = _tool("duplicate", self.tr("Show duplicates"))
        self._duplicates.clicked.connect(self._ask_duplicates)
        self._copy = _tool("copy", self.tr("Copy path"))
        self._copy.clicked.connect(self._copy_path)
        self._folder = _tool("open-folder", self.tr("Open folder"))
        self._folder.clicked.connect(self._open_folder)
        for button in (self._duplicates, self._copy, self._folder):
            row.addWidget(button)
        return row

    # ---- what is shown

    @property
    def item_id(self) -> int:
        """The item shown, 0 for none."""
        return self._data.item_id if self._data is not None else 0

    def set_item(self, data: InspectorData | None, loader: Loader | None = None) -> None:
        """Show an item (None: nothing).

        The same item again updates texts but keeps the picture, its zoom, the suggestions and the
        neighbours. `loader` gives the picture in a format Qt reads when Qt cannot read the file.
        """
        same = data is not None and data.item_id == self.item_id
        self._data = data
        self._body.setVisible(data is not None)
        if data is None:
            self.image.set_item(0, None)
        elif not same:
            self.image.set_item(
                data.item_id,
                data.path,
                thumbnail=None if data.box else self._thumbnails.pixmap(data.item_id, 256),
                size=QSize(data.width, data.height) if data.width else None,
                loader=loader,
            )
            if self.attention.isChecked():
                self.attention_wanted.emit(data.item_id)
        if data is not None and data.box is not None:
            self.image.set_overlays([Overlay(data.box)])
        if not same:
            self._show_suggestions([])
            self._show_neighbours(np.empty(0, np.int64), [])
        if data is not None:
            self._show_label(data)
            self._show_details(data)

    def set_suggestions(
        self,
        item_id: int,
        suggestions: Sequence[Suggestion],
        stranger: bool = False,
        hint: str = "",
    ) -> None:
        """Show proposals, best first; ignored when another item is shown by now.

        A stranger looks like nothing that has a name: its proposals are not to be accepted by key.
        `hint` says how to get proposals where there are none.
        """
        if item_id == self.item_id:
            self._show_suggestions(suggestions, stranger, hint)

    def set_neighbours(
        self, item_id: int, neighbours: NDArray[np.int64], captions: Sequence[str]
    ) -> None:
        """Show the nearest labelled items; ignored when another item is shown by now."""
        if item_id == self.item_id:
            self._show_neighbours(neighbours, captions)

    def set_attention(self, item_id: int, heat: QImage, box: Box) -> None:
        """Lay weights over the picture; ignored when another item is shown by now."""
        if item_id == self.item_id and self.attention.isChecked():
            self.image.set_heat(heat, box)

    def offer_attention(self, on: bool) -> None:
        """Whether the model of the space in use tells where it looked."""
        self.attention.setVisible(on)
        self.attention.setChecked(on and self.attention.isChecked())

    def _attention_toggled(self, on: bool) -> None:
        if on and self.item_id:
            self.attention_wanted.emit(self.item_id)
        elif not on:
            self.image.set_heat(None)

    def stop(self) -> None:
        """End the threads of this pane."""
        self.image.stop()

    def _show_suggestions(
        self, suggestions: Sequence[Suggestion], stranger: bool = False, hint: str = ""
    ) -> None:
        self.suggestions.set_suggestions(suggestions)
        self.suggestions.setVisible(bool(suggestions))
        for widget in (self._suggestions_heading, self.accepts):
            widget.setVisible(bool(suggestions or hint))
        self.accepts.setText(hint)
        if suggestions and stranger:
            self.accepts.setText(self.tr("Looks like nothing that has a name"))
        elif suggestions:
            self.accepts.setText(self.tr("A accepts {name}").format(name=suggestions[0].name))

    def _show_neighbours(self, ids: NDArray[np.int64], captions: Sequence[str]) -> None:
        self.neighbours.set_items(ids, captions)
        self._neighbours_heading.setVisible(bool(len(ids)))
        self.neighbours.setVisible(bool(len(ids)))

    def _show_label(self, data: InspectorData) -> None:
        name = data.category or self.tr("Unlabelled")
        if data.category and data.marks & Mark.UNCERTAIN:
            name = self.tr("cf. {name}").format(name=name)
        self.category.set_text(name)
        parts = []
        if data.source is not None:
            parts.append(self._source(data))
        if data.at:
            parts.append(_when(data.at))
        if data.marks & Mark.REVIEWED:
            parts.append(self.tr("reviewed"))
        if data.marks & Mark.FLAGGED:
            parts.append(self.tr("flagged for a second opinion"))
        self.by.setText("  ·  ".join(parts))
        self.by.setVisible(bool(parts))

    def _source(self, data: InspectorData) -> str:
        share = f"{data.confidence:.2f}"
        if data.source == LabelSource.MODEL:
            return self.tr("by the model, {share}").format(share=share)
        if data.source == LabelSource.CLUSTER:
            return self.tr("by cluster, {share}").format(share=share)
        if data.source == LabelSource.IMPORT:
            return self.tr("imported")
        return self.tr("by {who}").format(who=data.who or self.tr("a human"))

    def _show_details(self, data: InspectorData) -> None:
        facts = [(self.tr("File"), data.shown_path or str(data.path or self.tr("not found")))]
        if data.width:
            facts.append((self.tr("Size"), f"{data.width:,} × {data.height:,}"))
        if data.size_bytes:
            facts.append((self.tr("File size"), words.size(data.size_bytes)))
        if data.duplicates:
            facts.append((self.tr("Duplicates"), f"{data.duplicates:,}"))
        facts += list(data.metadata.items())
        self.facts.set_rows(facts)
        self._duplicates.setEnabled(bool(data.duplicates))
        self._copy.setEnabled(data.path is not None)
        self._folder.setEnabled(data.path is not None)
        rows = [(_when(h.at), f"{h.text} ({h.who})" if h.who else h.text) for h in data.history]
        self.history.set_rows(rows)
        self._history_heading.setVisible(bool(rows))

    # ---- what is asked for

    def _accept(self, category_id: int) -> None:
        if self.item_id:
            self.label_requested.emit(self.item_id, category_id)

    def _ask_duplicates(self) -> None:
        self.duplicates_requested.emit(self.item_id)

    def _copy_path(self) -> None:
        if self._data is not None and self._data.path is not None:
            QGuiApplication.clipboard().setText(str(self._data.path))

    def _open_folder(self) -> None:
        if self._data is not None and self._data.path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._data.path.parent)))


def _tool(name: str, text: str) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(name))
    button.setToolTip(text)
    button.setAccessibleName(text)
    return button


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
