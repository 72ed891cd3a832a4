"""Feeds the inspector and the viewer: everything about one item, read in the background."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QObject, QSize, Signal
from PySide6.QtGui import QImage

from fgvc_studio.domain.events import OpChanges
from fgvc_studio.domain.records import Box, LabelSource, Mark
from fgvc_studio.gui import theme, words
from fgvc_studio.gui.dialogs.viewer import PictureSource
from fgvc_studio.gui.models.inspector_data import HistoryLine, InspectorData, Suggestion
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.heat import heat_image
from fgvc_studio.gui.widgets.inspector import Inspector
from fgvc_studio.gui.widgets.picture_decode import Picture
from fgvc_studio.gui.widgets.picture_loader import Loader
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.browse_categories import colour_index
from fgvc_studio.services import attending
from fgvc_studio.services.attending import Attention
from fgvc_studio.services.suggested import Advice

_SLOT = "inspector"
_WORDS = "BrowseInspector"
_HISTORY = 20


class BrowseInspector(QObject):
    """Shows the current item; an answer about another one is dropped.

    `region_chosen` carries an item and the part of it that was marked.
    """

    region_chosen = Signal("qlonglong", object)

    def __init__(
        self, context: Context, thumbnails: Thumbnails, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._thumbnails = thumbnails
        self._suggestions: tuple[int, list[Suggestion], bool, str] = (0, [], False, "")
        self._neighbours: tuple[int, NDArray[np.int64], list[str]] = (0, np.empty(0, np.int64), [])
        self.pane = Inspector(thumbnails)
        self.pane.region_selected.connect(self.region_chosen)
        self.pane.attention_wanted.connect(self._ask_attention)
        context.selection.current_changed.connect(self.show_item)
        context.bridge.space_changed.connect(lambda _event: self._offer_attention())
        self._offer_attention()

    def show_item(self, item: int) -> None:
        """Show an item; 0 empties the pane."""
        if not 0 < item <= self._context.studio.catalogue.n:
            self._context.tasks.drop(_SLOT)
            self.pane.set_item(None)
            return
        self._context.tasks.submit(
            _SLOT, lambda ticket: self._read(item, ticket), self._show, self._context.show_fault
        )

    def decided(self, changes: OpChanges) -> None:
        """Show the current item anew when it changed."""
        current = self._context.selection.current
        if current and (current in changes.items or "categories" in changes.tables):
            self.show_item(current)

    def show_suggestions(self, item: int, advice: Advice) -> None:
        """Hand suggestions on."""
        name = self._context.studio.catalogue.name
        rows = [
            Suggestion(c, name(c), s.confidence, colour_index(c))
            for s in advice.suggestions
            for c in (s.category_id,)
        ]
        self._suggestions = (item, rows, advice.stranger, "" if rows else self._how_to_get_names())
        self.pane.set_suggestions(*self._suggestions)

    def _how_to_get_names(self) -> str:
        studio = self._context.studio
        if studio.embedding.default_space() is None:
            return self.tr("Names and look-alikes are proposed here once there are embeddings.")
        if not studio.catalogue.labelled:
            return self.tr("Name some photos with I; then names are proposed here.")
        return ""

    def show_neighbours(self, item: int, found: list[tuple[int, float]]) -> None:
        """Hand the nearest labelled items on."""
        catalogue = self._context.studio.catalogue
        ids = np.array([i for i, _ in found], np.int64)
        captions = [f"{catalogue.name(int(catalogue.category[i - 1]))}  {s:.2f}" for i, s in found]
        self._neighbours = (item, ids, captions)
        self.pane.set_neighbours(item, ids, captions)

    def source(self) -> PictureSource:
        """What the viewer needs."""
        return picture_source(self._context, self._thumbnails)

    def caption(self, item: int) -> str:
        """Name and number of an item."""
        return caption_of(self._context, item)

    # ---- where the model looked ------------------------------------------------------------
    def _offer_attention(self) -> None:
        studio = self._context.studio
        space = studio.embedding.default_space()
        self.pane.offer_attention(bool(space) and attending.possible(studio, str(space)))

    def _ask_attention(self, item: int) -> None:
        studio = self._context.studio
        space = studio.embedding.default_space() or ""

        def read(_ticket: Ticket) -> tuple[Attention, QImage]:
            found = attending.of_item(studio, space, item)
            return found, heat_image(found.values, dark=theme.current().dark)

        self._context.tasks.submit(
            "inspector attention",
            read,
            self._show_attention,
            self._context.show_fault,
        )

    def _show_attention(self, answer: tuple[Attention, QImage]) -> None:
        found, heat = answer
        self.pane.set_attention(found.item_id, heat, found.box)
        if found.even:
            self._context.toasts.show_message(
                self.tr("The model of {space} looked at all of this photo alike.").format(
                    space=found.space
                )
            )

    def _read(self, item: int, _ticket: Ticket) -> tuple[InspectorData, Loader]:
        studio = self._context.studio
        store, columns = studio.store, studio.catalogue.columns
        record = store.images.of_items([item])[0]
        label = store.labels.get(item)
        path = store.images.path_of(record.id)
        original = record.duplicate_of or record.id
        twins = (columns.image_ids == original) | (columns.duplicate_of == original)
        data = InspectorData(
            item_id=item,
            path=path,
            shown_path=record.path.encode("utf-8", "replace").decode(),
            width=record.width,
            height=record.height,
            box=_box(self._context, item),
            size_bytes=record.size_bytes,
            category=words.path(studio.catalogue.path_name(label.category_id)) if label else "",
            source=LabelSource(label.source) if label else None,
            confidence=label.confidence if label else 0.0,
            who=label.who if label else "",
            at=label.at if label else 0.0,
            marks=Mark(int(columns.marks[item - 1])),
            duplicates=max(0, int(np.count_nonzero(twins)) - 1),
            metadata=store.metadata.of_item(item),
            history=[
                HistoryLine(operation.at, operation.who, text)
                for operation, text in store.operations.of_item(item, _HISTORY)
            ],
        )
        return data, loader_of(path)

    def _show(self, answer: tuple[InspectorData, Loader]) -> None:
        data, loader = answer
        if data.item_id == self._context.selection.current:
            self.pane.set_item(data, loader)
            # these may have come before the pane knew the item
            self.pane.set_suggestions(*self._suggestions)
            self.pane.set_neighbours(*self._neighbours)

    def twins(self, item: int) -> NDArray[np.int64]:
        """The item and its exact and near duplicates."""
        columns = self._context.studio.catalogue.columns
        image = int(columns.image_ids[item - 1])
        original = int(columns.duplicate_of[item - 1]) or image
        hit = (columns.image_ids == original) | (columns.duplicate_of == original)
        return np.flatnonzero(hit).astype(np.int64) + 1


def pictures_of(context: Context, ids: list[int]) -> list[Picture | None]:
    """Where the pictures of items come from (called by the thumbnail lane)."""
    columns = context.studio.catalogue.columns
    boxed = [i for i in ids if 0 < i <= columns.n and columns.has_box[i - 1]]
    found = context.studio.store.images.items(boxed) if boxed else []
    boxes = {item.id: item.box for item in found}
    return [
        Picture(
            int(columns.image_ids[i - 1]),
            boxes.get(i),
            int(columns.width[i - 1]),
            int(columns.height[i - 1]),
        )
        if 0 < i <= columns.n
        else None
        for i in ids
    ]


def picture_source(context: Context, thumbnails: Thumbnails) -> PictureSource:
    """What views of single items need."""
    catalogue, images = context.studio.catalogue, context.studio.store.images

    def path(item: int) -> Path:
        return images.path_of(int(catalogue.columns.image_ids[item - 1]))

    def size(item: int) -> QSize:
        columns = catalogue.columns
        return QSize(int(columns.width[item - 1]), int(columns.height[item - 1]))

    return PictureSource(
        path,
        lambda i: _box(context, i),
        size,
        lambda i: caption_of(context, i),
        lambda i: loader_of(path(i)),
        lambda i: thumbnails.pixmap(i, 256),
    )


def caption_of(context: Context, item: int) -> str:
    """Name and number of an item."""
    catalogue = context.studio.catalogue
    category = int(catalogue.category[item - 1])
    name = catalogue.name(category) or QCoreApplication.translate(_WORDS, "Unlabelled")
    if category and int(catalogue.columns.marks[item - 1]) & Mark.UNCERTAIN:
        name = QCoreApplication.translate(_WORDS, "cf. {name}").format(name=name)
    return f"{name}   #{item}"


def _box(context: Context, item: int) -> Box | None:
    if not context.studio.catalogue.columns.has_box[item - 1]:
        return None
    return context.studio.store.images.items([item])[0].box


def loader_of(path: Path) -> Loader:
    """Re-encodes a picture that Qt cannot read; runs in the loader's thread."""

    def read() -> bytes | None:
        from fgvc_studio.vision.decode import DecodeError, open_image

        try:
            found = open_image(path)
        except DecodeError:
            return None
        target = io.BytesIO()
        found.image.save(target, "PNG", compress_level=1)
        return target.getvalue()

    return read
