"""Reads what the pane of one prototype and the tiles of the gallery show of where it looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QSize, QTimer
from PySide6.QtGui import QImage

from fgvc_studio.domain.errors import UserError
from fgvc_studio.domain.prototypes import Effects, Patch
from fgvc_studio.gui import theme
from fgvc_studio.gui.models.prototype_facts import PrototypeFacts
from fgvc_studio.gui.models.prototype_view import trial
from fgvc_studio.gui.task_pool import Ticket
from fgvc_studio.gui.widgets.heat_view import HeatView, heat_image
from fgvc_studio.gui.widgets.patch_pictures import close_up
from fgvc_studio.gui.widgets.prototype_detail import PrototypeDetail
from fgvc_studio.gui.widgets.prototype_grid import PrototypeGrid
from fgvc_studio.gui.widgets.prototype_paint import PrototypeBadges
from fgvc_studio.gui.widgets.thumbnails import Thumbnails
from fgvc_studio.gui.workspaces.base import Context
from fgvc_studio.gui.workspaces.browse_categories import colour_index
from fgvc_studio.gui.workspaces.browse_inspector import loader_of
from fgvc_studio.gui.workspaces.prototypes_state import PrototypeState

_FACTS, _LOOK, _WITHOUT = "prototype facts", "prototype look", "prototype without"
_OUTLINES = "prototype outlines"
_TOP = 10
_REST_MS = 60
_AT_ONCE = 8
_POINTS = 36
"""Corners kept of a contour in the gallery; a tile has no more room."""


@dataclass(frozen=True, eq=False)
class Look:
    """Where a prototype looks in an item."""

    run: str
    id: int
    item_id: int
    mode: str
    heat: QImage | None
    contour: NDArray[np.float64]


def put_item(view: HeatView, context: Context, thumbnails: Thumbnails, item: int) -> None:
    """Show an item in a view; nothing is read here but what is in memory."""
    columns = context.studio.catalogue.columns
    if view.item_id == item:
        return
    path = context.studio.store.images.path_of(int(columns.image_ids[item - 1]))
    view.set_item(
        item,
        path,
        thumbnail=None if columns.has_box[item - 1] else thumbnails.pixmap(item, 256),
        size=QSize(int(columns.width[item - 1]), int(columns.height[item - 1])),
        loader=loader_of(path),
    )


class DetailFeeder(QObject):
    """Follows the current prototype; answers about another one are dropped."""

    def __init__(
        self,
        context: Context,
        state: PrototypeState,
        pane: PrototypeDetail,
        thumbnails: Thumbnails,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context, self._state, self._pane = context, state, pane
        self._thumbnails = thumbnails
        self._patch: Patch | None = None
        self._shown = (-1, "")
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._read)
        state.selection.current_changed.connect(lambda _n: self.refresh())
        state.loaded.connect(self.refresh)
        state.effects_changed.connect(self.show_state)
        state.patched.connect(self.show_state)
        pane.heat_changed.connect(lambda _mode: self._look())
        pane.patch_chosen.connect(self.show_patch)
        pane.sister_chosen.connect(state.show_prototype)

    def refresh(self) -> None:
        """Show the current prototype, with what is read of it a moment later."""
        self.show_state()
        prototype = self._state.current
        if prototype is None:
            self._shown = (-1, "")
            self._pane.picture.set_item(0, None)
            self._pane.picture.show_evidence()
            return
        if (prototype.id, prototype.run) != self._shown:
            self._shown = (prototype.id, prototype.run)
            self._patch = None
            self._put(prototype.source)
        self._rest.start()

    def show_state(self) -> None:
        """Verdict, ban and trial of the current prototype, at once."""
        prototype = self._state.current
        writable = not self._context.studio.store.read_only
        tried = prototype is not None and prototype.id in self._state.tried
        self._pane.show_prototype(prototype, tried=tried, writable=writable)
        if prototype is not None and not self._rest.isActive():
            self._without()

    def show_patch(self, patch: Patch | None) -> None:
        """Show where the prototype looks in another item; None: in its source."""
        prototype = self._state.current
        if prototype is None:
            return
        self._patch = patch
        self._pane.back.setVisible(patch is not None)
        self._put(patch or prototype.source)
        self._look()

    def _put(self, patch: Patch) -> None:
        put_item(self._pane.picture, self._context, self._thumbnails, patch.item_id)
        self._pane.picture.show_evidence(patch=patch.box, note=self._note())

    def _note(self) -> str:
        if self._patch is None:
            return ""
        category = int(self._context.studio.catalogue.category[self._patch.item_id - 1])
        name = self._context.studio.catalogue.name(category) or self.tr("no label")
        return self.tr("Photo {item}: {name}").format(item=self._patch.item_id, name=name)

    def _read(self) -> None:
        prototype = self._state.current
        if prototype is None:
            return
        service, run, number = self._context.studio.prototypes, prototype.run, prototype.id
        rows = self._state.book.rows if self._state.book else ()

        def read(_ticket: Ticket) -> PrototypeFacts:
            train, rest = service.top_patches(run, number, _TOP)
            return PrototypeFacts(
                number,
                train,
                rest,
                service.histogram(run, number),
                service.weights(run, number),
                [(rows[i], cosine) for i, cosine in service.sisters(run, number)],
            )

        self._context.tasks.submit(_FACTS, read, self._facts_read, self._not_yet)
        self._look()
        self._without()

    def _facts_read(self, facts: PrototypeFacts) -> None:
        prototype = self._state.current
        if prototype is not None and prototype.id == facts.id:
            self._pane.show_facts(facts)

    def _look(self) -> None:
        prototype = self._state.current
        if prototype is None:
            return
        item = (self._patch or prototype.source).item_id
        run, number, mode = prototype.run, prototype.id, self._pane.heat
        service, dark = self._context.studio.prototypes, theme.current().dark

        def read(ticket: Ticket) -> Look | None:
            if ticket.stale:
                return None
            found = service.localise(run, number, item)
            if ticket.stale:
                return None
            heat = found.heat
            if mode == "gradient":
                heat = service.smooth_grad(run, number, item)
            image = None if mode == "none" else heat_image(heat, dark=dark)
            return Look(run, number, item, mode, image, found.contour)

        self._context.tasks.submit(_LOOK, read, self._looked, self._not_yet)

    def _looked(self, found: Look | None) -> None:
        prototype = self._state.current
        view = self._pane.picture
        if (
            found is None
            or prototype is None
            or (prototype.run, prototype.id) != (found.run, found.id)
            or view.item_id != found.item_id
            or self._pane.heat != found.mode
        ):
            return
        patch = self._patch or prototype.source
        view.show_evidence(
            heat=found.heat, contour=found.contour, patch=patch.box, note=self._note()
        )

    def _without(self) -> None:
        prototype, book = self._state.current, self._state.book
        if prototype is None or book is None:
            return
        service, run, bans, number = (
            self._context.studio.prototypes, prototype.run, book.bans, prototype.id,
        )  # fmt: skip

        def work(_ticket: Ticket) -> tuple[int, bool, Effects]:
            off = trial(bans, {number})
            return number, number in bans, service.effects(run, off, against=bans)

        self._context.tasks.submit(_WITHOUT, work, self._without_known, self._not_yet)

    def _without_known(self, answer: tuple[int, bool, Effects]) -> None:
        number, off, effects = answer
        prototype = self._state.current
        if prototype is not None and prototype.id == number:
            self._pane.show_without(effects, off)

    def _not_yet(self, error: UserError) -> None:
        """Nothing was compared with the prototypes yet, or a photo cannot be read."""
        self._pane.without.setText(f"{error.what} {error.remedy}")


class TileFeeder(QObject):
    """Says what the tiles of the gallery show; contours of tiles at rest are read by and by."""

    def __init__(
        self, context: Context, state: PrototypeState, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._context, self._state = context, state
        self._grid: PrototypeGrid | None = None
        self._outlines: dict[tuple[str, int], NDArray[np.float64] | None] = {}
        self._shares: dict[tuple[str, int, bool], NDArray[np.float64] | None] = {}
        self.close_ups = False

    def attach(self, grid: PrototypeGrid) -> None:
        """Serve this gallery."""
        self._grid = grid
        grid.set_badges(self.badges)
        grid.settled.connect(self._want_outlines)
        self._state.patched.connect(grid.refresh)
        self._state.loaded.connect(self._shares.clear)  # photos may have another size now

    def badges(self, numbers: NDArray[np.int64]) -> PrototypeBadges:
        """What tiles of prototypes ``id + 1`` say."""
        book = self._state.book
        ids = numbers - 1
        assert book is not None
        names = self._context.studio.catalogue
        area = self._frames(ids)
        return PrototypeBadges(
            [names.short_name(int(c)) for c in book.category[ids]],
            np.array([colour_index(int(c)) for c in book.category[ids]], np.int32),
            book.support[ids],
            book.suspicion[ids],
            book.verdict[ids],
            book.off[ids],
            np.array([int(i) in self._state.tried for i in ids], bool),
            [self._outline(int(i), frame) for i, frame in zip(ids, area, strict=True)],
            area[:, 2] / np.maximum(area[:, 3], 1.0),
        )

    def _frames(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """What part of its image each tile shows."""
        frames = self._state.frames[ids]
        if not self.close_ups or self._state.book is None:
            return frames
        columns = self._context.studio.catalogue.columns
        made = frames.copy()
        for i, number in enumerate(ids):
            source = self._state.book.rows[int(number)].source
            row = source.item_id - 1
            box = close_up(source.box, int(columns.width[row]), int(columns.height[row]))
            made[i] = box.x, box.y, box.width, box.height
        return made

    def _outline(self, number: int, frame: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """In shares of what the tile shows; the same array every time, painters count on it."""
        key = (self._state.run, number, self.close_ups)
        if key not in self._shares:
            self._shares[key] = self._share(number, frame)
        return self._shares[key]

    def _share(self, number: int, frame: NDArray[np.float64]) -> NDArray[np.float64] | None:
        if self._state.book is None or frame[2] <= 0 or frame[3] <= 0:
            return None
        line = self._outlines.get((self._state.run, number))
        if line is None:
            box = self._state.book.rows[number].source.box
            right, bottom = box.x + box.width, box.y + box.height
            line = np.array([(box.x, box.y), (right, box.y), (right, bottom), (box.x, bottom)])
        return np.clip((line - frame[:2]) / frame[2:], 0.0, 1.0)

    def _want_outlines(self) -> None:
        """Read contours of the tiles on show, a few at a time, the newest wish first."""
        grid, run = self._grid, self._state.run
        if grid is None or not run or not grid.isVisible():
            return
        missing = [
            int(n) - 1 for n in grid.visible_ids() if (run, int(n) - 1) not in self._outlines
        ][:_AT_ONCE]
        if not missing:
            return
        service, rows = self._context.studio.prototypes, self._state.book

        def read(ticket: Ticket) -> dict[tuple[str, int], NDArray[np.float64] | None]:
            found: dict[tuple[str, int], NDArray[np.float64] | None] = {}
            for number in missing:
                if ticket.stale or rows is None:
                    break
                try:
                    item = rows.rows[number].source.item_id
                    found[run, number] = _thinned(service.localise(run, number, item).contour)
                except UserError:  # a photo that is gone keeps the box of its patch
                    found[run, number] = None
            return found

        self._context.tasks.submit(_OUTLINES, read, self._outlines_read)

    def _outlines_read(self, found: dict[tuple[str, int], NDArray[np.float64] | None]) -> None:
        self._outlines.update(found)
        for run, number in found:
            for close in (False, True):
                self._shares.pop((run, number, close), None)
        if self._grid is not None:
            numbers = np.array([n + 1 for run, n in found if run == self._state.run], np.int64)
            self._grid.refresh_items(numbers)
            self._want_outlines()


def _thinned(contour: NDArray[np.float64]) -> NDArray[np.float64] | None:
    if not len(contour):
        return None
    return contour[:: max(1, len(contour) // _POINTS)]
